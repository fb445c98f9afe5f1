"""Real processes that die: kill points by name and at random, workers that stand still, storage and Azure away.

``python -m tests.proof.kills`` runs all of it and prints how it goes; ``--point 'create: after claim'`` (any number
of them) leads one box through these points only, which is how a failure is replayed. ``run_all`` is the soak's door.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import zip_longest
from pathlib import Path
from shutil import rmtree
from typing import Final

import aiohttp

from sandbox.child import ROOT, Child, answers, free_port
from sandbox.supervisor import Recipe, Sandbox
from tests.proof.lives import STAGES, WHENEVER, Failed, Life, Place, Tally
from tests.proof.perils import FOLDER, HASTE, Perils

SPEED: Final = 60.0
"""A Bastion is made in some eight real seconds; a faster clock rings its timers more often, which costs more."""
HASTY: Final = 4.0
"""For kills the app's real time goes faster: a claim without token counts for 15 real seconds, not for 60."""
PATIENCE: Final = aiohttp.ClientTimeout(total=30)
LANES: Final = 6
APP: Final = "tests.proof.perilous_app:app"
AGAIN: Final = "x"
TRIES: Final = 3
START_SECONDS: Final = 60.0

POINTS: Final = {
    "create": (
        "before write requests",
        "after write requests",
        "after write ranges",
        "before ask",
        "after ask",
        "after ring reconcile",
        "before claim",
        "after claim",
        "before put vnet",
        "after put vnet",
        "before put bastion",
        "after put bastion",
        "after put vm",
        "after tag disk",
        "before tokens",
        "after tokens",
        "before poll",
        "after poll",
        "before save",
        "after save",
        "after write meters",
        "before post",
        WHENEVER,
    ),
    "park": ("after ask", "before put nsg", "after put nsg", "after deallocate vm", WHENEVER),
    "wake": ("after ask", "before start vm", "after start vm", "after put address"),
    "retire": (
        "after ask",
        "before put nsg",
        "after put nsg",
        "before delete bastion",
        "after delete bastion",
        "before delete address",
        "after delete address",
        "after delete vm",
        "before delete vnet",
        "after delete vnet",
        "after write outbox",
        "after save",
        WHENEVER,
    ),
}
"""Where workers die, by stage: 45 points, three of which come at random."""

FEW: Final = (
    Life("p0", {"create": ("after ask", "after claim"), "retire": ("after put nsg", "before delete address")}),
    Life("p1", {"create": ("before tokens", "before poll"), "retire": ("before put nsg", "after save")}),
)
"""Eight points of different kinds, for every test run."""

STOPS: Final = (
    Life("s0", {"create": ("stop after claim",), "retire": ("stop after claim",)}),
    Life("s1", {"create": ("stop after tokens",), "retire": ("stop before claim",)}),
)
OUTAGE_LIVES: Final = tuple(Life(f"o{number}", dict.fromkeys(STAGES, ())) for number in range(3))
STORAGE_AWAY_SECONDS: Final = 10.0
AZURE_SILENT_SECONDS: Final = 130.0

Tell = Callable[[str], None]


def run_all(times: int = 3, seed: int = 0, tell: Tell = lambda _: None) -> Tally:
    """Do all of it: every kill point so many times, stopped workers without and with a second one, and outages.

    A stopped worker and an outage take their real time. Nothing is raised for what fails: the tally says it.
    """
    tally = Tally()
    for part in (
        kill_points(list(lives(times)), tell, seed),
        stopped_workers(tell, rival=False),
        stopped_workers(tell, rival=True),
        outages(tell),
    ):
        tally.add(asyncio.run(part))
    return tally


def lives(times: int) -> Iterator[Life]:
    """Spread all points over lives, ``times`` over, each time in another company."""
    for turn in range(times):
        turned = [(*stage[turn:], *stage[:turn]) for stage in POINTS.values()]
        for number, row in enumerate(zip_longest(*turned)):
            befalls = {name: (what,) if what else () for name, what in zip(POINTS, row, strict=True)}
            middle = befalls["park"] or befalls["wake"]
            names = POINTS if middle else ("create", "retire")
            yield Life(f"k{turn}{number:02}", {name: befalls[name] for name in names})


async def kill_points(them: Sequence[Life], tell: Tell, seed: int = 0, lanes: int = LANES) -> Tally:
    """Lead lives, so many at a time, through what is to befall them."""
    async with place(tell, haste=HASTY) as here:
        await _lead(here, them, seed, lanes)
        return here.tally


async def stopped_workers(tell: Tell, *, rival: bool) -> Tally:
    """Have workers stand still for longer than their claim counts; a second one may take over meanwhile."""
    async with place(tell) as here:
        second = _second_worker(here)
        try:
            if rival:
                await second.start()
                await second.until_ready(answers(f"{here.sandbox.app_url}/admin/host/status"), START_SECONDS)
            await _lead(here, STOPS, seed=0, lanes=len(STOPS))
        finally:
            await second.stop()
        if not rival and not any(line[-1] == "Overdue" for line in here.perils.journal()):
            here.tally.failures.append("a stopped worker came back, and none of its mutations was found overdue")
        return here.tally


async def outages(tell: Tell) -> Tally:
    """Take storage away while boxes are made, then Azure for minutes; what is on the disk is all there is."""
    async with place(tell, on_disk=True) as here:

        async def spoil() -> None:
            await asyncio.sleep(4)
            await here.sandbox.restart_azurite(STORAGE_AWAY_SECONDS)
            tell("storage is back")
            await asyncio.sleep(10)
            os.kill(here.sandbox.arm_pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(AZURE_SILENT_SECONDS)
            finally:
                os.kill(here.sandbox.arm_pid, signal.SIGCONT)
            tell("Azure is back")
            here.tally.outages += 2

        await asyncio.gather(spoil(), _lead(here, OUTAGE_LIVES, seed=0, lanes=len(OUTAGE_LIVES)))
        return here.tally


@asynccontextmanager
async def place(tell: Tell, *, haste: float = 1.0, on_disk: bool = False) -> AsyncIterator[Place]:
    """Start a sandbox whose app lives dangerously; its logs are kept where something failed."""
    folder = Path(tempfile.mkdtemp(prefix="perils-"))
    perils = Perils(folder / "perils")
    perils.folder.mkdir()
    settings = {FOLDER: str(perils.folder), HASTE: str(haste), "IDLE_MINUTES": str(24 * 60)}
    disk = folder / "azurite" if on_disk else None
    recipe = Recipe(app=APP, settings=settings)
    sandbox = Sandbox(speed=SPEED, recipe=recipe, directory=folder, azurite_location=disk)
    async with sandbox, aiohttp.ClientSession(timeout=PATIENCE) as http:
        tell(f"logs and journal are in {folder}")
        here = Place(sandbox, http, perils, tell)
        yield here
    if not here.tally.failures:
        rmtree(folder)


async def _lead(here: Place, them: Sequence[Life], seed: int, lanes: int) -> None:
    """Lead all lives, so many at a time; what fails is put down, with how to replay it.

    What was to befall a box and did not is tried again on another: a point that is never met proves nothing.
    """
    left = list(reversed(them))

    async def lane() -> None:
        while left:
            life = left.pop()
            try:
                spared = await here.live(life, random.Random(f"{seed} {life.stack}"))
                if spared and life.stack.count(AGAIN) >= TRIES - 1:
                    raise Failed(f"nothing befell it on {', '.join(spared)}, {TRIES} times over")  # noqa: TRY301 -- a life that failed, like one that raised it
            except Failed as failure:
                here.tally.failures.append(f"{life}: {failure}; {_replay(life)}")
                here.tell(here.tally.failures[-1])
            else:
                if spared:
                    left.append(_only(life, spared))

    await asyncio.gather(*(lane() for _ in range(lanes)))
    if not here.tally.failures:
        try:
            await here.reckon()
        except Failed as failure:
            here.tally.failures.append(str(failure))


def _only(life: Life, stages: Sequence[str]) -> Life:
    """Name another box that lives the same way, but for what befell this one already."""
    befalls = {name: befalls if name in stages else () for name, befalls in life.befalls.items()}
    return Life(f"{life.stack}{AGAIN}", befalls)


def _replay(life: Life) -> str:
    points = [f"--point '{stage}: {what}'" for stage, befalls in life.befalls.items() for what in befalls]
    return " ".join(["python -m tests.proof.kills", *points])


def _second_worker(here: Place) -> Child:
    """Describe one more instance of the app, on a port of its own."""
    command = ["-m", "sandbox.host", "--app", APP, "--port", str(free_port()), "--host-json", str(ROOT / "host.json")]
    clock = ["--clock-url", f"{here.sandbox.arm_url}/sandbox/clock"]
    log = (here.sandbox.directory / "second.log").open("ab")
    return Child("the second worker", [sys.executable, *command, *clock], here.sandbox.app_environment(), log)


def _life_of(points: Sequence[str]) -> Life:
    """Read ``stage: point`` texts. Raises ValueError."""
    befalls: dict[str, list[str]] = {stage: [] for stage in STAGES}
    for text in points:
        stage, _, what = text.partition(": ")
        if stage not in befalls or not what:
            raise ValueError(f"{text!r} is not one of {', '.join(STAGES)} with a colon and a point")
        befalls[stage].append(what)
    middle = befalls["park"] or befalls["wake"]
    return Life("p0", {stage: befalls[stage] for stage in (STAGES if middle else ("create", "retire"))})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all, or what is named; 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof.kills", description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="how often each kill point comes by")
    parser.add_argument("--seed", type=int, default=0, help="of what comes at random")
    parser.add_argument("--point", action="append", default=[], metavar="'STAGE: POINT'")
    parser.add_argument("--few", action="store_true", help="only the eight points of every test run")
    parser.add_argument("--stops", choices=("alone", "rival"), help="only the workers that stand still")
    parser.add_argument("--outages", action="store_true", help="only the outages")
    options = parser.parse_args(arguments)
    since = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - since:7.1f} s  {text}", flush=True)  # noqa: T201 -- progress, for a person

    if options.point:
        life = _life_of(options.point)
        tally = asyncio.run(kill_points([life], tell, options.seed))
    elif options.few:
        tally = asyncio.run(kill_points(FEW, tell, options.seed))
    elif options.stops:
        tally = asyncio.run(stopped_workers(tell, rival=options.stops == "rival"))
    elif options.outages:
        tally = asyncio.run(outages(tell))
    else:
        tally = run_all(options.times, options.seed, tell)
    tell(f"{tally.kills} kills, {tally.survived} survived, {tally.stops} stops, {tally.outages} outages")
    for failure in tally.failures:
        tell(f"FAILED {failure}")
    return bool(tally.failures)


if __name__ == "__main__":
    sys.exit(main())
