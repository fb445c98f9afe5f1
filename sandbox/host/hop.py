"""One hop of the sandbox's clock: let everything that came due happen, then say when something is due next."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import aiohttp

from sandbox.host.invoke import Invoker
from sandbox.host.queues import QueueListener
from sandbox.host.timepiece import Timepiece
from sandbox.host.timers import TimerListener

logger = logging.getLogger("sandbox.host")

DueSource = Callable[[datetime], Awaitable[datetime | None]]

# The timer that rings the bell of whatever is due. Every hop rings it, so its own schedule asks for no hop.
SWEEP: Final = frozenset({"sweep"})
PATIENCE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Landing:
    """Where a hop ended: whether nothing runs and no message is visible, and the next instant that matters."""

    quiet: bool
    next_due_at: datetime | None


class Hopper:
    """Carries the app across a leap of the clock."""

    def __init__(
        self,
        timepiece: Timepiece,
        timers: TimerListener,
        queues: Sequence[QueueListener],
        invoker: Invoker,
        due_source: DueSource | None,
    ) -> None:
        self._timepiece = timepiece
        self._timers = timers
        self._queues = queues
        self._invoker = invoker
        self._due_source = due_source

    async def hop(self) -> Landing:
        """Read the clock, ring what is due, and wait until all is quiet (a few real seconds at most).

        Messages with a delay are not waited for: whoever sent one has also written down when to look again, and that
        instant is what the due source answers.
        """
        try:
            await self._timepiece.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            logger.warning("the clock does not answer during a hop: %s", error or type(error).__name__)
        rung = self._timers.ring_for_hop(always=SWEEP)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                # Shielded: a call that outlasts the hop's patience goes on, it is not cut off.
                await asyncio.gather(*(asyncio.shield(call) for call in rung), return_exceptions=True)
                await self._drain()
            quiet = True
        except TimeoutError:
            quiet = False
        return Landing(quiet, await self._next_due_at())

    async def _drain(self) -> None:
        """Poll all queues until one round finds nothing and nothing ran meanwhile."""
        while True:
            await self._invoker.settled()
            await asyncio.gather(*(queue.settled() for queue in self._queues))
            finished = self._invoker.finished
            found = sum(await asyncio.gather(*(queue.poll() for queue in self._queues)))
            if not found and finished == self._invoker.finished and not self._busy():
                return

    def _busy(self) -> bool:
        return self._invoker.running > 0 or any(queue.running for queue in self._queues)

    async def _next_due_at(self) -> datetime | None:
        due = [self._timers.next_at(leaving_out=SWEEP)]
        if self._due_source is not None:
            due.append(await self._due_source(self._timepiece.now()))
        return min((instant.astimezone(UTC) for instant in due if instant is not None), default=None)
