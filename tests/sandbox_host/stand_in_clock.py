"""A clock and nothing else: it stands in for the Azure simulator where a test is about the host alone."""

import argparse
from datetime import UTC, datetime

from aiohttp import web

SHOWN = {"now": "2026-03-02T09:00:00Z", "speed": 60.0, "running": False}


async def show(_: web.Request) -> web.Response:
    return web.json_response(SHOWN)


async def move(request: web.Request) -> web.Response:
    SHOWN.update(await request.json())
    return web.json_response(SHOWN)


def application(start: datetime, speed: float) -> web.Application:
    SHOWN.update(now=start.astimezone(UTC).isoformat(), speed=speed, running=False)
    application = web.Application()
    application.add_routes([web.get("/sandbox/health", show), web.get("/sandbox/clock", show)])
    application.router.add_post("/sandbox/clock", move)
    return application


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--speed", type=float)
    parser.add_argument("--seed")
    parser.add_argument("--start", type=datetime.fromisoformat)
    parser.add_argument("--host-url")
    options = parser.parse_args()
    web.run_app(application(options.start, options.speed), host="127.0.0.1", port=options.port, print=None)
