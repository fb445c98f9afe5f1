"""The one reader of money: sums of finished days where there are some, facts for the rest, and what follows from both.

A query reads as many rows as it has days and groups, and for the days that are not finished what runs and what ended
since. It never reads all meters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from lifecycle.budgets import Budget, Standing, standing
from lifecycle.costs import GROUPINGS, Amount, CostRow, Quantum, Rule, cells, rows
from lifecycle.meters import Start
from lifecycle.notices import Notice, tell
from lifecycle.ports import Bell, Clock, Tables
from lifecycle.price_list import read_book
from lifecycle.prices import PriceBook
from lifecycle.purse import write_standings
from lifecycle.rollups import Rollups
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


class Bill:
    """Reads what things cost."""

    def __init__(self, tables: Tables, bell: Bell, clock: Clock, settings: Settings) -> None:
        self.tables = tables
        self.bell = bell
        self.clock = clock
        self.settings = settings
        self.zone = ZoneInfo(settings.zone)
        self.rule = Rule(Quantum(settings.billing_quantum), Start(settings.billing_start))
        self.rollups = Rollups(tables, self.zone, self.rule, settings.team_of)

    async def costs(self, from_at: datetime, to_at: datetime, by: str, zone: ZoneInfo | None = None) -> Costs:
        """Sum a period [from_at, to_at) by one of ``GROUPINGS``; ``zone`` says where a day begins.

        Raises ValueError for an unknown grouping.
        """
        now, book = await self.clock.read(), await read_book(self.tables)
        sums = await self._sums((from_at, to_at), by, zone or self.zone, now, book)
        found: defaultdict[str, Amount] = defaultdict(Amount)
        for (day, key), amount in sums.items():
            name = day if by == "day" else key
            found[name] = found[name].plus(amount)
        currency, rate = self.settings.currency, self.settings.exchange_rate
        return Costs(from_at, to_at, by, rows(found, by), currency, rate, self._freshness(book, now))

    async def daily(self, from_at: datetime, to_at: datetime, by: str, zone: ZoneInfo | None = None) -> list[DayRow]:
        """Give what each key cost on each day, in order of day and key; days are those of ``zone``."""
        now, book = await self.clock.read(), await read_book(self.tables)
        sums = await self._sums((from_at, to_at), by, zone or self.zone, now, book, daily=True)
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
        now, book = await self.clock.read(), await read_book(self.tables)
        middle, rest = await self._split((from_at, to_at))
        total = await self.rollups.saved(*middle) if middle else Savings()
        if rest:
            books = await self.rollups.facts(min(since for since, _ in rest))
            for period in rest:
                total += saved(books, book, period, now, self.rule, self.zone)
        return total

    async def standings(self) -> tuple[Standing, ...]:
        """Say how each budget stands this month, in the days of the app's zone."""
        return await self._standings(self.settings.budgets)

    async def _standings(self, budgets: tuple[Budget, ...]) -> tuple[Standing, ...]:
        if not budgets:
            return ()
        now = await self.clock.read()
        first = now.astimezone(self.zone).date().replace(day=1)
        next_first = (first + timedelta(days=32)).replace(day=1)
        began_at, ends_at = midnight(first, self.zone), midnight(next_first, self.zone)
        spent = {
            scope: {row.key: row.amount for row in (await self.costs(began_at, ends_at, scope)).rows}
            for scope in {budget.scope for budget in budgets}
        }
        return tuple(
            standing(each, f"{first:%Y-%m}", spent[each.scope].get(each.name, Decimal()), began_at, ends_at, now)
            for each in budgets
        )

    async def watch_budgets(self) -> None:
        """Note how budgets stand, and tell people, once in a month, of each threshold that is reached."""
        standings = await self.standings()
        await write_standings(self.tables, standings)
        now = await self.clock.read()
        for each in standings:
            for percent in each.reached:
                text = (
                    f"{each.budget.scope} {each.budget.name} has spent {percent} per cent of its {each.month} budget:"
                    f" {each.spent:.2f} of {each.budget.usd:.2f} USD, {each.forecast:.2f} expected by its end"
                    f"{'; new boxes are refused' if each.stopped else ''}"
                )
                place = each.budget.name if each.budget.scope == "stack" else "budgets"
                topic = f"{each.month}!{each.budget.scope}!{_key_safe(each.budget.name)}!{percent}"
                await tell(self.tables, self.bell, Notice("budget", place, "", "operators", text, topic), now)

    async def finish_days(self) -> int:
        """Sum the days that have ended; returns how many were."""
        return await self.rollups.finish(await self.clock.read())

    async def _sums(
        self, period: Period, by: str, zone: tzinfo, now: datetime, book: PriceBook, *, daily: bool = False
    ) -> Mapping[tuple[str, str], Amount]:
        """Sum by (day, key). Days of another zone than the app's are not those that were summed: facts tell them."""
        if by not in GROUPINGS:
            raise ValueError(f"{by} is no grouping; there are {', '.join(GROUPINGS)}")
        key = "meter" if by == "day" else by
        middle, rest = await self._split(period)
        if (daily or by == "day") and zone != self.zone:
            middle, rest = None, [period]
        sums: defaultdict[tuple[str, str], Amount] = defaultdict(Amount)
        if middle:
            sums.update(await self.rollups.sums(key, *middle))
        if rest:
            books = await self.rollups.facts(min(since for since, _ in rest))
            for part in rest:
                for (day, whose), amount in cells(books, book, part, now, self.rule, zone).items():
                    sums[day, whose.named(key)] = sums[day, whose.named(key)].plus(amount)
        return sums

    async def _split(self, period: Period) -> tuple[Period | None, list[Period]]:
        """Cut a period into the finished days in its middle, and what is left at its ends."""
        done = await self.rollups.finished()
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

    def _freshness(self, book: PriceBook, now: datetime) -> Prices:
        """Say how fresh the prices of the app's region are, each at its latest."""
        meters = {price.meter for price in book.prices()}
        latest = [price for meter in meters if (price := book.price(meter, self.settings.region))]
        as_of = min(price.as_of for price in latest)
        return Prices(as_of, max((now.date() - as_of).days, 0), sum(bool(price.region) for price in latest))


def _key_safe(name: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
