"""When a box is meant to be up by the week: windows of wall time in a zone of their own, seen as spans of instants.

Spans are half-open, [since, until). Overlapping and adjacent windows are one. See ``walltime`` for the nights in
which clocks are put forward or back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from lifecycle.closed_days import countries, public_holidays
from lifecycle.model import require_aware
from lifecycle.rules import Invalid, list_rule, name_rule, object_rule, text_rule, truth_rule
from lifecycle.walltime import instant_at
from lifecycle.windows import Window, window_to_wire, windows_from_wire

FARTHEST_BACK = timedelta(days=40)
FARTHEST_AHEAD = timedelta(days=400)
"""A little more than a year: a schedule that opens on one day a year only is still foreseen."""

_NEAR_BACK = timedelta(days=5)
"""Nearly every span began within a long weekend; looking farther back takes its time."""

_MARGIN = timedelta(days=3)
"""More than the longest window: 24 hours of wall time, a day that a zone skips, and the distance of two zones."""

_ANY_YEAR = 2026
"""Holidays are worked out year by year, from one file for each country: any year shows whether it can be read."""

MOST_DATES = 500
LONGEST_ZONE = 64

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NO_REAL_ZONES = ("localtime", "posixrules", "Factory")
"""Names found in the folder of zones that mean no place: whatever the machine is set to, or nothing."""

_WORKDAYS = (0, 1, 2, 3, 4)
_EVERY_DAY = (*_WORKDAYS, 5, 6)
_DAY_START = time()


class Rhythm(StrEnum):
    """What kind of schedule it is."""

    ALWAYS = "always"
    NEVER = "never"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True)
class Span:
    """The window (``open``) or the gap between windows that holds an instant: [since_at, until_at), aware UTC.

    None where it has no bound, or none within FARTHEST_BACK or FARTHEST_AHEAD.
    """

    open: bool
    since_at: datetime | None
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A named weekly schedule in an IANA zone.

    A holiday (own or the country's) takes away the windows that *start* on that local date. ``stop_only`` windows
    close a box but never open one by themselves; that is for the reader of the spans to heed.
    """

    name: str
    zone: str
    weekly: tuple[Window, ...] = ()
    holidays: frozenset[date] = frozenset()
    country: str | None = None
    stop_only: bool = False
    kind: Rhythm = Rhythm.WEEKLY

    def in_force(self, now: datetime) -> Schedule:
        """Name the schedule that holds at ``now``: itself. See ``detour`` for one that holds for a while."""
        require_aware(now, "now")
        return self

    def turns_at(self, now: datetime) -> datetime | None:
        """Say when another schedule comes into force: never."""
        require_aware(now, "now")
        return None

    def span_at(self, now: datetime) -> Span:
        """Name the window or gap that holds ``now``. Raises ValueError where ``now`` is naive."""
        require_aware(now, "now")
        if self.kind is not Rhythm.WEEKLY:
            return Span(self.kind is Rhythm.ALWAYS, None, None)
        span = self._span_at(now, _NEAR_BACK)
        return span if span.since_at else self._span_at(now, FARTHEST_BACK)

    def _span_at(self, now: datetime, back: timedelta) -> Span:
        """Look for the span from ``back`` before ``now`` on; what began earlier has no beginning here."""
        earliest = now - back
        closed_since = None
        for opens_at, closes_at in self._openings(earliest, now + FARTHEST_AHEAD):
            if opens_at > now:
                return _within_sight(now, earliest, Span(open=False, since_at=closed_since, until_at=opens_at))
            if closes_at > now:
                return _within_sight(now, earliest, Span(open=True, since_at=opens_at, until_at=closes_at))
            closed_since = closes_at
        return _within_sight(now, earliest, Span(open=False, since_at=closed_since, until_at=None))

    def awake(self, now: datetime) -> bool:
        """Say whether ``now`` lies in a window."""
        return self.span_at(now).open

    def next_change(self, now: datetime) -> datetime | None:
        """Give the first instant after ``now`` at which ``awake`` differs; None where there is none in sight."""
        return self.span_at(now).until_at

    def next_opening_after(self, instant: datetime) -> datetime | None:
        """Give the first opening strictly after ``instant``; None where there is none in sight."""
        require_aware(instant, "instant")
        openings = self._openings(instant, instant + FARTHEST_AHEAD) if self.kind is Rhythm.WEEKLY else iter(())
        found = next((opens_at for opens_at, _ in openings if opens_at > instant), None)
        return found if found and found <= instant + FARTHEST_AHEAD else None

    def _openings(self, from_at: datetime, to_at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Merge windows, in order, as far as they are asked for; complete between the two instants."""
        current: tuple[datetime, datetime] | None = None
        for opens_at, closes_at in self._windows(from_at, to_at):
            if current and opens_at <= current[1]:
                current = current[0], max(current[1], closes_at)
                continue
            if current:
                yield current
            current = opens_at, closes_at
        if current:
            yield current

    def _windows(self, from_at: datetime, to_at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Place the windows of each date, earliest opening first; those that a gap in time swallows are left out."""
        zone = ZoneInfo(self.zone)
        day, last = (from_at - _MARGIN).astimezone(zone).date(), (to_at + _MARGIN).astimezone(zone).date()
        ordered = sorted(self.weekly, key=lambda window: window.opens)
        while day <= last:
            today = [window for window in ordered if day.weekday() in window.days]
            for window in today if today and not self._is_holiday(day) else ():
                opens_at = instant_at(day, window.opens, zone)
                closes_at = instant_at(day + window.days_long, window.closes, zone)
                if opens_at < closes_at:
                    yield opens_at, closes_at
            day += timedelta(days=1)

    def works_on(self, day: date) -> bool:
        """Say whether a window begins on a local date."""
        return any(day.weekday() in window.days for window in self.weekly) and not self._is_holiday(day)

    def _is_holiday(self, day: date) -> bool:
        return day in self.holidays or (self.country is not None and day in public_holidays(self.country, day.year))


def _within_sight(now: datetime, earliest: datetime, span: Span) -> Span:
    """Forget bounds beyond what was looked through, where windows are not merged completely."""
    return Span(
        span.open,
        span.since_at if span.since_at and span.since_at >= earliest else None,
        span.until_at if span.until_at and span.until_at <= now + FARTHEST_AHEAD else None,
    )


def always(name: str = "always") -> Schedule:
    """Give the schedule that is open at all times."""
    return Schedule(name, "UTC", (Window(_EVERY_DAY, _DAY_START, _DAY_START),), kind=Rhythm.ALWAYS)


def never(name: str = "never") -> Schedule:
    """Give the schedule that never opens."""
    return Schedule(name, "UTC", kind=Rhythm.NEVER)


def office(zone: str) -> Schedule:
    """Give the office hours: Monday to Friday, 08:00 to 18:30 in ``zone``."""
    return Schedule("office", zone, (Window(_WORKDAYS, time(8), time(18, 30)),))


def from_wire(name: str, body: Mapping[str, Any]) -> Schedule:
    """Read a schedule as people write it; see ``to_wire``. Raises Invalid with the field and the rule."""
    if name_rule("name", name) in (Rhythm.ALWAYS, Rhythm.NEVER):
        raise Invalid("name", f"{name} is built in and cannot be redefined")
    fields = object_rule("", body, ("timeZone", "weekly", "holidays", "stopOnly"), ("timeZone", "weekly"))
    closed = object_rule("holidays", fields.get("holidays", {}), ("country", "dates"))
    return Schedule(
        name,
        _zone("timeZone", fields["timeZone"]),
        windows_from_wire("weekly", fields["weekly"]),
        _dates("holidays.dates", closed.get("dates", [])),
        _country("holidays.country", closed["country"]) if "country" in closed else None,
        truth_rule("stopOnly", fields.get("stopOnly", False)),
    )


def to_wire(schedule: Schedule) -> dict[str, Any]:
    """Write ``{timeZone, weekly, holidays: {country?, dates}, stopOnly}``, all of it, defaults too."""
    country = {"country": schedule.country} if schedule.country else {}
    return {
        "timeZone": schedule.zone,
        "weekly": [window_to_wire(window) for window in schedule.weekly],
        "holidays": {**country, "dates": [day.isoformat() for day in sorted(schedule.holidays)]},
        "stopOnly": schedule.stop_only,
    }


def _zone(field: str, value: object) -> str:
    key = text_rule(field, value, LONGEST_ZONE)
    try:
        known = key not in _NO_REAL_ZONES and ZoneInfo(key).key == key
    except (ValueError, OSError, KeyError):  # a path, a folder, an unknown name
        known = False
    if not known:
        raise Invalid(field, "must be an IANA time zone, e.g. Europe/Berlin")
    return key


def _country(field: str, value: object) -> str:
    try:
        known = isinstance(value, str) and value in countries()
        if known:
            public_holidays(str(value), _ANY_YEAR)
    except Exception:  # noqa: BLE001 -- whatever a library raises whose files are damaged
        raise Invalid(field, "names a country whose public holidays cannot be read just now") from None
    if not known:
        raise Invalid(field, "must be a country whose holidays are known, by its two letters, e.g. DE")
    return str(value)


def _dates(field: str, value: object) -> frozenset[date]:
    days = list_rule(field, value, 0, MOST_DATES)
    return frozenset(_date(f"{field}[{index}]", day) for index, day in enumerate(days))


def _date(field: str, value: object) -> date:
    rule = "must be a date, e.g. 2026-12-24"
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise Invalid(field, rule)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Invalid(field, rule) from None
