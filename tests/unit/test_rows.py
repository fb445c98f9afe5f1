"""Values to rows and back: nothing is lost, nothing is misread, and everything fits the columns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.cloud.table_limits import check_commit
from lifecycle.model import (
    BOXES_PER_STACK,
    Block,
    BoxIntent,
    BoxStatus,
    HubSeen,
    Login,
    Need,
    OpenMeter,
    OpenSession,
    Operation,
    Outbound,
    Seen,
    Sighting,
    Sku,
    StackIntent,
    StackStatus,
    Verb,
    Warned,
)
from lifecycle.ports import Insert, Row, Table
from lifecycle.rows import (
    SCHEMA,
    StackRows,
    from_cells,
    instant_of,
    instant_text,
    need_of,
    range_key,
    row_of,
    stack_rows,
    status_row,
    to_cells,
)
from tests.examples import BOX, NOON, STACK, at, parts_of
from tests.strategies import box_intents, hostile_texts, operations, stack_statuses, week_instants

stack_intents = st.builds(
    StackIntent,
    hostile_texts,
    st.sampled_from(Sku),
    st.sampled_from(Outbound),
    st.booleans(),
    hostile_texts,
    week_instants,
    hostile_texts,
    st.none() | hostile_texts,
    st.integers(0, 99),
    st.none() | week_instants,
)

real_instants = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001 -- the zone is drawn beside it
    datetime(2200, 1, 1),  # noqa: DTZ001 -- the same
    timezones=st.timezones(),
)


def kept(row: Row) -> Row:
    """Have a row checked as the service would, and give it the version it is read with."""
    check_commit(Table.STACKS, "main", [Insert(row)])
    return replace(row, etag='W/"1"')


@given(stack_intents | box_intents() | operations)
@settings(max_examples=200, deadline=None)
def test_every_value_comes_back_as_it_was_written(value: StackIntent | BoxIntent | Operation) -> None:
    cells = kept(row_of("key", value)).values
    assert all(isinstance(cell, str | int | float | bool) for cell in cells.values())
    assert from_cells(type(value), cells) == value


@given(stack_statuses())
@settings(max_examples=80, deadline=None)
def test_a_status_comes_back_as_it_was_written(status: StackStatus) -> None:
    rows = stack_rows("main", [kept(status_row(status))])
    assert rows.status.value == status
    assert rows.status.etag == 'W/"1"'


@pytest.mark.parametrize("text", ["{x}", "[1]", "null", "true", "42", '"', "{}", ""])
def test_a_reason_that_looks_like_json_stays_a_text(text: str) -> None:
    box = replace(BOX, reason=text, word=text, owner=text)
    assert from_cells(BoxIntent, to_cells(box)) == box
    status = StackStatus(boxes={"one": BoxStatus(text, reason=text)}, phase=text)
    assert stack_rows("main", [status_row(status)]).status.value == status


@given(real_instants, real_instants)
@settings(max_examples=80, deadline=None)
def test_instants_sort_as_text_and_come_back(first: datetime, second: datetime) -> None:
    assert (instant_text(first) < instant_text(second)) is (first.astimezone(UTC) < second.astimezone(UTC))
    assert instant_of(instant_text(first)) == first.astimezone(UTC)


def test_an_instant_is_written_in_utc_and_refused_without_a_zone() -> None:
    assert instant_text(NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))) == "2026-11-23T12:00:00.000000Z"
    with pytest.raises(ValueError, match="has no time zone"):
        instant_of("2026-11-23T12:00:00")


def test_a_row_of_a_later_schema_is_refused_rather_than_misread() -> None:
    cells = to_cells(BOX)
    assert cells["schema"] == SCHEMA
    with pytest.raises(ValueError, match="written by a later version"):
        from_cells(BoxIntent, {**cells, "schema": SCHEMA + 1})


def test_a_column_that_a_later_version_added_is_passed_over() -> None:
    assert from_cells(BoxIntent, {**to_cells(BOX), "colour": "red"}) == BOX


def test_what_is_as_ever_takes_no_column() -> None:
    assert set(to_cells(StackStatus())) == {"schema"}
    assert "ssh_public_key" not in to_cells(replace(BOX, ssh_public_key=None))


def the_fullest() -> StackStatus:
    """As much as a stack of sixteen boxes can have to say at once."""
    boxes = [replace(BOX, name=f"{'x' * 38}{number:02d}", login=Login.ENTRA) for number in range(BOXES_PER_STACK)]
    parts = parts_of(*boxes, stack=replace(STACK, outbound=Outbound.NAT))
    seen = {
        key: Seen(part.arm_id, Sighting.SOUND, NOON, drift=("properties.securityRules",), against="12345678",
                  drained=True, address="10.64.3.130", meters=("vm.Standard_D2s_v5",))
        for key, part in parts.items()
    }  # fmt: skip
    known = BoxStatus(
        "i" * 32, reason="r" * 300, changes_at=NOON, asked_at=NOON, first_ready_at=NOON, ready_at=NOON,
        lease_until=NOON, last_active_at=NOON, eta_at=NOON,
        warned={"lease": Warned(NOON, NOON), "cut": Warned(NOON, NOON)}, connected=9,
    )  # fmt: skip
    blocked = {
        key: Block(Verb.PUT, "C" * 40, "m" * 300, 9, NOON, shown=True, takes_down=True, since_at=NOON)
        for key in [*(key for key in parts if "!" not in key), *(f"vm!{box.name}" for box in boxes)]
    }
    return StackStatus(
        revision="0" * 16, look_again_at=NOON, looked_at=NOON, sessions_at=NOON, parts=seen,
        boxes={box.name: known for box in boxes}, blocks=blocked,
        meters={f"{key}|vm.x": OpenMeter("vm.x", part.arm_id, NOON, NOON, NOON) for key, part in parts.items()
                if key.startswith(("vm", "disk", "ip", "nat", "bastion"))},
        sessions={f"{number:036d}": OpenSession("x" * 40, "somebody@example.com", "SSH", NOON, NOON)
                  for number in range(64)},
    )  # fmt: skip


def test_a_status_of_sixteen_boxes_fits_the_columns() -> None:
    status = the_fullest()
    row = status_row(status)
    check_commit(Table.STACKS, "main", [Insert(row)])
    assert stack_rows("main", [row]).status.value == status


def rows_of(*rows: Row) -> StackRows:
    return stack_rows("main", [replace(row, etag=row.etag or f"{number}") for number, row in enumerate(rows)])


def test_a_partition_is_sorted_into_what_it_is() -> None:
    claimed = Operation("vm!one", Verb.PUT, parts_of()["vm!one"].kind, "/id", "wanted", NOON, NOON)
    found = rows_of(
        row_of("intent", STACK), row_of("box!one", BOX), row_of("op!vm!one", claimed), status_row(StackStatus()),
        Row("need!other", {"until": "x"}), Row("disconnect!s1", {"session_id": "s1"}), Row("unheard-of", {}),
    )  # fmt: skip
    assert found.intent is not None
    assert found.intent.value == STACK
    assert {name: box.value for name, box in found.boxes.items()} == {"one": BOX}
    assert {name: operation.value for name, operation in found.operations.items()} == {"vm!one": claimed}
    assert (set(found.needs), set(found.disconnects)) == ({"other"}, {"s1"})


def test_the_revision_changes_with_every_word_of_people_and_with_nothing_else() -> None:
    rows: dict[str, Row] = {
        "intent": row_of("intent", STACK, "1"), "box": row_of("box!one", BOX, "1"),
        "status": status_row(StackStatus(), "1"),
    }  # fmt: skip
    before = rows_of(*rows.values()).revision
    for name, row in rows.items():
        changed: dict[str, Any] = {**rows, name: replace(row, etag="2")}
        assert (rows_of(*changed.values()).revision == before) is (name == "status")
    assert rows_of(*rows.values(), Row("disconnect!s1", {}, "1")).revision != before


def test_a_need_is_news_when_it_asks_for_something_else_and_not_when_it_is_renewed() -> None:
    need = Need(at("14:00"), "open: one", since_at=at("12:00"))
    before = rows_of(row_of("intent", STACK, "1"), row_of("need!other", need, "1")).revision
    for later, is_news in [
        (replace(need, until=at("15:00"), reason="open: two"), False),
        (replace(need, door=False), True),
        (replace(need, vnet="/a/network"), True),
        (replace(need, since_at=at("13:00")), True),
    ]:
        assert (rows_of(row_of("intent", STACK, "1"), row_of("need!other", later, "2")).revision != before) is is_news
    assert rows_of(row_of("intent", STACK, "1")).revision != before


@pytest.mark.parametrize(
    "cells", [{}, {"until": "soon", "reason": ""}, {"until": "2026-11-23T14:00:00", "reason": ""}, {"schema": 99}]
)
def test_a_need_that_cannot_be_read_is_none(cells: dict[str, Any]) -> None:
    assert need_of(Row("need!other", cells)) is None


def test_a_need_is_kept_as_it_was_said() -> None:
    need = Need(at("14:00"), "open: one", door=False, vnet="/a/network", since_at=at("12:00"))
    assert need_of(row_of("need!other", need)) == need
    assert need_of(Row("need!other", {"until": "2026-11-23T14:00:00Z", "reason": "x"})) == Need(at("14:00"), "x")


def test_what_is_known_of_a_hub_is_kept() -> None:
    seen = HubSeen("/a/network", "10.0.0.0/26", "Basic", {"10.0.0.0/16": "/a/network"})
    status = StackStatus(hub=seen, needs={"spoke": Need(at("14:00"), "x")}, left_at=at("12:00"))
    assert rows_of(status_row(status)).status.value == status


def test_only_this_box_is_gone_and_not_an_earlier_one_of_its_name() -> None:
    over = status_row(StackStatus(boxes={"one": BoxStatus("first", phase="gone")}))
    assert rows_of(row_of("box!one", BOX), over).is_gone("one")
    assert not rows_of(row_of("box!one", replace(BOX, incarnation="second")), over).is_gone("one")
    assert not rows_of(row_of("box!one", BOX)).is_gone("one")


def test_a_range_makes_a_legal_key() -> None:
    assert range_key("10.64.3.0/24") == "10.64.3.0_24"
