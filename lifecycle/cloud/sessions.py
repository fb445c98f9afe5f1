"""Who is connected through a Bastion host: changes when the service's way of telling, or our trust in it, does.

Not through the SDK's own call: that copes with ``{"value": [...]}`` only, while the service has been seen to
answer a bare array (azure-sdk-for-js#25671, azure-rest-api-specs#19003), null and nothing at all. Nobody is
connected if, and only if, the service says so with an empty list; everything else is a fault, which means that
nobody knows.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from azure.core.rest import HttpRequest

from lifecycle.cloud.arm_faults import error_of, fault_of_response
from lifecycle.cloud.arm_kinds import NETWORK_API
from lifecycle.cloud.arm_pipeline import WHENEVER
from lifecycle.faults import AzureFault, Fault, Meaning
from lifecycle.model import SessionSeen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lifecycle.cloud.endpoints import Origin

LONGEST_READ_SECONDS = 10.0
"""Real seconds for one reading with all its polls: it happens inside an invocation, the only thing that waits."""

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 1.0
MOST_PAGES = 10

_TOO_LATE = f"no answer within {LONGEST_READ_SECONDS:.0f} s"

_ENDED = frozenset({"disconnected", "notfound"})


class BastionSessions:
    """The sessions of one host. ``send`` is the SDK client's own pipeline; ``pause`` waits real seconds."""

    def __init__(
        self,
        host_url: str,
        send: Callable[..., Awaitable[Any]],
        origin: Origin,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._host_url = host_url
        self._send = send
        self._origin = origin
        self._pause = pause

    async def read(self) -> tuple[SessionSeen, ...]:
        """List the sessions; raises AzureFault for anything but a well-formed list."""
        entries = await self._post("getActiveSessions", None)
        return tuple(_session_of(entry) for entry in entries)

    async def disconnect(self, session_ids: Sequence[str]) -> None:
        """End sessions; raises AzureFault unless the service says of each that it has ended or is not there."""
        entries = await self._post("disconnectActiveSessions", {"sessionIds": list(session_ids)})
        states = {str(entry.get("sessionId")): str(entry.get("state")) for entry in entries}
        stubborn = [known for known in session_ids if states.get(known, "").lower() not in _ENDED]
        if stubborn:
            what = f"{len(stubborn)} of {len(session_ids)} sessions were not disconnected"
            raise AzureFault(Fault("SessionNotDisconnected", what, Meaning.RETRY))

    async def _post(self, action: str, body: dict[str, Any] | None) -> list[dict[str, Any]]:
        try:
            async with asyncio.timeout(LONGEST_READ_SECONDS):
                return await self._post_and_follow(action, body)
        except TimeoutError:
            raise _unknown(_TOO_LATE) from None

    async def _post_and_follow(self, action: str, body: dict[str, Any] | None) -> list[dict[str, Any]]:
        url = f"{self._host_url}/{action}?api-version={NETWORK_API}"
        answer = await self._send(HttpRequest("POST", url, json=body), send_by=WHENEVER)
        answer = await self._settled(answer)
        entries, next_url = _page_of(answer)
        for _ in range(MOST_PAGES):
            if next_url is None:
                return entries
            more, next_url = _page_of(await self._get(next_url))
            entries += more
        raise _unknown("the list has no end")

    async def _settled(self, answer: Any) -> Any:
        """Wait for a long-running answer: ask the operation if it has an address, then take the result's."""
        operation = answer.headers.get("Azure-AsyncOperation")
        result = answer.headers.get("Location")
        pauses = _Pauses(self._pause)
        if answer.status_code == HTTPStatus.ACCEPTED and operation:
            while not _has_succeeded(answer):
                await pauses.next()
                answer = await self._get(operation)
            if result:
                answer = await self._get(result)
        while answer.status_code == HTTPStatus.ACCEPTED:
            result = answer.headers.get("Location") or result
            if not result:
                raise _unknown("an operation without address")
            await pauses.next()
            answer = await self._get(result)
        return answer

    async def _get(self, url: str) -> Any:
        if not self._origin.owns(url):
            raise _unknown("the answer leads away from ARM")
        answer = await self._send(HttpRequest("GET", url))
        _require_success(answer)
        return answer


class _Pauses:
    """Pauses that grow, the first being none at all, and end when the reading has waited long enough in all."""

    def __init__(self, pause: Callable[[float], Awaitable[None]]) -> None:
        self._pause = pause
        self._next = 0.0
        self._waited = 0.0

    async def next(self) -> None:
        if self._waited + self._next > LONGEST_READ_SECONDS:
            raise _unknown(_TOO_LATE)
        await self._pause(self._next)
        self._waited += self._next
        self._next = min(LONGEST_PAUSE_SECONDS, 2 * self._next) or FIRST_PAUSE_SECONDS


def _unknown(why: str) -> AzureFault:
    return AzureFault(Fault("SessionsUnknown", why, Meaning.RETRY))


def _require_success(answer: Any) -> None:
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        raise AzureFault(fault_of_response(answer))


def _has_succeeded(answer: Any) -> bool:
    """Read an operation's status; raises AzureFault where it failed or tells none."""
    if answer.status_code == HTTPStatus.ACCEPTED:
        return False
    body = _json(answer)
    status = str(body.get("status", "")).lower() if isinstance(body, dict) else ""
    if status in ("failed", "canceled", ""):
        raise AzureFault(error_of(answer.text()) or Fault("SessionsUnknown", f"operation {status}", Meaning.RETRY))
    return status == "succeeded"


def _page_of(answer: Any) -> tuple[list[dict[str, Any]], str | None]:
    """Take the entries of an answer, ``{"value": [...]}`` or a bare ``[...]``, and where the rest is."""
    _require_success(answer)
    body = _json(answer)
    entries = body.get("value") if isinstance(body, dict) else body
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _unknown("the answer is no list of sessions")
    next_url = body.get("nextLink") if isinstance(body, dict) else None
    return entries, str(next_url) if next_url else None


def _json(answer: Any) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise _unknown("the answer is no JSON") from None


def _session_of(entry: dict[str, Any]) -> SessionSeen:
    session_id = entry.get("sessionId")
    if not isinstance(session_id, str) or not session_id:
        raise _unknown("a session without id")
    return SessionSeen(
        session_id=session_id,
        user=str(entry.get("userName") or ""),
        protocol=str(entry.get("protocol") or ""),
        target_id=str(entry.get("targetResourceId") or ""),
        started_at=_instant(entry.get("startTime")),
    )


def _instant(text: object) -> datetime | None:
    """Read an instant, UTC where it names no zone; None for what cannot be read: the session counts all the same."""
    if not isinstance(text, str):
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
