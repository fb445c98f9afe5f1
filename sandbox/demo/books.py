"""The figures of the day: the app's bill, the simulator's truth, and what always-on would have cost. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from lifecycle.costs import Meter, always_on
from lifecycle.prices import HOURS_PER_MONTH, PriceBook

WORKING_DAYS = 21
"""Working days of an average month."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class BillRow:
    """One row of the app's bill: billed and least hours, and the amount in USD."""

    key: str
    hours: float
    least_hours: float
    amount: float
    unpriced: bool = False

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> BillRow:
        """Read a row as the app answers it."""
        return cls(
            str(row["key"]),
            float(row["hours"]),
            float(row["leastHours"]),
            float(row["amount"]),
            bool(row["unpriced"]),
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """One true interval of a meter, as the simulator knows it; without an end it still runs."""

    resource: str
    meter: str
    from_at: datetime
    to_at: datetime | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Stretch:
        """Read an interval as the simulator answers it."""
        ended = datetime.fromisoformat(row["to"]) if row["to"] else None
        return cls(str(row["resource"]), str(row["meter"]), datetime.fromisoformat(row["from"]), ended)

    def hours(self, until: datetime) -> float:
        """Give its hours up to an instant."""
        return max((min(self.to_at or until, until) - self.from_at) / _HOUR, 0.0)

    def covers(self, from_at: datetime, to_at: datetime) -> bool:
        """Say whether it ran during the whole of [from_at, to_at]."""
        return self.from_at <= from_at and (self.to_at is None or self.to_at >= to_at)


@dataclass(frozen=True, slots=True)
class TrueUse:
    """What one meter truly ran: hours, and in how many intervals."""

    hours: float
    intervals: int


def truth_by_meter(stretches: Iterable[Stretch], until: datetime) -> dict[str, TrueUse]:
    """Sum the true intervals by meter, up to an instant."""
    sums: dict[str, TrueUse] = {}
    for stretch in stretches:
        if stretch.from_at < until:
            known = sums.get(stretch.meter, TrueUse(0.0, 0))
            sums[stretch.meter] = TrueUse(known.hours + stretch.hours(until), known.intervals + 1)
    return sums


@dataclass(frozen=True, slots=True)
class Saving:
    """What the day cost, and what the same stacks and machines would have cost always on, in USD."""

    hours: float
    day: float
    day_always_on: float
    month: float
    month_always_on: float


def saving(
    meters: Iterable[Meter],
    standing: Iterable[str],
    book: PriceBook,
    period: tuple[datetime, datetime],
    billed: float,
) -> Saving:
    """Compare. A month of ours is ``WORKING_DAYS`` such days, and what stands now (meters) the rest of the time."""
    ledger, (from_at, to_at) = tuple(meters), period
    hours = (to_at - from_at) / _HOUR
    month_at = from_at + timedelta(hours=HOURS_PER_MONTH)
    rest = sum((price.usd_per_hour for meter in standing if (price := book.price(meter))), Decimal())
    return Saving(
        hours=hours,
        day=billed,
        day_always_on=float(always_on(ledger, book, from_at, to_at, to_at)),
        month=WORKING_DAYS * billed + float(rest) * (HOURS_PER_MONTH - WORKING_DAYS * hours),
        month_always_on=float(always_on(ledger, book, from_at, month_at, month_at)),
    )
