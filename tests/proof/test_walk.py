"""Whatever one call comes to on the way to a box, and on the way of its door: the goal is reached, and nothing is left.

Here the walks of *create* and *idle* are taken with the most telling faults at each call; the soak takes all of them,
of all words.
"""

from __future__ import annotations

import pytest

from tests.proof import walk
from tests.proof.wire import KINDS, Sort

SHARES = 3


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("word", ["create", "idle"])
def test_any_one_call_may_fail_and_the_goal_is_reached(word: str, share: int) -> None:
    walked = walk.run(word, walk.share(walk.telling, share, SHARES), thorough=False)
    assert walked.cases.total() > walked.calls / SHARES / 4
    assert not walked.failures, walked.told()


def test_every_kind_of_fault_has_its_turn() -> None:
    for sort, kinds in KINDS.items():
        tried = {kind for number in range(6 * len(kinds)) for kind in walk.telling(number, sort)}
        assert tried == set(kinds), sort


def test_a_walk_sees_what_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A door that nobody can have for longer than is borne is a failure, with the command that lives it again."""

    def stuck(number: int, sort: Sort) -> tuple[str, ...]:
        return ("stuck",) if number and sort is Sort.CHANGE else ()

    monkeypatch.setitem(walk.LONG, "stuck", walk.SOON / 50)
    walked = walk.run("idle", stuck, thorough=False)
    assert "not there by" in walked.told()
    assert "python -m tests.proof.walk idle" in walked.told()
