"""Sums of finished days, and the bill that is made of them and of the facts since: the same as from all facts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lifecycle import ledger
from lifecycle.bill import Bill
from lifecycle.costs import GROUPINGS, report
from lifecycle.ledger import NOT_YET, Page, keep, session_row
from lifecycle.meters import Books, Connection, Meter, Tenancy, once, tenants_once
from lifecycle.model import OpenSession
from lifecycle.observation import SessionChange
from lifecycle.ports import Row, Table
from lifecycle.prices import DEFAULT_BOOK
from lifecycle.rows import instant_text
from lifecycle.settings import Settings, read
from tests.functions.desk import ENVIRONMENT
from tests.strategies import EPOCH, instants, meters, tenancies
from tests.world.bell import MemoryBell
from tests.world.tables import MemoryTables

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
QUIET = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def given_settings(**environment: str) -> Settings:
    return read({**ENVIRONMENT, **environment})


@dataclass
class Till:
    """A bill on tables in memory, at an instant that the test moves."""

    now: datetime = EPOCH + 8 * DAY
    settings: Settings = field(default_factory=given_settings)
    tables: MemoryTables = field(default_factory=MemoryTables)

    def __post_init__(self) -> None:
        self.bell = MemoryBell(lambda: self.now)
        self.bill = Bill(self.tables, self.bell, self, self.settings)

    async def read(self) -> datetime:
        return self.now

    async def keep(self, books: Books) -> None:
        """Write facts as reconcilers would."""
        stacks = {each.stack for each in books.meters} | {each.stack for each in books.tenancies}
        for stack in stacks | {each.stack for each in books.connections}:
            mine = Books(
                tuple(each for each in books.meters if each.stack == stack),
                tuple(each for each in books.tenancies if each.stack == stack),
                tuple(each for each in books.connections if each.stack == stack),
            )
            running = Books(
                tuple(each for each in mine.meters if each.closed_absent_at is None),
                tuple(each for each in mine.tenancies if each.until_at is None),
                tuple(each for each in mine.connections if each.until_at is None),
            )
            facts = (*map(meter_cells, mine.meters), *map(tenancy_cells, mine.tenancies))
            await keep(self.tables, Page(stack, facts, tuple(map(connection_cells, mine.connections)), running))


def cells(**values: Any) -> dict[str, Any]:
    return {
        name: instant_text(value) if isinstance(value, datetime) else value
        for name, value in values.items()
        if value not in (None, NOT_YET)
    }


def meter_cells(meter: Meter) -> Row:
    names = [name for name in Meter.__slots__ if name != "stack"]
    values = cells(**{name: getattr(meter, name) for name in names})
    values |= {"box": meter.box or "", "owner": meter.owner or ""}
    return Row(f"{meter.part}|{meter.box}|{meter.meter}|{instant_text(meter.opened_claimed_at)}", values)


def tenancy_cells(each: Tenancy) -> Row:
    values = cells(box=each.box, owner=each.owner, machine=each.machine, from_at=each.from_at, until_at=each.until_at)
    values |= {"door": each.door} if each.door else {}
    return Row(f"tenancy|{each.box}|{each.owner}|{instant_text(each.from_at)}", values)


def connection_cells(each: Connection) -> Row:
    session = OpenSession(each.box, "someone", "SSH", each.from_at, each.until_at or each.from_at)
    return session_row(SessionChange(each.session_id, session, each.until_at))


@st.composite
def connections(draw: st.DrawFn) -> Connection:
    from_at = draw(instants)
    hours = draw(st.none() | st.integers(1, 30))
    stack, box = draw(st.sampled_from(("main", "side"))), draw(st.sampled_from(("one", "two", "", "side/one")))
    until_at = from_at + hours * HOUR if hours else None
    return Connection(stack, box, f"{stack}{box}{from_at.timestamp()}", from_at, until_at)


def apart(found: Books) -> Books:
    """Leave facts as rows can hold them: one of each key, and what has ended once is not open again."""
    ended_last = sorted(found.meters, key=lambda each: each.closed_absent_at is not None)
    unique = {(each.stack, each.part, each.box, each.meter, each.opened_claimed_at): each for each in ended_last}
    sessions = {(each.stack, each.session_id): each for each in found.connections}
    return Books(once(unique.values()), tenants_once(found.tenancies), tuple(sessions.values()))


all_books = st.builds(
    Books,
    st.lists(meters(), max_size=6).map(tuple),
    st.lists(tenancies().map(lambda each: replace(each, team=None)), max_size=4).map(tuple),
    st.lists(connections(), max_size=4).map(tuple),
).map(apart)


def _open(meter: str, day: int, hour: int, minute: int, second: int) -> Meter:
    began_at = datetime(2026, 3, day, hour, minute, second, tzinfo=UTC)
    return Meter("main", None, None, "bastion", meter, "/subscriptions/s", began_at, began_at)


async def truth(till: Till, books: Books, period: tuple[datetime, datetime], by: str, zone: ZoneInfo) -> Any:
    rows = report(
        books.meters,
        books.tenancies,
        DEFAULT_BOOK,
        *period,
        by,
        till.now,
        till.settings.billing_quantum,
        zone=zone,
        connections=books.connections,
        start=till.settings.billing_start,
    )
    return {row.key: (row.hours, row.unpriced) for row in rows}, sum((row.amount for row in rows), Decimal())


@given(
    all_books,
    st.sampled_from(("second", "hour")),
    st.sampled_from(("unknown", "accepted", "succeeded")),
    st.tuples(instants, instants).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: tuple(sorted(pair))),
    st.sampled_from(GROUPINGS),
    st.sampled_from(("Europe/Berlin", "Asia/Kathmandu")),
)
@example(
    Books((_open("vm.Standard_D2s_v5", 28, 20, 14, 47), _open("bastion.basic", 29, 3, 4, 11))),
    "second",
    "unknown",
    (datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 3, 29, 3, 5, 23, tzinfo=UTC)),
    "stack",
    "Asia/Kathmandu",
)  # days of one zone cut time elsewhere than days of another
@QUIET
async def test_a_bill_of_sums_and_facts_is_the_bill_of_all_facts(
    books: Books, quantum: str, start: str, period: tuple[datetime, datetime], by: str, zone: str
) -> None:
    till = Till(settings=given_settings(BILLING_QUANTUM=quantum, BILLING_START=start))
    await till.keep(books)
    till.now = EPOCH + 4 * DAY
    before = await till.bill.costs(*period, by, ZoneInfo(zone))
    asked = {row.key: (row.hours, row.unpriced) for row in before.rows}
    hours, total = await truth(till, books, period, by, ZoneInfo(zone))
    assert (asked, before.total) == (hours, total)
    await till.bill.finish_days()
    after = await till.bill.costs(*period, by, ZoneInfo(zone))
    assert after.rows == before.rows


@given(all_books)
@QUIET
async def test_what_is_kept_twice_comes_back_once(books: Books) -> None:
    till = Till()
    await till.keep(books)
    first = await ledger.facts(till.tables, EPOCH - DAY)
    await till.keep(books)
    assert await ledger.facts(till.tables, EPOCH - DAY) == first
    never = [each for each in books.meters if each.closed_absent_at == each.opened_claimed_at]
    assert len(first.meters) == len(books.meters) - len(never)
    assert len(first.connections) == len(books.connections)


@given(all_books, all_books, st.integers(1, 6))
@QUIET
async def test_a_late_fact_corrects_the_days_it_reaches_back_to(early: Books, late: Books, days: int) -> None:
    till = Till()
    till.now = EPOCH + days * DAY
    await till.keep(early)
    await till.bill.finish_days()
    both = apart(early + late)
    await till.keep(both)
    period = (EPOCH - DAY, EPOCH + 9 * DAY)
    expected = await truth(till, both, period, "box", BERLIN)
    for _ in range(2):
        costs = await till.bill.costs(*period, "box")
        assert ({row.key: (row.hours, row.unpriced) for row in costs.rows}, costs.total) == expected
        await till.bill.finish_days()


def door(hours: float = 10, began_at: datetime = EPOCH + 8 * HOUR, stack: str = "main") -> Meter:
    ended_at = began_at + hours * HOUR
    return Meter(stack, None, None, "bastion", "bastion.basic", "/b", began_at, began_at, ended_at, ended_at)


async def test_a_day_is_summed_once_and_read_without_its_facts() -> None:
    till = Till(now=EPOCH + 3 * DAY)
    await till.keep(Books((door(),)))
    assert await till.bill.finish_days() == 3
    assert await till.bill.finish_days() == 0
    till.tables.rows[Table.METERS].clear()
    costs = await till.bill.costs(EPOCH - HOUR, EPOCH - HOUR + DAY, "meter")  # the 27th in Berlin
    assert {row.key: float(row.hours) for row in costs.rows} == {"bastion.basic": 10}


async def test_another_rule_or_zone_has_all_days_summed_anew() -> None:
    till = Till(now=EPOCH + 3 * DAY)
    await till.keep(Books((door(9.5),)))
    await till.bill.finish_days()
    other = Till(till.now, given_settings(BILLING_QUANTUM="hour"), till.tables)
    for _ in range(2):
        (row,) = (await other.bill.costs(EPOCH, EPOCH + DAY, "meter")).rows
        assert row.hours == 10
        await other.bill.finish_days()


async def test_a_thousand_stacks_are_a_few_rows_a_day() -> None:
    till = Till(now=EPOCH + 2 * DAY)
    await till.keep(Books(tuple(door(stack=f"stack-{n:04}") for n in range(1000))))
    await till.bill.finish_days()
    rows = [row async for row in till.tables.scan(Table.ROLLUPS, "2026-")]
    assert len(rows) <= 2 * 6 + 2
    costs = await till.bill.costs(EPOCH, EPOCH + DAY, "stack")
    assert len(costs.rows) == 1000


async def test_days_can_be_had_key_by_key_for_charts() -> None:
    till = Till(now=EPOCH + 3 * DAY)
    await till.keep(Books((door(30),)))
    await till.bill.finish_days()
    rows = await till.bill.daily(EPOCH, EPOCH + 3 * DAY, "meter")
    assert {(row.day, row.key): float(row.hours) for row in rows} == {
        ("2026-03-27", "bastion.basic"): 15,
        ("2026-03-28", "bastion.basic"): 15,
    }
    assert rows == await till.bill.daily(EPOCH, EPOCH + 3 * DAY, "meter", BERLIN)
    utc = await till.bill.daily(EPOCH, EPOCH + 3 * DAY, "meter", ZoneInfo("Etc/UTC"))
    assert [row.hours for row in utc] == [16, 14]


async def test_savings_of_finished_days_and_of_the_rest_add_up() -> None:
    books = Books(
        (door(30),),
        (Tenancy("main", "one", "ada", None, EPOCH + 8 * HOUR, None, "vm.Standard_D2s_v5"),),
        (Connection("main", "one", "s", EPOCH + 9 * HOUR, EPOCH + 12 * HOUR),),
    )
    till = Till(now=EPOCH + 3 * DAY + 5 * HOUR)
    await till.keep(books)
    before = await till.bill.savings(EPOCH, EPOCH + 4 * DAY)
    await till.bill.finish_days()
    after = await till.bill.savings(EPOCH, EPOCH + 4 * DAY)
    for name in ("actual", "always_on", "runbook", "hub", "hours_open", "hours_used", "hours_idle_tail"):
        assert getattr(after, name) == pytest.approx(getattr(before, name))
    assert [float(each) for each in (after.hours_open, after.hours_used, after.hours_idle_tail)] == [30, 3, 26]
    hours = 3 * 24 + 5 - 8
    disk = Decimal("2.40") / 730
    assert after.always_on == pytest.approx(hours * (Decimal("0.195") + Decimal("0.111") + disk))
    assert after.hub == pytest.approx(hours * Decimal("0.195"))
    assert after.actual == pytest.approx(30 * Decimal("0.19"))
    runbook_hours = 11  # Friday from 09:00 in Berlin to 20:00; then comes a weekend
    assert after.runbook == pytest.approx(runbook_hours * (Decimal("0.195") + Decimal("0.111")) + hours * disk)


async def test_a_threshold_is_told_once_a_month_and_a_spent_budget_is_noted() -> None:
    budgets = '{"stack/main": {"usd": 4, "warnAt": [50, 100], "stop": true}, "team/red": {"usd": 1000}}'
    till = Till(settings=given_settings(BUDGETS=budgets, TEAMS='{"ada": "red"}'))
    till.now = EPOCH + 20 * HOUR
    tenancy = Tenancy("main", "one", "ada", None, EPOCH, None)
    await till.keep(Books((door(),), (tenancy,)))
    for _ in range(3):
        await till.bill.watch_budgets()
    told = [str(row.values["text"]) async for row in till.tables.scan(Table.OUTBOX)]
    assert len(told) == 0
    till.now = EPOCH + DAY + 20 * HOUR
    await till.keep(Books((door(), door(12, EPOCH + DAY)), (tenancy,)))
    for _ in range(3):
        await till.bill.watch_budgets()
    told = [str(row.values["text"]) async for row in till.tables.scan(Table.OUTBOX)]
    assert len(told) == 2
    assert any("4.18 of 4.00 USD" in text and "new boxes are refused" in text for text in told)
    red, main = sorted(await till.bill.standings(), key=lambda each: each.budget.key, reverse=True)
    assert (red.budget.key, red.spent, red.stopped) == ("team/red", main.spent, False)
    assert main.stopped
    assert main.forecast > main.spent


async def test_without_a_reading_prices_are_the_books_with_their_age() -> None:
    till = Till(now=datetime(2026, 7, 10, tzinfo=UTC))
    prices = (await till.bill.costs(EPOCH, EPOCH + DAY, "day")).prices
    assert (prices.as_of.isoformat(), prices.age_days, prices.own) == ("2026-06-29", 11, 0)
