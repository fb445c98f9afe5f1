"""The small table by which operators find trouble, so that looking for it costs what there is of it, not all there is.

Partition ``stack`` is an index: the stacks to be looked at, and nothing about them; the truth is read from their own
rows, so an entry too many does no harm. The other partitions hold what belongs to no stack's rows: messages that
failed for good, and what the orphan hunt found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from lifecycle.faults import Conflict
from lifecycle.model import Sighting, StackStatus
from lifecycle.ports import Put, Queue, Remove, Row, Table, Tables
from lifecycle.rows import from_cells, instant_text, row_of

LONGEST_SHOWN = 200
STACK = "stack"
POISON = "poison"
ORPHAN = "orphan"
MISSING = "missing"
SHOWN_FOR = timedelta(days=1)
"""How long a message that failed for good is shown: its stack is rung again all the same."""


def is_troubled(status: StackStatus) -> bool:
    """Say whether a person should look at a stack: something is blocked, not ours, or changed and not mended."""
    return (
        any(block.shown for block in status.blocks.values())
        or any(seen.sighting is Sighting.FOREIGN for seen in status.parts.values())
        or any(drift.mended_at is None for drift in status.drifts.values())
    )


async def note(tables: Tables, stack: str, now: datetime) -> None:
    """Put a stack on the index; to be done before the status that is troubled is written."""
    await tables.commit(Table.TROUBLES, STACK, [Put(Row(stack, {"noted_at": instant_text(now)}))])


async def entry(tables: Tables, stack: str) -> Row | None:
    """Read a stack's entry, to be dropped later unless somebody has noted it anew meanwhile."""
    return await tables.get(Table.TROUBLES, STACK, stack)


async def drop(tables: Tables, partition: str, row: Row) -> None:
    """Take a row away if it still is the one that was read; to be done after the status that is well is written."""
    try:
        await tables.commit(Table.TROUBLES, partition, [Remove(row.key, row.etag)])
    except Conflict:
        return


async def read(tables: Tables, partition: str, limit: int | None = None) -> list[Row]:
    """Read a partition."""
    return await tables.query(Table.TROUBLES, partition, limit=limit)


@dataclass(frozen=True, slots=True)
class Poison:
    """A message that failed for good."""

    queue: str
    said: str
    """What it said, cut short."""
    failed_at: datetime
    rung_at: datetime | None = None
    """When its stack was last rung again because of it."""


async def note_poison(tables: Tables, queue: Queue, said: str, now: datetime, pause: timedelta) -> bool:
    """Note a message that failed for good, and say whether it may be sent again: not while one sent lately may fail.

    Sweeps ring for its stack as well, and each of their messages fails likewise: without a pause they would breed.
    """
    key = f"{queue.value}!{sha256(said.encode()).hexdigest()[:16]}"
    row = await tables.get(Table.TROUBLES, POISON, key)
    rung_at = poison_of(row).rung_at if row else None
    again = rung_at is None or now - rung_at >= pause
    poison = Poison(queue.value, said[:LONGEST_SHOWN], now, now if again else rung_at)
    await tables.commit(Table.TROUBLES, POISON, [Put(row_of(key, poison))])
    return again


def poison_of(row: Row) -> Poison:
    """Read such a row."""
    return from_cells(Poison, row.values)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a hunt found: something that no row knows, or that rows know and nothing shows."""

    arm_id: str
    kind: str
    stack: str
    box: str
    first_seen_at: datetime
    state: str = "suspected"
    """``suspected`` (seen once), ``given back`` (to its stack, which takes it down), ``unproven`` or ``missing``."""
    why: str = ""
    looked_at: datetime | None = None


def finding_key(arm_id: str) -> str:
    """Name the row of a finding: an ARM id holds what no key may."""
    return sha256(arm_id.lower().encode()).hexdigest()[:32]


async def keep(tables: Tables, partition: str, finding: Finding) -> None:
    """Write a finding; only the hunt does, and two hunts at once write the same."""
    await tables.commit(Table.TROUBLES, partition, [Put(row_of(finding_key(finding.arm_id), finding))])


def finding_of(row: Row) -> Finding:
    """Read a finding."""
    return from_cells(Finding, row.values)
