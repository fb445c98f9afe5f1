"""Address ranges: no two stacks ever share one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import IPv4Network, ip_network

import pytest

from lifecycle.ports import Table
from lifecycle.ranges import claim_range
from lifecycle.refusals import Taken
from tests.examples import NOON, SETTINGS
from tests.world.tables import MemoryTables


async def test_stacks_that_ask_at_once_get_ranges_that_do_not_meet() -> None:
    tables = MemoryTables()
    names = [f"stack-{number}" for number in range(16)]
    ranges = [
        ip_network(each)
        for each in await asyncio.gather(*(claim_range(tables, SETTINGS, name, NOON) for name in names))
    ]
    assert len(set(ranges)) == 16
    assert all(each.prefixlen == 24 and each.subnet_of(SETTINGS.address_pool) for each in ranges)  # type: ignore[arg-type]
    stored = {row.values["stack"]: row.values["range"] async for row in tables.scan(Table.RANGES)}
    assert stored == {name: str(each) for name, each in zip(names, ranges, strict=True)}


async def test_a_used_up_pool_is_said_to_be() -> None:
    tables = MemoryTables()
    small = replace(SETTINGS, address_pool=IPv4Network("10.64.0.0/23"))
    for name in ("one", "two"):
        await claim_range(tables, small, name, NOON)
    with pytest.raises(Taken, match=r"all 2 address ranges of the pool 10\.64\.0\.0/23 are in use"):
        await claim_range(tables, small, "three", NOON)


async def test_a_pool_of_one_range_serves_one_stack() -> None:
    only = replace(SETTINGS, address_pool=IPv4Network("10.64.0.0/24"))
    assert await claim_range(MemoryTables(), only, "one", NOON) == "10.64.0.0/24"
