"""The in-process door: an Azure SDK transport that calls the simulator without a socket."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest._http_response_impl_async import AsyncHttpResponseImpl
from azure.core.utils import case_insensitive_dict

from sandbox.arm.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType
    from typing import Self

    from azure.core.rest import HttpRequest

    from sandbox.arm.arm import Arm


class InProcessTransport(AsyncHttpTransport[Any, Any]):
    """Sends the requests of an Azure SDK pipeline to an `Arm`; sleeps take no real time.

    Each exchange yields to the event loop once before and once after, as a socket would, so that two
    workers interleave at every call.
    """

    def __init__(self, arm: Arm) -> None:
        self._arm = arm

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def sleep(self, duration: float) -> None:
        """Give way to others; the clock is moved by whoever owns it, not by a client's wait."""
        del duration
        await asyncio.sleep(0)

    async def send(self, request: HttpRequest, **kwargs: Any) -> InProcessResponse:
        """Hand a request to the simulator; a dropped one raises what a broken connection raises."""
        stream = bool(kwargs.pop("stream", False))
        response = await self.exchange(Request(request.method, request.url, dict(request.headers), _body(request)))
        if response.dropped == "before":
            raise ServiceRequestError("the connection could not be made")
        if response.dropped == "after":
            raise ServiceResponseError("the connection broke before an answer came")
        answer = InProcessResponse(request, response)
        if not stream:
            await answer.read()
        return answer

    async def exchange(self, request: Request) -> Response:
        """Have the simulator answer, and give way to others before and after."""
        await asyncio.sleep(0)
        response = self._arm.handle(request)
        await asyncio.sleep(0)
        return response


class InProcessResponse(AsyncHttpResponseImpl):
    """An answer as the SDK's pipeline expects it, its body in memory."""

    def __init__(self, request: HttpRequest, response: Response) -> None:
        headers = case_insensitive_dict(response.headers)
        super().__init__(
            request=request,
            internal_response=_Nothing(),
            status_code=response.status,
            headers=headers,
            content_type=headers.get("content-type"),
            reason=HTTPStatus(response.status).phrase,
            stream_download_generator=_in_one_piece,
        )
        self._content = response.body


class _Nothing:
    """Stands where a socket's response would: there is nothing to close."""

    async def close(self) -> None:
        """Nothing to close."""


async def _in_one_piece(
    pipeline: object = None, response: InProcessResponse | None = None, **kwargs: object
) -> AsyncIterator[bytes]:
    """Stream a body; called by the SDK with or without a pipeline in front."""
    del pipeline, kwargs
    if response is not None:
        yield response.content


def _body(request: HttpRequest) -> bytes:
    content = getattr(request, "content", None)
    if content is None:
        content = getattr(request, "body", None)
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, bytes):
        return content
    read = getattr(content, "read", None)
    return bytes(read()) if read is not None else b""
