"""Whether a machine can reach the internet, and which networks it stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.arm import addressing
from sandbox.arm.firewall import Flow, allows
from sandbox.arm.kinds import reference
from sandbox.arm.nsgs import rules_of
from sandbox.arm.vnets import PEERING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.arm.addressing import Network
    from sandbox.arm.cloud import Cloud
    from sandbox.arm.store import Resource
    from sandbox.arm.wire import Json


def configurations(cloud: Cloud, machine: Resource) -> Iterator[tuple[Resource, Json, Resource]]:
    """Each ip configuration of a machine: its interface, its properties, its subnet."""
    profile = machine.properties.get("networkProfile") or {}
    for each in profile.get("networkInterfaces") or []:
        nic = cloud.store.get(str(each.get("id")))
        for configuration in nic.properties["ipConfigurations"] if nic is not None else []:
            subnet = cloud.store.get(reference(configuration["properties"], "subnet"))
            if nic is not None and subnet is not None:
                yield nic, configuration["properties"], subnet


def has_outbound(cloud: Cloud, machine: Resource) -> bool:
    """Whether new connections to 443 on the internet get out.

    A subnet is private when it says so, and, from api-version 2025-07-01 on, when it says nothing; then
    only a NAT gateway or a public address of its own lets a machine out.
    """
    for nic, properties, subnet in configurations(cloud, machine):
        open_subnet = subnet.properties.get("defaultOutboundAccess", True)
        exits = reference(subnet.properties, "natGateway") or reference(properties, "publicIPAddress")
        flow = Flow("Outbound", 443, f"{properties['privateIPAddress']}/32", "Internet")
        groups = groups_of(cloud, nic, subnet)
        if (open_subnet or exits) and all(allows(rules, flow) for rules in groups):
            return True
    return False


def groups_of(cloud: Cloud, nic: Resource, subnet: Resource) -> list[list[Json]]:
    """The rules of the groups that guard an interface: its subnet's and its own."""
    groups = [cloud.store.get(reference(holder.properties, "networkSecurityGroup")) for holder in (subnet, nic)]
    return [[rule.body for rule in rules_of(cloud, group)] for group in groups if group is not None]


def spaces_reached(cloud: Cloud, vnet: Resource) -> list[Network]:
    """What the VirtualNetwork tag stands for in a network: its own space and its connected peers'."""
    spaces = addressing.address_space(vnet.properties, vnet.id)
    for peer in connected_peers(cloud, vnet):
        spaces += addressing.address_space(peer.properties, peer.id)
    return spaces


def connected_peers(cloud: Cloud, vnet: Resource) -> list[Resource]:
    """The networks a network is peered with, both sides connected."""
    found = [
        cloud.store.get(reference(peering.properties, "remoteVirtualNetwork"))
        for peering in cloud.store.within(vnet.key, PEERING)
        if peering.properties.get("peeringState") == "Connected" and peering.state == "Succeeded"
    ]
    return [vnet for vnet in found if vnet is not None]
