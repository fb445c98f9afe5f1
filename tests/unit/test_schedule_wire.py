"""Which schedules are taken from people, and with which words the others are refused."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest

from lifecycle.rules import Invalid
from lifecycle.schedule import from_wire
from lifecycle.windows import Window

OFFICE = {"days": ["mon", "tue"], "from": "08:00", "to": "18:30"}
GOOD = {"timeZone": "Europe/Berlin", "weekly": [OFFICE]}


def test_a_full_schedule_is_read() -> None:
    body = GOOD | {"holidays": {"country": "DE", "dates": ["2026-12-24"]}, "stopOnly": True}
    schedule = from_wire("team-hours", body)
    assert schedule.weekly == (Window((0, 1), time(8), time(18, 30)),)
    assert schedule.holidays == {date(2026, 12, 24)}
    assert (schedule.zone, schedule.country, schedule.stop_only) == ("Europe/Berlin", "DE", True)


def test_a_window_may_end_at_twenty_four_hours() -> None:
    schedule = from_wire("all", GOOD | {"weekly": [{"days": ["sun"], "from": "00:00", "to": "24:00"}]})
    assert schedule.weekly == (Window((6,), time(), time()),)


def window(**change: Any) -> dict[str, Any]:
    return GOOD | {"weekly": [OFFICE, OFFICE | change]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ({"weekly": [OFFICE]}, "timeZone"),
        ({"timeZone": "UTC"}, "weekly"),
        (GOOD | {"colour": "red"}, "colour"),
        (GOOD | {"timeZone": "Europe/Atlantis"}, "timeZone"),
        (GOOD | {"timeZone": "Europe"}, "timeZone"),
        (GOOD | {"timeZone": "../UTC"}, "timeZone"),
        (GOOD | {"timeZone": "/etc/localtime"}, "timeZone"),
        (GOOD | {"timeZone": "localtime"}, "timeZone"),
        (GOOD | {"timeZone": "UTC\x00"}, "timeZone"),
        (GOOD | {"timeZone": ""}, "timeZone"),
        (GOOD | {"timeZone": 1}, "timeZone"),
        (GOOD | {"weekly": []}, "weekly"),
        (GOOD | {"weekly": {}}, "weekly"),
        (GOOD | {"weekly": [OFFICE] * 51}, "weekly"),
        (GOOD | {"weekly": ["mon"]}, "weekly[0]"),
        (window(until="19:00"), "weekly[1].until"),
        (window(days=[]), "weekly[1].days"),
        (window(days=["mon", "mon"]), "weekly[1].days"),
        (window(days=["Mon"]), "weekly[1].days"),
        (window(days=[["mon"]]), "weekly[1].days"),
        (window(days="mon"), "weekly[1].days"),
        (window(**{"from": "24:00"}), "weekly[1].from"),
        (window(**{"from": "8:00"}), "weekly[1].from"),
        (window(**{"from": "08:60"}), "weekly[1].from"),
        (window(**{"from": "08:00:00"}), "weekly[1].from"),
        (window(**{"from": "٠٨:٠٠"}), "weekly[1].from"),
        (window(to="24:01"), "weekly[1].to"),
        (window(to=18), "weekly[1].to"),
        (window(to="08:00"), "weekly[1].to"),
        (GOOD | {"holidays": []}, "holidays"),
        (GOOD | {"holidays": {"region": "BY"}}, "holidays.region"),
        (GOOD | {"holidays": {"country": "ZZ"}}, "holidays.country"),
        (GOOD | {"holidays": {"country": "de"}}, "holidays.country"),
        (GOOD | {"holidays": {"country": ["DE"]}}, "holidays.country"),
        (GOOD | {"holidays": {"dates": ["2026-02-30"]}}, "holidays.dates[0]"),
        (GOOD | {"holidays": {"dates": ["20260228"]}}, "holidays.dates[0]"),
        (GOOD | {"holidays": {"dates": ["2026-01-01"] * 501}}, "holidays.dates"),
        (GOOD | {"stopOnly": "yes"}, "stopOnly"),
    ],
)
def test_a_bad_schedule_is_refused_by_field_and_rule(body: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        from_wire("hours", body)
    assert refused.value.field == field
    assert refused.value.rule


def weekly(*windows: tuple[str, str, str]) -> dict[str, Any]:
    return GOOD | {"weekly": [{"days": days.split(), "from": opens, "to": closes} for days, opens, closes in windows]}


@pytest.mark.parametrize(
    ("body", "field", "with_"),
    [
        (weekly(("mon", "08:00", "12:00"), ("mon", "11:59", "14:00")), "weekly[1]", "weekly[0]"),
        (
            weekly(("mon", "08:00", "12:00"), ("tue", "08:00", "09:00"), ("mon", "09:00", "10:00")),
            "weekly[2]",
            "weekly[0]",
        ),
        (weekly(("tue", "05:00", "07:00"), ("mon tue", "22:00", "06:00")), "weekly[1]", "weekly[0]"),
        (weekly(("mon", "00:00", "01:00"), ("sun", "22:00", "01:00")), "weekly[1]", "weekly[0]"),
        (weekly(("mon", "08:00", "09:00"), ("mon", "08:00", "09:00")), "weekly[1]", "weekly[0]"),
    ],
)
def test_windows_that_overlap_are_refused_and_both_named(body: Any, field: str, with_: str) -> None:
    with pytest.raises(Invalid) as refused:
        from_wire("hours", body)
    assert refused.value.field == field
    assert f"overlaps {with_}" in refused.value.rule


@pytest.mark.parametrize(
    "body",
    [
        weekly(("mon", "08:00", "12:00"), ("mon", "12:00", "14:00")),
        weekly(("sun", "22:00", "06:00"), ("mon", "06:00", "08:00")),
        weekly(("mon tue wed thu fri sat sun", "00:00", "24:00")),
        weekly(("mon tue", "20:00", "19:59"), ("tue wed", "19:59", "20:00")),
    ],
)
def test_windows_that_only_touch_are_taken(body: Any) -> None:
    assert from_wire("hours", body)


@pytest.mark.parametrize("name", ["always", "never", "", "Hours", "1st", "a" * 41, "a_b", "a\n", "-a"])
def test_a_name_that_is_none_or_is_taken_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        from_wire(name, GOOD)
    assert refused.value.field == "name"
