"""An ARM that says what a test tells it to: changes when the tests need another way to answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Answer:
    """One answer: its status, its body (JSON, or text as it is) and its headers; ``{root}`` is our address."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Script:
    """The answers still to give, one a request, the last one for ever; and what was asked."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    root: str = ""

    def answer(self, status: int = 200, body: Any = None, **headers: str) -> None:
        self.answers.append(Answer(status, body, {name.replace("_", "-"): text for name, text in headers.items()}))

    async def reply(self, request: web.Request) -> web.Response:
        text = await request.text()
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = json.loads(text) if request.content_type == "application/json" and text.startswith("{") else None
        asked = Asked(request.method, request.path, dict(request.query), headers, body)
        self.asked.append(asked)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        given = {name: value.replace("{root}", self.root) for name, value in answer.headers.items()}
        if answer.body is None:
            return web.Response(status=answer.status, headers=given)
        if isinstance(answer.body, str):
            given.setdefault("Content-Type", "text/html")
            return web.Response(status=answer.status, headers=given, body=answer.body.encode())
        given.setdefault("Content-Type", "application/json")
        return web.Response(status=answer.status, headers=given, body=json.dumps(answer.body).encode())


@asynccontextmanager
async def served() -> AsyncIterator[Script]:
    """Serve a script on a free port of loopback."""
    script = Script()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", script.reply)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    script.root = f"http://127.0.0.1:{port}"
    try:
        yield script
    finally:
        await runner.cleanup()
