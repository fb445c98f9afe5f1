"""Whatever the facts, the sums are right."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lifecycle.costs import GROUPINGS, CostRow, Meter, Quantum, Rule, Tenancy, cells, course, report
from lifecycle.meters import Books, Start
from lifecycle.prices import DEFAULT_BOOK
from tests.strategies import EPOCH, instants, meters, tenancies

LONDON = ZoneInfo("Europe/London")  # its clocks go forward among the drawn instants
EVER = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
NOW = datetime(2026, 4, 3, 12, 34, 56, tzinfo=UTC)

ledgers = st.lists(meters(), max_size=6)
tenants = st.lists(tenancies(), max_size=5)
quanta = st.sampled_from(("second", "hour"))


def rows(
    ledger: list[Meter], people: list[Tenancy], by: str, quantum: str, period: tuple[datetime, datetime] = EVER
) -> tuple[CostRow, ...]:
    return report(ledger, people, DEFAULT_BOOK, *period, by, NOW, quantum, zone=LONDON)


def totals(found: tuple[CostRow, ...]) -> tuple[Decimal, Decimal]:
    return sum((row.hours for row in found), Decimal()), sum((row.amount for row in found), Decimal())


@given(ledgers, tenants, quanta, instants, instants)
@settings(deadline=None)
def test_every_grouping_has_the_same_total(
    ledger: list[Meter], people: list[Tenancy], quantum: str, one: datetime, other: datetime
) -> None:
    period = (min(one, other), max(one, other))
    assert len({totals(rows(ledger, people, by, quantum, period)) for by in GROUPINGS}) == 1


@given(ledgers, tenants, quanta, st.sampled_from(GROUPINGS))
@settings(deadline=None)
def test_recording_everything_twice_changes_nothing(
    ledger: list[Meter], people: list[Tenancy], quantum: str, by: str
) -> None:
    assert rows(ledger + ledger, people + people, by, quantum) == rows(ledger, people, by, quantum)


@given(ledgers, tenants, quanta, instants)
@settings(deadline=None)
def test_two_consecutive_periods_add_up_to_the_whole(
    ledger: list[Meter], people: list[Tenancy], quantum: str, cut: datetime
) -> None:
    whole = totals(rows(ledger, people, "owner", quantum))
    before = totals(rows(ledger, people, "owner", quantum, (EVER[0], cut)))
    after = totals(rows(ledger, people, "owner", quantum, (cut, EVER[1])))
    for one, two, both in zip(before, after, whole, strict=True):
        assert abs(one + two - both) <= Decimal("2e-9")  # each total is rounded once


@given(meters(), quanta, st.fractions(0, 1), st.fractions(0, 1))
@settings(deadline=None)
def test_the_truth_lies_within_the_brackets(meter: Meter, quantum: str, early: float, late: float) -> None:
    narrow, wide = meter.narrow(NOW), meter.wide(NOW)
    begun = wide[0] + float(early) * (narrow[0] - wide[0])
    ended = max(begun, narrow[1] + float(late) * (wide[1] - narrow[1]))
    true_hours = (ended - begun) / timedelta(hours=1)
    billed = math.ceil(true_hours) if quantum == "hour" else true_hours
    found = rows([meter], [], "meter", quantum)
    hours = float(found[0].hours) if found else 0.0
    least = float(found[0].least_hours) if found else 0.0
    assert least - 1e-8 <= billed <= hours + 1e-8


@given(ledgers, tenants, quanta, st.sampled_from(GROUPINGS))
@settings(deadline=None)
def test_no_row_is_empty_negative_or_below_its_least(
    ledger: list[Meter], people: list[Tenancy], quantum: str, by: str
) -> None:
    found = rows(ledger, people, by, quantum)
    assert [row.key for row in found] == sorted({row.key for row in found})
    assert all(row.hours > 0 and row.amount >= row.least_amount >= 0 for row in found)
    assert all(row.hours >= row.least_hours >= 0 for row in found)


AT_ONCE = EPOCH + timedelta(seconds=1)
DOOR = Meter("main", None, None, "bastion", "bastion.basic", "/door", EPOCH, EPOCH)
COMERS = [Tenancy("main", box, box, None, from_at) for box, from_at in (("ada", EPOCH), ("bob", AT_ONCE))]


@given(ledgers, tenants, st.sampled_from(Quantum), st.sampled_from(Start), instants, st.tuples(instants, instants))
@example([DOOR], COMERS, Quantum.SECOND, Start.UNKNOWN, AT_ONCE, EVER)  # bob comes at the very instant of the question
@settings(deadline=None)
def test_facts_cut_once_say_the_same_of_any_later_instant_as_cut_anew(
    ledger: list[Meter],
    people: list[Tenancy],
    quantum: Quantum,
    start: Start,
    first: datetime,
    ends: tuple[datetime, datetime],
) -> None:
    period, books, rule = (min(ends), max(ends)), Books(tuple(ledger), tuple(people)), Rule(quantum, start)
    known = course(books, DEFAULT_BOOK, period, first, rule, LONDON)
    assert known.since_at == first < known.until_at
    for share in (0, 0.3, 1):
        now = max(first, min(first + share * timedelta(days=1), known.until_at - timedelta(microseconds=1)))
        assert known.at(now) == cells(books, DEFAULT_BOOK, period, now, rule, LONDON)
