"""Whether a stack needs a pass now: asked by the reconciler before it works, and by the sweep before it rings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lifecycle.due import EARLY
from lifecycle.model import StackIntent
from lifecycle.neighbours import hub_rows, outlook_mark
from lifecycle.ports import Table, Tables
from lifecycle.rows import StackRows, stack_rows
from lifecycle.schedule import Schedule
from lifecycle.timetable import Reading, Timetable


@dataclass(frozen=True, slots=True)
class Agenda:
    """A stack's rows and schedules, as read just now."""

    rows: StackRows
    intent: StackIntent
    schedules: Mapping[str, Schedule]
    revision: str
    """Changes with every word of people about this stack, every change of a schedule it follows, and with its hub."""
    hub: StackRows | None = None
    """The rows of the hub whose door this stack uses."""
    troubles: tuple[Reading, ...] = ()
    """Those schedules whose stored text cannot be gone by."""

    def due(self, now: datetime) -> bool:
        """Say whether something was asked since the last pass, or the time it set itself has come."""
        status = self.rows.status.value
        at = status.look_again_at
        return self.revision != status.revision or (at is not None and at <= now + EARLY)


async def read_agenda(tables: Tables, timetable: Timetable, stack: str) -> Agenda | None:
    """Read a stack; None where people want nothing of it any more, or never did."""
    rows = stack_rows(stack, await tables.query(Table.STACKS, stack))
    if rows.intent is None:
        return None
    found = await timetable.of({name for box in rows.boxes.values() for name in box.value.schedule_names})
    marks = "".join(f"|{name}={found[name].version}" for name in sorted(found))
    hub = await hub_rows(tables, rows.intent.value)
    marks += f"|{outlook_mark(hub)}" if hub else ""
    revision = hashlib.sha256((rows.revision + marks).encode()).hexdigest()[:16]
    schedules = {name: reading.schedule for name, reading in found.items()}
    troubles = tuple(reading for _, reading in sorted(found.items()) if reading.trouble)
    return Agenda(rows, rows.intent.value, schedules, revision, hub, troubles)
