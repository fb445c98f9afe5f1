"""From meters to a bill: whose time it was, what it cost, and between which bounds the truth lies.

Time is counted in whole microseconds, prices in whole atto-dollars an hour, and money in their products (``USD``), all
summed from the same finest cells: a day's time of one meter, borne by one box. Nothing is rounded before a row is
written. So every grouping of the same facts has the same sum, however time was cut, and sums of days that were stored
may be added to sums of days that were not.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import NamedTuple, TypeVar

from lifecycle.meters import Books, Connection, Meter, Start, Tenancy, once, tenants_once
from lifecycle.model import require_aware
from lifecycle.prices import Price, PriceBook
from lifecycle.walltime import midnight

__all__ = [
    "GROUPINGS",
    "UNATTRIBUTED",
    "Amount",
    "Cells",
    "CostRow",
    "Course",
    "Meter",
    "Quantum",
    "Rule",
    "Tenancy",
    "Whose",
    "always_on",
    "cells",
    "course",
    "grouped",
    "report",
    "rows",
    "summed",
]

GROUPINGS = ("day", "stack", "box", "owner", "team", "meter")
UNATTRIBUTED = "unattributed"
"""The key of what a stack's boxes share at times when it had none, and of people without a team."""

DOOR = frozenset({"bastion", "ip-bastion"})
"""The parts of a door: of a hub's all bear their share whose stacks are entered by it."""
_TICK = timedelta(microseconds=1)
_HOUR = timedelta(hours=1) // _TICK
_PLACES = 9
"""Rows are rounded to a billionth of an hour or dollar, their running sum upwards: a bill is never below the truth."""
_ATTO = 10**18
USD = _ATTO * _HOUR
"""What a dollar is in sums of money: atto-dollars an hour times microseconds."""


class Quantum(StrEnum):
    """How Azure is taken to bill; Microsoft documents neither for all meters."""

    SECOND = "second"
    HOUR = "hour"  # every begun hour of a meter's whole interval


@dataclass(frozen=True, slots=True)
class Rule:
    """By which of the rules that nobody documents a bill is made."""

    quantum: Quantum = Quantum.SECOND
    start: Start = Start.UNKNOWN


class Whose(NamedTuple):
    """Who bears a cell, and what of; box, owner and team are empty where it is nobody's."""

    stack: str
    box: str
    owner: str
    team: str
    meter: str

    def named(self, by: str) -> str:
        """Name the key of a grouping. Raises ValueError for one that is none."""
        match by:
            case "stack":
                return self.stack
            case "meter":
                return self.meter
            case "box":
                return f"{self.stack}/{self.box}" if self.box else UNATTRIBUTED
            case "owner":
                return self.owner or UNATTRIBUTED
            case "team":
                return self.team or UNATTRIBUTED
            case _:
                raise ValueError(f"{by} is no grouping; there are {', '.join(GROUPINGS)}")


class Amount(NamedTuple):
    """Microseconds and money (``USD``), of the wide and of the narrow end; ``unpriced`` microseconds have no price."""

    ticks: int = 0
    least_ticks: int = 0
    money: int = 0
    least_money: int = 0
    unpriced: int = 0

    def plus(self, other: Amount) -> Amount:
        """Add two amounts."""
        return Amount(
            self.ticks + other.ticks,
            self.least_ticks + other.least_ticks,
            self.money + other.money,
            self.least_money + other.least_money,
            self.unpriced + other.unpriced,
        )


Cells = Mapping[tuple[str, Whose], Amount]
"""Amounts by day (of some zone, ISO) and by who bears them."""


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


_Interval = tuple[datetime, datetime]
Span = TypeVar("Span", Tenancy, Connection)


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
    connections: Sequence[Connection] = (),
    start: str = Start.UNKNOWN,
) -> tuple[CostRow, ...]:
    """Say what the period [from_at, to_at) cost, in rows sorted by key; a box's key is ``stack/box``.

    A meter that still runs bills to ``now``. What ``quantum`` rounds up is charged at the meter's end, so that
    consecutive periods add up. What boxes share is borne by those that people are connected to, in equal parts, and
    by all there are while nobody is. ``zone`` says where a day begins. A meter given twice counts once. Raises
    ValueError for an unknown ``by``, ``quantum`` or ``start`` and naive instants.
    """
    for name, instant in (("from_at", from_at), ("to_at", to_at), ("now", now)):
        require_aware(instant, name)
    books = Books(tuple(meters), tuple(tenancies), tuple(connections))
    rule = Rule(Quantum(quantum), Start(start))
    return rows(grouped(cells(books, book, (from_at, to_at), now, rule, zone), by), by)


def _ends(meter: Meter, now: datetime, rule: Rule) -> Iterator[tuple[_Interval, bool, bool, bool]]:
    """Give a meter's intervals: whether each goes on as time does, and is the wide one, the narrow one, or both."""
    longest, shortest = meter.wide(now, rule.start), meter.narrow(now, rule.start)
    runs = meter.closed_absent_at is None
    still_seen = runs and meter.closed_seen_at is None
    if longest == shortest and runs == still_seen:
        yield longest, runs, True, True
    else:
        yield longest, runs, True, False
        yield shortest, still_seen, False, True


_Share = tuple[str, Whose, int]
"""A day, who bears it, and at how many atto-dollars an hour."""


def cells(books: Books, book: PriceBook, period: _Interval, now: datetime, rule: Rule, zone: tzinfo) -> Cells:
    """Cut what was billed in a period into its finest cells. The same facts give the same cells, however asked."""
    return course(books, book, period, now, rule, zone).at(now)


class _Running(NamedTuple):
    """The last stretch of a meter that runs: what it comes to depends on when one asks."""

    day: str
    rate: int
    meter: str
    units: int
    holders: Sequence[Whose]
    since_at: datetime
    opened_at: datetime | None
    """Set where begun hours are billed: the beginning of the whole interval."""
    is_wide: bool
    is_narrow: bool

    def ticks(self, now: datetime) -> int:
        """Give the microseconds to bill at an instant."""
        surplus = _round_up((self.opened_at, now)) if self.opened_at else 0
        return (now - self.since_at) // _TICK + surplus


@dataclass(slots=True)
class Course:
    """What some facts come to at any instant from ``since_at`` until before ``until_at``."""

    since_at: datetime
    until_at: datetime
    wide: dict[_Share, int]
    narrow: dict[_Share, int]
    running: list[_Running]

    def add(
        self,
        meter: Meter,
        sharing: _Sharing,
        days: _Days,
        rates: _Rates,
        period: _Interval,
        rule: Rule,
        ahead: list[datetime],
    ) -> None:
        """Cut one meter as of ``since_at``, and note in ``ahead`` when that may change by itself."""
        now = self.since_at
        for interval, goes_on, is_wide, is_narrow in _ends(meter, now, rule):
            begin, end = max(interval[0], period[0]), min(interval[1], period[1])
            still_runs = goes_on and end == now < period[1]
            if goes_on and (begin >= now or period[1] == now):
                ahead.append(max(begin, now + _TICK))
            if begin >= end:
                continue
            cuts = (*sharing.between(begin, end), *days.between(begin, end), *rates.changes(meter))
            for at, ticks in _stretches(interval, period, rule.quantum, cuts):
                day, rate, holders = days.name(at), rates.rate(meter, at), sharing.holders(meter, at)
                if still_runs and at + ticks * _TICK >= now:
                    opened_at = interval[0] if rule.quantum is Quantum.HOUR else None
                    each = _Running(day, rate, meter.meter, meter.units, holders, at, opened_at, is_wide, is_narrow)
                    self.running.append(each)
                    continue
                for whose, share in _shares(meter.meter, holders, ticks * meter.units):
                    if is_wide:
                        self.wide[day, whose, rate] += share
                    if is_narrow:
                        self.narrow[day, whose, rate] += share

    def at(self, now: datetime) -> Cells:
        """Give the cells as of an instant."""
        wide, narrow = dict(self.wide), dict(self.narrow)
        for each in self.running:
            for whose, share in _shares(each.meter, each.holders, each.ticks(now) * each.units):
                key = (each.day, whose, each.rate)
                if each.is_wide:
                    wide[key] = wide.get(key, 0) + share
                if each.is_narrow:
                    narrow[key] = narrow.get(key, 0) + share
        return _priced(wide, narrow)


def course(books: Books, book: PriceBook, period: _Interval, now: datetime, rule: Rule, zone: tzinfo) -> Course:
    """Cut facts once for all instants from ``now`` until something changes by itself: a day, a price, who shares.

    Where something changes at ``now``, that is this instant only: what runs until then goes on differently after it.
    """
    tenants, connected = _by_stack(tenants_once(books.tenancies)), _by_stack(books.connections)
    through = defaultdict(list)
    for tenancy in (each for each in tenants_once(books.tenancies) if each.door):
        through[tenancy.door].append(tenancy)
    days, rates = _Days(zone), _Rates(book)
    ahead = [*period, days.next(now), *(span.from_at for span in _spans(books.tenancies, books.connections))]
    ahead += [span.until_at for span in _spans(books.tenancies, books.connections) if span.until_at]
    found = Course(now, now, defaultdict(int), defaultdict(int), [])
    sharings: dict[tuple[str, bool, bool], _Sharing] = {}
    for meter in once(books.meters):
        shared, of_door = meter.box is None, meter.box is None and meter.part in DOOR
        kind = (meter.stack, shared, of_door)
        if kind not in sharings:
            sharers = [each for each in tenants.get(meter.stack, ()) if not (of_door and each.door)]
            sharers += through[meter.stack] if of_door else []
            sharings[kind] = _Sharing(meter.stack, sharers, connected.get(meter.stack, ()) if shared else ())
        sharing = sharings[kind]
        ahead += rates.changes(meter)
        found.add(meter, sharing, days, rates, period, rule, ahead)
    found.until_at = min(max(at, now + _TICK) for at in ahead if at >= now)
    return found


def _priced(wide: Mapping[_Share, int], narrow: Mapping[_Share, int]) -> Cells:
    """Turn time at a price into money."""
    found: dict[tuple[str, Whose], Amount] = {}
    for (day, whose, rate), ticks in wide.items():
        amount = Amount(ticks, 0, rate * ticks, 0, 0 if rate else ticks)
        found[day, whose] = found[day, whose].plus(amount) if (day, whose) in found else amount
    for (day, whose, rate), ticks in narrow.items():
        amount = Amount(0, ticks, 0, rate * ticks)
        found[day, whose] = found[day, whose].plus(amount) if (day, whose) in found else amount
    return found


class _Rates:
    """A price book, asked for the same few meters again and again."""

    def __init__(self, book: PriceBook) -> None:
        self.book = book
        self.changing: dict[tuple[str, str], tuple[datetime, ...]] = {}
        self.known: dict[tuple[str, str], int] = {}

    def changes(self, meter: Meter) -> tuple[datetime, ...]:
        """Name the instants at which the price of a meter changes."""
        key = (meter.meter, meter.region)
        if key not in self.changing:
            self.changing[key] = tuple(self.book.changes(*key))
        return self.changing[key]

    def rate(self, meter: Meter, at: datetime) -> int:
        """Give the price of a meter at an instant, in atto-dollars an hour."""
        key = (meter.meter, meter.region)
        if self.changes(meter):
            return self._read(*key, at)
        if key not in self.known:
            self.known[key] = self._read(*key, at)
        return self.known[key]

    def _read(self, meter: str, region: str, at: datetime) -> int:
        return _rate(self.book.price(meter, region, at))


def _rate(price: Price | None) -> int:
    """Read a price in whole atto-dollars an hour, rounded up: a bill is never below the truth."""
    return ceil(Fraction(price.usd_per_hour) * _ATTO) if price else 0


def grouped(found: Cells, by: str) -> Mapping[str, Amount]:
    """Sum cells by a grouping. Raises ValueError for one that is none."""
    if by not in GROUPINGS:
        raise ValueError(f"{by} is no grouping; there are {', '.join(GROUPINGS)}")
    return summed((day if by == "day" else whose.named(by), amount) for (day, whose), amount in found.items())


def named(found: Cells, by: str) -> Iterator[tuple[tuple[str, str], Amount]]:
    """Call cells by their day and by what a grouping calls them."""
    names: dict[Whose, str] = {}
    for (day, whose), amount in found.items():
        name = names.get(whose)
        if name is None:
            name = names[whose] = whose.named(by)
        yield (day, name), amount


Key = TypeVar("Key")


def summed(amounts: Iterable[tuple[Key, Amount]]) -> dict[Key, Amount]:
    """Add amounts up by their keys; in plain tuples, for a bill of many stacks adds tens of thousands."""
    sums: dict[Key, tuple[int, int, int, int, int]] = {}
    for key, amount in amounts:
        known = sums.get(key)
        if known is None:
            sums[key] = amount
        else:
            ticks, least_ticks, money, least_money, unpriced = known
            more, least_more, more_money, least_more_money, more_unpriced = amount
            sums[key] = (
                ticks + more,
                least_ticks + least_more,
                money + more_money,
                least_money + least_more_money,
                unpriced + more_unpriced,
            )
    return {key: Amount._make(total) for key, total in sums.items()}


def rows(sums: Mapping[str, Amount], by: str) -> tuple[CostRow, ...]:
    """Write sums for people, in order of their keys, rounded so that the rows add up to their total."""
    found = []
    ticks = money = 0
    for key in sorted(key for key, amount in sums.items() if amount.ticks):
        amount = sums[key]
        hours = _hours(ticks + amount.ticks) - _hours(ticks)
        usd = _usd(money + amount.money) - _usd(money)
        found.append(
            CostRow(
                key,
                hours,
                usd,
                min(hours, _hours(amount.least_ticks)),
                min(usd, _usd(amount.least_money)),
                key if by == "meter" else None,
                amount.unpriced > 0,
            )
        )
        ticks, money = ticks + amount.ticks, money + amount.money
    return tuple(found)


def _hours(ticks: int) -> Decimal:
    return _raised(ticks, _HOUR)


def _usd(money: int) -> Decimal:
    return _raised(money, USD)


def always_on(meters: Iterable[Meter], book: PriceBook, from_at: datetime, to_at: datetime, now: datetime) -> Decimal:
    """Say what the same needs would have cost (USD) with a Basic Bastion and machines that nobody ever turns off.

    Each stack of the period gets one Bastion and one address of its own, from the first moment anything of it billed
    until the period's end or ``now``; so do its boxes' machines and disks. Whatever has no known price counts nothing.
    """
    present = [meter for meter in once(meters) if _overlaps(meter.wide(now), (from_at, to_at))]
    first: dict[tuple[str, str, str], Meter] = {}
    for meter in sorted(present, key=lambda meter: meter.opened_claimed_at):
        for part, name in (("bastion", "bastion.basic"), ("address", "ip.standard")):
            first.setdefault((meter.stack, part, ""), replace(meter, box=None, part=part, meter=name, units=1))
        if meter.box:
            first.setdefault((meter.stack, meter.part, meter.box), meter)
    money = 0
    for meter in first.values():
        rival = replace(meter, closed_seen_at=None, closed_absent_at=None).wide(now)
        rate = _rate(book.price(meter.meter, meter.region, to_at))
        for _, ticks in _stretches(rival, (from_at, to_at), Quantum.SECOND, ()):
            money += rate * ticks
    return _usd(money)


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


def _shares(meter: str, holders: Sequence[Whose], ticks: int) -> Iterator[tuple[Whose, int]]:
    """Split time equally; the last share takes what is left."""
    share, rest = divmod(ticks, len(holders))
    for number, (stack, box, owner, team, _) in enumerate(holders, start=1):
        yield Whose(stack, box, owner, team, meter), share + (rest if number == len(holders) else 0)


class _Sharing:
    """Who may have to share one stack's meters, and when that changes."""

    def __init__(self, stack: str, tenancies: Sequence[Tenancy], connections: Sequence[Connection]) -> None:
        """Who is connected decides for what boxes share; for boxes' own meters there are none."""
        self.stack = stack
        self.tenancies = tenancies
        self.connections = connections
        spans = list(_spans(tenancies, connections))
        ends = {span.until_at for span in spans if span.until_at}
        self.changes = sorted({span.from_at for span in spans} | ends)
        self.known: dict[tuple[str | None, str | None, int], Sequence[Whose]] = {}

    def between(self, begin: datetime, end: datetime) -> Sequence[datetime]:
        """Name the instants within an interval at which the sharers may change."""
        return self.changes[bisect_right(self.changes, begin) : bisect_left(self.changes, end)]

    def holders(self, meter: Meter, at: datetime) -> Sequence[Whose]:
        """Name who bears a meter at an instant, which stays so until the next change."""
        key = (meter.box, meter.owner, bisect_right(self.changes, at))
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self._holders(meter, at)
        return found

    def _holders(self, meter: Meter, at: datetime) -> Sequence[Whose]:
        """Name who bears a meter at an instant: a box's meter its tenant, a shared one the tenants in use, or all."""
        present = [each for each in self.tenancies if each.holds(at) and meter.box in (None, each.box)]
        if meter.owner:
            present = [each for each in present if each.owner == meter.owner] or present
        used = {connection.box for connection in self.connections if connection.holds(at)}
        present = [each for each in present if self._name(each) in used or "" in used] or present
        found = {Whose(each.stack, each.box, each.owner, each.team or "", "") for each in present}
        return sorted(found) or (Whose(meter.stack, meter.box or "", meter.owner or "", "", ""),)

    def _name(self, tenancy: Tenancy) -> str:
        """Name a box as the sessions of this stack do: another stack's with that stack's name."""
        return tenancy.box if tenancy.stack == self.stack else f"{tenancy.stack}/{tenancy.box}"


def _spans(tenancies: Iterable[Tenancy], connections: Iterable[Connection]) -> Iterator[Tenancy | Connection]:
    yield from tenancies
    yield from connections


class _Days:
    """The civil days of a zone: where one begins, and what it is called. Found once, asked often."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self.midnights: list[datetime] = []
        self.names: list[str] = []

    def between(self, begin: datetime, end: datetime) -> Sequence[datetime]:
        """Name the midnights within an interval."""
        self._reach(begin, end)
        return self.midnights[bisect_right(self.midnights, begin) : bisect_left(self.midnights, end)]

    def next(self, at: datetime) -> datetime:
        """Name the next midnight."""
        return midnight(at.astimezone(self.zone).date() + timedelta(days=1), self.zone)

    def name(self, at: datetime) -> str:
        """Name the day (ISO) that an instant lies in."""
        self._reach(at, at)
        return self.names[bisect_right(self.midnights, at) - 1]

    def _reach(self, begin: datetime, end: datetime) -> None:
        """Know all days from one instant to another, and of those known before."""
        if self.midnights and self.midnights[0] <= begin and end < self.midnights[-1]:
            return
        if self.midnights:
            begin, end = min(begin, self.midnights[0]), max(end, self.midnights[-1])
        day, last = begin.astimezone(self.zone).date(), end.astimezone(self.zone).date() + timedelta(days=1)
        days = [day + timedelta(days=number) for number in range((last - day).days + 1)]
        self.midnights = [midnight(each, self.zone) for each in days]
        self.names = [each.isoformat() for each in days]


def _by_stack(spans: Iterable[Span]) -> Mapping[str, Sequence[Span]]:
    found: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        found[span.stack].append(span)
    return found


def _raised(amount: int, unit: int) -> Decimal:
    """Give amount / unit, rounded up."""
    return Decimal(-(-amount * 10**_PLACES // unit)).scaleb(-_PLACES)
