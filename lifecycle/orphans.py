"""What stands and no row knows, what rows know and does not show, and which of it is provably ours. Pure.

An orphan is not taken down here. It is *given back*: its stack gets its intent again, or its box a row that is
retired already, and the ordinary pass does the rest. So a resource counts as ours only if, with that row, the
blueprint names its very id; the tags alone prove nothing, since people copy resources with their tags.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Network
from typing import Any

from lifecycle.blueprint import NAT, NAT_ADDRESS, BoxWish, Links, blueprint
from lifecycle.bodies import subnets
from lifecycle.estate import MANAGED_BY, Estate
from lifecycle.hubs import is_foreign
from lifecycle.model import (
    BOXES_PER_STACK,
    BoxIntent,
    Hub,
    Kind,
    Level,
    Login,
    Outbound,
    Sku,
    StackIntent,
    StackStatus,
)
from lifecycle.rules import Invalid, name_rule

APART = timedelta(hours=3)
"""So long a doubt must last before it is believed: longer than any operation is (two hours), so that whatever was
under way at the first look is over, and far longer than a list of ARM lags."""
LISTED: tuple[Kind, ...] = tuple(kind for kind in Kind if kind.value.count("/") == 1)
"""What is searched for. What lives in another resource comes and goes with it, and has no tags of its own to go by."""
HUNTER = "orphan hunt"
FOUND = "it stood, and no row knew it"
LONGEST_OWNER = 254


@dataclass(frozen=True, slots=True)
class Thing:
    """One resource as Azure shows it."""

    kind: Kind
    arm_id: str
    body: Mapping[str, Any]

    @property
    def tags(self) -> dict[str, str]:
        """Its tags. Azure compares their names without regard to case (Microsoft: tag-resources)."""
        tags = self.body.get("tags")
        return {str(name).lower(): str(text) for name, text in tags.items()} if isinstance(tags, Mapping) else {}

    @property
    def stack(self) -> str:
        """The stack it says it belongs to."""
        return self.tags.get("stack", "")

    @property
    def box(self) -> str:
        """The box it says it belongs to; empty for what a stack's boxes share."""
        return self.tags.get("box", "")

    @property
    def leaves(self) -> bool:
        """Whether it is being deleted already."""
        state = (self.body.get("properties") or {}).get("provisioningState")
        return str(state or "").lower() == "deleting"

    def is_of(self, estate: Estate) -> bool:
        """Say whether its tags are those of this deployment. Whatever carries others' is none of our business."""
        tags = self.tags
        return tags.get("managed-by") == MANAGED_BY and tags.get("deployment") == estate.deployment


@dataclass(frozen=True, slots=True)
class StackKnown:
    """Everything one stack's rows say, as far as the search goes by it."""

    name: str
    intent: StackIntent | None
    boxes: Mapping[str, BoxIntent]
    """Those that are not over and done with."""
    status: StackStatus
    operations: Collection[str]
    """ARM ids on which something of ours is under way."""


@dataclass
class Known:
    """What all rows together know."""

    names: set[str] = field(default_factory=set)
    """ARM ids, lower-case, that some stack looks after: its next pass sees them."""
    standing: dict[str, tuple[str, str]] = field(default_factory=dict)
    """ARM id -> stack and part, of what was last seen to stand."""
    unreadable: set[str] = field(default_factory=set)
    """Stacks whose rows cannot be read: of what is theirs nothing is concluded."""

    def add(self, stack: StackKnown, estate: Estate) -> None:
        """Take in one stack. One that nobody wants any more looks after nothing, but for what is under way."""
        self.names |= {arm_id.lower() for arm_id in stack.operations}
        if stack.intent is None:
            return
        self.names |= named(estate, stack.name, stack.intent, stack.boxes.values()).keys()
        for part, seen in stack.status.parts.items():
            self.names.add(seen.arm_id.lower())
            if seen.stands and kind_of(seen.arm_id):
                self.standing[seen.arm_id] = (stack.name, part)


def named(estate: Estate, stack: str, intent: StackIntent, boxes: Iterable[BoxIntent]) -> dict[str, str]:
    """Name everything that a stack with these boxes is made of: ARM id, lower-case, -> part."""
    wishes = [BoxWish(box, Level.OPEN, built=True, net_at=None) for box in boxes]
    hub = Hub(intent.hub, ours=not is_foreign(intent.hub), bastion_id="") if intent.hub else None
    parts = blueprint(estate, stack, intent, wishes, door=True, closing=False, links=Links(hub))
    return {part.arm_id.lower(): part.key for part in parts.values() if not part.borrowed}


def kind_of(arm_id: str) -> Kind | None:
    """Say of which kind a resource is, by its id; None for what is not searched for."""
    path = arm_id.lower().rpartition("/providers/")[2].rpartition("/")[0]
    return next((kind for kind in LISTED if kind.value.lower() == path), None)


def orphans(things: Iterable[Thing], known: Known, estate: Estate) -> tuple[Thing, ...]:
    """Pick what carries this deployment's tags and no row knows."""
    return tuple(
        thing
        for thing in things
        if thing.is_of(estate) and thing.stack not in known.unreadable and thing.arm_id.lower() not in known.names
    )


def missing(things: Iterable[Thing], known: Known, listed: Collection[Kind]) -> dict[str, tuple[str, str]]:
    """Pick what rows say stands and no list shows: ARM id -> stack and part. Kinds not ``listed`` are left out."""
    there = {thing.arm_id.lower() for thing in things}
    return {
        arm_id: where
        for arm_id, where in known.standing.items()
        if kind_of(arm_id) in listed and arm_id.lower() not in there
    }


@dataclass(frozen=True, slots=True)
class GiftBack:
    """What makes orphans of one stack its own again: the boxes to be written, all retired, and what is refused."""

    boxes: Mapping[str, BoxIntent]
    ours: tuple[Thing, ...]
    refused: Mapping[str, str]
    """ARM id -> why it is left alone."""


def given_back(
    things: Sequence[Thing],
    stack: str,
    intent: StackIntent,
    live: Mapping[str, BoxIntent],
    gone: Mapping[str, BoxIntent],
    estate: Estate,
    vm_size: str,
    now: datetime,
) -> GiftBack:
    """Say which rows make these orphans part of their stack, so that its next pass takes them down.

    ``live`` and ``gone`` are the stack's boxes that are not, and that are, over. Only what the blueprint names with
    these rows is ours; whatever else carries our tags was made by somebody else, and is left to people.
    """
    boxes: dict[str, BoxIntent] = {}
    for name in sorted({thing.box for thing in things if thing.box and thing.box not in live}):
        if _is_name(name) and len(live) + len(boxes) < BOXES_PER_STACK:
            boxes[name] = _retired(name, [each for each in things if each.box == name], gone.get(name), vm_size, now)
    names = named(estate, stack, intent, [*live.values(), *boxes.values()])
    ours = tuple(thing for thing in things if _is_its_own(thing, names))
    refused = {thing.arm_id: _why_not(thing) for thing in things if thing not in ours}
    kept = {name: box for name, box in boxes.items() if any(thing.box == name for thing in ours)}
    return GiftBack(kept, ours, refused)


def _is_its_own(thing: Thing, names: Mapping[str, str]) -> bool:
    """Whether a name is the stack's, and belongs to the box that the tags name too."""
    part = names.get(thing.arm_id.lower())
    return part is not None and part.partition("!")[2] == thing.box


def _why_not(thing: Thing) -> str:
    of = f"stack {thing.stack[:40]}" + (f" and box {thing.box[:40]}" if thing.box else "")
    return f"it carries our tags, and is nothing that {of} is made of: somebody else made it, it is left alone"


def is_stack(name: str) -> bool:
    """Say whether a tag's value can be a stack's name at all."""
    return _is_name(name)


def _is_name(text: str) -> bool:
    try:
        name_rule("name", text)
    except Invalid:
        return False
    return True


def _retired(name: str, things: Sequence[Thing], gone: BoxIntent | None, vm_size: str, now: datetime) -> BoxIntent:
    """Write the row of a box that nobody wants: the one it had, or one made from what its parts say.

    Retired, and not merely out of its lease: nothing is built for it any more, and yet nobody who is connected is
    cut off before they were told.
    """
    mark = hashlib.sha256(f"{HUNTER}|{name}|{now.isoformat()}".encode()).hexdigest()[:16]
    if gone:
        same = replace(gone, incarnation=mark, requested_at=now, start_at=None, retired_at=now)
        return replace(same, hold_until=None, word=FOUND, heard=())
    owner = next((thing.tags["owner"] for thing in things if thing.tags.get("owner")), "unknown")
    return BoxIntent(
        name=name,
        incarnation=mark,
        owner=owner if owner.isprintable() and len(owner) <= LONGEST_OWNER else "unknown",
        requested_by=HUNTER,
        requested_at=now,
        reason=FOUND,
        hours=1,
        schedule="always",
        vm_size=next((size for thing in things if (size := _size_of(thing))), vm_size),
        login=Login.KEY,
        retired_at=now,
        word=FOUND,
    )


def _size_of(thing: Thing) -> str:
    profile = (thing.body.get("properties") or {}).get("hardwareProfile") or {}
    return str(profile.get("vmSize") or "") if thing.kind is Kind.VM else ""


def founded(
    things: Sequence[Thing], estate: Estate, hub: str | None, region: str, address_range: str, now: datetime
) -> StackIntent:
    """Write the intent of a stack of which nothing is left but what stands, as its parts say it was.

    ``hub`` is whose door it would use by the settings; a stack whose own door was found had that one.
    """
    stack = things[0].stack
    intent = StackIntent(
        region=next((place for thing in things if (place := _region_of(thing))), region),
        sku=next((sku for thing in things if (sku := _sku_of(thing))), Sku.BASIC),
        outbound=Outbound.NAT,
        keep_public_ip=False,
        address_range=address_range,
        created_at=now,
        created_by=HUNTER,
    )
    parts = {part for arm_id, part in named(estate, stack, intent, ()).items() if _is_among(arm_id, things)}
    through_nat = bool(parts & {NAT, NAT_ADDRESS})
    without_door = named(estate, stack, replace(intent, hub="any"), ())
    door = any(_is_among(arm_id, things) for arm_id in named(estate, stack, intent, ()).keys() - without_door.keys())
    return replace(intent, outbound=Outbound.NAT if through_nat else Outbound.DEFAULT, hub=None if door else hub)


def _is_among(arm_id: str, things: Iterable[Thing]) -> bool:
    return any(thing.arm_id.lower() == arm_id for thing in things)


def _region_of(thing: Thing) -> str:
    return str(thing.body.get("location") or "").lower().replace(" ", "")


def _sku_of(thing: Thing) -> Sku | None:
    name = str((thing.body.get("sku") or {}).get("name") or "").lower()
    return next((sku for sku in Sku if thing.kind is Kind.BASTION and sku.value.lower() == name), None)


def own_range(things: Iterable[Thing]) -> IPv4Network | None:
    """Read the address range of a stack's network, where it stands among these and is one of ours in form."""
    for thing in things:
        if thing.kind is Kind.VNET:
            space = (thing.body.get("properties") or {}).get("addressSpace") or {}
            try:
                network = IPv4Network((space.get("addressPrefixes") or [""])[0])
                subnets(str(network))
            except ValueError:
                continue
            return network
    return None
