"""How budgets stood when somebody last looked, as rows: so that a request for a box need not add up the month."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from lifecycle.budgets import Budget, Standing
from lifecycle.ports import Put, Row, Table, Tables

BUDGETS = "budgets"
"""A partition of ``Rollups``."""


async def write_standings(tables: Tables, standings: Iterable[Standing]) -> None:
    """Note how budgets stand."""
    rows = [
        Row(_key(each.budget, each.month), {"spent": str(each.spent), "forecast": str(each.forecast)})
        for each in standings
    ]
    for row in rows:
        await tables.commit(Table.ROLLUPS, BUDGETS, [Put(row)])


async def read_standings(tables: Tables, budgets: Iterable[Budget], month: str) -> tuple[Standing, ...]:
    """Read how budgets stood in a month; those of which nothing was noted are left out."""
    found = []
    for budget in budgets:
        row = await tables.get(Table.ROLLUPS, BUDGETS, _key(budget, month))
        if row is not None:
            amounts = (Decimal(str(row.values[name])) for name in ("spent", "forecast"))
            found.append(Standing(budget, month, *amounts))
    return tuple(found)


def _key(budget: Budget, month: str) -> str:
    return f"{month}|{budget.scope}|{budget.name}"
