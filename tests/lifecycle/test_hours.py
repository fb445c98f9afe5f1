"""Leases and schedules over days: boxes that are there at the time, and not when nobody works."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from lifecycle.lead import DEFAULT_LEAD
from lifecycle.ports import Put, Row, Table
from lifecycle.schedule import from_wire
from lifecycle.timetable import PARTITION, cells_of
from sandbox.arm.switches import Switches
from tests.world.harness import ALICE, World

PLAIN: dict[str, Any] = {
    "timeZone": "Etc/UTC",
    "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:30"}],
}


async def write_schedule(world: World, name: str = "team", **change: Any) -> None:
    """Be an operator who writes a schedule."""
    cells = cells_of(from_wire(name, {**PLAIN, **change}), "olga")
    await world.tables.commit(Table.SCHEDULES, PARTITION, [Put(Row(name, cells))])


async def test_a_box_for_a_later_time_costs_nothing_until_it_is_begun_and_is_ready_at_that_time() -> None:
    world = World()
    start_at = world.start + timedelta(hours=3)
    where = await world.ask(start_at=start_at, hours=2)
    await world.pass_until(start_at - DEFAULT_LEAD - timedelta(minutes=1))
    assert world.resources() == {}
    known = await world.box(where)
    assert known is not None
    assert (known.phase, known.changes_at, known.eta_at) == ("parked", start_at - DEFAULT_LEAD, start_at)
    await world.pass_until(start_at)
    known = await world.box(where)
    assert known is not None
    assert known.phase == "ready"
    assert known.lease_until == start_at + timedelta(hours=2)
    world.connect(where, minutes=5)


async def test_a_slow_door_is_learnt_and_the_next_box_is_begun_earlier() -> None:
    world = World(switches=Switches(slow_tail=1.0))
    first = await world.ask(name="first")
    await world.until_phase(first, "ready", hours=2)
    (took,) = (await world.stack()).status.value.waits_seconds
    assert took > DEFAULT_LEAD.total_seconds()
    await world.commands.retire(ALICE, first, "", match=None)
    await world.until_phase(first, "gone", hours=3)
    start_at = world.start + timedelta(hours=7)
    second = await world.ask(name="second", start_at=start_at)
    await world.pass_until(start_at - timedelta(seconds=took))
    assert await world.phase(second) == "building"
    assert world.resources()


async def test_a_lease_until_an_instant_ends_then_and_an_extension_moves_it() -> None:
    world = World()
    until = world.start + timedelta(hours=2)
    where = await world.ask(until=until)
    known = await world.until_phase(where, "ready")
    assert known.lease_until == until
    await world.commands.extend(ALICE, where, 1, "", match=None, key=None)
    await world.pass_until(until + timedelta(minutes=50))
    assert world.resources()
    await world.pass_until(until + timedelta(hours=1, minutes=30))
    assert world.resources() == {}


async def test_a_stored_schedule_that_breaks_leaves_its_boxes_on_the_last_good_hours_and_alerts_once() -> None:
    world = World()
    await write_schedule(world)
    where = await world.ask(hours=72, schedule="team")
    await world.until_phase(where, "ready")
    row = await world.tables.get(Table.SCHEDULES, PARTITION, "team")
    assert row is not None
    broken = json.dumps({**PLAIN, "timeZone": "Europe/Atlantis"})
    await world.tables.commit(Table.SCHEDULES, PARTITION, [Put(replace(row, values={**row.values, "body": broken}))])
    await world.pass_until(world.start.replace(hour=19))
    assert await world.phase(where) == "parked"
    await world.pass_until(world.start.replace(day=24, hour=8, minute=20))
    assert await world.phase(where) == "ready"
    alerts = [str(each.values["text"]) for each in await world.notices("alert")]
    assert len(alerts) == 1
    assert "team" in alerts[0]
    assert "timeZone: must be an IANA time zone" in alerts[0]
    assert "the last good one holds" in alerts[0]


async def test_another_schedule_for_a_night_keeps_a_box_open_and_ends_by_itself() -> None:
    world = World()
    where = await world.ask(hours=72)
    await world.until_phase(where, "ready")
    world.connect(where, minutes=60 * 30)
    await world.pass_until(world.start.replace(hour=17))
    await world.commands.follow(ALICE, where, "always", 8, "a release", match=None)
    await world.pass_until(world.start.replace(hour=23))
    known = await world.box(where)
    assert known is not None
    assert (known.phase, known.connected, known.warned) == ("ready", 1, {})
    assert known.changes_at == world.start.replace(day=24, hour=1)
    await world.pass_until(world.start.replace(day=24, hour=3, minute=30))
    assert await world.phase(where) == "parked"
    (told,) = [row for row in await world.notices("warning") if row.values["deadline"] == "cut"]
    assert "outside the hours of schedule office" in str((await world.notices("closed"))[0].values["text"])
    assert "03:00 UTC" in str(told.values["text"])
