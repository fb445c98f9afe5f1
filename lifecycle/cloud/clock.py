"""What time it is: the machine's clock, or in the sandbox the simulator's."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

REAL_SPEED = 1.0
UNANSWERED_SECONDS = 2.0


class RealClock:
    """The machine's clock."""

    async def read(self) -> datetime:
        """Say what time it is, aware UTC."""
        return datetime.now(UTC)

    def speed(self) -> float:
        """Real time runs at its own pace."""
        return REAL_SPEED


class SandboxClock:
    """The simulator's clock, asked for at each reading; while it does not answer, time goes on from the last one.

    Its address must be on loopback, which the settings see to.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._now = datetime.now(UTC)
        self._read_at: float | None = None
        self._speed = REAL_SPEED
        self._running = True
        self._session: Any = None

    async def read(self) -> datetime:
        """Say what time it is in the sandbox, aware UTC."""
        import aiohttp  # noqa: PLC0415 -- the sandbox's need, not the app's

        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=UNANSWERED_SECONDS))
        try:
            async with self._session.get(self._url) as response:
                said = json.loads(await response.text())
        except (aiohttp.ClientError, TimeoutError):
            if self._read_at is None:
                raise
            passed = time.monotonic() - self._read_at if self._running else 0.0
            return self._now + timedelta(seconds=passed * self._speed)
        self._now = datetime.fromisoformat(said["now"]).astimezone(UTC)
        self._speed, self._running = float(said["speed"]), bool(said.get("running", True))
        self._read_at = time.monotonic()
        return self._now

    def speed(self) -> float:
        """Say how many simulated seconds pass in a real one, as last read."""
        return self._speed
