"""The price list over HTTP: pages, rubbish, and a list that is away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from lifecycle.chores import Chores
from lifecycle.cloud.prices import MOST_PAGES, RetailPrices
from lifecycle.faults import AzureFault
from lifecycle.price_list import read_book
from lifecycle.retail import Ask, Unbelievable, asks
from sandbox.arm.prices import retail_prices
from tests.world.tables import MemoryTables

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
BASIC = next(ask for ask in asks("westeurope", ()) if ask.meter == "bastion.basic")
PATH = "/api/retail/prices"
Tell = Callable[[web.Request], Any]


class Shop:
    """A price list that says what a test has it say; without that, what the simulator's says."""

    def __init__(self) -> None:
        self.tell: Tell = self.list
        self.asked: list[str] = []
        self.url = ""

    def list(self, request: web.Request) -> Any:
        query = {name.lower() if name[0] != "$" else name: text for name, text in request.query.items()}
        return retail_prices(query, self.url, PATH)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.query.get("$filter", ""))
        said = self.tell(request)
        return said if isinstance(said, web.StreamResponse) else web.json_response(said)


class Now:
    async def read(self) -> datetime:
        return NOW


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    app = web.Application()
    app.router.add_get(PATH, shop.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield shop
    await runner.cleanup()


def reading(shop: Shop) -> RetailPrices:
    return RetailPrices(f"{shop.url}{PATH}")


async def _nothing() -> None:
    """Hunt for nothing."""


def page(items: list[Any], link: str | None = None, **more: Any) -> dict[str, Any]:
    return {"BillingCurrency": "USD", "Items": items, "NextPageLink": link, "Count": len(items), **more}


async def test_the_simulators_list_is_read_for_every_meter_of_a_region(shop: Shop) -> None:
    tables = MemoryTables()
    chores = Chores(tables, Now(), reading(shop), ["westeurope"], ["Standard_D2s_v5"], _nothing)
    await chores.do("prices")
    own = [price for price in (await read_book(tables)).prices() if price.region]
    assert {price.meter for price in own} == {ask.meter for ask in asks("westeurope", ["Standard_D2s_v5"])}
    assert await chores.refresh_prices() == 0


async def test_pages_are_followed_to_the_end(shop: Shop) -> None:
    def tell(request: web.Request) -> Any:
        skip = int(request.query.get("$skip", "0"))
        return page([skip], f"{shop.url}{PATH}?$filter=a eq 'b'&$skip={skip + 1}" if skip < 3 else None)

    shop.tell = tell
    assert await reading(shop).items(BASIC) == [0, 1, 2, 3]


async def test_a_list_without_end_is_not_believed(shop: Shop) -> None:
    shop.tell = lambda _: page([], f"{shop.url}{PATH}?again")
    with pytest.raises(Unbelievable, match="pages"):
        await reading(shop).items(BASIC)
    assert len(shop.asked) == MOST_PAGES + 1


@pytest.mark.parametrize(
    "said",
    [
        [],
        {},
        page([], "http://127.0.0.1:1/elsewhere"),
        page([], "https://prices.example/more"),
        page([], BillingCurrency="EUR"),
        page([], Count=3),
        {"BillingCurrency": "USD", "Items": {}, "NextPageLink": None},
        {"BillingCurrency": "USD", "Items": []},
        web.Response(text="<html>"),
    ],
    ids=str,
)
async def test_a_page_that_is_not_whole_is_not_believed(said: Any, shop: Shop) -> None:
    shop.tell = lambda _: said
    with pytest.raises(Unbelievable):
        await reading(shop).items(BASIC)


@pytest.mark.parametrize("status", [302, 404, 429, 500])
async def test_a_refusal_is_no_answer(status: int, shop: Shop) -> None:
    shop.tell = lambda _: web.Response(status=status, headers={"Location": "/"})
    with pytest.raises(AzureFault):
        await reading(shop).items(BASIC)


async def test_a_list_that_is_away_or_mad_leaves_the_last_good_prices(shop: Shop) -> None:
    tables = MemoryTables()
    await Chores(tables, Now(), reading(shop), ["westeurope"], [], _nothing).do("prices")
    before = (await read_book(tables)).prices()
    shop.tell = lambda _: web.Response(status=503)
    await Chores(tables, Now(), reading(shop), ["westeurope"], [], _nothing).do("prices")
    shop.tell = lambda _: page([{"retailPrice": 0, "currencyCode": "USD"}])
    await Chores(tables, Now(), reading(shop), ["westeurope"], [], _nothing).do("prices")
    await Chores(tables, Now(), RetailPrices("http://127.0.0.1:9/"), ["westeurope"], [], _nothing).do("prices")
    assert (await read_book(tables)).prices() == before


def test_the_list_is_never_asked_in_the_clear_off_this_machine() -> None:
    with pytest.raises(ValueError, match="PRICES_URL"):
        RetailPrices("http://prices.example/")


async def test_a_chore_that_nobody_knows_is_refused(shop: Shop) -> None:
    with pytest.raises(ValueError, match="no chore"):
        await Chores(MemoryTables(), Now(), reading(shop), [], [], _nothing).do("dishes")


def test_a_quote_cannot_leave_its_filter() -> None:
    assert Ask("x", {"armSkuName": "a' or 'b"}).filter == "armSkuName eq 'a'' or ''b'"
