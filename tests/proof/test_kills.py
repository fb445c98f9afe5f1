"""Workers die at named points, as real processes: every box gets where it was to go, and the books hold the truth."""

from __future__ import annotations

import pytest

from sandbox import azurite
from tests.proof.kills import FEW, POINTS, kill_points, lives
from tests.proof.lives import WHENEVER
from tests.proof.perils import Peril


@pytest.mark.sandbox
@pytest.mark.timeout(900)
@pytest.mark.skipif(not azurite.installed(), reason="node_modules is missing: `npm ci` installs Azurite")
async def test_boxes_survive_eight_deaths_of_their_workers_and_nothing_is_left_or_missing_on_the_bill() -> None:
    tally = await kill_points(FEW, lambda _: None)
    assert tally.failures == []
    assert (tally.kills, tally.survived) == (8, 8)


def test_every_kill_point_comes_by_as_often_as_asked() -> None:
    led = list(lives(3))
    assert len({life.stack for life in led}) == len(led)
    for stage, points in POINTS.items():
        met = sorted(what for life in led for what in life.befalls.get(stage, ()))
        assert met == sorted(points * 3)
    assert sum(len(points) for points in POINTS.values()) >= 40


def test_a_peril_is_read_as_it_was_written() -> None:
    for text in {what for points in POINTS.values() for what in points} - {WHENEVER}:
        assert str(Peril.parse(text)) == text
    assert Peril.parse("stop after claim") == Peril("after", "claim", stop=True)
    with pytest.raises(ValueError, match="EFFECT"):
        Peril.parse("sometimes claim")
