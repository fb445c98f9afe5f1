"""How the page's charts and figures come about: changes when they are drawn or written otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.web import figures
from lifecycle.web.charts import HEIGHT, REST, SLOTS, ceiling, gauge, lengths, stack
from lifecycle.web.page import Budget, DayCost

DAY = date(2026, 11, 23)
amounts = st.decimals(min_value=0, max_value=10**6, places=4)
keys = st.sampled_from(
    ["bastion.basic", "bastion.standard", "bastion.unit", "ip.standard", "vm.a", "vm.b", "vm.c", "disk.a", "nat", "x"]
)
days = st.lists(st.dictionaries(keys, amounts, max_size=10), min_size=1, max_size=40).map(
    lambda found: [DayCost(DAY + timedelta(days=number), each) for number, each in enumerate(found)]
)


@given(days)
def test_a_days_bar_is_as_high_as_its_cost_and_none_leaves_the_chart(costs: list[DayCost]) -> None:
    chart = stack(costs)
    top = ceiling(max(each.total for each in costs))
    for each, bar in zip(costs, chart.bars, strict=True):
        height = sum(part.height for part in bar.slices)
        assert height == pytest.approx(float(HEIGHT * each.total / top) if top else 0, abs=0.02)
        assert all(part.y >= -0.01 and part.y + part.height <= HEIGHT + 0.01 for part in bar.slices)
        assert bar.x >= 0
        assert bar.x + bar.width <= 100.001


@given(days)
def test_bars_stand_side_by_side_and_slices_on_each_other(costs: list[DayCost]) -> None:
    chart = stack(costs)
    for left, right in zip(chart.bars, chart.bars[1:], strict=False):
        assert left.x + left.width <= right.x + 0.01
    for bar in chart.bars:
        for lower, upper in zip(bar.slices, bar.slices[1:], strict=False):
            assert upper.y + upper.height == pytest.approx(lower.y, abs=0.01)


@given(days)
def test_the_legend_names_every_colour_once_and_its_sums_are_the_whole(costs: list[DayCost]) -> None:
    chart = stack(costs)
    slots = [series.slot for series in chart.series]
    assert len(slots) == len(set(slots))
    assert all(0 <= slot < SLOTS for slot in slots)
    assert {part.slot for bar in chart.bars for part in bar.slices} <= set(slots)
    assert sum(series.total for series in chart.series) == sum(each.total for each in costs)


@given(days)
def test_labels_are_days_in_order_from_the_first_to_the_last(costs: list[DayCost]) -> None:
    labels = [label.day for label in stack(costs).labels]
    assert labels == sorted(set(labels))
    assert (labels[0], labels[-1]) == (costs[0].day, costs[-1].day)


def test_a_kind_of_meter_keeps_its_colour_and_what_is_too_many_is_told_as_others() -> None:
    few = stack([DayCost(DAY, {"vm.a": Decimal(1)})])
    many = stack([DayCost(DAY, {"bastion.basic": Decimal(9), **{f"vm.{n}": Decimal(8 - n) for n in range(8)}})])
    assert few.slots["vm.a"] == many.slots["vm.0"] == 1
    assert many.series[-1].key == REST
    assert many.series[-1].total == Decimal(8 - 3 + 8 - 4 + 8 - 5 + 8 - 6 + 8 - 7)


@given(st.decimals(min_value=Decimal("0.0001"), max_value=10**6))
def test_the_scale_ends_just_above_the_greatest_amount(amount: Decimal) -> None:
    assert amount <= ceiling(amount) <= 2 * amount


def test_no_amounts_make_an_empty_chart() -> None:
    chart = stack([DayCost(DAY, {})])
    assert (chart.series, chart.lines) == ((), ())
    assert chart.bars[0].slices == ()
    assert lengths([]) == ()
    assert lengths([Decimal(), Decimal()]) == (0.0, 0.0)


@given(st.lists(amounts, min_size=1, max_size=20))
def test_lengths_are_in_the_order_of_the_amounts_and_fill_the_width_at_most(found: list[Decimal]) -> None:
    drawn = lengths(found)
    assert max(drawn) in (0.0, 100.0)
    assert [drawn[at] for at in sorted(range(len(found)), key=found.__getitem__)] == sorted(drawn)


@pytest.mark.parametrize(
    ("limit", "spent", "forecast", "state"),
    [(100, 40, 90, "well"), (100, 40, 101, "ahead"), (100, 101, 120, "over"), (0, 0, 0, "well"), (0, 1, 1, "over")],
)
def test_a_budgets_bar_tells_whether_it_will_do(limit: int, spent: int, forecast: int, state: str) -> None:
    drawn = gauge(Budget("payments", "team", Decimal(limit), Decimal(spent), Decimal(forecast)))
    assert drawn.state == state
    assert 0 <= drawn.spent <= drawn.forecast <= 100
    assert 0 <= drawn.limit <= 100


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.00"), ("0.004", "< 0.01"), ("0.005", "< 0.01"), ("0.01", "0.01"), ("1234567.895", "1,234,567.90")],
)
def test_amounts_have_two_decimals_and_something_is_never_written_as_nothing(amount: str, text: str) -> None:
    assert figures.money(Decimal(amount)) == text


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(0.5, "under a minute"), (26, "26 min"), (60, "1 h"), (95, "1 h 35 min"), (60 * 50, "2 days")],
)
def test_durations_are_written_as_people_say_them(minutes: float, text: str) -> None:
    assert figures.span(timedelta(minutes=minutes)) == text


def test_an_instant_is_written_in_the_apps_zone_and_in_utc_with_its_day_where_that_differs() -> None:
    now, berlin = datetime(2026, 11, 23, 9, 0, tzinfo=UTC), ZoneInfo("Europe/Berlin")
    soon = figures.moment(now + timedelta(minutes=26), now, berlin)
    assert (soon.here, soon.utc, soon.distance) == ("10:26 CET", "09:26 UTC", "in 26 min")
    assert soon.machine == "2026-11-23T09:26:00Z"
    night = figures.moment(datetime(2026, 11, 23, 23, 30, tzinfo=UTC), now, berlin)
    assert (night.here, night.utc) == ("Tue 24 Nov, 00:30 CET", "Mon 23 Nov, 23:30 UTC")
    assert figures.moment(now - timedelta(hours=2), now, berlin).distance == "2 h ago"
