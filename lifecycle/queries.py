"""What people may ask about: answers come from our own rows, with the age of what was seen. No Azure here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from lifecycle import due, ledger, troubles
from lifecycle.agenda import read_agenda
from lifecycle.audit import HEAD, partition
from lifecycle.board import Note, read_board
from lifecycle.decision import Case, Decision, decide
from lifecycle.estate import Estate
from lifecycle.meters import Books
from lifecycle.model import Level, Policy, StackIntent
from lifecycle.neighbours import hub_of, hub_rows, needs_of
from lifecycle.ports import Clock, Row, Table, Tables
from lifecycle.refusals import Missing
from lifecycle.rows import StackRows, instant_of, stack_rows
from lifecycle.schedule import Schedule
from lifecycle.stacks import every_stack
from lifecycle.target import lease_until
from lifecycle.timetable import Timetable
from lifecycle.troubles import MISSING, ORPHAN, POISON, STACK, Finding, Poison, finding_of, poison_of

ALERT = "alert"
"""The kind of notice that operators get when a message failed for good."""
MOST_AILING = 100
"""So many of each kind are read for operators; more are as bad as a hundred."""


@dataclass(frozen=True, slots=True)
class Ailing:
    """Everything that somebody should look at."""

    stacks: tuple[StackRows, ...]
    """Those that may be in trouble or late: their own rows tell."""
    unreadable: tuple[str, ...]
    poison: tuple[Poison, ...]
    orphans: tuple[Finding, ...]
    missing: tuple[Finding, ...]
    all_there: bool
    """Whether that is all; else there is more of something than is read."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A stack, and what would be done with it now."""

    rows: StackRows
    decision: Decision | None


class Queries:
    """Reads rows for people."""

    def __init__(self, tables: Tables, clock: Clock, estate: Estate, policy: Policy, timetable: Timetable) -> None:
        self.tables = tables
        self.clock = clock
        self.estate = estate
        self.policy = policy
        self.timetable = timetable

    async def now(self) -> datetime:
        """Say what time it is, aware UTC."""
        return await self.clock.read()

    async def stack(self, name: str) -> StackRows:
        """Read a stack. Raises Missing."""
        rows = stack_rows(name, await self.tables.query(Table.STACKS, name))
        if rows.intent is None and not rows.boxes:
            raise Missing(f"there is no stack {name}", "stack")
        return rows

    async def box(self, stack: str, box: str) -> StackRows:
        """Read the stack of a box. Raises Missing where there is no such box."""
        rows = stack_rows(stack, await self.tables.query(Table.STACKS, stack))
        if box not in rows.boxes:
            raise Missing(f"there is no box {stack}/{box}", "name")
        return rows

    async def stacks(self) -> AsyncIterator[StackRows]:
        """Read all stacks in order of their names."""
        async for rows in every_stack(self.tables):
            yield rows

    async def board(self) -> dict[str, Note]:
        """Say in short what there is of each stack, by name."""
        return await read_board(self.tables)

    async def some(self, names: Iterable[str]) -> list[StackRows]:
        """Read these stacks, side by side; one of which nothing is there has no boxes."""
        known = tuple(names)
        found = await asyncio.gather(*(self.tables.query(Table.STACKS, name) for name in known))
        return [stack_rows(name, rows) for name, rows in zip(known, found, strict=True)]

    async def outlook(self, name: str) -> Outlook:
        """Say what would be done with a stack now, as far as was last seen. Nothing is done. Raises Missing."""
        agenda = await read_agenda(self.tables, self.timetable, name)
        if agenda is None:
            return Outlook(await self.stack(name), None)
        case = self._case(agenda.rows, agenda.hub, agenda.intent, agenda.schedules, await self.clock.read())
        return Outlook(agenda.rows, decide(case))

    async def changes(self, stacks: Iterable[StackRows]) -> dict[tuple[str, str], Level]:
        """Say what each box will be once it changes by itself, if until then nobody comes, leaves or says anything.

        Keyed by stack and box; a box that nothing would change is left out.
        """
        found = {}
        known = tuple(stacks)
        names = {name for rows in known for box in rows.boxes.values() for name in box.value.schedule_names}
        schedules = {name: reading.schedule for name, reading in (await self.timetable.of(names)).items()}
        for rows in known:
            hub = await hub_rows(self.tables, rows.intent.value) if rows.intent else None
            for name in rows.boxes:
                status = rows.status.value.boxes.get(name)
                if rows.intent is None or status is None or status.changes_at is None or rows.is_gone(name):
                    continue
                case = self._case(rows, hub, rows.intent.value, schedules, status.changes_at)
                # A lease ends only once that was announced, which it will have been by then.
                over = status.changes_at >= lease_until(rows.boxes[name].value, status)
                found[rows.name, name] = Level.GONE if over else decide(case).targets[name].level
        return found

    def _case(
        self,
        rows: StackRows,
        hub: StackRows | None,
        intent: StackIntent,
        schedules: Mapping[str, Schedule],
        now: datetime,
    ) -> Case:
        """Put a decision's facts together, taking the last sighting for what is."""
        status = rows.status.value
        read_at = now if status.sessions_at and not status.sessions_failing_since_at else status.sessions_at
        return Case(
            now,
            self.estate,
            rows.name,
            intent,
            {box: stored.value for box, stored in rows.boxes.items() if not rows.is_gone(box)},
            replace(status, sessions_at=read_at),
            {key: stored.value for key, stored in rows.operations.items()},
            schedules,
            self.policy.of(rows.name),
            hub=hub_of(rows.name, intent, hub, status, self.estate),
            needs=needs_of(rows, now)[0],
        )

    async def alerts(self, stacks: Iterable[str], since_at: datetime) -> list[Row]:
        """Read what operators were alerted of since then about these stacks, the latest first."""
        found = await asyncio.gather(
            *(self.tables.query(Table.OUTBOX, stack, first=f"{ALERT}!", before=f'{ALERT}"') for stack in stacks)
        )
        rows = [row for some in found for row in some if instant_of(str(row.values["written_at"])) >= since_at]
        return sorted(rows, key=lambda row: str(row.values["written_at"]), reverse=True)

    async def ailing(self, now: datetime) -> Ailing:
        """Read what somebody should look at. Costs in proportion to the trouble there is, not to what exists."""
        limit = MOST_AILING + 1
        late = await due.until(self.tables, now - due.LATE, limit)
        index, *others = await asyncio.gather(
            *(troubles.read(self.tables, each, limit) for each in (STACK, POISON, ORPHAN, MISSING))
        )
        names = sorted({*(row.key for row in index), *(entry.stack for entry in late)})[:limit]
        stacks, unreadable = list[StackRows](), list[str]()
        found = await asyncio.gather(*(self.tables.query(Table.STACKS, name) for name in names))
        for name, rows in zip(names, found, strict=True):
            try:
                stacks.append(stack_rows(name, rows))
            except Exception:  # noqa: BLE001 -- whatever is wrong with its rows, that is what is to be told
                unreadable.append(name)
        poison, orphans, missing = (rows[:MOST_AILING] for rows in others)
        return Ailing(
            tuple(stacks[:MOST_AILING]),
            tuple(unreadable),
            tuple(poison_of(row) for row in poison),
            tuple(finding_of(row) for row in orphans),
            tuple(finding_of(row) for row in missing),
            max(len(late), len(names), *map(len, (index, *others))) < limit,
        )

    async def books(self, stack: str | None = None) -> Books:
        """Read the books, of one stack or of all."""
        return await ledger.read(self.tables, stack)

    async def sessions(self, stack: str) -> list[Row]:
        """Read the sessions there are and were on a stack."""
        return await self.tables.query(Table.SESSIONS, stack)

    async def audit(self, stack: str, day: datetime) -> list[Row]:
        """Read the audit of a stack's day."""
        return [row for row in await self.tables.query(Table.AUDIT, partition(stack, day)) if row.key != HEAD]
