"""Every change of the clocks of a dozen zones from 2024 to 2035: each window closes once on its local date."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from lifecycle.schedule import Schedule, Span
from lifecycle.windows import Window

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
FIRST, LAST = date(2024, 1, 1), date(2035, 12, 31)
ZONES = (
    "Africa/Cairo",  # at midnight, on Fridays
    "Africa/Casablanca",  # back and forth around Ramadan
    "America/New_York",
    "America/Santiago",  # at midnight, south of the equator
    "America/Sao_Paulo",  # no longer
    "America/St_Johns",  # half an hour off
    "Antarctica/Troll",  # by two hours
    "Asia/Kathmandu",  # never, and 45 minutes off
    "Australia/Lord_Howe",  # by half an hour
    "Europe/London",
    "Pacific/Apia",
    "Pacific/Kiritimati",  # 14 hours ahead
)
EVERY_DAY = tuple(range(7))
WEEKS = {
    "office": (Window(tuple(range(5)), time(8), time(18, 30)),),
    "over midnight": (Window(EVERY_DAY, time(22), time(6)),),
    "several a day": (
        Window(EVERY_DAY, time(0, 15), time(2, 30)),
        Window(EVERY_DAY, time(6), time(12)),
        Window(EVERY_DAY, time(13), time(20)),
    ),
}
AROUND = (-SECOND, timedelta(), timedelta(minutes=45))


@cache
def changes_of(zone: ZoneInfo) -> list[datetime]:
    """List the instants at which a zone's clocks change; a few others where they never do."""
    noons = [datetime.combine(FIRST, time(12), UTC) + n * DAY for n in range((LAST - FIRST).days + 1)]
    changing = [noon for noon in noons if _offset(noon, zone) != _offset(noon + DAY, zone)]
    return [_change_after(noon, zone) for noon in changing] or noons[::400]


def _offset(at: datetime, zone: ZoneInfo) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


def _change_after(noon: datetime, zone: ZoneInfo) -> datetime:
    """Find the second at which the offset changes."""
    seconds = range(int(DAY.total_seconds()) + 1)
    before = _offset(noon, zone)
    return noon + bisect_right(seconds, False, key=lambda n: _offset(noon + n * SECOND, zone) != before) * SECOND


def spans_of(schedule: Schedule, from_at: datetime, to_at: datetime) -> list[Span]:
    """Go from change to change; ``awake`` must differ after each, and what is told of it must not."""
    spans = [schedule.span_at(from_at)]
    while (until_at := spans[-1].until_at) is not None and until_at < to_at:
        span = schedule.span_at(until_at)
        assert (span.open, span.since_at) == (not spans[-1].open, until_at)
        spans.append(span)
    return spans


def test_the_zones_are_a_dozen_and_most_of_them_do_change_their_clocks() -> None:
    assert len(ZONES) == 12
    assert sum(len(changes_of(ZoneInfo(name))) >= 23 for name in ZONES) >= 8


@pytest.mark.parametrize("week", WEEKS)
@pytest.mark.parametrize("name", ZONES)
def test_around_every_change_of_the_clocks_a_box_closes_once_for_each_window_of_a_local_date(
    name: str, week: str
) -> None:
    zone = ZoneInfo(name)
    schedule = Schedule("daily", name, WEEKS[week])
    for change in changes_of(zone):
        day = change.astimezone(zone).date()
        spans = spans_of(schedule, change - 2 * DAY, change + 2 * DAY)
        days = [day + n * DAY for n in (-1, 0, 1)]
        closings = Counter(span.until_at.astimezone(zone).date() for span in spans if span.open and span.until_at)
        due = {
            each: sum((each - window.days_long).weekday() in window.days for window in schedule.weekly) for each in days
        }
        assert {each: closings[each] for each in days} == due, change

        ends = [span.until_at for span in spans if span.until_at]
        for instant in (change + step for step in AROUND):
            span = spans[bisect_right(ends, instant)]
            assert (schedule.awake(instant), schedule.next_change(instant)) == (span.open, span.until_at), instant
