"""The books against the simulator's meters: the truth lies inside the brackets, and the bill is never below it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from lifecycle.ports import Put, Replace, Table
from lifecycle.price_list import learn
from lifecycle.prices import DEFAULT_BOOK, Price
from lifecycle.rows import OPERATION, Stored, row_of, status_row
from sandbox.arm.switches import Switches
from tests.world.harness import ALICE, MONDAY, OPERATOR, World

HOUR = timedelta(hours=1)

SWITCHES = [
    Switches(billing_start=start, billing_quantum=quantum)
    for start in ("accepted", "succeeded")
    for quantum in ("second", "hour")
]
ANY_SLACK = 1000.0
SLACK_HOURS = {"accepted": 0.3, "succeeded": 0.8}
"""How far the bill may be above the truth in this day: a look's distance for each beginning and end of a part.

Where Azure bills from success only, the time that each creation took comes on top: the bill takes the wide end.
"""


@pytest.mark.parametrize("start", ["accepted", "succeeded"])
@pytest.mark.parametrize("seed", range(3))
async def test_the_truth_lies_inside_the_brackets_all_day_long(start: str, seed: int) -> None:
    world = World(seed=seed, switches=Switches(billing_start=start))
    alice = await world.ask(hours=30)
    bob = await world.ask(OPERATOR, name="bob", hours=5)
    for hours in range(1, 27):
        await world.pass_by(hours=1)
        if hours == 4:
            await world.commands.wake(ALICE, alice, 1, "", match=None, key=None)
        await _check(world, SLACK_HOURS[start])
    await world.commands.retire(ALICE, alice, "", match=None)
    await world.pass_by(hours=2)
    assert await world.phase(bob) == "gone"
    await _check(world, SLACK_HOURS[start])
    assert world.resources() == {}


@pytest.mark.parametrize("switches", SWITCHES, ids=lambda each: f"{each.billing_start}-{each.billing_quantum}")
@pytest.mark.parametrize("seed", range(2))
async def test_the_truth_lies_inside_the_brackets_at_every_minute_of_a_creation(switches: Switches, seed: int) -> None:
    world = World(seed=seed, switches=switches)
    where = await world.ask(hours=1)
    for _ in range(40):
        await world.pass_by(minutes=1)
        await _check(world, ANY_SLACK)
    await world.commands.retire(ALICE, where, "", match=None)
    for _ in range(40):
        await world.pass_by(minutes=1)
        await _check(world, ANY_SLACK)
    assert world.resources() == {}


async def test_the_brackets_are_no_wider_than_the_looks_are_apart_where_it_is_known_how_azure_bills() -> None:
    world = World()
    where = await world.ask(hours=2)
    await world.pass_by(hours=5)
    assert await world.phase(where) == "gone"
    bill = await world.bill(start="accepted")
    for meter, hours in world.truth().items():
        least, most = bill[meter]
        assert least <= hours + 1e-6
        assert most >= hours - 1e-6
        assert most - least <= 0.15, (meter, least, hours, most)


async def _check(world: World, slack_hours: float = 0.3) -> None:
    switches = world.switches
    for start in ("unknown", switches.billing_start):
        await _check_under(world, await world.bill(switches.billing_quantum, start), slack_hours)


async def _check_under(world: World, bill: dict[str, tuple[float, float]], slack_hours: float) -> None:
    truth = {meter: hours for meter, hours in world.truth().items() if hours}
    assert truth.keys() <= bill.keys(), (world.now, truth, bill)
    for meter, hours in truth.items():
        least, most = bill[meter]
        assert most >= hours - 1e-6, (meter, world.now, most, hours)
        assert least <= hours + 1e-6, (meter, world.now, least, hours)
        assert most - hours <= slack_hours, (meter, world.now, most, hours)


async def test_a_machine_stopped_in_the_portal_is_seen_and_metered_as_azure_bills_it() -> None:
    world = World()
    where = await world.ask(hours=10, schedule="always")
    await world.until_phase(where, "warm", hours=2)
    world.arm.humans.deallocate(_vm(world))
    await world.pass_by(hours=3)
    await _check(world)


async def test_a_disk_that_went_with_its_machine_stops_billing_though_azure_forgot_the_operation() -> None:
    world = World()
    where = await world.ask(hours=10, schedule="always")
    await world.until_phase(where, "ready")
    await world.until_phase(await world.ask(OPERATOR, name="bob", hours=10, schedule="always"), "ready")
    world.arm.faults.add("operation-expired", "GET .*compute/locations/.*operations", times=None, minutes=120)
    await world.commands.retire(ALICE, where, "", match=None)
    await world.until_phase(where, "gone")
    await world.pass_by(hours=5)
    assert not [name for name in world.resources() if "alice" in name]
    await _check(world)


async def test_a_machine_started_by_hand_just_before_its_end_is_on_the_books() -> None:
    world = World()
    where = await world.ask(hours=5, schedule="always")
    await world.until_phase(where, "ready")
    await world.commands.park(ALICE, where, "", match=None)
    await world.until_phase(where, "parked")
    await world.pass_until(world.start + timedelta(hours=4, minutes=50))
    world.arm.humans.start(_vm(world))
    await world.until_phase(where, "gone", hours=3)
    await world.pass_by(hours=2)
    await _check(world, slack_hours=1.0)
    ended = [row async for row in world.tables.scan(Table.AUDIT) if row.values.get("outcome") == "refused"]
    assert [row.values["reason"] for row in ended] == ["what it bills has changed since it was looked at"]


async def test_a_machine_started_by_hand_just_before_its_window_is_on_the_books_from_then() -> None:
    world = World()
    where = await world.ask(hours=48)
    await world.until_phase(where, "ready")
    await world.commands.park(ALICE, where, "", match=None)
    await world.until_phase(where, "parked")
    await world.pass_until(world.start + timedelta(hours=22, minutes=50))
    world.arm.humans.start(_vm(world))
    await world.pass_by(hours=2)
    assert world.truth()["vm.Standard_D2s_v5"] > 0
    await _check(world, slack_hours=1.0)


def _vm(world: World) -> str:
    return str(world.resources()["virtualMachines/jb-main_alice-vm"]["id"])


async def test_each_interval_says_at_which_price_it_began_and_where_that_is_from() -> None:
    world = World()
    early = Price("nat", Decimal(9), "another meter's", date(2026, 11, 1), "westeurope", MONDAY)
    door = Price("bastion.basic", Decimal("0.2"), "the region's list", date(2026, 11, 22), "westeurope", MONDAY - HOUR)
    await learn(world.tables, "westeurope", [early, door], MONDAY - HOUR)
    await world.until_phase(await world.ask(hours=2), "ready")
    rows = [row.values for row in await world.tables.query(Table.METERS, "main") if "meter" in row.values]
    said = {str(row["meter"]): (row["usd_per_hour"], row["price_source"], row["price_as_of"]) for row in rows}
    assert said["bastion.basic"] == ("0.2", "the region's list", "2026-11-22")
    machine = DEFAULT_BOOK.price("vm.Standard_D2s_v5")
    assert machine
    assert said["vm.Standard_D2s_v5"] == (str(machine.usd_per_hour), machine.source, machine.as_of.isoformat())


async def test_what_a_crash_repeats_is_booked_once() -> None:
    world = World()
    where = await world.ask(hours=2)
    await world.until_phase(where, "ready")
    before = await world.bill()
    for row in [row async for row in world.tables.scan(Table.METERS)]:
        await world.tables.commit(Table.METERS, row.partition, [Put(row)])
    assert await world.bill() == before
    await world.pass_by(hours=4)
    await _check(world)
    assert world.now - world.start > timedelta(hours=4)


@pytest.mark.parametrize("start", ["accepted", "succeeded"])
async def test_with_a_look_at_each_completion_the_bill_is_exact_to_the_second(start: str) -> None:
    """A success lies between two looks, the one that still found it at work and the one that found it ended."""
    world = World(switches=Switches(billing_start=start))
    where = await world.ask(hours=1)
    goal = world.now + 3 * HOUR
    while world.now < goal:
        completion = min(world.arm.next_due_at(world.now) or goal, world.bell.next_at() or goal, goal)
        for at in (completion - timedelta(seconds=1) / 2, completion):
            await world.pass_until(max(at, world.now))
            await _have_a_look(world)
    assert await world.phase(where) == "gone"
    bill = await world.bill(start=start)
    truth = world.truth()
    assert truth.keys() == bill.keys()
    for meter, hours in truth.items():
        seconds_above = (bill[meter][1] - hours) * 3600
        assert -0.001 <= seconds_above <= 1, (meter, seconds_above)


async def _have_a_look(world: World) -> None:
    """Have a pass now that asks of every operation and looks at what has ended."""
    rows = await world.stack()
    operations = (Stored(replace(each.value, poll_at=world.now), each.etag) for each in rows.operations.values())
    changes = [Replace(row_of(f"{OPERATION}{each.value.part}", each.value, each.etag)) for each in operations]
    status = replace(rows.status.value, look_again_at=world.now)
    if rows.status.etag:
        await world.tables.commit(Table.STACKS, "main", [*changes, Replace(status_row(status, rows.status.etag))])
    await world.reconciler.reconcile("main")
