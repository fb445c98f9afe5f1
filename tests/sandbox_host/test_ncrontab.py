"""Six-field schedules: against a reading of the calendar second by second, and the rules that differ from Unix."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.host.ncrontab import BadSchedule, Schedule

LIMITS = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]


@st.composite
def items(draw: st.DrawFn, low: int, high: int) -> str:
    first, last = draw(st.integers(low, high)), draw(st.integers(low, high))
    step = draw(st.integers(1, 20))
    return draw(st.sampled_from(["*", f"{first}", f"{first}-{last}", f"*/{step}", f"{first}/{step}"]))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    fields = [draw(st.lists(items(low, high), min_size=1, max_size=3)) for low, high in LIMITS[:3]]
    days = draw(st.lists(items(1, 28), min_size=1, max_size=2))
    months = draw(st.lists(items(1, 12), min_size=1, max_size=2))
    weekdays = draw(st.lists(items(0, 6), min_size=1, max_size=2))
    return " ".join(",".join(each) for each in [*fields, days, months, weekdays])


instants = st.datetimes(datetime(2020, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 -- the zone stands beside them


def matches(expression: str, instant: datetime) -> bool:
    def allowed(field: str, low: int, high: int) -> set[int]:
        values: set[int] = set()
        for item in field.split(","):
            body, _, step = item.partition("/")
            first, _, last = body.partition("-")
            start = low if body == "*" else int(first)
            end = high if body == "*" or (step and not last) else int(last or first)
            values |= set(range(min(start, end), max(start, end) + 1, int(step or 1)))
        return values

    shown = [instant.second, instant.minute, instant.hour, instant.day, instant.month, instant.isoweekday() % 7]
    return all(
        value in allowed(field, *limit) for value, field, limit in zip(shown, expression.split(), LIMITS, strict=True)
    )


@given(expressions(), instants)
def test_the_next_tick_is_after_the_instant_and_allowed_by_every_field(expression: str, instant: datetime) -> None:
    tick = Schedule.parse(expression).next_after(instant)
    assert tick > instant
    assert matches(expression, tick)


@given(expressions(), instants, st.integers(1, 3000))
def test_no_allowed_second_lies_between_the_instant_and_the_next_tick(
    expression: str, instant: datetime, seconds: int
) -> None:
    between = instant.replace(microsecond=0) + timedelta(seconds=seconds)
    if between < Schedule.parse(expression).next_after(instant):
        assert not matches(expression, between)


@given(expressions(), instants)
def test_no_allowed_day_is_passed_over(expression: str, instant: datetime) -> None:
    tick = Schedule.parse(expression).next_after(instant)
    any_time = " ".join(["*", "*", "*", *expression.split()[3:]])
    day = instant.replace(hour=12) + timedelta(days=1)
    while day.date() < tick.date() and day - instant < timedelta(days=400):
        assert not matches(any_time, day)
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("expression", "instant", "tick"),
    [
        ("0 */5 * * * *", "2026-03-02T09:00:00Z", "2026-03-02T09:05:00Z"),
        ("0 */5 * * * *", "2026-03-02T08:59:59.5Z", "2026-03-02T09:00:00Z"),
        ("0 30 2 * * *", "2026-12-31T02:30:00Z", "2027-01-01T02:30:00Z"),
        ("0 0 9 * * mon-FRI", "2026-03-06T09:00:00Z", "2026-03-09T09:00:00Z"),
        ("0 0 0 * january Sunday", "2026-02-01T00:00:00Z", "2027-01-03T00:00:00Z"),
        ("0 0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"),
        ("0 0 0 13 * 5", "2026-03-14T00:00:00Z", "2026-11-13T00:00:00Z"),
        ("0 0 0 * * fri-mon", "2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z"),
    ],
)
def test_a_schedule_ticks_when_the_platform_says(expression: str, instant: str, tick: str) -> None:
    assert Schedule.parse(expression).next_after(datetime.fromisoformat(instant)) == datetime.fromisoformat(tick)


def test_a_tick_is_in_utc_whatever_zone_the_question_came_in() -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    tick = Schedule.parse("0 0 9 * * *").next_after(datetime(2026, 3, 2, 15, 0, tzinfo=there))
    assert tick == datetime(2026, 3, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    ["* * * * *", "60 * * * * *", "* * * * * 7", "* * * 0 * *", "0 0 0 31 2 *", "a * * * * *", "*/0 * * * * *", ""],
)
def test_what_is_no_six_field_schedule_is_refused(expression: str) -> None:
    with pytest.raises(BadSchedule):
        Schedule.parse(expression)
