"""A Bastion in somebody else's resource group, as a platform team keeps one: changes with what a hub may look like."""

from __future__ import annotations

import json
from typing import Any

from lifecycle.bodies import bastion_rules
from sandbox.arm.arm import SUBSCRIPTION
from sandbox.arm.kinds import reference
from sandbox.arm.vnets import PEERING
from tests.world.harness import World

GROUP = "rg-platform"
NETWORK = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Network"
HUB_VNET, HUB_BASTION = f"{NETWORK}/virtualNetworks/hub-vnet", f"{NETWORK}/bastionHosts/hub-bastion"
USED = {"STACKS": json.dumps({"spoke": {"hub": HUB_BASTION}})}


def build(world: World, space: str = "10.200.0.0/24", sku: str = "Basic") -> None:
    """Have the platform team build its hub: a network, a Bastion and what that needs."""
    world.arm.groups.create(SUBSCRIPTION, GROUP, "westeurope")
    made: dict[str, dict[str, Any]] = {
        f"{NETWORK}/networkSecurityGroups/hub-nsg": {"properties": {"securityRules": bastion_rules()}},
        f"{NETWORK}/publicIPAddresses/hub-ip": {
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4"},
        },
        HUB_VNET: {"properties": {"addressSpace": {"addressPrefixes": [space]}, "subnets": [_subnet(space)]}},
        HUB_BASTION: _developer() if sku == "Developer" else _host(sku),
    }
    for target, body in made.items():
        world.arm.humans.add(target, {"location": "westeurope", "tags": {"team": "platform"}, **body})


def peer_back(world: World, spoke: str = "spoke") -> None:
    """Have the platform team make its side of the peering."""
    theirs = world.settings.estate
    spoke_vnet = (
        f"/subscriptions/{theirs.subscription_id}/resourceGroups/{theirs.resource_group}"
        f"/providers/Microsoft.Network/virtualNetworks/jb-{spoke}-vnet"
    )
    target = f"{HUB_VNET}/virtualNetworkPeerings/{spoke}"
    world.arm.humans.add(target, {"properties": {"remoteVirtualNetwork": {"id": spoke_vnet}}})


def bytes_of(world: World) -> str:
    """All that stands in the platform's group, as ARM shows it, but for the peering that its own people make."""
    kinds = world.arm.kinds
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/".lower()
    there = [each for each in world.arm.cloud.store if each.key.startswith(group) and each.kind != PEERING]
    bodies = {each.key: kinds[each.kind].view(each) for each in there}
    bodies[HUB_VNET.lower()]["properties"].pop("virtualNetworkPeerings")
    return json.dumps(bodies, sort_keys=True)


def has_our_side(world: World) -> bool:
    """Whether any network is peered with the platform's."""
    sides = [each for each in world.arm.cloud.store if each.kind == PEERING]
    return any(reference(each.properties, "remoteVirtualNetwork") == HUB_VNET for each in sides)


def writes(world: World) -> list[str]:
    """Every request that would have changed something in the platform's group."""
    said = [json.loads(line) for line in world.arm.traffic.lines()]
    changing = [each for each in said if each["method"] != "GET" and "getActiveSessions" not in each["url"]]
    return [f"{each['method']} {each['url']}" for each in changing if GROUP in each["url"].lower()]


def _subnet(space: str) -> dict[str, Any]:
    prefix = f"{space.partition('/')[0]}/26"
    nsg = {"id": f"{NETWORK}/networkSecurityGroups/hub-nsg"}
    return {"name": "AzureBastionSubnet", "properties": {"addressPrefix": prefix, "networkSecurityGroup": nsg}}


def _host(sku: str) -> dict[str, Any]:
    configuration = {
        "subnet": {"id": f"{HUB_VNET}/subnets/AzureBastionSubnet"},
        "publicIPAddress": {"id": f"{NETWORK}/publicIPAddresses/hub-ip"},
    }
    return {"sku": {"name": sku}, "properties": {"ipConfigurations": [{"name": "door", "properties": configuration}]}}


def _developer() -> dict[str, Any]:
    return {"sku": {"name": "Developer"}, "properties": {"virtualNetwork": {"id": HUB_VNET}}}
