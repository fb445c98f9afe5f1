"""An event loop on virtual time that draws from a seed which of the ready callbacks runs next.

Every ``await`` that gives way is a scheduling point: whoever is ready may be next, in any order. Time passes only
when nobody is ready, and then straight to the next timer. No sockets, no threads, no selector, so that the same
seed gives the same run.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from random import Random

_MICROSECONDS = 1_000_000
GC_EVERY = timedelta(hours=12)


class Stalled(Exception):
    """Nobody is ready and no timer is set, yet the run is not over: somebody waits for what will never come."""


class SeededLoop(asyncio.BaseEventLoop):
    """Runs coroutines in an order that ``rng`` draws. ``start`` is the instant at which its clock begins."""

    def __init__(self, rng: Random, start: datetime) -> None:
        super().__init__()
        self._rng = rng
        self._start = start
        self._microseconds = 0
        self._ready: list[asyncio.Handle] = []
        self._scheduled: list[asyncio.TimerHandle]
        self._stopping: bool
        self._collect_at = 0
        self.steps = 0

    def time(self) -> float:
        """Tell the virtual seconds since the start."""
        return self._microseconds / _MICROSECONDS

    def now(self) -> datetime:
        """Tell the virtual instant, aware and in UTC."""
        return self._start + timedelta(microseconds=self._microseconds)

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end, with the collector of garbage bound to virtual time: it runs finalizers."""
        collecting = gc.isenabled()
        gc.disable()
        try:
            return self.run_until_complete(main)
        finally:
            self._close_generators()
            self.close()
            if collecting:
                gc.enable()

    def _close_generators(self) -> None:
        self.run_until_complete(self.shutdown_asyncgens())

    def _run_once(self) -> None:
        """Run one ready callback; where there is none, go on to the next timer."""
        ready = self._ready
        if not ready:
            self._pass_time()
            if not ready:
                return
        if len(ready) > 1:
            drawn = int(self._rng.random() * len(ready))
            ready[drawn], ready[-1] = ready[-1], ready[drawn]
        handle = ready.pop()
        if not handle.cancelled():
            self.steps += 1
            handle._run()

    def _pass_time(self) -> None:
        timers = self._scheduled
        while timers and timers[0].cancelled():
            heapq.heappop(timers)._scheduled = False  # type: ignore[attr-defined]
        if not timers:
            if self._stopping:
                return
            raise Stalled(f"at {self.now()}")
        self._microseconds = max(self._microseconds, ceil(timers[0].when() * _MICROSECONDS))
        if (
            self.time() < timers[0].when()
        ):  # the product was rounded down: whoever waits for that instant waits for ever
            self._microseconds += 1
        if self._microseconds >= self._collect_at:
            self._collect_at = self._microseconds + int(GC_EVERY / timedelta(microseconds=1))
            gc.collect(1)
        limit = max(self.time(), timers[0].when())
        while timers and timers[0].when() <= limit:
            timer = heapq.heappop(timers)
            timer._scheduled = False  # type: ignore[attr-defined]
            if not timer.cancelled():
                self._ready.append(timer)

    def _write_to_self(self) -> None:
        """Nobody calls from another thread."""

    def _process_events(self, event_list: object) -> None:
        """There is no I/O."""
