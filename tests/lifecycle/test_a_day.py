"""What becomes of a box, hour by hour, as people and Azure see it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from lifecycle.board import BoxNote, Note, read_board
from lifecycle.links import Keep
from lifecycle.model import Level, Login, Outbound
from lifecycle.ports import Table
from lifecycle.refusals import Taken
from sandbox.arm.admission import NotAdmitted
from tests.world.harness import ALICE, OPERATOR, World

PARTS = {
    "networkSecurityGroups/jb-main-frontend-nsg",
    "networkSecurityGroups/jb-main-bastion-nsg",
    "virtualNetworks/jb-main-vnet",
    "networkInterfaces/jb-main_alice-nic",
    "virtualMachines/jb-main_alice-vm",
    "virtualMachines/extensions/AADSSHLoginForLinux",
    "disks/jb-main_alice-osdisk",
    "schedules/shutdown-computevm-jb-main_alice-vm",
}
DOOR = {"bastionHosts/jb-main-bastion", "publicIPAddresses/jb-main-bastion-ip"}


async def test_who_asks_gets_a_box_with_all_its_parts_and_can_go_in() -> None:
    world = World()
    where = await world.ask()
    with pytest.raises(NotAdmitted):
        world.connect(where)
    await world.until_phase(where, "ready", minutes=30)
    assert world.resources().keys() == PARTS | DOOR
    world.connect(where)


async def test_every_part_carries_our_tags_and_the_companys() -> None:
    world = World()
    where = await world.ask()
    await world.until_phase(where, "ready")
    await world.pass_by(minutes=5)
    for name, body in world.resources().items():
        tags = body["tags"]
        assert (tags["managed-by"], tags["stack"], tags["deployment"]) == ("jumpbox-lifecycle", "main", "test"), name
        assert tags["cost-center"] == "42", name


async def test_a_session_keeps_the_door_open_past_the_idle_limit_and_its_end_shuts_it() -> None:
    world = World()
    where = await world.ask()
    await world.until_phase(where, "ready")
    world.connect(where, minutes=90)
    await world.pass_by(minutes=85)
    assert world.resources().keys() >= DOOR
    await world.pass_by(minutes=5 + 30 + 20)
    assert not world.resources().keys() & DOOR
    assert world.resources()["virtualMachines/jb-main_alice-vm"]
    assert await world.phase(where) == "warm"


async def test_after_hours_the_machine_is_parked_and_in_the_morning_the_box_is_open_again() -> None:
    world = World()
    where = await world.ask(hours=48)
    await world.until_phase(where, "ready")
    await world.pass_until(world.start.replace(hour=19, minute=0))
    await world.until_phase(where, "parked", minutes=20)
    assert world.truth()["vm.Standard_D2s_v5"] == pytest.approx(9.6, abs=0.3)
    await world.pass_until(world.start + timedelta(hours=23))
    await world.until_phase(where, "ready", minutes=20)


async def test_a_wake_in_the_night_opens_the_box_until_the_hold_ends() -> None:
    world = World()
    where = await world.ask(hours=48)
    await world.until_phase(where, "ready")
    await world.pass_until(world.start.replace(hour=22))
    await world.commands.wake(ALICE, where, 1, "deploy", match=None, key=None)
    await world.until_phase(where, "ready", minutes=20)
    world.connect(where, minutes=30)
    await world.pass_until(world.start.replace(hour=23, minute=30))
    await world.until_phase(where, "parked", minutes=40)


async def test_retiring_leaves_nothing_behind() -> None:
    world = World()
    where = await world.ask()
    await world.until_phase(where, "ready")
    assert await read_board(world.tables) == {"main": Note((BoxNote("alice", "alice", "ready", Level.OPEN),))}
    await world.commands.retire(ALICE, where, "done", match=None)
    await world.until_phase(where, "gone", minutes=30)
    await world.pass_by(minutes=30)
    assert world.resources() == {}
    assert await read_board(world.tables) == {}
    assert [row async for row in world.tables.scan(Table.RANGES)] == []
    assert await world.phase(where) == "gone"


async def test_a_lease_ends_eight_hours_after_ready_with_a_warning_before_and_all_of_it_goes() -> None:
    world = World()
    where = await world.ask(hours=3)
    known = await world.until_phase(where, "ready")
    assert known.first_ready_at is not None
    await world.pass_until(known.first_ready_at + timedelta(hours=2, minutes=46))
    warnings = await world.notices("warning")
    assert len(warnings) == 1
    assert "lease" in str(warnings[0].values["text"])
    await world.pass_until(known.first_ready_at + timedelta(hours=3, minutes=40))
    assert world.resources() == {}
    assert await world.phase(where) == "gone"


async def test_a_gone_box_stays_gone_while_its_network_is_still_being_removed() -> None:
    world = World()
    where = await world.ask(hours=1)
    await world.until_phase(where, "ready")
    await world.until_phase(where, "gone", hours=3)
    for _ in range(60):
        await world.pass_by(minutes=1)
        assert await world.phase(where) == "gone"
    assert world.resources() == {}


async def test_extending_moves_the_end_and_the_warning_is_given_anew() -> None:
    world = World()
    where = await world.ask(hours=2)
    known = await world.until_phase(where, "ready")
    assert known.first_ready_at is not None
    await world.pass_until(known.first_ready_at + timedelta(hours=1, minutes=50))
    await world.commands.extend(ALICE, where, 2, "not done", match=None, key=None)
    await world.pass_until(known.first_ready_at + timedelta(hours=3))
    assert world.resources()
    await world.pass_until(known.first_ready_at + timedelta(hours=3, minutes=50))
    assert len(await world.notices("warning")) == 2
    await world.pass_until(known.first_ready_at + timedelta(hours=5))
    assert world.resources() == {}


async def test_somebody_connected_is_never_cut_off_before_the_announced_limit() -> None:
    world = World()
    where = await world.ask()
    await world.until_phase(where, "ready")
    session = world.connect(where, minutes=600)
    await world.commands.retire(ALICE, where, "done", match=None)
    await world.pass_by(minutes=14)
    assert session.ended_at is None
    assert len(await world.notices("warning")) == 1
    await world.pass_by(minutes=40)
    assert session.ended_at is not None
    assert session.ending == "an operator disconnected it"
    assert world.resources() == {}
    (row,) = await world.sessions()
    assert str(row.values["end_reason"]).startswith("the door was shut: alice: retired")
    assert "the announced limit has passed" in str(row.values["end_reason"])


async def test_a_session_of_which_the_person_left_says_so() -> None:
    world = World()
    where = await world.ask()
    await world.until_phase(where, "ready")
    world.connect(where, minutes=20)
    await world.pass_by(minutes=40)
    assert [row.values["end_reason"] for row in await world.sessions()] == ["the person left"]


async def test_who_comes_in_while_the_door_is_closing_keeps_it_open() -> None:
    world = World()
    where = await world.ask()
    known = await world.until_phase(where, "ready")
    assert known.ready_at is not None
    await world.pass_until(known.ready_at + timedelta(minutes=29, seconds=59))
    world.connect(where, minutes=60)
    await world.pass_by(minutes=20)
    assert world.resources().keys() >= DOOR
    rules = world.resources()["networkSecurityGroups/jb-main-frontend-nsg"]["properties"]["securityRules"]
    assert {rule["name"] for rule in rules} == {"allow-bastion-in", "deny-ssh-rdp-in"}


async def test_the_door_of_a_box_that_was_woken_while_it_was_open_goes_as_the_hold_ends_and_comes_not_back() -> None:
    world = World()
    where = await world.ask()
    await world.until_phase(where, "ready")
    await world.pass_by(minutes=10)
    await world.commands.wake(ALICE, where, 1, "", match=None, key=None)
    await world.pass_by(minutes=59)
    assert world.resources().keys() >= DOOR
    await world.pass_by(minutes=16)
    assert not world.resources().keys() & DOOR
    await world.pass_by(hours=3)
    assert not world.resources().keys() & DOOR


async def test_a_door_that_stood_before_the_hours_began_goes_when_nobody_has_used_it_in_them() -> None:
    world = World()
    where = await world.ask(hours=48)
    await world.until_phase(where, "ready")
    await world.pass_until(world.start.replace(hour=6) + timedelta(days=1))
    await world.commands.wake(ALICE, where, 3, "", match=None, key=None)
    await world.until_phase(where, "ready")
    await world.pass_until(world.start.replace(hour=9, minute=15) + timedelta(days=1))
    assert not world.resources().keys() & DOOR


async def test_two_people_share_a_door_and_one_leaving_does_not_shut_it() -> None:
    world = World()
    alice = await world.ask()
    bob = await world.ask(OPERATOR, name="bob")
    await world.until_phase(alice, "ready")
    await world.until_phase(bob, "ready")
    assert sum(name.startswith("bastionHosts/") for name in world.resources()) == 1
    world.connect(bob, minutes=300, user="bob")
    await world.commands.retire(ALICE, alice, "", match=None)
    await world.until_phase(alice, "gone", minutes=60)
    assert world.resources().keys() >= DOOR
    assert "virtualMachines/jb-main_bob-vm" in world.resources()


async def test_a_kept_address_outlives_the_door_and_not_the_stack() -> None:
    world = World()
    where = await world.ask(keep_public_ip=True)
    await world.until_phase(where, "ready")
    address = world.resources()["publicIPAddresses/jb-main-bastion-ip"]["properties"]["ipAddress"]
    await world.until_phase(where, "warm", hours=2)
    await world.pass_by(minutes=20)
    assert "bastionHosts/jb-main-bastion" not in world.resources()
    await world.commands.wake(ALICE, where, 1, "", match=None, key=None)
    await world.until_phase(where, "ready")
    assert world.resources()["publicIPAddresses/jb-main-bastion-ip"]["properties"]["ipAddress"] == address
    await world.commands.retire(ALICE, where, "", match=None)
    await world.pass_by(minutes=60)
    assert world.resources() == {}


@pytest.mark.parametrize("outbound", list(Outbound))
async def test_a_box_with_a_key_is_ready_whatever_its_way_out(outbound: Outbound) -> None:
    world = World()
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7cF3pTzO3b5pLkZr0hYQb3mC9j7sZlQy1m4xN5d0aB alice"
    where = await world.ask(login=Login.KEY, ssh_public_key=key, outbound=outbound)
    await world.until_phase(where, "ready")
    world.connect(where)
    names = world.resources().keys()
    assert ("natGateways/jb-main-nat" in names) is (outbound is Outbound.NAT)
    assert "virtualMachines/extensions/AADSSHLoginForLinux" not in names
    await world.commands.retire(ALICE, where, "", match=None)
    await world.pass_by(minutes=60)
    assert world.resources() == {}


async def test_a_box_asked_for_in_the_night_opens_for_a_while_and_is_then_parked() -> None:
    world = World(start=World().start.replace(hour=23))
    where = await world.ask(hours=24)
    await world.until_phase(where, "ready", minutes=30)
    await world.until_phase(where, "parked", hours=4)


async def test_a_steady_stack_makes_no_mutation_and_one_status_write_per_look() -> None:
    world = World()
    where = await world.ask(hours=100, schedule="always")
    await world.until_phase(where, "warm", hours=2)
    await world.pass_by(hours=2)
    before, passes = len(_mutations(world)), world.passes
    versions = {row.etag for row in await world.tables.query(Table.STACKS, "main")}
    await world.pass_by(hours=6)
    assert _mutations(world)[before:] == []
    assert world.passes - passes <= 20
    changed = [row for row in await world.tables.query(Table.STACKS, "main") if row.etag not in versions]
    assert [row.key for row in changed] == ["status"]


def _mutations(world: World) -> list[str]:
    found = []
    for line in world.arm.traffic.lines():
        said = json.loads(line)
        if said["method"] != "GET" and "Sessions" not in said["url"]:
            found.append(f"{said['method']} {said['url'].split('?')[0]}")
    return found


async def test_with_all_timers_dead_messages_alone_keep_the_life_going() -> None:
    world = World(timers=False)
    where = await world.ask(hours=2)
    await world.until_phase(where, "ready", minutes=30)
    await world.until_phase(where, "gone", hours=4)
    await world.pass_by(minutes=30)
    assert world.resources() == {}


async def test_a_warning_says_how_to_keep_the_box_and_its_link_does_so_once() -> None:
    world = World()
    where = await world.ask(hours=1)
    known = await world.until_phase(where, "ready")
    assert known.first_ready_at is not None
    await world.pass_until(known.first_ready_at + timedelta(minutes=50))
    (told,) = await world.notices("warning")
    assert "To keep it: extend main/alice" in str(told.values["text"])
    keep = Keep("main", "alice", str(told.values["incarnation"]), str(told.values["deadline"]), world.now)
    await world.commands.keep(keep)
    with pytest.raises(Taken, match="used already"):
        await world.commands.keep(keep)
    await world.pass_until(known.first_ready_at + timedelta(hours=2, minutes=40))
    assert world.resources()
    await world.pass_until(known.first_ready_at + timedelta(hours=4))
    assert world.resources() == {}


async def test_who_was_told_of_the_end_is_told_when_it_has_come() -> None:
    world = World()
    where = await world.ask(hours=100)
    await world.until_phase(where, "ready")
    world.connect(where, minutes=60 * 24)
    await world.pass_until(world.start.replace(hour=21))
    assert [row.values["kind"] for row in await world.notices("closed")] == ["closed"]
    assert "outside the hours" in str((await world.notices("closed"))[0].values["text"])


async def test_a_link_keeps_a_session_over_the_closing_limit() -> None:
    world = World()
    where = await world.ask(hours=100)
    await world.until_phase(where, "ready")
    session = world.connect(where, minutes=60 * 24)
    await world.pass_until(world.start.replace(hour=20, minute=20))
    (told,) = [row for row in await world.notices("warning") if row.values["deadline"] == "cut"]
    until = world.start.replace(hour=20, minute=30)
    await world.commands.keep(Keep("main", "alice", str(told.values["incarnation"]), "cut", until))
    await world.pass_until(world.start.replace(hour=22, minute=25))
    assert session.ended_at is None
    assert await world.notices("closed") == []


async def test_a_stack_that_cuts_closes_at_the_announced_time_and_its_neighbour_waits() -> None:
    world = World(environment={"STACKS": json.dumps({"lab": {"closing": "cut", "idleMinutes": 60}})})
    lab, main = await world.ask(stack="lab", hours=100), await world.ask(hours=100)
    await world.until_phase(lab, "ready")
    await world.until_phase(main, "ready")
    cut, spared = world.connect(lab, minutes=24 * 60), world.connect(main, minutes=24 * 60)
    await world.pass_until(world.start.replace(hour=18, minute=20))
    assert [row.values["stack"] for row in await world.notices("warning")] == ["lab"]
    await world.pass_until(world.start.replace(hour=18, minute=50))
    assert cut.ended_at is not None
    assert spared.ended_at is None


async def test_a_stack_has_an_idle_limit_of_its_own() -> None:
    world = World(environment={"STACKS": json.dumps({"lab": {"idleMinutes": 90}})})
    lab, main = await world.ask(stack="lab", hours=100), await world.ask(hours=100)
    known = await world.until_phase(lab, "ready")
    await world.until_phase(main, "ready")
    await world.pass_by(minutes=50)
    assert await world.phase(main) == "warm"
    assert await world.phase(lab) == "ready"
    assert known.ready_at is not None
    await world.pass_until(known.ready_at + timedelta(minutes=95))
    assert await world.phase(lab) == "warm"
