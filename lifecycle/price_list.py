"""Prices that were read, as rows: what each meter cost in a region since when. Nothing is ever written over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from lifecycle.ports import Put, Row, Table, Tables
from lifecycle.prices import DEFAULT_BOOK, NEVER, Price, PriceBook
from lifecycle.rows import instant_of, instant_text


async def read_book(tables: Tables) -> PriceBook:
    """Read the prices there are: the regions' own, and the dated book for what none was ever read of."""
    return DEFAULT_BOOK.with_own([_price_of(row) async for row in tables.scan(Table.PRICES)])


async def learn(tables: Tables, region: str, prices: Iterable[Price], now: datetime) -> int:
    """Take in prices that were read just now; returns how many are new or changed.

    The first price of a meter holds since the list says it does. A changed one holds since then too, but never from
    before what it takes the place of: what was billed stays.
    """
    latest: dict[str, Price] = {}
    for row in await tables.query(Table.PRICES, region):
        known = _price_of(replace(row, partition=region))
        if known.meter not in latest or (latest[known.meter].since_at or NEVER) < (known.since_at or NEVER):
            latest[known.meter] = known
    changed = 0
    for price in prices:
        before = latest.get(price.meter)
        if before and before.usd_per_hour == price.usd_per_hour:
            price = replace(price, since_at=before.since_at)  # noqa: PLW2901 -- the same price, read again
        else:
            changed += 1
            if before and before.since_at and (price.since_at or now) <= before.since_at:
                price = replace(price, since_at=now)  # noqa: PLW2901 -- a correction holds from when it is known
        await tables.commit(Table.PRICES, region, [Put(_row_of(price, now))])
    return changed


def _row_of(price: Price, now: datetime) -> Row:
    since = instant_text(price.since_at or now)
    cells = {
        "meter": price.meter,
        "usd_per_hour": str(price.usd_per_hour),
        "source": price.source,
        "as_of": price.as_of.isoformat(),
        "since_at": since,
    }
    return Row(f"{price.meter}|{since}", cells)


def _price_of(row: Row) -> Price:
    return Price(
        str(row.values["meter"]),
        Decimal(str(row.values["usd_per_hour"])),
        str(row.values["source"]),
        date.fromisoformat(str(row.values["as_of"])),
        row.partition,
        instant_of(str(row.values["since_at"])),
    )
