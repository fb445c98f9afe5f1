"""A small web server around the site: what a browser talks to, on loopback, with the platform's sign-in played."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from multidict import CIMultiDict

from lifecycle.web.answers import Request
from lifecycle.web.app import Site
from sandbox.host.identity import COOKIE, authenticate
from tests.functions.desk import function_of
from tests.world.harness import World


def site_of(world: World) -> Site:
    """Put the app's HTTP interface in front of a world."""
    return Site(
        world.settings,
        world.tables,
        world.bell,
        world,
        world.timetable,
        world.commands,
        world.queries,
        world.sweeps,
        world.real_now,
    )


@asynccontextmanager
async def serving(site: Site) -> AsyncIterator[str]:
    """Serve a site on a free port; gives its address."""

    async def answer(request: web.Request) -> web.Response:
        if not request.path.startswith("/api/"):
            return web.Response(status=404)
        try:
            name, route = function_of(request.method, request.path.removeprefix("/api"))
        except LookupError:
            return web.Response(status=404)
        headers = authenticate(CIMultiDict(request.headers), request.cookies.get(COOKIE))
        lower = {key.lower(): value for key, value in headers.items()}
        body = await request.read()
        said = await site.answer(
            name, Request(request.method, str(request.url), route, dict(request.query), lower, body)
        )
        sent = {**said.headers, "Content-Type": said.content_type}
        return web.Response(status=said.status, body=said.text.encode(), headers=sent)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
