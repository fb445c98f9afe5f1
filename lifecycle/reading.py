"""One look at the books, for as many questions as somebody has at that moment: the facts are read and cut once.

A question reads as many rows as it has days and groups: sums of finished days where there are some. For the days that
are not finished there are copies of what runs and of what ended since, folded into a few rows. It never reads all
meters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import chain

from lifecycle.costs import GROUPINGS, Amount, Cells, CostRow, Rule, named, rows, summed
from lifecycle.courses import Pieces
from lifecycle.ledger import facts_of_stacks
from lifecycle.prices import PriceBook
from lifecycle.rollups import Finished, Rollups
from lifecycle.savings import Savings, saved
from lifecycle.settings import Settings
from lifecycle.walltime import midnight

Period = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Prices:
    """How fresh the prices are: the day on which the oldest of those in use was last read, and how long ago that is."""

    as_of: date
    age_days: int
    own: int
    """How many come from the region's own list; the others are the book's."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a period cost, in rows sorted by key. Amounts are USD; ``exchange_rate`` of ``currency`` make one."""

    from_at: datetime
    to_at: datetime
    by: str
    rows: tuple[CostRow, ...]
    currency: str
    exchange_rate: Decimal
    prices: Prices

    @property
    def total(self) -> Decimal:
        """The sum of all rows, USD."""
        return sum((row.amount for row in self.rows), Decimal())

    @property
    def least_total(self) -> Decimal:
        """What it was at least, USD."""
        return sum((row.least_amount for row in self.rows), Decimal())


@dataclass(frozen=True, slots=True)
class DayRow:
    """What one key of a grouping cost on one day: for charts. USD."""

    day: str
    key: str
    hours: Decimal
    amount: Decimal


class Reading:
    """Answers questions about money as of one instant, ``now``."""

    def __init__(
        self, rollups: Rollups, settings: Settings, book: PriceBook, done: Finished | None, now: datetime
    ) -> None:
        self.rollups = rollups
        self.settings = settings
        self.book = book
        self.done = done
        self.now = now
        self.zone = rollups.zone
        self.rule: Rule = rollups.rule
        self._since: datetime | None = None
        self._pieces: Mapping[str, Pieces] = {}
        self._cells: dict[tuple[Period, str], Cells] = {}
        self._sums_known: dict[tuple[Period, str, str, bool], Mapping[tuple[str, str], Amount]] = {}

    async def costs(self, from_at: datetime, to_at: datetime, by: str, zone: tzinfo | None = None) -> Costs:
        """Sum a period [from_at, to_at) by one of ``GROUPINGS``; ``zone`` says where a day begins.

        Raises ValueError for an unknown grouping.
        """
        sums = await self._sums((from_at, to_at), by, zone or self.zone)
        found = summed((day if by == "day" else key, amount) for (day, key), amount in sums.items())
        currency, rate = self.settings.currency, self.settings.exchange_rate
        return Costs(from_at, to_at, by, rows(found, by), currency, rate, self._freshness())

    async def daily(self, from_at: datetime, to_at: datetime, by: str, zone: tzinfo | None = None) -> list[DayRow]:
        """Give what each key cost on each day, in order of day and key; days are those of ``zone``."""
        sums = await self._sums((from_at, to_at), by, zone or self.zone, daily=True)
        by_day: defaultdict[str, dict[str, Amount]] = defaultdict(dict)
        for (day, key), amount in sums.items():
            by_day[day][key] = amount
        return [
            DayRow(day, row.key, row.hours, row.amount)
            for day, found in sorted(by_day.items())
            for row in rows(found, by)
        ]

    async def savings(self, from_at: datetime, to_at: datetime) -> Savings:
        """Say what a period saved against its rivals, USD, and how well it was used."""
        middle, rest = self._split((from_at, to_at))
        total = await self.rollups.saved(*middle) if middle else Savings()
        for part in rest:
            billed = await self._cut(part, self.zone)
            pieces = (piece for some in (await self._facts(part[0])).values() for piece in some)
            books = self.rollups.courses.with_teams(tuple(pieces))
            total += saved(books, self.book, part, self.now, self.rule, self.zone, billed)
        return total

    async def _sums(
        self, period: Period, by: str, zone: tzinfo, *, daily: bool = False
    ) -> Mapping[tuple[str, str], Amount]:
        """Sum by (day, key). Days of another zone than the app's are not those that were summed: facts tell them."""
        if by not in GROUPINGS:
            raise ValueError(f"{by} is no grouping; there are {', '.join(GROUPINGS)}")
        key = "meter" if by == "day" else by
        by_days = daily or by == "day"
        question = (period, key, str(zone), by_days and zone != self.zone)
        if question not in self._sums_known:
            self._sums_known[question] = await self._add_up(period, key, zone, by_days=by_days)
        return self._sums_known[question]

    async def _add_up(
        self, period: Period, key: str, zone: tzinfo, *, by_days: bool
    ) -> Mapping[tuple[str, str], Amount]:
        middle, rest = (None, [period]) if by_days and zone != self.zone else self._split(period)
        finished = await self.rollups.sums(key, *middle) if middle else {}
        cuts = [await self._cut(part, zone) for part in sorted(rest)]  # the earliest reads facts enough for all
        return summed(chain(finished.items(), *(named(cut, key) for cut in cuts)))

    async def _cut(self, part: Period, zone: tzinfo) -> Cells:
        known = self._cells.get((part, str(zone)))
        if known is None:
            facts = await self._facts(part[0])
            known = self.rollups.courses.cells(facts, self.book, part, self.now, zone)
            self._cells[part, str(zone)] = known
        return known

    async def _facts(self, since_at: datetime) -> Mapping[str, Pieces]:
        """Read the facts since an instant, unless more than those were read already."""
        if self._since is None or since_at < self._since:
            self._pieces, self._since = await facts_of_stacks(self.rollups.tables, since_at), since_at
        return self._pieces

    def _split(self, period: Period) -> tuple[Period | None, list[Period]]:
        """Cut a period into the finished days in its middle, and what is left at its ends."""
        done = self.done
        if done is None:
            return None, [period]
        first = self._midnight_not_before(max(period[0], done.since))
        last = self.rollups.midnight_of(min(period[1], done.until))
        if first >= last:
            return None, [period]
        before = (period[0], first) if done.since < first else (period[0], period[0])
        rest = [before, (last, period[1])]
        return (first, last), [(since, until) for since, until in rest if since < until]

    def _midnight_not_before(self, at: datetime) -> datetime:
        begins_at = self.rollups.midnight_of(at)
        if begins_at == at:
            return at
        return midnight(at.astimezone(self.zone).date() + timedelta(days=1), self.zone)

    def _freshness(self) -> Prices:
        """Say how fresh the prices of the app's region are, each at its latest."""
        meters = {price.meter for price in self.book.prices()}
        latest = [price for meter in meters if (price := self.book.price(meter, self.settings.region))]
        as_of = min(price.as_of for price in latest)
        return Prices(as_of, max((self.now.date() - as_of).days, 0), sum(bool(price.region) for price in latest))
