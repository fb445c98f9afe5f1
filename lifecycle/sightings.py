"""What an ARM body says of a part: there or not, ours or not, in order or not, and how it differs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lifecycle.blueprint import NSG_FRONTEND, Part
from lifecycle.bodies import DRAIN_RULE
from lifecycle.estate import OWNERSHIP_TAGS
from lifecycle.model import Kind, Power, Seen, Sighting

COMPARED: Mapping[Kind, tuple[str, ...]] = {
    Kind.NSG: ("properties.securityRules",),
    Kind.SHUTDOWN: ("properties.status", "properties.dailyRecurrence", "properties.targetResourceId"),
    Kind.BASTION: ("sku",),
    Kind.ADDRESS: ("sku", "properties.publicIPAllocationMethod"),
    Kind.VNET: ("properties.addressSpace",),
    Kind.VM: ("properties.hardwareProfile",),
    Kind.PEERING: ("properties.remoteVirtualNetwork",),
}
"""Per type, the aspects in which a part may drift. What Azure or others add to a body is never drift."""

UNITS_INCLUDED = 2
POWERS = {
    "PowerState/running": Power.RUNNING,
    "PowerState/stopped": Power.STOPPED,
    "PowerState/deallocated": Power.DEALLOCATED,
    "PowerState/starting": Power.CHANGING,
    "PowerState/stopping": Power.CHANGING,
    "PowerState/deallocating": Power.CHANGING,
}


def sight(part: Part, body: Mapping[str, Any] | None, now: datetime) -> Seen:
    """Say what one look at Azure shows of a part; ``body`` is None where it answered 404."""
    if body is None:
        return Seen(part.arm_id, Sighting.ABSENT, now)
    if part.borrowed:
        return Seen(part.arm_id, _borrowed(body.get("properties") or {}), now, against=digest_of(part))
    tagged = is_ours(part, body.get("tags") or {})
    if not tagged and not _born_ours(part, body):
        return Seen(part.arm_id, Sighting.FOREIGN, now, tagged=False)
    properties = body.get("properties") or {}
    power = _power(properties) if part.kind is Kind.VM else None
    return Seen(
        part.arm_id,
        _state(properties),
        now,
        power=power,
        drift=_drift(part, body),
        against=digest_of(part),
        drained=_drained(properties) if part.key == NSG_FRONTEND else None,
        address=_address(part.kind, properties),
        meters=_meters(part.kind, body, power),
        tagged=tagged,
        going=_is_going(properties),
    )


def sight_child(part: Part, body: Mapping[str, Any] | None, holder: Mapping[str, Any] | None, now: datetime) -> Seen:
    """Say what one look shows of a network's child, which is ours if its network is (``holder``: that network).

    A peering is in order once Azure has taken it; whether anybody gets through it is ``connected``. One that lost its
    other side is broken: written again, it waits for that side anew (Microsoft: virtual-network-troubleshoot-peering).
    """
    if holder is None:
        return Seen(part.arm_id, Sighting.ABSENT, now)
    if not _carries(part.marks, holder.get("tags") or {}):
        return Seen(part.arm_id, Sighting.FOREIGN, now, tagged=False)
    if _state(holder.get("properties") or {}) is Sighting.BUSY:
        return Seen(part.arm_id, Sighting.BUSY, now, against=digest_of(part))
    if body is None:
        return Seen(part.arm_id, Sighting.ABSENT, now)
    properties = body.get("properties") or {}
    link = str(properties.get("peeringState") or "").lower()
    state = Sighting.BROKEN if link == "disconnected" else _state(properties)
    drift, against = _drift(part, body), digest_of(part)
    return Seen(part.arm_id, state, now, drift=drift, against=against, connected=link == "connected")


def bills_by(part: Part) -> tuple[str, ...]:
    """Name what a part will bill by once it is there, and for a machine running, from what is asked of Azure."""
    return _meters(part.kind, part.body, Power.RUNNING)


def disk_bills_by(machine: Part) -> tuple[str, ...]:
    """Name what the disk bills by that is born with a machine."""
    sku = _at(machine.body, "properties.storageProfile.osDisk.managedDisk.storageAccountType")
    return (f"disk.{sku}",)


def digest_of(part: Part) -> str:
    """Say in a few letters what a part is compared with: a look taken against something else is out of date."""
    aspects = [_at(part.body, path) for path in COMPARED.get(part.kind, ())]
    return hashlib.sha256(json.dumps(aspects, sort_keys=True).encode()).hexdigest()[:8] if aspects else ""


def is_ours(part: Part, tags: Mapping[str, str]) -> bool:
    """Say whether our ownership tags are all there with our values; what others added does not matter.

    Azure keeps tag names in the case they were written in but compares them without (Microsoft: tag-resources).
    """
    return _carries(part.body["tags"], tags)


def _carries(marks: Mapping[str, str], tags: Mapping[str, str]) -> bool:
    there = {name.lower(): value for name, value in tags.items()}
    return all(there.get(name) == marks[name] for name in OWNERSHIP_TAGS)


def merged(part: Part, actual: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Write a part's body so that what others put there stays: their tags, and their rules of a security group."""
    if actual is None or part.holder:
        return part.body
    body = {**part.body, "tags": {**(actual.get("tags") or {}), **part.body["tags"]}}
    if part.kind is Kind.NSG:
        own = list(part.body["properties"]["securityRules"])
        names = {DRAIN_RULE, *(rule["name"] for rule in own)}
        theirs = [rule for rule in _at(actual, "properties.securityRules") or [] if rule.get("name") not in names]
        body["properties"] = {"securityRules": own + theirs}
    return body


def _born_ours(part: Part, body: Mapping[str, Any]) -> bool:
    """Tell a disk of ours that comes without tags: it is ours while Azure says that our VM holds it."""
    holder = str(body.get("managedBy") or "").lower()
    if part.kind is not Kind.DISK or not holder:
        return False
    return holder == part.arm_id.replace(Kind.DISK.value, Kind.VM.value).removesuffix("-osdisk").lower() + "-vm"


def _borrowed(properties: Mapping[str, Any]) -> Sighting:
    """A door that is being removed lets nobody in any more, and has ended whatever sessions there were."""
    return Sighting.ABSENT if _is_going(properties) else _state(properties)


def _is_going(properties: Mapping[str, Any]) -> bool:
    return str(properties.get("provisioningState") or "").lower() == "deleting"


def _state(properties: Mapping[str, Any]) -> Sighting:
    match str(properties.get("provisioningState") or "Succeeded").lower():
        case "succeeded":
            return Sighting.SOUND
        case "failed" | "canceled":
            return Sighting.BROKEN
        case _:
            return Sighting.BUSY


def _power(properties: Mapping[str, Any]) -> Power:
    """Read the power state. A machine that tells none is taken for stopped: it bills, and may be started."""
    statuses = (properties.get("instanceView") or {}).get("statuses") or []
    codes = [status.get("code", "") for status in statuses]
    return next((POWERS[code] for code in codes if code in POWERS), Power.STOPPED)


def _drained(properties: Mapping[str, Any]) -> bool:
    return any(rule.get("name") == DRAIN_RULE for rule in properties.get("securityRules") or [])


def _address(kind: Kind, properties: Mapping[str, Any]) -> str | None:
    if kind is Kind.ADDRESS:
        return properties.get("ipAddress")
    if kind is Kind.NIC:
        first: Mapping[str, Any] = next(iter(properties.get("ipConfigurations") or []), {})
        return (first.get("properties") or {}).get("privateIPAddress")
    return None


def _meters(kind: Kind, body: Mapping[str, Any], power: Power | None) -> tuple[str, ...]:
    """Name what the thing bills by. A VM that was powered off from inside bills on; only deallocating ends it."""
    properties = body.get("properties") or {}
    sku = str((body.get("sku") or {}).get("name") or "")
    match kind:
        case Kind.ADDRESS:
            return ("ip.standard",)
        case Kind.NAT:
            return ("nat",)
        case Kind.BASTION if sku.lower() != "developer":
            return (f"bastion.{sku.lower() or 'standard'}", *_units(sku, properties))
        case Kind.VM if power is not Power.DEALLOCATED:
            return (f"vm.{_at(properties, 'hardwareProfile.vmSize')}",)
        case Kind.DISK:
            return (f"disk.{sku}",)
        case _:
            return ()


def _units(sku: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the scale units beyond the two that a host's own price contains (Microsoft: Bastion pricing)."""
    extra = int(properties.get("scaleUnits") or 0) - UNITS_INCLUDED
    return (f"bastion.unit*{extra}",) if extra > 0 and sku.lower() != "basic" else ()


def _drift(part: Part, body: Mapping[str, Any]) -> tuple[str, ...]:
    paths = COMPARED.get(part.kind, ())
    return tuple(path for path in paths if not _covers(_at(body, path), _at(part.body, path)))


def _at(body: Mapping[str, Any], path: str) -> Any:
    value: Any = body
    for name in path.split("."):
        value = (value or {}).get(name)
    return value


def _covers(actual: Any, desired: Any) -> bool:
    """Whether ``actual`` says at least what ``desired`` says; named items are matched by name.

    A rule of ours that is no longer wanted (the drain) must go, so items that carry our drain's name count.
    """
    match desired:
        case Mapping():
            return isinstance(actual, Mapping) and all(
                _covers(actual.get(name), value) for name, value in desired.items()
            )
        case list():
            if not isinstance(actual, list):
                return False
            if all(isinstance(item, Mapping) and "name" in item for item in desired):
                there = {item.get("name"): item for item in actual if isinstance(item, Mapping)}
                stale = DRAIN_RULE in there and all(item["name"] != DRAIN_RULE for item in desired)
                return not stale and all(_covers(there.get(item["name"]), item) for item in desired)
            return len(actual) == len(desired) and all(_covers(a, d) for a, d in zip(actual, desired, strict=True))
        case str():
            return isinstance(actual, str) and actual.lower() == desired.lower()
        case _:
            return bool(actual == desired)
