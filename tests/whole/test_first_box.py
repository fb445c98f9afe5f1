"""The main job, end to end, through real processes, real storage and the real Azure clients over HTTP."""

from __future__ import annotations

import asyncio

import pytest

from tests.whole.conftest import Town

pytestmark = pytest.mark.sandbox

PARTS = {
    "networkSecurityGroups/jb-main-frontend-nsg",
    "networkSecurityGroups/jb-main-bastion-nsg",
    "virtualNetworks/jb-main-vnet",
    "publicIPAddresses/jb-main-bastion-ip",
    "bastionHosts/jb-main-bastion",
    "networkInterfaces/jb-main_alice-nic",
    "virtualMachines/jb-main_alice-vm",
    "virtualMachines/extensions/AADSSHLoginForLinux",
    "disks/jb-main_alice-osdisk",
    "schedules/shutdown-computevm-jb-main_alice-vm",
}
DOOR = {"publicIPAddresses/jb-main-bastion-ip", "bastionHosts/jb-main-bastion"}
SLACK_HOURS = 0.4


async def test_a_box_is_made_used_left_alone_parked_woken_and_retired_and_the_books_are_right(town: Town) -> None:
    status, box, headers = await town.say("POST", "jumpboxes", {"hours": 100, "reason": "a first look"})
    assert status == 202
    assert headers["Location"] == "/api/jumpboxes/main/alice"
    assert box["phase"] == "building"
    await town.until("main/alice", "ready")
    assert (await town.resources()).keys() == PARTS

    assert await town.connect("alice", minutes=60) == 201
    await town.advance(55)
    assert (await town.resources()).keys() >= DOOR
    await town.advance(5 + 30 + 20)
    standing = await town.resources()
    assert not standing.keys() & DOOR
    assert (await town.box("main/alice"))["phase"] == "warm"
    await town.check_books(SLACK_HOURS)

    await town.control(
        "POST", "clock", {"now": "2026-11-23T20:00:00Z"} if await _is_monday(town) else {"advanceMinutes": 600}
    )
    await town.until("main/alice", "parked")
    await town.check_books(SLACK_HOURS)

    status, _, _ = await town.say("POST", "jumpboxes/main/alice/wake", {"hours": 2})
    assert status == 202
    await town.until("main/alice", "ready")
    assert await town.connect("alice", minutes=10) == 201

    status, _, _ = await town.say("DELETE", "jumpboxes/main/alice")
    assert status == 202
    await town.until("main/alice", "gone")
    await town.advance(20)
    assert await town.resources() == {}
    await town.check_books(SLACK_HOURS)


async def _is_monday(town: Town) -> bool:
    return str((await town.control("GET", "clock"))["now"]).startswith("2026-11-23")


async def test_a_killed_app_finishes_what_it_began_and_makes_nothing_twice(town: Town) -> None:
    await town.say("POST", "jumpboxes", {"hours": 8}, **{"Idempotency-Key": "one"})
    for pause in (0.1, 0.4, 1.0):
        await asyncio.sleep(pause)
        before = town.sandbox.app_pid
        town.sandbox.kill_app()
        await town.sandbox.until_app_is_back(before)
    await town.say("POST", "jumpboxes", {"hours": 8}, **{"Idempotency-Key": "one"})
    for _ in range(200):
        if (await town.box("main/alice"))["phase"] == "ready":
            break
        await asyncio.sleep(1)
    assert (await town.box("main/alice"))["phase"] == "ready"
    assert (await town.resources()).keys() == PARTS
    _, listed, _ = await town.say("GET", "jumpboxes")
    assert [box["name"] for box in listed["value"]] == ["alice"]


async def test_nobody_and_nonsense_are_refused_and_nothing_is_made(town: Town) -> None:
    assert (await town.say("GET", "jumpboxes", who=None))[0] == 401
    assert (await town.say("GET", "jumpboxes", who=None, **{"X-MS-CLIENT-PRINCIPAL": "e30="}))[0] == 401
    assert (await town.say("POST", "jumpboxes", {}, who="rita:reader"))[0] == 403
    status, said, headers = await town.say("POST", "jumpboxes", {"hours": 9999})
    assert (status, said["errors"][0]["field"]) == (422, "hours")
    assert headers["Content-Type"].startswith("application/problem+json")
    assert (await town.say("POST", "jumpboxes", {"colour": "blue"}))[0] == 400
    assert (await town.say("POST", "jumpboxes", {"reason": "x" * 70_000}))[0] == 413
    assert (await town.say("GET", "jumpboxes/main/nobody"))[0] == 404
    assert await town.resources() == {}
