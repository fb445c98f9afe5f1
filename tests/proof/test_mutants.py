"""The checks notice what they are there for: each planted bug is killed by name, and the product passes every scene.

Here the ten fastest mutants are planted; ``python -m tests.proof.mutants`` and the soak plant all of them.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.proof.mutants import FASTEST, MUTANTS
from tests.proof.planting import Mutant, planted, played, unnoticed

QUICK = {mutant.name: mutant for mutant in MUTANTS if mutant.name in FASTEST}


@pytest.mark.parametrize("name", FASTEST)
def test_the_fastest_mutants_are_killed_by_their_checks(name: str) -> None:
    assert unnoticed(QUICK[name]) == ""


@pytest.mark.parametrize("scene", {mutant.scene: mutant for mutant in QUICK.values()}, ids=lambda scene: scene.__name__)
def test_the_product_as_it_is_passes_the_scenes(scene: object) -> None:
    mutant = next(mutant for mutant in QUICK.values() if mutant.scene is scene)
    assert played(mutant.scene) is None


def test_every_mutant_can_still_be_planted_and_leaves_no_trace() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 30
    for mutant in MUTANTS:
        with planted(mutant):
            pass
        with planted(mutant):  # what was taken out is the product again
            pass


def test_a_mutant_whose_snippet_is_gone_is_an_error_and_no_kill() -> None:
    gone: Mutant = replace(MUTANTS[0], right="what nobody ever wrote")
    with pytest.raises(LookupError, match="0 times"):
        unnoticed(gone)


def test_a_mutant_that_changes_nothing_survives() -> None:
    same = replace(QUICK["a key is forgotten"], wrong=QUICK["a key is forgotten"].right)
    assert unnoticed(same) == "nothing noticed it"
