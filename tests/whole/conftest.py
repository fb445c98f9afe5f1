"""A running sandbox with people in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp
import pytest

from lifecycle.prices import DEFAULT_BOOK
from sandbox import azurite
from sandbox.supervisor import Over, Sandbox

TRIES = 3
LONGEST_LEAP_MINUTES = 10.0


@dataclass
class Town:
    """A sandbox, and a way to speak to it as somebody."""

    sandbox: Sandbox
    http: aiohttp.ClientSession

    async def say(
        self, method: str, path: str, body: Any = None, who: str | None = "alice", **headers: str
    ) -> tuple[int, Any, Any]:
        """Speak to the app; returns status, body and headers. The app may be restarting: then ask again."""
        if who:
            headers["Authorization"] = f"Bearer sandbox:{who}"
        for _ in range(100):
            try:
                async with self.http.request(
                    method, f"{self.sandbox.app_url}/api/{path}", json=body, headers=headers
                ) as said:
                    return said.status, await said.json(content_type=None), said.headers
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.2)
        raise AssertionError("the app does not come back")

    async def box(self, where: str) -> dict[str, Any]:
        _, box, _ = await self.say("GET", f"jumpboxes/{where}")
        return dict(box)

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, f"{self.sandbox.arm_url}/sandbox/{path}", json=body) as said:
            return await said.json(content_type=None)

    async def advance(self, minutes: float) -> None:
        """Let time go by in leaps that a busy machine has the seconds for: what it has none for is skipped."""
        while minutes > 0:
            leap = min(minutes, LONGEST_LEAP_MINUTES)
            await self.control("POST", "clock", {"advanceMinutes": leap})
            minutes -= leap

    async def until(self, where: str, phase: str, minutes: int = 60) -> dict[str, Any]:
        """Let time go by, minute by minute, until a box is in this phase."""
        for _ in range(minutes):
            box = await self.box(where)
            if box["phase"] == phase:
                return box
            await self.advance(1)
        raise AssertionError(f"{where} is not {phase}: {await self.box(where)}")

    async def resources(self) -> dict[str, dict[str, Any]]:
        value = (await self.control("GET", "resources"))["value"]
        named = {f"{body['type'].split('/', 1)[1]}/{body['name']}": body for body in value}
        assert len(named) == len(value)
        return named

    async def connect(self, box: str, minutes: int) -> int:
        wish = {
            "bastion": "jb-main-bastion",
            "vm": f"jb-main_{box}-vm",
            "user": "alice",
            "protocol": "ssh",
            "minutes": minutes,
        }
        async with self.http.post(f"{self.sandbox.arm_url}/sandbox/sessions", json=wish) as said:
            return said.status

    async def bill(self) -> dict[str, dict[str, Any]]:
        _, said, _ = await self.say("GET", "costs?by=meter&from=2026-01-01&to=2026-12-31")
        return {row["meter"]: row for row in said["value"]}

    async def truth(self) -> dict[str, float]:
        sums: dict[str, float] = {}
        for entry in (await self.control("GET", "meters"))["value"]:
            sums[entry["meter"]] = sums.get(entry["meter"], 0.0) + entry["hours"]
        return sums

    async def check_books(self, slack_hours: float) -> None:
        """Hold the bill against the simulator's meters. The clock runs on between the two questions: truth first."""
        truth = await self.truth()
        bill = await self.bill()
        for meter, hours in truth.items():
            assert bill[meter]["hours"] >= hours - 1e-6, (meter, bill[meter], hours)
            assert bill[meter]["hours"] - hours <= slack_hours, (meter, bill[meter], hours)
            price = DEFAULT_BOOK.price(meter)
            assert price is not None
            assert bill[meter]["amount"] == pytest.approx(bill[meter]["hours"] * float(price.usd_per_hour), abs=1e-4)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    if not azurite.installed():
        pytest.skip("node_modules is missing: `npm ci` installs Azurite")
    async with await _started() as sandbox, aiohttp.ClientSession() as http:
        yield Town(sandbox, http)


async def _started() -> Started:
    """Start a sandbox; a free port may be taken between being picked and being used, so it may take a second try."""
    for _ in range(TRIES):
        sandbox = Sandbox(speed=60)
        try:
            return Started(await sandbox.__aenter__())
        except Over:
            continue
    raise AssertionError(f"no sandbox could be started in {TRIES} tries")


@dataclass
class Started:
    """A sandbox that runs already, to be stopped at the end."""

    sandbox: Sandbox

    async def __aenter__(self) -> Sandbox:
        return self.sandbox

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.sandbox.__aexit__(kind, raised, traceback)
