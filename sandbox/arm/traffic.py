"""A record of the last ARM exchanges, without credentials."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sandbox.arm.wire import stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sandbox.arm.wire import Request, Response

_KEPT = 20_000
_MOST_BYTES = 128 * 2**20


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as bytes; turned into JSON only when somebody reads it."""

    at: datetime
    request: Request
    response: Response

    @property
    def size(self) -> int:
        """The bytes of both bodies."""
        return len(self.request.body) + len(self.response.body)

    def line(self) -> str:
        """The exchange as one line of JSON; bodies as JSON values where they are JSON."""
        status = 0 if self.response.dropped == "before" else self.response.status
        return json.dumps(
            {
                "method": self.request.method,
                "url": self.request.url,
                "status": status,
                "request_body": _value(self.request.body),
                "response_body": _value(self.response.body),
                "response_headers": {name.lower(): value for name, value in self.response.headers.items()},
                "ts": stamp(self.at),
                "injected": self.response.injected,
            }
        )


class Traffic:
    """The last 20,000 exchanges, fewer when their bodies come to more than 128 MB (long lists do).

    `watchers` see each one of every simulator in this process.
    """

    watchers: ClassVar[list[Callable[[Exchange], None]]] = []

    def __init__(self) -> None:
        self._kept: deque[Exchange] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def record(self, at: datetime, request: Request, response: Response) -> None:
        """Keep an exchange; its headers are not shown, so no credential is."""
        exchange = Exchange(at, request, response)
        self._kept.append(exchange)
        self._bytes += exchange.size
        while len(self._kept) > _KEPT or (self._bytes > _MOST_BYTES and len(self._kept) > 1):
            self._bytes -= self._kept.popleft().size
        for watch in self.watchers:
            watch(exchange)

    def exchanges(self) -> tuple[Exchange, ...]:
        """All exchanges kept, oldest first."""
        return tuple(self._kept)

    def lines(self) -> Iterator[str]:
        """The same, one JSON text each."""
        for exchange in self.exchanges():
            yield exchange.line()


def _value(body: bytes) -> object:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
