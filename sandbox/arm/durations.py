"""How long operations take, drawn from ranges fitted to the recordings and to public reports."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from sandbox.arm.switches import Switches

_NETWORK_DELETE = (1.0, 20.0)

# Seconds, by type and verb: `create`, `update`, `delete`, or the name of a POST action.
# Bastion: recordings of 2024 (6-8 min each), reports of 9.5-11 min, tail to 35. VM: the services' own
# startTime/endTime in the recordings, widened by reports. Network parts: poll-limited upper bounds.
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "microsoft.network/bastionhosts": {"create": (360, 600), "update": (360, 480), "delete": (180, 480)},
    "microsoft.network/virtualnetworks": {"create": (3, 12), "update": (3, 12), "delete": _NETWORK_DELETE},
    "microsoft.network/virtualnetworks/subnets": {
        "create": (2, 5),
        "update": (2, 5),
        "delete": _NETWORK_DELETE,
    },
    "microsoft.network/virtualnetworks/virtualnetworkpeerings": {
        "create": (3, 10),
        "update": (3, 10),
        "delete": _NETWORK_DELETE,
    },
    "microsoft.network/networksecuritygroups": {
        "create": (2, 4),
        "update": (2, 4),
        "delete": _NETWORK_DELETE,
    },
    "microsoft.network/networksecuritygroups/securityrules": {
        "create": (2, 4),
        "update": (2, 4),
        "delete": _NETWORK_DELETE,
    },
    "microsoft.network/publicipaddresses": {"create": (2, 5), "update": (2, 5), "delete": _NETWORK_DELETE},
    "microsoft.network/networkinterfaces": {"create": (0, 0), "update": (0, 0), "delete": (1, 5)},
    "microsoft.network/natgateways": {"create": (5, 15), "update": (5, 15), "delete": _NETWORK_DELETE},
    "microsoft.network/routetables": {"create": (2, 5), "update": (2, 5), "delete": _NETWORK_DELETE},
    "microsoft.compute/virtualmachines": {
        "create": (42, 120),
        "update": (5, 20),
        "delete": (18, 90),
        "start": (18, 60),
        "deallocate": (30, 120),
        "poweroff": (3, 20),
        "restart": (20, 60),
        "redeploy": (90, 180),
    },
    "microsoft.compute/virtualmachines/extensions": {
        "create": (18, 60),
        "update": (18, 60),
        "delete": (10, 40),
    },
    "microsoft.compute/disks": {"create": (2, 6), "update": (2, 6), "delete": (2, 10)},
    "microsoft.resources/resourcegroups": {"delete": (60, 300)},
}

_SLOW_BASTION = (600.0, 2100.0)
_EXTENSION_GIVES_UP = (180.0, 420.0)


def draw(rng: Random, switches: Switches, kind: str, verb: str) -> timedelta:
    """Draw the duration of one operation on a type (lower case)."""
    low, high = RANGES[kind][verb]
    if kind == "microsoft.network/bastionhosts" and verb == "create" and rng.random() < switches.slow_tail:
        low, high = _SLOW_BASTION
    return timedelta(seconds=rng.uniform(low, high))


def draw_extension_failure(rng: Random) -> timedelta:
    """Draw how long an extension tries before it gives up for want of outbound."""
    return timedelta(seconds=rng.uniform(*_EXTENSION_GIVES_UP))
