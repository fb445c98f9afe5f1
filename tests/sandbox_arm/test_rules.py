"""The rules a client can trip, each by the error code the real SDK surfaces."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError

from sandbox.arm import RESOURCE_GROUP, SUBSCRIPTION
from tests.sandbox_arm.place import (
    BASTION_SUBNET,
    COMPUTE,
    ENTRA,
    GROUP,
    LOCATION,
    NETWORK,
    SUBNET,
    Place,
    bastion_body,
    bastion_rules,
    code_of,
    nic_body,
    rule,
    vm_body,
    vnet_body,
)


def put_vnet(place: Place, body: Any, name: str = "vnet") -> Any:
    return place.network.virtual_networks.begin_create_or_update(RESOURCE_GROUP, name, body)


def put_bastion(place: Place, body: Any, name: str = "bastion") -> Any:
    return place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, name, body)


def put_vm(place: Place, body: Any, name: str = "vm") -> Any:
    return place.compute.virtual_machines.begin_create_or_update(RESOURCE_GROUP, name, body)


# What stands above providers.


def test_without_a_bearer_token_nothing_is_answered(place: Place) -> None:
    answer = place.raw("GET", f"{GROUP}?api-version=2022-09-01", headers={})
    assert answer.status == 401
    assert b'"AuthenticationFailed"' in answer.body


def test_an_api_version_is_required_and_is_a_date(place: Place) -> None:
    assert b'"MissingApiVersionParameter"' in place.raw("GET", GROUP).body
    assert b'"InvalidApiVersionParameter"' in place.raw("GET", f"{GROUP}?api-version=new").body
    assert place.raw("GET", f"{GROUP}?api-version=2016-02-01").status == 200


async def test_ids_and_paths_are_case_insensitive_and_come_back_as_first_written(place: Place) -> None:
    await place.address("Pip")
    got = await place.send("GET", f"{NETWORK}/PUBLICIPADDRESSES/pIP".replace("resourceGroups", "resourcegroups"))
    assert got.json()["id"] == f"{NETWORK}/publicIPAddresses/Pip"


async def test_unknown_scopes_and_types_have_arms_own_codes(place: Place) -> None:
    other = GROUP.replace("rg-jumpboxes", "rg-nowhere")
    foreign = "/subscriptions/00000000-0000-0000-0000-00000000beef"
    cases = {
        f"{other}/providers/Microsoft.Network/virtualNetworks/v": "ResourceGroupNotFound",
        f"{foreign}/resourceGroups/a": "SubscriptionNotFound",
        f"{NETWORK}/virtualNetworks/v": "ResourceNotFound",
        f"{NETWORK}/virtualNetworks/v/subnets/s": "ResourceNotFound",
        f"{NETWORK}/firewallPolicies/p": "InvalidResourceType",
        f"{GROUP}/providers/Microsoft.Nothing/things/t": "InvalidResourceType",
        "/subscriptions/x/nothing": "SubscriptionNotFound",
        "/nothing": "NotFound",
    }
    for path, code in cases.items():
        answer = await place.send("GET", path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code), path


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"properties": 3}',
        b'{"location": 3}',
        b'{"location": "westeurope", "properties": {"subnets": [3]}}',
    ],
)
def test_no_body_whatever_its_shape_is_answered_with_a_500(place: Place, body: bytes) -> None:
    for path in (f"{NETWORK}/virtualNetworks/v", f"{NETWORK}/bastionHosts/b", f"{COMPUTE}/virtualMachines/m"):
        answer = place.raw("PUT", f"{path}?api-version=2024-03-01", body=body)
        assert 400 <= answer.status < 500


async def test_a_location_is_required_and_cannot_be_changed(place: Place) -> None:
    await place.address()
    addresses = place.network.public_ip_addresses
    assert await code_of(addresses.begin_create_or_update(RESOURCE_GROUP, "a", {})) == "LocationRequired"
    elsewhere = {"location": "northeurope", "properties": {}}
    assert (
        await code_of(addresses.begin_create_or_update(RESOURCE_GROUP, "pip", elsewhere)) == "InvalidResourceLocation"
    )
    nowhere = {"location": "atlantis", "properties": {}}
    assert (
        await code_of(addresses.begin_create_or_update(RESOURCE_GROUP, "a", nowhere))
        == "LocationNotAvailableForResourceType"
    )


async def test_locks_refuse_deletes_or_all_writes(place: Place) -> None:
    await place.address()
    place.arm.humans.lock(GROUP)
    addresses = place.network.public_ip_addresses
    assert await code_of(addresses.begin_delete(RESOURCE_GROUP, "pip")) == "ScopeLocked"
    await addresses.update_tags(RESOURCE_GROUP, "pip", {"tags": {"a": "b"}})
    place.arm.humans.lock(f"{NETWORK}/publicIPAddresses/pip", "ReadOnly")
    assert await code_of(addresses.update_tags(RESOURCE_GROUP, "pip", {"tags": {}})) == "ScopeLocked"
    place.arm.humans.unlock(GROUP)
    place.arm.humans.unlock(f"{NETWORK}/publicIPAddresses/pip")
    await addresses.begin_delete(RESOURCE_GROUP, "pip")


async def test_policies_demand_tags_and_add_tags() -> None:
    place = Place(requiredTags=["owner"], addedTags={"costCenter": "42"})
    addresses = place.network.public_ip_addresses
    body: Any = {"location": LOCATION, "properties": {}}
    assert await code_of(addresses.begin_create_or_update(RESOURCE_GROUP, "pip", body)) == "RequestDisallowedByPolicy"
    made = await place.done(addresses.begin_create_or_update(RESOURCE_GROUP, "pip", {**body, "tags": {"owner": "ada"}}))
    assert made.tags == {"owner": "ada", "costCenter": "42"}


async def test_a_role_assignment_lags() -> None:
    place = Place(roleLagMinutes=30)
    body: Any = {"location": LOCATION, "properties": {}}
    addresses = place.network.public_ip_addresses
    assert await code_of(addresses.begin_create_or_update(RESOURCE_GROUP, "pip", body)) == "AuthorizationFailed"
    place.pass_(minutes=31)
    await addresses.begin_create_or_update(RESOURCE_GROUP, "pip", body)


def test_a_provider_must_be_registered() -> None:
    place = Place(unregisteredProviders=["Microsoft.DevTestLab"])
    path = f"{GROUP}/providers/Microsoft.DevTestLab/schedules/shutdown-computevm-vm?api-version=2018-09-15"
    body = b'{"location": "westeurope", "properties": {}}'
    assert b'"MissingSubscriptionRegistration"' in place.raw("PUT", path, body=body).body
    register = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.DevTestLab/register?api-version=2021-04-01"
    assert place.raw("POST", register).status == 200
    assert b'"MissingSubscriptionRegistration"' not in place.raw("PUT", path, body=body).body


async def test_a_group_that_is_being_deleted_takes_nothing_new(place: Place) -> None:
    await place.address()
    answer = await place.send("DELETE", GROUP)
    assert answer.status_code == 202
    assert "Azure-AsyncOperation" not in answer.headers
    body: Any = {"location": LOCATION, "properties": {}}
    addresses = place.network.public_ip_addresses
    assert await code_of(addresses.begin_create_or_update(RESOURCE_GROUP, "b", body)) == "ResourceGroupBeingDeleted"
    place.pass_(minutes=6)
    assert await code_of(addresses.get(RESOURCE_GROUP, "pip")) == "ResourceGroupNotFound"


async def test_writes_can_be_conditional(place: Place) -> None:
    await place.address()
    headers = {"Authorization": "Bearer any", "If-Match": 'W/"other"'}
    url = f"{NETWORK}/publicIPAddresses/pip?api-version=2024-03-01"
    body = b'{"location": "westeurope", "properties": {}}'
    assert place.raw("PUT", url, headers, body).status == 412
    headers = {"Authorization": "Bearer any", "If-None-Match": "*"}
    assert place.raw("PUT", url, headers, body).status == 412


# Networks.


async def test_subnets_lie_inside_their_network_and_apart_from_each_other(place: Place) -> None:
    await place.nsgs()
    assert await code_of(put_vnet(place, vnet_body(addressPrefix="10.1.0.0/24"))) == "NetcfgSubnetRangeOutsideVnet"
    assert await code_of(put_vnet(place, vnet_body(addressPrefix="10.0.1.0/24"))) == "NetcfgSubnetRangesOverlap"
    assert await code_of(put_vnet(place, vnet_body(addressPrefix="10.0.1"))) == "InvalidAddressPrefixFormat"


async def test_a_network_put_that_drops_a_subnet_deletes_it_unless_it_is_used(place: Place) -> None:
    await place.ground()
    await place.nic()
    body = vnet_body()
    del body["properties"]["subnets"][0]
    assert await code_of(put_vnet(place, body)) == "InUseSubnetCannotBeDeleted"
    await place.done(place.network.network_interfaces.begin_delete(RESOURCE_GROUP, "nic"))
    await place.done(put_vnet(place, body))
    assert await code_of(place.network.subnets.get(RESOURCE_GROUP, "vnet", "boxes")) == "NotFound"


async def test_writes_below_one_network_collide_but_those_that_only_refer_to_it_do_not(place: Place) -> None:
    await place.ground()
    subnets = place.network.subnets
    one, two = {"properties": {"addressPrefix": "10.0.2.0/24"}}, {"properties": {"addressPrefix": "10.0.3.0/24"}}
    await subnets.begin_create_or_update(RESOURCE_GROUP, "vnet", "one", one)
    assert await code_of(subnets.begin_create_or_update(RESOURCE_GROUP, "vnet", "two", two)) == "RetryableError"
    assert await code_of(put_vnet(place, vnet_body())) == "RetryableError"
    await put_bastion(place, bastion_body())
    await place.network.network_interfaces.begin_create_or_update(RESOURCE_GROUP, "nic", nic_body())
    place.switches.concurrent_writes = "conflict"
    assert (
        await code_of(subnets.begin_create_or_update(RESOURCE_GROUP, "vnet", "two", two))
        == "AnotherOperationInProgress"
    )


async def test_what_is_referred_to_must_exist_and_be_provisioned(place: Place) -> None:
    await place.nsgs()
    await put_vnet(place, vnet_body())
    interfaces = place.network.network_interfaces
    refused = interfaces.begin_create_or_update(RESOURCE_GROUP, "nic", nic_body())
    assert await code_of(refused) == "RetryableError"
    place.pass_(minutes=1)
    nowhere = interfaces.begin_create_or_update(RESOURCE_GROUP, "nic", nic_body(f"{SUBNET}-nowhere"))
    assert await code_of(nowhere) == "InvalidResourceReference"
    await interfaces.begin_create_or_update(RESOURCE_GROUP, "nic", nic_body())


async def test_a_child_needs_its_parent(place: Place) -> None:
    refused = place.network.subnets.begin_create_or_update(
        RESOURCE_GROUP, "vnet", "one", {"properties": {"addressPrefix": "10.0.2.0/24"}}
    )
    assert await code_of(refused) == "ParentResourceNotFound"


async def test_what_is_in_use_refuses_deletion_each_with_its_code(place: Place) -> None:
    await place.box()
    network = place.network
    cases = [
        (network.virtual_networks.begin_delete(RESOURCE_GROUP, "vnet"), "InUseSubnetCannotBeDeleted"),
        (network.subnets.begin_delete(RESOURCE_GROUP, "vnet", "boxes"), "InUseSubnetCannotBeDeleted"),
        (network.subnets.begin_delete(RESOURCE_GROUP, "vnet", "AzureBastionSubnet"), "InUseSubnetCannotBeDeleted"),
        (network.public_ip_addresses.begin_delete(RESOURCE_GROUP, "pip"), "PublicIPAddressCannotBeDeleted"),
        (
            network.network_security_groups.begin_delete(RESOURCE_GROUP, "nsg-boxes"),
            "InUseNetworkSecurityGroupCannotBeDeleted",
        ),
        (network.network_interfaces.begin_delete(RESOURCE_GROUP, "nic"), "NicInUse"),
    ]
    for attempt, code in cases:
        assert await code_of(attempt) == code
    disk = place.arm.cloud.store.within(GROUP, "microsoft.compute/disks")[0]
    refused = await place.send("DELETE", disk.id)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "OperationNotAllowed")


async def test_a_public_address_refuses_deletion_for_a_while_after_its_bastion_is_gone(place: Place) -> None:
    place.switches.public_ip_lingers_seconds = 3600
    await place.ground()
    await place.bastion()
    poller = await place.network.bastion_hosts.begin_delete(RESOURCE_GROUP, "bastion")
    while place.arm.cloud.store.get(f"{NETWORK}/bastionHosts/bastion"):
        place.pass_(seconds=1)
    del poller
    addresses = place.network.public_ip_addresses
    assert await code_of(addresses.begin_delete(RESOURCE_GROUP, "pip")) == "PublicIPAddressCannotBeDeleted"
    place.pass_(hours=1)
    await addresses.begin_delete(RESOURCE_GROUP, "pip")


async def test_a_nat_gateway_and_a_route_table_in_use_refuse_deletion(place: Place) -> None:
    await place.nsgs()
    await place.address()
    nat: Any = {"location": LOCATION, "properties": {"publicIpAddresses": [{"id": f"{NETWORK}/publicIPAddresses/pip"}]}}
    await place.done(place.network.nat_gateways.begin_create_or_update(RESOURCE_GROUP, "nat", nat))
    await place.done(
        place.network.route_tables.begin_create_or_update(RESOURCE_GROUP, "routes", {"location": LOCATION})
    )
    await place.vnet(
        natGateway={"id": f"{NETWORK}/natGateways/nat"}, routeTable={"id": f"{NETWORK}/routeTables/routes"}
    )
    assert (
        await code_of(place.network.nat_gateways.begin_delete(RESOURCE_GROUP, "nat"))
        == "CannotDeleteNatGatewayAssociatedToSubnet"
    )
    assert (
        await code_of(place.network.route_tables.begin_delete(RESOURCE_GROUP, "routes"))
        == "InUseRouteTableCannotBeDeleted"
    )


async def test_peerings_connect_when_both_sides_exist_and_disconnect_when_one_goes(place: Place) -> None:
    await place.nsgs()
    await place.vnet()
    spoke: Any = {"location": LOCATION, "properties": {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}}}
    await place.done(put_vnet(place, spoke, "spoke"), minutes=1)
    peerings = place.network.virtual_network_peerings

    def remote(name: str) -> Any:
        return {"properties": {"remoteVirtualNetwork": {"id": f"{NETWORK}/virtualNetworks/{name}"}}}

    there = await place.done(peerings.begin_create_or_update(RESOURCE_GROUP, "vnet", "to", remote("spoke")), minutes=1)
    assert there.properties.peering_state == "Initiated"
    back = await place.done(peerings.begin_create_or_update(RESOURCE_GROUP, "spoke", "fro", remote("vnet")), minutes=1)
    assert back.properties.peering_state == "Connected"
    await place.done(peerings.begin_delete(RESOURCE_GROUP, "spoke", "fro"), minutes=1)
    assert (await peerings.get(RESOURCE_GROUP, "vnet", "to")).properties.peering_state == "Disconnected"


# Bastion.


@pytest.mark.parametrize("missing", [each["name"] for each in bastion_rules()])
async def test_a_bastion_subnet_takes_no_group_that_lacks_a_rule(place: Place, missing: str) -> None:
    rules = [each for each in bastion_rules() if each["name"] != missing]
    body: Any = {"location": LOCATION, "properties": {"securityRules": rules}}
    await place.done(place.network.network_security_groups.begin_create_or_update(RESOURCE_GROUP, "nsg-bastion", body))
    refused = put_vnet(place, vnet_body(networkSecurityGroup=None))
    assert await code_of(refused) == "NetworkSecurityGroupNotCompliantForAzureBastionSubnet"


async def test_a_group_on_a_bastion_subnet_keeps_what_bastion_needs(place: Place) -> None:
    await place.ground()
    groups: Any = {"location": LOCATION, "properties": {"securityRules": bastion_rules()[1:]}}
    changed = place.network.network_security_groups.begin_create_or_update(RESOURCE_GROUP, "nsg-bastion", groups)
    code = "NetworkSecurityGroupNotCompliantForAzureBastionSubnet"
    assert await code_of(changed) == code
    assert await code_of(place.network.security_rules.begin_delete(RESOURCE_GROUP, "nsg-bastion", "out-ssh")) == code


async def test_callers_may_be_narrowed_to_their_own_prefixes(place: Place) -> None:
    rules = [rule("in-office", 100, "Inbound", "203.0.113.0/24", "*", "443"), *bastion_rules()[1:]]
    body: Any = {"location": LOCATION, "properties": {"securityRules": rules}}
    await place.done(place.network.network_security_groups.begin_create_or_update(RESOURCE_GROUP, "nsg-bastion", body))
    await place.done(put_vnet(place, vnet_body(networkSecurityGroup=None)), minutes=1)


async def test_no_route_table_on_a_bastion_subnet(place: Place) -> None:
    await place.done(
        place.network.route_tables.begin_create_or_update(RESOURCE_GROUP, "routes", {"location": LOCATION})
    )
    body = vnet_body(bastion_nsg=None, networkSecurityGroup=None)
    body["properties"]["subnets"][1]["properties"]["routeTable"] = {"id": f"{NETWORK}/routeTables/routes"}
    assert await code_of(put_vnet(place, body)) == "RouteTableCannotBeAttachedForAzureBastionSubnet"


async def test_a_bastion_subnet_is_26_or_larger_and_named_exactly(place: Place) -> None:
    await place.nsgs()
    await place.vnet(bastion_prefix="10.0.1.0/27")
    await place.address()
    assert await code_of(put_bastion(place, bastion_body())) == "InvalidParameter"
    elsewhere = bastion_body()
    elsewhere["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"] = SUBNET
    assert await code_of(put_bastion(place, elsewhere)) == "InvalidParameter"


async def test_nothing_but_bastion_stands_in_its_subnet(place: Place) -> None:
    await place.ground()
    refused = place.network.network_interfaces.begin_create_or_update(RESOURCE_GROUP, "nic", nic_body(BASTION_SUBNET))
    assert await code_of(refused) == "InvalidParameter"


async def test_a_bastion_takes_one_standard_static_address_of_its_own(place: Place) -> None:
    await place.ground()
    await place.done(
        place.network.public_ip_addresses.begin_create_or_update(
            RESOURCE_GROUP, "basic", {"location": LOCATION, "properties": {"publicIPAllocationMethod": "Static"}}
        )
    )
    body = bastion_body()
    body["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"]["id"] = (
        f"{NETWORK}/publicIPAddresses/basic"
    )
    assert await code_of(put_bastion(place, body)) == "InvalidParameter"
    twice = bastion_body()
    twice["properties"]["ipConfigurations"] *= 2
    assert await code_of(put_bastion(place, twice)) == "BastionHostMustHaveMaximumOneHostIpConfiguration"


async def test_one_bastion_a_network(place: Place) -> None:
    await place.ground()
    await place.bastion()
    await place.address("other")
    body = bastion_body()
    body["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"]["id"] = (
        f"{NETWORK}/publicIPAddresses/other"
    )
    assert await code_of(put_bastion(place, body, "second")) == "InvalidParameter"
    assert await code_of(put_bastion(place, bastion_body(), "second")) == "PublicIPAddressInUse"


async def test_a_sku_goes_up_but_not_down_and_has_its_features(place: Place) -> None:
    await place.ground()
    assert await code_of(put_bastion(place, bastion_body("Basic", scaleUnits=3))) == "InvalidParameter"
    assert await code_of(put_bastion(place, bastion_body("Basic", enableTunneling=True))) == "InvalidParameter"
    assert (
        await code_of(put_bastion(place, bastion_body("Standard", enableSessionRecording=True))) == "InvalidParameter"
    )
    assert await code_of(put_bastion(place, bastion_body("Standard", scaleUnits=51))) == "InvalidParameter"
    await place.bastion("Basic")
    upgraded = await place.bastion("Standard", scaleUnits=3)
    assert upgraded.sku.name == "Standard"
    assert await code_of(put_bastion(place, bastion_body("Basic"))) == "InvalidParameter"


async def test_developer_has_a_shape_of_its_own(place: Place) -> None:
    await place.ground()
    assert await code_of(put_bastion(place, bastion_body("Developer"))) == "FeatureNotSupportedForDeveloperBastionSku"
    bare: Any = {"location": LOCATION, "sku": {"name": "Developer"}, "properties": {}}
    assert await code_of(put_bastion(place, bare)) == "BastionHostVnetIdNotProvided"
    bare["properties"] = {"virtualNetwork": {"id": f"{NETWORK}/virtualNetworks/vnet"}}
    made = await place.done(put_bastion(place, bare))
    assert made.sku.name == "Developer"
    assert place.hours("bastion.basic") == []


async def test_a_bastion_in_flight_takes_no_second_write(place: Place) -> None:
    await place.ground()
    await put_bastion(place, bastion_body())
    assert await code_of(put_bastion(place, bastion_body())) == "RetryableError"
    assert await code_of(place.network.bastion_hosts.begin_delete(RESOURCE_GROUP, "bastion")) == "RetryableError"


# Machines.


async def test_a_machine_needs_a_size_that_exists_and_is_to_be_had(place: Place) -> None:
    await place.ground()
    await place.nic()
    assert await code_of(put_vm(place, vm_body(size="Standard_Nothing"))) == "InvalidParameter"
    place.switches.unavailable_sizes = ["westeurope/Standard_D2s_v5"]
    assert await code_of(put_vm(place, vm_body())) == "SkuNotAvailable"


async def test_quotas_hold_per_region(place: Place) -> None:
    place.switches.cores_per_region = 3
    place.switches.public_ips_per_region = 1
    await place.ground()
    await place.nic()
    await place.nic("nic2")
    await place.vm()
    assert await code_of(put_vm(place, vm_body("nic2"), "vm2")) == "OperationNotAllowed"
    more: Any = {"location": LOCATION, "properties": {}}
    addresses = place.network.public_ip_addresses
    assert await code_of(addresses.begin_create_or_update(RESOURCE_GROUP, "p2", more)) == "PublicIPCountLimitReached"
    await place.done(place.compute.virtual_machines.begin_delete(RESOURCE_GROUP, "vm"))
    await put_vm(place, vm_body("nic2"), "vm2")


async def test_a_machine_needs_a_login_and_keeps_it(place: Place) -> None:
    await place.ground()
    await place.nic()
    nobody = vm_body()
    del nobody["properties"]["osProfile"]["linuxConfiguration"]["ssh"]
    assert await code_of(put_vm(place, nobody)) == "InvalidParameter"
    await place.vm()
    renamed = vm_body()
    renamed["properties"]["osProfile"]["adminUsername"] = "other"
    assert await code_of(put_vm(place, renamed)) == "PropertyChangeNotAllowed"


async def test_no_secret_is_ever_shown(place: Place) -> None:
    await place.ground()
    await place.nic()
    await place.vm(keys=False)
    secret = {**ENTRA, "properties": {**ENTRA["properties"], "protectedSettings": {"key": "Secret-1234567"}}}
    await place.done(
        place.compute.virtual_machine_extensions.begin_create_or_update(RESOURCE_GROUP, "vm", "login", secret),
        minutes=2,
    )
    answers = [each.response.body for each in place.arm.traffic._kept]
    assert not [body for body in answers if b"Secret-1234567" in body]


async def test_an_interface_serves_one_machine(place: Place) -> None:
    await place.ground()
    await place.nic()
    await place.vm()
    assert await code_of(put_vm(place, vm_body(), "vm2")) == "NicInUse"


async def test_a_failed_creation_reserves_the_interface_for_180_seconds(place: Place) -> None:
    await place.ground()
    await place.nic()
    place.arm.faults.add("allocation-failed", "PUT .*virtualMachines/vm")
    poller: Any = await put_vm(place, vm_body(delete="Detach"))
    due_at = place.arm.next_due_at(place.clock.now())
    assert due_at is not None
    place.clock.advance_to(due_at)
    assert await code_of(poller.result()) == "AllocationFailed"
    place.arm.humans.delete(f"{COMPUTE}/virtualMachines/vm")
    interfaces = place.network.network_interfaces
    assert await code_of(interfaces.begin_delete(RESOURCE_GROUP, "nic")) == "NicReservedForAnotherVm"
    assert await code_of(put_vm(place, vm_body(), "vm2")) == "NicReservedForAnotherVm"
    place.pass_(seconds=181)
    await interfaces.begin_delete(RESOURCE_GROUP, "nic")


@pytest.mark.parametrize(("option", "left"), [("Delete", 0), ("Detach", 2)])
async def test_a_machine_takes_its_parts_along_only_when_told_to(place: Place, option: str, left: int) -> None:
    await place.ground()
    await place.nic()
    await place.vm(delete=option)
    await place.done(place.compute.virtual_machines.begin_delete(RESOURCE_GROUP, "vm"))
    store = place.arm.cloud.store
    parts = [
        *store.within(GROUP, "microsoft.compute/disks"),
        *store.within(GROUP, "microsoft.network/networkinterfaces"),
    ]
    assert len(parts) == left


async def test_extensions_want_a_running_machine(place: Place) -> None:
    await place.ground()
    await place.nic()
    await place.vm()
    await place.done(place.compute.virtual_machines.begin_deallocate(RESOURCE_GROUP, "vm"))
    extensions = place.compute.virtual_machine_extensions
    assert (
        await code_of(extensions.begin_create_or_update(RESOURCE_GROUP, "vm", "login", ENTRA)) == "OperationNotAllowed"
    )


@pytest.mark.parametrize(
    ("subnet", "version", "code"),
    [
        ({"defaultOutboundAccess": False}, "2024-03-01", "VMExtensionProvisioningError"),
        ({"defaultOutboundAccess": None}, "2026-03-01", "VMExtensionProvisioningError"),
        ({"defaultOutboundAccess": None}, "2024-03-01", ""),
        ({"defaultOutboundAccess": True}, "2026-03-01", ""),
    ],
)
async def test_entra_login_needs_outbound_and_fails_late_without(
    place: Place, subnet: dict[str, Any], version: str, code: str
) -> None:
    await place.nsgs()
    await place.send("PUT", f"{NETWORK}/virtualNetworks/vnet", vnet_body(**subnet), version)
    place.pass_(minutes=1)
    await place.nic()
    await place.vm()
    began = place.clock.now()
    poller = await place.compute.virtual_machine_extensions.begin_create_or_update(RESOURCE_GROUP, "vm", "login", ENTRA)
    due_at = place.arm.next_due_at(began)
    assert due_at is not None
    place.clock.advance_to(due_at)
    method = poller.polling_method()
    if code:
        assert (due_at - began).total_seconds() > 170
        await method.update_status()
        assert await code_of(poller.result()) == code
    else:
        await method.update_status()
        assert method.finished()


async def test_a_nat_gateway_gives_outbound(place: Place) -> None:
    nat: Any = {"location": LOCATION, "properties": {}}
    await place.done(place.network.nat_gateways.begin_create_or_update(RESOURCE_GROUP, "nat", nat))
    await place.nsgs()
    await place.vnet(defaultOutboundAccess=False, natGateway={"id": f"{NETWORK}/natGateways/nat"})
    await place.nic()
    await place.vm()
    made = await place.done(
        place.compute.virtual_machine_extensions.begin_create_or_update(RESOURCE_GROUP, "vm", "login", ENTRA), minutes=2
    )
    assert made.provisioning_state == "Succeeded"


async def test_the_instance_view_tells_the_power_state(place: Place) -> None:
    await place.ground()
    await place.nic()
    await place.vm()
    machines = place.compute.virtual_machines

    async def power() -> str:
        view = await machines.instance_view(RESOURCE_GROUP, "vm")
        return str(view.statuses[-1].code)

    assert await power() == "PowerState/running"
    await place.done(machines.begin_power_off(RESOURCE_GROUP, "vm"))
    assert await power() == "PowerState/stopped"
    await place.done(machines.begin_deallocate(RESOURCE_GROUP, "vm"))
    assert await power() == "PowerState/deallocated"
    await place.done(machines.begin_start(RESOURCE_GROUP, "vm"))
    expanded = await machines.get(RESOURCE_GROUP, "vm", expand="instanceView")
    assert expanded.properties.instance_view.statuses[-1].code == "PowerState/running"
    assert [each.name async for each in machines.list(RESOURCE_GROUP)] == ["vm"]
    assert [each.name async for each in machines.list_all()] == ["vm"]


async def test_what_is_gone_is_a_404(place: Place) -> None:
    with pytest.raises(ResourceNotFoundError):
        await place.network.bastion_hosts.get(RESOURCE_GROUP, "bastion")
    with pytest.raises(ResourceNotFoundError):
        await place.compute.virtual_machines.begin_start(RESOURCE_GROUP, "vm")


async def test_lists_are_paged_with_next_links(place: Place) -> None:
    place.switches.page_size = 2
    for index in range(5):
        await place.address(f"pip{index}")
    names = [each.name async for each in place.network.public_ip_addresses.list(RESOURCE_GROUP)]
    assert names == [f"pip{index}" for index in range(5)]
    everywhere = [each.name async for each in place.network.public_ip_addresses.list_all()]
    assert everywhere == names


async def test_a_peering_is_refused_without_its_other_network_over_one_that_overlaps_and_facing_a_dead_side(
    place: Place,
) -> None:
    await place.ground()
    for name, space in (("spoke", "10.9.0.0/16"), ("same", "10.9.4.0/24")):
        body: Any = {"location": LOCATION, "properties": {"addressSpace": {"addressPrefixes": [space]}}}
        await place.done(place.network.virtual_networks.begin_create_or_update(RESOURCE_GROUP, name, body), minutes=1)
    peerings = place.network.virtual_network_peerings

    def peered(here: str, there: str) -> Any:
        remote: Any = {"properties": {"remoteVirtualNetwork": {"id": f"{NETWORK}/virtualNetworks/{there}"}}}
        return peerings.begin_create_or_update(RESOURCE_GROUP, here, f"to-{there}", remote)

    assert await code_of(peered("vnet", "nowhere")) == "InvalidResourceReference"
    await place.done(peered("vnet", "spoke"), minutes=1)
    assert await code_of(peered("vnet", "same")) == "VnetAddressSpacesOverlap"
    assert await code_of(peered("same", "spoke")) == "VnetAddressSpacesOverlap"
    await place.done(peered("spoke", "vnet"), minutes=1)
    await place.done(peerings.begin_delete(RESOURCE_GROUP, "spoke", "to-vnet"), minutes=1)
    assert await code_of(peered("spoke", "vnet")) == "RemotePeeringIsDisconnected"
    await place.done(peered("vnet", "spoke"), minutes=1)
    assert (await place.done(peered("spoke", "vnet"), minutes=1)).properties.peering_state == "Connected"
