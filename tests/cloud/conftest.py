"""The adapter under test and the ARM it speaks to: changes when either is made another way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from lifecycle.cloud.arm import ArmAzure
from tests.cloud.script import Script, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = "jump-boxes"


@dataclass
class RealClock:
    """A real clock that moves when it is told to, or by itself each time it is read."""

    now: float = 1000.0
    step: float = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    async with served() as script:
        yield script


@pytest.fixture
def clock() -> RealClock:
    return RealClock()


@pytest.fixture
async def azure(script: Script, clock: RealClock) -> AsyncIterator[ArmAzure]:
    adapter = ArmAzure(script.root, SUBSCRIPTION, GROUP, "a-bearer", real_clock=clock)
    yield adapter
    await adapter.close()
