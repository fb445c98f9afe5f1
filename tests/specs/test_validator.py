"""The validator lets pass what Microsoft declares, and names the place of what it does not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from sandbox.arm.wire import Request, Response
from tests.recordings.recorded import FOLDER as RECORDINGS
from tests.recordings.recorded import read, recordings
from tests.sandbox_arm.place import START, Place
from tests.specs import openapi
from tests.specs.validator import problems
from tests.specs.watch import Watch

pytestmark = pytest.mark.skipif(
    not openapi.present(), reason=f"there are no OpenAPI files at {openapi.FOLDER} (SHARED_DIR names another place)"
)

GROUP = "https://x/subscriptions/s/resourceGroups/g"
BASTION = f"{GROUP}/providers/Microsoft.Network/bastionHosts/b"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/m"
POLL = "https://x/subscriptions/s/providers/Microsoft.Network/locations/l/operations/o"
PROMISED = {"azure-asyncoperation": f"{POLL}?api-version=2024-03-01"}


def exchange(method: str, url: str, status: int, body: Any = None, **more: Any) -> dict[str, Any]:
    made = {"method": method, "url": f"{url}?api-version=2024-03-01", "status": status, "response_body": body}
    return {**made, "request_body": None, "response_headers": {}, "injected": False, **more}


def bastion(**properties: Any) -> dict[str, Any]:
    configuration = {"name": "ip", "properties": {"privateIPAllocationMethod": "Dynamic", "subnet": {"id": "/s"}}}
    shown = {"provisioningState": "Succeeded", "scaleUnits": 2, "ipConfigurations": [configuration]}
    return {"name": "b", "location": "westeurope", "sku": {"name": "Basic"}, "properties": {**shown, **properties}}


def refusal(**more: Any) -> dict[str, Any]:
    return {"error": {"code": "NotFound", "message": "Not there.", "details": [], **more}}


GOOD = [
    exchange("GET", BASTION, 200, bastion()),
    exchange("GET", BASTION, 404, refusal()),
    exchange("PUT", BASTION, 201, bastion(provisioningState="Updating"), response_headers=PROMISED),
    exchange("DELETE", BASTION, 202, response_headers={"location": POLL}),
    exchange("DELETE", BASTION, 204),
    exchange("GET", POLL, 200, {"status": "InProgress"}),
    exchange("GET", MACHINE, 200, {"location": "westeurope", "etag": '"1"'}),
    exchange("get", BASTION.replace("resourceGroups", "RESOURCEGROUPS"), 200, bastion()),
]

WRONG = [
    ("an unknown property", exchange("GET", BASTION, 200, bastion(scaleUnit=2)), "$.properties.scaleUnit:"),
    ("a wrong type", exchange("GET", BASTION, 200, bastion(scaleUnits="2")), "$.properties.scaleUnits:"),
    ("a truth for a number", exchange("GET", BASTION, 200, bastion(scaleUnits=True)), "$.properties.scaleUnits:"),
    ("no object", exchange("GET", BASTION, 200, bastion(ipConfigurations=[1])), "$.properties.ipConfigurations[0]:"),
    ("no list", exchange("GET", BASTION, 200, bastion(ipConfigurations={})), "$.properties.ipConfigurations:"),
    ("a list as a body", exchange("GET", BASTION, 200, [bastion()]), "$:"),
    ("an enum's unlisted value", exchange("GET", BASTION, 200, {**bastion(), "sku": {"name": "Gold"}}), "$.sku.name:"),
    ("an unlisted state", exchange("GET", BASTION, 200, bastion(provisioningState="Done")), "$.properties.prov"),
    ("an undeclared status", exchange("PUT", BASTION, 204, bastion()), "status: 204"),
    ("a missing property", exchange("GET", MACHINE, 200, {"name": "m"}), "$.location:"),
    ("a missing body", exchange("GET", BASTION, 200), "$: there is no body"),
    ("a write that promises nothing", exchange("PUT", BASTION, 201, bastion(provisioningState="Updating")), "header"),
    ("a deletion that promises nothing", exchange("DELETE", BASTION, 202), "header location:"),
    ("an update that promises nothing", exchange("PUT", BASTION, 200, bastion(provisioningState="Updating")), "header"),
    ("a refusal without its envelope", exchange("GET", BASTION, 404, {"code": "NotFound"}), "$.code:"),
    ("a refusal with an unknown part", exchange("GET", BASTION, 404, refusal(why="so")), "$.error.why:"),
    ("a state of an operation", exchange("GET", POLL, 200, {"status": "Almost"}), "$.status:"),
    ("an unknown path", exchange("GET", f"{GROUP}/providers/Microsoft.Network/dreams/d", 200, {}), "path:"),
    (
        "an unknown property in what was accepted",
        exchange("PUT", BASTION, 201, bastion(), request_body=bastion(size=1), response_headers=PROMISED),
        "request $.properties.size:",
    ),
]


@pytest.mark.parametrize("good", GOOD, ids=lambda each: f"{each['method']} {each['status']}")
def test_what_microsoft_declares_passes(good: dict[str, Any]) -> None:
    assert problems(good) == []


@pytest.mark.parametrize(("what", "wrong", "place"), WRONG, ids=[what for what, _, _ in WRONG])
def test_what_microsoft_does_not_declare_is_named_with_its_place(what: str, wrong: dict[str, Any], place: str) -> None:
    assert what
    found = problems(wrong)
    assert len(found) == 1, found
    assert found[0].startswith(place), found


def test_what_only_the_younger_sdk_knows_passes_but_not_with_a_wrong_type() -> None:
    assert problems(exchange("GET", BASTION, 200, bastion(enablePrivateOnlyBastion=True))) == []
    assert problems(exchange("GET", BASTION, 200, bastion(enablePrivateOnlyBastion="yes"))) != []


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="there are no recordings")
def test_live_traffic_passes_wherever_it_is_whole_and_declared() -> None:
    undeclared = ("/publishers/", "/deployments/")
    reduced = {("bastion_host_crud", 16), ("bastion_host_crud", 56), ("cli_vm_state_modifications_2025", 6)}
    for name in recordings():
        for each in read(name):
            if each.status is None or (name, each.number) in reduced or any(part in each.path for part in undeclared):
                continue
            sent = {"request_body": each.request_body, "response_headers": each.headers}
            found = problems(exchange(each.method, f"https://x{each.path}", each.status, each.body, **sent))
            assert found == [], (each.label, found)


async def test_a_body_that_was_made_wrong_is_seen_as_it_goes_by_and_an_injected_one_is_not() -> None:
    place = Place()
    await place.address()
    line = next(json.loads(each) for each in place.arm.traffic.lines())
    watch = Watch()
    watch.judge([line])
    assert watch.taken() == []

    line["response_body"]["properties"]["ipAdress"] = "20.0.0.1"
    watch.judge([line, copy.deepcopy(line)])
    assert [each.rpartition(" -> ")[2] for each in watch.taken()] == [
        "201: $.properties.ipAdress: nobody knows this property"
    ]
    assert watch.taken() == []

    watch.judge([{**line, "injected": True}])
    assert watch.taken() == []


def test_the_watch_looks_at_what_differs_and_not_twice_at_what_does_not() -> None:
    watch = Watch()

    def gone_by(body: dict[str, Any]) -> list[str]:
        from sandbox.arm.traffic import Exchange

        request = Request("GET", f"{BASTION}?api-version=2024-03-01")
        watch.see(Exchange(START, request, Response(200, {}, json.dumps(body).encode())))
        return watch.taken()

    assert gone_by(bastion()) == []
    assert len(gone_by(bastion(scaleUnit=2))) == 1
    assert gone_by(bastion(scaleUnit=3)) == []
