"""What a subscription offers: itself, regions, providers, VM sizes, and how much is used up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.arm.cloud import REGIONS, TENANT
from sandbox.arm.governance import CORES
from sandbox.arm.store import region_scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.arm.cloud import Cloud
    from sandbox.arm.kinds import Kind
    from sandbox.arm.wire import Json

_API_VERSIONS = ["2026-03-01", "2025-07-01", "2025-04-01", "2024-07-01", "2024-03-01", "2022-11-01", "2021-04-01"]

# Types that hold no resources.
_BESIDE = {
    "Microsoft.Resources": ("resourceGroups",),
    "Microsoft.Insights": ("metrics",),
    "Microsoft.Network": ("locations/operations", "locations/operationResults"),
    "Microsoft.Compute": ("locations/operations",),
}


def subscription(subscription_id: str) -> Json:
    """A subscription."""
    return {
        "id": f"/subscriptions/{subscription_id}",
        "subscriptionId": subscription_id,
        "tenantId": TENANT,
        "displayName": "Sandbox",
        "state": "Enabled",
        "subscriptionPolicies": {"locationPlacementId": "Public_2014-09-01", "spendingLimit": "Off"},
        "authorizationSource": "RoleBased",
    }


def tenants() -> list[Json]:
    """The one tenant."""
    return [{"id": f"/tenants/{TENANT}", "tenantId": TENANT, "displayName": "Sandbox"}]


def locations(subscription_id: str) -> list[Json]:
    """All regions."""
    return [
        {
            "id": f"/subscriptions/{subscription_id}/locations/{name}",
            "name": name,
            "type": "Region",
            "displayName": display,
            "regionalDisplayName": display,
            "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
        }
        for name, display in REGIONS.items()
    ]


def providers(cloud: Cloud, kinds: Mapping[str, Kind], subscription_id: str) -> list[Json]:
    """All providers with their types."""
    by_name = {name: dict.fromkeys(types, "None") for name, types in _BESIDE.items()}
    for kind in kinds.values():
        name, _, kind_name = kind.type.partition("/")
        by_name.setdefault(name, {})[kind_name] = _capabilities(kind)
    missing = {name.lower() for name in cloud.switches.unregistered_providers}
    return [
        {
            "id": f"/subscriptions/{subscription_id}/providers/{name}",
            "namespace": name,
            "resourceTypes": [
                {
                    "resourceType": each,
                    "locations": list(REGIONS.values()),
                    "apiVersions": _API_VERSIONS,
                    "capabilities": capabilities,
                }
                for each, capabilities in types.items()
            ],
            "registrationState": "NotRegistered" if name.lower() in missing else "Registered",
            "registrationPolicy": "RegistrationRequired",
        }
        for name, types in by_name.items()
    ]


def _capabilities(kind: Kind) -> str:
    """What may be done with a type's resources (recorded for Bastion hosts, networks and addresses)."""
    if "/" in kind.type.partition("/")[2]:
        return "None"
    moves = "CrossResourceGroupResourceMove, "
    if kind.key != "microsoft.network/bastionhosts":
        moves += "CrossSubscriptionResourceMove, "
    return f"{moves}SupportsTags, SupportsLocation"


def compute_skus(cloud: Cloud) -> list[Json]:
    """The VM sizes, each per region, with the restrictions that make SkuNotAvailable."""
    unavailable = set(cloud.switches.unavailable_sizes)
    return [
        {
            "resourceType": "virtualMachines",
            "name": size,
            "tier": "Standard",
            "size": size.partition("_")[2],
            "locations": [region],
            "locationInfo": [{"location": region, "zones": ["1", "2", "3"]}],
            "capabilities": [{"name": "vCPUs", "value": str(cores)}],
            "restrictions": _restrictions(region) if {size, f"{region}/{size}"} & unavailable else [],
        }
        for size, cores in CORES.items()
        for region in REGIONS
    ]


def sizes(region: str) -> list[Json]:
    """The VM sizes of a region."""
    del region
    return [
        {
            "name": size,
            "numberOfCores": cores,
            "osDiskSizeInMB": 1047552,
            "resourceDiskSizeInMB": 16384,
            "memoryInMB": cores * 4096,
            "maxDataDiskCount": cores * 2,
        }
        for size, cores in CORES.items()
    ]


def compute_usages(cloud: Cloud, subscription_id: str, region: str) -> list[Json]:
    """How many vCPUs of a region are taken."""
    taken = cloud.governance.cores_taken(subscription_id, region)
    return [_usage("cores", "Total Regional vCPUs", taken, cloud.switches.cores_per_region)]


def network_usages(cloud: Cloud, subscription_id: str, region: str) -> list[Json]:
    """How many public addresses and networks of a region are taken."""
    scope = region_scope(subscription_id, region)
    addresses = cloud.store.count(scope, "microsoft.network/publicipaddresses")
    networks = cloud.store.count(scope, "microsoft.network/virtualnetworks")
    return [
        _usage("PublicIPAddresses", "Public IP Addresses", addresses, cloud.switches.public_ips_per_region),
        _usage("VirtualNetworks", "Virtual Networks", networks, 1000),
    ]


def _usage(name: str, display: str, taken: int, limit: int) -> Json:
    return {
        "name": {"value": name, "localizedValue": display},
        "currentValue": taken,
        "limit": limit,
        "unit": "Count",
    }


def _restrictions(region: str) -> list[Json]:
    return [
        {
            "type": "Location",
            "values": [region],
            "restrictionInfo": {"locations": [region]},
            "reasonCode": "NotAvailableForSubscription",
        }
    ]
