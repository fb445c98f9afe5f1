"""What one stack reads of another's rows: a hub's, by the stacks that use it; their needs, by the hub."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from lifecycle.estate import Estate
from lifecycle.hubs import believed, foreign_hub, is_foreign, outlook_of, own_hub
from lifecycle.model import Hub, Need, StackIntent, StackStatus
from lifecycle.observation import is_leaving
from lifecycle.ports import Table, Tables
from lifecycle.rows import StackRows, need_of, stack_rows


async def hub_rows(tables: Tables, intent: StackIntent) -> StackRows | None:
    """Read the rows of the hub a stack uses; None where it uses none, or one that is not ours."""
    if intent.hub is None or is_foreign(intent.hub):
        return None
    return stack_rows(intent.hub, await tables.query(Table.STACKS, intent.hub))


def hub_of(stack: str, intent: StackIntent, rows: StackRows | None, status: StackStatus, estate: Estate) -> Hub | None:
    """Say what a stack knows of its hub: from the hub's rows, or from its own last look at what is not ours."""
    if intent.hub is None:
        return None
    if rows is None:
        return foreign_hub(intent.hub, status.hub)
    founded = rows.intent.value if rows.intent else None
    said = rows.needs.get(stack)
    word = need_of(said) if said else None
    return own_hub(estate, rows.name, founded, rows.status.value, word, leaving=_is_leaving(rows))


def _is_leaving(rows: StackRows) -> bool:
    return is_leaving(rows.status.value, {key: stored.value for key, stored in rows.operations.items()})


def outlook_mark(rows: StackRows) -> str:
    """Write what users of a hub go by, so that they have a pass when it changes."""
    return outlook_of(rows.intent.value if rows.intent else None, rows.status.value, leaving=_is_leaving(rows))


def needs_of(rows: StackRows, now: datetime) -> tuple[Mapping[str, Need], tuple[str, ...]]:
    """Say what others need of a stack, and whose rows are broken."""
    read = {stack: need_of(row) for stack, row in rows.needs.items()}
    return believed(read, rows.status.value.needs, now)
