"""`python -m sandbox.demo`: tells the day; exit code 0 only if what it tells is what the simulator's meters say.

Exit codes: 0 all agrees, 1 something differs, 2 it could not be told (Azurite is missing, or a part did not start),
130 it was stopped.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import aiohttp

from lifecycle import settings
from lifecycle.decision import session_look_every
from lifecycle.prices import DEFAULT_BOOK
from sandbox import azurite
from sandbox.demo import render
from sandbox.demo.books import BillRow, Stretch, saving, truth_by_meter
from sandbox.demo.render import Event, Paint
from sandbox.demo.story import Day, cut_off, gap_of, left_at_the_end, short_name
from sandbox.demo.town import Town, Unexpected
from sandbox.demo.verdict import Account, differences
from sandbox.supervisor import Over, Recipe, Sandbox

STARTED_AT: Final = datetime(2026, 11, 24, 8, 50, tzinfo=UTC)
SPEED: Final = 1.0
"""The clock leaps; in between it runs as real time does, so that the story's times are what they say."""
PINNED: Final = {
    "TIME_ZONE": "Etc/UTC",
    "DEFAULT_STACK": "main",
    "IDLE_MINUTES": "30",
    "WARNING_MINUTES": "15",
    "CLOSING_POLICY": "grace",
    "CLOSING_GRACE_HOURS": "2",
    "BILLING_QUANTUM": "second",
    "NOTIFY_URL": "",
}
"""The house rules the day is told by, whatever the environment says."""
CANNOT_BE_TOLD: Final = 2
STOPPED: Final = 130


def main() -> int:
    """Tell the day; gives the exit code."""
    if not azurite.installed():
        print("Azurite is not installed: `make demo` installs it (Node 20 or newer)", file=sys.stderr)
        return CANNOT_BE_TOLD
    paint = Paint(render.wants_colour(os.environ, tty=sys.stdout.isatty()))
    try:
        return asyncio.run(_until_stopped(paint))
    except Over as over:
        print(f"the sandbox cannot go on: {over}", file=sys.stderr)
        return CANNOT_BE_TOLD
    except (KeyboardInterrupt, asyncio.CancelledError):
        return STOPPED


async def _until_stopped(paint: Paint) -> int:
    """Tell the day; a signal ends it with everything that was started."""
    telling = asyncio.ensure_future(_tell_the_day(paint))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, telling.cancel)
    return await telling


async def _tell_the_day(paint: Paint) -> int:
    began = time.monotonic()
    _print(render.title_lines(STARTED_AT, paint))
    async with (
        Sandbox(speed=SPEED, start=STARTED_AT, recipe=Recipe(settings=PINNED)) as sandbox,
        aiohttp.ClientSession() as http,
    ):
        day = Day(Town(sandbox, http), _teller(paint), STARTED_AT)
        try:
            await day.live()
            found = await _settle(day, paint)
        except (Unexpected, aiohttp.ClientError) as trouble:
            found = [*day.surprises, f"the day could not be told to its end: {trouble}"]
        left = sorted(short_name(body["id"]) for body in (await day.town.control("GET", "resources"))["value"])
    _print(render.verdict_lines(found, left, time.monotonic() - began, paint))
    if found:
        print(f"The logs are in {sandbox.directory}")
        return 1
    shutil.rmtree(sandbox.directory, ignore_errors=True)
    return 0


async def _settle(day: Day, paint: Paint) -> list[str]:
    """Write the bill, hold it against the simulator, and name what differs. All figures are up to one instant."""
    town = day.town
    until = await town.now()
    stretches = [Stretch.of(row) for row in (await town.control("GET", "meters"))["value"]]
    by_meter, by_person = [await _bill(town, by, until) for by in ("meter", "owner")]
    truth = truth_by_meter(stretches, until)
    policy = settings.read(town.sandbox.app_environment()).policy
    gap = gap_of(session_look_every(policy), town.teleported_minutes)
    running = [stretch.meter for stretch in stretches if stretch.to_at is None]
    resources = frozenset(short_name(body["id"]) for body in (await town.control("GET", "resources"))["value"])
    expected, meters_expected = left_at_the_end()
    billed = sum(row.amount for row in by_meter)
    _print(render.bill_lines(by_meter, truth, gap, until, paint))
    _print(render.people_lines(by_person, paint))
    found = saving(await town.books(), running, DEFAULT_BOOK, (STARTED_AT, until), billed)
    _print(render.saving_lines(found, paint))
    surprises = [*day.surprises, *cut_off(day.visits, stretches)]
    account = Account(
        by_meter, by_person, truth, gap, resources, expected, running, meters_expected, surprises=surprises
    )
    return differences(account, DEFAULT_BOOK)


async def _bill(town: Town, by: str, until: datetime) -> list[BillRow]:
    """Read the app's bill from the day's beginning up to an instant."""
    period = f"from={STARTED_AT:%Y-%m-%dT%H:%M:%S.%fZ}&to={until:%Y-%m-%dT%H:%M:%S.%fZ}"
    said = await town.say("clerk:reader", "GET", f"costs?by={by}&{period}")
    return [BillRow.of(row) for row in said["value"]]


def _teller(paint: Paint) -> Callable[[Event], None]:
    return lambda event: _print(render.event_lines(event, paint))


def _print(lines: Sequence[str]) -> None:
    """Print line by line even into a pipe: the day is to be followed as it goes by."""
    for line in lines:
        print(line.rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
