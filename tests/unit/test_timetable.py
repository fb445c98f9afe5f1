"""What is gone by when a stored schedule cannot be read: never always, never never."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from lifecycle import closed_days
from lifecycle.ports import Put, Row, Table
from lifecycle.rules import Invalid
from lifecycle.schedule import Rhythm, from_wire, office
from lifecycle.timetable import PARTITION, Reading, Timetable, cells_of
from tests.world.tables import MemoryTables

WEEK: dict[str, Any] = {"timeZone": "Europe/Paris", "weekly": [{"days": ["mon"], "from": "09:00", "to": "17:00"}]}
PARIS = from_wire("paris", WEEK)
BROKEN = {
    "no JSON": "{",
    "no object": "[1]",
    "nested without end": "[" * 30_000,
    "of an unknown zone": json.dumps({**WEEK, "timeZone": "Europe/Atlantis"}),
    "of an unknown country": json.dumps({**WEEK, "holidays": {"country": "XX", "dates": []}}),
    "empty": "",
}


async def read(name: str = "paris", **cells: str) -> Reading:
    tables = MemoryTables()
    await tables.commit(Table.SCHEDULES, PARTITION, [Put(Row(name, cells))])
    timetable = Timetable(tables, "Europe/Berlin")
    reading = (await timetable.of({name}))[name]
    assert (await timetable.every())[name] == reading
    return reading


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
async def test_of_a_schedule_that_cannot_be_read_the_last_good_one_holds(text: str) -> None:
    kept = str(cells_of(PARIS, "olga")["last_good"])
    reading = await read(body=text, last_good=kept)
    assert reading.schedule == PARIS
    assert "schedule paris cannot be read" in reading.trouble
    assert "the last good one holds" in reading.trouble
    assert reading.version


async def test_the_trouble_names_the_place_and_the_rule() -> None:
    reading = await read(body=BROKEN["of an unknown zone"], last_good="")
    assert "timeZone: must be an IANA time zone" in reading.trouble


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
async def test_where_nothing_good_was_kept_the_office_hours_hold_and_never_always_or_never(text: str) -> None:
    reading = await read(body=text, last_good=text)
    assert reading.schedule.kind is Rhythm.WEEKLY
    assert reading.trouble
    if "XX" not in text:
        assert reading.schedule.weekly == office("Europe/Berlin").weekly


async def test_what_is_stored_under_a_built_in_name_means_nothing() -> None:
    tables = MemoryTables()
    await tables.commit(Table.SCHEDULES, PARTITION, [Put(Row("always", {"body": json.dumps(WEEK)}))])
    found = await Timetable(tables, "UTC").every()
    assert found["always"].schedule.kind is Rhythm.ALWAYS


@pytest.fixture
def damaged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the files of the library of holidays be unreadable."""

    def forget() -> None:
        closed_days.countries.cache_clear()
        closed_days.public_holidays.cache_clear()

    forget()
    monkeypatch.setitem(sys.modules, "holidays", None)
    yield
    forget()


@pytest.mark.usefixtures("damaged")
def test_a_country_whose_holidays_cannot_be_read_is_refused_by_place_and_rule() -> None:
    with pytest.raises(Invalid) as refused:
        from_wire("paris", {**WEEK, "holidays": {"country": "FR"}})
    assert refused.value.field == "holidays.country"
    assert "cannot be read" in refused.value.rule


@pytest.mark.usefixtures("damaged")
async def test_stored_hours_hold_without_the_holidays_that_cannot_be_read() -> None:
    text = json.dumps({**WEEK, "holidays": {"country": "FR", "dates": ["2026-12-24"]}})
    reading = await read(body=text, last_good=text)
    assert reading.schedule.weekly == PARIS.weekly
    assert len(reading.schedule.holidays) == 1
    assert "without its country's holidays holds" in reading.trouble
