"""The one word people read about a box."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lifecycle.blueprint import BASTION
from lifecycle.model import Block, BoxStatus, Kind, Level, Operation, Verb
from lifecycle.phase import TYPICAL_DOOR, TYPICAL_REST, block_of, eta_of, phase_of
from lifecycle.target import Target
from tests.examples import HOUR, MINUTE, NOON, READY, UNBUILT

BLOCK = Block(Verb.PUT, "ScopeLocked", "locked", 1, NOON, shown=True)
DOOR_COMING = Operation(BASTION, Verb.PUT, Kind.BASTION, "/bastion", "wanted", NOON, NOON)

WORDS = [
    ("building", Level.OPEN, Level.GONE, False),
    ("building", Level.OPEN, Level.WARM, False),
    ("ready", Level.OPEN, Level.OPEN, True),
    ("waking", Level.OPEN, Level.PARKED, True),
    ("waking", Level.OPEN, Level.WARM, True),
    ("warm", Level.WARM, Level.WARM, True),
    ("warm", Level.WARM, Level.OPEN, True),
    ("parking", Level.PARKED, Level.OPEN, True),
    ("parking", Level.PARKED, Level.WARM, True),
    ("parked", Level.PARKED, Level.PARKED, True),
    ("parked", Level.PARKED, Level.GONE, False),
    ("retiring", Level.GONE, Level.PARKED, True),
]


@pytest.mark.parametrize(("word", "wanted", "there", "once_ready"), WORDS)
def test_the_word_follows_from_what_is_wanted_and_what_is_there(
    word: str, wanted: Level, there: Level, *, once_ready: bool
) -> None:
    known = replace(READY if once_ready else UNBUILT, level=there)
    assert phase_of(Target(wanted, "because"), known, None, standing=True) == (word, "because")


def test_a_box_is_gone_when_none_of_it_stands_and_nothing_is_to_come() -> None:
    assert phase_of(Target(Level.GONE, "retired"), UNBUILT, BLOCK, standing=False) == ("gone", "retired")
    assert phase_of(Target(Level.GONE, "starts later", NOON), UNBUILT, None, standing=False)[0] == "parked"


def test_what_stands_in_the_way_is_said_with_its_code() -> None:
    found = phase_of(Target(Level.OPEN, "wanted"), UNBUILT, BLOCK, standing=False)
    assert found == ("blocked", "ScopeLocked: locked")


def test_people_see_what_blocks_their_own_box_or_what_all_share() -> None:
    later = replace(BLOCK, code="Later", retry_at=NOON + HOUR)
    assert block_of("one", {"vm!one": BLOCK, BASTION: later}) == later
    assert block_of("two", {"vm!one": BLOCK}) is None
    assert block_of("one", {"vm!another-one": BLOCK}) is None
    assert block_of("one", {"vm!one": replace(BLOCK, shown=False)}) is None


def test_the_estimate_begins_with_the_door_and_never_lies_behind_us() -> None:
    wanted = Target(Level.OPEN, "wanted", asked_at=NOON)
    assert eta_of(wanted, UNBUILT, [], NOON) == NOON + TYPICAL_REST + TYPICAL_DOOR
    assert eta_of(wanted, UNBUILT, [DOOR_COMING], NOON) == NOON + TYPICAL_DOOR
    assert eta_of(wanted, UNBUILT, [DOOR_COMING], NOON + HOUR) == NOON + HOUR + MINUTE


@pytest.mark.parametrize(
    ("target", "known"), [(Target(Level.OPEN, ""), READY), (Target(Level.WARM, ""), replace(READY, level=Level.PARKED))]
)
def test_there_is_no_estimate_for_what_is_open_or_is_not_to_be(target: Target, known: BoxStatus) -> None:
    assert eta_of(target, known, [], NOON) is None
