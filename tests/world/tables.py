"""Tables in memory: changes when the promise of ``ports.Tables`` does."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from lifecycle.cloud.table_limits import check_commit, key_of
from lifecycle.faults import Conflict
from lifecycle.ports import Insert, Put, Remove, Replace, Row, Table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from lifecycle.ports import Change


@dataclass
class MemoryTables:
    """The twin of ``AzureTables``: every call gives other tasks a chance to run before it takes effect."""

    rows: dict[Table, dict[tuple[str, str], Row]] = field(default_factory=lambda: {table: {} for table in Table})
    commits: int = 0
    _versions: count[int] = field(default_factory=count)
    _index: dict[Table, tuple[int, dict[str, list[str]]]] = field(default_factory=dict)
    """Each table's keys by partition, both in order, and how many rows there were when they were sorted."""

    async def get(self, table: Table, partition: str, key: str) -> Row | None:
        await asyncio.sleep(0)
        return self.rows[table].get((partition, key))

    async def query(
        self, table: Table, partition: str, first: str = "", before: str | None = None, limit: int | None = None
    ) -> list[Row]:
        await asyncio.sleep(0)
        keys = _between(self._keys(table).get(partition, []), first, before)
        return [self.rows[table][partition, key] for key in (keys if limit is None else keys[: max(limit, 0)])]

    async def scan(self, table: Table, first: str = "", before: str | None = None) -> AsyncIterator[Row]:
        await asyncio.sleep(0)
        found = _between(sorted(self._keys(table), key=_order), first, before)
        ordered = [(name, key) for name in found for key in self._keys(table)[name]]
        for row in [self.rows[table][each] for each in ordered]:
            yield row

    async def commit(self, table: Table, partition: str, changes: Sequence[Change]) -> dict[str, str]:
        check_commit(table, partition, changes)
        await asyncio.sleep(0)
        rows = self.rows[table]
        for change in changes:
            if not _applies(change, rows.get((partition, key_of(change)))):
                raise Conflict(table, partition, key_of(change) if len(changes) == 1 else "")
        etags: dict[str, str] = {}
        keys = self._keys(table)
        for change in changes:
            place = partition, key_of(change)
            if isinstance(change, Remove):
                if rows.pop(place, None):
                    keys[partition].remove(change.key)
                continue
            etags[change.row.key] = etag = self._version()
            if place not in rows:
                insort(keys.setdefault(partition, []), change.row.key, key=_order)
            rows[place] = replace(change.row, values=dict(change.row.values), etag=etag, partition=partition)
        self._index[table] = len(rows), keys
        self.commits += bool(changes)
        return etags

    def touch(self, table: Table, partition: str, keys: Iterable[str]) -> None:
        """Write rows over with what they hold, as somebody else might have: what they were read as is out of date."""
        rows = self.rows[table]
        for key in keys:
            rows[partition, key] = replace(rows[partition, key], etag=self._version())

    def _version(self) -> str:
        return f'W/"{next(self._versions)}"'

    def _keys(self, table: Table) -> dict[str, list[str]]:
        """Name the keys of each partition in order; sorted anew where a test has put rows in or taken some away."""
        rows = self.rows[table]
        number, keys = self._index.get(table, (-1, {}))
        if number != len(rows):
            keys = {}
            for partition, key in sorted(rows, key=lambda place: _order(place[1])):
                keys.setdefault(partition, []).append(key)
            self._index[table] = len(rows), keys
        return keys


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


def _between(ordered: list[str], first: str, before: str | None) -> list[str]:
    begin = bisect_left(ordered, _order(first), key=_order) if first else 0
    return ordered[begin : None if before is None else bisect_left(ordered, _order(before), key=_order)]


def _order(key: str) -> bytes:
    """Order as the service does: by UTF-16 code unit."""
    return key.encode("utf-16-be", "surrogatepass")
