"""A Bastion that is not ours: used, never touched."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lifecycle.ports import Table
from lifecycle.refusals import Taken
from sandbox.arm.admission import NotAdmitted
from tests.lifecycle.platform_hub import HUB_BASTION, USED, build, bytes_of, has_our_side, peer_back, writes
from tests.world.harness import ALICE, World


async def test_a_box_is_ready_through_a_bastion_that_is_not_ours_once_its_operators_peered_back() -> None:
    world = World(USED)
    build(world)
    where = await world.ask(stack="spoke")
    blocked = await world.until_phase(where, "blocked", minutes=20)
    assert "the other side of the peering is not ours to make" in blocked.reason
    with pytest.raises(NotAdmitted):
        world.connect(where, door="hub-bastion")
    peer_back(world)
    await world.until_phase(where, "ready", minutes=20)
    session = world.connect(where, door="hub-bastion", minutes=120)
    await world.pass_by(minutes=90)
    assert await world.phase(where) == "ready"
    assert session.ended_at is None


async def test_a_hub_that_is_not_ours_is_byte_for_byte_the_same_after_a_month() -> None:
    world = World(USED, timers=False)
    build(world)
    before = bytes_of(world)
    for day in (0, 14, 28):
        await world.pass_until(world.start + timedelta(days=day))
        where = await world.ask(stack="spoke", hours=28)
        await world.until_phase(where, "blocked", minutes=20)
        peer_back(world)
        await world.until_phase(where, "ready", minutes=20)
        world.connect(where, door="hub-bastion", minutes=30)
        await world.until_phase(where, "gone", hours=40)
        assert writes(world) == []
    await world.pass_until(world.start + timedelta(days=31))
    assert bytes_of(world) == before
    assert "bastion.basic" not in await world.bill()
    assert world.truth()["bastion.basic"] > 31 * 24 - 1


async def test_when_the_box_goes_our_side_of_the_peering_goes_and_nothing_else() -> None:
    world = World(USED)
    build(world)
    where = await world.ask(stack="spoke")
    await world.until_phase(where, "blocked", minutes=20)
    peer_back(world)
    await world.until_phase(where, "ready", minutes=20)
    await world.commands.retire(ALICE, where, "", match=None)
    await world.pass_by(hours=1)
    assert not [name for name in world.resources() if "jb-" in name]
    assert not has_our_side(world)
    assert writes(world) == []
    assert [row async for row in world.tables.scan(Table.RANGES)] == []


async def test_overlapping_ranges_are_refused_with_both_named_and_nothing_is_built_for_it() -> None:
    world = World(USED)
    build(world, space="10.64.0.0/16")
    where = await world.ask(stack="spoke")
    blocked = await world.until_phase(where, "blocked", minutes=20)
    intent = (await world.stack("spoke")).intent
    assert intent is not None
    assert intent.value.address_range in blocked.reason
    assert "10.64.0.0/16" in blocked.reason
    await world.pass_by(hours=1)
    assert not has_our_side(world)
    assert "virtualMachines/jb-spoke_alice-vm" not in world.resources()
    assert len([row for row in await world.notices("blocked") if "10.64.0.0/16" in str(row.values["text"])]) == 1


@pytest.mark.parametrize(("sku", "state"), [("Developer", "serves no peered networks"), ("", "does not exist")])
async def test_a_hub_that_cannot_serve_is_told_to_the_owner(sku: str, state: str) -> None:
    world = World(USED)
    if sku:
        build(world, sku=sku)
    where = await world.ask(stack="spoke")
    blocked = await world.until_phase(where, "blocked", minutes=20)
    assert state in blocked.reason


async def test_when_its_sessions_may_not_be_read_nobody_is_cut_off_before_the_hard_limit() -> None:
    world = World(USED)
    build(world)
    where = await world.ask(stack="spoke", hours=48)
    await world.until_phase(where, "blocked", minutes=20)
    peer_back(world)
    await world.until_phase(where, "ready", minutes=20)
    world.arm.faults.add("sessions-error", "hub-bastion", times=None)
    world.arm.faults.add("refuse:AuthorizationFailed", "hub-bastion/providers/Microsoft.Insights", times=None)
    session = world.connect(where, door="hub-bastion", minutes=300)
    await world.pass_by(hours=4)
    assert session.ended_at is None
    await world.pass_until(world.start + timedelta(hours=13))
    assert world.resources()["virtualMachines/jb-spoke_alice-vm"]
    assert await world.phase(where) == "parked"
    assert writes(world) == []


async def test_sessions_on_a_bastion_that_is_not_ours_are_not_ended_by_us() -> None:
    world = World(USED)
    build(world)
    where = await world.ask(stack="spoke")
    await world.until_phase(where, "blocked", minutes=20)
    peer_back(world)
    await world.until_phase(where, "ready", minutes=20)
    session = world.connect(where, door=HUB_BASTION)
    await world.pass_by(minutes=5)
    with pytest.raises(Taken, match="not ours"):
        await world.commands.disconnect(ALICE, "spoke", session.id, "")
