"""Address ranges: each stack claims one of its own from the pool, insert-only, so that no two ever overlap."""

from __future__ import annotations

import hashlib
from datetime import datetime
from ipaddress import IPv4Network
from typing import Protocol

from lifecycle.faults import Conflict
from lifecycle.ports import Insert, Row, Table, Tables
from lifecycle.refusals import Taken
from lifecycle.rows import RANGES, instant_text, range_key


class Pool(Protocol):
    """Where address ranges come from: the pool."""

    @property
    def address_pool(self) -> IPv4Network:
        """All of them."""
        ...

    @property
    def stack_prefix(self) -> int:
        """The size of one stack's."""
        ...


async def claim_range(tables: Tables, pool: Pool, stack: str, now: datetime) -> str:
    """Claim a range for a stack. Raises Taken where the pool is used up.

    Each stack begins its search at a place of its own, so that people who ask at once seldom meet.
    """
    taken = {row.key for row in await tables.query(Table.RANGES, RANGES)}
    count = 2 ** (pool.stack_prefix - pool.address_pool.prefixlen)
    start = int.from_bytes(hashlib.sha256(stack.encode()).digest()[:4]) % count
    size = 2 ** (32 - pool.stack_prefix)
    first = int(pool.address_pool.network_address)
    for offset in range(count):
        network = pool.address_pool.__class__((first + (start + offset) % count * size, pool.stack_prefix))
        if range_key(str(network)) in taken:
            continue
        if await claim_this(tables, network, stack, now):
            return str(network)
    raise Taken(f"all {count} address ranges of the pool {pool.address_pool} are in use", "stack")


async def claim_this(tables: Tables, network: IPv4Network, stack: str, now: datetime) -> bool:
    """Claim one range for a stack; False where another has claimed it already."""
    cells = {"stack": stack, "range": str(network), "claimed_at": instant_text(now)}
    try:
        await tables.commit(Table.RANGES, RANGES, [Insert(Row(range_key(str(network)), cells))])
    except Conflict:
        row = await tables.get(Table.RANGES, RANGES, range_key(str(network)))
        return row is not None and row.values["stack"] == stack
    return True
