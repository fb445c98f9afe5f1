"""The page's money, from the books: what the period cost by day, meter, person and team, and against always-on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from lifecycle.costs import UNATTRIBUTED, CostRow, always_on, report
from lifecycle.meters import Books
from lifecycle.prices import DEFAULT_BOOK
from lifecycle.queries import Queries
from lifecycle.settings import Settings
from lifecycle.walltime import midnight
from lifecycle.web.costs_api import CURRENCY
from lifecycle.web.page import CostLine, DayCost, Money, Rival, Savings

ONE_DAY = timedelta(days=1)


class Accounts:
    """Adds up for the page."""

    def __init__(self, queries: Queries, settings: Settings) -> None:
        self.queries = queries
        self.zone = ZoneInfo(settings.zone)
        self.quantum = settings.billing_quantum

    async def of(self, days: int, now: datetime) -> Money:
        """Say what the last ``days`` civil days cost, today included."""
        books = await self.queries.books()
        today = now.astimezone(self.zone).date()
        first, before = today - (days - 1) * ONE_DAY, today + ONE_DAY
        meters = self._rows(books, first, before, "meter", now)
        by_day = self._by_day(books, [row.key for row in meters], first, before, now)
        month = self._rows(books, today.replace(day=1), before, "meter", now)
        amount = _sum(meters)
        rival = always_on(books.meters, DEFAULT_BOOK, self._midnight(first), self._midnight(before), now)
        teams = _lines(self._rows(books, first, before, "team", now))
        return Money(
            currency=CURRENCY,
            from_day=first,
            before_day=before,
            prices_as_of=min(price.as_of for price in DEFAULT_BOOK.prices()),
            total=amount,
            least_total=sum((row.least_amount for row in meters), Decimal()),
            month=_sum(month),
            today=by_day[-1].total,
            days=by_day,
            meters=_lines(meters),
            people=_lines(self._rows(books, first, before, "owner", now)),
            teams=teams if {line.key for line in teams} - {UNATTRIBUTED} else (),
            savings=Savings(amount, (Rival("always on", ALWAYS_ON, rival),)) if rival else None,
        )

    def _by_day(
        self, books: Books, names: Sequence[str], first: date, before: date, now: datetime
    ) -> tuple[DayCost, ...]:
        """Cut each meter's time into days: one pass over the books by meter, not one by day."""
        days: dict[str, dict[str, Decimal]] = {}
        for name in names:
            only = Books(tuple(meter for meter in books.meters if meter.meter == name), ())
            for row in self._rows(only, first, before, "day", now):
                days.setdefault(row.key, {})[name] = row.amount
        every = [first + number * ONE_DAY for number in range((before - first).days)]
        return tuple(DayCost(day, days.get(day.isoformat(), {})) for day in every)

    def _rows(self, books: Books, first: date, before: date, by: str, now: datetime) -> tuple[CostRow, ...]:
        from_at, to_at = self._midnight(first), self._midnight(before)
        return report(
            books.meters, books.tenancies, DEFAULT_BOOK, from_at, to_at, by, now, self.quantum, zone=self.zone
        )

    def _midnight(self, day: date) -> datetime:
        return midnight(day, self.zone)


ALWAYS_ON = "a Bastion Basic per stack and the same machines, never turned off"


def _sum(rows: Sequence[CostRow]) -> Decimal:
    return sum((row.amount for row in rows), Decimal())


def _lines(rows: Sequence[CostRow]) -> tuple[CostLine, ...]:
    """Order by amount, the greatest first."""
    lines = (CostLine(row.key, row.hours, row.amount, row.least_amount, row.unpriced) for row in rows)
    return tuple(sorted(lines, key=lambda line: (-line.amount, line.key)))
