"""Schedules over HTTP: everybody may read them, operators change them."""

from __future__ import annotations

from typing import Any

from lifecycle import due
from lifecycle.commands import tag_of
from lifecycle.faults import Conflict
from lifecycle.people import Person, Role
from lifecycle.ports import Bell, Change, Clock, Insert, Queue, Remove, Replace, Row, Table, Tables
from lifecycle.queries import Queries
from lifecycle.refusals import Missing, Stale, Taken, Unwanted
from lifecycle.schedule import from_wire, to_wire
from lifecycle.timetable import PARTITION, UNCHANGEABLE, Reading, Timetable, cells_of
from lifecycle.web import fields
from lifecycle.web.answers import Answer, Request, answer


class ScheduleApi:
    """Reads and changes schedules; whoever follows one is rung when it changes."""

    def __init__(self, tables: Tables, bell: Bell, clock: Clock, queries: Queries, timetable: Timetable) -> None:
        self.tables = tables
        self.bell = bell
        self.clock = clock
        self.queries = queries
        self.timetable = timetable

    async def every(self, request: Request, person: Person) -> Answer:
        """GET /api/schedules."""
        person.must_be(Role.READER)
        fields.query(request.query)
        every = await self.timetable.every()
        return answer(200, {"value": [_view(every[name]) for name in sorted(every)], "nextLink": None})

    async def get(self, request: Request, person: Person) -> Answer:
        """GET /api/schedules/{name}."""
        person.must_be(Role.READER)
        reading = await self._known(_name(request))
        return answer(200, _view(reading), {"ETag": tag_of(reading.version)})

    async def put(self, request: Request, person: Person) -> Answer:
        """PUT /api/schedules/{name}."""
        person.must_be(Role.OPERATOR)
        name = _name(request)
        if name in UNCHANGEABLE:
            raise Unwanted("is built in and cannot be changed; choose another name", "name")
        schedule = from_wire(name, fields.json_object(request.body))
        version = await self._version(request, name)
        row = Row(name, cells_of(schedule, person.name), version)
        etags = await self._commit(name, Replace(row) if version else Insert(row))
        await self._ring_followers(name)
        return answer(200, _view(Reading(schedule)), {"ETag": tag_of(etags[name])})

    async def delete(self, request: Request, person: Person) -> Answer:
        """DELETE /api/schedules/{name}; refused while a box follows it."""
        person.must_be(Role.OPERATOR)
        name = _name(request)
        if name in UNCHANGEABLE:
            raise Unwanted("is built in and cannot be deleted", "name")
        await self._known(name)
        version = await self._version(request, name)
        followers = await self._followers(name)
        if followers and name not in self.timetable.builtin:
            raise Taken(f"boxes of the stacks {', '.join(followers)} follow it", "name")
        if version:
            await self._commit(name, Remove(name, version))
        await self._ring_followers(name)
        return answer(200, {"name": name, "deleted": True})

    async def _known(self, name: str) -> Reading:
        every = await self.timetable.every()
        if name not in every:
            raise Missing(f"there is no schedule {name}", "name")
        return every[name]

    async def _version(self, request: Request, name: str) -> str:
        """Give the version that is to be changed; empty where none is stored. Raises Stale."""
        match = request.headers.get("if-match")
        every = await self.timetable.every()
        if match not in (None, "*") and (name not in every or tag_of(every[name].version) != match):
            raise Stale(f"schedule {name} has changed since; read it again", "If-Match")
        return every[name].version if name in every else ""

    async def _commit(self, name: str, change: Change) -> dict[str, str]:
        try:
            return await self.tables.commit(Table.SCHEDULES, PARTITION, [change])
        except Conflict:
            raise Stale(f"schedule {name} was changed at this very moment; read it again", "If-Match") from None

    async def _followers(self, name: str) -> list[str]:
        return [
            rows.name
            async for rows in self.queries.stacks()
            if any(name in box.value.schedule_names and not rows.is_gone(key) for key, box in rows.boxes.items())
        ]

    async def _ring_followers(self, name: str) -> None:
        now = await self.clock.read()
        for stack in await self._followers(name):
            await due.note(self.tables, due.Due(now, stack))
            await self.bell.ring(Queue.RECONCILE, stack)


def _name(request: Request) -> str:
    value = request.route["name"]
    if not fields.NAME.fullmatch(value):
        raise fields.Malformed("name", fields.NAME_RULE)
    return value


def _view(reading: Reading) -> dict[str, Any]:
    trouble = {"trouble": reading.trouble} if reading.trouble else {}
    return {"name": reading.schedule.name, **to_wire(reading.schedule), **trouble}
