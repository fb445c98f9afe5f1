"""Network security rules: first match by priority, Azure's defaults, and what a Bastion subnet needs."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.arm.addressing import within
from sandbox.arm.errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.arm.addressing import Network
    from sandbox.arm.wire import Json

_ANYTHING = ("*", "any", "0.0.0.0/0")
_TAGS = ("virtualnetwork", "internet", "gatewaymanager", "azureloadbalancer", "azurecloud")


@dataclass(frozen=True, slots=True)
class Flow:
    """A new connection: where from and where to, as a service tag or a prefix, and the port it asks for."""

    direction: str
    port: int
    source: str
    destination: str
    protocol: str = "tcp"


def _default(name: str, description: str, access: str, priority: int, source: str, destination: str) -> Json:
    return {
        "name": name,
        "properties": {
            "description": description,
            "protocol": "*",
            "sourcePortRange": "*",
            "destinationPortRange": "*",
            "sourceAddressPrefix": source,
            "destinationAddressPrefix": destination,
            "access": access,
            "priority": priority,
            "direction": "Inbound" if name.endswith("InBound") else "Outbound",
            "sourcePortRanges": [],
            "destinationPortRanges": [],
            "sourceAddressPrefixes": [],
            "destinationAddressPrefixes": [],
        },
    }


_VNET, _BALANCER = "VirtualNetwork", "AzureLoadBalancer"

DEFAULT_RULES: tuple[Json, ...] = (
    _default("AllowVnetInBound", "Allow inbound traffic from all VMs in VNET", "Allow", 65000, _VNET, _VNET),
    _default(
        "AllowAzureLoadBalancerInBound",
        "Allow inbound traffic from azure load balancer",
        "Allow",
        65001,
        _BALANCER,
        "*",
    ),
    _default("DenyAllInBound", "Deny all inbound traffic", "Deny", 65500, "*", "*"),
    _default(
        "AllowVnetOutBound",
        "Allow outbound traffic from all VMs to all VMs in VNET",
        "Allow",
        65000,
        _VNET,
        _VNET,
    ),
    _default(
        "AllowInternetOutBound", "Allow outbound traffic from all VMs to Internet", "Allow", 65001, "*", "Internet"
    ),
    _default("DenyAllOutBound", "Deny all outbound traffic", "Deny", 65500, "*", "*"),
)
"""The six rules every group has, as recorded; they come last."""


def allows(rules: Iterable[Json], flow: Flow, *, vnet: Iterable[Network] = ()) -> bool:
    """Whether a new connection passes a group's own rules and then Azure's defaults.

    `vnet` is what the VirtualNetwork tag stands for: the address spaces of the network and its peers.
    """
    spaces = list(vnet)
    access = _first_match(rules, flow, spaces)
    if access is None:
        access = _first_match(DEFAULT_RULES, flow, spaces)
    return access == "allow"


# Direction, port, source, destination: every one must be allowed by a rule of the group itself.
# Source: the documentation of NSGs for Bastion; without the outbound 80 session management dies.
_BASTION_NEEDS = (
    Flow("Inbound", 443, "GatewayManager", "*"),
    Flow("Inbound", 443, "AzureLoadBalancer", "*"),
    Flow("Inbound", 8080, _VNET, _VNET),
    Flow("Inbound", 5701, _VNET, _VNET),
    Flow("Outbound", 22, "*", _VNET),
    Flow("Outbound", 3389, "*", _VNET),
    Flow("Outbound", 443, "*", "AzureCloud"),
    Flow("Outbound", 8080, _VNET, _VNET),
    Flow("Outbound", 5701, _VNET, _VNET),
    Flow("Outbound", 80, "*", "Internet"),
)


def check_bastion_rules(nsg: str, rules: Iterable[Json]) -> None:
    """Refuse a group that lacks what Bastion needs on its subnet; default rules do not count."""
    own = list(rules)
    needs_met = all(_first_match(own, flow, ()) == "allow" for flow in _BASTION_NEEDS)
    if not needs_met or not _lets_callers_in(own):
        raise bad_request(
            "NetworkSecurityGroupNotCompliantForAzureBastionSubnet",
            f"Network security group {nsg} does not have necessary rules for Azure Bastion Subnet AzureBastionSubnet.",
        )


def _lets_callers_in(rules: list[Json]) -> bool:
    """Whether 443 is open to the Internet or to the callers' own prefixes."""
    for rule in _by_priority(rules, "inbound"):
        if not _takes_port(rule, 443) or not _takes_protocol(rule, "tcp"):
            continue
        callers = [prefix for prefix in _prefixes(rule, "source") if prefix not in _TAGS or prefix == "internet"]
        if callers:
            return str(rule["access"]).lower() == "allow"
    return False


def _first_match(rules: Iterable[Json], flow: Flow, vnet: Iterable[Network]) -> str | None:
    for rule in _by_priority(rules, flow.direction.lower()):
        if (
            _takes_protocol(rule, flow.protocol)
            and _takes_port(rule, flow.port)
            and _takes_address(_prefixes(rule, "source"), flow.source, vnet)
            and _takes_address(_prefixes(rule, "destination"), flow.destination, vnet)
        ):
            return str(rule["access"]).lower()
    return None


def _by_priority(rules: Iterable[Json], direction: str) -> list[Json]:
    found = [rule.get("properties", {}) for rule in rules]
    same = [rule for rule in found if str(rule.get("direction", "")).lower() == direction]
    return sorted(same, key=lambda rule: int(rule.get("priority", 0)))


def _takes_protocol(rule: Json, protocol: str) -> bool:
    return str(rule.get("protocol", "*")).lower() in ("*", protocol)


def _takes_port(rule: Json, port: int) -> bool:
    ranges = [*(rule.get("destinationPortRanges") or []), rule.get("destinationPortRange") or ""]
    for text in ranges:
        low, _, high = str(text).partition("-")
        if low == "*" or (low.isdigit() and int(low) <= port <= int(high or low)):
            return True
    return False


def _prefixes(rule: Json, side: str) -> list[str]:
    several = rule.get(f"{side}AddressPrefixes") or []
    single = rule.get(f"{side}AddressPrefix")
    return [str(prefix).lower() for prefix in [*several, *([single] if single else [])]]


def _takes_address(prefixes: list[str], address: str, vnet: Iterable[Network]) -> bool:
    wanted = address.lower()
    for prefix in prefixes:
        if prefix in _ANYTHING or prefix == wanted:
            return True
        if _covers(prefix, wanted, vnet):
            return True
    return False


def _covers(prefix: str, wanted: str, vnet: Iterable[Network]) -> bool:
    inner = _network(wanted)
    if inner is None:
        return False
    in_vnet = any(within(inner, space) for space in vnet)
    if prefix == "virtualnetwork":
        return in_vnet
    if prefix == "internet":
        return not in_vnet
    outer = _network(prefix)
    return outer is not None and within(inner, outer)


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
