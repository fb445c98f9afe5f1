"""Where notices go: a Teams Workflows address, which is a secret and appears in no log."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from lifecycle.faults import AzureFault, Fault, Meaning

UNANSWERED_SECONDS = 10.0


class Post:
    """Posts messages to one address; without one it delivers to nobody, and the outbox keeps them."""

    def __init__(self, url: str | None) -> None:
        self._url = url

    async def send(self, message: dict[str, Any]) -> None:
        """Post one message. Raises AzureFault when it was not taken."""
        if self._url is None:
            return
        import aiohttp  # noqa: PLC0415 -- only deployments with an address need it

        try:
            timeout = aiohttp.ClientTimeout(total=UNANSWERED_SECONDS)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.post(self._url, json=message) as said:
                status = said.status
        except (aiohttp.ClientError, TimeoutError) as silence:
            raise AzureFault(Fault(type(silence).__name__, "the notice was not taken", Meaning.RETRY)) from None
        if status >= HTTPStatus.BAD_REQUEST:
            raise AzureFault(Fault(f"HTTP {status}", "the notice was not taken", Meaning.RETRY))
