"""Where the bars of the charts stand: amounts in, geometry out. The templates draw it, so every text is escaped there.

Across, positions are per cent of the chart's width, so that it fits any screen without scaling its letters; up and
down they are pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from lifecycle.web.page import Budget, DayCost

HEIGHT = 200
"""Pixels between the line of nothing and the greatest amount."""
SLOTS = 8
"""Colours with patterns of their own; the last one is for all the rest."""
REST = "all others"
MOST_LABELS = 5
DENSE = 62
"""With more days than this bars touch."""
_FAMILIES = ("bastion", "vm", "disk", "ip", "nat")
"""Kinds of meters that always have the same colour."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One meter's share of one day."""

    slot: int
    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One day."""

    day: date
    total: Decimal
    x: float
    width: float
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line across, with the amount it stands for."""

    y: float
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Label:
    """A day under the chart. ``anchor`` is SVG's ``text-anchor``."""

    x: float
    day: date
    anchor: str


@dataclass(frozen=True, slots=True)
class Series:
    """One meter of the chart, with its colour and its sum."""

    slot: int
    key: str
    total: Decimal


@dataclass(frozen=True, slots=True)
class Stack:
    """A chart of days, each a stack of meters, the lowest first."""

    height: int
    dense: bool
    series: tuple[Series, ...]
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]
    slots: Mapping[str, int]
    """Meter -> colour."""


def stack(days: Sequence[DayCost]) -> Stack:
    """Lay out a chart of days by meter."""
    totals: dict[str, Decimal] = {}
    for each in days:
        for key, amount in each.amounts.items():
            totals[key] = totals.get(key, Decimal()) + amount
    slots = _slots(totals)
    series = tuple(
        Series(slot, ", ".join(keys) if len(keys) == 1 else REST, sum((totals[key] for key in keys), Decimal()))
        for slot in range(SLOTS)
        if (keys := [key for key in sorted(totals) if slots[key] == slot])
    )
    top = ceiling(max((each.total for each in days), default=Decimal()))
    step = 100 / max(len(days), 1)
    dense = len(days) > DENSE
    gap = 0 if dense else step * 0.2
    bars = tuple(
        Bar(
            each.day,
            each.total,
            _round(number * step + gap / 2),
            _round(step - gap),
            tuple(_slices(each, slots, top, number * step + gap / 2, step - gap)),
        )
        for number, each in enumerate(days)
    )
    lines = tuple(Line(_round(HEIGHT - HEIGHT * part / 4), top * part / 4) for part in range(5)) if top else ()
    return Stack(HEIGHT, dense, series, bars, lines, _labels(days, step), slots)


def ceiling(amount: Decimal) -> Decimal:
    """Round up to an amount whose quarters are round too; nothing stays nothing."""
    if amount <= 0:
        return Decimal()
    unit = Decimal(10) ** math.floor(amount.log10())
    return next(
        unit * factor
        for factor in map(Decimal, ("1", "1.2", "1.6", "2", "3", "4", "6", "8", "10"))
        if unit * factor >= amount
    )


def lengths(amounts: Iterable[Decimal]) -> tuple[float, ...]:
    """Give each amount's bar in per cent of the greatest one's."""
    known = tuple(amounts)
    most = max(known, default=Decimal())
    return tuple(_round(float(100 * amount / most)) if most > 0 else 0.0 for amount in known)


@dataclass(frozen=True, slots=True)
class Gauge:
    """A budget's bar: all in per cent of its width, which is the limit, or the forecast where that is greater."""

    spent: float
    forecast: float
    limit: float
    state: str
    """``well``, ``ahead`` (the forecast passes the limit) or ``over``."""


def gauge(budget: Budget) -> Gauge:
    """Lay out a budget."""
    whole = max(budget.limit, budget.forecast, budget.spent) or Decimal(1)
    over, ahead = budget.spent > budget.limit, budget.forecast > budget.limit
    return Gauge(
        _round(float(100 * budget.spent / whole)),
        _round(float(100 * max(budget.forecast, budget.spent) / whole)),
        _round(float(100 * budget.limit / whole)),
        "over" if over else "ahead" if ahead else "well",
    )


def _slots(totals: Mapping[str, Decimal]) -> dict[str, int]:
    """Give each meter its colour: the first of a family the family's, others one that is free, the rest the last."""
    slots: dict[str, int] = {}
    free = list(range(len(_FAMILIES), SLOTS - 1))
    for key in sorted(totals, key=lambda key: (-totals[key], key)):
        family = key.partition(".")[0]
        own = _FAMILIES.index(family) if family in _FAMILIES else None
        if own is not None and own not in slots.values():
            slots[key] = own
        else:
            slots[key] = free.pop(0) if free else SLOTS - 1
    return slots


def _slices(each: DayCost, slots: Mapping[str, int], top: Decimal, x: float, width: float) -> Iterable[Slice]:
    heights = [0.0] * SLOTS
    for key, amount in each.amounts.items():
        heights[slots[key]] += float(HEIGHT * amount / top) if top else 0
    y = float(HEIGHT)
    for slot, height in enumerate(heights):
        if height > 0:
            y -= height
            yield Slice(slot, _round(x), _round(width), _round(y), _round(height))


def _labels(days: Sequence[DayCost], step: float) -> tuple[Label, ...]:
    """Name a few days, evenly apart, always the first and the last."""
    last = len(days) - 1
    count = min(MOST_LABELS, len(days))
    numbers = sorted({round(last * part / max(count - 1, 1)) for part in range(count)})
    return tuple(
        Label(
            0.0 if number == 0 and last else 100.0 if number == last and last else _round((number + 0.5) * step),
            days[number].day,
            "start" if number == 0 and last else "end" if number == last and last else "middle",
        )
        for number in numbers
    )


def _round(value: float) -> float:
    return round(value, 3)
