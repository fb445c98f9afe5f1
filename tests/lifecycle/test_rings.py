"""Doubled messages and stale entries of the due table: they change when a stack is looked at, and breed nothing."""

from __future__ import annotations

from datetime import timedelta

from lifecycle import due
from lifecycle.commands import Where
from lifecycle.ports import Queue
from tests.world.harness import ALICE, World

ALICES = Where("main", "alice")


async def test_doubled_messages_during_a_long_operation_die_out() -> None:
    world = World()
    world.arm.faults.add("stuck", "PUT .*bastionHosts")
    await world.ask()
    await world.pass_by(minutes=10)
    for seconds in (2, 3, 4, 5, 6, 7):
        await world.bell.ring(Queue.RECONCILE, "main", timedelta(seconds=seconds))
    await world.pass_by(minutes=1)
    assert len([ring for ring in world.bell.rings if ring.queue is Queue.RECONCILE]) == 1


async def test_an_entry_that_a_pass_has_answered_rings_no_more_while_an_operation_is_polled() -> None:
    world = World(timers=False)
    world.arm.faults.add("stuck", "PUT .*bastionHosts")
    await world.ask()
    await world.pass_by(minutes=10)
    await due.note(world.tables, due.Due(world.now - timedelta(minutes=5), "main"))
    assert await world.sweeps.pass_by() == 0


async def test_the_net_of_a_box_that_is_long_in_coming_is_not_written_every_minute() -> None:
    world = World(start=World().start.replace(hour=20))
    world.arm.faults.add("stuck", "PUT .*bastionHosts")
    await world.ask()
    await world.pass_by(hours=1)
    written = [sent for sent in world.mutations() if "Microsoft.DevTestLab/schedules" in sent]
    assert len(written) <= 4


async def test_a_box_comes_and_goes_though_every_message_but_the_sweeps_own_is_lost() -> None:
    world = World(timers=False)

    async def sweep_on_until(phase: str) -> None:
        for _ in range(60):
            if await world.phase(ALICES) == phase:
                return
            world.bell.rings.clear()
            await world.pass_by(minutes=5)
            await world.sweeps.sweep()
            await world._deliver()
        raise AssertionError(f"it is {await world.phase(ALICES)}, not {phase}")

    await world.ask()
    await sweep_on_until("ready")
    await world.commands.retire(ALICE, ALICES, "", match=None)
    await sweep_on_until("gone")
