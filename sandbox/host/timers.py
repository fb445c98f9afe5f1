"""Timer triggers: each rings at its NCRONTAB instants, once however many of them were missed.

As on the platform a timer is a singleton (one call at a time), ticks missed while the host was away or the clock
leapt collapse into one call marked past due, and an error is logged and not retried: the next tick comes anyway.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from azure.functions.timer import TimerRequest

from sandbox.host.dormancy import Dormancy
from sandbox.host.indexing import Function, TimerTrigger
from sandbox.host.invoke import Invoker
from sandbox.host.timepiece import Timepiece
from sandbox.host.timerstatus import TimerStatus

logger = logging.getLogger("sandbox.host")

_LOOK_SECONDS: Final = 0.1
# A tick found later than this many real seconds is past due; anything less is the host's own pace.
_PUNCTUAL_SECONDS: Final = 1.0


@dataclass(slots=True)
class _Timer:
    function: Function
    trigger: TimerTrigger
    next_at: datetime
    last_at: datetime | None = None
    ringing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def request(self, *, past_due: bool) -> TimerRequest:
        """Make what the function is called with, after the schedule was moved on."""
        status = {"Last": self.last_at.isoformat() if self.last_at else "", "Next": self.next_at.isoformat()}
        return TimerRequest(past_due=past_due, schedule_status=status, schedule={"AdjustForDST": False})


class TimerListener:
    """Rings all timers of the app by the sandbox's clock."""

    def __init__(
        self,
        functions: Iterable[Function],
        invoker: Invoker,
        timepiece: Timepiece,
        dormancy: Dormancy,
        status: TimerStatus,
    ) -> None:
        now = timepiece.now()
        kept = status.read()
        self._timers: dict[str, _Timer] = {}
        for function in functions:
            if isinstance(function.trigger, TimerTrigger):
                # Of what an earlier host left only a missed tick counts: the schedule may have changed since.
                coming = function.trigger.schedule.next_after(now)
                self._timers[function.name] = _Timer(
                    function, function.trigger, min(kept.get(function.name, coming), coming)
                )
        self._status = status
        self._kept = False
        self._invoker = invoker
        self._timepiece = timepiece
        self._dormancy = dormancy
        self._calls: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Ring whatever is due, for ever."""
        for timer in self._timers.values():
            if timer.trigger.run_on_startup:
                self._start(timer, past_due=False)
        while True:
            tolerance = timedelta(seconds=_PUNCTUAL_SECONDS * self._timepiece.speed)
            self._ring_due(tolerance)
            await asyncio.sleep(_LOOK_SECONDS)

    def ring_for_hop(self, always: Collection[str]) -> list[asyncio.Task[None]]:
        """Ring every timer that came due when the clock leapt, and those named in `always`; each once."""
        rung = self._ring_due(timedelta(0))
        names = {call.get_name() for call in rung}
        extra = [self._timers[name] for name in always if name in self._timers and name not in names]
        return rung + [self._start(timer, past_due=False) for timer in extra]

    def ring(self, name: str) -> None:
        """Ring one timer by hand; its schedule is not touched."""
        self._start(self._timers[name], past_due=False)

    def next_at(self, leaving_out: Collection[str] = ()) -> datetime | None:
        """Tell when the next tick of any timer is, but for those left out."""
        return min((t.next_at for name, t in self._timers.items() if name not in leaving_out), default=None)

    async def close(self) -> None:
        """Cancel what still runs."""
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def _ring_due(self, tolerance: timedelta) -> list[asyncio.Task[None]]:
        now = self._timepiece.now()
        # A timer that still rings is left due: it rings again, once, when it is through.
        due = [timer for timer in self._timers.values() if timer.next_at <= now and not timer.ringing.locked()]
        calls = []
        for timer in due:
            past_due = now - timer.next_at > tolerance
            timer.last_at = now
            timer.next_at = timer.trigger.schedule.next_after(now)
            calls.append(self._start(timer, past_due=past_due))
        if due or not self._kept:
            self._kept = True
            self._status.write({name: timer.next_at for name, timer in self._timers.items()})
        return calls

    def _start(self, timer: _Timer, *, past_due: bool) -> asyncio.Task[None]:
        call = asyncio.create_task(self._call(timer, past_due=past_due), name=timer.function.name)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return call

    async def _call(self, timer: _Timer, *, past_due: bool) -> None:
        async with timer.ringing:
            await self._dormancy.awaken()
            try:
                await self._invoker.call(timer.function, timer.request(past_due=past_due))
            except Exception:
                logger.exception("%s failed", timer.function.name)
