"""Which items of the price list are believed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.price_list import learn, read_book
from lifecycle.prices import DEFAULT_BOOK
from lifecycle.retail import Ask, Unbelievable, asks, price_of
from sandbox.arm.prices import retail_prices
from tests.world.tables import MemoryTables

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SIZES = ("Standard_D2s_v5", "Standard_D4s_v5")
ASKS = {ask.meter: ask for ask in asks("westeurope", SIZES)}


def items(ask: Ask) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = retail_prices({"$filter": ask.filter}, "", "/")["Items"]
    return found


@pytest.mark.parametrize("meter", ASKS)
def test_each_meter_is_asked_for_by_a_filter_that_finds_one_price(meter: str) -> None:
    price, book = price_of(ASKS[meter], items(ASKS[meter]), NOW), DEFAULT_BOOK.price(meter)
    assert book is not None
    assert (price.meter, price.region, price.as_of) == (meter, "westeurope", NOW.date())
    assert price.usd_per_hour == pytest.approx(book.usd_per_hour)


@pytest.mark.parametrize(
    "change",
    [
        {"retailPrice": 0},
        {"retailPrice": -0.1},
        {"retailPrice": "0.1"},
        {"retailPrice": None},
        {"retailPrice": True},
        {"retailPrice": float("nan")},
        {"retailPrice": 1e9},
        {"currencyCode": "EUR"},
        {"unitOfMeasure": "1/Month"},
        {"unitOfMeasure": "100 Hours"},
    ],
)
def test_a_price_that_cannot_be_is_not_believed(change: dict[str, Any]) -> None:
    ask = ASKS["vm.Standard_D2s_v5"]
    with pytest.raises(Unbelievable):
        price_of(ask, [items(ask)[0] | change], NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"meterName": "D2s v5 Spot", "skuName": "D2s v5 Spot"},
        {"meterName": "D2s v5 Low Priority"},
        {"productName": "Virtual Machines Dsv5 Series Windows"},
        {"type": "Reservation"},
        {"tierMinimumUnits": 5},
        {"armRegionName": "northeurope"},
        {"armSkuName": "Standard_D2S_V5"},
    ],
)
def test_what_is_another_thing_is_passed_over(change: dict[str, Any]) -> None:
    ask = ASKS["vm.Standard_D2s_v5"]
    (item,) = items(ask)
    other = item | change | {"retailPrice": 0.001}
    assert price_of(ask, [other, item, other], NOW).usd_per_hour == Decimal("0.111")
    with pytest.raises(Unbelievable):
        price_of(ask, [other], NOW)


def test_two_prices_for_one_thing_are_none() -> None:
    ask = ASKS["bastion.basic"]
    (item,) = items(ask)
    with pytest.raises(Unbelievable, match="2 prices"):
        price_of(ask, [item, item | {"retailPrice": 0.2}], NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(items(ASKS["nat"])[0])), json_values, max_size=4))
def test_whatever_an_item_says_it_is_refused_or_a_price_that_can_be(change: dict[str, Any]) -> None:
    (item,) = items(ASKS["nat"])
    try:
        price = price_of(ASKS["nat"], [item | change], NOW)
    except Unbelievable:
        return
    assert 0 < price.usd_per_hour <= 1000


async def test_a_changed_price_holds_from_then_on_and_what_was_before_stays() -> None:
    tables, ask = MemoryTables(), ASKS["bastion.basic"]
    (item,) = items(ask)
    assert await learn(tables, "westeurope", [price_of(ask, [item], NOW)], NOW) == 1
    later = datetime(2026, 12, 2, tzinfo=UTC)
    assert await learn(tables, "westeurope", [price_of(ask, [item], later)], later) == 0
    dearer = item | {"retailPrice": 0.25, "effectiveStartDate": "2026-12-01T00:00:00Z"}
    assert await learn(tables, "westeurope", [price_of(ask, [dearer], later)], later) == 1
    book = await read_book(tables)
    for at, usd, read_on in ((NOW, "0.19", later), (later, "0.25", later)):
        price = book.price("bastion.basic", "westeurope", at)
        assert price is not None
        assert (price.usd_per_hour, price.as_of) == (Decimal(usd), read_on.date())
    assert list(book.changes("bastion.basic", "westeurope"))[1] == datetime(2026, 12, 1, tzinfo=UTC)
    elsewhere = book.price("bastion.basic", "northeurope")
    assert elsewhere == DEFAULT_BOOK.price("bastion.basic")


async def test_a_correction_without_a_new_date_holds_from_when_it_is_known() -> None:
    tables, ask = MemoryTables(), ASKS["bastion.basic"]
    (item,) = items(ask)
    await learn(tables, "westeurope", [price_of(ask, [item], NOW)], NOW)
    later = datetime(2026, 12, 2, tzinfo=UTC)
    await learn(tables, "westeurope", [price_of(ask, [item | {"retailPrice": 0.25}], later)], later)
    assert list((await read_book(tables)).changes("bastion.basic", "westeurope"))[1] == later
