"""Storage's refusals put into our words: changes when storage words one differently."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from lifecycle.cloud.arm_faults import wait_of
from lifecycle.cloud.scrub import scrub
from lifecycle.faults import AzureFault, Fault, Meaning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LONGEST_CALL = 30.0
"""Real seconds for one call of storage with all its repetitions; the SDK would sleep out any Retry-After."""

_OURS_TO_MEND = frozenset({400, 404, 405, 409, 411, 412, 413, 415})
"""Statuses that are no trouble of storage's: what is left of them after the adapters' own cases is a bug of ours."""

_NO_ENTRY = frozenset({401, 403})


def code_of(error: HttpResponseError) -> str:
    """Find the code storage gave: the SDK keeps it in one of three places, depending on the call."""
    known = getattr(error, "error_code", None)
    if known:
        return str(getattr(known, "value", known))
    response: Any = error.response
    if response is None:
        return ""
    header = response.headers.get("x-ms-error-code")
    return str(header) if header else _code_in_body(response)


@asynccontextmanager
async def storage_trouble(what: str) -> AsyncIterator[None]:
    """Turn storage's silence, overload and closed doors into AzureFault, and bound the call in real time.

    Refusals of the request itself (400 and the like) pass unchanged: they are bugs.
    """
    try:
        async with asyncio.timeout(LONGEST_CALL):
            yield
    except TimeoutError:
        raise AzureFault(Fault("StorageTimeout", f"{what} took too long", Meaning.RETRY)) from None
    except HttpResponseError as error:
        if error.status_code in _OURS_TO_MEND:
            raise
        raise AzureFault(_fault_of_answer(error, what)) from None
    except AzureError as error:
        meaning = Meaning.TOKEN if isinstance(error, ClientAuthenticationError) else Meaning.RETRY
        raise AzureFault(Fault(type(error).__name__, f"{what}: {scrub(str(error))}", meaning)) from None


def _fault_of_answer(error: HttpResponseError, what: str) -> Fault:
    meaning = Meaning.ACCESS if error.status_code in _NO_ENTRY else Meaning.RETRY
    response: Any = error.response
    wait = wait_of(response.headers) if response is not None else None
    code = code_of(error) or f"HTTP {error.status_code}"
    return Fault(code, f"{what}: {scrub(str(error.message))}", meaning, wait)


def _code_in_body(response: Any) -> str:
    try:
        error = json.loads(response.text())["odata.error"]
        return str(error["code"])
    except (ValueError, KeyError, TypeError):
        return ""
