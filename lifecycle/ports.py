"""What the shell needs from the world: each port has one real adapter in ``cloud`` and one twin in the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from lifecycle.faults import Fault
from lifecycle.model import Count, Kind, SessionSeen, Verb

Value = str | int | float | bool
"""What a cell may hold: instants are ISO 8601 text in UTC, structures are JSON text."""

Body = Mapping[str, Any]
"""One ARM resource in its wire shape."""


class Table(StrEnum):
    """The tables, and who writes what in them: see docs/architecture.md."""

    STACKS = "Stacks"
    SESSIONS = "Sessions"
    METERS = "Meters"
    ROLLUPS = "Rollups"
    AUDIT = "Audit"
    OUTBOX = "Outbox"
    REQUESTS = "Requests"
    DUE = "Due"
    RANGES = "Ranges"
    PRICES = "Prices"
    SCHEDULES = "Schedules"
    TROUBLES = "Troubles"
    BOARD = "Board"


class Queue(StrEnum):
    """The queues: a message is a name and nothing else."""

    RECONCILE = "reconcile"
    CHORES = "chores"
    NOTIFY = "notify"


class Chore(StrEnum):
    """What a message of ``chores`` may ask for."""

    PRICES = "prices"
    ORPHANS = "orphans"


@dataclass(frozen=True, slots=True)
class Row:
    """One entity. ``etag`` is empty for a row that has not been stored yet."""

    key: str
    values: Mapping[str, Value]
    etag: str = ""
    partition: str = ""


@dataclass(frozen=True, slots=True)
class Insert:
    """Store a row that must not exist yet."""

    row: Row


@dataclass(frozen=True, slots=True)
class Replace:
    """Store a row in place of the version that was read (``row.etag``)."""

    row: Row


@dataclass(frozen=True, slots=True)
class Put:
    """Store a row whatever was there: only for rows whose content is the same whoever writes it."""

    row: Row


@dataclass(frozen=True, slots=True)
class Remove:
    """Take a row away: the version that was read, or with an empty ``etag`` any; absent is fine when empty."""

    key: str
    etag: str = ""


Change = Insert | Replace | Put | Remove

LARGEST_BATCH = 100
"""Changes one transaction takes (Table service limit; Azurite breaks on 101, so the adapter guards it)."""


class Tables(Protocol):
    """The database."""

    async def get(self, table: Table, partition: str, key: str) -> Row | None:
        """Read one row."""
        ...

    async def query(
        self,
        table: Table,
        partition: str,
        first: str = "",
        before: str | None = None,
        limit: int | None = None,
    ) -> list[Row]:
        """Read one partition's rows in key order: ``first`` <= key < ``before``, at most ``limit``."""
        ...

    def scan(self, table: Table, first: str = "", before: str | None = None) -> AsyncIterator[Row]:
        """Read rows of all partitions in order, page by page: ``first`` <= partition < ``before``."""
        ...

    async def commit(self, table: Table, partition: str, changes: Sequence[Change]) -> dict[str, str]:
        """Apply all changes or none; returns key -> new etag of the stored rows.

        Raises Conflict where a row was not as expected, ValueError beyond LARGEST_BATCH.
        """
        ...


class Bell(Protocol):
    """The queues."""

    async def ring(self, queue: Queue, name: str, after: timedelta = timedelta()) -> None:
        """Have ``name`` delivered to the queue's function, ``after`` so long (simulated time in the sandbox)."""
        ...


class Clock(Protocol):
    """Where ``now`` comes from; only the shell asks."""

    async def read(self) -> datetime:
        """Say what time it is, aware UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """Azure took a mutation. ``token`` resumes its operation (None: it is done); ``wait`` is its wish."""

    token: str | None
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """One poll's answer: running, or ended (``fault`` None: well)."""

    running: bool
    wait: timedelta | None = None
    fault: Fault | None = None


class Azure(Protocol):
    """Azure Resource Manager, as far as this project goes. Every method may raise AzureFault."""

    async def look(self, kind: Kind, arm_id: str) -> Body | None:
        """GET one resource (a VM with its instance view); None where it answers 404."""
        ...

    async def begin(self, verb: Verb, kind: Kind, arm_id: str, body: Body | None, claim_age: float) -> Accepted:
        """Send one mutation and poll nothing.

        ``claim_age`` is how many real seconds old the claim already is. Raises Overdue where the request would
        leave later than 30 real seconds after the claim. A DELETE of something absent is accepted without token.
        """
        ...

    async def poll(self, verb: Verb, kind: Kind, arm_id: str, token: str) -> Progress:
        """Ask once how the operation goes. An unusable or forgotten token is a fault with meaning LOST."""
        ...

    async def sessions(self, bastion_id: str) -> tuple[SessionSeen, ...]:
        """Read who is connected. Anything but a well-formed answer raises AzureFault: unknown, never "nobody"."""
        ...

    async def counts(self, bastion_id: str, from_at: datetime, until_at: datetime) -> tuple[Count, ...]:
        """Read the Session Count metric, interval by interval; what it has no number for is left out."""
        ...

    async def disconnect(self, bastion_id: str, session_ids: Sequence[str]) -> None:
        """End these sessions."""
        ...


class Inventory(Protocol):
    """What there is in the resource group, for who searches. Reads only; every method may raise AzureFault."""

    async def every(self, kind: Kind) -> tuple[Body, ...]:
        """List all resources of one type, all pages or none; a kind that lives in another cannot be listed.

        A list may lack for minutes what a GET shows already, and show what is gone (bosh-azure-cpi#765).
        """
        ...

    async def look(self, kind: Kind, arm_id: str) -> Body | None:
        """GET one resource; None where it answers 404."""
        ...
