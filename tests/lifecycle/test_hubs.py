"""Two stacks and one door: it stands while somebody needs it, and nobody shuts it on anybody else."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from lifecycle.bill import Bill
from lifecycle.costs import GROUPINGS
from lifecycle.model import Sku
from lifecycle.ports import Replace, Row, Table
from lifecycle.refusals import Taken
from sandbox.arm.admission import NotAdmitted
from tests.world.harness import ALICE, OPERATOR, World

HUB_OF_SPOKE = {"STACKS": '{"spoke": {"hub": "main"}, "other": {"hub": "main"}}'}
DOOR = {"bastionHosts/jb-main-bastion", "publicIPAddresses/jb-main-bastion-ip"}
MAIN_DOOR = "jb-main-bastion"


def doors(world: World) -> set[str]:
    return {name for name in world.resources() if name.startswith("bastionHosts/")}


def mutations(world: World) -> list[str]:
    said = [json.loads(line) for line in world.arm.traffic.lines()]
    return [f"{each['method']} {each['url']}" for each in said if each["method"] in ("PUT", "PATCH", "DELETE")]


async def test_a_stack_with_a_hub_is_entered_through_the_hubs_door_and_has_none_of_its_own() -> None:
    world = World(HUB_OF_SPOKE)
    where = await world.ask(stack="spoke")
    await world.until_phase(where, "ready", minutes=30)
    assert doors(world) == {"bastionHosts/jb-main-bastion"}
    world.connect(where, door=MAIN_DOOR)
    await world.pass_by(minutes=5)
    assert [session.box for session in (await world.stack("spoke")).status.value.sessions.values()] == ["alice"]
    assert [session.box for session in (await world.stack("main")).status.value.sessions.values()] == ["spoke/alice"]


async def test_ready_through_a_hub_takes_as_long_as_a_door_does_and_no_longer() -> None:
    alone, shared = World(seed=1), World(HUB_OF_SPOKE, seed=1)
    own, through = await alone.ask(stack="spoke"), await shared.ask(stack="spoke")
    first, second = await alone.until_phase(own, "ready"), await shared.until_phase(through, "ready")
    assert first.ready_at is not None
    assert second.ready_at is not None
    assert second.ready_at - first.ready_at <= timedelta(minutes=2)


async def test_nobody_gets_in_without_the_peering() -> None:
    world = World(HUB_OF_SPOKE)
    near = await world.ask(stack="main", name="near")
    far = await world.ask(stack="strange", name="far")
    await world.until_phase(near, "ready", minutes=30)
    await world.until_phase(far, "ready", minutes=30)
    with pytest.raises(NotAdmitted, match="does not serve"):
        world.connect(far, door=MAIN_DOOR)


async def test_the_hubs_door_stands_exactly_while_somebody_needs_it() -> None:
    world = World(HUB_OF_SPOKE)
    one = await world.ask(stack="spoke", schedule="always", hours=48)
    two = await world.ask(stack="other", schedule="always", hours=48)
    await world.until_phase(one, "ready")
    await world.until_phase(two, "ready")
    session = world.connect(two, door=MAIN_DOOR, minutes=120)
    await world.until_phase(one, "warm", hours=1)
    await world.pass_by(minutes=30)
    assert doors(world)
    with pytest.raises(NotAdmitted):
        world.connect(one, door=MAIN_DOOR)
    await world.pass_by(hours=2)
    assert session.ending == "the person left"
    assert await world.phase(two) == "warm"
    assert not world.resources().keys() & DOOR
    await world.commands.wake(ALICE, one, 1, "", match=None, key=None)
    await world.until_phase(one, "ready", minutes=20)
    world.connect(one, door=MAIN_DOOR)


async def test_one_stacks_end_does_not_shut_the_door_on_another() -> None:
    world = World(HUB_OF_SPOKE)
    one = await world.ask(stack="spoke")
    two = await world.ask(stack="other")
    await world.until_phase(one, "ready")
    await world.until_phase(two, "ready")
    session = world.connect(two, door=MAIN_DOOR, minutes=240)
    await world.commands.retire(ALICE, one, "", match=None)
    await world.until_phase(one, "gone", minutes=40)
    await world.pass_by(minutes=60)
    assert world.resources().keys() >= DOOR
    assert session.ended_at is None
    assert not [name for name in world.resources() if "spoke" in name]
    assert "need!spoke" not in {row.key for row in await world.tables.query(Table.STACKS, "main")}


async def test_the_hubs_own_box_going_does_not_shut_the_door_on_who_uses_it() -> None:
    world = World(HUB_OF_SPOKE)
    own, guest = await world.ask(stack="main", name="own"), await world.ask(stack="spoke")
    await world.until_phase(own, "ready")
    await world.until_phase(guest, "ready")
    session = world.connect(guest, door=MAIN_DOOR, minutes=240)
    await world.commands.retire(ALICE, own, "", match=None)
    await world.until_phase(own, "gone", minutes=60)
    await world.pass_by(minutes=60)
    assert world.resources().keys() >= DOOR
    assert session.ended_at is None


async def test_a_session_through_the_hub_keeps_no_box_of_the_hub_open() -> None:
    world = World(HUB_OF_SPOKE)
    own, guest = await world.ask(stack="main", name="own"), await world.ask(stack="spoke")
    await world.until_phase(guest, "ready")
    world.connect(guest, door=MAIN_DOOR, minutes=240)
    await world.until_phase(own, "warm", hours=1)


async def test_when_all_are_gone_hub_and_peerings_and_ranges_are_gone_too() -> None:
    world = World(HUB_OF_SPOKE)
    wheres = [await world.ask(stack="spoke"), await world.ask(stack="other")]
    for where in wheres:
        await world.until_phase(where, "ready")
        await world.commands.retire(ALICE, where, "", match=None)
    await world.pass_by(hours=2)
    assert world.resources() == {}
    assert [row async for row in world.tables.scan(Table.RANGES)] == []
    assert (await world.stack("main")).intent is None


async def test_a_need_that_nobody_renews_lapses() -> None:
    world = World(HUB_OF_SPOKE)
    where = await world.ask(stack="spoke", schedule="always", hours=48)
    await world.until_phase(where, "ready")
    world.deaf = {"spoke"}
    await world.pass_by(minutes=100)
    assert world.resources().keys() >= DOOR
    await world.pass_by(minutes=60)
    assert not world.resources().keys() & DOOR


async def test_a_broken_need_counts_until_it_would_have_lapsed_and_operators_are_told_once() -> None:
    world = World(HUB_OF_SPOKE)
    where = await world.ask(stack="spoke", schedule="always", hours=48)
    await world.until_phase(where, "ready")
    world.deaf = {"spoke"}
    rows = await world.tables.query(Table.STACKS, "main")
    broken = [Replace(Row(row.key, {"until": "soon"}, row.etag)) for row in rows if row.key == "need!spoke"]
    await world.tables.commit(Table.STACKS, "main", broken)
    await world.pass_by(minutes=100)
    assert world.resources().keys() >= DOOR
    assert ["need of stack spoke" in str(row.values["text"]) for row in await world.notices("alert")] == [True]
    await world.pass_by(minutes=60)
    assert not world.resources().keys() & DOOR


async def test_a_broken_need_is_put_right_by_the_stack_that_it_is_of() -> None:
    world = World(HUB_OF_SPOKE)
    where = await world.ask(stack="spoke", schedule="always", hours=48)
    await world.until_phase(where, "ready")
    world.connect(where, door=MAIN_DOOR, minutes=240)
    rows = await world.tables.query(Table.STACKS, "main")
    broken = [Replace(Row(row.key, {"until": "soon"}, row.etag)) for row in rows if row.key == "need!spoke"]
    await world.tables.commit(Table.STACKS, "main", broken)
    await world.pass_by(hours=3)
    assert world.resources().keys() >= DOOR
    assert await world.phase(where) == "ready"


async def test_a_door_of_another_kind_than_the_hubs_is_refused() -> None:
    world = World(HUB_OF_SPOKE)
    await world.ask(stack="main", name="own")
    with pytest.raises(Taken, match="which is Basic"):
        await world.ask(stack="spoke", sku=Sku.STANDARD)


async def test_a_steady_pair_of_stacks_changes_nothing_in_azure() -> None:
    world = World(HUB_OF_SPOKE)
    one = await world.ask(stack="spoke", schedule="always", hours=100)
    two = await world.ask(stack="main", name="own", schedule="always", hours=100)
    await world.until_phase(one, "warm", hours=2)
    await world.until_phase(two, "warm", hours=2)
    await world.pass_by(hours=2)
    before, passes = mutations(world), world.passes
    await world.pass_by(hours=6)
    assert mutations(world) == before
    assert world.passes - passes <= 30


async def test_the_door_is_on_the_bills_of_those_who_use_it_and_every_grouping_has_its_price() -> None:
    world = World(HUB_OF_SPOKE)
    alice = await world.ask(stack="spoke", hours=3)
    await world.ask(OPERATOR, stack="other", name="bob", hours=3)
    await world.until_phase(alice, "ready", minutes=30)
    world.connect(alice, door=MAIN_DOOR, minutes=60)
    await world.pass_by(hours=2)
    bill = Bill(world.tables, world.bell, world, world.settings)
    period = (world.start, world.now)
    found = {by: await bill.costs(*period, by) for by in GROUPINGS}
    assert len({costs.total for costs in found.values()}) == 1
    shares = {row.key: row.amount for row in found["stack"].rows}
    assert set(shares) == {"spoke", "other"}
    assert shares["spoke"] > shares["other"] > 0
    truth, hours = world.truth(), {row.key: float(row.hours) for row in found["meter"].rows}
    assert truth["bastion.basic"] - 1e-6 <= hours["bastion.basic"] <= truth["bastion.basic"] + 0.3
