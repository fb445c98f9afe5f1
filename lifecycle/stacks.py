"""Reading all stacks, one after the other, whatever their number: for the few who really need them all.

One whose rows cannot be read, written by a later version or broken, keeps nobody from the others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from lifecycle import journal
from lifecycle.events import Event, Name
from lifecycle.ports import Row, Table, Tables
from lifecycle.rows import StackRows, stack_rows


async def partitions(tables: Tables) -> AsyncIterator[tuple[str, list[Row]]]:
    """Read each stack's rows as they are stored, in order of the stacks' names."""
    name, rows = "", list[Row]()
    async for row in tables.scan(Table.STACKS):
        if row.partition != name and rows:
            yield name, rows
            rows = []
        name = row.partition
        rows.append(row)
    if rows:
        yield name, rows


async def every_stack(tables: Tables) -> AsyncIterator[StackRows]:
    """Read each stack. One whose rows cannot be read is left out, and operators are told."""
    async for name, rows in partitions(tables):
        try:
            stack = stack_rows(name, rows)
        except Exception as trouble:  # noqa: BLE001 -- whatever is wrong with them, the rows cannot be read
            journal.write([unreadable(name, trouble)])
            continue
        yield stack


def unreadable(name: str, trouble: Exception) -> Event:
    """Say that a stack's rows cannot be read; what they hold is not repeated."""
    return Event(Name.STACK_UNREADABLE, name, code=type(trouble).__name__, text="its rows cannot be read")
