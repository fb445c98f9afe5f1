"""What both kinds of bells promise: changes with ``ports.Bell``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.cloud.connection import Storage
from lifecycle.cloud.queue import AzureBell, hidden_seconds
from lifecycle.ports import Queue
from tests.contract.ears import START, Listener, Real, Twin
from tests.world.bell import MemoryBell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(params=["memory", pytest.param("azurite", marks=pytest.mark.azurite)])
async def listener(request: pytest.FixtureRequest) -> AsyncIterator[Listener]:
    if request.param == "memory":
        yield Twin()
        return
    storage = Storage.from_connection_string("STORAGE", request.getfixturevalue("azurite_connection"))
    bell = AzureBell(storage, lambda: 60.0)
    async with storage.queues() as service:
        real = Real(bell, service)
        await real.deafen()
        yield real
    await bell.close()


async def test_a_ring_is_heard_once_as_it_was_said(listener: Listener) -> None:
    said = "stack-1 <&> 'ü' 🔑"
    await listener.bell.ring(Queue.RECONCILE, said)
    assert await listener.heard(Queue.RECONCILE) == [said]
    assert await listener.heard(Queue.RECONCILE) == []


async def test_queues_do_not_mix(listener: Listener) -> None:
    for queue in Queue:
        await listener.bell.ring(queue, f"for {queue}")
    for queue in Queue:
        assert await listener.heard(queue) == [f"for {queue}"]


@pytest.mark.parametrize("after", [timedelta(minutes=30), timedelta(days=7), timedelta(days=3650)])
async def test_a_ring_for_later_is_not_heard_yet(listener: Listener, after: timedelta) -> None:
    await listener.bell.ring(Queue.CHORES, "later", after)
    await listener.bell.ring(Queue.CHORES, "now", timedelta(seconds=-5))
    assert await listener.heard(Queue.CHORES) == ["now"]


@pytest.mark.azurite
async def test_a_missing_queue_is_made_and_no_other(azurite_connection: str) -> None:
    storage = Storage.from_connection_string("STORAGE", azurite_connection)
    bell = AzureBell(storage, lambda: 1.0)
    async with storage.queues() as service:
        async for queue in service.list_queues():
            await service.delete_queue(queue.name)
        await bell.ring(Queue.NOTIFY, "a")
        assert [queue.name async for queue in service.list_queues()] == ["notify"]
    await bell.close()


@pytest.mark.parametrize(
    ("seconds", "speed", "hidden"),
    [
        (0, 60, 0),
        (-9, 60, 0),
        (0.001, 1, 1),
        (1, 60, 1),
        (60, 60, 1),
        (61, 60, 2),
        (90, 1, 90),
        (90.2, 1, 91),
        (7 * 86400, 1, 7 * 86400 - 60),
        (10**9, 1, 7 * 86400 - 60),
        (10, 0.5, 20),
    ],
)
def test_a_delay_is_whole_real_seconds_never_early_and_at_most_a_week(
    seconds: float, speed: float, hidden: int
) -> None:
    assert hidden_seconds(timedelta(seconds=seconds), speed) == hidden


async def test_the_twin_rings_when_its_clock_gets_there() -> None:
    bell = MemoryBell(lambda: START)
    await bell.ring(Queue.RECONCILE, "b", timedelta(minutes=2))
    await bell.ring(Queue.RECONCILE, "a", timedelta(minutes=1))
    assert bell.next_at() == START + timedelta(minutes=1)
    assert bell.take(Queue.RECONCILE, START) == []
    assert [ring.name for ring in bell.due(START + timedelta(minutes=2))] == ["a", "b"]
    assert bell.take(Queue.RECONCILE, START + timedelta(minutes=1)) == ["a"]
    assert bell.take(Queue.RECONCILE, START + timedelta(minutes=2)) == ["b"]
    assert bell.next_at() is None
