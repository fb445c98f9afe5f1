"""Networks that misbehave as a test wants: changes when azure-core's transports do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpTransport

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Between(AsyncHttpTransport[Any, Any]):
    """Stands between a client and the real network, and passes everything on."""

    def __init__(self) -> None:
        self._real = AioHttpTransport()

    async def send(self, request: Any, **options: Any) -> Any:
        return await self._real.send(request, **options)

    async def open(self) -> None:
        await self._real.open()

    async def close(self) -> None:
        await self._real.close()

    async def __aenter__(self) -> Self:
        await self._real.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._real.__aexit__(exc_type, exc_value, traceback)


class Lossy(Between):
    """Loses the reply to those requests that ``losing`` names, after the service has acted on them."""

    def __init__(self, losing: Callable[[Any], bool]) -> None:
        super().__init__()
        self._losing = losing
        self.sent: list[str] = []

    async def send(self, request: Any, **options: Any) -> Any:
        reply = await super().send(request, **options)
        self.sent.append(request.method)
        if self._losing(request):
            await reply.read()
            raise ServiceResponseError("the reply was lost")
        return reply


class Diverted(Between):
    """Carries what is meant for one address to another."""

    def __init__(self, meant: str, actual: str) -> None:
        super().__init__()
        self._meant = meant
        self._actual = actual

    async def send(self, request: Any, **options: Any) -> Any:
        url = request.url
        request.url = url.replace(self._meant, self._actual)
        try:
            return await super().send(request, **options)
        finally:
            request.url = url
