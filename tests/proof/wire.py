"""Every call that leaves the app, numbered in one count, and what may go wrong with each."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from azure.core.rest import HttpRequest

from lifecycle.faults import AzureFault, Conflict, Fault, Meaning
from lifecycle.ports import Bell, Change, Insert, Queue, Remove, Replace, Row, Table, Tables
from sandbox.arm.arm import Arm
from sandbox.arm.transport import InProcessResponse, InProcessTransport
from tests.world.crash import Died

DEAD = (
    "the worker dies before it",
    "the worker dies after it",
)
LATE = timedelta(minutes=10)


class Sort(StrEnum):
    """What sort of call it is: the sort decides what may go wrong with it."""

    READ = "read"
    WRITE = "write"
    PUT = "put"
    RING = "ring"
    LOOK = "look"
    POLL = "poll"
    SESSIONS = "sessions"
    CHANGE = "change"


REFUSALS = (
    *("AnotherOperationInProgress", "RetryableError", "SkuNotAvailable", "OperationNotAllowed"),
    *("RequestDisallowedByPolicy", "AuthorizationFailed", "ScopeLocked", "MissingSubscriptionRegistration"),
    *("ExpiredAuthenticationToken", "ParentResourceNotFound", "SomethingNobodyHeardOf"),
)
"""One error code for each meaning that ``faults`` knows, and one that it does not."""

SILENCES = ("no-connection", "lost-reply", "server-error", "html")
THROTTLED = ("throttled-seconds", "throttled-date", "throttled")
KINDS: dict[Sort, tuple[str, ...]] = {
    Sort.READ: (*DEAD[:1], "storage is silent"),
    Sort.WRITE: (*DEAD, "storage is silent", "written, and storage is silent", "conflict", "written, yet a conflict"),
    Sort.PUT: (*DEAD, "storage is silent", "written, and storage is silent"),
    Sort.RING: (*DEAD, "storage is silent", "lost", "twice", "late"),
    Sort.LOOK: (*DEAD[:1], *SILENCES, *THROTTLED, "stale", "refuse:AuthorizationFailed"),
    Sort.POLL: (*DEAD[:1], *SILENCES, *THROTTLED, "operation-expired"),
    Sort.SESSIONS: (*DEAD[:1], *SILENCES, "sessions-array", "sessions-null", "sessions-empty", "sessions-error"),
    Sort.CHANGE: (
        *DEAD,
        *SILENCES,
        *THROTTLED,
        *(f"refuse:{code}" for code in REFUSALS),
        *("late-failed:InternalServerError", "late-failed:AllocationFailed", "late-canceled", "stuck"),
    ),
}
"""All that is tried with each sort of call. Names that are no sentence are the simulator's own faults."""


@dataclass
class Wire:
    """Counts the calls while it is ``open``, and asks ``met`` what is to go wrong with each."""

    met: Callable[[int, Sort, str], str] = lambda number, sort, name: ""  # noqa: ARG005 -- nothing does
    open: bool = False
    calls: list[tuple[Sort, str]] = field(default_factory=list)

    def meet(self, sort: Sort, name: str) -> str:
        if not self.open:
            return ""
        self.calls.append((sort, name))
        return self.met(len(self.calls), sort, name)


@dataclass
class Line:
    """One worker's, or one person's, end of the wire. Once its owner is dead nothing goes over it any more."""

    wire: Wire
    dead: bool = False

    async def call(self, sort: Sort, name: str, act: Callable[[], Awaitable[Any]], twist: Callable[[str], Any]) -> Any:
        """Do one call; a kind that is not a death is left to ``twist``, which does it its own way."""
        if self.dead:
            raise Died(name)
        kind = self.wire.meet(sort, name)
        if kind == DEAD[0]:
            self.dead = True
            raise Died(name)
        done = await (twist(kind) if kind and kind not in DEAD else act())
        if kind == DEAD[1]:
            self.dead = True
        if self.dead:
            raise Died(name)
        return done


def silence(what: str) -> AzureFault:
    """Make what the storage adapters raise when storage does not answer."""
    return AzureFault(Fault("StorageTimeout", f"{what} took too long", Meaning.RETRY))


@dataclass
class WireTables:
    """Tables behind a wire."""

    inner: Tables
    line: Line

    async def get(self, table: Table, partition: str, key: str) -> Row | None:
        row: Row | None = await self._read(f"get {table}", lambda: self.inner.get(table, partition, key))
        return row

    async def query(
        self, table: Table, partition: str, first: str = "", before: str | None = None, limit: int | None = None
    ) -> list[Row]:
        rows: list[Row] = await self._read(
            f"query {table}", lambda: self.inner.query(table, partition, first, before, limit)
        )
        return rows

    async def scan(self, table: Table, first: str = "", before: str | None = None) -> AsyncIterator[Row]:
        async def act() -> list[Row]:
            return [row async for row in self.inner.scan(table, first, before)]

        for row in await self._read(f"scan {table}", act):
            yield row

    async def _read(self, name: str, act: Callable[[], Awaitable[Any]]) -> Any:
        async def twist(kind: str) -> Any:
            raise silence(f"{name}, {kind}")

        return await self.line.call(Sort.READ, name, act, twist)

    async def commit(self, table: Table, partition: str, changes: Sequence[Change]) -> dict[str, str]:
        name = f"write {table}"

        async def act() -> dict[str, str]:
            return await self.inner.commit(table, partition, changes)

        async def twist(kind: str) -> dict[str, str]:
            if kind.startswith("written"):
                await act()
            if kind.endswith("conflict"):
                raise Conflict(table, partition)
            raise silence(name)

        sort = Sort.WRITE if any(_may_conflict(change) for change in changes) else Sort.PUT
        etags: dict[str, str] = await self.line.call(sort, name, act, twist)
        return etags


def _may_conflict(change: Change) -> bool:
    return isinstance(change, Insert | Replace) or (isinstance(change, Remove) and bool(change.etag))


@dataclass
class WireBell:
    """Queues behind a wire."""

    inner: Bell
    line: Line

    async def ring(self, queue: Queue, name: str, after: timedelta = timedelta()) -> None:
        async def act() -> None:
            await self.inner.ring(queue, name, after)

        async def twist(kind: str) -> None:
            match kind:
                case "lost":
                    return
                case "twice":
                    await act()
                    await act()
                case "late":
                    await self.inner.ring(queue, name, after + LATE)
                case _:
                    raise silence(f"ringing {queue}")

        await self.line.call(Sort.RING, f"ring {queue}", act, twist)


class WireTransport(InProcessTransport):
    """The way to ARM behind a wire: the simulator's own faults, each for one request."""

    def __init__(self, arm: Arm, line: Line) -> None:
        super().__init__(arm)
        self._line = line

    async def send(self, request: HttpRequest, **kwargs: Any) -> InProcessResponse:
        async def act() -> InProcessResponse:
            return await super(WireTransport, self).send(request, **kwargs)

        async def twist(kind: str) -> InProcessResponse:
            self._arm.faults.add(kind)
            return await act()

        path = request.url.partition("?")[0]
        name = f"{request.method} {'/'.join(path.split('/')[-2:])}"
        answer: InProcessResponse = await self._line.call(_sort_of(request.method, path), name, act, twist)
        return answer


def _sort_of(method: str, path: str) -> Sort:
    if path.lower().endswith("/getactivesessions"):
        return Sort.SESSIONS
    if method != "GET":
        return Sort.CHANGE
    return Sort.POLL if "/operation" in path.lower() else Sort.LOOK


def numbered(calls: Sequence[tuple[Sort, str]]) -> list[str]:
    """Write a list of calls for people."""
    return [f"{number} {sort} {name}" for number, (sort, name) in zip(itertools.count(1), calls, strict=False)]
