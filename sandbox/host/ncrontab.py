"""Six-field NCRONTAB expressions: when a timer ticks next.

Azure Functions reads timer schedules with the NCrontab library: second, minute, hour, day of the month, month, day of
the week, in UTC. Three of its rules differ from a Unix crontab and are kept here: both day fields must match (Unix
takes either), Sunday is 0 and never 7, and a name matches by its first letters ("mon", "Monday").
"""

import calendar
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Final, Self

_FIELDS: Final = (
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 6),
)
_MONTHS: Final = tuple(name.lower() for name in calendar.month_name[1:])
_WEEKDAYS: Final = ("sunday", *(name.lower() for name in calendar.day_name[:6]))
# A leap day on one weekday comes back within 40 years, even across a century without one (2096, then 2104).
_HORIZON_YEARS: Final = 40


class BadSchedule(ValueError):
    """The text is no six-field NCRONTAB expression; the message names the field and the rule."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What each field allows, as sets of numbers."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @classmethod
    def parse(cls, expression: str) -> Self:
        """Read an expression such as `0 */5 * * * *`.

        Raises BadSchedule for anything but six fields. (The platform also takes five fields and, on some plans, a
        plain interval; an app that uses either would not say the same thing everywhere, so they are refused here.)
        """
        fields = expression.split()
        if len(fields) != len(_FIELDS):
            raise BadSchedule(f"{expression!r} has {len(fields)} fields; a timer's schedule has six, seconds first")
        seconds, minutes, hours, days, months, weekdays = (
            _field(text, *bounds) for text, bounds in zip(fields, _FIELDS, strict=True)
        )
        schedule = cls(seconds, minutes, hours, days, months, weekdays)
        if schedule._next_day(datetime(2000, 1, 1, tzinfo=UTC)) is None:
            raise BadSchedule(f"{expression!r} names a day that no month has")
        return schedule

    def next_after(self, instant: datetime) -> datetime:
        """Give the first tick strictly after `instant` (aware; the answer is in UTC, on a whole second).

        Raises OverflowError when there is none before the end of the calendar.
        """
        start = instant.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        day = self._next_day(start)
        if day is not None and day.date() == start.date():
            time_of_day = self._next_time(start.hour, start.minute, start.second)
            if time_of_day is None:
                day = self._next_day(start.replace(hour=0, minute=0, second=0) + timedelta(days=1))
            else:
                hour, minute, second = time_of_day
                return start.replace(hour=hour, minute=minute, second=second)
        if day is None:
            raise OverflowError("no tick before the end of the calendar")
        return day.replace(hour=min(self.hours), minute=min(self.minutes), second=min(self.seconds))

    def _next_day(self, start: datetime) -> datetime | None:
        """Find the first allowed day, at its midnight, from the day of `start` on."""
        for offset in range(_HORIZON_YEARS * 12 + 1):
            year, month0 = divmod(start.year * 12 + start.month - 1 + offset, 12)
            month = month0 + 1
            if month not in self.months or year > MAXYEAR:
                continue
            first = start.day if offset == 0 else 1
            for number in range(first, calendar.monthrange(year, month)[1] + 1):
                day = datetime(year, month, number, tzinfo=UTC)
                # isoweekday counts Sunday as 7, NCRONTAB as 0.
                if number in self.days and day.isoweekday() % 7 in self.weekdays:
                    return day
        return None

    def _next_time(self, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
        """Find the first allowed time of day at or after the given one."""
        if hour in self.hours:
            if minute in self.minutes:
                later_second = min((s for s in self.seconds if s >= second), default=None)
                if later_second is not None:
                    return hour, minute, later_second
            later_minute = min((m for m in self.minutes if m > minute), default=None)
            if later_minute is not None:
                return hour, later_minute, min(self.seconds)
        later_hour = min((h for h in self.hours if h > hour), default=None)
        return None if later_hour is None else (later_hour, min(self.minutes), min(self.seconds))


def _field(text: str, label: str, low: int, high: int) -> frozenset[int]:
    allowed: set[int] = set()
    for item in text.split(","):
        allowed.update(_item(item, label, low, high))
    return frozenset(allowed)


def _item(item: str, label: str, low: int, high: int) -> range:
    """Read one list item: `*`, a value, a range, each with an optional `/step`."""
    body, slash, step_text = item.partition("/")
    step = _number(step_text, label, item) if slash else 1
    if step < 1:
        raise BadSchedule(f"{item!r} in the {label} field: a step is at least 1")
    if body == "*":
        return range(low, high + 1, step)
    first_text, dash, last_text = body.partition("-")
    first = _value(first_text, label, low, high)
    if dash:
        last = _value(last_text, label, low, high)
        # NCrontab reads a range that runs backwards from its smaller end.
        return range(min(first, last), max(first, last) + 1, step)
    return range(first, high + 1, step) if slash else range(first, first + 1)


def _value(text: str, label: str, low: int, high: int) -> int:
    names = {"month": _MONTHS, "day of week": _WEEKDAYS}.get(label, ())
    if text and not text[0].isdigit():
        for index, name in enumerate(names):
            if name.startswith(text.lower()):
                return index + low
    number = _number(text, label, text)
    if not low <= number <= high:
        raise BadSchedule(f"{number} in the {label} field: it runs from {low} to {high}")
    return number


def _number(text: str, label: str, item: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise BadSchedule(f"{item!r} in the {label} field is not a number, a name, a range, a step or *")
    return int(text)
