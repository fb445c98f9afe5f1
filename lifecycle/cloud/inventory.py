"""Reads a whole list of ARM, page by page: changes when ARM pages its lists differently."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest

from lifecycle.cloud.arm_kinds import API_VERSIONS
from lifecycle.faults import AzureFault, Fault, Meaning

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lifecycle.cloud.endpoints import Origin
    from lifecycle.model import Kind
    from lifecycle.ports import Body

MOST_PAGES = 100
"""A list without end must not keep a worker for ever. A group holds 800 of a type as a rule (Microsoft: limits)."""


async def every(
    collection: str, kind: Kind, send: Callable[[HttpRequest], Awaitable[Any]], origin: Origin
) -> tuple[Body, ...]:
    """Read all pages of one type's collection, given by its absolute address. Raises AzureFault unless all came.

    The address of a next page comes with the answer, and our bearer goes wherever it leads: one that leads away
    from ``origin`` is not followed.
    """
    found: list[Body] = []
    url = f"{collection}?api-version={API_VERSIONS[kind]}"
    for _ in range(MOST_PAGES):
        response = await send(HttpRequest("GET", url))
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            raise HttpResponseError(response=response)
        page = response.json()
        value = page.get("value") if isinstance(page, dict) else None
        if not isinstance(value, list) or not all(_is_resource(body) for body in value):
            raise _unread(kind, "the answer is no list of resources")
        found += value
        following = page.get("nextLink")
        if not following:
            return tuple(found)
        if not isinstance(following, str) or not origin.owns(following):
            raise _unread(kind, "its next page is not at this ARM endpoint")
        url = following
    raise _unread(kind, f"the list has more than {MOST_PAGES} pages")


def _is_resource(body: object) -> bool:
    return isinstance(body, dict) and isinstance(body.get("id"), str)


def _unread(kind: Kind, why: str) -> AzureFault:
    return AzureFault(Fault("ListUnread", f"{kind}: {why}", Meaning.RETRY))
