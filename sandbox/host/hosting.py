"""The host's life: everything is started, runs until it is told to stop, and ends within a few seconds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import aiohttp
from aiohttp import web
from azure.core.exceptions import AzureError

from sandbox.host import signin
from sandbox.host.admin import Admin
from sandbox.host.dormancy import Dormancy, Laziness
from sandbox.host.hop import DueSource, Hopper
from sandbox.host.hostjson import HostJson
from sandbox.host.indexing import Function, QueueTrigger
from sandbox.host.invoke import Invoker
from sandbox.host.queues import QueueListener
from sandbox.host.routes import RouteTable
from sandbox.host.timepiece import Timepiece
from sandbox.host.timers import TimerListener
from sandbox.host.timerstatus import TimerStatus
from sandbox.host.web import BODY_LIMIT_BYTES, HttpListener

logger = logging.getLogger("sandbox.host")

# Together under the five seconds that a stop may take.
_FINISH_SECONDS: Final = 3.5
_HANG_UP_SECONDS: Final = 0.5
_START_SECONDS: Final = 30


class Unreachable(Exception):
    """A neighbour that the host cannot do without does not answer; the message says which."""


@dataclass(frozen=True, slots=True)
class HostOptions:
    """How the host is run: where it listens, whose clock it follows, and how lazy it is."""

    port: int
    host_json: HostJson
    clock_url: str | None = None
    due_source: DueSource | None = None
    laziness: Laziness = field(default_factory=Laziness)
    seed: int = 0
    timer_status: Path | None = None


class Host:
    """A Functions host for one app, on loopback."""

    def __init__(self, functions: Sequence[Function], options: HostOptions) -> None:
        self._functions = functions
        self._options = options
        self._timepiece = Timepiece(options.clock_url)

    async def run(self, stop: asyncio.Event) -> bool:
        """Serve until `stop` is set; tell whether every call had ended by then.

        Raises OSError when the port is taken, and Unreachable when the storage or the clock does not answer within
        half a minute of the start.
        """
        await self._until_reached("the clock", self._timepiece.read, stop)
        invoker = Invoker()
        dormancy = Dormancy(self._options.laziness, self._timepiece, Random(self._options.seed))
        timers = TimerListener(
            self._functions, invoker, self._timepiece, dormancy, TimerStatus(self._options.timer_status)
        )
        queues = [
            QueueListener(
                function, function.trigger, self._options.host_json.queues, invoker, self._timepiece, dormancy
            )
            for function in self._functions
            if isinstance(function.trigger, QueueTrigger)
        ]
        for queue in queues:
            await self._until_reached(f"the queue {queue.queue}", queue.create, stop)
            invoker.on_finish(queue.nudge)
        hopper = Hopper(self._timepiece, timers, queues, invoker, self._options.due_source)
        admin = Admin(self._functions, invoker, timers, queues, hopper)
        http = HttpListener(RouteTable(self._options.host_json.route_prefix, self._functions), invoker, dormancy)

        runner = web.AppRunner(_application(admin, http), access_log=None, shutdown_timeout=_HANG_UP_SECONDS)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._options.port)
        try:
            await site.start()
            async with asyncio.TaskGroup() as listeners:
                loops = [self._timepiece.follow(), timers.run(), *(queue.run() for queue in queues)]
                running = [listeners.create_task(loop) for loop in loops]
                logger.info("listening on http://127.0.0.1:%s", self._options.port)
                await stop.wait()
                for task in running:
                    task.cancel()
            await site.stop()
            ended = await self._finish(invoker, queues)
        finally:
            await runner.cleanup()
            await timers.close()
            for queue in queues:
                await queue.close()
            await self._timepiece.close()
            invoker.close()
        return ended

    async def _finish(self, invoker: Invoker, queues: Sequence[QueueListener]) -> bool:
        try:
            async with asyncio.timeout(_FINISH_SECONDS):
                await invoker.settled()
                await asyncio.gather(*(queue.settled() for queue in queues))
        except TimeoutError:
            logger.warning("%s calls did not end in time and are cut off", invoker.running)
            return False
        return True

    async def _until_reached(self, what: str, attempt: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        """Try again while a neighbour is still starting, unless told to stop."""
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while not stop.is_set():
            try:
                await attempt()
            except (AzureError, aiohttp.ClientError, TimeoutError) as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise Unreachable(f"{what} cannot be reached: {error or type(error).__name__}") from error
                await asyncio.sleep(_HANG_UP_SECONDS)
            else:
                return


def _application(admin: Admin, http: HttpListener) -> web.Application:
    application = web.Application(client_max_size=BODY_LIMIT_BYTES)
    application.add_routes(
        [
            *admin.routes(),
            web.get("/.auth/login/sandbox", signin.sign_in),
            web.get("/.auth/logout", signin.sign_out),
            web.get("/.auth/me", signin.who_am_i),
            web.route("*", "/{path:.*}", http.answer),
        ]
    )
    return application
