"""The schedules people may name: the built-in ones, and those an operator has stored."""

from __future__ import annotations

import json
from collections.abc import Collection

from lifecycle.ports import Row, Table, Tables
from lifecycle.schedule import Schedule, always, from_wire, never, office

PARTITION = "schedules"
OFFICE = "office"
UNCHANGEABLE = ("always", "never")


class Timetable:
    """Reads schedules. ``version`` changes whenever a schedule does; built-in ones have none."""

    def __init__(self, tables: Tables, zone: str) -> None:
        self.tables = tables
        self.builtin = {schedule.name: schedule for schedule in (always(), never(), office(zone))}

    async def of(self, names: Collection[str]) -> dict[str, tuple[Schedule, str]]:
        """Read these schedules; one that is gone stands as the office hours, so that nothing runs for ever."""
        found = {}
        for name in names:
            row = None if name in UNCHANGEABLE else await self.tables.get(Table.SCHEDULES, PARTITION, name)
            found[name] = self._of(name, row)
        return found

    async def exists(self, name: str) -> bool:
        """Say whether people may name this schedule."""
        return name in self.builtin or await self.tables.get(Table.SCHEDULES, PARTITION, name) is not None

    async def every(self) -> dict[str, tuple[Schedule, str]]:
        """Read all schedules."""
        rows = await self.tables.query(Table.SCHEDULES, PARTITION)
        stored = {row.key: self._of(row.key, row) for row in rows}
        return {name: (schedule, "") for name, schedule in self.builtin.items()} | stored

    def _of(self, name: str, row: Row | None) -> tuple[Schedule, str]:
        if row is not None:
            return from_wire(name, json.loads(str(row.values["body"]))), row.etag
        return self.builtin.get(name, self.builtin[OFFICE]), ""
