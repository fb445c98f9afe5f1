"""The parts an intent asks for, each with its ARM id and body, and what it needs before it may come or go.

A blueprint is a value derived from the intents, the targets and what must be kept shut just now; it is never
stored. Two lists per part carry all ordering: ``needs`` (sound before this one is made) and ``outlived_by``
(absent before this one is removed). Everything not ordered by them is done side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from lifecycle import bodies
from lifecycle.estate import Estate, bastion_id, box_stem, vm_name, vnet_id, vnet_name
from lifecycle.model import BoxIntent, Hub, Kind, Level, Login, Outbound, StackIntent

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

    ``door``: whether the Bastion is to stand, for which its network must. ``closing``: whether it stands, is not
    wanted any more and new connections are to be kept out until it is gone.
    """
    wishes = tuple(wishes)
    network = Want.PRESENT if door or links.needed else _network_want(wishes)
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
    hub, through_nat = site.links.hub, site.intent.outbound is Outbound.NAT
    frontend_nsg, bastion_nsg = site.id(Kind.NSG, "frontend-nsg"), site.id(Kind.NSG, "bastion-nsg")
    gateway_id = site.id(Kind.NAT, "nat")
    bastion_range = hub.bastion_range if hub else str(bodies.subnets(site.intent.address_range)[1])
    yield Part(
        NSG_FRONTEND,
        Kind.NSG,
        frontend_nsg,
        site.body({"securityRules": bodies.frontend_rules(bastion_range, drained=closing)}),
        want,
        outlived_by=(VNET,),
    )
    if hub is None:
        yield Part(
            NSG_BASTION,
            Kind.NSG,
            bastion_nsg,
            site.body({"securityRules": bodies.bastion_rules()}),
            want,
            outlived_by=(VNET,),
        )
    if through_nat:
        address = site.id(Kind.ADDRESS, "nat-ip")
        yield Part(NAT_ADDRESS, Kind.ADDRESS, address, _static_address(site), want, outlived_by=(NAT,))
        gateway = site.body(bodies.nat_gateway(address), sku={"name": "Standard"})
        yield Part(NAT, Kind.NAT, gateway_id, gateway, want, needs=(NAT_ADDRESS,), outlived_by=(VNET,))
    needs = (NSG_FRONTEND, *(() if hub else (NSG_BASTION,)), *((NAT,) if through_nat else ()))
    inhabitants = [box_key("nic", wish.intent.name) for wish in wishes]
    inhabitants += [PEERING if hub else BASTION, *(f"{GUEST}{stack}" for stack in site.links.guests)]
    body = bodies.network(site.intent, frontend_nsg, None if hub else bastion_nsg, gateway_id if through_nat else None)
    yield Part(
        VNET,
        Kind.VNET,
        vnet_id(site.estate, site.stack),
        site.body(body),
        want,
        needs=needs,
        outlived_by=tuple(inhabitants),
    )


def _static_address(site: _Site) -> dict[str, Any]:
    return site.body(bodies.STATIC_ADDRESS, sku=bodies.ADDRESS_SKU)


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
    return Part(
        key,
        Kind.PEERING,
        site.estate.arm_id(Kind.PEERING, vnet_name(site.stack), f"to-{name}"),
        {"properties": bodies.peering(remote_id)},
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
    sku, network_id = site.intent.sku, vnet_id(site.estate, site.stack)
    yield Part(
        BASTION,
        Kind.BASTION,
        bastion_id(site.estate, site.stack),
        site.body(bodies.bastion(network_id, address_id, sku), sku={"name": sku.value}),
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
    yield Part(
        nic,
        Kind.NIC,
        nic_id,
        site.body(bodies.nic(vnet_id(estate, site.stack)), box),
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
        site.body(bodies.machine(box, nic_id, disk_name), box, identity={"type": "SystemAssigned"}),
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
        site.body(bodies.safety_net(vm_id, wish.net_at), box),
        want,
        needs=(vm,),
        box=box.name,
    )
    if box.login is Login.ENTRA:
        yield Part(
            login,
            Kind.EXTENSION,
            estate.arm_id(Kind.EXTENSION, name, bodies.ENTRA_LOGIN_TYPE),
            site.body(bodies.ENTRA_LOGIN, box),
            want,
            needs=(vm,),
            outlived_by=(vm,),
            box=box.name,
        )
