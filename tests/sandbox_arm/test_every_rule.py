"""Rules that a client trips, each a row with the code the real SDK surfaces; no code of the simulator goes unnamed."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

import sandbox.arm
from sandbox.arm import RESOURCE_GROUP, SUBSCRIPTION
from sandbox.arm.admission import NotAdmitted
from tests.sandbox_arm.place import (
    BASTION_SUBNET,
    ENTRA,
    GROUP,
    LOCATION,
    NETWORK,
    SUBNET,
    Place,
    bastion_body,
    box_rules,
    code_of,
    nic_body,
    rule,
    vm_body,
    vnet_body,
)

Attempt = Callable[[Place], Awaitable[Any]]


@dataclass(frozen=True)
class Row:
    """A rule in words, the code of its refusal, and the request that trips it once `before` stands."""

    claim: str
    code: str
    attempt: Attempt
    before: str = "ground"


def put(client: str, group: str, body: Any, *names: str) -> Attempt:
    """Create or update through an operation group of one of the SDK's clients."""

    def attempt(place: Place) -> Awaitable[Any]:
        operations = getattr(getattr(place, client), group)
        wanted = body(place) if callable(body) else body
        started: Awaitable[Any] = operations.begin_create_or_update(RESOURCE_GROUP, *names, wanted)
        return started

    return attempt


def sent(method: str, path: str, body: Any = None) -> Attempt:
    """Send what the SDK has no call for, through its pipeline; a refusal is raised as the SDK raises it."""

    async def attempt(place: Place) -> None:
        answer = await place.send(method, path, body)
        if answer.status_code >= 400:
            await answer.read()
            error = answer.json()["error"]
            raised = HttpResponseError(message=error["message"], response=answer)
            raise raised

    return attempt


def bastion(sku: str = "Basic", *, address: str = "pip", subnet: str = BASTION_SUBNET, **properties: Any) -> Any:
    body = bastion_body(sku, **properties)
    inside = body["properties"]["ipConfigurations"][0]["properties"]
    inside["publicIPAddress"]["id"] = f"{NETWORK}/publicIPAddresses/{address}"
    inside["subnet"]["id"] = subnet
    return put("network", "bastion_hosts", body, "bastion")


def _on(name: str) -> dict[str, Any]:
    return {name: True}


def on_address(**changes: Any) -> Attempt:
    """A Bastion on an address that is not quite what it takes."""

    async def attempt(place: Place) -> None:
        location = changes.get("location", LOCATION)
        properties = {"publicIPAllocationMethod": "Static", **changes.get("properties", {})}
        body: Any = {"location": location, "sku": {"name": changes.get("sku", "Standard")}, "properties": properties}
        addresses = place.network.public_ip_addresses
        await place.done(addresses.begin_create_or_update(RESOURCE_GROUP, "odd", body), minutes=1)
        await bastion(address="odd")(place)

    return attempt


async def in_another_group(place: Place) -> None:
    other = GROUP.replace(RESOURCE_GROUP, "rg-other")
    await place.send("PUT", other, {"location": LOCATION})
    await sent("PUT", f"{other}/providers/Microsoft.Network/bastionHosts/bastion", bastion_body())(place)


def developer(**properties: Any) -> Attempt:
    inside = {"virtualNetwork": {"id": f"{NETWORK}/virtualNetworks/vnet"}, **properties}
    body: Any = {"location": LOCATION, "sku": {"name": "Developer"}, "properties": inside}
    return put("network", "bastion_hosts", body, "bastion")


async def delete_of_a_network_with_a_developer_bastion(place: Place) -> None:
    await place.done(developer()(place), minutes=11)
    await place.network.virtual_networks.begin_delete(RESOURCE_GROUP, "vnet")


def rules(*some: Any) -> Attempt:
    return put("network", "network_security_groups", {"location": LOCATION, "properties": {"securityRules": some}}, "g")


def nic(name: str = "nic", **configuration: Any) -> Attempt:
    body = nic_body()
    body["properties"]["ipConfigurations"][0]["properties"].update(configuration)
    return put("network", "network_interfaces", body, name)


async def nic_in_a_full_subnet(place: Place) -> None:
    small: Any = {"properties": {"addressPrefix": "10.0.2.0/29"}}
    await place.done(place.network.subnets.begin_create_or_update(RESOURCE_GROUP, "vnet", "small", small), minutes=1)
    subnet = f"{NETWORK}/virtualNetworks/vnet/subnets/small"
    for index in range(4):
        await place.network.network_interfaces.begin_create_or_update(RESOURCE_GROUP, f"n{index}", nic_body(subnet))


async def nic_on_an_address_that_is_taken(place: Place) -> None:
    static: Any = {"privateIPAllocationMethod": "Static", "privateIPAddress": "10.0.0.9"}
    await nic("one", **static)(place)
    await nic("two", **static)(place)


async def change_of_the_remote_network(place: Place) -> None:
    for index, name in enumerate(("a", "b")):
        space = {"addressPrefixes": [f"10.{20 + index}.0.0/16"]}
        body: Any = {"location": LOCATION, "properties": {"addressSpace": space}}
        await place.done(place.network.virtual_networks.begin_create_or_update(RESOURCE_GROUP, name, body), minutes=1)
    peerings = place.network.virtual_network_peerings
    for name in ("a", "b"):
        remote: Any = {"properties": {"remoteVirtualNetwork": {"id": f"{NETWORK}/virtualNetworks/{name}"}}}
        await place.done(peerings.begin_create_or_update(RESOURCE_GROUP, "vnet", "peer", remote), minutes=1)


async def two_writes_to_one_machine(place: Place) -> None:
    await place.compute.virtual_machines.begin_deallocate(RESOURCE_GROUP, "vm")
    await place.compute.virtual_machines.begin_start(RESOURCE_GROUP, "vm")


async def write_to_a_machine_that_goes(place: Place) -> None:
    await place.compute.virtual_machines.begin_delete(RESOURCE_GROUP, "vm")
    await place.compute.virtual_machines.begin_start(RESOURCE_GROUP, "vm")


async def write_on_another_etag(place: Place) -> None:
    body: Any = {"location": LOCATION, "properties": {}}
    addresses = place.network.public_ip_addresses
    headers = {"If-Match": 'W/"other"'}
    await addresses.begin_create_or_update(RESOURCE_GROUP, "pip", body, headers=headers)


async def move_of_a_group(place: Place) -> None:
    await sent("PUT", GROUP, {"location": "northeurope"})(place)


def subnet(prefix: str | None, name: str = "more") -> Attempt:
    properties: Any = {"addressPrefix": prefix} if prefix is not None else {}
    return put("network", "subnets", {"properties": properties}, "vnet", name)


def machine(**changes: Any) -> Attempt:
    def body(place: Place) -> Any:
        del place
        wanted = vm_body()
        for part, value in changes.items():
            if value is None:
                del wanted["properties"][part]
            else:
                wanted["properties"][part] = {**wanted["properties"][part], **value}
        return wanted

    return put("compute", "virtual_machines", body, "vm")


METRICS = f"{NETWORK}/bastionHosts/bastion/providers/Microsoft.Insights/metrics?metricnames="
NO_PREFIX: Any = {"location": LOCATION, "properties": {"addressSpace": {"addressPrefixes": []}}}
PORTS = ("22", "3389")

ROWS = [
    # Section 1: Bastion.
    Row("its subnet is named exactly", "InvalidParameter", bastion(subnet=SUBNET)),
    Row(
        "its address is static",
        "StandardSkuPublicIPAddressMustHaveStaticAllocationMethod",
        on_address(properties={"publicIPAllocationMethod": "Dynamic"}),
    ),
    Row("its address is of the Standard SKU", "InvalidParameter", on_address(sku="Basic")),
    Row("its address is IPv4", "InvalidParameter", on_address(properties={"publicIPAddressVersion": "IPv6"})),
    Row("its address is of its region", "InvalidParameter", on_address(location="northeurope")),
    Row("it is in the group of its network", "InvalidParameter", in_another_group),
    Row("its SKU exists", "InvalidParameter", bastion("Deluxe")),
    *(
        Row(f"{name} needs Standard", "InvalidParameter", bastion("Basic", **_on(name)))
        for name in ("enableTunneling", "enableIpConnect", "enableFileCopy", "enableShareableLink")
    ),
    *(
        Row(f"{name} needs Premium", "InvalidParameter", bastion("Standard", **_on(name)))
        for name in ("enableSessionRecording", "enablePrivateOnlyBastion")
    ),
    *(
        Row(f"Developer has no {name}", "FeatureNotSupportedForDeveloperBastionSku", developer(**{name: True}))
        for name in ("enableTunneling", "enableFileCopy", "enableSessionRecording")
    ),
    Row("Developer has its shared units", "InvalidParameter", developer(scaleUnits=3)),
    Row(
        "Developer holds its network",
        "InUseVirtualNetworkCannotBeDeleted",
        delete_of_a_network_with_a_developer_bastion,
    ),
    Row("the metric has a name", "BadRequest", sent("GET", f"{METRICS}nothing"), before="bastion"),
    # Section 2: networks and machines.
    Row("a network has an address space", "InvalidRequestFormat", put("network", "virtual_networks", NO_PREFIX, "n")),
    Row("a subnet has a prefix", "NetcfgInvalidSubnet", subnet(None)),
    Row("a prefix has no host bits", "InvalidAddressPrefixFormat", subnet("10.0.2.1/24")),
    Row("a name has letters that names have", "InvalidResourceName", subnet("10.0.2.0/24", "a b")),
    Row("a rule has a priority", "SecurityRuleInvalidPriority", rules(rule("a", 99, "Inbound", "*", "*", *PORTS))),
    Row("a priority is taken once", "SecurityRuleConflict", rules(box_rules()[0], {**box_rules()[0], "name": "b"})),
    Row(
        "a rule has a direction",
        "InvalidParameter",
        rules({"name": "a", "properties": {"priority": 100, "access": "Deny"}}),
    ),
    Row("a peering keeps its network", "ChangingRemoteVirtualNetworkNotAllowed", change_of_the_remote_network),
    Row(
        "an interface has a configuration",
        "NetworkInterfaceMustHaveAtLeastOneIpConfiguration",
        put("network", "network_interfaces", {"location": LOCATION, "properties": {"ipConfigurations": []}}, "nic"),
    ),
    Row("an interface has a subnet", "SubnetNotSpecifiedInIpConfiguration", nic(subnet=None)),
    Row("an address serves one interface", "PrivateIPAddressInUse", nic_on_an_address_that_is_taken),
    Row("a subnet has so many addresses", "SubnetIsFull", nic_in_a_full_subnet),
    Row(
        "a machine has a size",
        "InvalidParameter",
        machine(hardwareProfile={"vmSize": "Standard_Nothing"}),
        before="nic",
    ),
    Row(
        "a machine has an administrator", "InvalidParameter", machine(osProfile={"adminUsername": "root"}), before="nic"
    ),
    Row("a machine has an interface", "InvalidParameter", machine(networkProfile=None), before="nic"),
    Row(
        "an administrator stays", "PropertyChangeNotAllowed", machine(osProfile={"adminUsername": "eve"}), before="box"
    ),
    Row("a machine is written by one", "Conflict", two_writes_to_one_machine, before="box"),
    Row("a machine that goes is left alone", "OperationNotAllowed", write_to_a_machine_that_goes, before="box"),
    Row(
        "an extension has a publisher",
        "InvalidParameter",
        put("compute", "virtual_machine_extensions", {"location": LOCATION, "properties": {}}, "vm", "login"),
        before="box",
    ),
    Row(
        "an extension has a machine",
        "ParentResourceNotFound",
        put("compute", "virtual_machine_extensions", ENTRA, "vm", "login"),
    ),
    Row(
        "a disk says what it is made from",
        "InvalidParameter",
        put("compute", "disks", {"location": LOCATION, "properties": {}}, "disk"),
    ),
    # What stands above providers.
    Row("a body is an object", "InvalidRequestContent", sent("PUT", f"{NETWORK}/virtualNetworks/n", [])),
    Row("a part is of its type", "InvalidRequestFormat", sent("PUT", f"{NETWORK}/virtualNetworks/n", {"location": 3})),
    Row("a group stays where it is", "InvalidResourceGroupLocation", move_of_a_group),
    Row(
        "a group is in a region",
        "LocationNotAvailableForResourceGroup",
        sent("PUT", f"{GROUP}-2", {"location": "atlantis"}),
    ),
    Row("a condition holds", "PreconditionFailed", write_on_another_etag),
    Row(
        "a provider exists",
        "InvalidResourceNamespace",
        sent("GET", f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.No"),
    ),
    *(
        Row(f"{kind} takes no PATCH", "HttpMethodNotAllowed", sent("PATCH", f"{NETWORK}/{kind}", {"tags": {}}))
        for kind in ("virtualNetworks/vnet/subnets/boxes", "networkSecurityGroups/nsg-boxes/securityRules/in-bastion")
    ),
    Row(
        "a subnet has no tags",
        "HttpMethodNotAllowed",
        sent("PUT", f"{SUBNET}/providers/Microsoft.Resources/tags/default", {}),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.claim}: {row.code}")
async def test_a_rule_is_refused_with_its_code(place: Place, row: Row) -> None:
    await place.ground()
    if row.before == "bastion":
        await place.bastion()
    if row.before in ("nic", "box"):
        await place.nic()
    if row.before == "box":
        await place.vm()
    assert await code_of(row.attempt(place)) == row.code


async def test_a_state_that_will_pass_says_which_in_its_details(place: Place) -> None:
    await place.nsgs()
    networks = place.network.virtual_networks
    await networks.begin_create_or_update(RESOURCE_GROUP, "vnet", vnet_body())
    cases = {
        "ReferencedResourceNotProvisioned": nic()(place),
        "RetryableErrorDueToAnotherOperation": subnet("10.0.2.0/24")(place),
    }
    for code, attempt in cases.items():
        with pytest.raises(HttpResponseError) as refused:
            await attempt
        error: Any = refused.value.error
        assert refused.value.status_code == 429
        assert (error.code, [each.code for each in error.details]) == ("RetryableError", [code])


async def test_a_sku_that_is_not_named_is_standard(place: Place) -> None:
    await place.ground()
    body = bastion_body()
    del body["sku"]
    made = await place.done(place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", body))
    assert made.sku.name == "Standard"


async def test_a_private_only_bastion_has_no_address(place: Place) -> None:
    await place.ground()
    body = bastion_body("Premium", enablePrivateOnlyBastion=True)
    del body["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"]
    made = await place.done(place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", body))
    assert made.provisioning_state == "Succeeded"


async def test_a_developer_bastion_serves_one_machine_at_a_time(place: Place) -> None:
    await place.nsgs()
    await place.vnet(networkSecurityGroup=None)
    await place.done(developer()(place), minutes=11)
    for name in ("one", "two"):
        await place.nic(name)
        await place.vm(name, name)
    place.session(vm="one")
    place.session(vm="one", user="grace")
    with pytest.raises(NotAdmitted, match="one machine at a time"):
        place.session(vm="two")


async def test_an_unlocked_condition_lets_a_write_through(place: Place) -> None:
    await place.address()
    got = await place.network.public_ip_addresses.get(RESOURCE_GROUP, "pip")
    body: Any = {
        "location": LOCATION,
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    headers = {"If-Match": got.etag}
    await place.network.public_ip_addresses.begin_create_or_update(RESOURCE_GROUP, "pip", body, headers=headers)


async def test_data_out_is_metered_as_it_flows_and_the_first_gigabytes_of_a_month_are_free(place: Place) -> None:
    await place.box()
    place.session(minutes=60, gigabytes=8)
    place.pass_(minutes=30)

    def flowed() -> list[float]:
        rows = place.arm.cloud.meters.shown(place.arm.now)
        return [round(row["gigabytes"], 6) for row in rows if row["meter"] == "bastion.data"]

    assert flowed() == [4.0]
    assert place.hours("bastion.data") == [0.0]
    cut = place.session(user="grace", minutes=60, gigabytes=6)
    place.pass_(minutes=10)
    place.arm.cloud.sessions.end(cut.id, "hung up")
    place.pass_(hours=5)
    assert flowed() == [8.0, 1.0]
    path = f"{GROUP}/providers/Microsoft.CostManagement/query"
    rows = (await place.send("POST", path, {"type": "ActualCost"}, "2023-11-01")).json()["properties"]["rows"]
    (cost,) = [row[0] for row in rows if "/bastionhosts/" in row[2]]
    (hours,) = place.hours("bastion.basic")
    assert cost == pytest.approx(hours * 0.19 + (9 - 5) * 0.12, abs=1e-6)


# No code without a row.

ARM, TESTS = Path(sandbox.arm.__file__).parent, Path(__file__).parent
RAISERS = ("ArmError", "bad_request", "retryable")


def raised() -> set[str]:
    """The codes that stand in the simulator's source where a refusal is made."""
    found: set[str] = set()
    for file in ARM.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISERS:
                texts = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
                found.update(text for text in texts if isinstance(text, str) and text.isalnum())
    return found


def named() -> set[str]:
    """The texts that stand in these tests."""
    found: set[str] = set()
    for file in TESTS.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                text = node.value if isinstance(node.value, str) else node.value.decode(errors="replace")
                found.add(text.strip('"'))
    return found


def test_every_code_that_the_simulator_can_answer_with_is_named_by_a_test() -> None:
    codes = raised()
    assert len(codes) > 50
    assert codes - named() == set()
