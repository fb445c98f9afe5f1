"""Address arithmetic: prefixes of networks and subnets, and the next free address."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, TypeAlias

from sandbox.arm.errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from sandbox.arm.wire import Json

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# Azure keeps the first four addresses and the last one of every subnet for itself.
_FIRST_FREE = 4


def parse_prefix(text: str, resource: str) -> Network:
    """Read a CIDR prefix; refuses what is none, and what has host bits set."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise bad_request(
            "InvalidAddressPrefixFormat",
            f"Address prefix {text} of resource {resource} is not formatted correctly. It should follow CIDR "
            "notation, for example 10.0.0.0/24.",
        ) from None


def address_space(properties: Json, resource: str) -> list[Network]:
    """The prefixes of a virtual network."""
    prefixes = (properties.get("addressSpace") or {}).get("addressPrefixes") or []
    return [parse_prefix(str(prefix), resource) for prefix in prefixes]


def subnet_prefixes(properties: Json, resource: str = "") -> list[Network]:
    """The prefixes of a subnet, written as one or as several."""
    single = properties.get("addressPrefix")
    prefixes = properties.get("addressPrefixes") or ([single] if single else [])
    return [parse_prefix(str(prefix), resource) for prefix in prefixes]


def contains(space: Iterable[Network], inner: Network) -> bool:
    """Whether one of the prefixes holds all of another."""
    return any(within(inner, outer) for outer in space)


def within(inner: Network, outer: Network) -> bool:
    """Whether a prefix lies inside another one of the same IP version."""
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def next_free(network: Network, taken: Container[str]) -> str | None:
    """The first address of a subnet that nobody has; None when it is full."""
    for offset in range(_FIRST_FREE, network.num_addresses - 1):
        address = str(network[offset])
        if address not in taken:
            return address
    return None
