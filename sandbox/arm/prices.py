"""The Retail Prices API: a small dated list behind the real query language's equality filters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sandbox.arm.cloud import REGIONS
from sandbox.arm.governance import CORES

if TYPE_CHECKING:
    from sandbox.arm.wire import Json

# US dollars an hour unless the unit says otherwise; the dated fallback of azure.md section 8.
_METERS: tuple[tuple[str, str, str, float, str], ...] = (
    ("Azure Bastion", "Azure Bastion", "Basic Gateway", 0.19, "1 Hour"),
    ("Azure Bastion", "Azure Bastion", "Standard Gateway", 0.29, "1 Hour"),
    ("Azure Bastion", "Azure Bastion", "Premium Gateway", 0.45, "1 Hour"),
    ("Azure Bastion", "Azure Bastion", "Standard Additional Gateway", 0.14, "1 Hour"),
    ("Azure Bastion", "Azure Bastion", "Premium Additional Gateway", 0.14, "1 Hour"),
    ("Azure Bastion", "Azure Bastion", "Basic Data Transfer Out", 0.12, "1 GB"),
    ("Azure Bastion", "Azure Bastion", "Standard Data Transfer Out", 0.12, "1 GB"),
    ("Virtual Network", "IP Addresses", "Standard IPv4 Static Public IP", 0.005, "1 Hour"),
    ("NAT Gateway", "NAT Gateway", "Standard Gateway", 0.045, "1 Hour"),
    ("Storage", "Standard SSD Managed Disks", "E4 LRS Disk", 2.4, "1/Month"),
    ("Storage", "Standard SSD Managed Disks", "E10 LRS Disk", 9.6, "1/Month"),
    ("Storage", "Premium SSD Managed Disks", "P4 LRS Disk", 5.28, "1/Month"),
    ("Storage", "Standard HDD Managed Disks", "S4 LRS Disk", 1.54, "1/Month"),
)
_PER_CORE = 0.0555
_DATED = "2026-07-01T00:00:00Z"
_EQUALS = re.compile(r"(\w+)\s+eq\s+'([^']*)'", re.IGNORECASE)
_CONTAINS = re.compile(r"contains\((\w+),\s*'([^']*)'\)", re.IGNORECASE)


def retail_prices(query: dict[str, str], base: str, path: str) -> Json:
    """A page of prices; values are case-sensitive, as there."""
    wanted = query.get("$filter", "")
    rows = [row for row in _rows() if _matches(row, wanted)]
    skip = int(query.get("$skip", "0") or "0") if query.get("$skip", "0").isdigit() else 0
    page = rows[skip : skip + 100]
    more = skip + len(page) < len(rows)
    return {
        "BillingCurrency": query.get("currencycode", "USD").strip("'"),
        "CustomerEntityId": "Default",
        "CustomerEntityType": "Retail",
        "Items": page,
        "NextPageLink": f"{base}{path}?$filter={wanted}&$skip={skip + len(page)}" if more else None,
        "Count": len(page),
    }


def _rows() -> list[Json]:
    rows = [
        _row(region, service, product, meter, price, unit, "")
        for region in REGIONS
        for service, product, meter, price, unit in _METERS
    ]
    rows += [
        _row(
            region,
            "Virtual Machines",
            "Virtual Machines Dsv5 Series",
            size.partition("_")[2].replace("_", " "),
            round(cores * _PER_CORE, 4),
            "1 Hour",
            size,
        )
        for region in REGIONS
        for size, cores in CORES.items()
    ]
    return rows


def _row(region: str, service: str, product: str, meter: str, price: float, unit: str, arm_sku: str) -> Json:
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 5.0 if meter.endswith("Data Transfer Out") else 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": region,
        "location": REGIONS[region],
        "effectiveStartDate": _DATED,
        "meterName": meter,
        "productName": product,
        "skuName": meter.partition(" ")[0],
        "serviceName": service,
        "unitOfMeasure": unit,
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": arm_sku,
    }


def _matches(row: Json, wanted: str) -> bool:
    equal = all(str(row.get(name)) == value for name, value in _EQUALS.findall(wanted))
    return equal and all(value in str(row.get(name)) for name, value in _CONTAINS.findall(wanted))
