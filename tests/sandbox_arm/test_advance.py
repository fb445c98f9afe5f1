"""Moving the clock when real time runs short."""

from __future__ import annotations

from datetime import datetime, timedelta

from sandbox.arm.advance import Advance, Hop
from tests.sandbox_arm.place import START, Place


class SlowHost:
    """A host whose every hop costs seconds of real time, with something due every minute."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.real = 0.0
        self.hops: list[datetime] = []

    def monotonic(self) -> float:
        return self.real

    async def hop(self, now: datetime, timeout_seconds: float) -> Hop | None:
        self.real += min(self.seconds, timeout_seconds)
        self.hops.append(now)
        return Hop(now + timedelta(minutes=1), quiet=True)


async def test_what_real_time_does_not_allow_is_jumped_over_and_told() -> None:
    place, host = Place(), SlowHost(seconds=1.0)
    advance = Advance(place.clock, place.arm, host, budget_seconds=5, monotonic=host.monotonic)
    goal = START + timedelta(minutes=60)
    skipped = await advance.to(goal)
    assert skipped == 56
    assert host.hops[-1] == place.clock.now() == goal
    assert host.real <= 5 + 2


async def test_what_fits_is_not_jumped() -> None:
    place, host = Place(), SlowHost(seconds=0.01)
    advance = Advance(place.clock, place.arm, host, monotonic=host.monotonic)
    assert await advance.by(60) == 0
    assert host.hops == [START + timedelta(minutes=minute) for minute in range(61)]


async def test_the_clock_stands_still_while_the_host_works() -> None:
    place = Place()
    seen: list[bool] = []

    class Watching:
        async def hop(self, now: datetime, timeout_seconds: float) -> Hop | None:
            del now, timeout_seconds
            seen.append(place.clock.running)
            return None

    await Advance(place.clock, place.arm, Watching()).by(5)
    assert set(seen) == {False}
    assert place.clock.running
