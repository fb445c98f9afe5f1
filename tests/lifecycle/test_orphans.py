"""What stands and no row knows is found, doubted, proven and taken down; what is not provably ours is left alone."""

from __future__ import annotations

import contextlib
import json
import logging
from datetime import timedelta
from typing import Any

import pytest

from lifecycle.commands import Where
from lifecycle.hunt import Hunt
from lifecycle.model import Outbound
from lifecycle.orphans import APART, HUNTER
from lifecycle.ports import Put, Remove, Row, Table
from lifecycle.troubles import MISSING
from sandbox.arm.switches import Switches
from tests.world.crash import Died, Fate, MortalBell, MortalTables
from tests.world.harness import OPERATOR, World

ALICES = Where("main", "alice")
NIC = "networkInterfaces/jb-main_alice-nic"
ADDRESS = "publicIPAddresses/jb-main-bastion-ip"
STATIC: dict[str, Any] = {
    "location": "westeurope",
    "sku": {"name": "Standard"},
    "properties": {"publicIPAllocationMethod": "Static"},
}


def add_address(world: World, name: str, **tags: str) -> str:
    """Have somebody make a public address in the portal; says its id."""
    estate = world.settings.estate
    group = f"/subscriptions/{estate.subscription_id}/resourceGroups/{estate.resource_group}"
    target = f"{group}/providers/Microsoft.Network/publicIPAddresses/{name}"
    world.arm.humans.add(target, {**STATIC, "tags": tags})
    return target


def ours(stack: str = "main", **more: str) -> dict[str, str]:
    return {"managed-by": "jumpbox-lifecycle", "stack": stack, "deployment": "test", **more}


async def hunt_twice(world: World) -> None:
    """Search, wait as long as a doubt must last, and search again; then let the stacks do what follows."""
    await world.hunt.go()
    await world.pass_by(hours=5)


async def ready(**switches: Any) -> World:
    world = World(switches=Switches(**switches))
    await world.ask(schedule="always", hours=100)
    await world.until_phase(ALICES, "ready")
    return world


async def actors(world: World, actor: str) -> list[tuple[str, str]]:
    rows = [row.values async for row in world.tables.scan(Table.AUDIT) if row.values.get("actor") == actor]
    return [(str(row["action"]), str(row["outcome"])) for row in rows]


async def test_a_whole_stack_whose_rows_are_lost_is_taken_down_page_by_page_and_billed_until_then() -> None:
    world = await ready(page_size=1)
    await world.lose_rows()
    await hunt_twice(world)
    assert world.resources() == {}
    assert len(await actors(world, HUNTER)) >= 7
    assert await world.tables.query(Table.TROUBLES, "orphan") == []
    assert (await world.stack()).intent is None
    assert [row.key async for row in world.tables.scan(Table.RANGES)] == []


async def test_an_interface_and_an_address_left_by_a_quota_failure_go_although_no_row_knows_them() -> None:
    world = World()
    world.arm.faults.add("refuse:QuotaExceeded", "PUT .*virtualMachines/[^/]+$", times=None)
    await world.ask(hours=24)
    while not (await world.stack()).status.value.blocks:
        await world.pass_by(seconds=10)
    assert {NIC, ADDRESS} <= world.resources().keys()
    await world.lose_rows()
    await hunt_twice(world)
    assert world.resources() == {}


async def test_nothing_is_believed_after_one_look_nor_after_two_that_are_close_together() -> None:
    world = await ready()
    await world.lose_rows()
    before = world.resources().keys()
    await world.hunt.go()
    await world.pass_by(minutes=100)
    await world.hunt.go()
    assert world.resources().keys() == before
    assert set((await world.findings()).values()) == {"suspected"}


async def test_a_stack_that_is_asked_for_between_two_hunts_keeps_what_stands() -> None:
    world = await ready()
    await world.lose_rows()
    await world.hunt.go()
    await world.ask(schedule="always", hours=100)
    await world.pass_by(hours=5)
    assert await world.phase(ALICES) in ("ready", "warm")
    assert "virtualMachines/jb-main_alice-vm" in world.resources()
    assert await world.findings() == {}
    assert await actors(world, HUNTER) == []


async def test_a_box_that_is_built_while_a_hunt_goes_on_is_no_orphan() -> None:
    world = World()
    await world.ask(outbound=Outbound.NAT)
    for _ in range(8):
        await world.hunt.go()
        await world.pass_by(minutes=2)
    assert await world.phase(ALICES) == "ready"
    assert await world.findings() == {}


async def test_a_machine_nobody_knows_goes_alone_once_its_stack_is_exempt_no_more() -> None:
    world = await ready()
    bob = await world.ask(name="bob", schedule="always", hours=100)
    await world.until_phase(bob, "ready")
    world.connect(ALICES, minutes=900)
    await world.pass_by(minutes=2)
    rows = await world.stack()
    await world.tables.commit(Table.STACKS, "main", [Remove(f"box!{bob.box}", rows.boxes["bob"].etag)])
    await world.pass_by(minutes=10)
    await world.commands.exempt(OPERATOR, "main", 4, "hands off")
    await world.hunt.go()
    await world.pass_by(hours=4)
    assert "virtualMachines/jb-main_bob-vm" in world.resources()
    await world.hunt.go()
    await world.pass_by(minutes=40)
    assert not [name for name in world.resources() if "bob" in name]
    assert await world.phase(ALICES) == "ready"
    assert "bastionHosts/jb-main-bastion" in world.resources()
    known = await world.box(bob)
    assert known is not None
    assert known.phase == "gone"


async def test_who_is_connected_to_an_orphan_is_told_before_it_goes() -> None:
    world = await ready()
    await world.lose_rows()
    world.connect(ALICES, minutes=900)
    await world.hunt.go()
    await world.pass_by(minutes=185)
    assert "virtualMachines/jb-main_alice-vm" in world.resources()
    assert [str(row.values["to"]) for row in await world.notices("warning")] == ["alice"]
    await world.pass_by(minutes=60)
    assert world.resources() == {}


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("jb-main-bastion-ip", {"owner": "somebody"}),
        ("jb-main-bastion-ip", {**ours(), "deployment": "other"}),
        ("jb-main-bastion-ip", {**ours(), "managed-by": "somebody"}),
        ("jb-main-bastion-ip", ours("other")),
        ("jb-main-bastion-ip", ours(box="alice")),
        ("jb-main-bastion-ip", ours("../main")),
        ("an-address-of-somebodys", ours()),
    ],
)
async def test_what_is_not_provably_ours_is_never_touched(name: str, tags: dict[str, str]) -> None:
    world = World()
    add_address(world, name, **tags)
    before = json.dumps(world.resources(), sort_keys=True)
    await hunt_twice(world)
    await world.hunt.go()
    await world.pass_by(hours=30)
    assert json.dumps(world.resources(), sort_keys=True) == before
    told = await world.findings()
    assert set(told.values()) == (
        {"unproven"}
        if tags.get("deployment") == "test" and "owner" not in tags and tags["managed-by"] != "somebody"
        else set()
    )


async def test_a_list_that_lags_neither_takes_anything_down_nor_forgets_what_stands() -> None:
    world = await ready()
    world.arm.faults.add("list-lag", ".*", times=None)
    await hunt_twice(world)
    assert await world.phase(ALICES) in ("ready", "warm")
    assert await world.findings() == {}
    assert await world.findings(MISSING) == {}


async def test_a_type_that_cannot_be_listed_is_left_to_the_next_hunt() -> None:
    world = await ready()
    await world.lose_rows()
    world.arm.faults.add("refuse:AuthorizationFailed", "GET .*networkInterfaces$", times=None)
    await world.hunt.go()
    assert "jb-main_alice-nic" not in await world.findings()
    world.arm.faults.clear()
    await world.pass_by(hours=7)
    assert world.resources() == {}


async def test_a_dry_run_reports_orphans_and_touches_none() -> None:
    world = await ready()
    await world.lose_rows()
    world.turn_dry()
    before = world.resources().keys()
    await hunt_twice(world)
    assert world.resources().keys() == before
    assert set((await world.findings()).values()) == {"unproven"}
    assert (await world.stack()).intent is None
    assert [row async for row in world.tables.scan(Table.AUDIT) if row.values.get("actor") == HUNTER] == []


async def test_the_bound_on_deletions_holds_for_orphans_too() -> None:
    world = World(environment={"DELETIONS_PER_HOUR": "1"})
    await world.ask(schedule="always", hours=100)
    await world.until_phase(ALICES, "ready")
    await world.lose_rows()
    await world.hunt.go()
    await world.pass_by(minutes=185)
    doors = [
        name
        for name in ("bastionHosts/jb-main-bastion", "virtualMachines/jb-main_alice-vm")
        if name in world.resources()
    ]
    assert len(doors) >= 1
    assert any("too many deletions" in str(row.values["text"]) for row in await world.notices("alert"))
    await world.pass_by(hours=4)
    assert world.resources() == {}


async def test_what_somebody_takes_away_meanwhile_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    target = add_address(world, "jb-main-bastion-ip", **ours())
    await world.hunt.go()
    world.arm.humans.delete(target)
    with caplog.at_level(logging.INFO, "lifecycle.events"):
        await world.pass_by(hours=5)
    assert await world.findings() == {}
    assert "orphan.removed" in caplog.text


async def test_rows_that_cannot_be_read_make_no_orphans() -> None:
    world = await ready()
    rows = await world.tables.query(Table.STACKS, "main")
    intent = next(row for row in rows if row.key == "intent")
    await world.tables.commit(Table.STACKS, "main", [Put(Row("intent", {**intent.values, "schema": 99}))])
    world.deaf.add("main")
    await hunt_twice(world)
    assert len(world.resources()) == 10
    assert await world.findings() == {}


async def test_what_rows_know_and_nothing_shows_is_reported_where_nobody_looks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = await ready()
    world.deaf.add("main")
    world.arm.humans.delete(str(world.resources()[ADDRESS]["id"]))
    await hunt_twice(world)
    assert await world.findings(MISSING) == {"jb-main-bastion-ip": "missing"}
    assert "part.missing" in caplog.text
    world.deaf.clear()
    await world.pass_by(hours=2)
    await world.hunt.go()
    assert await world.findings(MISSING) == {}


async def test_hunts_of_a_world_in_order_find_nothing_write_nothing_and_ring_for_nothing() -> None:
    world = await ready()
    before = await world.tables.query(Table.STACKS, "main")
    rings, mutations = len(world.bell.rings), world.mutations()
    await world.hunt.go()
    assert await world.tables.query(Table.STACKS, "main") == before
    assert [row async for row in world.tables.scan(Table.TROUBLES)] == []
    assert (len(world.bell.rings), world.mutations()) == (rings, mutations)


async def test_two_hunts_at_once_give_back_once() -> None:
    world = await ready()
    await world.lose_rows()
    await world.hunt.go()
    world.clock.advance_to(world.now + APART + timedelta(minutes=1))
    await world.hunt.go()
    await world.hunt.go()
    given = await actors(world, HUNTER)
    assert len(given) == len(set((await world.findings()).keys()))
    await world.pass_by(hours=3)
    assert world.resources() == {}


async def test_who_came_through_a_hubs_door_is_told_before_an_orphan_goes() -> None:
    world = World(environment={"STACKS": '{"web": {"hub": "shared"}, "shared": {}}'})
    webs = await world.ask(stack="web", schedule="always", hours=100)
    await world.until_phase(webs, "ready")
    await world.lose_rows("web")
    world.connect(webs, minutes=900, door="jb-shared-bastion")
    await world.hunt.go()
    await world.pass_by(minutes=185)
    assert "virtualMachines/jb-web_alice-vm" in world.resources()
    assert [str(row.values["stack"]) for row in await world.notices("warning")] == ["web"]
    await world.pass_by(hours=4)
    assert not [name for name in world.resources() if "web" in name]


async def _doomed(fate: Fate) -> World:
    """Have one address that no row knows searched for by a worker that may die at the second look."""
    world = World()
    add_address(world, "jb-main-bastion-ip", **ours())
    await world.hunt.go()
    world.clock.advance_to(world.now + APART)
    tables, bell = MortalTables(world.tables, fate), MortalBell(world.bell, fate)
    with contextlib.suppress(Died):
        await Hunt(tables, bell, world.inventory(), world, world.settings).go()
    return world


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_whatever_a_hunt_dies_at_the_orphan_goes_and_no_range_stays_claimed(*, before: bool) -> None:
    fate = Fate()
    await _doomed(fate)
    assert len(fate.names) > 5
    for number in range(1, fate.effects + 1):
        world = await _doomed(Fate(number, before=before))
        await world.hunt.go()
        await world.pass_by(minutes=70)
        assert world.resources() == {}, fate.names[number - 1]
        await world.sweeps.nightly()
        assert [row async for row in world.tables.scan(Table.RANGES)] == [], fate.names[number - 1]
