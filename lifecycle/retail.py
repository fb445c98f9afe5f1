"""What is asked of the Retail Prices API, and which of its items may be believed. Pure.

The filters are those that name exactly one meter; values are case-sensitive there (Microsoft: Retail Prices API).
The NAT gateway's is what its price page suggests; where it finds nothing the book's price stays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from lifecycle.prices import HOURS_PER_MONTH, Price

CURRENCY = "USD"
HOURLY, MONTHLY = "1 Hour", "1/Month"
DEAREST_USD_PER_HOUR = 1000
"""No meter of ours comes near it: a figure above is in another unit, or wrong."""
NOT_FOR_US = ("spot", "low priority")


class Unbelievable(Exception):
    """What the price list answered cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One meter's price, asked for by equality of these fields."""

    meter: str
    fields: Mapping[str, str]
    unit: str = HOURLY

    @property
    def filter(self) -> str:
        """Write it in OData."""
        return " and ".join(f"{name} eq '{value.replace(chr(39), 2 * chr(39))}'" for name, value in self.fields.items())


_BASTION = {"serviceName": "Azure Bastion"}
_FIXED: Mapping[str, tuple[Mapping[str, str], str]] = {
    "bastion.basic": ({**_BASTION, "meterName": "Basic Gateway"}, HOURLY),
    "bastion.standard": ({**_BASTION, "meterName": "Standard Gateway"}, HOURLY),
    "bastion.premium": ({**_BASTION, "meterName": "Premium Gateway"}, HOURLY),
    "bastion.unit": ({**_BASTION, "meterName": "Standard Additional Gateway"}, HOURLY),
    "ip.standard": ({"serviceName": "Virtual Network", "meterName": "Standard IPv4 Static Public IP"}, HOURLY),
    "nat": ({"serviceName": "NAT Gateway", "meterName": "Standard Gateway"}, HOURLY),
    "disk.StandardSSD_LRS": (
        {"serviceName": "Storage", "productName": "Standard SSD Managed Disks", "meterName": "E4 LRS Disk"},
        MONTHLY,
    ),
}


def asks(region: str, vm_sizes: Iterable[str]) -> tuple[Ask, ...]:
    """Name what is to be asked for one region."""
    place = {"armRegionName": region}
    fixed = (Ask(meter, {**fields, **place}, unit) for meter, (fields, unit) in _FIXED.items())
    sizes = (Ask(f"vm.{size}", {"serviceName": "Virtual Machines", "armSkuName": size, **place}) for size in vm_sizes)
    return (*fixed, *sizes)


def price_of(ask: Ask, items: Iterable[object], now: datetime) -> Price:
    """Choose the one price that the items of a complete answer name. Raises Unbelievable where it is not one."""
    found = {_price(ask, item, now) for item in items if isinstance(item, Mapping) and _is_asked_for(ask, item)}
    if len(found) != 1:
        raise Unbelievable(f"{ask.meter}: {len(found)} prices where one is expected")
    return found.pop()


def _is_asked_for(ask: Ask, item: Mapping[str, Any]) -> bool:
    """Whether an item is the plain Linux, pay-as-you-go price of the very thing, first tier."""
    words = f"{item.get('meterName')} {item.get('skuName')} {item.get('productName')}".lower()
    if any(word in words for word in NOT_FOR_US) or str(item.get("productName", "")).endswith(" Windows"):
        return False
    if item.get("type", "Consumption") != "Consumption" or item.get("tierMinimumUnits", 0) != 0:
        return False
    return all(item.get(name) == value for name, value in ask.fields.items())


def _price(ask: Ask, item: Mapping[str, Any], now: datetime) -> Price:
    if item.get("currencyCode") != CURRENCY:
        raise Unbelievable(f"{ask.meter}: a price in another currency than {CURRENCY}")
    if item.get("unitOfMeasure") != ask.unit:
        raise Unbelievable(f"{ask.meter}: a price by another unit than {ask.unit}")
    amount = item.get("retailPrice")
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not math.isfinite(amount):
        raise Unbelievable(f"{ask.meter}: a price that is no number")
    usd = Decimal(str(amount)) / (HOURS_PER_MONTH if ask.unit == MONTHLY else 1)
    if not 0 < usd <= DEAREST_USD_PER_HOUR:
        raise Unbelievable(f"{ask.meter}: a price that cannot be")
    source = f"Retail Prices API, {item['armRegionName']}, {item.get('meterName')}"
    return Price(ask.meter, usd, source, now.date(), str(item["armRegionName"]), _since(item, now))


def _since(item: Mapping[str, Any], now: datetime) -> datetime:
    try:
        since_at = datetime.fromisoformat(str(item.get("effectiveStartDate")))
    except ValueError:
        return now
    return min(now, since_at if since_at.tzinfo else since_at.replace(tzinfo=UTC))
