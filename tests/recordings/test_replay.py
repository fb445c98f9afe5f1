"""The simulator answers as live Azure did, wherever others recorded what it answered."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

import pytest

from tests.recordings import setups
from tests.recordings.compare import differences
from tests.recordings.differences import DIFFERENCES, NOT_COVERED, Difference
from tests.recordings.recorded import FOLDER, ROOT, Recorded, read, recordings
from tests.recordings.replay import Answered

DOCS = (ROOT / "docs" / "simulator.md").read_text("utf-8")

needs_recordings = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"there are no recordings at {FOLDER} (SHARED_DIR names another place)"
)


@dataclass
class Replayed:
    """What came of one recording: each exchange that was sent, with all that differs."""

    read: int = 0
    found: dict[int, list[tuple[str, str]]] = field(default_factory=dict)

    @property
    def agreeing(self) -> int:
        return sum(not each for each in self.found.values())


@cache
def replayed(recording: str) -> Replayed:
    place = setups.ready(recording)
    result = Replayed()
    for exchange in read(recording):
        result.read += 1
        if any(part in exchange.path for part in NOT_COVERED):
            continue
        setups.between(place, recording, exchange.number)
        body = setups.request_body(recording, exchange.number, exchange.request_body)
        answer = place.play(replace(exchange, request_body=body))
        result.found[exchange.number] = list(differences(exchange, answer))
    return result


@needs_recordings
@pytest.mark.parametrize("recording", recordings())
def test_the_simulator_answers_as_recorded_but_for_what_is_listed(recording: str) -> None:
    unlisted = [
        f"n={number} {place}: {words}"
        for number, found in replayed(recording).found.items()
        for place, words in found
        if not any(each.covers(recording, number, place) for each in DIFFERENCES)
    ]
    assert not unlisted, "\n".join(unlisted)


@needs_recordings
@pytest.mark.parametrize("entry", DIFFERENCES, ids=lambda each: f"{each.recording}-{each.place}")
def test_each_listed_difference_is_still_there(entry: Difference) -> None:
    found = replayed(entry.recording).found
    for number in entry.numbers:
        assert any(entry.covers(entry.recording, number, place) for place, _ in found[number]), (number, entry.place)


@pytest.mark.parametrize("entry", DIFFERENCES, ids=lambda each: f"{each.recording}-{each.place}")
def test_the_docs_have_each_listed_difference(entry: Difference) -> None:
    assert entry.row in DOCS


@needs_recordings
def test_the_docs_say_how_many_exchanges_were_compared() -> None:
    results = [replayed(recording) for recording in recordings()]
    there = sum(each.read for each in results)
    sent = sum(len(each.found) for each in results)
    agreeing = sum(each.agreeing for each in results)
    words = f"Of {there} recorded exchanges, {sent} concern what is simulated; {agreeing} of them are answered alike"
    assert words in DOCS, words


def exchange(**changed: object) -> Recorded:
    made = Recorded("aso_x", 1, "PUT", "/x", "", "2024-03-01", None, 201, {}, {"a": 1}, 1)
    return replace(made, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("recorded", "answered", "place"),
    [
        (exchange(), Answered(200, {}, {"a": 1}), "status"),
        (exchange(headers={"location": "/x"}), Answered(201, {}, {"a": 1}), "header location"),
        (exchange(headers={"retry-after": "3"}), Answered(201, {}, {"a": 1}), "header retry-after"),
        (exchange(), Answered(201, {"azure-asyncnotification": "Enabled"}, {"a": 1}), "header azure-asyncnotification"),
        (exchange(), Answered(201, {}, {}), "$.a"),
        (exchange(), Answered(201, {}, {"a": 1, "b": None}), "$.b"),
        (exchange(), Answered(201, {}, {"a": True}), "$.a"),
        (
            exchange(body={"a": [{"name": "n", "x": "Updating"}]}),
            Answered(201, {}, {"a": [{"name": "n", "x": ""}]}),
            "$.a[n].x",
        ),
        (exchange(body={"a": [1]}), Answered(201, {}, {"a": []}), "$.a"),
    ],
)
def test_a_difference_is_noticed(recorded: Recorded, answered: Answered, place: str) -> None:
    assert [found for found, _ in differences(recorded, answered)] == [place]


def test_what_is_made_up_anew_may_differ_but_stays_of_its_kind() -> None:
    etag, guid = 'W/"5dd6d0c9-1f0c-4f1b-8a86-64e0bb3d8a4c"', "5dd6d0c9-1f0c-4f1b-8a86-64e0bb3d8a4c"
    other = guid.replace("5", "6")
    recorded = exchange(body={"etag": etag, "id": f"/x/{guid}", "at": "2024-09-18T18:40:00Z"})
    fine = {"etag": 'W/"1"', "id": f"/x/{other}", "at": "2026-01-01T00:00:00.5+00:00"}
    assert not list(differences(recorded, Answered(201, {}, fine)))
    assert list(differences(recorded, Answered(201, {}, {**fine, "at": "soon"})))
