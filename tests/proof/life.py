"""One run of one process: it may be slow, stop for a while and go on, or die between any two effects.

Which process a coroutine belongs to stands in a context variable, which tasks pass on to their children: so the
same adapters serve all processes, and what a dead one left behind does nothing any more.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.world.crash import Died

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.proof.draw import Rates
    from tests.proof.watch import Watch

LIFE: ContextVar[Life] = ContextVar("life")


@dataclass(eq=False)
class Life:
    """A process from its start to its end. ``skew`` is how far its clock is ahead of the true one."""

    name: str
    skew: timedelta
    alive: bool = True
    stopped_until: float = 0.0
    """On the loop's clock; later than now while the process is stopped."""
    born: int = 0
    last_words: list[str] = field(default_factory=list)


@dataclass
class Weather:
    """How rough it is just now, and the points at which it strikes."""

    rng: Random
    rates: Rates
    watch: Watch
    now: Callable[[], datetime]
    raging: bool = True

    async def wait(self) -> None:
        """Be a scheduling point: perhaps a slow one, perhaps one at which the process stops for minutes."""
        life = LIFE.get()
        drawn = self.rng.random()
        if drawn < self.rates.slow:
            await asyncio.sleep(self.rng.uniform(0.01, self.rates.slow_seconds))
        else:
            await asyncio.sleep(0)
        if self.raging and drawn > 1 - self.rates.stop:
            seconds = self.rng.choice((20.0, 45.0, 70.0, 660.0, 1800.0))
            life.stopped_until = asyncio.get_running_loop().time() + seconds
            self.watch.struck("worker stopped", f"{life.name} for {seconds:.0f} s")
        await self.go_on(life)

    async def go_on(self, life: Life) -> None:
        """Wait out a stop. Raises Died in what is left of a dead process."""
        loop = asyncio.get_running_loop()
        while life.alive and life.stopped_until > loop.time():  # noqa: ASYNC110 -- nobody else says when
            await asyncio.sleep(life.stopped_until - loop.time())  # it may be stopped again meanwhile
        if not life.alive:
            raise Died(life.name)

    def strike_dead(self, where: str) -> None:
        """Perhaps let the process die here. Raises Died."""
        life = LIFE.get()
        if not life.alive:
            raise Died(life.name)
        if self.raging and self.rng.random() < self.rates.crash:
            life.alive = False
            self.watch.crashed(life.name, where)
            raise Died(where)

    def hits(self, rate: float) -> bool:
        """Draw whether something happens that happens so often."""
        return self.raging and self.rng.random() < rate


@dataclass
class SkewedClock:
    """The clock port: the true instant, plus how far the asking process's clock is ahead."""

    now: Callable[[], datetime]

    async def read(self) -> datetime:
        """Tell what the process takes for the present."""
        return self.real_now()

    def real_now(self) -> datetime:
        """Tell the same at once."""
        return self.now() + LIFE.get().skew
