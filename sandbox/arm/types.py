"""The table of resource types this Azure knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.arm.addresses import NatGateways, PublicIps, RouteTables
from sandbox.arm.bastions import BastionHosts
from sandbox.arm.disks import Disks
from sandbox.arm.extensions import Extensions
from sandbox.arm.machines import VirtualMachines
from sandbox.arm.nics import NetworkInterfaces
from sandbox.arm.nsgs import SecurityGroups, SecurityRules
from sandbox.arm.schedules import Schedules
from sandbox.arm.vnets import Peerings, Subnets, VirtualNetworks

if TYPE_CHECKING:
    from sandbox.arm.cloud import Cloud
    from sandbox.arm.kinds import Kind

TYPES: tuple[type[Kind], ...] = (
    BastionHosts,
    VirtualMachines,
    Extensions,
    Disks,
    NetworkInterfaces,
    PublicIps,
    NatGateways,
    VirtualNetworks,
    Subnets,
    Peerings,
    SecurityGroups,
    SecurityRules,
    RouteTables,
    Schedules,
)
"""Ordered so that what refers to others comes before them."""


def made(cloud: Cloud) -> dict[str, Kind]:
    """All types, by their name in lower case; each may look up the others."""
    kinds: dict[str, Kind] = {}
    for each in TYPES:
        kind = each(cloud, kinds)
        kinds[kind.key] = kind
    return kinds
