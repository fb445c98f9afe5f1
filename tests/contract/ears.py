"""Ears to both kinds of bells: changes when a bell gets another twin or another adapter."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from azure.core.exceptions import ResourceNotFoundError

from tests.world.bell import MemoryBell

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueServiceClient

    from lifecycle.cloud.queue import AzureBell
    from lifecycle.ports import Bell, Queue

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


class Listener(Protocol):
    """A bell and the ear to it."""

    @property
    def bell(self) -> Bell: ...

    async def heard(self, queue: Queue) -> list[str]: ...


@dataclass
class Twin:
    bell: MemoryBell = field(default_factory=lambda: MemoryBell(lambda: START))

    async def heard(self, queue: Queue) -> list[str]:
        return self.bell.take(queue, START)


@dataclass
class Real:
    bell: AzureBell
    service: QueueServiceClient

    async def deafen(self) -> None:
        """Begin without any queue."""
        async for queue in self.service.list_queues():
            await self.service.delete_queue(queue.name)

    async def heard(self, queue: Queue) -> list[str]:
        client = self.service.get_queue_client(queue.value)
        names = []
        with suppress(ResourceNotFoundError):  # nobody has rung there yet
            async for message in client.receive_messages(messages_per_page=32):
                names.append(message.content)
                await client.delete_message(message)
        return names
