"""The offline price book."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lifecycle.bodies import DISK_SKU
from lifecycle.model import Sku
from lifecycle.prices import DEFAULT_BOOK


def usd(meter: str) -> Decimal:
    price = DEFAULT_BOOK.price(meter)
    assert price
    return price.usd_per_hour


def test_a_basic_door_and_its_address_cost_142_35_in_a_month_of_730_hours() -> None:
    assert 730 * (usd("bastion.basic") + usd("ip.standard")) == Decimal("142.35")


@pytest.mark.parametrize("sku", Sku)
def test_every_bastion_that_can_be_asked_for_has_a_price(sku: Sku) -> None:
    assert usd(f"bastion.{sku.value.lower()}") > 0


def test_the_disk_that_boxes_get_has_a_price() -> None:
    assert usd(f"disk.{DISK_SKU}") * 730 == pytest.approx(Decimal("2.40"))


def test_twice_the_cores_cost_twice_as_much_and_the_source_says_that_this_is_derived() -> None:
    derived = DEFAULT_BOOK.price("vm.Standard_D4s_v5")
    assert derived
    assert derived.usd_per_hour == 2 * usd("vm.Standard_D2s_v5")
    assert derived.source.startswith("derived")


def test_an_unknown_price_is_unknown_and_not_zero() -> None:
    assert DEFAULT_BOOK.price("vm.Standard_X1") is None


def test_every_price_is_above_zero_and_says_where_it_is_from() -> None:
    assert all(price.usd_per_hour > 0 and price.source for price in DEFAULT_BOOK.prices())
