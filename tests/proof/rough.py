"""The ports as a process in trouble finds them: tables, bell and Azure, each of which may fail, or be its last word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from lifecycle.faults import AzureFault, Conflict, Fault, Meaning
from lifecycle.ports import Change, Queue, Remove, Replace, Row, Table
from sandbox.arm.transport import InProcessTransport
from tests.proof.life import LIFE, Weather
from tests.world.crash import Died
from tests.world.tables import MemoryTables

if TYPE_CHECKING:
    from sandbox.arm.arm import Arm
    from sandbox.arm.wire import Request, Response
    from tests.proof.watch import Watch

LONGEST_WAY_SECONDS = 15.0
"""A request is under way for so long at most: the adapter's time-out for an answer is 20 seconds."""
READS = ("GET", "HEAD")


@dataclass
class RoughTables:
    """Tables that may refuse, fall silent before or after a write was taken, and be a process's last effect."""

    inner: MemoryTables
    weather: Weather
    watch: Watch

    async def get(self, table: Table, partition: str, key: str) -> Row | None:
        await self._reached(table)
        return await self.inner.get(table, partition, key)

    async def query(
        self, table: Table, partition: str, first: str = "", before: str | None = None, limit: int | None = None
    ) -> list[Row]:
        await self._reached(table)
        return await self.inner.query(table, partition, first, before, limit)

    async def scan(self, table: Table, first: str = "", before: str | None = None) -> AsyncIterator[Row]:
        await self._reached(table)
        async for row in self.inner.scan(table, first, before):
            yield row

    async def commit(self, table: Table, partition: str, changes: Sequence[Change]) -> dict[str, str]:
        await self._reached(table)
        self.weather.strike_dead(f"before writing {table}")
        if _compares(changes) and self.weather.hits(self.weather.rates.table_conflict):
            self.watch.struck("table 412", table)
            raise Conflict(table, partition)
        try:
            etags = await self.inner.commit(table, partition, changes)
        except Conflict:
            self.watch.lost_race(table, partition)
            raise
        self.watch.committed(table, partition, changes)
        self.weather.strike_dead(f"after writing {table}")
        if self.weather.hits(self.weather.rates.table_silent):
            self.watch.struck("table timeout after the write", table)
            raise AzureFault(Fault("StorageTimeout", f"writing {table} took too long", Meaning.RETRY))
        if _stores(changes) and self.weather.hits(self.weather.rates.table_conflict):
            self.watch.struck("table 412 against our own write", table)
            self.inner.touch(table, partition, etags)
            raise Conflict(table, partition)
        await self.weather.go_on(LIFE.get())
        return etags

    async def _reached(self, table: Table) -> None:
        await self.weather.wait()
        if self.weather.hits(self.weather.rates.table_refused):
            self.watch.struck("table 5xx", table)
            raise AzureFault(Fault("ServerBusy", f"{table} is overloaded", Meaning.RETRY))


def _compares(changes: Sequence[Change]) -> bool:
    """Whether each change names the version that it read: only then can another's write have come between."""
    return all(isinstance(change, Replace) or (isinstance(change, Remove) and change.etag) for change in changes)


def _stores(changes: Sequence[Change]) -> bool:
    return any(not isinstance(change, Remove) for change in changes)


@dataclass
class RoughBell:
    """A bell whose message may be the process's last, may be refused, or sent though it seems refused."""

    send: Callable[[Queue, str, timedelta], None]
    weather: Weather
    watch: Watch

    async def ring(self, queue: Queue, name: str, after: timedelta = timedelta()) -> None:
        await self.weather.wait()
        self.weather.strike_dead(f"before ringing {queue}")
        if self.weather.hits(self.weather.rates.table_refused):
            self.watch.struck("queue 5xx", queue)
            raise AzureFault(Fault("ServerBusy", f"{queue} is overloaded", Meaning.RETRY))
        self.watch.rang(queue, name, after)
        self.send(queue, name, after)
        self.weather.strike_dead(f"after ringing {queue}")
        if self.weather.hits(self.weather.rates.table_silent):
            self.watch.struck("queue timeout after the send", queue)
            raise AzureFault(Fault("StorageTimeout", f"ringing {queue} took too long", Meaning.RETRY))


class RoughTransport(InProcessTransport):
    """The way to Azure. A process may stop before a read or after any answer, and die before or after a mutation.

    A mutation that has passed the pipeline's deadline is not held up for longer than a request can be under way:
    what a process does that is stopped in the very instant between that check and its socket is a window that the
    design writes down and does not close.
    """

    def __init__(self, arm: Arm, weather: Weather, watch: Watch) -> None:
        super().__init__(arm)
        self._simulator = arm
        self._weather = weather
        self._watch = watch

    async def exchange(self, request: Request) -> Response:
        """Have the simulator answer, if the process lives to ask; whoever asked may not live to hear it."""
        life, weather = LIFE.get(), self._weather
        changes = request.method not in READS
        if changes:
            await self._be_under_way()
            if not life.alive:
                raise Died(life.name)
            weather.strike_dead(f"before {request.method}")
        else:
            await weather.wait()
        sent = self._watch.sends(request, life)
        response = self._simulator.handle(request)
        self._watch.answered(sent, response)
        if changes:
            weather.strike_dead(f"after {request.method}")
        await asyncio.sleep(0)
        await weather.go_on(life)
        return response

    async def _be_under_way(self) -> None:
        drawn = self._weather.rng.random()
        if self._weather.raging and drawn < self._weather.rates.slow:
            await asyncio.sleep(self._weather.rng.uniform(0.01, LONGEST_WAY_SECONDS))
        else:
            await asyncio.sleep(0)
