"""What is done now and then rather than for one stack: a message of the queue ``chores`` is the name of one."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from lifecycle.faults import AzureFault
from lifecycle.ports import Chore, Clock, Tables
from lifecycle.price_list import learn
from lifecycle.prices import Price
from lifecycle.retail import Ask, Unbelievable, asks, price_of

log = logging.getLogger(__name__)


class PriceList(Protocol):
    """Where prices are read."""

    async def items(self, ask: Ask) -> Sequence[Any]:
        """Read all items that match. Raises AzureFault without an answer, Unbelievable without a whole one."""
        ...


class Chores:
    """Does chores by name."""

    def __init__(
        self,
        tables: Tables,
        clock: Clock,
        price_list: PriceList,
        regions: Sequence[str],
        vm_sizes: Sequence[str],
        hunt: Callable[[], Awaitable[None]],
    ) -> None:
        self.tables = tables
        self.clock = clock
        self.price_list = price_list
        self.regions = regions
        self.vm_sizes = vm_sizes
        self.hunt = hunt

    async def do(self, name: str) -> None:
        """Do one chore. Raises ValueError for a name that is none, and what the storage raises."""
        match name:
            case Chore.PRICES:
                await self.refresh_prices()
            case Chore.ORPHANS:
                await self.hunt()
            case _:
                raise ValueError(f"there is no chore {name[:80]!r}")

    async def refresh_prices(self) -> int:
        """Read the prices of all regions; returns how many changed. What cannot be read keeps its last good price."""
        changed = 0
        for region in self.regions:
            now = await self.clock.read()
            found: list[Price] = []
            for ask in asks(region, self.vm_sizes):
                try:
                    found.append(price_of(ask, await self.price_list.items(ask), now))
                except AzureFault as silence:
                    log.warning("no price of %s in %s: %s", ask.meter, region, silence.fault.code)
                except Unbelievable as doubt:
                    log.warning("no price in %s: %s", region, doubt)
            changed += await learn(self.tables, region, found, now)
        return changed
