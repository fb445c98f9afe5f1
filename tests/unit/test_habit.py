"""When a morning is prepared: for a box that is used nearly every working day, where the house wants it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from lifecycle.habit import KEPT, is_habit, used_on_with
from lifecycle.model import Idle, Level
from lifecycle.schedule import office
from lifecycle.target import Target, target
from tests.examples import BOX, OFFICE, POLICY, READY, SCHEDULES, at

MONDAY = at("08:00", 23)
LAST_WEEK = ("2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20")


@pytest.mark.parametrize(
    ("used_on", "expected"),
    [
        (LAST_WEEK, True),
        (LAST_WEEK[2:], True),
        (LAST_WEEK[3:], False),
        ((), False),
        (("2026-11-21", "2026-11-22", *LAST_WEEK[3:]), False),
        (("2026-11-13", *LAST_WEEK[:2]), False),
    ],
    ids=["every day", "three days", "two days", "never", "weekends do not count", "nor does the week before"],
)
def test_three_of_the_last_five_working_days_make_a_habit(used_on: tuple[str, ...], *, expected: bool) -> None:
    assert is_habit(used_on, OFFICE, MONDAY) is expected


def test_a_holiday_is_no_working_day() -> None:
    closed = replace(OFFICE, holidays=frozenset({date(2026, 11, 19), date(2026, 11, 20)}))
    assert is_habit(("2026-11-12", "2026-11-13", "2026-11-18"), closed, MONDAY)
    assert not is_habit(("2026-11-12", "2026-11-13", "2026-11-18"), OFFICE, MONDAY)


def test_a_day_is_that_of_the_schedules_zone_and_counts_once() -> None:
    tokyo = office("Asia/Tokyo")
    assert used_on_with((), tokyo, at("16:00", 22)) == ("2026-11-23",)
    assert used_on_with(("2026-11-23",), tokyo, at("20:00", 22)) == ("2026-11-23",)
    assert len(used_on_with(("x",) * KEPT, tokyo, at("20:00", 22))) == KEPT


PARKED = replace(READY, level=Level.PARKED, first_ready_at=at("09:00", 16), ready_at=at("08:00", 20), used_on=LAST_WEEK)
LONG = replace(BOX, hours=330.0, requested_at=at("08:50", 16))


def found(now: datetime, *, prewarm: bool = True, **change: object) -> Target:
    box = replace(LONG, **change)  # type: ignore[arg-type]
    policy = replace(POLICY, prewarm=prewarm)
    return target(now, box, PARKED, SCHEDULES["office"], Idle(at("16:00", 20)), policy)


def test_a_box_used_every_day_is_begun_before_its_window_where_the_house_wants_it() -> None:
    assert (found(at("07:00")).level, found(at("07:00")).changes_at) == (Level.PARKED, at("07:45"))
    early = found(at("07:45"))
    assert (early.level, early.changes_at) == (Level.OPEN, at("08:00"))
    assert "made ready for its hours from 2026-11-23 08:00 UTC" in early.reason
    assert found(at("07:45"), prewarm=False).level is Level.PARKED


def test_a_morning_counts_idleness_from_the_window_and_not_from_before() -> None:
    policy = replace(POLICY, prewarm=True)
    ready = replace(PARKED, level=Level.OPEN, ready_at=at("07:54"))
    for now, level in (("08:29", Level.OPEN), ("08:30", Level.WARM)):
        assert target(at(now), LONG, ready, OFFICE, Idle(at("16:00", 20)), policy).level is level
    shut = replace(ready, level=Level.WARM, last_open_at=at("08:30"))
    assert target(at("08:40"), LONG, shut, OFFICE, Idle(at("16:00", 20)), policy).level is Level.WARM


def test_who_parked_a_box_the_day_before_finds_it_ready_and_who_did_just_now_does_not() -> None:
    assert found(at("07:50"), parked_at=at("17:00", 20)).level is Level.OPEN
    assert found(at("07:50"), parked_at=at("07:48")).level is Level.PARKED
    assert found(at("08:00"), parked_at=at("07:48")).level is Level.OPEN
