"""The books: what is written comes back, and a repeat writes the same row."""

from __future__ import annotations

from dataclasses import replace

from lifecycle.ledger import meter_row, read, session_row, tenancy_row
from lifecycle.model import OpenMeter, OpenSession
from lifecycle.observation import MeterChange, SessionChange
from lifecycle.ports import Put, Row, Table
from tests.examples import BOX, HOUR, NOON
from tests.world.tables import MemoryTables

METER = OpenMeter("vm.Standard_D2s_v5", "/vm", claimed_at=NOON, last_seen_at=NOON + HOUR, sound_at=NOON + HOUR / 10)
OPENED = MeterChange("vm!one", METER)
CLOSED = replace(OPENED, closed_seen_at=NOON + HOUR, closed_absent_at=NOON + 1.1 * HOUR)


async def stored(*rows: Row) -> MemoryTables:
    tables = MemoryTables()
    for row in rows:
        await tables.commit(Table.METERS, "main", [Put(row)])
    return tables


async def test_closing_an_interval_writes_the_row_that_opened_it() -> None:
    tables = await stored(meter_row(OPENED, {"one": "alice"}), meter_row(CLOSED, {"one": "alice"}))
    (meter,) = (await read(tables)).meters
    assert (meter.stack, meter.box, meter.owner, meter.part) == ("main", "one", "alice", "vm!one")
    assert (meter.opened_claimed_at, meter.opened_seen_at) == (NOON, NOON + HOUR / 10)
    assert (meter.closed_seen_at, meter.closed_absent_at) == (NOON + HOUR, NOON + 1.1 * HOUR)


async def test_a_second_interval_of_a_part_has_a_row_of_its_own() -> None:
    again = replace(OPENED, open=replace(METER, claimed_at=NOON + 2 * HOUR))
    tables = await stored(meter_row(CLOSED, {}), meter_row(again, {}))
    assert len((await read(tables)).meters) == 2


async def test_what_all_share_has_neither_box_nor_owner() -> None:
    door = MeterChange("bastion", replace(METER, meter="bastion.basic"))
    (meter,) = (await read(await stored(meter_row(door, {"one": "alice"})))).meters
    assert (meter.box, meter.owner) == (None, None)


async def test_tenancies_come_back_beside_the_meters() -> None:
    tables = await stored(tenancy_row(BOX, None), meter_row(OPENED, {}), tenancy_row(BOX, NOON + HOUR))
    (tenancy,) = (await read(tables, "main")).tenancies
    assert (tenancy.stack, tenancy.box, tenancy.owner) == ("main", "one", "alice")
    assert (tenancy.from_at, tenancy.until_at) == (BOX.requested_at, NOON + HOUR)
    assert (await read(tables, "side")).meters == ()


async def test_who_asks_for_later_has_a_box_from_an_hour_before() -> None:
    tables = await stored(tenancy_row(replace(BOX, start_at=NOON + 24 * HOUR), None))
    (tenancy,) = (await read(tables)).tenancies
    assert tenancy.from_at == NOON + 23 * HOUR


def test_a_session_is_one_row_however_its_id_is_written() -> None:
    session = OpenSession("one", "alice", "SSH", NOON, NOON)
    came, left = SessionChange("a/b#c?", session), SessionChange("a/b#c?", session, NOON + HOUR)
    assert session_row(came).key == session_row(left).key == "a%2Fb%23c%3F"
    assert "ended_at" not in session_row(came).values
    assert session_row(left).values["ended_at"] == "2026-11-23T13:00:00.000000Z"
