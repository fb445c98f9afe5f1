"""Whatever is sent is answered as ARM answers: never a 500, always with a code and a message where it refuses."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.arm import RESOURCE_GROUP, SUBSCRIPTION, Arm
from sandbox.arm.traffic import Traffic
from sandbox.arm.types import TYPES
from sandbox.arm.wire import Request, Response
from sandbox.clock import VirtualClock
from tests.sandbox_arm.place import (
    ENTRA,
    START,
    Place,
    bastion_body,
    bastion_rules,
    box_rules,
    nic_body,
    vm_body,
    vnet_body,
)

# Words that lead somewhere, and bodies that are nearly right, so that a search gets past the first check.

KNOWN = sorted({word for kind in TYPES for word in kind.type.split("/")})
WORDS = st.sampled_from(
    [
        *KNOWN,
        "subscriptions",
        SUBSCRIPTION,
        "resourceGroups",
        RESOURCE_GROUP,
        "providers",
        "locations",
        "westeurope",
        "operations",
        "operationResults",
        "usages",
        "tags",
        "default",
        "Microsoft.Resources",
        "Microsoft.Insights",
        "metrics",
        "Microsoft.CostManagement",
        "query",
        "Microsoft.Authorization",
        "locks",
        "register",
        "skus",
        "vmSizes",
        "resources",
        "tenants",
        "getActiveSessions",
        "disconnectActiveSessions",
        "deallocate",
        "start",
        "instanceView",
        "vnet",
        "boxes",
        "pip",
        "vm",
        "nic",
        "bastion",
        "nsg-boxes",
    ]
)
ANY_WORD = WORDS | st.text(min_size=1, max_size=8).map(lambda text: quote(text, safe=""))
STANDING = {
    "virtualNetworks": ["vnet"],
    "subnets": ["boxes", "AzureBastionSubnet"],
    "networkSecurityGroups": ["nsg-boxes", "nsg-bastion"],
    "securityRules": ["in-bastion", "in-internet"],
    "publicIPAddresses": ["pip"],
    "networkInterfaces": ["nic"],
    "bastionHosts": ["bastion"],
    "virtualMachines": ["vm"],
    "schedules": ["shutdown-computevm-vm"],
}
METHODS = st.sampled_from([*["PUT"] * 8, "GET", "GET", "PATCH", "PATCH", "POST", "DELETE", "DELETE", "HEAD", "OPTIONS"])
ACTIONS = (
    *("getActiveSessions", "disconnectActiveSessions", "deallocate", "start", "powerOff", "restart", "instanceView"),
    *("subnets", "extensions", "securityRules", "virtualNetworkPeerings", "dance"),
)
VERSIONS = st.sampled_from([*["2024-03-01", "2026-03-01", "2016-01-01"] * 5, "", "latest"])
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)
ANY_JSON = st.recursive(
    SCALARS | st.sampled_from([*KNOWN, GROUP]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
ADDRESS: Any = {"properties": {"publicIPAllocationMethod": "Static"}, "sku": {"name": "Standard"}}
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm"
SHUTDOWN = {"taskType": "ComputeVmShutdownTask", "dailyRecurrence": {"time": "1900"}, "targetResourceId": MACHINE}
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet"
RIGHT: dict[str, list[Any]] = {
    "virtualNetworks": [vnet_body(), vnet_body(bastion_nsg=None)],
    "bastionHosts": [
        bastion_body(),
        bastion_body("Standard", scaleUnits=3),
        {"sku": {"name": "Developer"}, "properties": {"virtualNetwork": {"id": NETWORK}}},
    ],
    "networkInterfaces": [nic_body()],
    "virtualMachines": [vm_body(), vm_body(keys=False)],
    "extensions": [ENTRA],
    "networkSecurityGroups": [
        {"properties": {"securityRules": bastion_rules()}},
        {"properties": {"securityRules": box_rules()}},
    ],
    "securityRules": [{"properties": bastion_rules()[0]["properties"]}],
    "subnets": [{"properties": {"addressPrefix": "10.0.7.0/24"}}],
    "virtualNetworkPeerings": [{"properties": {"remoteVirtualNetwork": {"id": NETWORK}}}],
    "publicIPAddresses": [ADDRESS],
    "natGateways": [{"properties": {"publicIpAddresses": [{"id": f"{GROUP}/providers/Microsoft.Network/x/pip"}]}}],
    "routeTables": [{"properties": {"routes": [{"name": "r", "properties": {"addressPrefix": "0.0.0.0/0"}}]}}],
    "disks": [{"properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 4}}],
    "schedules": [{"properties": SHUTDOWN}],
}
OTHERS: list[Any] = [
    {"properties": {"level": "CanNotDelete"}},
    {"properties": {"tags": {"a": "b"}}, "operation": "Merge"},
    {"tags": {"a": "b"}},
    {"sessionIds": ["one"]},
    {"properties": {"hardwareProfile": {"vmSize": "Standard_B2s"}}, "identity": None},
]


@st.composite
def bodies(draw: st.DrawFn, path: str) -> bytes:
    """The right body for a path, as a rule with a few parts replaced by anything; or anything at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=8) | ANY_JSON.map(_encoded))
    fitting = [body for kind, some in RIGHT.items() if f"/{kind}/" in path for body in some]
    if not fitting or draw(st.integers(0, 5)) == 0:
        fitting = OTHERS
    body = {"location": "westeurope", **json.loads(json.dumps(draw(st.sampled_from(fitting))))}
    for _ in range(draw(st.integers(0, 2))):
        _spoil(draw, body)
    return _encoded(body)


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def _spoil(draw: st.DrawFn, body: Any) -> None:
    """Replace, add or take out a part somewhere inside."""
    here = body
    while True:
        keys = sorted(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return
        key = draw(st.sampled_from(keys))
        if isinstance(here[key], dict | list) and here[key] and draw(st.booleans()):
            here = here[key]
            continue
        if draw(st.integers(0, 4)) == 0:
            del here[key]
        else:
            here[key] = draw(ANY_JSON)
        return


@st.composite
def paths(draw: st.DrawFn) -> str:
    """Below a resource of a known type, or any row of words."""
    if draw(st.integers(0, 9)) == 0:
        return "/" + "/".join(draw(st.lists(ANY_WORD, max_size=10)))
    provider, *types = draw(st.sampled_from([each.type for each in TYPES])).split("/")
    path = f"{GROUP}/providers/{provider}"
    for kind in types:
        path += f"/{kind}/{draw(st.sampled_from([*STANDING.get(kind, []) * 3, 'new']))}"
    ends = ["", "/providers/Microsoft.Resources/tags/default", "/providers/Microsoft.Authorization/locks/keep"]
    end = draw(st.sampled_from([*ends[:1] * 12, *ends[1:], *(f"/{action}" for action in ACTIONS)]))
    return path + end


@st.composite
def requests(draw: st.DrawFn) -> Request:
    query = {"api-version": draw(VERSIONS)}
    for name in draw(st.lists(st.sampled_from(["$top", "$skiptoken", "$expand", "$filter", "timespan", "monitor"]))):
        query[name] = draw(
            st.sampled_from(["1", "0", "-1", "instanceView", "true", "2026/2027", "tagName eq 'a'", "é%"])
        )
    text = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    headers = {"Authorization": "Bearer any"}
    condition = draw(st.sampled_from([*[""] * 8, "If-Match", "If-None-Match"]))
    if condition:
        headers[condition] = draw(st.sampled_from(["*", "x"]))
    path = draw(paths())
    return Request(draw(METHODS), f"https://management.azure.com{path}?{text}", headers, draw(bodies(path)))


class Unheard(Traffic):
    """What is sent here is wrong on purpose, so that no description of Microsoft's is held against it."""

    watchers: ClassVar[list[Any]] = []


def check(request: Request, response: Response) -> None:
    """The contract of every answer that no fault made."""
    assert 200 <= response.status < 500, (request.method, request.url, request.body, response.body)
    if request.method != "HEAD" and response.status >= 400:
        error = json.loads(response.body)["error"]
        assert error["code"]
        assert error["message"]


@settings(max_examples=300, deadline=None)
@given(st.lists(requests(), max_size=6))
def test_nothing_that_is_sent_to_an_empty_subscription_is_a_500(sent: list[Request]) -> None:
    arm = Arm(VirtualClock(START))
    arm.traffic = Unheard()
    for request in sent:
        check(request, arm.handle(request))


def box() -> Place:
    """A jump box that stands, built without a loop of its own."""
    place = Place()
    asyncio.run(place.box())
    place.arm.traffic = Unheard()
    return place


@settings(max_examples=80, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=25))
def test_nothing_that_is_sent_to_a_jump_box_is_a_500_nor_is_what_comes_of_it_later(sent: list[Request]) -> None:
    place = box()
    for index, request in enumerate(sent):
        check(request, place.arm.handle(request))
        if index % 5 == 4:
            place.pass_(minutes=20)
    place.pass_(hours=30)
    kinds = place.arm.kinds
    for each in place.arm.cloud.store:
        for version in ("2016-01-01", "2024-03-01", "2026-03-01"):
            kinds[each.kind].shown(each, version)
    for kind in TYPES:
        listed = Request(
            "GET", f"https://x{GROUP}/providers/{kind.type}?api-version=2024-03-01", {"Authorization": "Bearer a"}
        )
        check(listed, place.arm.handle(listed))
