"""Tables in memory: changes when the promise of ``ports.Tables`` does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from lifecycle.cloud.table_limits import check_commit, key_of
from lifecycle.faults import Conflict
from lifecycle.ports import Insert, Put, Remove, Replace, Row, Table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from lifecycle.ports import Change


@dataclass
class MemoryTables:
    """The twin of ``AzureTables``: every call gives other tasks a chance to run before it takes effect."""

    rows: dict[Table, dict[tuple[str, str], Row]] = field(default_factory=lambda: {table: {} for table in Table})
    commits: int = 0
    _versions: count[int] = field(default_factory=count)

    async def get(self, table: Table, partition: str, key: str) -> Row | None:
        await asyncio.sleep(0)
        return self.rows[table].get((partition, key))

    async def query(
        self, table: Table, partition: str, first: str = "", before: str | None = None, limit: int | None = None
    ) -> list[Row]:
        await asyncio.sleep(0)
        found = [row for row in self._sorted(table) if row.partition == partition and _within(row.key, first, before)]
        return found if limit is None else found[: max(limit, 0)]

    async def scan(self, table: Table, first: str = "", before: str | None = None) -> AsyncIterator[Row]:
        await asyncio.sleep(0)
        for row in self._sorted(table):
            if _within(row.partition, first, before):
                yield row

    async def commit(self, table: Table, partition: str, changes: Sequence[Change]) -> dict[str, str]:
        check_commit(table, partition, changes)
        await asyncio.sleep(0)
        rows = self.rows[table]
        for change in changes:
            if not _applies(change, rows.get((partition, key_of(change)))):
                raise Conflict(table, partition, key_of(change) if len(changes) == 1 else "")
        etags: dict[str, str] = {}
        for change in changes:
            if isinstance(change, Remove):
                rows.pop((partition, change.key), None)
                continue
            etags[change.row.key] = etag = f'W/"{next(self._versions)}"'
            stored = replace(change.row, values=dict(change.row.values), etag=etag, partition=partition)
            rows[partition, change.row.key] = stored
        self.commits += bool(changes)
        return etags

    def _sorted(self, table: Table) -> list[Row]:
        return sorted(self.rows[table].values(), key=lambda row: (_order(row.partition), _order(row.key)))


def _applies(change: Change, current: Row | None) -> bool:
    match change:
        case Insert():
            return current is None
        case Put():
            return True
        case Replace(row):
            return current is not None and current.etag == row.etag
        case Remove(_, etag):
            return not etag or (current is not None and current.etag == etag)


def _within(key: str, first: str, before: str | None) -> bool:
    return _order(first) <= _order(key) and (before is None or _order(key) < _order(before))


def _order(key: str) -> bytes:
    """Order as the service does: by UTF-16 code unit."""
    return key.encode("utf-16-be", "surrogatepass")
