"""The door for sockets, plain or TLS: ARM at the root, the control side under /sandbox, on loopback only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from sandbox.arm.advance import Advance, HttpHost
from sandbox.arm.control import Control, too_large
from sandbox.arm.wire import Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sandbox.arm.arm import Arm
    from sandbox.arm.wire import Response
    from sandbox.clock import Clock

LARGEST_BODY = 4 * 1024 * 1024
_COMPUTED = ("content-length", "content-type", "date")


def application(arm: Arm, clock: Clock, host_url: str | None = None) -> web.Application:
    """The whole door; `host_url` is where the app's host listens for hops."""
    door = _Door(arm, clock, host_url)
    app = web.Application(client_max_size=LARGEST_BODY)
    app.cleanup_ctx.append(door.open)
    app.router.add_route("*", "/{path:.*}", door.answer)
    return app


class _Door:
    """Turns HTTP requests into the simulator's and its answers into HTTP's."""

    def __init__(self, arm: Arm, clock: Clock, host_url: str | None) -> None:
        self._arm = arm
        self._clock = clock
        self._host_url = host_url
        self._control: Control | None = None

    async def open(self, app: web.Application) -> AsyncIterator[None]:
        """Hold the connection to the app's host for as long as the server runs."""
        del app
        async with aiohttp.ClientSession() as session:
            host = HttpHost(session, self._host_url) if self._host_url else None
            self._control = Control(self._arm, self._clock, Advance(self._clock, self._arm, host))
            yield

    async def answer(self, incoming: web.Request) -> web.StreamResponse:
        """Answer one request; a dropped one loses its connection."""
        try:
            body = await incoming.read()
        except web.HTTPRequestEntityTooLarge:
            return _outgoing(too_large(LARGEST_BODY))
        request = Request(incoming.method, str(incoming.url), dict(incoming.headers), body)
        if request.path == "/sandbox" or request.path.startswith("/sandbox/"):
            if self._control is None:
                raise web.HTTPServiceUnavailable
            return _outgoing(await self._control.answer(request))
        response = self._arm.handle(request)
        if response.dropped is not None and incoming.transport is not None:
            incoming.transport.abort()
        return _outgoing(response)


def _outgoing(response: Response) -> web.Response:
    headers = {name: value for name, value in response.headers.items() if name.lower() not in _COMPUTED}
    outgoing = web.Response(status=response.status, body=response.body, headers=headers)
    content_type = response.headers.get("Content-Type")
    if content_type is not None:
        outgoing.headers["Content-Type"] = content_type
    return outgoing
