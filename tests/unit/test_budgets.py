"""How a budget stands, and what follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.budgets import Budget, budgets_of, refusal, standing

FIRST, NEXT = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
RED = Budget("team", "red", Decimal(100), (50, 80, 100), stop=True)
money = st.decimals(0, 10_000, places=2)
hours = st.integers(0, 31 * 24)


def test_a_budget_is_read_with_its_thresholds_in_order() -> None:
    assert budgets_of('{"team/red": {"usd": 100, "warnAt": [80, 50, 100, 50], "stop": true}}') == (RED,)
    (plain,) = budgets_of('{"stack/main": {"usd": 12.5}}')
    assert (plain.key, plain.usd, plain.warn_at, plain.stop) == ("stack/main", Decimal("12.5"), (80, 100), False)


def test_half_a_month_at_half_the_budget_is_heading_for_all_of_it() -> None:
    found = standing(RED, "2026-11", Decimal(50), FIRST, NEXT, FIRST + timedelta(days=15))
    assert found.forecast == pytest.approx(Decimal(100))
    assert (found.percent, found.reached, found.stopped) == (50, (50,), False)


def test_the_first_minutes_of_a_month_foretell_no_fortune() -> None:
    found = standing(RED, "2026-11", Decimal(1), FIRST, NEXT, FIRST + timedelta(minutes=1))
    assert found.forecast < 32


@given(money, hours)
def test_what_is_expected_is_never_less_than_what_is_spent(spent: Decimal, hour: int) -> None:
    found = standing(RED, "2026-11", spent, FIRST, NEXT, FIRST + timedelta(hours=hour))
    assert found.forecast >= found.spent
    assert found.stopped == (100 in found.reached)


def test_a_spent_budget_refuses_its_own_team_and_nobody_else() -> None:
    spent = standing(RED, "2026-11", Decimal(100), FIRST, NEXT, NEXT)
    assert "red" in (refusal([spent], "red", "main") or "")
    assert refusal([spent], "blue", "red") is None
    assert refusal([spent], None, "main") is None


def test_a_budget_that_only_warns_refuses_nobody() -> None:
    loose = Budget("stack", "main", Decimal(1))
    assert refusal([standing(loose, "2026-11", Decimal(9), FIRST, NEXT, NEXT)], None, "main") is None
