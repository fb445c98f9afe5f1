"""Budgets: what a team or a stack may cost in a month, how it stands, and where it is heading. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

SCOPES = ("team", "stack")
WARN_AT = (80, 100)
LARGEST_USD = 10_000_000
MOST_PERCENT = 1000
LEAST_ELAPSED = timedelta(days=1)
"""A forecast from less would be noise."""
_FIELDS = {"usd", "warnAt", "stop"}


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent a month (USD), in the days of the app's zone.

    ``warn_at`` are the per cents at which people are told; ``stop`` refuses new boxes from 100 per cent on. A box that
    exists is never cut.
    """

    scope: str
    name: str
    usd: Decimal
    warn_at: tuple[int, ...] = WARN_AT
    stop: bool = False

    @property
    def key(self) -> str:
        """Name it, e.g. ``team/platform``."""
        return f"{self.scope}/{self.name}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a budget stands in a month (``2026-11``): spent so far and expected at its end, in USD."""

    budget: Budget
    month: str
    spent: Decimal
    forecast: Decimal

    @property
    def percent(self) -> float:
        """How much of it is spent."""
        return float(100 * self.spent / self.budget.usd)

    @property
    def reached(self) -> tuple[int, ...]:
        """Which of its thresholds are reached."""
        return tuple(at for at in sorted(self.budget.warn_at) if self.spent * 100 >= self.budget.usd * at)

    @property
    def stopped(self) -> bool:
        """Whether new boxes are refused."""
        return self.budget.stop and self.spent >= self.budget.usd


def budgets_of(text: str) -> tuple[Budget, ...]:
    """Read ``{"team/platform": {"usd": 500, "warnAt": [80, 100], "stop": true}}``. Raises ValueError."""
    said = json.loads(text)
    if not isinstance(said, dict):
        raise ValueError("must be an object")
    return tuple(_budget(key, each) for key, each in sorted(said.items()))


def _budget(key: str, said: object) -> Budget:
    scope, _, name = key.partition("/")
    if scope not in SCOPES or not name or not isinstance(said, dict) or not set(said) <= _FIELDS:
        raise ValueError(f"{key} must be team/<name> or stack/<name>, with usd, warnAt and stop")
    usd, stop, warn_at = said.get("usd"), said.get("stop", False), said.get("warnAt", list(WARN_AT))
    if isinstance(usd, bool) or not isinstance(usd, int | float) or not 0 < usd <= LARGEST_USD:
        raise ValueError(f"usd of {key} must be an amount above 0")
    if not isinstance(stop, bool) or not isinstance(warn_at, list):
        raise ValueError(f"stop of {key} must be true or false, warnAt a list")
    if not all(isinstance(at, int) and not isinstance(at, bool) and 0 < at <= MOST_PERCENT for at in warn_at):
        raise ValueError(f"warnAt of {key} must hold per cents from 1 to {MOST_PERCENT}")
    return Budget(scope, name, Decimal(str(usd)), tuple(sorted(set(warn_at))), stop)


def standing(
    budget: Budget, month: str, spent: Decimal, began_at: datetime, ends_at: datetime, now: datetime
) -> Standing:
    """Say how a budget stands. The rest of the month is expected to go on as it has gone so far."""
    elapsed = max(now - began_at, LEAST_ELAPSED)
    rest = max(ends_at - now, timedelta())
    rate = spent / Decimal(elapsed / timedelta(hours=1))
    return Standing(budget, month, spent, spent + rate * Decimal(rest / timedelta(hours=1)))


def refusal(standings: Iterable[Standing], team: str | None, stack: str) -> str | None:
    """Say why nothing new may be asked for by a team, or in a stack; None where it may."""
    for each in standings:
        mine = each.budget.name == (team if each.budget.scope == "team" else stack)
        if mine and each.stopped:
            return (
                f"the budget of {each.budget.scope} {each.budget.name} for {each.month} is spent: {each.spent:.2f} of"
                f" {each.budget.usd:.2f} USD. Boxes that exist go on; new ones may be asked for next month"
            )
    return None
