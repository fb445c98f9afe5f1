"""Could a person get in? Bastion up, machine running, one network, rules that let it, and a login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.arm import addressing
from sandbox.arm.bastions import BASTION, BastionHosts
from sandbox.arm.errors import ArmError
from sandbox.arm.extensions import is_entra_login
from sandbox.arm.firewall import Flow, allows, check_bastion_rules
from sandbox.arm.kinds import reference
from sandbox.arm.machines import EXTENSION
from sandbox.arm.nics import VM
from sandbox.arm.nsgs import rules_of
from sandbox.arm.outbound import configurations, connected_peers, groups_of, spaces_reached
from sandbox.arm.vnets import BASTION_SUBNET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sandbox.arm.cloud import Cloud
    from sandbox.arm.kinds import Kind
    from sandbox.arm.sessions import Session
    from sandbox.arm.store import Resource

PORTS = {"SSH": 22, "RDP": 3389}

# Where Developer's shared service comes from; it has no subnet of the customer's (a documented address).
_DEVELOPER_SOURCE = "168.63.129.16/32"


class NotAdmitted(Exception):
    """Why a person cannot get in, in plain words."""


def admit(
    cloud: Cloud,
    kinds: Mapping[str, Kind],
    bastion_name: str,
    vm_name: str,
    user: str,
    protocol: str,
    minutes: float,
    gigabytes: float = 0.0,
) -> Session:
    """Open a session by the names (or ids) of Bastion and machine; raises NotAdmitted with the reason."""
    bastion = _named(cloud, BASTION, bastion_name)
    machine = _named(cloud, VM, vm_name)
    port = PORTS.get(protocol)
    if bastion is None:
        raise NotAdmitted(f"there is no Bastion {bastion_name}")
    if machine is None:
        raise NotAdmitted(f"there is no machine {vm_name}")
    if port is None:
        raise NotAdmitted(f"the protocol is SSH or RDP, not {protocol}")
    hosts = kinds[BASTION]
    assert isinstance(hosts, BastionHosts)  # noqa: S101 - the table of types is ours
    _check_standing(cloud, bastion, machine)
    address = _check_way(cloud, hosts, bastion, machine, port)
    _check_login(cloud, machine)
    return cloud.sessions.open(bastion, machine, address, user, protocol, minutes, gigabytes)


def _named(cloud: Cloud, kind: str, name: str) -> Resource | None:
    if name.startswith("/"):
        return cloud.store.get(name)
    wanted = name.lower()
    subscriptions = {group.subscription for group in cloud.store.groups.values()}
    for subscription in subscriptions:
        for resource in cloud.store.within(f"/subscriptions/{subscription}", kind):
            if resource.rid.name.lower() == wanted:
                return resource
    return None


def _check_standing(cloud: Cloud, bastion: Resource, machine: Resource) -> None:
    if bastion.state != "Succeeded":
        raise NotAdmitted(f"the Bastion {bastion.rid.name} is {bastion.state}")
    power = machine.private.get("power") or machine.state
    if power != "running":
        raise NotAdmitted(f"the machine {machine.rid.name} is {power}")
    if bastion.body["sku"]["name"] == "Developer":
        others = {each.machine for each in cloud.sessions.on_bastion(bastion.key)} - {machine.id}
        if others:
            raise NotAdmitted("a Developer Bastion serves one machine at a time")


def _check_way(cloud: Cloud, hosts: BastionHosts, bastion: Resource, machine: Resource, port: int) -> str:
    """The address of the machine that the Bastion can reach on a port."""
    source = _source(cloud, bastion)
    reached = _networks_served(cloud, hosts, bastion)
    reason = f"the machine {machine.rid.name} has no address"
    for nic, properties, subnet in configurations(cloud, machine):
        vnet = subnet.rid.parent
        if vnet is None or vnet.key not in reached:
            reason = f"the Bastion {bastion.rid.name} does not serve the network of {machine.rid.name}"
            continue
        address = str(properties["privateIPAddress"])
        flow = Flow("Inbound", port, source, f"{address}/32")
        spaces = spaces_reached(cloud, reached[vnet.key])
        if all(allows(rules, flow, vnet=spaces) for rules in groups_of(cloud, nic, subnet)):
            return address
        reason = f"the network security rules of {machine.rid.name} do not let {port} in from the Bastion"
    raise NotAdmitted(reason)


def _networks_served(cloud: Cloud, hosts: BastionHosts, bastion: Resource) -> dict[str, Resource]:
    own = cloud.store.get(hosts.network_key(bastion.body))
    if own is None:
        return {}
    peers: Iterable[Resource] = ()
    if bastion.body["sku"]["name"] != "Developer":
        peers = connected_peers(cloud, own)
    return {own.key: own, **{peer.key: peer for peer in peers}}


def _source(cloud: Cloud, bastion: Resource) -> str:
    for configuration in bastion.properties.get("ipConfigurations", []):
        subnet = cloud.store.get(reference(configuration["properties"], "subnet"))
        if subnet is None:
            raise NotAdmitted(f"{BASTION_SUBNET} is gone")
        group = cloud.store.get(reference(subnet.properties, "networkSecurityGroup"))
        if group is not None:
            try:
                check_bastion_rules(group.rid.name, [rule.body for rule in rules_of(cloud, group)])
            except ArmError as error:
                raise NotAdmitted(error.message) from None
        return str(addressing.subnet_prefixes(subnet.properties)[0])
    return _DEVELOPER_SOURCE


def _check_login(cloud: Cloud, machine: Resource) -> None:
    linux = machine.properties.get("osProfile", {}).get("linuxConfiguration", {})
    keys = (linux.get("ssh") or {}).get("publicKeys") or []
    if keys:
        return
    identity = str((machine.body.get("identity") or {}).get("type", ""))
    logins = [each for each in cloud.store.within(machine.key, EXTENSION) if is_entra_login(each)]
    if not any(each.state == "Succeeded" for each in logins):
        raise NotAdmitted(f"nobody can log in to {machine.rid.name}: no SSH key and no Entra login in place")
    if "SystemAssigned" not in identity:
        raise NotAdmitted(f"Entra login on {machine.rid.name} needs a system-assigned identity")
