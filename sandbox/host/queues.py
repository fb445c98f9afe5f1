"""Queue triggers: at least once, in no order, and after enough failures to the poison queue.

The rules are those of the platform's Storage queue listener (Azure/azure-sdk-for-net, QueueListener and
QueueProcessor): a batch is asked for while no more than `newBatchThreshold` messages run; a message is hidden for ten
minutes while its function runs and deleted when it returns; when it raises, the message comes back after
`visibilityTimeout`, or goes to `<queue>-poison` once it was handed out `maxDequeueCount` times. A poison queue has no
poison queue: what fails there stays hidden for its ten minutes. An idle queue is asked after 100 ms, then ever less
often up to `maxPollingInterval`.
"""

import asyncio
import base64
import binascii
import contextlib
import logging
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.functions.queue import QueueMessage as TriggerMessage
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from sandbox.host.dormancy import Dormancy
from sandbox.host.hostjson import QueueSettings
from sandbox.host.indexing import Function, QueueTrigger
from sandbox.host.invoke import Invoker
from sandbox.host.timepiece import Timepiece

logger = logging.getLogger("sandbox.host")

_HIDDEN_SECONDS: Final = 600
_SHORTEST_POLL_SECONDS: Final = 0.1
_POISON: Final = "-poison"
# The library leaves its concrete message untyped.
_trigger_message: Callable[..., TriggerMessage] = TriggerMessage


class QueueListener:
    """Feeds one function from its queue. Host.json's intervals are simulated time; the hiding of a message is real."""

    def __init__(
        self,
        function: Function,
        trigger: QueueTrigger,
        settings: QueueSettings,
        invoker: Invoker,
        timepiece: Timepiece,
        dormancy: Dormancy,
    ) -> None:
        self.function = function
        self.queue = trigger.queue
        self._settings = settings
        self._invoker = invoker
        self._timepiece = timepiece
        self._dormancy = dormancy
        # The outer loop is the only one that retries.
        self._client = QueueClient.from_connection_string(trigger.connection_string, trigger.queue, retry_total=0)
        self._poison = (
            None
            if trigger.queue.endswith(_POISON)
            else QueueClient.from_connection_string(trigger.connection_string, trigger.queue + _POISON, retry_total=0)
        )
        self._asking = asyncio.Lock()
        self._nudged = asyncio.Event()
        self._calls: set[asyncio.Task[None]] = set()
        self._reachable = True

    @property
    def running(self) -> int:
        """How many of the queue's messages are being worked on."""
        return len(self._calls)

    async def create(self) -> None:
        """Create the queue and its poison queue where they are missing. Raises AzureError."""
        for client in (self._client, self._poison):
            if client is not None:
                with contextlib.suppress(ResourceExistsError):
                    await client.create_queue()

    async def run(self) -> None:
        """Ask the queue for ever: at once after a batch, then less and less often."""
        pause = _SHORTEST_POLL_SECONDS
        while True:
            found = 0 if self._dormancy.asleep else await self._poll_lazily()
            if found:
                pause = _SHORTEST_POLL_SECONDS
                continue
            nudged = await self._rest(pause)
            longest = self._timepiece.real_seconds(self._settings.max_polling_interval)
            pause = _SHORTEST_POLL_SECONDS if nudged else min(pause * 2, max(longest, _SHORTEST_POLL_SECONDS))

    def nudge(self) -> None:
        """Have the queue asked now: something ran that may have sent a message.

        Only when the clock runs faster than real time, where a pause of 100 ms is already long.
        """
        if self._timepiece.speed > 1:
            self._nudged.set()

    async def poll(self) -> int:
        """Take one batch, if there is room for one, and start its calls; tell how many were taken."""
        async with self._asking:
            if self.running > self._settings.new_batch_threshold:
                return 0
            try:
                messages = await self._receive()
            except AzureError as error:
                if self._reachable:
                    logger.warning("the queue %s does not answer: %s", self.queue, type(error).__name__)
                self._reachable = False
                return 0
            self._reachable = True
            for message in messages:
                call = asyncio.create_task(self._work(message))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
            return len(messages)

    async def settled(self) -> None:
        """Wait until no message is being worked on."""
        while self._calls:
            await asyncio.wait(self._calls)

    async def close(self) -> None:
        """Cancel what still runs (its messages come back when their ten minutes are over) and close the clients."""
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        for client in (self._client, self._poison):
            if client is not None:
                await client.close()

    async def inject(self, body: bytes) -> None:
        """Call the function by hand with a body that never was in the queue. What it raises is logged."""
        try:
            await self._invoker.call(self.function, _trigger_message(id="", body=body, dequeue_count=1))
        except Exception:
            logger.exception("%s failed", self.function.name)

    async def _rest(self, seconds: float) -> bool:
        """Wait for the pause or a nudge; tell whether it was a nudge."""
        try:
            async with asyncio.timeout(seconds):
                await self._nudged.wait()
        except TimeoutError:
            return False
        self._nudged.clear()
        return True

    async def _poll_lazily(self) -> int:
        if self._dormancy.lags:
            # Peeking leaves the message visible for the lag, as it lies unseen on the platform.
            try:
                waiting = await self._client.peek_messages()
            except AzureError:
                waiting = []
            if not waiting:
                return 0
            await self._dormancy.pickup_lag()
        return await self.poll()

    async def _receive(self) -> list[QueueMessage]:
        pages = self._client.receive_messages(
            messages_per_page=self._settings.batch_size, visibility_timeout=_HIDDEN_SECONDS
        ).by_page()
        async for page in pages:
            # One page is one request; asking for the next would be another.
            return [message async for message in page]
        return []

    async def _work(self, message: QueueMessage) -> None:
        """See one message through. Storage errors are logged: the message then comes back by itself."""
        self._dormancy.touch()
        try:
            if (message.dequeue_count or 1) > self._settings.max_dequeue_count and self._poison is not None:
                # It kept killing its host before it could fail.
                await self._bury(message, self._poison)
            elif await self._succeeds(message):
                await self._client.delete_message(message)
            else:
                await self._release(message)
        except ResourceNotFoundError:
            logger.warning("a message of %s was taken over by someone else", self.queue)
        except AzureError as error:
            logger.warning("the queue %s does not answer: %s", self.queue, type(error).__name__)

    async def _succeeds(self, message: QueueMessage) -> bool:
        try:
            await self._invoker.call(self.function, self._decoded(message))
        except Exception:
            logger.exception("%s failed on a message (attempt %s)", self.function.name, message.dequeue_count)
            return False
        return True

    async def _release(self, message: QueueMessage) -> None:
        if self._poison is None:
            return
        if (message.dequeue_count or 1) >= self._settings.max_dequeue_count:
            await self._bury(message, self._poison)
            return
        # Azurite drops fractions of a second, and a pause of nothing would be none at all.
        pause: timedelta = self._settings.visibility_timeout
        await self._client.update_message(message, visibility_timeout=math.ceil(self._timepiece.real_seconds(pause)))
        self.nudge()

    async def _bury(self, message: QueueMessage, poison: QueueClient) -> None:
        logger.error(
            "a message of %s was handed out %s times: moved to the poison queue", self.queue, message.dequeue_count
        )
        await poison.send_message(message.content, time_to_live=-1)
        await self._client.delete_message(message)

    def _decoded(self, message: QueueMessage) -> TriggerMessage:
        """Make what the function is called with. Raises ValueError for a body that is not base64 where it should be."""
        body = str(message.content).encode()
        if self._settings.base64:
            try:
                body = base64.b64decode(body, validate=True)
            except binascii.Error as error:
                raise ValueError("the message is not base64, which host.json's messageEncoding says it is") from error
        return _trigger_message(
            id=message.id,
            body=body,
            dequeue_count=message.dequeue_count,
            expiration_time=message.expires_on,
            insertion_time=message.inserted_on,
            time_next_visible=message.next_visible_on,
            pop_receipt=message.pop_receipt,
        )
