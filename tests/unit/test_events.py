"""The events of the log are what the handbook says they are: code and document, held against each other."""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest

from lifecycle import journal
from lifecycle.events import LONGEST_TEXT, Event, Name, between
from lifecycle.model import Block, Drift, StackStatus, Verb
from lifecycle.web.health_api import SHOWN
from tests.examples import NOON

HANDBOOK = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
CHAPTER = HANDBOOK[HANDBOOK.index("## Events in the log") : HANDBOOK.index("## Orphans")]
BLOCK = Block(Verb.PUT, "SkuNotAvailable", "none here", 1, NOON, shown=True)
LATER = NOON + timedelta(hours=1)


def test_the_handbook_names_every_event_and_no_other() -> None:
    assert {*re.findall(r"(?m)^\| `([a-z._]+)` \| .+ \|$", CHAPTER)} == {name.value for name in Name}


def test_the_handbook_has_a_query_for_every_event() -> None:
    assert {*re.findall(r'e\.event == "([a-z._]+)"', CHAPTER)} == {name.value for name in Name}


def test_the_handbook_explains_every_kind_of_trouble() -> None:
    chapter = HANDBOOK[HANDBOOK.index("## What is wrong just now") : HANDBOOK.index("## Events in the log")]
    assert {*re.findall(r"(?m)^\| `([a-z]+)` \|", chapter)} == set(SHOWN)


@pytest.mark.parametrize("name", Name)
def test_every_event_is_written_somewhere(name: Name) -> None:
    code = "".join(path.read_text() for path in (Path(__file__).parents[2] / "lifecycle").rglob("*.py"))
    assert len(re.findall(rf"\bName\.{name.name}\b", code)) >= 1


def test_an_event_is_one_line_of_json_however_long_or_odd_its_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lifecycle.events")
    journal.write([Event(Name.STACK_BLOCKED, "main", "vm!a", "Code", "two\nlines %s {} " + "x" * 9999)])
    (record,) = caplog.records
    line = record.getMessage()
    assert "\n" not in line
    said = json.loads(line)
    assert (said["event"], said["stack"], said["part"], said["code"]) == ("stack.blocked", "main", "vm!a", "Code")
    assert len(said["text"]) == LONGEST_TEXT
    assert record.levelno == logging.WARNING


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        (StackStatus(), StackStatus(), []),
        (StackStatus(), StackStatus(blocks={"vm!a": BLOCK}), [Name.STACK_BLOCKED]),
        (StackStatus(blocks={"vm!a": BLOCK}), StackStatus(blocks={"vm!a": BLOCK}), []),
        (StackStatus(blocks={"vm!a": BLOCK}), StackStatus(), [Name.STACK_UNBLOCKED]),
        (StackStatus(), StackStatus(drifts={"vnet": Drift("tags", NOON)}), [Name.DRIFT_FOUND]),
        (StackStatus(drifts={"vnet": Drift("tags", NOON)}), StackStatus(drifts={"vnet": Drift("tags", NOON)}), []),
        (
            StackStatus(drifts={"vnet": Drift("tags", NOON)}),
            StackStatus(drifts={"vnet": Drift("tags", NOON, LATER)}),
            [Name.DRIFT_MENDED],
        ),
        (
            StackStatus(drifts={"vnet": Drift("tags", NOON, LATER)}),
            StackStatus(drifts={"vnet": Drift("deleted", LATER)}),
            [Name.DRIFT_FOUND],
        ),
    ],
    ids=["quiet", "blocked", "still blocked", "free", "changed", "still changed", "mended", "changed again"],
)
def test_what_happened_follows_from_two_statuses(before: StackStatus, after: StackStatus, names: list[Name]) -> None:
    assert [event.name for event in between("main", before, after)] == names
