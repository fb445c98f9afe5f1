"""Every change of the clocks of a dozen zones from 2024 to 2035: what closes daily closes once on each local date."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from lifecycle.schedule import Schedule
from lifecycle.windows import Window

DAY = timedelta(days=1)
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
WINDOWS = (Window(tuple(range(7)), time(6), time(20)), Window(tuple(range(7)), time(0, 15), time(2, 30)))


def changes_of(zone: ZoneInfo) -> list[date]:
    """List the dates on which a zone's clocks change; a few others where they never do."""
    days = [FIRST + n * DAY for n in range((LAST - FIRST).days)]
    offsets = {day: datetime.combine(day, time(12), zone).utcoffset() for day in [*days, LAST]}
    return [day + DAY for day in days if offsets[day] != offsets[day + DAY]] or days[::400]


def test_the_zones_are_a_dozen_and_most_of_them_do_change_their_clocks() -> None:
    assert len(ZONES) == 12
    assert sum(len(changes_of(ZoneInfo(name))) >= 23 for name in ZONES) >= 8


@pytest.mark.parametrize("name", ZONES)
def test_a_box_closes_once_on_every_local_date_around_every_change_of_the_clocks(name: str) -> None:
    zone = ZoneInfo(name)
    for change in changes_of(zone):
        for window in WINDOWS:
            schedule = Schedule("daily", name, (window,))
            now = datetime.combine(change - 2 * DAY, time(12), zone).astimezone(UTC)
            end_at = datetime.combine(change + 2 * DAY, time(23), zone).astimezone(UTC)
            closed: list[date] = []
            while now < end_at:
                span = schedule.span_at(now)
                assert span.until_at is not None
                now = span.until_at
                closed += [now.astimezone(zone).date()] if span.open else []
            there = [day for day in closed if abs(day - change) <= DAY]
            assert there == [change - DAY, change, change + DAY], (window, change)
