"""The host's own endpoints: status, the list of functions, a ring by hand, and the hop of the sandbox's clock.

The first three are the platform's (`/admin/host/status`, `/admin/functions`, and Microsoft's "Manually run a non
HTTP-triggered function"), whose local form asks for no key either; the hop is the sandbox's.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from sandbox.host.hop import Hopper
from sandbox.host.indexing import Function, HttpTrigger, QueueTrigger, TimerTrigger
from sandbox.host.invoke import Invoker
from sandbox.host.queues import QueueListener
from sandbox.host.timers import TimerListener


class Admin:
    """Answers below /admin."""

    def __init__(
        self,
        functions: Sequence[Function],
        invoker: Invoker,
        timers: TimerListener,
        queues: Sequence[QueueListener],
        hopper: Hopper,
    ) -> None:
        self._functions: Mapping[str, Function] = {function.name: function for function in functions}
        self._invoker = invoker
        self._timers = timers
        self._queues = {queue.function.name: queue for queue in queues}
        self._hopper = hopper
        self._calls: set[asyncio.Task[None]] = set()
        self._hopping = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """List what is answered here."""
        return [
            web.get("/admin/host/status", self.status),
            web.get("/admin/functions", self.list_functions),
            web.post("/admin/functions/{name}", self.ring),
            web.post("/admin/sandbox/hop", self.hop),
        ]

    async def status(self, _: web.Request) -> web.Response:
        """Tell that the host runs, and how much is under way."""
        return web.json_response(
            {
                "state": "Running",
                "functions": sorted(self._functions),
                "running": self._invoker.running,
                "queues": {queue.queue: {"running": queue.running} for queue in self._queues.values()},
            }
        )

    async def list_functions(self, _: web.Request) -> web.Response:
        """List the functions with what triggers them."""
        return web.json_response(
            [{"name": name, "trigger": _described(function)} for name, function in sorted(self._functions.items())]
        )

    async def ring(self, request: web.Request) -> web.Response:
        """Start a timer or queue function by hand: 202, whatever comes of it; a queue's body is `{"input": "..."}`."""
        function = self._functions.get(request.match_info["name"])
        if function is None:
            return web.Response(status=404)
        text = await request.text()
        try:
            document = json.loads(text) if text.strip() else {}
        except ValueError:
            document = None
        if not isinstance(document, dict):
            return web.Response(status=400, text='the body is a JSON object, such as {"input": "..."}\n')
        match function.trigger:
            case HttpTrigger():
                return web.Response(status=400, text="an HTTP function is called at its own address\n")
            case TimerTrigger():
                self._timers.ring(function.name)
            case QueueTrigger():
                body = document.get("input", "")
                content = body if isinstance(body, str) else json.dumps(body)
                call = asyncio.create_task(self._queues[function.name].inject(content.encode()))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
        return web.Response(status=202)

    async def hop(self, _: web.Request) -> web.Response:
        """Let happen what came due when the clock leapt; one hop at a time."""
        async with self._hopping:
            landing = await self._hopper.hop()
        due = landing.next_due_at
        return web.json_response(
            {"quiet": landing.quiet, "nextDueAt": due.isoformat().replace("+00:00", "Z") if due else None}
        )


def _described(function: Function) -> dict[str, Any]:
    match function.trigger:
        case HttpTrigger(route, methods):
            return {"type": "httpTrigger", "route": route, "methods": sorted(methods)}
        case QueueTrigger(queue):
            return {"type": "queueTrigger", "queueName": queue}
        case TimerTrigger(expression):
            return {"type": "timerTrigger", "schedule": expression}
