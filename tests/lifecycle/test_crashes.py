"""A worker may die between any two effects: nothing is lost, nothing is made twice, nothing keeps billing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lifecycle import ledger
from lifecycle.commands import Where
from lifecycle.model import Kind
from lifecycle.ports import Azure, Body, Table
from sandbox.arm.switches import Switches
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


async def _wake(fate: Fate) -> World:
    """Have a parked machine started by a worker that may die on the way; what Azure began fails soon after."""
    world = World(switches=Switches(billing_start="accepted", billing_quantum="hour"))
    await world.ask(hours=30, schedule="always")
    await world.until_phase(ALICES, "ready")
    await world.commands.park(ALICE, ALICES, "", match=None)
    await world.until_phase(ALICES, "parked")
    world.arm.faults.add("late-failed:InternalServerError", "POST .*/start")
    world.reconciler = world.worker(fate)
    await world.commands.wake(ALICE, ALICES, 1, "", match=None, key=None)
    await world.until_phase(ALICES, "ready", hours=2)
    return world


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_whatever_a_worker_dies_at_the_bill_holds_a_start_that_azure_took_and_failed(*, before: bool) -> None:
    fate = Fate()
    await _wake(fate)
    started = fate.names.index("start VM") + 1
    for at in range(started - 2, started + 6):
        world = await _wake(Fate(at, before=before))
        least, most = (await world.bill("hour", "accepted"))["vm.Standard_D2s_v5"]
        assert least <= world.truth()["vm.Standard_D2s_v5"] <= most, (at, fate.names[at - 1])


class Holding:
    """Azure as a worker sees it whose looks all take as long as ``meanwhile`` does."""

    def __init__(self, inner: Azure, meanwhile: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.inner = inner
        self.meanwhile = meanwhile
        self.waiting: asyncio.Task[None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def look(self, kind: Kind, arm_id: str) -> Body | None:
        self.waiting = self.waiting or asyncio.create_task(self.meanwhile())
        await self.waiting
        return await self.inner.look(kind, arm_id)


async def test_a_worker_that_was_held_up_while_it_looked_writes_nothing_into_the_books() -> None:
    world = World()
    await world.ask(hours=8)
    await world.until_phase(ALICES, "warm", hours=3)
    await world.pass_by(minutes=10)
    await world.commands.extend(ALICE, ALICES, 1, "", match=None, key=None)

    async def others_look_and_then_open_the_door() -> None:
        await world.pass_by(minutes=70)
        await world.commands.wake(ALICE, ALICES, None, "", match=None, key=None)
        await world.until_phase(ALICES, "ready", hours=3)

    slow = world.worker()
    slow.lookout.azure = Holding(slow.azure, others_look_and_then_open_the_door)
    await slow.reconcile("main")
    known = {(meter.meter, meter.claimed_at) for meter in (await world.stack()).status.value.meters.values()}
    books = await ledger.read(world.tables)
    assert {(each.meter, each.opened_claimed_at) for each in books.meters if each.closed_absent_at is None} == known
