"""The page's money: what the period cost by day, meter, person and team, what it saved, and how budgets stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from lifecycle.bill import Bill
from lifecycle.budgets import Standing
from lifecycle.costs import UNATTRIBUTED, CostRow
from lifecycle.reading import Reading
from lifecycle.savings import Savings as Saved
from lifecycle.settings import Settings
from lifecycle.walltime import midnight
from lifecycle.web.costs_api import CURRENCY
from lifecycle.web.page import Budget, CostLine, DayCost, Money, Rival, Savings

ONE_DAY = timedelta(days=1)
ALWAYS_ON = "a Bastion Basic per stack and the same machines, never turned off"
RUNBOOK = "the same, up on weekdays from 07:00 to 20:00"
HUB = "one Bastion Basic per region for all stacks, never turned off; machines as they really ran"


class Accounts:
    """Adds up for the page."""

    def __init__(self, bill: Bill, settings: Settings) -> None:
        self.bill = bill
        self.zone = ZoneInfo(settings.zone)

    async def of(self, days: int, now: datetime) -> Money:
        """Say what the last ``days`` civil days cost, today included."""
        today = now.astimezone(self.zone).date()
        first, before = today - (days - 1) * ONE_DAY, today + ONE_DAY
        period = self._midnight(first), self._midnight(before)
        reading = await self.bill.reading()
        meters = await reading.costs(*period, "meter")
        people = await reading.costs(*period, "owner")
        teams = _lines((await reading.costs(*period, "team")).rows)
        month = await reading.costs(self._midnight(today.replace(day=1)), period[1], "meter")
        by_day = await self._by_day(reading, first, before)
        return Money(
            currency=CURRENCY,
            from_day=first,
            before_day=before,
            prices_as_of=meters.prices.as_of,
            total=meters.total,
            least_total=meters.least_total,
            month=month.total,
            today=by_day[-1].total,
            days=by_day,
            meters=_lines(meters.rows),
            people=_lines(people.rows),
            teams=teams if {line.key for line in teams} - {UNATTRIBUTED} else (),
            savings=_savings(await reading.savings(*period)),
            budgets=tuple(_budget(each) for each in await self.bill.standings(reading)),
        )

    async def _by_day(self, reading: Reading, first: date, before: date) -> tuple[DayCost, ...]:
        """List every day of the period, also those that cost nothing."""
        days: dict[str, dict[str, Decimal]] = {}
        for row in await reading.daily(self._midnight(first), self._midnight(before), "meter"):
            days.setdefault(row.day, {})[row.key] = row.amount
        every = [first + number * ONE_DAY for number in range((before - first).days)]
        return tuple(DayCost(day, days.get(day.isoformat(), {})) for day in every)

    def _midnight(self, day: date) -> datetime:
        return midnight(day, self.zone)


def _savings(found: Saved) -> Savings | None:
    """Show the rivals; none where nobody had anything."""
    if not found.always_on:
        return None
    rivals = (
        Rival("always on", ALWAYS_ON, found.always_on),
        Rival("nightly runbook", RUNBOOK, found.runbook),
        Rival("shared hub", HUB, found.hub),
    )
    return Savings(found.actual, rivals, found.hours_open, found.hours_used, found.hours_idle_tail, found.hours_waited)


def _budget(each: Standing) -> Budget:
    budget = each.budget
    return Budget(budget.name, budget.scope, budget.usd, each.spent, each.forecast, budget.stop)


def _lines(rows: Sequence[CostRow]) -> tuple[CostLine, ...]:
    """Order by amount, the greatest first."""
    lines = (CostLine(row.key, row.hours, row.amount, row.least_amount, row.unpriced) for row in rows)
    return tuple(sorted(lines, key=lambda line: (-line.amount, line.key)))
