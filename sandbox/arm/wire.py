"""What goes over the wire: one request, one response, and the instants inside them."""

from __future__ import annotations

import itertools
import json
import re
import sys
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from sandbox.arm.errors import ArmError

Json: TypeAlias = dict[str, Any]

JSON_TYPE = "application/json; charset=utf-8"
_SHORT_TEXT = 40
# Stands for a written value until the rest is written too; no text that anybody sends can be this one.
_PLACE = f"written-{uuid.uuid4()}"
_SLASHES = re.compile("//+")


@dataclass(slots=True)
class Fate:
    """How the operation that a request starts is to end, when a fault has decided it."""

    status: str = "Succeeded"
    error: ArmError | None = None
    stuck: bool = False


@dataclass(slots=True)
class Request:
    """One HTTP request as either door receives it."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    fate: Fate | None = None
    reply_shape: str = ""
    drop_reply: bool = False
    list_lag: timedelta = timedelta()
    base: str = field(init=False)
    path: str = field(init=False)
    query: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        self.method = self.method.upper()
        self.headers = {name.lower(): value for name, value in self.headers.items()}
        self.base = sys.intern(f"{parts.scheme}://{parts.netloc}")
        # Empty segments count for nothing: Azure CLI sends `Microsoft.Network//bastionHosts`.
        self.path = _SLASHES.sub("/", unquote(parts.path)).rstrip("/") or "/"
        self.query = {name.lower(): value for name, value in parse_qsl(parts.query, keep_blank_values=True)}

    def json(self) -> Json:
        """The body as a JSON object of its own; raises ValueError when it is none.

        Its keys and short texts are interned: the same few stand in every body that is kept.
        """
        value = json.loads(self.body or b"{}", object_pairs_hook=_interned)
        if not isinstance(value, dict):
            raise ValueError("the body is not a JSON object")
        return value


@dataclass(slots=True)
class Response:
    """One HTTP response; `dropped` tells the door to break the connection instead of answering.

    `dropped` is "before" (the request never arrived) or "after" (it was done, its answer is lost).
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    dropped: str | None = None
    injected: bool = False


def _interned(pairs: list[tuple[str, Any]]) -> Json:
    return {sys.intern(name): _interned_text(value) for name, value in pairs}


def _interned_text(value: object) -> object:
    return sys.intern(value) if isinstance(value, str) and len(value) < _SHORT_TEXT else value


@dataclass(frozen=True, slots=True)
class Written:
    """A JSON value that has been written already: a long list writes the same few texts thousands of times."""

    text: str

    def read(self) -> Any:
        """The value itself, a new one each time."""
        return json.loads(self.text)


def json_text(value: object) -> str:
    """Write a JSON value, compact as the network provider does; it may hold `Written` ones."""
    written: list[str] = []

    def place(part: object) -> str:
        if not isinstance(part, Written):
            raise TypeError(f"{type(part).__name__} is no JSON value")
        written.append(part.text)
        return _PLACE

    text = json.dumps(value, separators=(",", ":"), default=place, check_circular=False)
    if not written:
        return text
    around = text.split(f'"{_PLACE}"')
    return "".join(itertools.chain.from_iterable(zip(around, written, strict=False))) + around[-1]


def json_response(status: int, value: object, headers: dict[str, str] | None = None) -> Response:
    """Answer with a JSON value."""
    return Response(status, {"Content-Type": JSON_TYPE, **(headers or {})}, json_text(value).encode())


def stamp(instant: datetime) -> str:
    """Write an instant as ISO 8601 in UTC ending in Z, with microseconds where it has any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 instant; raises ValueError when it is none or lacks a zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return instant.astimezone(UTC)
