"""The Cost Management query: what the meters come to, a day and a resource at a time."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from sandbox.arm.meters import DATA
from sandbox.arm.wire import parse_instant

if TYPE_CHECKING:
    from sandbox.arm.cloud import Cloud
    from sandbox.arm.wire import Json

_HOURLY = {
    "bastion.basic": 0.19,
    "bastion.standard": 0.29,
    "bastion.premium": 0.45,
    "bastion.unit": 0.14,
    "ip.standard": 0.005,
    "nat": 0.045,
}
_VM_HOURLY, _DISK_HOURLY = 0.111, 0.0033
_DATA_PER_GB, _DATA_FREE_GB = 0.12, 5.0


def actual_cost(cloud: Cloud, scope: str, subscription: str) -> Json:
    """Rows of cost, day (yyyymmdd), resource and currency for a scope (lower case), as ActualCost by day."""
    sums: dict[tuple[int, str], float] = {}
    flows: list[tuple[int, str, float]] = []
    for row in cloud.meters.shown(cloud.now):
        resource = str(row["resource"]).lower()
        if not resource.startswith(scope):
            continue
        if row["meter"] == DATA:
            flows += _flows(row, cloud.now)
            continue
        units = _units(row, cloud.now)
        for day, hours in _by_day(row, cloud.now):
            key = (day, resource)
            sums[key] = sums.get(key, 0.0) + hours * units * _price(str(row["meter"]))
    for day, resource, cost in _data_costs(flows):
        sums[day, resource] = sums.get((day, resource), 0.0) + cost
    rows = [[round(cost, 10), day, resource, "USD"] for (day, resource), cost in sorted(sums.items())]
    columns = (("Cost", "Number"), ("UsageDate", "Number"), ("ResourceId", "String"), ("Currency", "String"))
    return {
        "id": f"subscriptions/{subscription}/providers/Microsoft.CostManagement/query/{cloud.guid()}",
        "name": "query",
        "type": "Microsoft.CostManagement/query",
        "properties": {
            "nextLink": None,
            "columns": [{"name": name, "type": kind} for name, kind in columns],
            "rows": rows,
        },
    }


def _units(row: Json, now: datetime) -> float:
    """Billed hours per hour of the interval: scale units and rounding, spread evenly over it."""
    plain = (_ended(row, now) - parse_instant(row["from"])).total_seconds() / 3600
    return float(row["hours"]) / plain if plain else 0.0


def _flows(row: Json, now: datetime) -> list[tuple[int, str, float]]:
    """What flowed out on each day, spread evenly over the interval: day, resource, gigabytes."""
    days = _by_day(row, now)
    whole = sum(hours for _, hours in days) or 1.0
    return [(day, str(row["resource"]).lower(), float(row["gigabytes"]) * hours / whole) for day, hours in days]


def _data_costs(flows: list[tuple[int, str, float]]) -> list[tuple[int, str, float]]:
    """The price of data out, of which the first gigabytes of a month are free (azure.md section 8)."""
    flowed: dict[int, float] = {}
    costs = []
    for day, resource, gigabytes in sorted(flows):
        before = flowed.get(day // 100, 0.0)
        flowed[day // 100] = before + gigabytes
        billed = max(0.0, before + gigabytes - _DATA_FREE_GB) - max(0.0, before - _DATA_FREE_GB)
        costs.append((day, resource, billed * _DATA_PER_GB))
    return costs


def _by_day(row: Json, now: datetime) -> list[tuple[int, float]]:
    at, ended_at = parse_instant(row["from"]), _ended(row, now)
    days = []
    while at < ended_at:
        midnight = datetime.combine(at.date() + timedelta(days=1), time(), UTC)
        until = min(midnight, ended_at)
        days.append((int(at.strftime("%Y%m%d")), (until - at).total_seconds() / 3600))
        at = until
    return days


def _ended(row: Json, now: datetime) -> datetime:
    return parse_instant(row["to"]) if row["to"] else now


def _price(meter: str) -> float:
    if meter.startswith("vm."):
        return _VM_HOURLY
    return _DISK_HOURLY if meter.startswith("disk.") else _HOURLY[meter]
