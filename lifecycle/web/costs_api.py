"""What the jump boxes cost, over HTTP: a period, a grouping, JSON or CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lifecycle.commands import Where
from lifecycle.costs import GROUPINGS, CostRow, report
from lifecycle.people import Person, Role
from lifecycle.prices import DEFAULT_BOOK
from lifecycle.queries import Queries
from lifecycle.settings import Settings
from lifecycle.walltime import midnight
from lifecycle.web import fields, views
from lifecycle.web.answers import Answer, Request, answer
from lifecycle.web.fields import Malformed

CURRENCY = "USD"
LONGEST_PERIOD = timedelta(days=366)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so would be run by a spreadsheet (OWASP: CSV injection)."""


class CostApi:
    """Reads the books for people."""

    def __init__(self, queries: Queries, settings: Settings) -> None:
        self.queries = queries
        self.zone = ZoneInfo(settings.zone)
        self.quantum = settings.billing_quantum

    async def get(self, request: Request, person: Person) -> Answer:
        """GET /api/costs?from=&to=&by=&format=. A period of civil days in the app's zone, half-open, or of instants."""
        person.must_be(Role.READER)
        fields.query(request.query, "from", "to", "by", "format")
        now = await self.queries.now()
        from_at, to_at = self._period(request, now)
        by = _one_of(request, "by", GROUPINGS, "meter")
        shape = _one_of(request, "format", ("json", "csv"), "json")
        rows = await self._rows(from_at, to_at, by, now)
        if shape == "csv":
            return _csv(rows, by)
        return answer(200, _body(rows, by, from_at, to_at))

    async def of_box(self, where: Where) -> dict[str, Any]:
        """Say what one box has cost so far, with its share of the door."""
        now = await self.queries.now()
        books = await self.queries.books(where.stack)
        rows = report(
            books.meters,
            books.tenancies,
            DEFAULT_BOOK,
            now - LONGEST_PERIOD,
            now,
            "box",
            now,
            self.quantum,
            zone=self.zone,
        )
        mine = next((row for row in rows if row.key == f"{where.stack}/{where.box}"), None)
        amount = mine.amount if mine else 0
        return {"amount": round(float(amount), 4), "currency": CURRENCY, "until": views.instant(now)}

    async def _rows(self, from_at: datetime, to_at: datetime, by: str, now: datetime) -> tuple[CostRow, ...]:
        books = await self.queries.books()
        return report(
            books.meters, books.tenancies, DEFAULT_BOOK, from_at, to_at, by, now, self.quantum, zone=self.zone
        )

    def _period(self, request: Request, now: datetime) -> tuple[datetime, datetime]:
        today = now.astimezone(self.zone).date()
        from_at = self._instant(request, "from", today.replace(day=1))
        to_at = self._instant(request, "to", today + timedelta(days=1))
        if not from_at < to_at:
            raise Malformed("to", "must be later than from; a period is half-open, so to is the first day left out")
        if to_at - from_at > LONGEST_PERIOD:
            raise Malformed("from", f"must not be more than {LONGEST_PERIOD.days} days before to")
        return from_at, to_at

    def _instant(self, request: Request, name: str, default: date) -> datetime:
        text = request.query.get(name)
        if text is None:
            return self._midnight(default)
        try:
            if len(text) == len("2026-11-23"):
                return self._midnight(date.fromisoformat(text))
            at = datetime.fromisoformat(text.replace(" ", "+"))
            if at.tzinfo is not None:
                return at.astimezone(UTC)
        except (ValueError, OverflowError):  # a zone may lead beyond the calendar
            pass
        raise Malformed(name, "must be a day, e.g. 2026-11-23, or an instant with a zone")

    def _midnight(self, day: date) -> datetime:
        return midnight(day, self.zone)


def _one_of(request: Request, name: str, words: tuple[str, ...], default: str) -> str:
    word = request.query.get(name, default)
    if word not in words:
        raise Malformed(name, f"must be one of {', '.join(words)}")
    return word


def _body(rows: tuple[CostRow, ...], by: str, from_at: datetime, to_at: datetime) -> dict[str, Any]:
    return {
        "value": [_row(row, by) for row in rows],
        "nextLink": None,
        "by": by,
        "from": views.instant(from_at),
        "to": views.instant(to_at),
        "currency": CURRENCY,
        "pricesAsOf": min(price.as_of for price in DEFAULT_BOOK.prices()).isoformat(),
        "total": round(float(sum(row.amount for row in rows)), 6),
    }


def _row(row: CostRow, by: str) -> dict[str, Any]:
    cells = {
        "key": row.key,
        "hours": round(float(row.hours), 6),
        "leastHours": round(float(row.least_hours), 6),
        "amount": round(float(row.amount), 6),
        "currency": CURRENCY,
        "unpriced": row.unpriced,
    }
    return {**cells, "meter": row.key} if by == "meter" else cells


def _csv(rows: tuple[CostRow, ...], by: str) -> Answer:
    """Write the rows for a spreadsheet, which must not run any of them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    cells = [_row(row, by) for row in rows]
    columns = ["key", "hours", "leastHours", "amount", "currency", "unpriced"]
    writer.writerow(columns)
    for row in cells:
        writer.writerow([_harmless(row[column]) for column in columns])
    headers = {"Content-Disposition": 'attachment; filename="costs.csv"', "Cache-Control": "no-store"}
    return Answer(200, text.getvalue(), "text/csv; charset=utf-8", headers)


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell
