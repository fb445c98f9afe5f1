"""The outer shape of a body: what must be an object, a list of objects, or a text, wherever it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.arm.errors import ArmError

if TYPE_CHECKING:
    from sandbox.arm.wire import Json

_OBJECTS = frozenset(
    {
        "properties",
        "sku",
        "identity",
        "tags",
        "addressSpace",
        "subnet",
        "publicIPAddress",
        "networkSecurityGroup",
        "natGateway",
        "routeTable",
        "remoteVirtualNetwork",
        "virtualNetwork",
        "hardwareProfile",
        "storageProfile",
        "imageReference",
        "osDisk",
        "managedDisk",
        "osProfile",
        "linuxConfiguration",
        "ssh",
        "networkProfile",
        "dailyRecurrence",
        "dnsSettings",
        "creationData",
    }
)
_LISTS_OF_OBJECTS = frozenset(
    {
        "subnets",
        "ipConfigurations",
        "securityRules",
        "networkInterfaces",
        "publicKeys",
        "publicIpAddresses",
        "virtualNetworkPeerings",
        "routes",
    }
)
_LISTS_OF_TEXTS = frozenset(
    {
        "addressPrefixes",
        "sourceAddressPrefixes",
        "destinationAddressPrefixes",
        "sourcePortRanges",
        "destinationPortRanges",
    }
)
_TEXTS = frozenset({"id", "name", "location", "vmSize", "adminUsername", "addressPrefix", "time", "timeZoneId"})


def check_shape(body: Json, inside: str = "") -> None:
    """Refuse a body whose known parts are of the wrong JSON type; null is absent anywhere.

    `inside` is the name of the part that is looked at: an image has a `sku` that is a text.
    """
    for name, value in body.items():
        if value is None or (inside == "imageReference" and name == "sku"):
            continue
        if not _right(name, value):
            raise ArmError(400, "InvalidRequestFormat", f"Cannot parse the request: {name}.", details=[])
        if isinstance(value, dict):
            check_shape(value, name)
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, dict):
                    check_shape(each, name)


def without_nulls(body: Json) -> Json:
    """The body without what is null: in a PUT that is the same as leaving it out."""
    return {name: _stripped(value) for name, value in body.items() if value is not None}


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return without_nulls(value)
    if isinstance(value, list):
        return [_stripped(each) for each in value]
    return value


def _right(name: str, value: object) -> bool:
    if name in _OBJECTS:
        return isinstance(value, dict)
    if name in _TEXTS:
        return isinstance(value, str)
    if name in _LISTS_OF_OBJECTS:
        return isinstance(value, list) and all(isinstance(each, dict) for each in value)
    if name in _LISTS_OF_TEXTS:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return True
