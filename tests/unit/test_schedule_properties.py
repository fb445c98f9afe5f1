"""Schedules against a clock on a wall that somebody watches minute by minute."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.schedule import Schedule, from_wire, to_wire
from lifecycle.walltime import midnight
from tests.strategies import CHANGES, schedules_at_a_change

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def watched(schedule: Schedule, from_at: datetime, to_at: datetime) -> Iterator[tuple[datetime, bool]]:
    """Watch the wall: what it has ever reached counts, so that a clock put back opens and closes nothing again."""
    zone = ZoneInfo(schedule.zone)
    now, reached = from_at - 2 * DAY, datetime.min  # noqa: DTZ901 -- a wall time has no zone
    while now < to_at:
        reached = max(reached, now.astimezone(zone).replace(tzinfo=None))
        if now >= from_at:
            yield now, any(_holds(schedule, reached.date() - days * DAY, reached) for days in (0, 1))
        now += MINUTE


def _holds(schedule: Schedule, day: date, wall: datetime) -> bool:
    """Say whether a window that starts on ``day`` holds the wall time."""
    if day in schedule.holidays:
        return False
    for window in schedule.weekly:
        opens = datetime.combine(day, window.opens)
        closes = datetime.combine(day, window.closes)
        closes += DAY if closes <= opens else timedelta()
        if day.weekday() in window.days and opens <= wall < closes:
            return True
    return False


@given(schedules_at_a_change())
@settings(max_examples=60, deadline=None)
def test_it_is_awake_exactly_when_the_wall_says_so(drawn: tuple[Schedule, date]) -> None:
    schedule, change = drawn
    noon = datetime.combine(change, time(12), UTC)
    spans = []
    now = noon - DAY
    while now < noon + DAY:
        spans.append(schedule.span_at(now))
        now = spans[-1].until_at or noon + DAY
    for minute, is_open in watched(schedule, noon - DAY, noon + DAY):
        span = next(span for span in spans if span.until_at is None or minute < span.until_at)
        assert span.open is is_open, minute


@given(schedules_at_a_change(), st.integers(-3 * 86400, 3 * 86400))
@settings(deadline=None)
def test_a_span_tells_the_same_from_wherever_in_it_one_looks(drawn: tuple[Schedule, date], seconds: int) -> None:
    schedule, change = drawn
    now = datetime.combine(change, time(12), UTC) + timedelta(seconds=seconds)
    span = schedule.span_at(now)
    assert span.since_at is None or span.since_at <= now
    for instant in (span.since_at, span.until_at and span.until_at - timedelta(microseconds=1)):
        if instant:
            seen = schedule.span_at(instant)
            assert (seen.open, seen.since_at) == (span.open, span.since_at) or span.since_at is None


@given(schedules_at_a_change(), st.integers(-3 * 86400, 3 * 86400))
@settings(deadline=None)
def test_spans_follow_one_another_without_gap_and_alternate(drawn: tuple[Schedule, date], seconds: int) -> None:
    schedule, change = drawn
    span = schedule.span_at(datetime.combine(change, time(12), UTC) + timedelta(seconds=seconds))
    if span.until_at:
        following = schedule.span_at(span.until_at)
        assert following.since_at == span.until_at
        assert following.open is not span.open


@given(schedules_at_a_change(), st.integers(-3 * 86400, 3 * 86400))
@settings(deadline=None)
def test_the_next_opening_is_where_the_next_open_span_begins(drawn: tuple[Schedule, date], seconds: int) -> None:
    schedule, change = drawn
    now = datetime.combine(change, time(12), UTC) + timedelta(seconds=seconds)
    span = schedule.span_at(now)
    if span.open and span.until_at:
        span = schedule.span_at(span.until_at)
    expected = None if span.open else span.until_at
    assert schedule.next_opening_after(now) == expected


@given(st.sampled_from(sorted(CHANGES)), st.integers(0, 20_000))
def test_civil_days_follow_one_another(zone: str, days: int) -> None:
    day = date(1980, 1, 1) + days * DAY
    begins_at, ends_at = midnight(day, ZoneInfo(zone)), midnight(day + DAY, ZoneInfo(zone))
    assert timedelta() <= ends_at - begins_at <= timedelta(hours=26)
    if begins_at < ends_at:
        assert begins_at.astimezone(ZoneInfo(zone)).date() == day


@given(schedules_at_a_change())
def test_a_day_with_one_window_within_it_closes_once(drawn: tuple[Schedule, date]) -> None:
    _, change = drawn
    daytime = from_wire(
        "day",
        {"timeZone": drawn[0].zone, "weekly": [{"days": ["mon", "wed", "fri"], "from": "06:00", "to": "20:00"}]},
    )
    now = datetime.combine(change, time(), UTC) - 7 * DAY
    closings = []
    while now < datetime.combine(change, time(), UTC) + 7 * DAY:
        span = daytime.span_at(now)
        assert span.until_at
        now = span.until_at
        closings += [now.astimezone(ZoneInfo(daytime.zone)).date()] if span.open else []
    assert len(closings) == len(set(closings))
    assert {day.weekday() for day in closings} <= {0, 2, 4}


@given(schedules_at_a_change())
def test_what_is_written_is_read_back(drawn: tuple[Schedule, date]) -> None:
    schedule, _ = drawn
    for window in schedule.weekly:  # one alone overlaps nothing
        if window.opens != window.closes:
            kept = Schedule("kept", schedule.zone, (window,), schedule.holidays, "DE", stop_only=True)
            assert from_wire("kept", to_wire(kept)) == kept
