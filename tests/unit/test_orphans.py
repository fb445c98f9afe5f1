"""What is an orphan, and which of them are provably ours: by table, and for whatever stands and is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.blueprint import Part
from lifecycle.model import Kind, Outbound, Sighting, Sku, StackIntent, StackStatus
from lifecycle.orphans import (
    HUNTER,
    LISTED,
    Known,
    StackKnown,
    Thing,
    founded,
    given_back,
    kind_of,
    missing,
    named,
    orphans,
    own_range,
)
from tests.examples import BOX, ESTATE, NOON, STACK, all_sound, parts_of

PARTS = parts_of()
NAT_STACK = replace(STACK, outbound=Outbound.NAT)
TWO = replace(BOX, name="two", incarnation="other")


def standing(part: Part, **tags: str) -> Thing:
    """See a part as Azure lists it, with some tags changed."""
    body = {**part.body, "id": part.arm_id, "tags": {**part.body["tags"], **tags}}
    return Thing(part.kind, part.arm_id, body)


def all_standing(parts: Mapping[str, Part]) -> list[Thing]:
    return [standing(part) for part in parts.values() if part.kind in LISTED]


def known_of(*stacks: StackKnown) -> Known:
    known = Known()
    for stack in stacks:
        known.add(stack, ESTATE)
    return known


def stack(
    intent: StackIntent | None = STACK, *boxes: Any, status: StackStatus | None = None, **more: Any
) -> StackKnown:
    live = {box.name: box for box in boxes}
    return StackKnown("main", intent, live, status or StackStatus(), more.get("operations", ()))


def names_of(things: Any) -> set[str]:
    return {thing.arm_id.rpartition("/")[2] for thing in things}


def test_what_a_stacks_rows_name_is_no_orphan_even_before_its_first_pass() -> None:
    assert orphans(all_standing(PARTS), known_of(stack(STACK, BOX)), ESTATE) == ()


def test_all_of_a_stack_that_no_row_knows_are_orphans() -> None:
    things = all_standing(PARTS)
    assert orphans(things, known_of(), ESTATE) == tuple(things)


def test_the_status_of_a_stack_that_nobody_wants_looks_after_nothing() -> None:
    left = stack(None, status=StackStatus(parts=all_sound(PARTS)))
    assert len(orphans(all_standing(PARTS), known_of(left), ESTATE)) == len(all_standing(PARTS))


def test_what_is_under_way_is_known_whoever_wants_it() -> None:
    nic = PARTS["nic!one"]
    left = stack(None, operations=[nic.arm_id.upper()])
    assert orphans([standing(nic)], known_of(left), ESTATE) == ()


@pytest.mark.parametrize(
    ("tag", "value"), [("deployment", "other"), ("deployment", "TEST"), ("managed-by", "somebody"), ("managed-by", "")]
)
def test_what_carries_others_tags_is_none_of_our_business(tag: str, value: str) -> None:
    assert orphans([standing(PARTS["nic!one"], **{tag: value})], known_of(), ESTATE) == ()


@pytest.mark.parametrize("tags", [None, {}, "managed-by", {"managed-by": "jumpbox-lifecycle"}])
def test_what_has_no_tags_of_ours_is_none_of_our_business(tags: Any) -> None:
    nic = PARTS["nic!one"]
    assert orphans([Thing(nic.kind, nic.arm_id, {"tags": tags})], known_of(), ESTATE) == ()


def test_nothing_is_concluded_of_a_stack_whose_rows_cannot_be_read() -> None:
    known = known_of()
    known.unreadable.add("main")
    assert orphans(all_standing(PARTS), known, ESTATE) == ()


def test_rows_that_know_what_no_list_shows_are_named_and_types_not_listed_left_out() -> None:
    known = known_of(stack(STACK, BOX, status=StackStatus(parts=all_sound(PARTS))))
    things = [thing for thing in all_standing(PARTS) if thing.kind is not Kind.NIC]
    assert missing(things, known, LISTED) == {PARTS["nic!one"].arm_id: ("main", "nic!one")}
    assert missing(things, known, [kind for kind in LISTED if kind is not Kind.NIC]) == {}


def test_what_was_last_seen_absent_is_not_missed() -> None:
    seen = {key: replace(each, sighting=Sighting.ABSENT) for key, each in all_sound(PARTS).items()}
    known = known_of(stack(STACK, BOX, status=StackStatus(parts=seen)))
    assert missing([], known, LISTED) == {}


def test_a_box_that_no_row_knows_gets_its_row_back_as_a_retired_one() -> None:
    things = [standing(part, owner="bob") for key, part in PARTS.items() if key.endswith("!one")]
    gift = given_back(things, "main", STACK, {}, {}, ESTATE, "Standard_D4s_v5", NOON)
    assert gift.refused == {}
    assert gift.ours == tuple(things)
    box = gift.boxes["one"]
    assert (box.owner, box.retired_at, box.requested_by) == ("bob", NOON, HUNTER)
    assert box.vm_size == "Standard_D2s_v5"


def test_a_box_that_is_gone_and_left_something_keeps_who_it_was() -> None:
    gift = given_back([standing(PARTS["nic!one"])], "main", STACK, {}, {"one": BOX}, ESTATE, "x", NOON)
    box = gift.boxes["one"]
    assert (box.owner, box.reason, box.vm_size) == (BOX.owner, BOX.reason, BOX.vm_size)
    assert box.incarnation != BOX.incarnation
    assert box.retired_at == NOON


@pytest.mark.parametrize(
    "thing",
    [
        standing(PARTS["nic!one"], box="two"),
        standing(PARTS["nic!one"], box=""),
        standing(PARTS["nic!one"], box="../one"),
        standing(PARTS["bastion"], box="one"),
        Thing(Kind.NIC, PARTS["nic!one"].arm_id + "2", PARTS["nic!one"].body),
        Thing(Kind.NIC, PARTS["nic!one"].arm_id.replace("jumpboxes", "elsewhere"), PARTS["nic!one"].body),
        standing(parts_of(stack=NAT_STACK)["nat"]),
    ],
    ids=["another box", "no box", "no name", "a shared part", "another name", "another group", "not of this stack"],
)
def test_what_the_blueprint_does_not_name_with_those_tags_is_left_to_people(thing: Thing) -> None:
    gift = given_back([thing], "main", STACK, {}, {}, ESTATE, "x", NOON)
    assert (gift.boxes, gift.ours) == ({}, ())
    assert "left alone" in gift.refused[thing.arm_id]


def test_a_stack_takes_back_no_more_boxes_than_it_may_have() -> None:
    live = {f"b{number}": replace(BOX, name=f"b{number}") for number in range(16)}
    gift = given_back([standing(PARTS["nic!one"])], "main", STACK, live, {}, ESTATE, "x", NOON)
    assert gift.ours == ()


def test_a_stack_is_founded_as_its_parts_say_it_was() -> None:
    asked = replace(NAT_STACK, sku=Sku.STANDARD, region="northeurope", address_range="10.64.9.0/24")
    things = all_standing(parts_of(stack=asked))
    assert own_range(things) == IPv4Network("10.64.9.0/24")
    intent = founded(things, ESTATE, "shared", "westeurope", "10.64.9.0/24", NOON)
    assert (intent.region, intent.sku, intent.outbound, intent.hub) == (
        "northeurope",
        Sku.STANDARD,
        Outbound.NAT,
        None,
    )
    assert named(ESTATE, "main", intent, [BOX]).keys() >= {thing.arm_id.lower() for thing in things}


def test_a_stack_without_a_door_of_its_own_is_founded_with_the_hub_it_would_use() -> None:
    things = [standing(PARTS[key]) for key in ("nic!one", "vm!one", "vnet", "nsg-frontend")]
    intent = founded(things, ESTATE, "shared", "westeurope", "10.64.3.0/24", NOON)
    assert (intent.hub, intent.outbound) == ("shared", Outbound.DEFAULT)


@pytest.mark.parametrize("prefixes", [[], ["nonsense"], ["10.0.0.0/26"], ["fd00::/64"], None])
def test_a_range_that_no_stack_of_ours_can_have_is_not_taken_over(prefixes: Any) -> None:
    body = {"properties": {"addressSpace": {"addressPrefixes": prefixes}}}
    assert own_range([Thing(Kind.VNET, PARTS["vnet"].arm_id, body)]) is None


@pytest.mark.parametrize("kind", LISTED)
def test_a_kind_is_told_by_its_id(kind: Kind) -> None:
    arm_id = ESTATE.arm_id(kind, "some")
    assert kind_of(arm_id) is kind
    assert kind_of(arm_id.upper()) is kind
    assert kind_of(f"{arm_id}/inner/thing") is None


NAMES = st.sampled_from(["main", "web", "a", "a-b", "main-2"])
BOXES = st.sampled_from(["one", "two", "b", "alice"])
TAGS = st.fixed_dictionaries(
    {},
    optional={
        "managed-by": st.sampled_from(["jumpbox-lifecycle", "somebody"]),
        "deployment": st.sampled_from(["test", "other"]),
        "stack": NAMES | st.text(max_size=5),
        "box": BOXES | st.text(max_size=5),
    },
)


@st.composite
def any_thing(draw: st.DrawFn) -> Thing:
    """Draw a resource: a part of some stack, with its own tags or any."""
    stack_name, box = draw(NAMES), replace(BOX, name=draw(BOXES))
    intent = draw(st.sampled_from([STACK, NAT_STACK]))
    arm_id = draw(st.sampled_from(sorted(named(ESTATE, stack_name, intent, [box]))))
    own = {"managed-by": "jumpbox-lifecycle", "deployment": "test", "stack": stack_name, "box": box.name}
    tags = draw(TAGS | st.just(own) | st.just({name: value for name, value in own.items() if name != "box"}))
    return Thing(kind_of(arm_id) or Kind.NIC, arm_id, {"id": arm_id, "tags": tags})


@given(
    st.lists(any_thing(), max_size=8, unique_by=lambda thing: thing.arm_id),
    st.dictionaries(NAMES, st.lists(BOXES, unique=True), max_size=4),
)
def test_whatever_stands_what_rows_name_and_what_is_not_ours_stays(
    things: list[Thing], stacks: dict[str, list[str]]
) -> None:
    known = Known()
    for name, boxes in stacks.items():
        live = {box: replace(BOX, name=box) for box in boxes}
        known.add(StackKnown(name, STACK, live, StackStatus(), ()), ESTATE)
    found = orphans(things, known, ESTATE)
    assert all(thing.is_of(ESTATE) for thing in found)
    assert not known.names & {thing.arm_id.lower() for thing in found}
    for of in {thing.stack for thing in found}:
        live = {box: replace(BOX, name=box) for box in stacks.get(of, [])}
        mine = [thing for thing in found if thing.stack == of]
        gift = given_back(mine, of, STACK, live, {}, ESTATE, "x", NOON)
        assert all(box.retired_at == NOON for box in gift.boxes.values())
        assert not gift.boxes.keys() & live.keys()
        assert {thing.arm_id for thing in gift.ours}.isdisjoint(gift.refused)
        names = named(ESTATE, of, STACK, gift.boxes.values())
        for thing in gift.ours:
            assert names[thing.arm_id.lower()].partition("!")[2] == thing.box
