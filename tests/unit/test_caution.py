"""The bound on deletions holds whoever counts, and counts nothing twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from lifecycle.caution import Standing, Tally
from tests.world.tables import MemoryTables

NOON = datetime(2026, 11, 23, 12, 10, tzinfo=UTC)


async def test_as_many_are_granted_as_there_is_room_for() -> None:
    tally = Tally(MemoryTables(), 2)
    assert await tally.grant(NOON, ["a|bastion", "b|bastion", "c|bastion"]) == {"a|bastion", "b|bastion"}
    assert await tally.grant(NOON, ["c|bastion"]) == frozenset()
    assert await tally.standing(NOON) == Standing(2, 2, None, "")


async def test_what_is_tried_again_counts_once() -> None:
    tally = Tally(MemoryTables(), 1)
    for _ in range(3):
        assert await tally.grant(NOON, ["a|bastion"]) == {"a|bastion"}
    assert (await tally.standing(NOON)).counted == 1


async def test_the_next_hour_begins_anew() -> None:
    tally = Tally(MemoryTables(), 1)
    await tally.grant(NOON, ["a|bastion"])
    assert await tally.grant(NOON + timedelta(hours=1), ["b|bastion"]) == {"b|bastion"}


async def test_many_workers_together_stay_within_the_bound() -> None:
    tables = MemoryTables()
    tallies = [Tally(tables, 5) for _ in range(12)]
    granted = await asyncio.gather(*(tally.grant(NOON, [f"{n}|vm!x"]) for n, tally in enumerate(tallies)))
    assert sum(len(names) for names in granted) == 5


async def test_a_lifted_bound_lets_all_through_and_counts_them_until_it_is_put_back() -> None:
    tally = Tally(MemoryTables(), 1)
    await tally.lift(NOON + timedelta(minutes=30), "olga")
    assert len(await tally.grant(NOON, ["a", "b", "c"])) == 3
    assert await tally.standing(NOON) == Standing(3, 1, NOON + timedelta(minutes=30), "olga")
    assert await tally.grant(NOON + timedelta(minutes=31), ["d"]) == frozenset()
    await tally.lift(NOON, "olga")
    assert (await tally.standing(NOON)).lifted_until is None


async def test_nothing_wanted_reads_nothing() -> None:
    tables = MemoryTables()
    assert await Tally(tables, 1).grant(NOON, []) == frozenset()
