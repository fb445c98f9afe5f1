"""Another schedule for a while: what it says before, during and after."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.detour import Detour, hours_of
from lifecycle.model import OtherHours
from lifecycle.schedule import Span
from tests.examples import BOX, HOUR, OFFICE, SCHEDULES, at

EVENING = Detour(OFFICE, SCHEDULES["always"], at("12:00"), at("22:00"))
DAY_OFF = Detour(OFFICE, SCHEDULES["never"], at("12:00"), at("09:00", 24))


def test_before_and_after_it_the_own_hours_hold() -> None:
    assert EVENING.in_force(at("11:59")) is EVENING.in_force(at("22:00")) is OFFICE
    assert EVENING.in_force(at("12:00")) is SCHEDULES["always"]
    assert EVENING.span_at(at("23:00")) == Span(open=False, since_at=at("22:00"), until_at=at("08:00", 24))


def test_what_goes_on_beyond_a_turn_is_one_window() -> None:
    assert EVENING.span_at(at("09:00")) == Span(open=True, since_at=at("08:00"), until_at=at("22:00"))
    assert EVENING.span_at(at("20:00")) == EVENING.span_at(at("09:00"))


def test_a_turn_closes_and_opens_like_a_window() -> None:
    assert DAY_OFF.span_at(at("11:00")).until_at == at("12:00")
    assert DAY_OFF.span_at(at("13:00")) == Span(open=False, since_at=at("12:00"), until_at=at("09:00", 24))
    assert DAY_OFF.next_opening_after(at("11:00")) == at("09:00", 24)


def test_windows_that_only_close_are_another_kind_of_window() -> None:
    closing = Detour(OFFICE, SCHEDULES["closing"], at("10:00"), at("15:00"))
    assert closing.span_at(at("12:00")) == Span(open=True, since_at=at("10:00"), until_at=at("15:00"))
    assert closing.next_opening_after(at("09:00")) == at("15:00")


def test_a_box_goes_by_its_own_schedule_where_there_is_no_other_or_it_never_held() -> None:
    assert hours_of(BOX, SCHEDULES) is OFFICE
    nothing = replace(BOX, other_hours=OtherHours("never", at("12:00"), at("12:00")))
    assert hours_of(nothing, SCHEDULES) is OFFICE
    assert hours_of(replace(BOX, other_hours=OtherHours("always", at("12:00"), at("22:00"))), SCHEDULES) == EVENING


kinds = st.sampled_from(sorted(SCHEDULES))
hours = st.integers(0, 80)


@given(kinds, kinds, hours, st.integers(1, 80), hours)
@settings(max_examples=100, deadline=None)
def test_it_is_open_whenever_the_schedule_in_force_is_and_its_spans_follow_one_another(
    own: str, other: str, begins: int, length: int, look: int
) -> None:
    since_at = at("00:00") + begins * HOUR
    detour = Detour(SCHEDULES[own], SCHEDULES[other], since_at, since_at + length * HOUR)
    now = at("00:00") + look * HOUR
    span = detour.span_at(now)
    assert span.open is detour.in_force(now).awake(now)
    assert (span.since_at or now) <= now < (span.until_at or now + HOUR)
    for instant in _within(span, now):
        assert detour.span_at(instant) == span
        assert detour.in_force(instant).awake(instant) is span.open
    if span.until_at:
        following = detour.span_at(span.until_at)
        assert following.since_at == span.until_at
        turned = span.until_at in (detour.since_at, detour.until_at)
        assert following.open is not span.open or turned


def _within(span: Span, now: datetime) -> list[datetime]:
    last = [span.until_at - timedelta(microseconds=1)] if span.until_at else []
    return [now, *([span.since_at] if span.since_at else []), *last]
