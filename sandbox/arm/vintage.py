"""What an api-version shows: answers to older versions lack what came later.

Each line names a property and the oldest api-version with which it was recorded; every version below was recorded
without it, or nothing is known of it (recordings of 2021 to 2025).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.arm.wire import Json

_SUBNET = "microsoft.network/virtualnetworks/subnets"

_SINCE: dict[str, tuple[tuple[str, str], ...]] = {
    "microsoft.network/publicipaddresses": (
        ("2022-11-01", "properties.ddosSettings"),
        ("2021-05-01", "sku.tier"),
    ),
    "microsoft.network/networkinterfaces": (
        ("2022-11-01", "properties.disableTcpStateTracking"),
        ("2022-11-01", "properties.auxiliarySku"),
        ("2022-01-01", "properties.auxiliaryMode"),
        ("2022-01-01", "properties.allowPort25Out"),
        ("2022-01-01", "kind"),
        ("2020-11-01", "properties.hostedWorkloads"),
        ("2020-11-01", "properties.tapConfigurations"),
        ("2020-11-01", "properties.nicType"),
        ("2020-11-01", "properties.vnetEncryptionSupported"),
    ),
    _SUBNET: (("2024-01-01", "properties.ipamPoolPrefixAllocations"),),
    "microsoft.compute/virtualmachines": (
        ("2024-07-01", "etag"),
        ("2021-11-01", "properties.timeCreated"),
        ("2021-11-01", "properties.storageProfile.osDisk.deleteOption"),
        ("2021-11-01", "properties.osProfile.linuxConfiguration.patchSettings.assessmentMode"),
    ),
}
# What was recorded up to one api-version and is in no OpenAPI file from the given one on.
_UNTIL: dict[str, tuple[tuple[str, str], ...]] = {
    "microsoft.network/networkinterfaces": (
        ("2024-03-01", "properties.allowPort25Out"),
        ("2024-03-01", "kind"),
    ),
}
_NEWEST = {kind: max(since for since, _ in lines) for kind, lines in _SINCE.items()}
# A network shows its subnets, so it is as young as they are.
_WITH_SUBNETS = "microsoft.network/virtualnetworks"
_NEWEST[_WITH_SUBNETS] = _NEWEST[_SUBNET]

# From this api-version on a subnet's policies for private endpoints are off unless asked for.
POLICIES_DISABLED = "2022-01-01"
# From these on an operation on a subnet, and a power action, announces its notification.
SUBNET_NOTIFIES = "2024-01-01"
POWER_NOTIFIES = "2022-11-01"
# From this one on a machine's etag is a header too.
MACHINE_ETAG_HEADER = "2024-11-01"


def as_of(version: str, kind: str, shown: Json) -> Json:
    """Take from a body, which may be changed, what its api-version does not have; `kind` is in lower case."""
    for until, path in _UNTIL.get(kind, ()):
        if version >= until:
            shown = _without(shown, path.split("."))
    if version >= _NEWEST.get(kind, ""):
        return shown
    if kind == _WITH_SUBNETS:
        shown["properties"]["subnets"] = [as_of(version, _SUBNET, each) for each in shown["properties"]["subnets"]]
        return shown
    for since, path in _SINCE[kind]:
        if version < since:
            shown = _without(shown, path.split("."))
    return shown


def _without(body: Json, path: list[str]) -> Json:
    """A body without one property; what is stored is left as it is."""
    name, *rest = path
    if name not in body:
        return body
    if not rest:
        return {key: value for key, value in body.items() if key != name}
    return {**body, name: _without(body[name], rest)}
