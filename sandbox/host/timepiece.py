"""The host's watch: it follows the sandbox's clock, which has a speed and can be moved forward.

Between two readings it goes on by itself at the clock's speed. Without a clock's address it shows real time.
"""

import asyncio
import contextlib
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Final

import aiohttp

logger = logging.getLogger("sandbox.host")

_READING_SECONDS: Final = 0.25
_TIMEOUT: Final = aiohttp.ClientTimeout(total=2)


class Timepiece:
    """Shows the simulated instant and how fast it moves."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._shown = datetime.now(UTC)
        self._read_at = time.monotonic()
        self._speed = 1.0
        self._moving = True
        self._session: aiohttp.ClientSession | None = None

    @property
    def speed(self) -> float:
        """Simulated seconds per real second, at least a trickle, so that a division by it is always allowed."""
        return max(self._speed, 0.001)

    def now(self) -> datetime:
        """Give the simulated instant, in UTC."""
        if not self._moving:
            return self._shown
        return self._shown + timedelta(seconds=(time.monotonic() - self._read_at) * self._speed)

    def real_seconds(self, span: timedelta) -> float:
        """Tell how many real seconds a simulated span takes."""
        return span.total_seconds() / self.speed

    async def read(self) -> None:
        """Read the clock once. Raises aiohttp.ClientError or TimeoutError when it does not answer."""
        if self._url is None:
            return
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        async with self._session.get(self._url) as response:
            response.raise_for_status()
            reading = await response.json()
        self._shown = datetime.fromisoformat(reading["now"]).astimezone(UTC)
        self._read_at = time.monotonic()
        self._speed = float(reading.get("speed", 1))
        self._moving = bool(reading.get("running", True))

    async def follow(self) -> None:
        """Read the clock again and again. An unreachable clock is told once; the watch goes on by itself meanwhile."""
        reachable = True
        while self._url is not None:
            try:
                await self.read()
                reachable = True
            except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
                if reachable:
                    logger.warning("the clock does not answer: %s", error or type(error).__name__)
                reachable = False
            await asyncio.sleep(_READING_SECONDS)

    async def close(self) -> None:
        """Close the connection to the clock."""
        if self._session is not None:
            with contextlib.suppress(aiohttp.ClientError):
                await self._session.close()
