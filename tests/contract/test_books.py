"""Facts, sums and prices, on the twin and on Azurite: what is written comes back the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from lifecycle import ledger
from lifecycle.costs import Amount, Rule, Whose
from lifecycle.folds import fold
from lifecycle.ledger import Page, keep, meter_row, running, session_row, tenancy_row
from lifecycle.model import OpenMeter, OpenSession, StackStatus
from lifecycle.observation import MeterChange, SessionChange
from lifecycle.ports import Table
from lifecycle.price_list import learn, read_book
from lifecycle.prices import Price
from lifecycle.rollups import Rollups
from tests.examples import BOX, HOUR, NOON

if TYPE_CHECKING:
    from lifecycle.ports import Tables

DAY = timedelta(days=1)


def _stack(partition: str) -> str:
    return f"s-{partition.lower()}"[:40]


async def test_what_runs_and_what_ended_is_read_back_for_a_bill(tables: Tables, partition: str) -> None:
    stack = _stack(partition)
    door = OpenMeter("bastion.standard", "/b", NOON, NOON + HOUR, NOON, NOON)
    units = OpenMeter("bastion.unit*3", "/b", NOON, NOON + HOUR, NOON)
    session = OpenSession("one", "alice", "SSH", NOON, NOON + HOUR)
    status = StackStatus(meters={"bastion|bastion.standard": door}, sessions={"a/b": session})
    ended = MeterChange("bastion", units, NOON + HOUR, NOON + 1.1 * HOUR)
    page = Page(
        stack,
        (meter_row(MeterChange("bastion", door), {}, "westeurope"), meter_row(ended, {}), tenancy_row(BOX, None)),
        (session_row(SessionChange("a/b", session)),),
        running(stack, "westeurope", status, {"one": BOX}, ["one"]),
    )
    for _ in range(2):
        await keep(tables, page)
    books = await ledger.facts(tables, NOON)
    meters = {each.meter: each for each in books.meters if each.stack == stack}
    assert (meters["bastion.standard"].closed_seen_at, meters["bastion.standard"].region) == (NOON + HOUR, "westeurope")
    assert (meters["bastion.unit"].units, meters["bastion.unit"].closed_absent_at) == (3, NOON + 1.1 * HOUR)
    assert [each.owner for each in books.tenancies if each.stack == stack] == ["alice"]
    assert [each.session_id for each in books.connections if each.stack == stack] == ["a/b"]
    later = await ledger.facts(tables, NOON + 2 * DAY)
    assert [each.meter for each in later.meters if each.stack == stack] == ["bastion.standard"]

    before = await ledger.facts(tables, NOON)
    for place in (ledger.OPEN, f"!{NOON:%Y-%m-%d}"):
        await fold(tables, Table.METERS, place, worth=1)
        assert await fold(tables, Table.METERS, place, worth=1) == 0
    after = await ledger.facts(tables, NOON)
    assert set(after.meters) == set(before.meters)
    assert set(after.connections) == set(before.connections)

    left = Page(stack, (), (), running(stack, "westeurope", StackStatus(), {}, []))
    await keep(tables, left)
    assert not [each for each in (await ledger.facts(tables, NOON + 2 * DAY)).meters if each.stack == stack]


async def test_a_days_sums_replace_those_there_were(tables: Tables) -> None:
    rollups = Rollups(tables, ZoneInfo("Etc/UTC"), Rule())
    day, begins_at = date(2031, 2, 28), datetime(2031, 2, 28, tzinfo=UTC)

    async def write(people: int) -> None:
        whose = (Whose("main", "one", f"person-{n:05}@example.com", "", "nat") for n in range(people))
        await rollups.write_day(day, {(day.isoformat(), each): Amount(1, 1, 10**15, 1) for each in whose})

    for people in (6000, 2):
        await write(people)
        found = await rollups.sums("owner", begins_at - DAY, begins_at + 2 * DAY)
        assert len(found) == people
        assert found[day.isoformat(), "person-00001@example.com"] == Amount(1, 1, 10**15, 1)


async def test_prices_come_back_with_their_history(tables: Tables, partition: str) -> None:
    old = Price("nat", Decimal("0.045"), "the list", date(2026, 1, 1), partition, NOON)
    new = Price("nat", Decimal("0.05"), "the list", date(2026, 2, 1), partition, NOON + DAY)
    await learn(tables, partition, [old], NOON)
    await learn(tables, partition, [new], NOON + DAY)
    book = await read_book(tables)
    assert book.price("nat", partition, NOON) == old
    assert book.price("nat", partition, NOON + 2 * DAY) == new
