"""What the jump boxes cost and saved, over HTTP: a period, a grouping, JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from lifecycle.bill import Bill
from lifecycle.commands import Where
from lifecycle.costs import GROUPINGS, CostRow, report
from lifecycle.people import Person, Role
from lifecycle.price_list import read_book
from lifecycle.queries import Queries
from lifecycle.reading import Costs
from lifecycle.settings import US_DOLLAR, Settings
from lifecycle.walltime import midnight
from lifecycle.web import fields, views
from lifecycle.web.answers import Answer, Request, answer
from lifecycle.web.fields import Malformed

CURRENCY = US_DOLLAR
LONGEST_PERIOD = timedelta(days=366)
PAGE = 1000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A cell that begins so would be run by a spreadsheet (OWASP: CSV injection)."""
TRANSFER = {"gigabytes": None, "amount": None, "note": "what Bastion sends out is billed, and cannot be read here"}
"""Data transfer is not known. That is not the same as free."""
PERIOD = ("from", "to", "zone")


class CostApi:
    """Reads the books for people."""

    def __init__(self, queries: Queries, settings: Settings, bill: Bill) -> None:
        self.queries = queries
        self.settings = settings
        self.bill = bill
        self.zone = ZoneInfo(settings.zone)

    async def get(self, request: Request, person: Person) -> Answer:
        """GET /api/costs. A period of civil days in ``zone``, half-open, or of instants; rows in order of keys."""
        person.must_be(Role.READER)
        query = fields.query(request.query, *PERIOD, "by", "format", "currency", "after", "limit")
        from_at, to_at, zone = self._period(request, await self.queries.now())
        by = _one_of(request, "by", GROUPINGS, "meter")
        shape = _one_of(request, "format", ("json", "csv"), "json")
        known = tuple(dict.fromkeys((self.settings.currency, US_DOLLAR)))
        currency = _one_of(request, "currency", known, self.settings.currency)
        limit = _limit(query.get("limit"))
        costs = await self.bill.costs(from_at, to_at, by, zone)
        rate = costs.exchange_rate if currency != US_DOLLAR else Decimal(1)
        if shape == "csv":
            return _csv([_row(row, by, currency, rate) for row in costs.rows])
        rest = [row for row in costs.rows if row.key > query.get("after", "")]
        cells = [_row(row, by, currency, rate) for row in rest[:limit]]
        link = None
        if len(rest) > limit:
            others = {name: text for name, text in query.items() if name not in ("after", "limit")}
            link = f"{urlsplit(request.url).path}?{urlencode({'limit': limit, 'after': rest[limit - 1].key, **others})}"
        return answer(200, {"value": cells, "nextLink": link, **_about(costs, currency, rate, zone)})

    async def savings(self, request: Request, person: Person) -> Answer:
        """GET /api/costs/savings. What a period cost, and what its rivals would have; USD."""
        person.must_be(Role.READER)
        fields.query(request.query, *PERIOD)
        from_at, to_at, _ = self._period(request, await self.queries.now())
        found = await self.bill.savings(from_at, to_at)
        rivals = {"alwaysOn": found.always_on, "runbook": found.runbook, "hub": found.hub}
        return answer(
            200,
            {
                "from": views.instant(from_at),
                "to": views.instant(to_at),
                "currency": US_DOLLAR,
                "actual": _number(found.actual),
                "rivals": {name: _number(usd) for name, usd in rivals.items()},
                "saved": {name: _number(usd - found.actual) for name, usd in rivals.items()},
                "hoursOpen": _number(found.hours_open),
                "hoursUsed": _number(found.hours_used),
                "hoursIdleTail": _number(found.hours_idle_tail),
                "hoursWaited": _number(found.hours_waited),
            },
        )

    async def budgets(self, request: Request, person: Person) -> Answer:
        """GET /api/budgets. How each budget stands this month; USD."""
        person.must_be(Role.READER)
        fields.query(request.query)
        value = [
            {
                "scope": each.budget.scope,
                "name": each.budget.name,
                "month": each.month,
                "budget": _number(each.budget.usd),
                "spent": _number(each.spent),
                "forecast": _number(each.forecast),
                "currency": US_DOLLAR,
                "percent": round(each.percent, 1),
                "warnAt": list(each.budget.warn_at),
                "reached": list(each.reached),
                "stop": each.budget.stop,
                "stopped": each.stopped,
            }
            for each in await self.bill.standings()
        ]
        return answer(200, {"value": value, "nextLink": None})

    async def of_box(self, where: Where) -> dict[str, Any]:
        """Say what one box has cost so far, with its share of the door."""
        now = await self.queries.now()
        books = await self.queries.books(where.stack)
        rows = report(
            books.meters,
            books.tenancies,
            await read_book(self.bill.tables),
            now - LONGEST_PERIOD,
            now,
            "box",
            now,
            self.settings.billing_quantum,
            zone=self.zone,
            connections=books.connections,
            start=self.settings.billing_start,
        )
        mine = next((row for row in rows if row.key == f"{where.stack}/{where.box}"), None)
        amount = mine.amount if mine else 0
        return {"amount": round(float(amount), 4), "currency": CURRENCY, "until": views.instant(now)}

    def _period(self, request: Request, now: datetime) -> tuple[datetime, datetime, ZoneInfo]:
        zone = _zone(request.query.get("zone"), self.zone)
        today = now.astimezone(zone).date()
        from_at = _instant(request, "from", today.replace(day=1), zone)
        to_at = _instant(request, "to", today + timedelta(days=1), zone)
        if not from_at < to_at:
            raise Malformed("to", "must be later than from; a period is half-open, so to is the first day left out")
        if to_at - from_at > LONGEST_PERIOD:
            raise Malformed("from", f"must not be more than {LONGEST_PERIOD.days} days before to")
        return from_at, to_at, zone


def _zone(text: str | None, default: ZoneInfo) -> ZoneInfo:
    if text is None:
        return default
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, LookupError):  # what zoneinfo raises for a name that is none, or a path
        raise Malformed("zone", "must be an IANA zone, e.g. Europe/Berlin") from None


def _instant(request: Request, name: str, default: date, zone: ZoneInfo) -> datetime:
    text = request.query.get(name)
    if text is None:
        return midnight(default, zone)
    try:
        if len(text) == len("2026-11-23"):
            return midnight(date.fromisoformat(text), zone)
        at = datetime.fromisoformat(text.replace(" ", "+"))
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):  # a zone may lead beyond the calendar
        pass
    raise Malformed(name, "must be a day, e.g. 2026-11-23, or an instant with a zone")


def _limit(text: str | None) -> int:
    if text is None:
        return PAGE
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= PAGE):
        raise Malformed("limit", f"must be a whole number from 1 to {PAGE}")
    return int(text)


def _one_of(request: Request, name: str, words: Sequence[str], default: str) -> str:
    word = request.query.get(name, default)
    if word not in words:
        raise Malformed(name, f"must be one of {', '.join(words)}")
    return word


def _number(value: Decimal) -> float:
    return round(float(value), 6)


def _about(costs: Costs, currency: str, rate: Decimal, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "by": costs.by,
        "from": views.instant(costs.from_at),
        "to": views.instant(costs.to_at),
        "zone": zone.key,
        "currency": currency,
        "exchangeRate": float(rate),
        "pricesAsOf": costs.prices.as_of.isoformat(),
        "pricesAgeDays": costs.prices.age_days,
        "pricesFromList": costs.prices.own,
        "total": _number(costs.total * rate),
        "leastTotal": _number(costs.least_total * rate),
        "totalUsd": _number(costs.total),
        "dataTransfer": TRANSFER,
    }


def _row(row: CostRow, by: str, currency: str, rate: Decimal) -> dict[str, Any]:
    cells = {
        "key": row.key,
        "hours": _number(row.hours),
        "leastHours": _number(row.least_hours),
        "amount": _number(row.amount * rate),
        "leastAmount": _number(row.least_amount * rate),
        "currency": currency,
        "unpriced": row.unpriced,
    }
    return {**cells, "meter": row.key} if by == "meter" else cells


def _csv(rows: Sequence[dict[str, Any]]) -> Answer:
    """Write the rows for a spreadsheet, which must not run any of them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    columns = ["key", "hours", "leastHours", "amount", "leastAmount", "currency", "unpriced"]
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_harmless(row[column]) for column in columns])
    headers = {"Content-Disposition": 'attachment; filename="costs.csv"', "Cache-Control": "no-store"}
    return Answer(200, text.getvalue(), "text/csv; charset=utf-8", headers)


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell
