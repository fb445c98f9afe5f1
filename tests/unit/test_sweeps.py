"""Timers act on nothing: they ring for what is due, at a cost in proportion to what is due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from lifecycle import due
from lifecycle.agenda import read_agenda
from lifecycle.model import BoxIntent, BoxStatus, StackStatus
from lifecycle.ports import Insert, Put, Queue, Row, Table
from lifecycle.rows import BOX as BOX_ROW
from lifecycle.rows import RANGES, instant_text, range_key, row_of, status_row
from lifecycle.sweeps import A_FEW, REMEMBERED, Sweeps
from lifecycle.timetable import Timetable
from tests.examples import BOX, DAY, HOUR, MINUTE, NOON, STACK
from tests.world.bell import MemoryBell
from tests.world.tables import MemoryTables


@dataclass
class CountingTables(MemoryTables):
    """Counts the rows it hands out."""

    handed_out: int = 0

    async def get(self, table: Table, partition: str, key: str) -> Row | None:
        row = await super().get(table, partition, key)
        self.handed_out += row is not None
        return row

    async def query(
        self, table: Table, partition: str, first: str = "", before: str | None = None, limit: int | None = None
    ) -> list[Row]:
        rows = await super().query(table, partition, first, before, limit)
        self.handed_out += len(rows)
        return rows

    async def scan(self, table: Table, first: str = "", before: str | None = None) -> AsyncIterator[Row]:
        async for row in super().scan(table, first, before):
            self.handed_out += 1
            yield row


@dataclass
class House:
    """A database, a bell and a clock, with the sweeps that go round in it."""

    now: datetime = NOON
    tables: CountingTables = field(default_factory=CountingTables)

    def __post_init__(self) -> None:
        self.bell = MemoryBell(lambda: self.now)
        self.sweeps = self.another()

    def another(self) -> Sweeps:
        return Sweeps(self.tables, self.bell, self, lambda: self.now, Timetable(self.tables, "Etc/UTC"))

    async def read(self) -> datetime:
        return self.now

    async def has_stack(
        self,
        name: str,
        at: datetime | None,
        *boxes: BoxIntent,
        note: bool = True,
        passed_at: datetime | None = None,
    ) -> None:
        """Have a stack that looks again at an instant; what people want of it is known to its last pass."""
        intents = [Put(row_of("intent", STACK)), *(Put(row_of(f"{BOX_ROW}{box.name}", box)) for box in boxes)]
        await self.tables.commit(Table.STACKS, name, intents)
        agenda = await read_agenda(self.tables, self.sweeps.timetable, name)
        assert agenda is not None
        status = StackStatus(revision=agenda.revision, look_again_at=at, passed_at=passed_at)
        await self.tables.commit(Table.STACKS, name, [Put(status_row(status))])
        if at is not None and note:
            await due.note(self.tables, due.Due(at, name))

    def rung(self, queue: Queue = Queue.RECONCILE) -> list[str]:
        return self.bell.take(queue, self.now)

    async def entries(self) -> list[due.Due]:
        return await due.until(self.tables, self.now + 99 * DAY, 10_000)


@pytest.fixture
def house() -> House:
    return House()


async def test_a_sweep_rings_for_what_is_due_and_for_nothing_else(house: House) -> None:
    await house.has_stack("past", NOON - 3 * HOUR)
    await house.has_stack("now", NOON)
    await house.has_stack("soon", NOON + timedelta(seconds=30))
    await house.has_stack("later", NOON + timedelta(seconds=31))
    assert await house.sweeps.sweep() == 3
    assert house.rung() == ["past", "now", "soon"]


async def test_a_sweep_costs_what_is_due_and_not_what_exists(house: House) -> None:
    for number in range(200):
        await house.has_stack(f"sleeping-{number}", NOON + DAY + number * HOUR)
    await house.has_stack("due", NOON, BOX)
    house.tables.handed_out = 0
    assert await house.sweeps.sweep() == 1
    assert house.tables.handed_out <= 6


async def test_a_sweep_with_nothing_due_reads_next_to_nothing(house: House) -> None:
    for number in range(100):
        await house.has_stack(f"sleeping-{number}", NOON + 2 * HOUR)
    house.tables.handed_out = 0
    assert await house.sweeps.sweep() == 0
    assert house.tables.handed_out <= 1


async def test_a_lost_message_is_rung_again_later(house: House) -> None:
    await house.has_stack("main", NOON)
    await house.sweeps.sweep()
    assert house.rung() == ["main"]
    house.now += timedelta(seconds=29)
    await house.sweeps.sweep()
    assert house.rung() == []
    house.now += MINUTE
    await house.sweeps.sweep()
    assert house.rung() == ["main"]


async def test_of_many_who_pass_by_at_once_one_rings(house: House) -> None:
    await house.has_stack("main", NOON - HOUR)
    counts = await asyncio.gather(*(house.another().pass_by() for _ in range(8)))
    assert sum(counts) == 1
    assert house.rung() == ["main"]


async def test_who_passes_by_rings_for_a_few_that_are_overdue_and_leaves_the_rest_to_the_timer(house: House) -> None:
    for number in range(9):
        await house.has_stack(f"stack-{number}", NOON - HOUR - number * MINUTE)
    await house.has_stack("fresh", NOON - MINUTE)
    assert await house.sweeps.pass_by() == A_FEW
    assert "fresh" not in house.rung()
    house.tables.handed_out = 0
    await house.sweeps.pass_by()
    assert house.tables.handed_out <= 3 * A_FEW


async def test_a_stale_entry_vanishes(house: House) -> None:
    await house.has_stack("main", NOON + DAY)
    await due.note(house.tables, due.Due(NOON - HOUR, "main"))
    await due.note(house.tables, due.Due(NOON - HOUR, "never-was"))
    assert await house.sweeps.sweep() == 0
    assert [(entry.stack, entry.at) for entry in await house.entries()] == [("main", NOON + DAY)]


async def test_an_entry_ahead_of_the_row_it_is_for_is_kept(house: House) -> None:
    await due.note(house.tables, due.Due(NOON, "new"))
    await house.has_stack("main", NOON + DAY)
    await due.note(house.tables, due.Due(NOON, "main"))
    assert await house.sweeps.sweep() == 0
    assert {entry.stack for entry in await house.entries()} == {"main", "new"}


async def test_a_ring_that_was_answered_hinders_no_other(house: House) -> None:
    await due.note(house.tables, due.Due(NOON, "main"))
    (entry,) = await house.entries()
    assert await due.may_ring(house.tables, entry, NOON)
    (rung,) = await house.entries()
    later = NOON + timedelta(seconds=1)
    assert not await due.may_ring(house.tables, rung, later, NOON - MINUTE)
    assert await due.may_ring(house.tables, rung, later, later)


async def test_of_many_entries_of_one_stack_the_latest_is_rung_and_the_rest_vanish_once_a_pass_has_answered_them(
    house: House,
) -> None:
    await house.has_stack("main", NOON)
    earlier = [NOON - minutes * MINUTE for minutes in (90, 2, 1)]
    for at in earlier:
        await due.note(house.tables, due.Due(at, "main"))
    assert await house.sweeps.sweep() == 1
    rung = {entry.at: entry.rung_real_at is not None for entry in await house.entries()}
    assert rung == {NOON: True, **dict.fromkeys(earlier, False)}
    await house.has_stack("main", NOON + DAY, passed_at=NOON)
    assert await house.sweeps.sweep() == 0
    assert [entry.at for entry in await house.entries()] == [NOON, NOON + DAY]


async def test_a_pass_finds_the_entry_that_it_relies_on_though_a_sweep_came_by_before_it_was_stored(
    house: House,
) -> None:
    claim_at, again_at = NOON, NOON - MINUTE
    await house.has_stack("main", claim_at)
    await due.note(house.tables, due.Due(again_at, "main"))
    await house.sweeps.sweep()
    await house.has_stack("main", again_at, note=False)
    await due.forget(house.tables, due.Due(claim_at, "main"))
    house.rung()
    house.now += MINUTE
    assert await house.sweeps.sweep() == 1


async def test_a_wish_that_no_pass_has_seen_is_due_whatever_the_status_says(house: House) -> None:
    await house.has_stack("main", NOON + DAY)
    await due.note(house.tables, due.Due(NOON, "main"))
    await house.tables.commit(Table.STACKS, "main", [Put(row_of(f"{BOX_ROW}one", BOX))])
    assert await house.sweeps.sweep() == 1


async def test_a_schedule_that_changed_makes_those_due_who_follow_it(house: House) -> None:
    await house.has_stack("main", NOON + DAY, replace(BOX, schedule="shift"))
    await due.note(house.tables, due.Due(NOON, "main"))
    body = '{"timeZone": "Etc/UTC", "weekly": [{"days": ["mon"], "from": "08:00", "to": "09:00"}]}'
    await house.tables.commit(Table.SCHEDULES, "schedules", [Insert(Row("shift", {"body": body}))])
    assert await house.sweeps.sweep() == 1


async def test_the_earliest_instant_at_which_anything_is_due_is_told(house: House) -> None:
    assert await due.next_at(house.tables, NOON) is None
    for hours in (-1, 0, 5, 2):
        await due.note(house.tables, due.Due(NOON + hours * HOUR, "main"))
    assert await due.next_at(house.tables, NOON) == NOON + 2 * HOUR


async def test_what_is_due_is_read_oldest_first_across_hours_and_days(house: House) -> None:
    instants = [NOON - DAY, NOON - 61 * MINUTE, NOON - MINUTE, NOON]
    for instant in reversed(instants):
        await due.note(house.tables, due.Due(instant, "main"))
    assert [entry.at for entry in await due.until(house.tables, NOON, 500)] == instants
    assert [entry.at for entry in await due.until(house.tables, NOON, 2)] == instants[:2]


async def claimed(house: House, cidr: str, stack: str, age: timedelta) -> None:
    cells = {"stack": stack, "range": cidr, "claimed_at": instant_text(house.now - age)}
    await house.tables.commit(Table.RANGES, RANGES, [Insert(Row(range_key(cidr), cells))])


async def test_the_night_frees_only_ranges_that_nobody_uses_and_that_are_no_longer_young(house: House) -> None:
    await house.has_stack("main", NOON + DAY)
    await claimed(house, STACK.address_range, "main", 9 * DAY)
    await claimed(house, "10.64.7.0/24", "main", 61 * MINUTE)
    await claimed(house, "10.64.8.0/24", "gone", 61 * MINUTE)
    await claimed(house, "10.64.9.0/24", "being-asked-for", 59 * MINUTE)
    await house.sweeps.nightly()
    kept = {row.key async for row in house.tables.scan(Table.RANGES)}
    assert kept == {"10.64.3.0_24", "10.64.9.0_24"}


async def is_over(house: House, name: str, lease_until: datetime) -> None:
    known = BoxStatus("first", phase="gone", lease_until=lease_until)
    rows = [Put(row_of(f"{BOX_ROW}one", BOX)), Put(status_row(StackStatus(boxes={"one": known}, phase="gone")))]
    await house.tables.commit(Table.STACKS, name, rows)


async def test_the_night_forgets_boxes_that_are_gone_for_seven_days(house: House) -> None:
    house.now = NOON + 30 * DAY
    await is_over(house, "long-gone", house.now - REMEMBERED)
    await is_over(house, "gone-lately", house.now - REMEMBERED + MINUTE)
    await house.sweeps.nightly()
    assert {row.partition async for row in house.tables.scan(Table.STACKS)} == {"gone-lately"}
    assert house.rung() == []


async def test_the_night_rings_every_stack_once(house: House) -> None:
    for number in range(3):
        await house.has_stack(f"stack-{number}", NOON + DAY, BOX)
    await house.sweeps.nightly()
    assert house.rung() == ["stack-0", "stack-1", "stack-2"]


async def test_the_night_delivers_what_was_left(house: House) -> None:
    for key, written_at, sent in (("lost", NOON - HOUR, False), ("sent", NOON - HOUR, True), ("new", NOON, False)):
        cells = {"written_at": instant_text(written_at)} | ({"sent_at": instant_text(NOON)} if sent else {})
        await house.tables.commit(Table.OUTBOX, "main", [Insert(Row(key, cells))])
    await house.sweeps.nightly()
    assert house.rung(Queue.NOTIFY) == ["main|lost"]
