"""What people may ask about: answers come from our own rows, with the age of what was seen. No Azure here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime

from lifecycle import ledger
from lifecycle.agenda import read_agenda
from lifecycle.audit import HEAD, partition
from lifecycle.blueprint import Estate
from lifecycle.decision import Case, Decision, decide
from lifecycle.model import Policy
from lifecycle.ports import Clock, Row, Table, Tables
from lifecycle.refusals import Missing
from lifecycle.rows import StackRows, stack_rows
from lifecycle.timetable import Timetable


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
        name, rows = "", list[Row]()
        async for row in self.tables.scan(Table.STACKS):
            if row.partition != name and rows:
                yield stack_rows(name, rows)
                rows = []
            name = row.partition
            rows.append(row)
        if rows:
            yield stack_rows(name, rows)

    async def outlook(self, name: str) -> Outlook:
        """Say what would be done with a stack now, as far as was last seen. Nothing is done. Raises Missing."""
        agenda = await read_agenda(self.tables, self.timetable, name)
        if agenda is None:
            return Outlook(await self.stack(name), None)
        rows, now = agenda.rows, await self.clock.read()
        status = rows.status.value
        read_at = now if status.sessions_at and not status.sessions_failing_since_at else status.sessions_at
        case = Case(
            now,
            self.estate,
            name,
            agenda.intent,
            {box: stored.value for box, stored in rows.boxes.items() if not rows.is_gone(box)},
            replace(status, sessions_at=read_at),
            {key: stored.value for key, stored in rows.operations.items()},
            agenda.schedules,
            self.policy,
        )
        return Outlook(rows, decide(case))

    async def books(self, stack: str | None = None) -> ledger.Books:
        """Read the books, of one stack or of all."""
        return await ledger.read(self.tables, stack)

    async def sessions(self, stack: str) -> list[Row]:
        """Read the sessions there are and were on a stack."""
        return await self.tables.query(Table.SESSIONS, stack)

    async def audit(self, stack: str, day: datetime) -> list[Row]:
        """Read the audit of a stack's day."""
        return [row for row in await self.tables.query(Table.AUDIT, partition(stack, day)) if row.key != HEAD]
