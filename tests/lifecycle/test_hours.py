"""Leases and schedules over days: boxes that are there at the time, and not when nobody works."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from lifecycle.ports import Put, Row, Table
from lifecycle.schedule import from_wire
from lifecycle.timetable import PARTITION, cells_of
from tests.world.harness import World

PLAIN: dict[str, Any] = {
    "timeZone": "Etc/UTC",
    "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:30"}],
}


async def write_schedule(world: World, name: str = "team", **change: Any) -> None:
    """Be an operator who writes a schedule."""
    cells = cells_of(from_wire(name, {**PLAIN, **change}), "olga")
    await world.tables.commit(Table.SCHEDULES, PARTITION, [Put(Row(name, cells))])


async def test_a_stored_schedule_that_breaks_leaves_its_boxes_on_the_last_good_hours_and_alerts_once() -> None:
    world = World()
    await write_schedule(world)
    where = await world.ask(hours=72, schedule="team")
    await world.until_phase(where, "ready")
    row = await world.tables.get(Table.SCHEDULES, PARTITION, "team")
    assert row is not None
    broken = json.dumps({**PLAIN, "timeZone": "Europe/Atlantis"})
    await world.tables.commit(Table.SCHEDULES, PARTITION, [Put(replace(row, values={**row.values, "body": broken}))])
    await world.pass_until(world.start.replace(hour=19))
    assert await world.phase(where) == "parked"
    await world.pass_until(world.start.replace(day=24, hour=8, minute=20))
    assert await world.phase(where) == "ready"
    alerts = [str(each.values["text"]) for each in await world.notices("alert")]
    assert len(alerts) == 1
    assert "team" in alerts[0]
    assert "timeZone: must be an IANA time zone" in alerts[0]
    assert "the last good one holds" in alerts[0]
