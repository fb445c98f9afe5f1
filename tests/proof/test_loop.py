"""The loop on virtual time keeps the promise that waiting code stands on: once a timer has come, its instant has."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import Random

from tests.proof.loop import SeededLoop

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def test_whoever_was_woken_at_an_instant_reads_no_earlier_one() -> None:
    loop = SeededLoop(Random(0), BEGUN)

    async def wait_until(instant: float) -> int:
        waits = 0
        while loop.time() < instant:
            waits += 1
            assert waits < 3, f"woken at {loop.time()!r} for {instant!r}"
            await asyncio.sleep(instant - loop.time())
        return waits

    async def wait_again_and_again() -> None:
        awkward = 1985.068849 + 1800.0
        assert await wait_until(awkward) == 1
        assert loop.time() >= awkward
        for _ in range(20_000):
            await wait_until(loop.time() + loop_rng.choice((20.0, 45.0, 70.0, 660.0, 1800.0)))

    loop_rng = Random(1)
    loop.run(wait_again_and_again())
