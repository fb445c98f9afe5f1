"""Leases and schedules over days: boxes that are there at the time, and not when nobody works."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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


NET = "schedules/shutdown-computevm-jb-main_alice-vm"


def net_of(world: World) -> dict[str, Any]:
    properties: dict[str, Any] = world.resources()[NET]["properties"]
    return properties


async def test_a_hold_is_confirmed_once_azures_own_auto_shutdown_is_out_of_its_way() -> None:
    world = World()
    where = await world.ask(hours=72)
    await world.until_phase(where, "ready")
    world.connect(where, minutes=60 * 40)
    assert (net_of(world)["status"], net_of(world)["dailyRecurrence"]["time"]) == ("Enabled", "2130")
    await world.pass_until(world.start.replace(hour=18))
    world.arm.faults.add("server-error", f"PUT .*{NET.partition('/')[2]}", times=None)
    await world.commands.wake(ALICE, where, 6, "a long night", match=None, key=None)
    await world.pass_by(seconds=30)
    known = await world.box(where)
    assert known is not None
    assert known.reason == "to be held open until 2026-11-24 00:00 UTC: Azure's own auto-shutdown is put off first"
    assert net_of(world)["dailyRecurrence"]["time"] == "2130"
    world.arm.faults.clear()
    await world.pass_until(world.start.replace(hour=20))
    known = await world.box(where)
    assert known is not None
    assert known.reason == "held open until 2026-11-24 00:00 UTC"
    assert net_of(world)["dailyRecurrence"]["time"] == "0300"
    await world.pass_until(world.start.replace(hour=23, minute=55))
    known = await world.box(where)
    assert known is not None
    assert (known.phase, known.connected) == ("ready", 1)


async def test_nobody_works_on_a_holiday() -> None:
    world = World(start=World().start.replace(month=12, day=24, hour=15))
    await write_schedule(world, holidays={"country": "DE"})
    where = await world.ask(hours=10 * 24, schedule="team")
    await world.until_phase(where, "ready")
    await world.pass_until(world.now.replace(hour=19))
    known = await world.box(where)
    assert known is not None
    assert known.phase == "parked"
    assert known.changes_at == datetime(2026, 12, 28, 8, tzinfo=UTC), "the 25th is a holiday, the 26th a Saturday"
    hours = world.truth()["vm.Standard_D2s_v5"]
    await world.pass_until(datetime(2026, 12, 28, 7, 59, tzinfo=UTC))
    assert world.truth()["vm.Standard_D2s_v5"] == hours
    await world.until_phase(where, "ready", minutes=20)


async def test_in_the_night_in_which_clocks_are_put_back_a_box_is_parked_once_and_at_local_time() -> None:
    world = World(start=datetime(2026, 10, 24, 18, tzinfo=UTC))
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    await write_schedule(
        world, timeZone="Europe/Berlin", weekly=[{"days": days, "from": "20:00", "to": "02:30"}]
    )  # 02:30 comes at 00:30 and at 01:30 UTC
    where = await world.ask(hours=72, schedule="team")
    await world.until_phase(where, "ready")
    await world.pass_until(datetime(2026, 10, 25, 0, 29, tzinfo=UTC))
    assert await world.phase(where) in ("ready", "warm")
    await world.until_phase(where, "parked", minutes=15)
    stops = len([sent for sent in world.mutations() if sent.endswith("/deallocate")])
    await world.pass_until(datetime(2026, 10, 25, 18, 55, tzinfo=UTC))
    assert await world.phase(where) == "parked"
    assert len([sent for sent in world.mutations() if sent.endswith("/deallocate")]) == stops == 1
    await world.until_phase(where, "ready", minutes=30)  # 20:00 is 19:00 UTC by now


async def test_three_nights_without_nightly_change_nothing_for_a_box() -> None:
    world = World()
    where = await world.ask(hours=60)
    await world.until_phase(where, "ready")
    await world.pass_until(world.start + timedelta(days=3))
    assert world.resources() == {}
    assert world.truth()["vm.Standard_D2s_v5"] < 3 * 10.5
    await world.sweeps.nightly()
    await world.pass_by(hours=1)
    assert world.resources() == {}
    assert await world.phase(where) == "gone"


async def test_with_prewarm_on_the_fourth_morning_of_a_box_used_daily_begins_ready() -> None:
    world = World(environment={"PREWARM": "true"}, seed=2)
    where = await world.ask(hours=100)
    await world.until_phase(where, "ready")
    for day in (23, 24, 25):
        await world.pass_until(world.start.replace(day=day, hour=10))
        assert await world.phase(where) in ("ready", "warm")
        await world.commands.wake(ALICE, where, 1, "", match=None, key=None)
        await world.until_phase(where, "ready", minutes=20)
        world.connect(where, minutes=20)
    await world.pass_until(world.start.replace(day=26, hour=7, minute=30))
    assert await world.phase(where) == "parked"
    await world.pass_until(world.start.replace(day=26, hour=8))
    assert await world.phase(where) == "ready"
