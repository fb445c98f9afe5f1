"""From meters to a bill: whose time it was, what it cost, and between which bounds the truth lies.

Time is counted in whole microseconds and money in exact fractions until the very end, where the rows of a report are
rounded so that they add up to their total. So every grouping of the same facts has the same sum.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from lifecycle.meters import Meter, Tenancy, once
from lifecycle.model import require_aware
from lifecycle.prices import PriceBook
from lifecycle.walltime import midnight

__all__ = ["GROUPINGS", "UNATTRIBUTED", "CostRow", "Meter", "Quantum", "Tenancy", "always_on", "report"]

GROUPINGS = ("day", "stack", "box", "owner", "team", "meter")
UNATTRIBUTED = "unattributed"
"""The key of what a stack's boxes share at times when it had none, and of people without a team."""

_TICK = timedelta(microseconds=1)
_HOUR = timedelta(hours=1) // _TICK
_PLACES = 9
"""Rows are rounded to a billionth of an hour or dollar, their running sum upwards: a bill is never below the truth."""


class Quantum(StrEnum):
    """How Azure is taken to bill; Microsoft documents neither for all meters."""

    SECOND = "second"
    HOUR = "hour"  # every begun hour of a meter's whole interval


@dataclass(frozen=True, slots=True)
class CostRow:
    """One line of a report.

    ``hours`` and ``amount`` (USD) are the bill: the wide end of the meters' brackets. ``least_hours`` and
    ``least_amount`` are the narrow end: the truth lies between. ``meter`` is set when grouped by meter. ``unpriced``
    says that some of the hours have no known price and are missing from the amounts.
    """

    key: str
    hours: Decimal
    amount: Decimal
    least_hours: Decimal
    least_amount: Decimal
    meter: str | None = None
    unpriced: bool = False


_Usage = Mapping[str, Counter[str]]
"""Microseconds by the report's key and by meter."""

_Keys = Callable[[Meter, datetime], Sequence[str]]
"""Who shares a meter's time at an instant, in equal parts."""


def report(
    meters: Iterable[Meter],
    tenancies: Sequence[Tenancy],
    book: PriceBook,
    from_at: datetime,
    to_at: datetime,
    by: str,
    now: datetime,
    quantum: str,
    *,
    zone: tzinfo,
) -> tuple[CostRow, ...]:
    """Say what the period [from_at, to_at) cost, in rows sorted by key; a box's key is ``stack/box``.

    A meter that still runs bills to ``now``. What ``quantum`` rounds up is charged at the meter's end, so that
    consecutive periods add up. What boxes share is split equally between those there are. ``zone`` says where a day
    begins. A meter given twice counts once. Raises ValueError for an unknown ``by`` or ``quantum`` and naive instants.
    """
    for name, instant in (("from_at", from_at), ("to_at", to_at), ("now", now)):
        require_aware(instant, name)
    ledger, period, unit = once(meters), (from_at, to_at), Quantum(quantum)
    cuts, keys = _grouping(by, _by_stack(tenancies), zone)
    wide = _usage(((meter, meter.wide(now)) for meter in ledger), period, unit, cuts, keys)
    narrow = _usage(((meter, meter.narrow(now)) for meter in ledger), period, unit, cuts, keys)
    return _rows(wide, narrow, book, by)


def always_on(meters: Iterable[Meter], book: PriceBook, from_at: datetime, to_at: datetime, now: datetime) -> Decimal:
    """Say what the same needs would have cost (USD) with a Basic Bastion and machines that nobody ever turns off.

    Each stack of the period gets one Bastion and one address of its own, from the first moment anything of it billed
    until the period's end or ``now``; so do its boxes' machines and disks. Whatever has no known price counts nothing.
    """
    present = [meter for meter in once(meters) if _overlaps(meter.wide(now), (from_at, to_at))]
    first: dict[tuple[str, str, str], Meter] = {}
    for meter in sorted(present, key=lambda meter: meter.opened_claimed_at):
        for part, name in (("bastion", "bastion.basic"), ("address", "ip.standard")):
            first.setdefault((meter.stack, part, ""), replace(meter, box=None, part=part, meter=name))
        if meter.box:
            first.setdefault((meter.stack, meter.part, meter.box), meter)
    rivals = (replace(meter, closed_seen_at=None, closed_absent_at=None) for meter in first.values())
    usage = _usage(
        ((meter, meter.wide(now)) for meter in rivals), (from_at, to_at), Quantum.SECOND, _no_cuts, _meter_key
    )
    return _rounded(sum((_money(counts, book) for counts in usage.values()), Fraction()))


_Interval = tuple[datetime, datetime]
_Cuts = Callable[[Meter, _Interval], Iterable[datetime]]


def _usage(
    intervals: Iterable[tuple[Meter, _Interval]], period: _Interval, quantum: Quantum, cuts: _Cuts, keys: _Keys
) -> _Usage:
    """Count each meter's time within the period, cut where its sharing changes; the last share takes what is left."""
    usage: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for meter, interval in intervals:
        for at, ticks in _stretches(interval, period, quantum, cuts(meter, interval)):
            sharers = keys(meter, at)
            share, rest = divmod(ticks, len(sharers))
            for key in sharers:
                usage[key][meter.meter] += share
            usage[sharers[-1]][meter.meter] += rest
    return usage


def _stretches(
    interval: _Interval, period: _Interval, quantum: Quantum, cuts: Iterable[datetime]
) -> Iterator[tuple[datetime, int]]:
    """Cut the part of an interval that lies in the period into (beginning, microseconds to bill)."""
    if not _overlaps(interval, period):
        return
    begin, end = max(interval[0], period[0]), min(interval[1], period[1])
    edges = [begin, *sorted({cut for cut in cuts if begin < cut < end}), end]
    for from_at, to_at in pairwise(edges):
        surplus = _round_up(interval) if quantum is Quantum.HOUR and to_at == interval[1] else 0
        yield from_at, (to_at - from_at) // _TICK + surplus


def _round_up(interval: _Interval) -> int:
    """Give the microseconds that are missing to full hours."""
    return -((interval[1] - interval[0]) // _TICK) % _HOUR


def _overlaps(one: _Interval, other: _Interval) -> bool:
    return max(one[0], other[0]) < min(one[1], other[1])


def _grouping(by: str, tenancies: Mapping[str, Sequence[Tenancy]], zone: tzinfo) -> tuple[_Cuts, _Keys]:
    """Choose where to cut a meter's time, and whose each cut is."""
    match by:
        case "meter":
            return _no_cuts, _meter_key
        case "stack":
            return _no_cuts, lambda meter, _: (meter.stack,)
        case "day":
            return (
                lambda _, interval: _midnights(interval, zone),
                lambda _, at: (at.astimezone(zone).date().isoformat(),),
            )
        case "box" | "owner" | "team":
            return (
                lambda meter, _: _changes(tenancies.get(meter.stack, ())),
                lambda meter, at: [_name(by, holder) for holder in _holders(meter, tenancies.get(meter.stack, ()), at)],
            )
        case _:
            raise ValueError(f"{by} is no grouping; there are {', '.join(GROUPINGS)}")


def _no_cuts(_meter: Meter, _interval: _Interval) -> Iterable[datetime]:
    return ()


def _meter_key(meter: Meter, _at: datetime) -> Sequence[str]:
    return (meter.meter,)


def _midnights(interval: _Interval, zone: tzinfo) -> Iterator[datetime]:
    day, last = (instant.astimezone(zone).date() for instant in interval)
    while day < last:
        day += timedelta(days=1)
        yield midnight(day, zone)


def _by_stack(tenancies: Iterable[Tenancy]) -> Mapping[str, Sequence[Tenancy]]:
    found: defaultdict[str, list[Tenancy]] = defaultdict(list)
    for tenancy in tenancies:
        found[tenancy.stack].append(tenancy)
    return found


def _changes(tenancies: Iterable[Tenancy]) -> Iterator[datetime]:
    for tenancy in tenancies:
        yield tenancy.from_at
        if tenancy.until_at:
            yield tenancy.until_at


@dataclass(frozen=True, slots=True, order=True)
class _Holder:
    """Who bears a share; empty where it is nobody's."""

    stack: str
    box: str
    owner: str
    team: str


def _holders(meter: Meter, tenancies: Iterable[Tenancy], at: datetime) -> Sequence[_Holder]:
    """Name who bears a meter at an instant: a box's meter its tenant, a shared one every tenant of the stack."""
    present = [tenancy for tenancy in tenancies if tenancy.holds(at) and meter.box in (None, tenancy.box)]
    if meter.owner:
        present = [tenancy for tenancy in present if tenancy.owner == meter.owner] or present
    holders = {_Holder(meter.stack, tenancy.box, tenancy.owner, tenancy.team or "") for tenancy in present}
    return sorted(holders) or (_Holder(meter.stack, meter.box or "", meter.owner or "", ""),)


def _name(by: str, holder: _Holder) -> str:
    if by == "box":
        return f"{holder.stack}/{holder.box}" if holder.box else UNATTRIBUTED
    return (holder.owner if by == "owner" else holder.team) or UNATTRIBUTED


def _rows(wide: _Usage, narrow: _Usage, book: PriceBook, by: str) -> tuple[CostRow, ...]:
    rows = []
    hours = money = Fraction()
    for key in sorted(key for key, counts in wide.items() if counts.total()):
        counts, least = wide[key], narrow.get(key, Counter[str]())
        more_hours, more_money = hours + Fraction(counts.total(), _HOUR), money + _money(counts, book)
        billed_hours = _rounded(more_hours) - _rounded(hours)
        billed = _rounded(more_money) - _rounded(money)
        rows.append(
            CostRow(
                key,
                billed_hours,
                billed,
                min(billed_hours, _rounded(Fraction(least.total(), _HOUR))),
                min(billed, _rounded(_money(least, book))),
                key if by == "meter" else None,
                any(book.price(meter) is None for meter, ticks in counts.items() if ticks),
            )
        )
        hours, money = more_hours, more_money
    return tuple(rows)


def _money(counts: Mapping[str, int], book: PriceBook) -> Fraction:
    """Give the exact price of microseconds by meter, in USD."""
    prices = ((book.price(meter), ticks) for meter, ticks in counts.items())
    return sum((Fraction(price.usd_per_hour) * ticks / _HOUR for price, ticks in prices if price), Fraction())


def _rounded(value: Fraction) -> Decimal:
    return Decimal(math.ceil(value * 10**_PLACES)).scaleb(-_PLACES)
