"""Which stacks are due and when: the table that lets a sweep read what is due and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.faults import Conflict
from lifecycle.ports import Put, Remove, Replace, Row, Table, Tables
from lifecycle.rows import instant_of, instant_text

EARLY = timedelta(seconds=30)
"""So much too early still counts as due; it covers clocks that differ between machines."""


LATE = timedelta(minutes=7)
"""A stack that nobody looked at so long after it was due: a sweep has come and gone without effect."""
RUNG_LATELY = timedelta(seconds=30)
"""Real time for which nobody rings again: every passer-by would, and a pass takes a moment."""


@dataclass(frozen=True, slots=True)
class Due:
    """A stack is to be looked at, at this instant."""

    at: datetime
    stack: str
    rung_real_at: datetime | None = None
    etag: str = ""


def _bucket(at: datetime) -> str:
    return instant_text(at)[:13]


def _key(due: Due) -> str:
    return f"{instant_text(due.at)}!{due.stack}"


async def note(tables: Tables, due: Due) -> None:
    """Store that a stack is due; to be done before the row that this is about. A stale entry is harmless."""
    await tables.commit(Table.DUE, _bucket(due.at), [Put(Row(_key(due), {}))])


async def forget(tables: Tables, due: Due) -> None:
    """Take an entry away whose stack has been looked at since."""
    await tables.commit(Table.DUE, _bucket(due.at), [Remove(_key(due))])


async def may_ring(tables: Tables, due: Due, real_now: datetime, passed_real_at: datetime | None = None) -> bool:
    """Say whether it is ours to ring for an entry; of many who would at the same time one may.

    A ring that a pass has ended after (``passed_real_at``) was answered, and does not count any more.
    """
    rung_at = due.rung_real_at
    answered = rung_at is not None and passed_real_at is not None and passed_real_at >= rung_at
    if rung_at is not None and not answered and real_now - rung_at < RUNG_LATELY:
        return False
    row = Row(_key(due), {"rung_real_at": instant_text(real_now)}, due.etag)
    try:
        await tables.commit(Table.DUE, _bucket(due.at), [Replace(row)])
    except Conflict:
        return False
    return True


async def until(tables: Tables, at: datetime, limit: int) -> list[Due]:
    """Read the entries up to ``at``, oldest first, at most ``limit``. Costs what is due, not what exists."""
    found: list[Due] = []
    async for row in tables.scan(Table.DUE, before=_bucket(at + timedelta(hours=1))):
        due = _due_of(row)
        if due.at <= at:
            found.append(due)
        if len(found) >= limit:
            break
    return found


async def next_at(tables: Tables, after: datetime) -> datetime | None:
    """Name the earliest instant after ``after`` at which any stack is due."""
    async for row in tables.scan(Table.DUE, first=_bucket(after)):
        due = _due_of(row)
        if due.at > after:
            return due.at
    return None


def _due_of(row: Row) -> Due:
    at, _, stack = row.key.partition("!")
    rung = row.values.get("rung_real_at")
    return Due(instant_of(at), stack, instant_of(str(rung)) if rung else None, row.etag)
