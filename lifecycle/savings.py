"""What was saved, against three rivals that are replayed over the same period from the same facts. Pure.

Every figure is a sum over stretches of time, so days may be added. Whatever has no known price counts nothing,
on both sides.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, time, timedelta, tzinfo
from decimal import Decimal

from lifecycle.costs import USD, Cells, Rule, cells
from lifecycle.meters import Books, Connection, Meter, Tenancy, once, tenants_once
from lifecycle.prices import PriceBook
from lifecycle.walltime import instant_at, midnight

RUNBOOK_FROM, RUNBOOK_TO = time(7), time(20)
"""Wall times between which a nightly runbook leaves things up, every weekday: it cannot know who comes early."""
WEEKEND = 5
UNIT = "bastion.unit"
DOOR = ("bastion.basic", "ip.standard")
DISK = "disk.StandardSSD_LRS"
_TICK = timedelta(microseconds=1)

Span = tuple[datetime, datetime]
_Key = Callable[[Tenancy], tuple[str, str]]
_Had = Mapping[tuple[str, str], list[Span]]
"""When boxes were had, by stack and region."""


@dataclass(frozen=True, slots=True)
class Savings:
    """What a period cost (``actual``, the bill's wide end) and would have cost, in USD, and how well it was used.

    ``always_on``: a Basic Bastion per stack and every machine, never turned off while somebody has the box.
    ``runbook``: the same, up on weekdays from ``RUNBOOK_FROM`` to ``RUNBOOK_TO``, disks always. ``hub``: one Basic
    Bastion per region, always on for all stacks, and machines and disks as they really ran.
    Hours of doors: ``hours_open``, of those ``hours_used`` with somebody connected, and ``hours_idle_tail`` after the
    last of them had left. ``hours_waited``: from each beginning of a door until it was in order.
    """

    actual: Decimal = Decimal()
    always_on: Decimal = Decimal()
    runbook: Decimal = Decimal()
    hub: Decimal = Decimal()
    hours_open: Decimal = Decimal()
    hours_used: Decimal = Decimal()
    hours_idle_tail: Decimal = Decimal()
    hours_waited: Decimal = Decimal()

    def __add__(self, other: Savings) -> Savings:
        """Add two periods."""
        return Savings(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Savings)))

    @classmethod
    def read(cls, values: Mapping[str, object]) -> Savings:
        """Read what was written, field by field, as text."""
        return cls(*(Decimal(str(values.get(each.name, 0))) for each in fields(cls)))


def saved(
    books: Books,
    book: PriceBook,
    period: Span,
    now: datetime,
    rule: Rule,
    zone: tzinfo,
    billed: Cells | None = None,
) -> Savings:
    """Replay a period [from, to), or as much of it as has passed; ``billed`` is what it cost, where that is known."""
    period = (period[0], min(period[1], now))
    if period[0] >= period[1]:
        return Savings()
    tenancies = tenants_once(books.tenancies)
    doors = [meter for meter in once(books.meters) if meter.meter.startswith("bastion.") and meter.meter != UNIT]
    inside: defaultdict[str, list[Connection]] = defaultdict(list)
    for connection in books.connections:
        inside[connection.stack].append(connection)
    usage = [_use(meter.wide(now, rule.start), inside[meter.stack], period, now) for meter in doors]
    billed = cells(books, book, period, now, rule, zone) if billed is None else billed
    actual = sum(amount.money for amount in billed.values())
    machines = sum(amount.money for (_, whose), amount in billed.items() if whose.meter.startswith(("vm.", "disk.")))
    working = list(_working(period, zone))
    had = _had(tenancies, period, now, lambda each: (each.stack, each.region))
    return Savings(
        actual=Decimal(actual) / USD,
        always_on=_kept_up(tenancies, had, book, period, now, [period]),
        runbook=_kept_up(tenancies, had, book, period, now, working),
        hub=Decimal(machines) / USD + _hubs(tenancies, book, period, now),
        hours_open=_hours(sum(each[0] for each in usage)),
        hours_used=_hours(sum(each[1] for each in usage)),
        hours_idle_tail=_hours(sum(each[2] for each in usage)),
        hours_waited=_hours(sum(_waited(meter, period, now) for meter in doors)),
    )


def _hours(ticks: int) -> Decimal:
    return Decimal(ticks) / 3_600_000_000


def _ticks(spans: Iterable[Span]) -> int:
    """Add up spans, in microseconds."""
    return sum((to_at - from_at) // _TICK for from_at, to_at in spans)


def _clipped(span: Span, period: Span) -> list[Span]:
    begin, end = max(span[0], period[0]), min(span[1], period[1])
    return [(begin, end)] if begin < end else []


def _union(spans: Iterable[Span]) -> list[Span]:
    """Join spans that overlap or touch."""
    joined: list[Span] = []
    spans = list(spans)
    if len(spans) < 2:  # noqa: PLR2004 -- nothing to join, which is the common case
        return spans
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def _use(open_span: Span, connections: Iterable[Connection], period: Span, now: datetime) -> tuple[int, int, int]:
    """Give how long a door was open in a period, in use, and idle after its last use (all of it where nobody came)."""
    inside = _union(span for each in connections for span in _clipped((each.from_at, each.until_at or now), open_span))
    tail = (inside[-1][1] if inside else open_span[0], open_span[1])
    return (
        _ticks(_clipped(open_span, period)),
        _ticks(part for span in inside for part in _clipped(span, period)),
        _ticks(_clipped(tail, period)),
    )


def _waited(meter: Meter, period: Span, now: datetime) -> int:
    """Give the time between the claim of a door and its first sighting in order, or until it was given up."""
    ready_at = min(meter.opened_seen_at, meter.closed_absent_at or now)
    return _ticks(_clipped((meter.opened_claimed_at, max(ready_at, meter.opened_claimed_at)), period))


def _kept_up(
    tenancies: Iterable[Tenancy], had: _Had, book: PriceBook, period: Span, now: datetime, up: Sequence[Span]
) -> Decimal:
    """Price a door per stack and every machine, while ``up``, for as long as boxes are ``had``; disks always."""
    times: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for (_, region), spans in had.items():
        times[region, DOOR] += sum(_ticks_within(span, up) for span in spans)
    for each in tenancies:
        for span in _clipped((each.from_at, each.until_at or now), period):
            times[each.region, (each.machine,)] += _ticks_within(span, up)
            times[each.region, (DISK,)] += _ticks([span])
    return _priced(times, book, period)


def _ticks_within(span: Span, up: Sequence[Span]) -> int:
    begin, end = span
    return sum((min(end, until) - max(begin, since)) // _TICK for since, until in up if since < end and begin < until)


def _hubs(tenancies: Iterable[Tenancy], book: PriceBook, period: Span, now: datetime) -> Decimal:
    """Price one door per region for as long as anybody has a box there."""
    spans = _had(tenancies, period, now, lambda each: ("", each.region))
    return _priced({(region, DOOR): _ticks(had) for (_, region), had in spans.items()}, book, period)


def _priced(times: Mapping[tuple[str, tuple[str, ...]], int], book: PriceBook, period: Span) -> Decimal:
    prices = (_hours(ticks) * _rate(book, region, meters, period) for (region, meters), ticks in times.items())
    return sum(prices, Decimal())


def _had(tenancies: Iterable[Tenancy], period: Span, now: datetime, key: _Key) -> _Had:
    found: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    for each in tenancies:
        found[key(each)] += _clipped((each.from_at, each.until_at or now), period)
    return {name: _union(spans) for name, spans in found.items()}


def _rate(book: PriceBook, region: str, meters: Iterable[str], period: Span) -> Decimal:
    prices = (book.price(meter, region, period[0]) for meter in meters)
    return sum((price.usd_per_hour for price in prices if price), Decimal())


def _working(span: Span, zone: tzinfo) -> Iterable[Span]:
    """Cut a span down to the hours at which a nightly runbook leaves things up."""
    day = span[0].astimezone(zone).date()
    while midnight(day, zone) < span[1]:
        if day.weekday() < WEEKEND:
            yield from _clipped((instant_at(day, RUNBOOK_FROM, zone), instant_at(day, RUNBOOK_TO, zone)), span)
        day += timedelta(days=1)
