"""The bell on Azure Storage Queues: changes when the way a message is sent there does."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError, ResourceExistsError

from lifecycle.cloud.storage_faults import code_of, storage_trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.storage.queue.aio import QueueServiceClient

    from lifecycle.cloud.connection import Storage
    from lifecycle.ports import Queue

LONGEST_DELAY_SECONDS = int(timedelta(days=7).total_seconds()) - 60
"""A message may be hidden for seven days at most (Queue service limit); a minute less leaves room for skew."""

_FOREVER = -1  # a message's life must exceed its delay, and a wake-up is never out of date


class AzureBell:
    """Queues on a storage account; a queue is created when it is first found missing.

    Delays are given in the clock's time and sent in the service's whole real seconds: ``clock_speed`` says how
    many of the former pass in one of the latter (1 in Azure). A message sent twice after a lost reply is rung
    twice, which the receiver must bear anyway. Text goes as it is, not in base64: host.json's
    ``messageEncoding`` must be ``none``.
    """

    def __init__(self, storage: Storage, clock_speed: Callable[[], float]) -> None:
        self._service: QueueServiceClient = storage.queues()
        self._clock_speed = clock_speed

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close()

    async def ring(self, queue: Queue, name: str, after: timedelta = timedelta()) -> None:
        """Have ``name`` delivered ``after`` so long, in seven days at the latest.

        Never early: a fraction of a second is rounded up. Raises AzureFault where storage is in trouble.
        """
        hidden = hidden_seconds(after, self._clock_speed())
        async with storage_trouble(f"ringing {queue}"):
            try:
                await self._send(queue, name, hidden)
            except HttpResponseError as error:
                if code_of(error) != "QueueNotFound":
                    raise
                await self._create(queue)
                await self._send(queue, name, hidden)

    async def _send(self, queue: Queue, name: str, hidden: int) -> None:
        client = self._service.get_queue_client(queue.value)
        await client.send_message(name, visibility_timeout=hidden, time_to_live=_FOREVER)

    async def _create(self, queue: Queue) -> None:
        try:
            await self._service.create_queue(queue.value)
        except ResourceExistsError:
            return


def hidden_seconds(after: timedelta, speed: float) -> int:
    """Turn a delay of the clock's into whole real seconds: none, or at least one (Azurite drops fractions)."""
    if after <= timedelta():
        return 0
    return min(LONGEST_DELAY_SECONDS, max(1, math.ceil(after.total_seconds() / speed)))
