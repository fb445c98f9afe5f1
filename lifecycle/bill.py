"""What reads money, and does with it what is done now and then: budgets are watched and days summed."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from lifecycle.budgets import Budget, Standing, standing
from lifecycle.costs import Quantum, Rule
from lifecycle.meters import Start
from lifecycle.notices import Notice, tell
from lifecycle.ports import Bell, Clock, Tables
from lifecycle.price_list import read_book
from lifecycle.purse import write_standings
from lifecycle.reading import Costs, DayRow, Reading
from lifecycle.rollups import Rollups
from lifecycle.savings import Savings
from lifecycle.settings import Settings
from lifecycle.walltime import midnight


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

    async def reading(self) -> Reading:
        """Look at the books as they are now."""
        now, book = await self.clock.read(), await read_book(self.tables)
        return Reading(self.rollups, self.settings, book, await self.rollups.finished(), now)

    async def costs(self, from_at: datetime, to_at: datetime, by: str, zone: ZoneInfo | None = None) -> Costs:
        """Sum a period, as ``Reading.costs`` does."""
        return await (await self.reading()).costs(from_at, to_at, by, zone)

    async def daily(self, from_at: datetime, to_at: datetime, by: str, zone: ZoneInfo | None = None) -> list[DayRow]:
        """Give what each key cost on each day, as ``Reading.daily`` does."""
        return await (await self.reading()).daily(from_at, to_at, by, zone)

    async def savings(self, from_at: datetime, to_at: datetime) -> Savings:
        """Say what a period saved, as ``Reading.savings`` does."""
        return await (await self.reading()).savings(from_at, to_at)

    async def standings(self, reading: Reading | None = None) -> tuple[Standing, ...]:
        """Say how each budget stands this month, in the days of the app's zone; by a look taken before, where given."""
        return await self._standings(self.settings.budgets, reading)

    async def _standings(self, budgets: tuple[Budget, ...], reading: Reading | None) -> tuple[Standing, ...]:
        if not budgets:
            return ()
        reading = reading or await self.reading()
        first = reading.now.astimezone(self.zone).date().replace(day=1)
        next_first = (first + timedelta(days=32)).replace(day=1)
        began_at, ends_at = midnight(first, self.zone), midnight(next_first, self.zone)
        spent = {
            scope: {row.key: row.amount for row in (await reading.costs(began_at, ends_at, scope)).rows}
            for scope in {budget.scope for budget in budgets}
        }
        return tuple(
            standing(
                each, f"{first:%Y-%m}", spent[each.scope].get(each.name, Decimal()), began_at, ends_at, reading.now
            )
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


def _key_safe(name: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
