"""The world of ``tests.world`` with everything that leaves the app behind one wire, and messages that come again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from lifecycle.asks import BoxAsk
from lifecycle.cloud.arm import ArmAzure
from lifecycle.commands import Commands
from lifecycle.delivery import Delivery
from lifecycle.faults import AzureFault
from lifecycle.needs import Needs
from lifecycle.ports import Queue
from lifecycle.reconcile import Reconciler
from lifecycle.sweeps import Sweeps
from lifecycle.timetable import Timetable
from sandbox.arm.arm import RESOURCE_GROUP, SUBSCRIPTION
from tests.proof.wire import Line, Wire, WireBell, WireTables, WireTransport
from tests.world.crash import Died, Fate
from tests.world.harness import World

SHOWN_AGAIN_AFTER = timedelta(seconds=30)
"""host.json's visibilityTimeout: so long after an exception its message shows again."""
MOST_DELIVERIES = 5
"""host.json's maxDequeueCount: after so many it goes to the poison queue."""
MOST_PASSES = 30
"""So many passes in one and the same instant are a loop: a stack ends with it for as long as anybody pays."""
TRIES = 5
"""A person whose request was not answered asks again, so often."""


@dataclass
class Walked(World):
    """A world whose calls can be counted and failed. A dead worker's message does not come again: see ``Died``."""

    wire: Wire = field(default_factory=Wire)
    asked: int = 0
    """How often the real clock was read: no two readings are the same, as claims made one after the other tell."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.failed: Counter[str] = Counter()
        self.passes_at: Counter[datetime] = Counter()
        self.poison: list[str] = []
        self.timers_alive()

    def real_now(self) -> datetime:
        self.asked += 1
        return super().real_now() + timedelta(microseconds=self.asked)

    def timers_alive(self) -> None:
        """Start new workers for people's requests, timers and notices."""
        line = Line(self.wire)
        tables, bell = WireTables(self.tables, line), WireBell(self.bell, line)
        timetable = Timetable(tables, self.settings.zone)
        self.commands = Commands(tables, bell, self, self.settings, timetable, lambda: "ssh-rsa AAAAB3NzaC1yc2E=")
        self.sweeper = Sweeps(tables, bell, self, self.real_now, timetable)
        self.sweeps: Any = _Timers(self)
        self.delivery = Delivery(tables, bell, self, _Nobody())

    def worker(self, fate: Fate | None = None) -> Reconciler:
        del fate
        line = Line(self.wire)
        tables, bell = WireTables(self.tables, line), WireBell(self.bell, line)
        transport = WireTransport(self.arm, line)
        arm = ArmAzure(self.settings.arm_endpoint, SUBSCRIPTION, RESOURCE_GROUP, "bearer", transport=transport)
        return Reconciler(
            tables,
            bell,
            arm,
            self,
            self.real_now,
            self.settings.estate,
            self.settings.policy,
            Timetable(tables, self.settings.zone),
            Needs(tables, bell, self.settings),
            self.settings.caution,
        )

    async def _deliver(self) -> None:
        for name in self.bell.take(Queue.RECONCILE, self.now):
            self.passes += 1
            self.passes_at[self.now] += 1
            assert self.passes_at[self.now] < MOST_PASSES, f"passes without end at {self.now}"
            await self._one(Queue.RECONCILE, name, partial(self.reconciler.reconcile, name))
        for name in self.bell.take(Queue.NOTIFY, self.now):
            await self._one(Queue.NOTIFY, name, partial(self.delivery.notify, name))

    async def _one(self, queue: Queue, name: str, act: Callable[[], Awaitable[None]]) -> None:
        """Deliver one message as the host does: after an exception it shows again, and at last it is poison."""
        try:
            await act()
        except Died:
            self.reconciler = self.worker()
            self.timers_alive()
        except AzureFault:
            self.failed[name] += 1
            if self.failed[name] < MOST_DELIVERIES:
                await self.bell.ring(queue, name, SHOWN_AGAIN_AFTER)
            else:
                self.poison.append(name)
                self.failed[name] = 0
                await self.delivery.poisoned(queue, name)

    @staticmethod
    def wish(**wish: Any) -> BoxAsk:
        return BoxAsk(**wish)

    async def insist(self, act: Callable[[], Awaitable[Any]]) -> Any:
        """Have a person repeat a request until it is answered."""
        for _ in range(TRIES):
            try:
                return await act()
            except Died:
                self.timers_alive()
            except AzureFault:
                pass
            await self.pass_by(seconds=20)
        raise AssertionError("a person is never answered")


@dataclass
class _Timers:
    """Timers whose failures are nobody's: the next tick comes."""

    world: Walked

    async def sweep(self) -> None:
        await self._tick(self.world.sweeper.sweep)

    async def nightly(self) -> None:
        await self._tick(self.world.sweeper.nightly)

    async def _tick(self, act: Callable[[], Awaitable[Any]]) -> None:
        try:
            await act()
        except AzureFault:
            return
        except Died:
            self.world.timers_alive()


class _Nobody:
    async def send(self, message: dict[str, Any]) -> None:
        del message
