"""The audit over HTTP: one stack's day, with the hashes that chain it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from lifecycle.people import Person, Role
from lifecycle.queries import Queries
from lifecycle.web import fields
from lifecycle.web.answers import Answer, Request, answer
from lifecycle.web.fields import NAME, NAME_RULE, Malformed


class AuditApi:
    """Reads the audit for people."""

    def __init__(self, queries: Queries) -> None:
        self.queries = queries

    async def get(self, request: Request, person: Person) -> Answer:
        """GET /api/audit?stack=&day=; the day is one of UTC, today when left out."""
        person.must_be(Role.READER)
        query = fields.query(request.query, "stack", "day")
        stack = query.get("stack", "")
        if not NAME.fullmatch(stack):
            raise Malformed("stack", NAME_RULE)
        text = query.get("day")
        try:
            day = date.fromisoformat(text) if text else (await self.queries.now()).date()
        except ValueError:
            raise Malformed("day", "must be a day, e.g. 2026-11-23") from None
        rows = await self.queries.audit(stack, datetime.combine(day, time(), UTC))
        value = [{"number": int(row.key), **row.values} for row in rows]
        return answer(200, {"value": value, "nextLink": None, "stack": stack, "day": day.isoformat()})
