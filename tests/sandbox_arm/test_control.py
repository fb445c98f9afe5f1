"""The control side over HTTP, and the plain-HTTP door of ARM itself."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sandbox.arm.server import LARGEST_BODY, application
from sandbox.arm.wire import parse_instant, stamp
from tests.sandbox_arm.place import LOCATION, NETWORK, START, Place, bastion_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

TOKEN = {"Authorization": "Bearer secret-token"}
ADDRESS: Any = {"location": LOCATION, "properties": {}}


class FakeHost:
    """An app's host with things to do at certain instants; it may be dead."""

    def __init__(self) -> None:
        self.hops: list[datetime] = []
        self.due: list[datetime] = []
        self.always_due = False
        self.dead = False

    async def answer(self, request: web.Request) -> web.Response:
        if self.dead:
            raise web.HTTPServiceUnavailable
        now = parse_instant((await request.json())["now"])
        self.hops.append(now)
        self.due = [at for at in self.due if at > now]
        due_at = now if self.always_due else min(self.due, default=None)
        return web.json_response({"nextDueAt": stamp(due_at) if due_at else None, "quiet": True})


@pytest.fixture
async def host() -> AsyncIterator[tuple[FakeHost, str]]:
    fake = FakeHost()
    app = web.Application()
    app.router.add_post("/admin/sandbox/hop", fake.answer)
    async with TestServer(app) as server:
        yield fake, str(server.make_url("/"))


@pytest.fixture
async def door(place: Place, host: tuple[FakeHost, str]) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(application(place.arm, place.clock, host[1]))) as client:
        yield client


async def post(door: TestClient[Any, Any], path: str, body: Any) -> tuple[int, Any]:
    answer = await door.post(f"/sandbox/{path}", json=body)
    return answer.status, await answer.json(content_type=None)


async def get(door: TestClient[Any, Any], path: str) -> Any:
    return await (await door.get(f"/sandbox/{path}")).json(content_type=None)


async def test_the_clock_tells_instants_in_utc(door: TestClient[Any, Any]) -> None:
    assert await get(door, "clock") == {"now": "2026-11-23T09:00:00Z", "speed": 1, "running": True}
    status, body = await post(door, "clock", {"speed": 120})
    assert (status, body) == (200, {"now": "2026-11-23T09:00:00Z", "speed": 120, "teleported": 0})


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"speed": 0},
        {"speed": "fast"},
        {"advanceMinutes": -1},
        {"advanceMinutes": True},
        {"advanceMinutes": 1e9},
        {"now": "2026-11-23T08:00:00Z"},
        {"now": "2026-11-23T10:00:00"},
        {"now": "soon"},
        {"now": "2027-12-31T00:00:00Z"},
        {"now": "2026-11-23T10:00:00Z", "advanceMinutes": 1},
    ],
)
async def test_bad_input_to_the_clock_is_a_400_with_a_message(door: TestClient[Any, Any], body: Any) -> None:
    status, answer = await post(door, "clock", body)
    assert status == 400
    assert answer["error"]["message"]


async def test_advancing_hops_to_every_instant_at_which_arm_or_the_host_has_something_due(
    place: Place, door: TestClient[Any, Any], host: tuple[FakeHost, str]
) -> None:
    await place.ground()
    began_at = place.clock.now()
    await place.send("PUT", f"{NETWORK}/bastionHosts/bastion", bastion_body())
    ready_at = place.arm.next_due_at(began_at)
    fake, _ = host
    fake.due = [began_at + timedelta(minutes=3), began_at + timedelta(minutes=90)]
    status, body = await post(door, "clock", {"advanceMinutes": 60})
    goal = began_at + timedelta(minutes=60)
    assert (status, body["teleported"]) == (200, 0)
    assert parse_instant(body["now"]) == goal
    assert fake.hops == [began_at, began_at + timedelta(minutes=3), ready_at, goal]


async def test_a_host_that_is_always_due_is_asked_a_bounded_number_of_times(
    door: TestClient[Any, Any], host: tuple[FakeHost, str]
) -> None:
    fake, _ = host
    fake.always_due = True
    _, body = await post(door, "clock", {"advanceMinutes": 1})
    assert parse_instant(body["now"]) == START + timedelta(minutes=1)
    assert sorted(set(fake.hops)) == [START, START + timedelta(seconds=30), START + timedelta(minutes=1)]
    assert len(fake.hops) <= 3 * 21


async def test_a_dead_host_does_not_stop_the_clock(
    place: Place, door: TestClient[Any, Any], host: tuple[FakeHost, str]
) -> None:
    host[0].dead = True
    _, body = await post(door, "clock", {"now": "2026-11-23T12:00:00Z"})
    assert body["now"] == "2026-11-23T12:00:00Z"
    assert place.arm.now == START + timedelta(hours=3)


async def test_resources_are_full_bodies_from_acceptance_to_the_end_of_the_delete(
    place: Place, door: TestClient[Any, Any]
) -> None:
    await place.box()
    body = await get(door, "resources")
    kinds = sorted(each["type"].partition("/")[2] for each in body["value"])
    assert kinds == [
        "bastionHosts",
        "disks",
        "networkInterfaces",
        "networkSecurityGroups",
        "networkSecurityGroups",
        "publicIPAddresses",
        "virtualMachines",
        "virtualNetworks",
    ]
    (vnet,) = [each for each in body["value"] if each["type"] == "Microsoft.Network/virtualNetworks"]
    assert [each["name"] for each in vnet["properties"]["subnets"]] == ["boxes", "AzureBastionSubnet"]
    await place.send("DELETE", f"{NETWORK}/bastionHosts/bastion")
    (bastion,) = [each for each in (await get(door, "resources"))["value"] if "bastionHosts" in each["type"]]
    assert bastion["properties"]["provisioningState"] == "Deleting"
    await post(door, "clock", {"advanceMinutes": 10})
    assert "bastionHosts" not in json.dumps([each["type"] for each in (await get(door, "resources"))["value"]])


async def test_sessions_open_by_name_or_say_why_not(place: Place, door: TestClient[Any, Any]) -> None:
    who = {"bastion": "bastion", "vm": "vm", "user": "ada", "protocol": "SSH", "minutes": 30}
    status, body = await post(door, "sessions", who)
    assert status == 403
    assert "no Bastion" in body["error"]["message"]
    await place.box()
    status, session = await post(door, "sessions", who)
    assert (status, session["user"], session["protocol"]) == (201, "ada", "SSH")
    assert [each["id"] for each in (await get(door, "sessions"))["value"]] == [session["id"]]
    assert (await door.delete(f"/sandbox/sessions/{session['id']}")).status == 204
    assert (await door.delete(f"/sandbox/sessions/{session['id']}")).status == 404
    assert (await get(door, "sessions"))["value"] == []
    assert (await get(door, "sessions?all=1"))["value"][0]["ending"] == "the person hung up"
    assert (await post(door, "sessions", {**who, "minutes": 0}))[0] == 400


async def test_meters_show_intervals_with_hours(place: Place, door: TestClient[Any, Any]) -> None:
    await place.address()
    await post(door, "clock", {"advanceMinutes": 59})
    (row,) = (await get(door, "meters"))["value"]
    assert row == {
        "resource": f"{NETWORK}/publicIPAddresses/pip",
        "meter": "ip.standard",
        "from": "2026-11-23T09:00:00Z",
        "to": None,
        "hours": 1.0,
    }


async def test_faults_are_asked_for_listed_and_cleared(door: TestClient[Any, Any]) -> None:
    asked = {"kind": "server-error", "match": "GET .*virtualNetworks", "times": 1, "probability": 1}
    assert (await post(door, "faults", asked))[0] == 201
    (listed,) = (await get(door, "faults"))["value"]
    assert asked.items() <= listed.items()
    for _ in range(2):
        await door.get(f"{NETWORK}/virtualNetworks?api-version=2024-03-01", headers=TOKEN)
    assert (await door.delete("/sandbox/faults")).status == 204
    assert (await get(door, "faults"))["value"] == []
    for wrong in ({"kind": "nothing"}, {**asked, "times": 0}, {**asked, "probability": 2}, {**asked, "match": "("}):
        assert (await post(door, "faults", wrong))[0] == 400


async def test_switches_are_shown_and_thrown(door: TestClient[Any, Any]) -> None:
    assert (await get(door, "switches"))["billingQuantum"] == "second"
    status, body = await post(door, "switches", {"billingQuantum": "hour"})
    assert (status, body["billingQuantum"]) == (200, "hour")
    assert (await post(door, "switches", {"nothing": 1}))[0] == 400


async def test_people_act_through_the_control_side(place: Place, door: TestClient[Any, Any]) -> None:
    address = f"{NETWORK}/publicIPAddresses/pip"
    assert (await post(door, "humans", {"act": "add", "id": address, "body": ADDRESS}))[0] == 200
    assert (await post(door, "humans", {"act": "retag", "id": address, "tags": {"a": "b"}}))[0] == 200
    found = place.arm.cloud.store.get(address)
    assert found is not None
    assert found.body["tags"] == {"a": "b"}
    assert (await post(door, "humans", {"act": "delete", "id": address}))[0] == 200
    for wrong in ({"act": "delete", "id": address}, {"act": "dance", "id": address}, {"act": "add", "id": "nothing"}):
        assert (await post(door, "humans", wrong))[0] == 400


async def test_traffic_tells_exchanges_with_arm_without_credentials(place: Place, door: TestClient[Any, Any]) -> None:
    path = f"{NETWORK}/publicIPAddresses/pip?api-version=2024-03-01"
    await door.put(path, headers=TOKEN, json=ADDRESS)
    place.arm.faults.add("outage")
    await door.get(path, headers=TOKEN)
    answer = await door.get("/sandbox/traffic")
    text = await answer.text()
    first, second = (json.loads(line) for line in text.splitlines())
    assert (first["method"], first["status"], first["injected"]) == ("PUT", 201, False)
    assert first["request_body"] == ADDRESS
    assert first["response_body"]["name"] == "pip"
    assert "azure-asyncoperation" in first["response_headers"]
    assert first["url"].startswith(str(door.make_url("/")))
    assert parse_instant(first["ts"]) == START
    assert (second["status"], second["injected"]) == (503, True)
    assert "secret-token" not in text


async def test_operation_urls_lead_back_to_the_door_they_came_from(door: TestClient[Any, Any]) -> None:
    path = f"{NETWORK}/publicIPAddresses/pip?api-version=2024-03-01"
    answer = await door.put(path, headers=TOKEN, json=ADDRESS)
    url = answer.headers["Azure-AsyncOperation"]
    assert url.startswith(str(door.make_url("/")))
    async with aiohttp.ClientSession() as session, session.get(url, headers=TOKEN) as poll:
        assert await poll.json() == {"status": "InProgress"}


async def test_a_delete_of_nothing_is_an_empty_204(door: TestClient[Any, Any]) -> None:
    answer = await door.delete(f"{NETWORK}/publicIPAddresses/pip?api-version=2024-03-01", headers=TOKEN)
    assert (answer.status, await answer.read()) == (204, b"")


@pytest.mark.parametrize("kind", ["lost-reply", "no-connection"])
async def test_a_dropped_exchange_breaks_the_connection(place: Place, door: TestClient[Any, Any], kind: str) -> None:
    place.arm.faults.add(kind)
    with pytest.raises(aiohttp.ClientError):
        await door.put(f"{NETWORK}/publicIPAddresses/pip?api-version=2024-03-01", headers=TOKEN, json=ADDRESS)
    assert len(place.arm.cloud.store) == (1 if kind == "lost-reply" else 0)


async def test_a_body_that_is_too_large_is_refused(door: TestClient[Any, Any]) -> None:
    answer = await door.post("/sandbox/humans", data=b"x" * (LARGEST_BODY + 1))
    assert answer.status == 413


async def test_unknown_control_paths_are_a_404_in_json(door: TestClient[Any, Any]) -> None:
    answer = await door.get("/sandbox/nothing")
    assert answer.status == 404
    assert "error" in await answer.json()
    assert (await door.delete("/sandbox/clock")).status == 405
    assert (await door.get("/sandbox/health")).status == 200
