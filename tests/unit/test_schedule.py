"""What a schedule says about an instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from lifecycle.schedule import Schedule, Span, always, never, office
from lifecycle.windows import Window


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def weekly(zone: str, *windows: Window, **more: object) -> Schedule:
    return Schedule("some", zone, windows, **more)  # type: ignore[arg-type]


def daily(opens: str, closes: str) -> Window:
    return Window(tuple(range(7)), time.fromisoformat(opens), time.fromisoformat(closes))


def test_always_is_open_without_end() -> None:
    assert always().span_at(at("2026-11-23T03:00")) == Span(open=True, since_at=None, until_at=None)
    assert always().next_opening_after(at("2026-11-23T03:00")) is None


def test_never_is_closed_without_end() -> None:
    assert never().span_at(at("2026-11-23T03:00")) == Span(open=False, since_at=None, until_at=None)
    assert never().next_opening_after(at("2026-11-23T03:00")) is None


def test_office_hours_are_those_of_their_own_zone() -> None:
    berlin = office("Europe/Berlin")
    assert berlin.span_at(at("2026-11-23T07:00")) == Span(
        open=True, since_at=at("2026-11-23T07:00"), until_at=at("2026-11-23T17:30")
    )


def test_the_instant_of_closing_is_closed() -> None:
    assert office("Europe/Berlin").span_at(at("2026-11-23T17:30")) == Span(
        open=False, since_at=at("2026-11-23T17:30"), until_at=at("2026-11-24T07:00")
    )


def test_a_weekend_is_one_gap() -> None:
    assert office("Europe/Berlin").span_at(at("2026-11-22T12:00")) == Span(
        open=False, since_at=at("2026-11-20T17:30"), until_at=at("2026-11-23T07:00")
    )


def test_the_next_opening_is_strictly_later() -> None:
    berlin = office("Europe/Berlin")
    assert berlin.next_opening_after(at("2026-11-23T06:59:59")) == at("2026-11-23T07:00")
    assert berlin.next_opening_after(at("2026-11-23T07:00")) == at("2026-11-24T07:00")


def test_where_a_night_goes_over_into_the_morning_nothing_opens() -> None:
    nights = weekly("UTC", daily("22:00", "06:00"), daily("06:00", "08:00"))
    assert nights.next_opening_after(at("2026-11-23T05:00")) == at("2026-11-23T22:00")


def test_a_gap_of_weeks_knows_when_it_began() -> None:
    month = frozenset(date(2026, 11, 1) + timedelta(days=n) for n in range(30))
    closed = weekly("UTC", daily("08:00", "09:00"), holidays=month)
    assert closed.span_at(at("2026-11-29T00:00")).since_at == at("2026-10-31T09:00")


def test_a_window_may_run_over_midnight() -> None:
    night = weekly("UTC", Window((4,), time(22), time(6)))
    assert night.span_at(at("2026-11-28T05:59")) == Span(
        open=True, since_at=at("2026-11-27T22:00"), until_at=at("2026-11-28T06:00")
    )


def test_equal_times_are_twenty_four_hours() -> None:
    monday = weekly("UTC", Window((0,), time(9), time(9)))
    assert monday.span_at(at("2026-11-24T08:59")).until_at == at("2026-11-24T09:00")


def test_adjacent_and_overlapping_windows_are_one() -> None:
    two = weekly("UTC", daily("08:00", "12:00"), daily("12:00", "14:00"), daily("13:00", "17:00"))
    assert two.span_at(at("2026-11-23T09:00")) == Span(
        open=True, since_at=at("2026-11-23T08:00"), until_at=at("2026-11-23T17:00")
    )
    assert two.next_opening_after(at("2026-11-23T09:00")) == at("2026-11-24T08:00")


def test_whole_days_in_a_row_have_no_bounds() -> None:
    assert weekly("Europe/London", daily("00:00", "00:00")).span_at(at("2026-11-23T09:00")) == Span(
        open=True, since_at=None, until_at=None
    )


def test_an_opening_once_a_year_is_foreseen() -> None:
    every_day = {date(2026, 1, 1) + timedelta(days=n) for n in range(730)}
    yearly = weekly("UTC", daily("08:00", "09:00"), holidays=frozenset(every_day - {date(2026, 12, 31)}))
    assert yearly.next_opening_after(at("2026-01-01T00:00")) == at("2026-12-31T08:00")


def test_what_lies_beyond_the_horizon_is_not_told() -> None:
    closed = frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range(730))
    assert weekly("UTC", daily("08:00", "09:00"), holidays=closed).span_at(at("2026-06-01T00:00")) == Span(
        open=False, since_at=None, until_at=None
    )


def test_a_holiday_takes_away_the_windows_that_start_on_it_and_no_others() -> None:
    nights = weekly("UTC", daily("22:00", "06:00"), holidays=frozenset({date(2026, 11, 24)}))
    assert nights.awake(at("2026-11-24T05:00"))
    assert not nights.awake(at("2026-11-24T23:00"))
    assert not nights.awake(at("2026-11-25T05:00"))


def test_the_holidays_of_a_country_are_closed() -> None:
    german = weekly("Europe/Berlin", daily("08:00", "18:00"), country="DE")
    assert not german.awake(at("2026-10-03T10:00"))
    assert german.awake(at("2026-10-05T10:00"))


@pytest.mark.parametrize("method", ["span_at", "awake", "next_change", "next_opening_after"])
def test_an_instant_without_zone_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        getattr(office("UTC"), method)(datetime(2026, 11, 23))  # noqa: DTZ001 -- it is what is refused


def test_a_skipped_opening_opens_when_the_gap_ends() -> None:
    spring = weekly("Europe/London", daily("01:30", "04:00"))  # 01:00 GMT is followed by 02:00 BST
    assert spring.span_at(at("2026-03-29T01:00")) == Span(
        open=True, since_at=at("2026-03-29T01:00"), until_at=at("2026-03-29T03:00")
    )


def test_a_window_that_the_gap_swallows_does_not_exist() -> None:
    spring = weekly("Europe/London", daily("01:10", "01:50"))
    assert spring.next_opening_after(at("2026-03-28T12:00")) == at("2026-03-30T00:10")


def test_an_hour_that_comes_twice_means_its_first_coming() -> None:
    autumn = weekly("Europe/London", daily("00:30", "01:30"))  # 01:30 comes at 00:30 and 01:30 UTC
    assert autumn.span_at(at("2026-10-25T00:00")).until_at == at("2026-10-25T00:30")
    assert not autumn.awake(at("2026-10-25T01:15"))


def test_a_day_that_the_zone_leaves_out_has_no_windows() -> None:
    apia = weekly("Pacific/Apia", daily("08:00", "09:00"))
    assert apia.next_opening_after(at("2011-12-29T19:00")) == at("2011-12-30T18:00")  # the 31st, 08:00 at +14
