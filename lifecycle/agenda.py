"""Whether a stack needs a pass now: asked by the reconciler before it works, and by the sweep before it rings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.due import EARLY
from lifecycle.model import StackIntent
from lifecycle.neighbours import hub_rows, outlook_mark
from lifecycle.ports import Table, Tables
from lifecycle.rows import StackRows, stack_rows
from lifecycle.schedule import Schedule
from lifecycle.timetable import Reading, Timetable

LEAST_EARLY = timedelta(seconds=5)
"""So much too early always counts as due: clocks of machines differ."""


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
        """Say whether something was asked since the last pass, or the time it set itself has come.

        What comes before half of a short wait is over is not due: of two messages of one stack that each ring anew
        one dies so, whatever their distance. Else every doubled message would be polled after for ever.
        """
        status = self.rows.status.value
        return self.is_news or (status.look_again_at is not None and status.look_again_at <= now + self._early)

    @property
    def is_news(self) -> bool:
        """Whether something was asked, or has changed, since the last pass."""
        return self.revision != self.rows.status.value.revision

    @property
    def _early(self) -> timedelta:
        status = self.rows.status.value
        if status.look_again_at is None or status.passed_at is None:
            return EARLY
        return min(EARLY, max(LEAST_EARLY, (status.look_again_at - status.passed_at) / 2))


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
