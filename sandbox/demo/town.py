"""Speaks to a running sandbox: people to the app, the story to the clock and the simulated Azure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import aiohttp

from lifecycle import ledger
from lifecycle.cloud.connection import Storage
from lifecycle.cloud.tables import AzureTables
from lifecycle.costs import Meter
from sandbox.supervisor import Sandbox

LONGEST_LEAP = timedelta(minutes=10)
"""One leap of the clock has a few real seconds for all that comes due in it."""
_REFUSED = 400


class Unexpected(Exception):
    """An answer that the story cannot go on with."""


class Town:
    """A sandbox with people in it."""

    def __init__(self, sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.http = http
        self.teleported_minutes = 0

    async def say(self, who: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Have a person speak to the app. Raises Unexpected for a refusal."""
        signed_in = {"Authorization": f"Bearer sandbox:{who}"}
        return await self._exchange(method, f"{self.sandbox.app_url}/api/{path}", body, signed_in)

    async def control(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Speak to the control side of the simulator. Raises Unexpected for a refusal."""
        return await self._exchange(method, f"{self.sandbox.arm_url}/sandbox/{path}", body, {})

    async def _exchange(self, method: str, url: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
        async with self.http.request(method, url, json=body, headers=headers) as said:
            answer: dict[str, Any] = await said.json(content_type=None)
        if said.status >= _REFUSED:
            detail = answer.get("detail") or answer.get("reason") or answer
            raise Unexpected(f"{method} {url} was refused with {said.status}: {detail}")
        return answer

    async def now(self) -> datetime:
        """Read the clock."""
        return datetime.fromisoformat((await self.control("GET", "clock"))["now"])

    async def leap(self, goal: datetime) -> datetime:
        """Take the clock one leap nearer to an instant; gives where it stands."""
        now = await self.now()
        if now >= goal:
            return now
        minutes = min(goal - now, LONGEST_LEAP) / timedelta(minutes=1)
        moved = await self.control("POST", "clock", {"advanceMinutes": minutes})
        self.teleported_minutes += int(moved["teleported"])
        return datetime.fromisoformat(moved["now"])

    async def books(self) -> tuple[Meter, ...]:
        """Read the app's own books from its storage."""
        tables = AzureTables(Storage.from_connection_string("AzureWebJobsStorage", self.sandbox.connection_string))
        try:
            return (await ledger.read(tables)).meters
        finally:
            await tables.close()
