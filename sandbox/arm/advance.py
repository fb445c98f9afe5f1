"""Moving the clock: from one instant at which something is due to the next, never past one."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import aiohttp

from sandbox.arm.wire import parse_instant, stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.arm.arm import Arm
    from sandbox.clock import Clock

BUDGET_SECONDS = 12.0
"""Real time for hopping; with the last hop an advance answers within 15 s."""

_LAST_HOP_SECONDS = 2.0
_REPEATS_AT_ONE_INSTANT = 20
_NUDGE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Hop:
    """What the app's host said to one hop: when its next thing is due, and whether it came to rest."""

    next_due_at: datetime | None
    quiet: bool


class Host(Protocol):
    """The app's host: it does what is due at an instant and says when its next thing is due."""

    async def hop(self, now: datetime, timeout_seconds: float) -> Hop | None:
        """Tell it the instant; None when it does not answer (it may be dead for a while)."""
        ...


class HttpHost:
    """The host behind HTTP: `POST /admin/sandbox/hop` with `{"now": iso}`."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = f"{url.rstrip('/')}/admin/sandbox/hop"

    async def hop(self, now: datetime, timeout_seconds: float) -> Hop | None:
        """Ask once; any trouble means that it did not answer."""
        try:
            async with asyncio.timeout(timeout_seconds):
                async with self._session.post(self._url, json={"now": stamp(now)}) as answer:
                    answer.raise_for_status()
                    body = await answer.json(content_type=None)
            due = body.get("nextDueAt")
            return Hop(parse_instant(due) if due else None, bool(body.get("quiet", True)))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, AttributeError):
            return None


class Advance:
    """Takes the clock to a goal, hopping; one advance at a time."""

    def __init__(
        self,
        clock: Clock,
        arm: Arm,
        host: Host | None = None,
        *,
        budget_seconds: float = BUDGET_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._arm = arm
        self._host = host
        self._budget_seconds = budget_seconds
        self._monotonic = monotonic
        self._one_at_a_time = asyncio.Lock()

    async def to(self, goal: datetime) -> int:
        """Go to an instant; returns the minutes skipped because real time ran out, else 0.

        Raises ValueError when the goal has passed. The clock stands still in between hops, so nothing
        becomes due while the host works.
        """
        async with self._one_at_a_time:
            if goal < self._clock.now():
                raise ValueError(f"{stamp(goal)} has passed; it is {stamp(self._clock.now())}")
            with self._clock.freeze():
                return await self._hop_to(goal)

    async def by(self, minutes: float) -> int:
        """Go that many minutes forward from wherever an advance under way ends."""
        async with self._one_at_a_time:
            with self._clock.freeze():
                return await self._hop_to(self._clock.now() + timedelta(minutes=minutes))

    async def _hop_to(self, goal: datetime) -> int:
        ends = self._monotonic() + self._budget_seconds
        due_at = await self._hop(ends)
        repeats = 0
        while True:
            now = self._clock.now()
            left = ends - self._monotonic()
            if due_at is not None and due_at <= now and repeats < _REPEATS_AT_ONE_INSTANT and left > 0:
                repeats += 1
                due_at = await self._hop(ends)
                continue
            if now >= goal:
                return 0
            if left <= 0:
                return await self._jump(goal)
            repeats = 0
            self._clock.advance_to(self._next(now, goal, due_at))
            due_at = await self._hop(ends)

    def _next(self, now: datetime, goal: datetime, due_at: datetime | None) -> datetime:
        if due_at is not None and due_at <= now:
            due_at = now + _NUDGE
        dues = [goal, due_at, self._arm.next_due_at(now)]
        return max(now, min(due for due in dues if due is not None))

    async def _jump(self, goal: datetime) -> int:
        skipped = goal - self._clock.now()
        self._clock.advance_to(goal)
        await self._hop(self._monotonic() + _LAST_HOP_SECONDS)
        return math.ceil(skipped / timedelta(minutes=1))

    async def _hop(self, ends: float) -> datetime | None:
        """Let ARM catch up, then the host; returns when the host's next thing is due."""
        self._arm.catch_up()
        if self._host is None:
            return None
        left = max(ends - self._monotonic(), 0.1)
        answer = await self._host.hop(self._clock.now(), left)
        return answer.next_due_at if answer is not None else None
