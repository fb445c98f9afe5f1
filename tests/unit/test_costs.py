"""What a bill says, by example."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lifecycle.costs import UNATTRIBUTED, CostRow, Meter, Tenancy, always_on, report
from lifecycle.meters import Connection
from lifecycle.prices import DEFAULT_BOOK, Price, PriceBook

BOOK = PriceBook(Price(meter, Decimal(usd), "test", date(2026, 1, 1)) for meter, usd in (("door", 3), ("vm", 1)))
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def meter(hours: float, **change: Any) -> Meter:
    """Give a meter that certainly ran from noon for so many hours."""
    end = NOON + hours * HOUR
    facts: dict[str, Any] = {
        "stack": "main",
        "box": None,
        "owner": None,
        "part": "bastion",
        "meter": "door",
        "arm_id": "id",
        "opened_claimed_at": NOON,
        "opened_seen_at": NOON,
        "closed_seen_at": end,
        "closed_absent_at": end,
    }
    return Meter(**(facts | change))


def tenancy(box: str, owner: str, first: float, last: float | None, team: str | None = None) -> Tenancy:
    return Tenancy("main", box, owner, team, NOON + first * HOUR, None if last is None else NOON + last * HOUR)


def bill(*meters: Meter, by: str = "meter", tenancies: tuple[Tenancy, ...] = (), **more: Any) -> dict[str, CostRow]:
    settings: dict[str, Any] = {
        "from_at": NOON - 100 * HOUR,
        "to_at": NOON + 100 * HOUR,
        "now": NOON + 50 * HOUR,
        "quantum": "second",
        "zone": UTC,
    }
    rows = report(meters, tenancies, BOOK, by=by, **(settings | more))
    return {row.key: row for row in rows}


def amounts(rows: dict[str, CostRow]) -> dict[str, Decimal]:
    return {key: row.amount for key, row in rows.items()}


def test_the_bill_takes_the_wide_end_and_tells_the_narrow_one() -> None:
    vague = meter(
        2,
        opened_seen_at=NOON + HOUR / 2,
        closed_seen_at=NOON + HOUR,
    )
    assert bill(vague)["door"] == CostRow("door", Decimal(2), Decimal(6), Decimal("0.5"), Decimal("1.5"), "door")


def test_a_meter_that_runs_bills_until_now() -> None:
    running = meter(0, closed_seen_at=None, closed_absent_at=None)
    assert bill(running, now=NOON + 3 * HOUR)["door"].hours == 3


def test_a_running_meter_was_certainly_there_until_its_latest_sighting() -> None:
    running = meter(0, closed_seen_at=NOON + HOUR, closed_absent_at=None)
    row = bill(running, now=NOON + 3 * HOUR)["door"]
    assert (row.hours, row.least_hours) == (Decimal(3), Decimal(1))


def test_a_period_is_half_open_and_clips() -> None:
    row = bill(meter(4), from_at=NOON + HOUR, to_at=NOON + 3 * HOUR)["door"]
    assert row.hours == 2
    assert bill(meter(4), from_at=NOON + 4 * HOUR) == {}
    assert bill(meter(4), to_at=NOON) == {}


def test_a_begun_hour_is_a_whole_one_under_the_hourly_quantum() -> None:
    assert bill(meter(1.01), quantum="hour")["door"].hours == 2
    assert bill(meter(2), quantum="hour")["door"].hours == 2


def test_what_an_hour_rounds_up_is_charged_where_the_meter_ended() -> None:
    late = meter(12.5)  # until half past midnight
    days = bill(late, by="day", quantum="hour")
    assert {day: row.hours for day, row in days.items()} == {"2026-11-23": 12, "2026-11-24": 1}


def test_consecutive_periods_add_up_under_the_hourly_quantum() -> None:
    cut = NOON + 0.7 * HOUR
    first = bill(meter(1.5), to_at=cut, quantum="hour")["door"]
    second = bill(meter(1.5), from_at=cut, quantum="hour")["door"]
    assert first.hours + second.hours == 2


def test_a_day_is_a_civil_day_of_the_zone() -> None:
    days = bill(meter(12), by="day", zone=ZoneInfo("Asia/Kathmandu"))  # noon is 17:45 there
    assert {day: row.hours for day, row in days.items()} == {
        "2026-11-23": Decimal("6.25"),
        "2026-11-24": Decimal("5.75"),
    }


def test_the_day_on_which_clocks_go_back_has_twenty_five_hours() -> None:
    long = meter(0, opened_claimed_at=datetime(2026, 10, 24, tzinfo=UTC), closed_absent_at=NOON)
    days = bill(long, by="day", zone=ZoneInfo("Europe/London"), from_at=datetime(2026, 10, 1, tzinfo=UTC))
    assert days["2026-10-25"].hours == 25


def test_the_door_is_shared_equally_by_who_is_there() -> None:
    tenants = (tenancy("one", "ada", 0, 2), tenancy("two", "bob", 1, 3))
    assert amounts(bill(meter(4), by="owner", tenancies=tenants)) == {
        "ada": Decimal("4.5"),
        "bob": Decimal("4.5"),
        UNATTRIBUTED: Decimal(3),
    }


def test_who_has_two_boxes_bears_two_shares() -> None:
    tenants = (tenancy("one", "ada", 0, None), tenancy("two", "ada", 0, None), tenancy("three", "bob", 0, None))
    assert amounts(bill(meter(1), by="owner", tenancies=tenants)) == {"ada": 2, "bob": 1}


def test_a_box_is_named_with_its_stack_and_bears_its_own_meters_alone() -> None:
    tenants = (tenancy("one", "ada", 0, None), tenancy("two", "bob", 0, None))
    own = meter(2, box="one", owner="ada", part="vm!one", meter="vm")
    assert amounts(bill(own, by="box", tenancies=tenants)) == {"main/one": 2}


def test_a_box_that_nobody_is_known_to_have_is_its_recorded_owners() -> None:
    own = meter(2, box="one", owner="ada", part="vm!one", meter="vm")
    assert amounts(bill(own, by="owner")) == {"ada": 2}


def test_a_box_that_changed_hands_bills_each_for_their_time() -> None:
    tenants = (tenancy("one", "ada", 0, 1), tenancy("one", "bob", 1, 3))
    own = meter(3, box="one", part="vm!one", meter="vm")
    assert amounts(bill(own, by="owner", tenancies=tenants)) == {"ada": 1, "bob": 2}


def test_another_stacks_tenants_bear_nothing() -> None:
    elsewhere = Tenancy("side", "one", "ada", None, NOON, None)
    assert list(bill(meter(1), by="box", tenancies=(elsewhere,))) == [UNATTRIBUTED]


def test_a_hubs_door_is_borne_by_those_who_are_entered_by_it() -> None:
    people = (
        tenancy("own", "ada", 0, None),
        replace(tenancy("far", "bob", 0, None), stack="spoke", door="main"),
        replace(tenancy("near", "eve", 0, None), stack="spoke"),
    )
    hub = (meter(4), meter(4, part="nat", meter="vm"))
    for by, shares in (("stack", {"main": 6 + 4, "spoke": 6}), ("owner", {"ada": 6 + 4, "bob": 6})):
        assert amounts(bill(*hub, by=by, tenancies=people)) == shares
    inside = (Connection("main", "spoke/far", "s", NOON + HOUR, NOON + 3 * HOUR),)
    assert amounts(bill(*hub, by="owner", tenancies=people, connections=inside)) == {"ada": 3 + 4, "bob": 9}


def test_a_team_bears_what_its_people_do_and_the_teamless_are_unattributed() -> None:
    tenants = (tenancy("one", "ada", 0, None, "red"), tenancy("two", "bob", 0, None))
    assert amounts(bill(meter(2), by="team", tenancies=tenants)) == {"red": 3, UNATTRIBUTED: 3}


def test_a_meter_without_a_price_shows_its_hours_and_says_so() -> None:
    row = bill(meter(2, meter="mystery"))["mystery"]
    assert (row.hours, row.amount, row.unpriced) == (Decimal(2), Decimal(0), True)


def test_the_closed_version_of_an_interval_replaces_the_open_one_in_either_order() -> None:
    opened = meter(0, closed_seen_at=None, closed_absent_at=None)
    assert bill(opened, meter(2)) == bill(meter(2), opened) == bill(meter(2))


def test_of_two_closed_versions_the_earlier_closing_stands_in_either_order() -> None:
    assert bill(meter(3), meter(2)) == bill(meter(2), meter(3)) == bill(meter(2))


def test_shares_that_do_not_divide_evenly_lose_nothing() -> None:
    tenants = tuple(tenancy(f"box-{n}", f"person-{n}", 0, None) for n in range(7))
    parts = [meter(1, part=f"part-{n}") for n in range(20)]
    assert sum(row.hours for row in bill(*parts, by="owner", tenancies=tenants).values()) == 20


def test_what_cannot_be_written_in_nine_places_is_rounded_up() -> None:
    assert bill(meter(1 / 3600))["door"].hours == Decimal("0.000277778")


def test_a_box_made_anew_under_its_name_bills_its_own_owner_while_the_old_one_goes() -> None:
    tenants = (tenancy("one", "ada", 0, 3), tenancy("one", "bob", 1, None))
    own = meter(2, box="one", owner="ada", part="vm!one", meter="vm")
    assert amounts(bill(own, by="owner", tenancies=tenants)) == {"ada": 2}


def test_what_was_gone_before_it_was_seen_was_there_for_no_time_at_least() -> None:
    brief = meter(1, opened_seen_at=NOON + HOUR, closed_seen_at=NOON)
    assert brief.narrow(NOON) == (NOON + HOUR, NOON + HOUR)


def test_an_unknown_grouping_and_an_unknown_quantum_are_refused() -> None:
    with pytest.raises(ValueError, match="no grouping"):
        bill(meter(1), by="colour")
    with pytest.raises(ValueError, match="minute"):
        bill(meter(1), quantum="minute")


def test_naive_instants_are_refused() -> None:
    with pytest.raises(ValueError, match="from_at"):
        bill(meter(1), from_at=datetime(2026, 11, 23))  # noqa: DTZ001 -- it is what is refused


def test_a_basic_door_that_stands_open_for_a_month_costs_what_the_guides_say() -> None:
    brief = meter(1, meter="bastion.standard")
    month = always_on([brief], DEFAULT_BOOK, NOON, NOON + 730 * HOUR, NOON + 730 * HOUR)
    assert month == Decimal("142.35")


def test_always_on_keeps_each_machine_running_from_its_first_hour_once() -> None:
    vm = {"box": "one", "owner": "ada", "part": "vm!one", "meter": "vm"}
    again = meter(9, opened_claimed_at=NOON + 8 * HOUR, **vm)
    cost = always_on([meter(1, **vm), again], BOOK, NOON, NOON + 10 * HOUR, NOON + 10 * HOUR)
    assert cost == 10  # the door and its address have no price in this book


def test_always_on_knows_nothing_of_stacks_that_were_gone_before_the_period() -> None:
    assert always_on([meter(1)], DEFAULT_BOOK, NOON + HOUR, NOON + 9 * HOUR, NOON + 9 * HOUR) == 0
