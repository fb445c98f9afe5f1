"""The price list, read by the deployed app's own timer, queue and clients from the sandbox's Retail Prices API."""

from __future__ import annotations

import asyncio

import pytest

from tests.whole.conftest import Town

pytestmark = pytest.mark.sandbox


async def test_the_timer_has_the_price_list_read_and_the_bill_says_so(town: Town) -> None:
    _, before, _ = await town.say("GET", "costs", who="clerk:reader")
    assert before["pricesFromList"] == 0
    url = f"{town.sandbox.app_url}/admin/functions/refresh_prices"
    async with town.http.post(url, json={}) as rung:
        assert rung.status == 202
    for _ in range(100):
        _, after, _ = await town.say("GET", "costs", who="clerk:reader")
        if after["pricesFromList"] >= 9:
            break
        await asyncio.sleep(0.2)
    assert after["pricesFromList"] >= 9
    assert after["pricesAgeDays"] == 0
