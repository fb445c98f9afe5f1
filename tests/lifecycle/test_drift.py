"""What people change or delete by hand is told, mended where it can be, and never confused with what we do."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from lifecycle import troubles
from lifecycle.commands import Where
from lifecycle.model import Drift
from lifecycle.ports import Table
from tests.world.harness import ALICE, World

ALICES = Where("main", "alice")
FRONTEND = "networkSecurityGroups/jb-main-frontend-nsg"
BASTION = "bastionHosts/jb-main-bastion"


async def ready() -> World:
    world = World()
    await world.ask(schedule="always", hours=100)
    await world.until_phase(ALICES, "ready")
    return world


async def drifts(world: World) -> dict[str, Drift]:
    return dict((await world.stack()).status.value.drifts)


def said(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    return [json.loads(record.getMessage()) for record in caplog.records if record.name == "lifecycle.events"]


def change(world: World, name: str, body: dict[str, Any]) -> None:
    """Have somebody write a resource anew, as it is but for some properties."""
    there = world.resources()[name]
    properties = {**there["properties"], **body}
    world.arm.humans.add(str(there["id"]), {**there, "properties": properties})


async def test_a_door_that_somebody_deletes_is_told_put_back_and_told_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lifecycle.events")
    world = await ready()
    world.connect(ALICES, minutes=600)
    await world.pass_by(minutes=2)
    assert await drifts(world) == {}
    caplog.clear()
    world.arm.humans.delete(str(world.resources()[BASTION]["id"]))
    await world.pass_by(minutes=6)
    found = (await drifts(world))["bastion"]
    assert (found.what, found.mended_at) == ("deleted", None)
    assert [row.key for row in await troubles.read(world.tables, troubles.STACK)] == ["main"]
    await world.pass_by(minutes=14)
    assert BASTION in world.resources()
    mended = (await drifts(world))["bastion"]
    assert mended.mended_at is not None
    assert await troubles.read(world.tables, troubles.STACK) == []
    events = [(event["event"], event["part"]) for event in said(caplog)]
    assert events == [("drift.found", "bastion"), ("drift.mended", "bastion")]


async def test_rules_that_somebody_changes_are_told_and_put_right() -> None:
    world = await ready()
    world.connect(ALICES, minutes=600)
    rules = world.resources()[FRONTEND]["properties"]["securityRules"]
    wide = [{**rule, "properties": {**rule["properties"], "access": "Allow"}} for rule in rules]
    change(world, FRONTEND, {"securityRules": wide})
    await world.pass_by(minutes=65)
    drift = (await drifts(world))["nsg-frontend"]
    assert drift.what == "properties.securityRules"
    assert drift.mended_at is not None
    now = {
        rule["name"]: rule["properties"]["access"]
        for rule in world.resources()[FRONTEND]["properties"]["securityRules"]
    }
    assert now["deny-ssh-rdp-in"] == "Deny"


async def test_tags_and_rules_that_others_add_are_no_drift_and_stay() -> None:
    world = await ready()
    there = world.resources()[FRONTEND]
    world.arm.humans.retag(str(there["id"]), {**there["tags"], "colour": "blue"})
    rule = {
        "name": "theirs",
        "properties": {
            "priority": 4000,
            "direction": "Inbound",
            "access": "Deny",
            "protocol": "*",
            "sourceAddressPrefix": "*",
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRange": "1234",
        },
    }
    change(world, FRONTEND, {"securityRules": [*there["properties"]["securityRules"], rule]})
    before = len(world.mutations())
    await world.pass_by(minutes=20)
    assert await drifts(world) == {}
    assert len(world.mutations()) == before
    assert world.resources()[FRONTEND]["tags"]["colour"] == "blue"


async def test_our_own_tags_taken_off_are_told_and_the_part_is_left_alone() -> None:
    world = await ready()
    world.arm.humans.retag(str(world.resources()[FRONTEND]["id"]), {"colour": "blue"})
    await world.pass_by(minutes=65)
    drift = (await drifts(world))["nsg-frontend"]
    assert (drift.what, drift.mended_at) == ("tags", None)
    assert world.resources()[FRONTEND]["tags"] == {"colour": "blue"}


async def test_a_whole_life_of_ours_holds_nothing_that_somebody_else_did(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lifecycle.events")
    world = World()
    where = await world.ask(hours=30)
    await world.until_phase(where, "ready")
    await world.pass_by(hours=26)
    await world.commands.retire(ALICE, where, "", match=None)
    await world.until_phase(where, "gone", hours=2)
    assert world.resources() == {}
    assert [event for event in said(caplog) if event["event"].startswith("drift")] == []
    assert [row async for row in world.tables.scan(Table.TROUBLES)] == []


async def test_the_index_of_troubled_stacks_is_put_right_at_night() -> None:
    world = await ready()
    await troubles.note(world.tables, "nobody", world.now)
    world.arm.humans.retag(str(world.resources()[FRONTEND]["id"]), {})
    await world.pass_by(minutes=65)
    row = await troubles.entry(world.tables, "main")
    assert row is not None
    await troubles.drop(world.tables, troubles.STACK, row)
    await world.sweeps.nightly()
    assert [row.key for row in await troubles.read(world.tables, troubles.STACK)] == ["main"]


async def test_a_stack_that_is_late_and_one_that_is_blocked_are_told_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.arm.faults.add("refuse:SkuNotAvailable", "PUT .*virtualMachines/[^/]+$", times=1)
    await world.ask(hours=30)
    await world.until_phase(ALICES, "blocked", hours=1)
    world.deaf.add("main")
    await world.pass_by(hours=3)
    events = {(event["event"], event["stack"], event.get("code")) for event in said(caplog)}
    assert events >= {("stack.blocked", "main", "SkuNotAvailable"), ("stack.overdue", "main", None)}
    world.deaf.clear()
    await world.until_phase(ALICES, "ready", hours=3)
    assert await troubles.read(world.tables, troubles.STACK) == []


async def test_a_name_that_somebody_else_has_taken_is_told_of_and_looked_at_until_it_is_free() -> None:
    world = World()
    group = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-jumpboxes"
    taken = f"{group}/providers/Microsoft.Network/networkSecurityGroups/jb-main-frontend-nsg"
    world.arm.humans.add(taken, {"location": "westeurope", "properties": {}})
    where = await world.ask(hours=48, schedule="always")
    known = await world.until_phase(where, "blocked", minutes=10)
    assert "networkSecurityGroups/jb-main-frontend-nsg exists and does not carry our tags" in known.reason
    await world.pass_by(hours=3)
    world.arm.humans.delete(taken)
    await world.until_phase(where, "ready", minutes=90)
