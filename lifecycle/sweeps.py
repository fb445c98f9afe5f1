"""What timers do: ring the bell for whatever is due, and keep the house clean. They act on nothing themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from lifecycle import due, journal, troubles
from lifecycle.agenda import Agenda, read_agenda
from lifecycle.board import fold_board
from lifecycle.events import Event, Name
from lifecycle.faults import AzureFault, Conflict
from lifecycle.ledger import fold_copies
from lifecycle.model import StackIntent
from lifecycle.ports import Bell, Clock, Queue, Remove, Table, Tables
from lifecycle.rows import BOX, INTENT, STATUS, StackRows, from_cells, instant_of
from lifecycle.stacks import every_stack, unreadable
from lifecycle.timetable import Timetable

AT_ONCE = 500
A_FEW = 5
OVERDUE = timedelta(minutes=2)
"""What is later than this was missed by its message; whoever passes by rings for it."""
ROW_FOLLOWS_WITHIN = timedelta(hours=1)
"""An entry to which no row has come by then was left by a crash before anything was promised."""
REMEMBERED = timedelta(days=7)
"""How long people can still ask what became of a box that is gone."""
RANGE_CLAIMED_LATELY = timedelta(hours=1)


class Sweeps:
    """Rings for what is due. Costs in proportion to what is due, not to what exists."""

    def __init__(
        self, tables: Tables, bell: Bell, clock: Clock, real_now: Callable[[], datetime], timetable: Timetable
    ) -> None:
        self.tables = tables
        self.bell = bell
        self.clock = clock
        self.real_now = real_now
        self.timetable = timetable

    async def sweep(self) -> int:
        """Ring for every stack that is due; returns how many."""
        now = await self.clock.read()
        return await self._ring(now + due.EARLY, AT_ONCE, now)

    async def pass_by(self) -> int:
        """Ring for a few stacks that are overdue: timers have been seen to die while the rest went on."""
        now = await self.clock.read()
        return await self._ring(now - OVERDUE, A_FEW, now)

    async def _ring(self, until: datetime, limit: int, now: datetime) -> int:
        """Ring once for each stack that is due; forget the entries that have had their day.

        Any other entry stays, however many a stack has: a pass that is under way may be about to rely on it.
        """
        rung = 0
        entries: dict[str, list[due.Due]] = defaultdict(list)
        for entry in await due.until(self.tables, until, limit):
            entries[entry.stack].append(entry)
        for stack, found in entries.items():
            try:
                agenda = await read_agenda(self.tables, self.timetable, stack)
            except AzureFault:
                raise
            except Exception as trouble:  # noqa: BLE001 -- its own message fails as loudly; the others are rung for
                journal.write([unreadable(stack, trouble)])
                rung += await self._ring_unread(found[-1])
                continue
            latest = _entry_to_ring(found, agenda, now)
            for entry in found:
                if entry is not latest and _is_stale(entry, agenda, now):
                    await due.forget(self.tables, entry)
            if latest is None or agenda is None:
                continue
            passed_real_at = agenda.rows.status.value.passed_real_at
            if await due.may_ring(self.tables, latest, self.real_now(), passed_real_at):
                await self.bell.ring(Queue.RECONCILE, stack)
                rung += 1
                if now - latest.at > due.LATE:
                    text = f"due since {latest.at:%Y-%m-%d %H:%M} UTC; rung again"
                    journal.write([Event(Name.STACK_OVERDUE, stack, text=text)])
        return rung

    async def _ring_unread(self, entry: due.Due) -> bool:
        """Ring for a stack whose rows cannot be read: that its passes fail is what alerts operators."""
        if not await due.may_ring(self.tables, entry, self.real_now()):
            return False
        await self.bell.ring(Queue.RECONCILE, entry.stack)
        return True

    async def fold(self) -> None:
        """Fold what reconcilers wrote row by row, so that bills and the page read few rows."""
        await fold_copies(self.tables, await self.clock.read())
        await fold_board(self.tables)

    async def nightly(self) -> None:
        """Ring every stack once, forget boxes long gone, free ranges nobody uses, and deliver what was left.

        The index of troubled stacks is put right by the way, whatever crashes have left there.
        """
        now = await self.clock.read()
        stale = {row.key: row for row in await troubles.read(self.tables, troubles.STACK)}
        async for rows in every_stack(self.tables):
            await self._night_of(rows, now)
            troubled = rows.intent is not None and troubles.is_troubled(rows.status.value)
            if troubled and stale.pop(rows.name, None) is None:
                await troubles.note(self.tables, rows.name, now)
        for row in stale.values():
            await troubles.drop(self.tables, troubles.STACK, row)
        await self._forget_poison(now)
        await self._free_ranges(now)
        await self._deliver_again(now)

    async def _night_of(self, rows: StackRows, now: datetime) -> None:
        if rows.intent is not None:
            await self.bell.ring(Queue.RECONCILE, rows.name)
            return
        if any(_last_word_at(rows, name) + REMEMBERED > now for name in rows.boxes) or not rows.status.etag:
            return
        removals = [Remove(f"{BOX}{name}", box.etag) for name, box in rows.boxes.items()]
        try:
            await self.tables.commit(Table.STACKS, rows.name, [*removals, Remove(STATUS, rows.status.etag)])
        except Conflict:
            return  # somebody has asked for it again

    async def _forget_poison(self, now: datetime) -> None:
        for row in await troubles.read(self.tables, troubles.POISON):
            if troubles.poison_of(row).failed_at + troubles.SHOWN_FOR < now:
                await troubles.drop(self.tables, troubles.POISON, row)

    async def _free_ranges(self, now: datetime) -> None:
        """A claim whose stack has another range, or is gone, was left by a crash; a young one may be in use soon."""
        async for row in self.tables.scan(Table.RANGES):
            stack = str(row.values["stack"])
            intent = await self.tables.get(Table.STACKS, stack, INTENT)
            used = intent is not None and from_cells(StackIntent, intent.values).address_range == row.values["range"]
            young = instant_of(str(row.values["claimed_at"])) + RANGE_CLAIMED_LATELY > now
            if not used and not young:
                await self.tables.commit(Table.RANGES, row.partition, [Remove(row.key, row.etag)])

    async def _deliver_again(self, now: datetime) -> None:
        async for row in self.tables.scan(Table.OUTBOX):
            if "sent_at" not in row.values and instant_of(str(row.values["written_at"])) + OVERDUE < now:
                await self.bell.ring(Queue.NOTIFY, f"{row.partition}|{row.key}")


def _entry_to_ring(found: Sequence[due.Due], agenda: Agenda | None, now: datetime) -> due.Due | None:
    """Give the latest of a stack's entries to ring on, oldest first; None where the stack needs no pass."""
    if agenda is None or not agenda.due(now):
        return None
    waiting = [entry for entry in found if agenda.is_news or not _is_answered(entry, agenda)]
    return waiting[-1] if waiting else None


def _is_stale(entry: due.Due, agenda: Agenda | None, now: datetime) -> bool:
    """Whether an entry has had its day: a pass has ended since, or nothing has come of it for a while.

    Entries are noted before the row that they are about. One that is not due may be ahead of a row being written.
    """
    overtaken = agenda is None or not agenda.due(now)
    return _is_answered(entry, agenda) or (overtaken and entry.at <= now - ROW_FOLLOWS_WITHIN)


def _is_answered(entry: due.Due, agenda: Agenda | None) -> bool:
    """Whether a pass has begun after it. That a pass is to look again *at once* is an entry of its own very instant."""
    passed_at = agenda.rows.status.value.passed_at if agenda else None
    return passed_at is not None and entry.at < passed_at


def _last_word_at(rows: StackRows, box: str) -> datetime:
    """When a box was last heard of."""
    intent, known = rows.boxes[box].value, rows.status.value.boxes.get(box)
    instants = (intent.requested_at, intent.retired_at, known and known.lease_until, known and known.last_active_at)
    return max(instant for instant in instants if instant)
