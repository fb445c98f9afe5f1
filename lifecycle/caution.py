"""A bound on what a mistake could take away: doors and machines deleted in an hour, everywhere together.

Closing time is left out of the count: then many go at once, and are meant to. Beyond the bound nothing is deleted,
operators are told, and one of them may lift it for a while. The count is kept in a row that everybody writes by
compare-and-swap, so it holds however many workers there are.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.faults import Conflict
from lifecycle.ports import Insert, Put, Replace, Row, Table, Tables
from lifecycle.rows import instant_of, instant_text

PARTITION = "deletions"
LIFTED = "lifted"
TRIES = 50
"""So many workers in a row may be quicker; more are a bug."""
LOOK_AGAIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Caution:
    """How careful the app is to be. ``dry_run``: it says what it would do and changes nothing in Azure."""

    dry_run: bool = False
    deletions_per_hour: int = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """How many were deleted in the hour of the clock, of how many; and until when the bound is lifted, by whom."""

    counted: int
    limit: int
    lifted_until: datetime | None
    lifted_by: str


class Tally:
    """Counts what is deleted."""

    def __init__(self, tables: Tables, limit: int) -> None:
        self.tables = tables
        self.limit = limit

    async def grant(self, now: datetime, wanted: Collection[str]) -> frozenset[str]:
        """Count deletions in, by a name that stays when they are tried again; gives those that may be done now."""
        if not wanted:
            return frozenset()
        key = f"{now:%Y-%m-%dT%H}"
        for _ in range(TRIES):
            row = await self.tables.get(Table.REQUESTS, PARTITION, key)
            known = _names(row)
            new = sorted(set(wanted) - set(known))
            room = len(new) if await self._is_lifted(now) else max(0, self.limit - len(known))
            granted = new[:room]
            if granted and not await self._count(row, key, [*known, *granted]):
                continue
            return frozenset(granted) | (set(wanted) & set(known))
        raise Conflict(Table.REQUESTS, PARTITION, key)

    async def _count(self, row: Row | None, key: str, names: list[str]) -> bool:
        counted = Row(key, {"names": json.dumps(names)}, row.etag if row else "")
        try:
            await self.tables.commit(Table.REQUESTS, PARTITION, [Replace(counted) if row else Insert(counted)])
        except Conflict:
            return False
        return True

    async def lift(self, until: datetime, by: str) -> None:
        """Have no bound until an instant."""
        cells = {"until": instant_text(until), "by": by}
        await self.tables.commit(Table.REQUESTS, PARTITION, [Put(Row(LIFTED, cells))])

    async def standing(self, now: datetime) -> Standing:
        """Say how the count stands."""
        names = _names(await self.tables.get(Table.REQUESTS, PARTITION, f"{now:%Y-%m-%dT%H}"))
        row = await self.tables.get(Table.REQUESTS, PARTITION, LIFTED)
        until = instant_of(str(row.values["until"])) if row else None
        lifted = until is not None and until > now
        by = str(row.values["by"]) if row and lifted else ""
        return Standing(len(names), self.limit, until if lifted else None, by)

    async def _is_lifted(self, now: datetime) -> bool:
        row = await self.tables.get(Table.REQUESTS, PARTITION, LIFTED)
        return row is not None and instant_of(str(row.values["until"])) > now


def _names(row: Row | None) -> list[str]:
    return [str(name) for name in json.loads(str(row.values["names"]))] if row else []
