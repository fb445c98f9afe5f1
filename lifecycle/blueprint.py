"""The parts an intent asks for: names, ARM ids, bodies, and what each needs before it may come or go.

A blueprint is a value derived from the intents, the targets and what must be kept shut just now; it is never
stored. Two lists per part carry all ordering: ``needs`` (sound before this one is made) and ``outlived_by``
(absent before this one is removed). Everything not ordered by them is done side by side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, ip_network
from typing import Any

from lifecycle.model import BoxIntent, Hub, Kind, Level, Login, Outbound, Sku, StackIntent

MANAGED_BY = "jumpbox-lifecycle"
OWNERSHIP_TAGS = ("managed-by", "stack", "deployment")
RESERVED_TAGS = (*OWNERSHIP_TAGS, "box", "owner")
BASTION_SUBNET = "AzureBastionSubnet"
FRONTEND_SUBNET = "frontend"
ADMIN_USER = "jumper"
DISK_SKU = "StandardSSD_LRS"
DISK_GIB = 32
VM_IMAGE = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
LONGEST_VM_NAME = 64
"""Azure's limit for a Linux VM's name; two names of 40 do not fit beside each other."""
DRAIN_RULE = "deny-new-from-bastion"

NSG_FRONTEND = "nsg-frontend"
NSG_BASTION = "nsg-bastion"
NAT_ADDRESS = "ip-nat"
NAT = "nat"
VNET = "vnet"
ADDRESS = "ip-bastion"
BASTION = "bastion"
PEERING = "peering"
"""A stack's own side of the peering with its hub."""
GUEST = "guest:"
"""A hub's side of the peering with a stack that uses its door."""
HUB = "hub"
"""No part: the block that stands for a hub which cannot serve, or not yet."""


class Want(StrEnum):
    """What is wanted of a part: there, as it is, or gone."""

    PRESENT = "present"
    KEEP = "keep"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Estate:
    """Where everything lives and what is written on it; from the settings."""

    subscription_id: str
    resource_group: str
    deployment: str
    extra_tags: Mapping[str, str] = field(default_factory=dict)

    def arm_id(self, kind: Kind, *names: str) -> str:
        """Compose an ARM id; a child kind takes its parent's name first."""
        provider, *types = kind.value.split("/")
        path = "/".join(f"{part}/{name}" for part, name in zip(types, names, strict=True))
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/{provider}/{path}"

    def ownership(self, stack: str) -> dict[str, str]:
        """Name the tags without which nothing is ours."""
        return {"managed-by": MANAGED_BY, "stack": stack, "deployment": self.deployment}


@dataclass(frozen=True, slots=True)
class Part:
    """One ARM resource of a stack."""

    key: str
    kind: Kind
    arm_id: str
    body: Mapping[str, Any]
    want: Want
    needs: tuple[str, ...] = ()
    outlived_by: tuple[str, ...] = ()
    box: str | None = None
    running: bool | None = None
    """For a VM: whether it is to run (True), to be deallocated (False), or left as it is (None)."""
    born_with: str | None = None
    """The part whose creation makes this one (an OS disk is made by its VM): never PUT on its own."""
    before_start: tuple[str, ...] = ()
    """Parts that must be in order before a VM may be started."""
    holder: str | None = None
    """For a child of a network, that network's ARM id: a peering has no tags of its own, so its parent's count."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """The ownership tags its holder must carry."""
    borrowed: bool = False
    """Whether it is somebody else's, a hub's door: looked at and used, never changed and never on our books."""
    replaceable: bool = False
    """Whether it is deleted and made anew when it failed to provision, since nobody has put anything into it."""


@dataclass(frozen=True, slots=True)
class BoxWish:
    """What the plan for a box is, as far as its parts depend on it."""

    intent: BoxIntent
    target: Level
    built: bool
    """Whether any part of it stands: a parked box keeps what is there and builds nothing."""
    net_at: datetime | None
    """When Azure's own auto-shutdown may fire at the earliest; None switches it off for now."""
    used: bool = True
    """Whether anybody could ever get in: then its disk may hold somebody's work."""


def box_key(kind: str, box: str) -> str:
    """Name a box's part, e.g. ``vm!alice``."""
    return f"{kind}!{box}"


def box_stem(stack: str, box: str) -> str:
    """Begin the names of a box's parts. The underscore occurs in neither name, so no two boxes share one."""
    stem = f"jb-{stack}_{box}"
    longest = LONGEST_VM_NAME - len("-vm")
    if len(stem) <= longest:
        return stem
    digest = hashlib.sha256(stem.encode()).hexdigest()[:10]
    return f"{stem[: longest - 11].rstrip('-_')}-{digest}"


def vm_name(stack: str, box: str) -> str:
    """Name a box's VM."""
    return f"{box_stem(stack, box)}-vm"


def bastion_name(stack: str) -> str:
    """Name a stack's Bastion host."""
    return f"jb-{stack}-bastion"


def vnet_id(estate: Estate, stack: str) -> str:
    """Compose the ARM id of a stack's network."""
    return estate.arm_id(Kind.VNET, vnet_name(stack))


def vnet_name(stack: str) -> str:
    """Name a stack's network."""
    return f"jb-{stack}-vnet"


def bastion_id(estate: Estate, stack: str) -> str:
    """Compose the ARM id of a stack's Bastion host."""
    return estate.arm_id(Kind.BASTION, bastion_name(stack))


def guest_of(machine_id: str, estate: Estate) -> tuple[str, str] | None:
    """Say which stack and box of this estate a machine belongs to, by its id alone; None for any other machine."""
    prefix = estate.arm_id(Kind.VM, "jb-")
    stack, found, rest = machine_id[len(prefix) :].partition("_")
    if not machine_id.lower().startswith(prefix.lower()) or not found:
        return None
    return stack.lower(), rest.removesuffix("-vm")


@lru_cache(maxsize=1024)
def subnets(address_range: str) -> tuple[IPv4Network, IPv4Network]:
    """Cut a stack's range in two: the frontend (upper half), and AzureBastionSubnet (/26 at its beginning).

    Azure asks for a /26 or larger for Bastion (bastion-faq); a range smaller than /25 cannot hold both.
    """
    network = ip_network(address_range)
    if not isinstance(network, IPv4Network) or network.prefixlen > 25:  # noqa: PLR2004 -- said above
        raise ValueError(f"address range {address_range} is too small: a stack needs a /25 or larger")
    lower, upper = network.subnets(prefixlen_diff=1)
    return upper, next(lower.subnets(new_prefix=26)) if lower.prefixlen < 26 else lower  # noqa: PLR2004


def _rule(
    name: str,
    priority: int,
    direction: str,
    protocol: str,
    source: str,
    target: str,
    ports: Iterable[str],
    access: str = "Allow",
) -> dict[str, Any]:
    return {
        "name": name,
        "properties": {
            "priority": priority,
            "direction": direction,
            "access": access,
            "protocol": protocol,
            "sourceAddressPrefix": source,
            "sourcePortRange": "*",
            "destinationAddressPrefix": target,
            "destinationPortRanges": list(ports),
        },
    }


def bastion_rules() -> list[dict[str, Any]]:
    """All the rules Azure requires on AzureBastionSubnet, or it refuses the group (Microsoft: bastion-nsg)."""
    inner = ("8080", "5701")
    return [
        _rule("allow-https-in", 120, "Inbound", "Tcp", "Internet", "*", ("443",)),
        _rule("allow-gateway-manager-in", 130, "Inbound", "Tcp", "GatewayManager", "*", ("443",)),
        _rule("allow-load-balancer-in", 140, "Inbound", "Tcp", "AzureLoadBalancer", "*", ("443",)),
        _rule("allow-bastion-hosts-in", 150, "Inbound", "*", "VirtualNetwork", "VirtualNetwork", inner),
        _rule("allow-ssh-rdp-out", 100, "Outbound", "*", "*", "VirtualNetwork", ("22", "3389")),
        _rule("allow-azure-cloud-out", 110, "Outbound", "Tcp", "*", "AzureCloud", ("443",)),
        _rule("allow-bastion-hosts-out", 120, "Outbound", "*", "VirtualNetwork", "VirtualNetwork", inner),
        _rule("allow-session-facts-out", 130, "Outbound", "*", "*", "Internet", ("80",)),
    ]


def frontend_rules(bastion_prefix: str, *, drained: bool) -> list[dict[str, Any]]:
    """SSH and RDP from Bastion's subnet and from nowhere else; an empty prefix is that of a hub not known yet.

    ``drained`` keeps *new* connections from Bastion out: a security group's change meets new flows only, so
    nobody who is connected is cut off by it.
    """
    ports = ("22", "3389")
    rules = [_rule("deny-ssh-rdp-in", 300, "Inbound", "*", "*", "*", ports, access="Deny")]
    if bastion_prefix:
        rules.insert(0, _rule("allow-bastion-in", 200, "Inbound", "Tcp", bastion_prefix, "*", ports))
    if drained and bastion_prefix:
        rules.insert(0, _rule(DRAIN_RULE, 100, "Inbound", "*", bastion_prefix, "*", ports, access="Deny"))
    return rules


@dataclass(frozen=True, slots=True)
class _Site:
    """What every body of one stack is written with."""

    estate: Estate
    stack: str
    intent: StackIntent
    links: Links

    def id(self, kind: Kind, suffix: str) -> str:
        return self.estate.arm_id(kind, f"jb-{self.stack}-{suffix}")

    def body(self, properties: Mapping[str, Any], box: BoxIntent | None = None, **more: Any) -> dict[str, Any]:
        tags = {**self.estate.extra_tags, **self.estate.ownership(self.stack)}
        if box:
            tags |= {"box": box.name, "owner": box.owner[:256]}
        return {"location": self.intent.region, "tags": tags, "properties": dict(properties), **more}


@dataclass(frozen=True, slots=True)
class Links:
    """How a stack hangs together with others: the hub it uses, or the stacks that use it as theirs."""

    hub: Hub | None = None
    peered: bool = True
    """Whether the hub may be peered with: not where address ranges overlap."""
    guests: Mapping[str, str] = field(default_factory=dict)
    """Stack -> ARM id of its network; empty for one whose peering is to go."""
    needed: bool = False
    """Whether another stack needs the network to be there."""


ALONE = Links()


def blueprint(
    estate: Estate,
    stack: str,
    intent: StackIntent,
    wishes: Iterable[BoxWish],
    *,
    door: bool,
    closing: bool,
    links: Links = ALONE,
) -> dict[str, Part]:
    """Name every part of a stack, with what is wanted of it.

    ``door``: whether the Bastion is to stand. ``closing``: whether it stands, is not wanted any more and new
    connections are to be kept out until it is gone.
    """
    wishes = tuple(wishes)
    network = Want.PRESENT if links.needed else _network_want(wishes)
    site = _Site(estate, stack, intent, links)
    parts = [*_network(site, wishes, network, closing=closing)]
    parts += _borrowed_door(site, links.hub, network, door=door) if links.hub else _door(site, network, door=door)
    parts += _guests(site, network)
    for wish in wishes:
        parts += _box(site, wish)
    return {part.key: part for part in parts}


def _network_want(wishes: tuple[BoxWish, ...]) -> Want:
    if any(wish.target >= Level.WARM for wish in wishes):
        return Want.PRESENT
    if any(wish.target is Level.PARKED and wish.built for wish in wishes):
        return Want.KEEP
    return Want.ABSENT


def _network(site: _Site, wishes: tuple[BoxWish, ...], want: Want, *, closing: bool) -> Iterable[Part]:
    frontend, bastion = subnets(site.intent.address_range)
    hub = site.links.hub
    through_nat = site.intent.outbound is Outbound.NAT
    nat_id = site.id(Kind.NAT, "nat")
    frontend_nsg, bastion_nsg = site.id(Kind.NSG, "frontend-nsg"), site.id(Kind.NSG, "bastion-nsg")
    yield Part(
        NSG_FRONTEND,
        Kind.NSG,
        frontend_nsg,
        site.body({"securityRules": frontend_rules(hub.bastion_range if hub else str(bastion), drained=closing)}),
        want,
        outlived_by=(VNET,),
    )
    if hub is None:
        yield Part(
            NSG_BASTION,
            Kind.NSG,
            bastion_nsg,
            site.body({"securityRules": bastion_rules()}),
            want,
            outlived_by=(VNET,),
        )
    if through_nat:
        address = site.id(Kind.ADDRESS, "nat-ip")
        yield Part(NAT_ADDRESS, Kind.ADDRESS, address, _static_address(site), want, outlived_by=(NAT,))
        gateway = site.body(
            {"publicIpAddresses": [{"id": address}], "idleTimeoutInMinutes": 4}, sku={"name": "Standard"}
        )
        yield Part(NAT, Kind.NAT, nat_id, gateway, want, needs=(NAT_ADDRESS,), outlived_by=(VNET,))
    outbound: dict[str, Any] = {"defaultOutboundAccess": site.intent.outbound is Outbound.DEFAULT}
    if through_nat:
        outbound["natGateway"] = {"id": nat_id}
    inner: list[dict[str, Any]] = [
        {
            "name": FRONTEND_SUBNET,
            "properties": {
                "addressPrefix": str(frontend),
                "networkSecurityGroup": {"id": frontend_nsg},
                **outbound,
            },
        }
    ]
    if hub is None:
        properties = {"addressPrefix": str(bastion), "networkSecurityGroup": {"id": bastion_nsg}}
        inner.append({"name": BASTION_SUBNET, "properties": properties})
    body = {"addressSpace": {"addressPrefixes": [site.intent.address_range]}, "subnets": inner}
    needs = (NSG_FRONTEND, *(() if hub else (NSG_BASTION,)), *((NAT,) if through_nat else ()))
    inhabitants = [box_key("nic", wish.intent.name) for wish in wishes]
    inhabitants += [PEERING if hub else BASTION, *(f"{GUEST}{stack}" for stack in site.links.guests)]
    yield Part(
        VNET,
        Kind.VNET,
        site.id(Kind.VNET, "vnet"),
        site.body(body),
        want,
        needs=needs,
        outlived_by=tuple(inhabitants),
    )


def _static_address(site: _Site) -> dict[str, Any]:
    return site.body(
        {"publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4"},
        sku={"name": "Standard", "tier": "Regional"},
    )


def _borrowed_door(site: _Site, hub: Hub, network: Want, *, door: bool) -> Iterable[Part]:
    """Name the hub's Bastion, which is only looked at, and our own side of the peering with its network."""
    wanted = Want.PRESENT if door else Want.KEEP
    yield Part(BASTION, Kind.BASTION, hub.bastion_id, {}, wanted, borrowed=True)
    if not hub.vnet_id:
        return
    if network is Want.PRESENT and not hub.stands:
        network = Want.KEEP
    name = hub.name.rpartition("/")[2]
    yield _peering(site, PEERING, name, hub.vnet_id, network if site.links.peered else Want.ABSENT)


def _guests(site: _Site, network: Want) -> Iterable[Part]:
    """Name our side of the peerings with the stacks that use our door."""
    for stack, their_network in site.links.guests.items():
        want = Want.PRESENT if their_network and network is Want.PRESENT else Want.ABSENT
        yield _peering(site, f"{GUEST}{stack}", stack, their_network, want)


def _peering(site: _Site, key: str, name: str, remote_id: str, want: Want) -> Part:
    properties = {
        "remoteVirtualNetwork": {"id": remote_id},
        "allowVirtualNetworkAccess": True,
        "allowForwardedTraffic": False,
        "allowGatewayTransit": False,
        "useRemoteGateways": False,
    }
    return Part(
        key,
        Kind.PEERING,
        site.estate.arm_id(Kind.PEERING, vnet_name(site.stack), f"to-{name}"),
        {"properties": properties},
        want,
        needs=(VNET,),
        holder=vnet_id(site.estate, site.stack),
        marks=site.estate.ownership(site.stack),
    )


def _door(site: _Site, network: Want, *, door: bool) -> Iterable[Part]:
    host = Want.PRESENT if door else Want.ABSENT
    kept = site.intent.keep_public_ip and network is not Want.ABSENT
    address_id = site.id(Kind.ADDRESS, "bastion-ip")
    yield Part(
        ADDRESS,
        Kind.ADDRESS,
        address_id,
        _static_address(site),
        Want.KEEP if kept and not door else host,
        outlived_by=(BASTION,),
    )
    properties: dict[str, Any] = {
        "ipConfigurations": [
            {
                "name": "door",
                "properties": {
                    "subnet": {"id": f"{site.id(Kind.VNET, 'vnet')}/subnets/{BASTION_SUBNET}"},
                    "publicIPAddress": {"id": address_id},
                    "privateIPAllocationMethod": "Dynamic",
                },
            }
        ]
    }
    if site.intent.sku is not Sku.BASIC:
        properties |= {"enableTunneling": True}
    yield Part(
        BASTION,
        Kind.BASTION,
        site.id(Kind.BASTION, "bastion"),
        site.body(properties, sku={"name": site.intent.sku.value}),
        host,
        needs=(VNET, ADDRESS),
        replaceable=True,
    )


def _box(site: _Site, wish: BoxWish) -> Iterable[Part]:
    box, estate = wish.intent, site.estate
    want = {Level.GONE: Want.ABSENT, Level.PARKED: Want.KEEP}.get(wish.target, Want.PRESENT)
    name = vm_name(site.stack, box.name)
    stem = box_stem(site.stack, box.name)
    nic, vm, disk, shutdown, login = (box_key(k, box.name) for k in ("nic", "vm", "disk", "shutdown", "login"))
    nic_id = estate.arm_id(Kind.NIC, f"{stem}-nic")
    vm_id = estate.arm_id(Kind.VM, name)
    subnet_id = f"{site.id(Kind.VNET, 'vnet')}/subnets/{FRONTEND_SUBNET}"
    ip_configuration = {
        "name": "private",
        "properties": {"subnet": {"id": subnet_id}, "privateIPAllocationMethod": "Dynamic", "primary": True},
    }
    yield Part(
        nic,
        Kind.NIC,
        nic_id,
        site.body({"ipConfigurations": [ip_configuration]}, box),
        want,
        needs=(VNET,),
        outlived_by=(vm,),
        box=box.name,
    )
    disk_name = f"{stem}-osdisk"
    yield Part(
        vm,
        Kind.VM,
        vm_id,
        site.body(_machine(box, nic_id, disk_name), box, identity={"type": "SystemAssigned"}),
        want,
        needs=(nic,),
        box=box.name,
        running={Want.PRESENT: True, Want.KEEP: False}.get(want),
        before_start=(shutdown,),
        replaceable=not wish.used,
    )
    yield Part(
        disk,
        Kind.DISK,
        estate.arm_id(Kind.DISK, disk_name),
        {"tags": site.body({}, box)["tags"]},
        want,
        needs=(vm,),
        outlived_by=(vm,),
        box=box.name,
        born_with=vm,
    )
    yield Part(
        shutdown,
        Kind.SHUTDOWN,
        estate.arm_id(Kind.SHUTDOWN, f"shutdown-computevm-{name}"),
        site.body(_safety_net(vm_id, wish.net_at), box),
        want,
        needs=(vm,),
        box=box.name,
    )
    if box.login is Login.ENTRA:
        extension = {
            "publisher": "Microsoft.Azure.ActiveDirectory",
            "type": "AADSSHLoginForLinux",
            "typeHandlerVersion": "1.0",
            "autoUpgradeMinorVersion": True,
        }
        yield Part(
            login,
            Kind.EXTENSION,
            estate.arm_id(Kind.EXTENSION, name, "AADSSHLoginForLinux"),
            site.body(extension, box),
            want,
            needs=(vm,),
            outlived_by=(vm,),
            box=box.name,
        )


def _machine(box: BoxIntent, nic_id: str, disk_name: str) -> dict[str, Any]:
    return {
        "hardwareProfile": {"vmSize": box.vm_size},
        "storageProfile": {
            "imageReference": dict(VM_IMAGE),
            "osDisk": {
                "name": disk_name,
                "createOption": "FromImage",
                "deleteOption": "Delete",
                "diskSizeGB": DISK_GIB,
                "managedDisk": {"storageAccountType": DISK_SKU},
            },
        },
        "osProfile": {
            "computerName": box.name.rstrip("-"),
            "adminUsername": ADMIN_USER,
            "linuxConfiguration": {
                "disablePasswordAuthentication": True,
                "ssh": {
                    "publicKeys": [
                        {
                            "path": f"/home/{ADMIN_USER}/.ssh/authorized_keys",
                            "keyData": box.ssh_public_key or "",
                        }
                    ]
                },
            },
        },
        "securityProfile": {
            "securityType": "TrustedLaunch",
            "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
        },
        "networkProfile": {
            "networkInterfaces": [{"id": nic_id, "properties": {"primary": True, "deleteOption": "Delete"}}]
        },
    }


def _safety_net(vm_id: str, net_at: datetime | None) -> dict[str, Any]:
    """Azure's own auto-shutdown: fires daily, so it is off while no time of day is safe (net_at None)."""
    properties: dict[str, Any] = {
        "status": "Enabled" if net_at else "Disabled",
        "taskType": "ComputeVmShutdownTask",
        "timeZoneId": "UTC",
        "targetResourceId": vm_id,
        "notificationSettings": {"status": "Disabled"},
    }
    properties["dailyRecurrence"] = {"time": net_at.strftime("%H%M") if net_at else "0000"}
    return properties
