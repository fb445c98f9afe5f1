"""A door that several stacks share: what a stack knows of its hub, what it needs of it, and why it may have to wait.

Each stack speaks of itself only. A stack that uses a hub says what it needs in one row; the hub's door stands while
any such row does. Neither counts the other, and neither changes anything in the other's network. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from lifecycle.blueprint import ADDRESS, BASTION, HUB, PEERING, VNET
from lifecycle.bodies import BASTION_SUBNET, subnets
from lifecycle.estate import Estate, bastion_id, vnet_id
from lifecycle.model import Block, Hub, HubSeen, Need, Seen, Sighting, StackIntent, StackStatus, Verb

NEED_HOLDS = timedelta(hours=2)
"""A need not renewed for so long lapses; every pass renews it, and passes come hourly at least."""
LONGEST_NEED = timedelta(days=1)
"""What says it holds for longer was not written by us, and is not believed."""
LOOK_AT_FOREIGN_EVERY = timedelta(minutes=5)
"""How often a Bastion that is not ours is looked at while somebody waits for it."""

OVERLAP = "AddressRangesOverlap"
SERVES_NO_PEERS = "SkuServesNoPeers"
NO_HUB = "HubNotThere"
HALF_MADE = "PeeringHalfMade"
UNPEERABLE = frozenset({OVERLAP, SERVES_NO_PEERS})
"""Troubles with which no peering is made."""


def is_foreign(hub: str) -> bool:
    """Say whether a hub is a Bastion that is not ours, named by its ARM id."""
    return hub.startswith("/")


def own_hub(
    estate: Estate, name: str, intent: StackIntent | None, status: StackStatus, word: Need | None, *, leaving: bool
) -> Hub:
    """Say what is known of a hub of ours, from its own rows; ``intent`` is None before it is founded."""
    refused = (status.blocks.get(part) for part in (BASTION, ADDRESS))
    hub = Hub(
        name,
        ours=True,
        bastion_id=bastion_id(estate, name),
        vnet_id=vnet_id(estate, name),
        stands=status.parts.get(VNET, Seen("")).sound,
        leaving=leaving,
        word=word,
        refusal=next((block for block in refused if block and block.shown and block.verb is not Verb.DELETE), None),
    )
    if intent is None:
        return replace(hub, stands=False)
    _, door = subnets(intent.address_range)
    return replace(hub, bastion_range=str(door), ranges={intent.address_range: hub.vnet_id}, sku=intent.sku.value)


def foreign_hub(host_id: str, seen: HubSeen | None) -> Hub:
    """Say what is known of a Bastion that is not ours, from the last look at it."""
    if seen is None:
        return Hub(host_id, ours=False, bastion_id=host_id)
    return Hub(
        host_id,
        ours=False,
        bastion_id=host_id,
        vnet_id=seen.vnet_id,
        bastion_range=seen.bastion_range,
        ranges=seen.ranges,
        sku=seen.sku,
        stands=True,
    )


def network_of(host: Mapping[str, Any]) -> str:
    """Name the network a Bastion stands in, from its body; empty where it stands in none (Developer)."""
    for configuration in (host.get("properties") or {}).get("ipConfigurations") or []:
        subnet = str(((configuration.get("properties") or {}).get("subnet") or {}).get("id") or "")
        network, found, _ = subnet.partition("/subnets/")
        if found:
            return network
    return ""


def around(host: Mapping[str, Any], network: Mapping[str, Any] | None) -> HubSeen:
    """Read what matters of a Bastion that is not ours, and of its network with the networks peered there."""
    sku = str((host.get("sku") or {}).get("name") or "")
    properties = (network or {}).get("properties") or {}
    network_id = str((network or {}).get("id") or "")
    ranges = dict.fromkeys(_prefixes(properties.get("addressSpace")), network_id)
    for peering in properties.get("virtualNetworkPeerings") or []:
        there = peering.get("properties") or {}
        remote = str((there.get("remoteVirtualNetwork") or {}).get("id") or "")
        ranges |= dict.fromkeys(_prefixes(there.get("remoteAddressSpace")), remote)
    inner = {
        str(subnet.get("name") or ""): subnet.get("properties") or {} for subnet in properties.get("subnets") or []
    }
    door = inner.get(BASTION_SUBNET, {})
    prefixes = [door.get("addressPrefix"), *(door.get("addressPrefixes") or [])]
    return HubSeen(network_id, next((str(prefix) for prefix in prefixes if prefix), ""), sku, ranges)


def _prefixes(space: Mapping[str, Any] | None) -> list[str]:
    return [str(prefix) for prefix in (space or {}).get("addressPrefixes") or []]


def overlap(address_range: str, own_id: str, hub: Hub) -> str | None:
    """Name both ranges where a stack's own overlaps one of its hub's; peered networks must not overlap."""
    own = ip_network(address_range)
    for text, holder in hub.ranges.items():
        other = ip_network(text)
        if holder.lower() != own_id.lower() and own.version == other.version and own.overlaps(other):
            return f"{address_range} of this stack overlaps {text} of {holder}"
    return None


def trouble(
    hub: Hub, stack: str, intent: StackIntent, status: StackStatus, estate: Estate, now: datetime
) -> Block | None:
    """Say why the hub cannot serve this stack, or not yet; None where it can, or is about to."""
    own_id = vnet_id(estate, stack)
    both = overlap(intent.address_range, own_id, hub)
    if both:
        return _block(OVERLAP, f"{both}: the networks cannot be peered", now, takes_down=True)
    if hub.sku.lower() == "developer":
        text = f"{hub.bastion_id} is of SKU Developer, which serves no peered networks; Basic does"
        return _block(SERVES_NO_PEERS, text, now, takes_down=True)
    return _refused(hub, now) if hub.ours else _theirs(hub, own_id, status, now)


def _theirs(hub: Hub, own_id: str, status: StackStatus, now: datetime) -> Block | None:
    """Say what whoever runs a Bastion that is not ours has to do before it can serve."""
    door = status.parts.get(BASTION, Seen("")).sighting
    if door in (Sighting.ABSENT, Sighting.BROKEN, Sighting.FOREIGN):
        state = {Sighting.ABSENT: "does not exist", Sighting.BROKEN: "is out of order"}.get(door, "cannot be read")
        return _block(NO_HUB, f"the Bastion {hub.bastion_id} {state}; it is not ours to put right", now)
    left_over = status.blocks.get(PEERING)
    if left_over and left_over.code == "RemotePeeringIsDisconnected":
        text = f"the other side of the peering is left from before and not ours: peer {hub.vnet_id} with {own_id} anew"
        return _block(HALF_MADE, text, now)
    side = status.parts.get(PEERING, Seen(""))
    if side.sound and not side.connected:
        text = f"the other side of the peering is not ours to make: peer {hub.vnet_id} with {own_id}"
        return _block(HALF_MADE, text, now)
    return None


def _refused(hub: Hub, now: datetime) -> Block | None:
    """A hub that cannot have its door is waited for until its own next try; then it is asked for again."""
    if hub.refusal is None or now >= hub.refusal.retry_at:
        return None
    return replace(hub.refusal, message=f"hub {hub.name}: {hub.refusal.message}")


def _block(code: str, message: str, now: datetime, *, takes_down: bool = False) -> Block:
    retry_at = now + LOOK_AT_FOREIGN_EVERY
    return Block(Verb.PUT, code, message, 1, retry_at, shown=True, takes_down=takes_down, since_at=now)


def with_trouble(status: StackStatus, found: Block | None, now: datetime) -> StackStatus:
    """Put a hub's trouble among the blocks, or take it away; the same trouble keeps its beginning and its next try."""
    old = status.blocks.get(HUB)
    if found is not None and old is not None and old.code == found.code:
        retry_at = old.retry_at if old.retry_at > now else found.retry_at
        found = replace(found, since_at=old.since_at, retry_at=retry_at)
    blocks = {part: block for part, block in status.blocks.items() if part != HUB}
    return replace(status, blocks=blocks if found is None else {**blocks, HUB: found})


def next_word(before: Need | None, now: datetime, *, door: bool, vnet: str, boxes: Iterable[str]) -> Need:
    """Say what a stack needs of its hub from now on."""
    names = ", ".join(sorted(boxes))
    reason = f"open: {names}" if door else "its network is peered; no box is to be open"
    same = before is not None and before.until > now and (before.door, before.vnet) == (door, vnet)
    since_at = before.since_at if same and before is not None else now
    return Need(now + NEED_HOLDS, reason, door, vnet, since_at or now)


def believed(
    rows: Mapping[str, Need | None], known: Mapping[str, Need], now: datetime
) -> tuple[dict[str, Need], tuple[str, ...]]:
    """Say what others need of this hub, and whose rows are broken (None, or beyond belief).

    A broken row counts as what was last read well, until that lapses: trouble with a row closes no door before its
    time. Where nothing was ever read well it counts for as long as a fresh need would.
    """
    needs, broken = {}, []
    for stack, need in rows.items():
        if need is not None and need.until <= now + LONGEST_NEED:
            needs[stack] = need
            continue
        broken.append(stack)
        needs[stack] = known.get(stack) or Need(now + NEED_HOLDS, "its row cannot be read")
    return needs, tuple(broken)


def needed_until(needs: Iterable[Need], now: datetime) -> datetime | None:
    """Say until when at least one stack needs the door, as things stand; None where none does."""
    return max((need.until for need in needs if need.door and need.until > now), default=None)


def outlook_of(intent: StackIntent | None, status: StackStatus, *, leaving: bool) -> str:
    """Say in a few words what stacks that use this door go by: when it changes, they are to look."""
    door, network = status.parts.get(BASTION, Seen("")), status.parts.get(VNET, Seen(""))
    refused = sorted(f"{part}:{status.blocks[part].code}" for part in (BASTION, ADDRESS) if part in status.blocks)
    where = intent.address_range if intent else ""
    return "|".join((where, door.sighting.value, str(network.sound), str(leaving), *refused))
