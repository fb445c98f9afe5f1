"""One window of a weekly schedule, and how people write it: ``{"days": ["mon"], "from": "08:00", "to": "18:30"}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from itertools import pairwise
from typing import Any

from lifecycle.rules import Invalid, list_rule, object_rule

MOST_WINDOWS = 50

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_CLOCK_RULE = "must be a time from 00:00 to 23:59"
_MIDNIGHT = "24:00"
_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES


@dataclass(frozen=True, slots=True)
class Window:
    """Wall times between which a schedule is open, on the weekdays (0 = Monday) on which it *opens*.

    ``closes`` at or before ``opens`` lies on the next day; equal times are 24 hours.
    """

    days: tuple[int, ...]
    opens: time
    closes: time

    @property
    def days_long(self) -> timedelta:
        """How many days the closing date lies after the opening date: none or one."""
        return timedelta(days=self.closes <= self.opens)


def windows_from_wire(field: str, value: object) -> tuple[Window, ...]:
    """Read the list of a schedule's windows. Raises Invalid; windows that overlap are a slip, and refused as one."""
    entries = list_rule(field, value, 1, MOST_WINDOWS)
    windows = tuple(_window(f"{field}[{index}]", entry) for index, entry in enumerate(entries))
    taken = sorted((begins, ends, index) for index, window in enumerate(windows) for begins, ends in _minutes(window))
    taken.append((taken[0][0] + _WEEK_MINUTES, taken[0][1], taken[0][2]))  # Sunday's last may run into Monday
    for (_, ends, index), (begins, _, following) in pairwise(taken):
        if begins < ends:
            first, second = sorted((index, following))
            raise Invalid(f"{field}[{second}]", f"overlaps {field}[{first}]; make one window of the two")
    return windows


def _minutes(window: Window) -> list[tuple[int, int]]:
    """Place a window in the week, in minutes of wall time from Monday's beginning; the end may lie in the next."""
    begins = [day * _DAY_MINUTES + window.opens.hour * 60 + window.opens.minute for day in window.days]
    length = (window.closes.hour - window.opens.hour) * 60 + window.closes.minute - window.opens.minute
    return [(at, at + length + (_DAY_MINUTES if window.days_long else 0)) for at in begins]


def window_to_wire(window: Window) -> dict[str, Any]:
    """Write a window as ``windows_from_wire`` reads it."""
    return {
        "days": [_DAYS[day] for day in window.days],
        "from": window.opens.strftime("%H:%M"),
        "to": window.closes.strftime("%H:%M") if window.closes > time() else _MIDNIGHT,
    }


def _window(field: str, value: object) -> Window:
    names = ("days", "from", "to")
    body: Mapping[str, Any] = object_rule(field, value, names, names)
    opens = _clock(f"{field}.from", body["from"], _CLOCK_RULE)
    closes = _closing(f"{field}.to", body["to"])
    if opens == closes and body["to"] != _MIDNIGHT:
        raise Invalid(f"{field}.to", "must differ from the beginning; a whole day is 00:00 to 24:00")
    return Window(_weekdays(f"{field}.days", body["days"]), opens, closes)


def _weekdays(field: str, value: object) -> tuple[int, ...]:
    names = list_rule(field, value, 1, len(_DAYS))
    if any(name not in _DAYS for name in names) or len(set(names)) < len(names):
        raise Invalid(field, f"must be some of {', '.join(_DAYS)}, each at most once")
    return tuple(sorted(_DAYS.index(name) for name in names))


def _closing(field: str, value: object) -> time:
    return time() if value == _MIDNIGHT else _clock(field, value, "must be a time from 00:00 to 24:00")


def _clock(field: str, value: object, rule: str) -> time:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Invalid(field, rule)
    return time(int(found[1]), int(found[2]))
