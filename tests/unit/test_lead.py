"""How early a box is begun so that it is ready at the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from lifecycle.lead import DEFAULT_LEAD, KEPT, LONGEST_LEAD, lead_of, waits_with
from lifecycle.model import BoxStatus, Level, OpenMeter, StackStatus
from tests.examples import MINUTE, READY, at

NINE_MINUTES = 540.0
waits = st.lists(st.floats(0, 24 * 3600), max_size=KEPT)


def test_without_a_history_it_is_a_quarter_of_an_hour() -> None:
    assert lead_of(()) == DEFAULT_LEAD == timedelta(minutes=15)


def test_nine_of_ten_waits_fit_in_and_one_that_took_for_ever_does_not_count() -> None:
    assert lead_of([NINE_MINUTES] * 9 + [7200.0]) == timedelta(minutes=9)
    assert lead_of([NINE_MINUTES] * 8 + [1500.0, 1500.0]) == timedelta(minutes=25)


def test_a_few_waits_may_lengthen_the_lead_and_do_not_shorten_it() -> None:
    assert lead_of([NINE_MINUTES]) == DEFAULT_LEAD
    assert lead_of([1801.0]) == timedelta(minutes=31)
    assert lead_of([NINE_MINUTES] * 5) == timedelta(minutes=9)


@given(waits)
def test_it_has_bounds_and_is_long_enough_for_nine_of_ten(known: list[float]) -> None:
    lead = lead_of(known)
    assert timedelta() <= lead <= LONGEST_LEAD
    within = sum(timedelta(seconds=wait) <= lead for wait in known)
    assert lead == LONGEST_LEAD or within >= 0.9 * len(known)


def door(claimed: str) -> StackStatus:
    meter = OpenMeter("bastion.basic", "/b", at(claimed), at(claimed))
    return StackStatus(meters={"bastion|bastion.basic": meter, "vm!one|vm.size": meter}, waits_seconds=(1.0,) * KEPT)


WAITED: dict[str, BoxStatus] = {"one": replace(READY, waiting_since_at=at("11:50"))}


def test_a_wait_that_ends_with_a_new_door_is_remembered_and_the_oldest_forgotten() -> None:
    known = waits_with(door("11:52"), WAITED, at("12:00"), borrowed=False)
    assert known == (1.0,) * (KEPT - 1) + (600.0,)


def test_who_came_to_a_door_that_stood_waited_for_less_and_does_not_count() -> None:
    before = door("09:00")
    assert waits_with(before, WAITED, at("12:00"), borrowed=False) == before.waits_seconds
    assert waits_with(before, WAITED, at("12:00"), borrowed=True)[-1] == 10 * MINUTE.total_seconds()


def test_a_wait_that_goes_on_is_not_counted_yet() -> None:
    still = {"one": replace(WAITED["one"], level=Level.WARM)}
    assert waits_with(door("11:52"), still, at("12:00"), borrowed=False) == (1.0,) * KEPT
