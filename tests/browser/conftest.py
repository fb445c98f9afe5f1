"""One Chromium for all browser tests, and the worlds they look at: each is made once, for all of them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from sandbox.host.identity import COOKIE
from tests.browser.place import serving, site_of
from tests.browser.sample import ADA, a_busy_monday, a_quiet_morning, hostile

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page

    from tests.world.harness import World

CHROMIUM = shutil.which("chromium")
WIDE, PHONE = (1280, 900), (360, 780)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have all of them share one event loop, as they share the browser; without one, skip them."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="there is no chromium on this machine"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@dataclass
class Visit:
    """One person's browser window on one site; ``complaints`` is what the browser had to say against the page."""

    chromium: Browser
    address: str
    world: World
    complaints: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    async def __call__(
        self,
        path: str = "/api/dashboard",
        who: str = f"{ADA.name}:user",
        *,
        dark: bool = False,
        script: bool = True,
        size: tuple[int, int] = WIDE,
    ) -> Page:
        """Open a page as somebody."""
        context = await self.chromium.new_context(
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            viewport={"width": size[0], "height": size[1]},
            locale="en-GB",
            reduced_motion="reduce",
        )
        self._contexts.append(context)
        await context.add_cookies([{"name": COOKIE, "value": who, "url": self.address}])
        page = await context.new_page()
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        answer = await page.goto(f"{self.address}{path}")
        assert answer is not None
        assert answer.status == 200
        return page

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()
        self._contexts.clear()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def monday(chromium: Browser) -> AsyncIterator[Visit]:
    world = await a_busy_monday()
    await hostile(world)
    async with serving(site_of(world)) as address:
        yield Visit(chromium, address, world)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def morning(chromium: Browser) -> AsyncIterator[Visit]:
    world = await a_quiet_morning()
    async with serving(site_of(world)) as address:
        yield Visit(chromium, address, world)


@pytest_asyncio.fixture(loop_scope="session")
async def busy(monday: Visit) -> AsyncIterator[Visit]:
    """The Monday, with a browser that must have nothing to complain about in the end."""
    monday.complaints.clear()
    yield monday
    await monday.close()
    assert monday.complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def quiet(morning: Visit) -> AsyncIterator[Visit]:
    """The morning, likewise."""
    morning.complaints.clear()
    yield morning
    await morning.close()
    assert morning.complaints == []
