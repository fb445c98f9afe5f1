"""The schedules people may name: the built-in ones, and those an operator has stored."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lifecycle.ports import Row, Table, Tables, Value
from lifecycle.rules import Invalid
from lifecycle.schedule import Schedule, always, from_wire, never, office, to_wire

PARTITION = "schedules"
OFFICE = "office"
UNCHANGEABLE = ("always", "never")
BODY, LAST_GOOD = "body", "last_good"
"""The columns of a stored schedule: its text, and the text that could last be read."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A schedule as it is gone by. ``version`` changes whenever the stored row does; built-in ones have none."""

    schedule: Schedule
    version: str = ""
    trouble: str = ""
    """Why the stored text cannot be gone by, and what is gone by instead; empty where it can."""


class Timetable:
    """Reads schedules. What is stored and cannot be read never becomes ``always`` or ``never``: see ``_stored``."""

    def __init__(self, tables: Tables, zone: str) -> None:
        self.tables = tables
        self.builtin = {schedule.name: schedule for schedule in (always(), never(), office(zone))}

    async def of(self, names: Collection[str]) -> dict[str, Reading]:
        """Read these schedules; one that is gone stands as the office hours, so that nothing runs for ever."""
        found = {}
        for name in names:
            row = None if name in UNCHANGEABLE else await self.tables.get(Table.SCHEDULES, PARTITION, name)
            found[name] = self._stored(name, row) if row else Reading(self.builtin.get(name, self.builtin[OFFICE]))
        return found

    async def exists(self, name: str) -> bool:
        """Say whether people may name this schedule."""
        return name in self.builtin or await self.tables.get(Table.SCHEDULES, PARTITION, name) is not None

    async def every(self) -> dict[str, Reading]:
        """Read all schedules."""
        rows = await self.tables.query(Table.SCHEDULES, PARTITION)
        stored = {row.key: self._stored(row.key, row) for row in rows if row.key not in UNCHANGEABLE}
        return {name: Reading(schedule) for name, schedule in self.builtin.items()} | stored

    def _stored(self, name: str, row: Row) -> Reading:
        """Read a stored schedule; else the last good one; else one of them without its country; else the office hours.

        A row was good when it was written. It may be edited by hand, or name a zone or a country that a library
        has since dropped.
        """
        schedule, trouble = _read(name, row.values.get(BODY))
        if schedule:
            return Reading(schedule, row.etag)
        kept = row.values.get(LAST_GOOD)
        for text, what in (
            (kept, "the last good one"),
            (_without_country(row.values.get(BODY)), "it without its country's holidays"),
            (_without_country(kept), "the last good one without its country's holidays"),
        ):
            schedule, _ = _read(name, text)
            if schedule:
                return Reading(schedule, row.etag, f"schedule {name} cannot be read: {trouble}; {what} holds")
        hours = replace(self.builtin[OFFICE], name=name)
        return Reading(hours, row.etag, f"schedule {name} cannot be read: {trouble}; the office hours hold")


def cells_of(schedule: Schedule, by: str) -> dict[str, Value]:
    """Lay a schedule out in columns, as written by a person."""
    text = json.dumps(to_wire(schedule))
    return {BODY: text, LAST_GOOD: text, "by": by}


def _read(name: str, text: Value | None) -> tuple[Schedule | None, str]:
    try:
        return from_wire(name, json.loads(str(text))), ""
    except Invalid as broken:
        return None, str(broken)
    except (ValueError, RecursionError):
        return None, "it is no JSON"


def _without_country(text: Value | None) -> str:
    try:
        body: Mapping[str, Any] = json.loads(str(text))
        return json.dumps({**body, "holidays": {"dates": body["holidays"]["dates"]}})
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""
