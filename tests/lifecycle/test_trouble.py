"""Azure refuses, forgets and fails; people meddle: the box still gets where it should, or says why not."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from lifecycle.commands import Where
from lifecycle.ports import Table
from sandbox.arm.switches import Switches
from tests.world.harness import ALICE, World

ALICES = Where("main", "alice")
VM = "virtualMachines/jb-main_alice-vm"
BASTION = "bastionHosts/jb-main-bastion"


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        ("lost-reply", "PUT .*bastionHosts"),
        ("lost-reply", "PUT .*virtualMachines/[^/]+$"),
        ("no-connection", "PUT .*virtualNetworks"),
        ("server-error", "GET .*operations"),
        ("throttled-seconds", "PUT .*networkSecurityGroups"),
        ("throttled-date", "PUT .*publicIPAddresses"),
        ("html", "PUT .*networkInterfaces"),
        ("operation-expired", "GET .*operations"),
        ("late-failed:InternalServerError", "PUT .*bastionHosts"),
        ("late-canceled", "PUT .*virtualMachines/[^/]+$"),
        ("stale", "GET .*bastionHosts"),
        ("refuse:AnotherOperationInProgress", "PUT .*virtualNetworks"),
        ("sessions-error", "POST .*getActiveSessions"),
        ("sessions-array", "POST .*getActiveSessions"),
    ],
)
async def test_one_trouble_delays_a_box_and_no_more(kind: str, match: str) -> None:
    world = World()
    world.arm.faults.add(kind, match)
    await world.ask()
    await world.until_phase(ALICES, "ready", hours=3)
    assert len(world.resources()) == 10
    await world.commands.retire(ALICE, ALICES, "", match=None)
    await world.until_phase(ALICES, "gone", hours=3)
    assert world.resources() == {}


@pytest.mark.parametrize("kind", ["lost-reply", "server-error", "late-failed:InternalServerError", "html"])
async def test_trouble_while_taking_down_leaves_nothing_behind(kind: str) -> None:
    world = World()
    await world.ask()
    await world.until_phase(ALICES, "ready")
    world.arm.faults.add(kind, "DELETE", times=3)
    await world.commands.retire(ALICE, ALICES, "", match=None)
    await world.until_phase(ALICES, "gone", hours=4)
    assert world.resources() == {}


async def test_a_machine_that_cannot_be_had_is_told_to_its_owner_and_keeps_no_bastion_billing() -> None:
    world = World(switches=Switches(unavailable_sizes=["Standard_D2s_v5"]))
    await world.ask()
    await world.until_phase(ALICES, "blocked", hours=1)
    told = await world.notices("blocked")
    assert any("SkuNotAvailable" in str(row.values["text"]) for row in told)
    await world.pass_by(minutes=40)
    assert BASTION not in world.resources()
    world.arm.switches.unavailable_sizes.clear()
    await world.until_phase(ALICES, "ready", hours=3)


async def test_a_door_that_cannot_be_had_is_tried_again_and_keeps_no_machine_running_meanwhile() -> None:
    world = World(switches=Switches(bastions_per_region=0))
    await world.ask(hours=24)
    await world.until_phase(ALICES, "blocked", hours=1)
    await world.pass_by(hours=3)
    assert world.truth().get("vm.Standard_D2s_v5", 0.0) < 1
    world.arm.switches.bastions_per_region = 10
    await world.until_phase(ALICES, "ready", hours=3)


async def test_a_door_is_tried_again_though_nothing_else_of_its_box_could_be_had_either() -> None:
    world = World()
    world.arm.faults.add("refuse:ResourceQuotaExceeded", "PUT .*bastionHosts")
    world.arm.faults.add("refuse:RequestDisallowedByPolicy", "PUT .*networkInterfaces")
    await world.ask(schedule="always", hours=24)
    await world.until_phase(ALICES, "blocked", hours=1)
    await world.until_phase(ALICES, "ready", hours=6)


async def test_a_door_that_people_take_away_in_the_portal_is_put_back() -> None:
    world = World()
    await world.ask(schedule="always", hours=24)
    await world.until_phase(ALICES, "ready")
    world.arm.humans.delete(str(world.resources()[BASTION]["id"]))
    await world.pass_by(minutes=20)
    assert BASTION in world.resources()
    assert await world.phase(ALICES) == "ready"


async def test_what_stands_under_our_name_and_is_not_ours_is_never_touched() -> None:
    world = World()
    name = "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Network/publicIPAddresses/jb-main-bastion-ip"
    estate = world.settings.estate
    target = name.format(estate.subscription_id, estate.resource_group)
    body = {
        "location": "westeurope",
        "tags": {"owner": "somebody"},
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    world.arm.humans.add(target, body)
    await world.pass_by(minutes=1)
    before = json.dumps(world.resources()["publicIPAddresses/jb-main-bastion-ip"], sort_keys=True)
    await world.ask(hours=2)
    await world.pass_by(hours=6)
    resources = world.resources()
    assert resources.keys() == {"publicIPAddresses/jb-main-bastion-ip"}
    assert json.dumps(resources["publicIPAddresses/jb-main-bastion-ip"], sort_keys=True) == before


async def test_tags_that_a_policy_adds_are_neither_fought_nor_lost() -> None:
    world = World(switches=Switches(added_tags={"costCenter": "policy"}))
    await world.ask()
    await world.until_phase(ALICES, "ready")
    await world.until_phase(ALICES, "warm", hours=2)
    await world.pass_by(hours=2)
    assert all(body["tags"]["costCenter"] == "policy" for body in world.resources().values())
    assert world.passes < 90


async def test_a_session_list_that_fails_for_a_week_costs_hours_and_not_a_week() -> None:
    world = World(switches=Switches(session_metric="empty"))
    await world.ask(hours=14 * 24)
    await world.until_phase(ALICES, "ready")
    world.arm.faults.add("sessions-error", "getActiveSessions", times=None)
    await world.pass_until(world.start + timedelta(days=7))
    assert world.truth()["bastion.basic"] < 5 * 13 + 5
    assert len(await world.notices("warning")) >= 1


async def test_a_scope_that_is_locked_alerts_and_is_taken_down_once_it_is_free() -> None:
    world = World()
    await world.ask(hours=1)
    await world.until_phase(ALICES, "ready")
    vnet = str(world.resources()["virtualNetworks/jb-main-vnet"]["id"])
    world.arm.humans.lock(vnet)
    await world.pass_by(hours=3)
    assert any("ScopeLocked" in str(row.values["text"]) for row in await world.notices("alert"))
    assert BASTION not in world.resources()
    world.arm.humans.unlock(vnet)
    await world.until_phase(ALICES, "gone", hours=6)
    assert world.resources() == {}


async def test_a_machine_whose_login_cannot_be_installed_does_not_run_for_nothing_and_is_tried_again() -> None:
    world = World()
    world.arm.faults.add("late-failed:VMExtensionProvisioningError", "PUT .*extensions", times=2)
    await world.ask()
    await world.until_phase(ALICES, "blocked", hours=1)
    await world.pass_by(minutes=30)
    assert BASTION not in world.resources()
    assert world.truth()["vm.Standard_D2s_v5"] < 0.5
    await world.until_phase(ALICES, "ready", hours=4)


async def test_a_silent_session_list_keeps_no_idle_door_open_while_the_metric_counts_nobody() -> None:
    world = World()
    await world.ask(hours=24)
    await world.until_phase(ALICES, "ready")
    world.arm.faults.add("sessions-error", "getActiveSessions", times=None)
    await world.pass_by(minutes=70)
    assert BASTION not in world.resources()
    assert await world.notices("alert") == []


async def test_a_silent_session_list_closes_no_door_behind_which_the_metric_counts_somebody() -> None:
    world = World()
    await world.ask(hours=24)
    await world.until_phase(ALICES, "ready")
    world.connect(ALICES, minutes=100)
    world.arm.faults.add("sessions-error", "getActiveSessions", times=None)
    await world.pass_by(minutes=95)
    assert BASTION in world.resources()
    await world.pass_by(minutes=75)
    assert BASTION not in world.resources()


@pytest.mark.parametrize("metric", ["empty", "error"])
async def test_a_door_that_is_open_always_costs_hours_and_not_a_week_when_both_witnesses_are_silent(
    metric: str,
) -> None:
    world = World(switches=Switches(session_metric=metric))
    await world.ask(hours=14 * 24, schedule="always")
    await world.until_phase(ALICES, "ready")
    world.arm.faults.add("sessions-error", "getActiveSessions", times=None)
    await world.pass_until(world.start + timedelta(days=7))
    assert world.truth()["bastion.basic"] < 12 + 2
    assert len(await world.notices("warning")) == 1
    assert len(await world.notices("alert")) == 1
    assert await world.phase(ALICES) == "warm"


async def test_a_machine_that_people_stop_in_the_portal_is_not_started_under_their_hands() -> None:
    world = World()
    await world.ask(hours=100)
    await world.until_phase(ALICES, "ready")
    world.arm.humans.deallocate(str(world.resources()[VM]["id"]))
    await world.pass_by(hours=3)
    assert await world.phase(ALICES) == "parked"
    known = await world.box(ALICES)
    assert known is not None
    assert "stopped from outside" in known.reason
    assert BASTION not in world.resources()
    assert world.truth()["vm.Standard_D2s_v5"] < 0.5
    audit = [row.values async for row in world.tables.scan(Table.AUDIT) if row.values.get("actor") == "somebody"]
    assert [(row["action"], row["outcome"]) for row in audit] == [("stop", "seen by look")]
    await world.commands.wake(ALICE, ALICES, 1, "", match=None, key=None)
    await world.until_phase(ALICES, "ready", hours=1)


async def test_a_machine_that_people_start_in_the_portal_runs_until_the_next_closing_and_is_billed() -> None:
    world = World()
    await world.ask(hours=100)
    await world.until_phase(ALICES, "ready")
    await world.pass_until(world.start.replace(hour=22))
    assert await world.phase(ALICES) == "parked"
    before = world.truth()["vm.Standard_D2s_v5"]
    world.arm.humans.start(str(world.resources()[VM]["id"]))
    await world.pass_by(hours=4)
    assert await world.phase(ALICES) == "warm"
    truth = world.truth()["vm.Standard_D2s_v5"]
    assert truth > before + 3.5
    least, most = (await world.bill())["vm.Standard_D2s_v5"]
    assert least <= truth <= most + 0.001
    await world.pass_until(world.start.replace(hour=19) + timedelta(days=1))
    assert await world.phase(ALICES) == "parked"


async def test_what_azure_is_at_for_hours_is_looked_at_no_oftener_as_the_hours_go_by() -> None:
    world = World()
    world.arm.faults.add("stuck", "PUT .*virtualNetworks")
    await world.ask()
    await world.pass_by(hours=1)
    before = world.passes
    await world.pass_by(minutes=20)
    assert world.passes - before < 20 * 10


async def test_a_refusal_that_stands_in_nobodys_way_any_more_is_forgotten_and_not_looked_after() -> None:
    world = World()
    world.arm.faults.add("refuse:AuthorizationFailed", "PUT .*bastionHosts", times=None)
    where = await world.ask(hours=200)
    await world.until_phase(where, "blocked", hours=2)
    await world.commands.park(ALICE, where, "", match=None)
    await world.pass_by(hours=8)
    assert await world.phase(where) == "parked"
    assert not (await world.stack()).status.value.blocks
    before = world.passes
    await world.pass_by(hours=6)
    assert world.passes - before <= 7, "one an hour"


async def test_a_box_that_is_parked_while_its_machine_is_being_made_is_parked_and_was_started_by_nobody() -> None:
    world = World()
    where = await world.ask(hours=200)
    while "vm!alice" not in (await world.stack()).operations:
        await world.pass_by(seconds=5)
    await world.commands.park(ALICE, where, "", match=None)
    await world.pass_by(minutes=30)
    assert await world.phase(where) == "parked"
    assert (await world.stack()).status.value.boxes["alice"].started_by_hand_at is None


async def test_one_silence_late_in_a_long_operation_delays_its_next_poll_by_seconds_only() -> None:
    world = World()
    await world.ask()
    await world.pass_by(minutes=5)
    silence = world.arm.faults.add("server-error", "GET .*operation")
    await world.until_phase(ALICES, "ready", hours=1)
    assert silence.hits == 1
    assert world.now - world.start < timedelta(minutes=18)


async def test_after_a_refusal_nothing_is_asked_of_azure_until_it_is_tried_again() -> None:
    world = World()
    world.arm.faults.add("refuse:AuthorizationFailed", "PUT .*virtualNetworks")
    await world.ask()
    await world.until_phase(ALICES, "blocked", hours=1)
    await world.pass_by(minutes=30)
    assert world.requests()[-1].startswith("PUT ")
    await world.until_phase(ALICES, "ready", hours=2)


async def test_operators_are_told_once_when_neither_witness_tells_who_is_connected() -> None:
    world = World()
    await world.ask(schedule="always", hours=24)
    await world.until_phase(ALICES, "ready")
    world.connect(ALICES, minutes=600)
    world.arm.faults.add("sessions-error", "getActiveSessions", times=None)
    await world.pass_by(hours=2)
    assert not await world.notices("alert")
    world.arm.faults.add("server-error", "GET .*metrics", times=None)
    await world.pass_by(minutes=25)
    assert not await world.notices("alert")
    await world.pass_by(hours=3)
    (told,) = await world.notices("alert")
    assert "nobody can tell who is connected" in str(told.values["text"])


async def test_a_refusal_of_what_nobody_needs_before_the_morning_is_forgotten_when_it_could_be_tried_again() -> None:
    world = World()
    await world.ask(hours=48)
    await world.pass_until(world.start.replace(hour=17, minute=30))
    await world.commands.wake(ALICE, ALICES, 0.5, "", match=None, key=None)
    await world.until_phase(ALICES, "ready")
    while "bastionHosts/jb-main-bastion" in world.resources():
        await world.pass_by(seconds=20)
        seen = world.resources().get("bastionHosts/jb-main-bastion", {})
        if seen.get("properties", {}).get("provisioningState") == "Deleting" and not world.arm.faults.shown():
            world.arm.faults.add("late-failed:AllocationFailed", "PUT .*frontend-nsg", minutes=600)
    await world.until_phase(ALICES, "blocked", minutes=10)
    await world.until_phase(ALICES, "parked", minutes=100)
    await world.pass_until(world.start + timedelta(hours=23))
    await world.until_phase(ALICES, "ready", minutes=30)
