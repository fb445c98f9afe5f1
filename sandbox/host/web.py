"""HTTP triggers: a request in, a function's response out."""

import asyncio
import logging
from typing import Any, Final

import azure.functions as func
from aiohttp import web
from multidict import CIMultiDict, MultiMapping

from sandbox.host.dormancy import Dormancy
from sandbox.host.identity import COOKIE, authenticate
from sandbox.host.invoke import Invoker
from sandbox.host.routes import RouteTable

logger = logging.getLogger("sandbox.host")

# The front end of the platform gives up on an idle request after 230 s, whatever the plan.
RESPONSE_LIMIT_SECONDS: Final = 230
# The platform takes bodies up to 100 MB (Microsoft, HTTP trigger limits). An app with a smaller limit answers itself.
BODY_LIMIT_BYTES: Final = 100 * 1024 * 1024
# What aiohttp works out from the body itself.
_FRAMING: Final = frozenset({"content-length", "transfer-encoding", "connection"})


class HttpListener:
    """Answers every request that is not the host's own."""

    def __init__(self, routes: RouteTable, invoker: Invoker, dormancy: Dormancy) -> None:
        self._routes = routes
        self._invoker = invoker
        self._dormancy = dormancy
        self._calls: set[asyncio.Task[Any]] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Find the function for the request and call it.

        The body is read to its end before anything else: a peer that still writes would see a reset, not the answer.
        A function that raises is a 500 with an empty body, as on the platform; the traceback is in the log only.
        """
        body = await request.read()
        found = self._routes.match(request.method, request.rel_url.raw_path)
        if found is None:
            return web.Response(status=404)
        await self._dormancy.awaken()
        incoming = func.HttpRequest(
            method=request.method,
            url=str(request.url),
            headers=_joined(authenticate(CIMultiDict(request.headers), request.cookies.get(COOKIE))),
            params=_joined(request.query),
            route_params=dict(found.values),
            body=body,
        )
        call = asyncio.create_task(self._invoker.call(found.function, incoming))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        done, _ = await asyncio.wait({call}, timeout=RESPONSE_LIMIT_SECONDS)
        if not done:
            # The front end gives up; the function does not learn of it and goes on.
            logger.error("%s gave no answer in %s s", found.function.name, RESPONSE_LIMIT_SECONDS)
            return web.Response(status=504)
        try:
            return _response(call.result())
        except Exception:
            logger.exception("%s failed", found.function.name)
            return web.Response(status=500)


def _joined(values: MultiMapping[str]) -> dict[str, str]:
    """Join what was sent more than once with commas, as the platform hands it to a Python worker."""
    return {name: ",".join(values.getall(name)) for name in dict.fromkeys(values)}


def _response(result: Any) -> web.Response:
    """Turn what a function returned into a response: an HttpResponse, or a text.

    Raises TypeError for anything else, which makes it a 500.
    """
    if isinstance(result, str):
        return web.Response(text=result)
    if not isinstance(result, func.HttpResponse):
        raise TypeError(f"an HTTP function returns an HttpResponse or a text, not {type(result).__name__}")
    headers = CIMultiDict((name, value) for name, value in result.headers.items() if name.lower() not in _FRAMING)
    if "Content-Type" not in headers:
        charset = f"; charset={result.charset}" if result.mimetype.startswith("text/") else ""
        headers["Content-Type"] = f"{result.mimetype}{charset}"
    return web.Response(status=result.status_code, headers=headers, body=result.get_body())
