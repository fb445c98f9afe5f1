"""Takes the pictures in docs/: `python -m tests.browser.screens [folder]`."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from sandbox.host.identity import COOKIE
from tests.browser.place import serving, site_of
from tests.browser.sample import ADA, a_busy_monday, a_quiet_morning
from tests.world.harness import World

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
WIDE, PHONE = (1280, 900), (360, 1640)


async def shoot(browser: Browser, address: str, path: Path, *, dark: bool, size: tuple[int, int]) -> None:
    """Take one picture: of the whole page, or of what a tall phone would show."""
    context = await browser.new_context(
        color_scheme="dark" if dark else "light",
        viewport={"width": size[0], "height": size[1]},
        locale="en-GB",
        reduced_motion="reduce",
    )
    await context.add_cookies([{"name": COOKIE, "value": f"{ADA.name}:operator", "url": address}])
    page = await context.new_page()
    await page.goto(f"{address}/api/dashboard")
    await page.screenshot(path=path, full_page=size is WIDE)
    await context.close()


async def main(folder: Path) -> None:
    """Take all pictures."""
    busy = await a_busy_monday()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-lcd-text"]
        )
        await _of(
            browser,
            busy,
            [("page-light", False, WIDE), ("page-dark", True, WIDE), ("page-phone", False, PHONE)],
            folder,
        )
        await _of(browser, await a_quiet_morning(), [("page-empty", False, WIDE)], folder)
        await browser.close()


async def _of(browser: Browser, world: World, pictures: list[tuple[str, bool, tuple[int, int]]], folder: Path) -> None:
    async with serving(site_of(world)) as address:
        for name, dark, size in pictures:
            await shoot(browser, address, folder / f"{name}.png", dark=dark, size=size)


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    chosen.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(chosen))
