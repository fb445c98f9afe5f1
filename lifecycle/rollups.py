"""Finished days, summed: written by the nightly round, summed again when a fact comes late, read by every bill.

A day is a civil day of the app's zone. Each grouping of it is a few rows, however many stacks there are: the
partition is the month, the key the grouping, the day and a number, the cells hold JSON from key to amount.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from lifecycle import ledger
from lifecycle.costs import GROUPINGS, USD, Amount, Cells, Rule, Whose, cells, grouped
from lifecycle.courses import Courses
from lifecycle.folds import CELLS, texts_of
from lifecycle.ledger import LATE, ROLLED_UP, STATE
from lifecycle.meters import Books
from lifecycle.ports import LARGEST_BATCH, Change, Put, Remove, Row, Table, Tables
from lifecycle.price_list import read_book
from lifecycle.prices import PriceBook
from lifecycle.rows import instant_of, instant_text
from lifecycle.savings import Savings, saved
from lifecycle.walltime import midnight

FINISHED = "finished"
STORED = tuple(by for by in GROUPINGS if by != "day")
SAVED = "saved"
LONGEST_BACK = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Finished:
    """Which days may be read as sums: those before ``until`` (a midnight), the first of which began at ``since``."""

    since: datetime
    until: datetime


class Rollups:
    """Sums finished days, and reads them. ``zone`` and ``rule`` are those of the app: changed, all is summed anew."""

    def __init__(
        self, tables: Tables, zone: ZoneInfo, rule: Rule, team_of: Callable[[str], str | None] = lambda _: None
    ) -> None:
        self.tables = tables
        self.zone = zone
        self.rule = rule
        self.courses = Courses(rule, team_of)

    @property
    def mark(self) -> str:
        """Say by which zone and rule days are summed, and in what money."""
        return f"{self.zone.key}|{self.rule.quantum}|{self.rule.start}|{USD}"

    async def finished(self) -> Finished | None:
        """Say which days may be read as sums; None where none may."""
        rows = {row.key: row for row in await self.tables.query(Table.ROLLUPS, STATE)}
        done = rows.get(FINISHED)
        if done is None or done.values.get("mark") != self.mark:
            return None
        since, until = (instant_of(str(done.values[name])) for name in ("since", "until"))
        late = [instant_of(key.removeprefix(LATE)) for key in rows if key.startswith(LATE)]
        return Finished(since, min([until, *(self.midnight_of(at) for at in late)]))

    def midnight_of(self, at: datetime) -> datetime:
        """Give the beginning of the civil day that an instant lies in."""
        return midnight(at.astimezone(self.zone).date(), self.zone)

    async def facts(self, since_at: datetime) -> Books:
        """Read what can matter to a bill from an instant on, with the team of each person."""
        return self.courses.with_teams((await ledger.facts(self.tables, since_at),))

    async def finish(self, now: datetime) -> int:
        """Sum all days that have ended and were not summed, or not with all facts; returns how many.

        What is to be summed is noted before the facts are read: a fact that comes after that marks itself late.
        """
        today = self.midnight_of(now)
        rows = await self.tables.query(Table.ROLLUPS, STATE)
        late = [row for row in rows if row.key.startswith(LATE)]
        done = await self.finished()
        since = done.until if done else await self._first_day(now)
        first = min(done.since, since) if done else since
        if since >= today and not late:
            return 0
        note = {"until": instant_text(today)}
        await self.tables.commit(Table.ROLLUPS, STATE, [Put(Row(ROLLED_UP, note))])
        books = await self.facts(since)
        book = await read_book(self.tables)
        found = _by_day(cells(books, book, (since, today), now, self.rule, self.zone))
        days = 0
        for day, from_at, to_at in self._days(since, today):
            await self.write_day(day, found.get(day.isoformat(), {}))
            await self._write_saved(day, books, book, (from_at, to_at), now)
            days += 1
        state = {"since": instant_text(first), "until": instant_text(today), "mark": self.mark}
        await self.tables.commit(Table.ROLLUPS, STATE, [Put(Row(FINISHED, state))])
        for row in late:
            await self.tables.commit(Table.ROLLUPS, STATE, [Remove(row.key, row.etag)])
        return days

    async def _first_day(self, now: datetime) -> datetime:
        """Name the first day that anything was billed on."""
        day = await ledger.first_day(self.tables)
        books = await ledger.facts(self.tables, datetime.fromisoformat(day).replace(tzinfo=UTC) if day else now)
        first = min((meter.opened_claimed_at for meter in books.meters), default=now)
        return self.midnight_of(max(first, now - LONGEST_BACK))

    def _days(self, since: datetime, until: datetime) -> Iterable[tuple[date, datetime, datetime]]:
        day = since.astimezone(self.zone).date()
        while (begins_at := midnight(day, self.zone)) < until:
            yield day, begins_at, midnight(day + timedelta(days=1), self.zone)
            day += timedelta(days=1)

    async def write_day(self, day: date, found: Cells) -> None:
        """Write a day's sums of every grouping, in place of those there were."""
        for by in STORED:
            await self._write(by, day, grouped(found, by))

    async def _write(self, by: str, day: date, sums: Mapping[str, Amount]) -> None:
        """Write a day's sums of one grouping in as few rows as hold them, in place of those there were."""
        month, stem = f"{day:%Y-%m}", f"{by}!{day.isoformat()}!"
        rows = list(_rows_of(stem, sums))
        old = await self.tables.query(Table.ROLLUPS, month, stem, f"{stem}~")
        changes: list[Change] = [Put(row) for row in rows]
        changes += [Remove(row.key) for row in old if row.key not in {each.key for each in rows}]
        for begin in range(0, len(changes), _ROWS_AT_ONCE):
            await self.tables.commit(Table.ROLLUPS, month, changes[begin : begin + _ROWS_AT_ONCE])

    async def _write_saved(
        self, day: date, books: Books, book: PriceBook, period: tuple[datetime, datetime], now: datetime
    ) -> None:
        found = asdict(saved(books, book, period, now, self.rule, self.zone))
        row = Row(f"{SAVED}!{day.isoformat()}!", {name: str(value) for name, value in found.items()})
        await self.tables.commit(Table.ROLLUPS, f"{day:%Y-%m}", [Put(row)])

    async def sums(self, by: str, since: datetime, until: datetime) -> dict[tuple[str, str], Amount]:
        """Read the sums of finished days [since, until), midnights of the app's zone, by (day, key)."""
        found: dict[tuple[str, str], Amount] = {}
        async for day, row in self._read(by, since, until):
            for name, cell in row.values.items():
                if name.startswith("c"):
                    for key, amount in json.loads(str(cell)).items():
                        found[day, key] = Amount(*amount)
        return found

    async def saved(self, since: datetime, until: datetime) -> Savings:
        """Read what finished days [since, until) saved."""
        total = Savings()
        async for _, row in self._read(SAVED, since, until):
            total += Savings.read(row.values)
        return total

    async def _read(self, by: str, since: datetime, until: datetime) -> AsyncIterator[tuple[str, Row]]:
        first, last = (at.astimezone(self.zone).date() for at in (since, until))
        month = first.replace(day=1)
        while month < last:
            partition = f"{month:%Y-%m}"
            for row in await self.tables.query(
                Table.ROLLUPS, partition, f"{by}!{first.isoformat()}", f"{by}!{last.isoformat()}"
            ):
                yield row.key.split("!")[1], row
            month = (month + timedelta(days=32)).replace(day=1)


_ROWS_AT_ONCE = min(LARGEST_BATCH, 6)
"""A transaction holds 4 MiB (Table service limit), a row of ours half a megabyte at most."""


def _by_day(found: Cells) -> Mapping[str, Cells]:
    days: defaultdict[str, dict[tuple[str, Whose], Amount]] = defaultdict(dict)
    for (day, whose), amount in found.items():
        days[day][day, whose] = amount
    return days


def _rows_of(stem: str, sums: Mapping[str, Amount]) -> Iterable[Row]:
    texts = list(texts_of(dict(sorted(sums.items()))))
    for number, begin in enumerate(range(0, len(texts), CELLS)):
        yield Row(f"{stem}{number:03}", {f"c{n}": text for n, text in enumerate(texts[begin : begin + CELLS])})
