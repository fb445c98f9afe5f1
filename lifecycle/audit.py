"""Who did what to what, and how it ended: an append-only chain per stack and day.

Each entry carries the hash of the one before, so that none can be changed or taken out unseen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lifecycle.faults import Conflict
from lifecycle.ports import Insert, Replace, Row, Table, Tables, Value
from lifecycle.rows import instant_text

HEAD = "head"
TRIES = 50
"""Everybody of a full stack may speak at once, and each meeting lets one through; more in a row are a bug."""

MARKS_KEPT = 100
"""The latest marks of a chain: two workers that see the same end are never further apart."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit. ``outcome`` is ``intended``, ``done``, ``failed``, ``seen by look`` or ``refused``."""

    actor: str
    action: str
    subject: str
    outcome: str
    reason: str = ""
    mark: str = ""
    """What makes it the same entry when two workers see the same end: it is written once."""


def partition(stack: str, at: datetime) -> str:
    """Name the chain that an entry of this stack and instant belongs to (days in UTC)."""
    return f"{stack}!{at:%Y-%m-%d}"


async def append(tables: Tables, stack: str, at: datetime, entries: Sequence[Entry]) -> None:
    """Add entries to the chain of a stack's day."""
    if not entries:
        return
    chain = partition(stack, at)
    for _ in range(TRIES):
        head = await tables.get(Table.AUDIT, chain, HEAD)
        rows, last = _linked(entries, at, head)
        if not rows:
            return
        change = Replace(last) if head else Insert(last)
        try:
            await tables.commit(Table.AUDIT, chain, [*(Insert(row) for row in rows), change])
        except Conflict:
            continue
        return
    raise Conflict(Table.AUDIT, chain, HEAD)


def _linked(entries: Sequence[Entry], at: datetime, head: Row | None) -> tuple[list[Row], Row]:
    number = int(head.values["number"]) if head else 0
    digest = str(head.values["digest"]) if head else ""
    marks = str(head.values["marks"]).split() if head else []
    rows = []
    for entry in entries:
        mark = hashlib.sha256(entry.mark.encode()).hexdigest()[:12] if entry.mark else ""
        if mark in marks:
            continue
        marks += [mark] if mark else []
        number += 1
        cells: dict[str, Value] = {
            "at": instant_text(at),
            "actor": entry.actor,
            "action": entry.action,
            "subject": entry.subject,
            "outcome": entry.outcome,
            "reason": entry.reason,
            "previous": digest,
        }
        digest = digest_of(cells)
        rows.append(Row(f"{number:08d}", {**cells, "digest": digest}))
    cells = {"number": number, "digest": digest, "marks": " ".join(marks[-MARKS_KEPT:])}
    return rows, Row(HEAD, cells, head.etag if head else "")


def digest_of(cells: dict[str, Value]) -> str:
    """Hash an entry with the hash of the one before it."""
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()
