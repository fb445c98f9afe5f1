"""A worker that dies at its n-th effect: before it, or after Azure or the storage has taken it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lifecycle.model import Count, Kind, SessionSeen, Verb
from lifecycle.ports import Accepted, Azure, Bell, Body, Change, Progress, Queue, Row, Table, Tables


class Died(BaseException):
    """The process is gone: nothing after this point happens."""


@dataclass
class Fate:
    """Counts effects and ends the worker at one of them, ``before`` or after it is done."""

    at: int | None = None
    before: bool = True
    effects: int = 0
    names: list[str] = field(default_factory=list)

    async def meet(self, name: str, act: Any) -> Any:
        self.effects += 1
        self.names.append(name)
        if self.effects == self.at and self.before:
            act.close()
            raise Died(name)
        done = await act
        if self.effects == self.at:
            raise Died(name)
        return done


@dataclass
class MortalTables:
    """Tables whose writes may be the worker's last."""

    inner: Tables
    fate: Fate

    async def get(self, table: Table, partition: str, key: str) -> Row | None:
        return await self.inner.get(table, partition, key)

    async def query(
        self, table: Table, partition: str, first: str = "", before: str | None = None, limit: int | None = None
    ) -> list[Row]:
        return await self.inner.query(table, partition, first, before, limit)

    def scan(self, table: Table, first: str = "", before: str | None = None) -> AsyncIterator[Row]:
        return self.inner.scan(table, first, before)

    async def commit(self, table: Table, partition: str, changes: Sequence[Change]) -> dict[str, str]:
        kept: dict[str, str] = await self.fate.meet(f"write {table}", self.inner.commit(table, partition, changes))
        return kept


@dataclass
class MortalBell:
    """A bell whose rings may be the worker's last."""

    inner: Bell
    fate: Fate

    async def ring(self, queue: Queue, name: str, after: timedelta = timedelta()) -> None:
        await self.fate.meet(f"ring {queue}", self.inner.ring(queue, name, after))


@dataclass
class MortalAzure:
    """Azure, whose mutations may be the worker's last."""

    inner: Azure
    fate: Fate

    async def look(self, kind: Kind, arm_id: str) -> Body | None:
        return await self.inner.look(kind, arm_id)

    async def begin(self, verb: Verb, kind: Kind, arm_id: str, body: Body | None, claim_age: float) -> Accepted:
        act = self.inner.begin(verb, kind, arm_id, body, claim_age)
        accepted: Accepted = await self.fate.meet(f"{verb} {kind.name}", act)
        return accepted

    async def poll(self, verb: Verb, kind: Kind, arm_id: str, token: str) -> Progress:
        return await self.inner.poll(verb, kind, arm_id, token)

    async def sessions(self, bastion_id: str) -> tuple[SessionSeen, ...]:
        return await self.inner.sessions(bastion_id)

    async def counts(self, bastion_id: str, from_at: datetime, until_at: datetime) -> tuple[Count, ...]:
        return await self.inner.counts(bastion_id, from_at, until_at)

    async def disconnect(self, bastion_id: str, session_ids: Sequence[str]) -> None:
        await self.inner.disconnect(bastion_id, session_ids)
