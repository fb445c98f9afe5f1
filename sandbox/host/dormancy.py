"""What a serverless plan may do to an app, off by default: late queue pick-up, and sleep when nothing happens.

On Flex Consumption an app without work is scaled to zero instances; a first instance takes a while to start, and
queues are then picked up seconds to minutes late. Both are drawn from a seeded generator, in simulated time.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from sandbox.host.timepiece import Timepiece

logger = logging.getLogger("sandbox.host")

# Start-up of an instance until the app answers. The platform itself allows 30 s to initialise.
_COLD_START_SECONDS: Final = (1.0, 10.0)


@dataclass(frozen=True, slots=True)
class Laziness:
    """How lazy the host is: the queue lag's bounds in simulated seconds, and the idle time until it sleeps, if ever."""

    pickup_lag_seconds: tuple[float, float] = (0.0, 0.0)
    scale_to_zero_after: timedelta | None = None


class Dormancy:
    """Whether the app is asleep, and what it costs to wake it."""

    def __init__(self, laziness: Laziness, timepiece: Timepiece, random: Random) -> None:
        self._laziness = laziness
        self._timepiece = timepiece
        self._random = random
        self._active_at: datetime = timepiece.now()
        self._asleep = False
        self._waking = asyncio.Lock()

    def touch(self) -> None:
        """Note that the app did something just now."""
        self._active_at = self._timepiece.now()

    @property
    def asleep(self) -> bool:
        """Whether no instance runs: queues are then not polled."""
        after = self._laziness.scale_to_zero_after
        if after is not None and not self._asleep and self._timepiece.now() - self._active_at >= after:
            logger.info("scaled to zero")
            self._asleep = True
        return self._asleep

    async def awaken(self) -> None:
        """Make sure an instance runs, after a cold start if none did."""
        async with self._waking:
            if self.asleep:
                span = timedelta(seconds=self._random.uniform(*_COLD_START_SECONDS))
                logger.info("cold start of %.1f s", span.total_seconds())
                await asyncio.sleep(self._timepiece.real_seconds(span))
                self._asleep = False
        self.touch()

    async def pickup_lag(self) -> None:
        """Wait for as long as the platform might leave a visible message lying."""
        least, most = self._laziness.pickup_lag_seconds
        if most > 0:
            span = timedelta(seconds=self._random.uniform(least, most))
            await asyncio.sleep(self._timepiece.real_seconds(span))

    @property
    def lags(self) -> bool:
        """Whether queue pick-up is to lag at all."""
        return self._laziness.pickup_lag_seconds[1] > 0
