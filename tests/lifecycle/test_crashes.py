"""A worker may die between any two effects: nothing is lost, nothing is made twice, nothing keeps billing."""

from __future__ import annotations

import pytest

from lifecycle.commands import Where
from lifecycle.ports import Table
from tests.world.crash import Fate
from tests.world.harness import ALICE, World

ALICES = Where("main", "alice")
SHARES = 4
"""The kinds of effect are dealt out to so many tests, to be run side by side."""


async def _live(fate: Fate) -> World:
    """Have a box made and retired by a worker that may die on the way."""
    world = World()
    world.reconciler = world.worker(fate)
    await world.ask(hours=8)
    await world.until_phase(ALICES, "ready", hours=3)
    assert len(world.resources()) == 10, fate.names[-1:]
    await world.commands.retire(ALICE, ALICES, "", match=None)
    await world.until_phase(ALICES, "gone", hours=4)
    return world


async def _kinds() -> list[int]:
    """Name the first effect of each kind in a whole life, by its number."""
    fate = Fate()
    await _live(fate)
    return [fate.names.index(name) + 1 for name in dict.fromkeys(fate.names)]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("share", range(SHARES))
async def test_whatever_a_worker_dies_at_the_box_gets_ready_and_goes_again(share: int, *, before: bool) -> None:
    kinds = await _kinds()
    assert len(kinds) > 15
    for at in kinds[share::SHARES]:
        fate = Fate(at, before=before)
        world = await _live(fate)
        assert fate.effects >= at
        assert world.resources() == {}, (at, fate.names[-1:])
        truth, bill = world.truth(), await world.bill()
        for meter, hours in truth.items():
            assert bill[meter][0] - 1e-6 <= hours <= bill[meter][1] + 1e-6, (at, fate.names[-1:], meter)
        assert all(entry["to"] for entry in world.arm.cloud.meters.shown(world.now))


async def test_what_ends_as_it_is_answered_has_its_outcome_on_record_though_its_worker_dies() -> None:
    fate = Fate()
    await _live(fate)
    tagged = fate.names.index("tag DISK") + 1
    stored = tagged + fate.names[tagged:].index("write Stacks") + 1
    world = await _live(Fate(stored, before=False))
    said = [row.values async for row in world.tables.scan(Table.AUDIT) if row.values.get("action") == "tag"]
    assert [values["outcome"] == "intended" for values in said] == [True, False]
