"""Boxes that live through a worker's deaths: each is made, parked, woken and retired, and dies once on each way.

The app, the simulator and Azurite are processes of their own. After each death the box must get where it was to go,
with every part once, and in the end nothing may be left and the bill must hold what truly billed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp

from lifecycle.cloud.arm_pipeline import CLAIM_HOLDS_SECONDS
from sandbox.supervisor import Sandbox
from tests.proof.perils import Peril, Perils

STAGE_SECONDS = 600.0
"""Real time in which a stage must end. A claim without token keeps others out for 60, and machines are busy."""
LOOK_SECONDS = 1.0
MET_SECONDS = 15.0
"""Real time for which a peril is waited for after its stage ended: a save and a ring come last."""
MET_LOOK_SECONDS = 0.1
STOPPED_SECONDS = 70.0
"""Real time for which a stopped worker stands still: longer than a claim without token counts."""
STOP = "stop "
WHENEVER = "whenever"
WHENEVER_SECONDS = 4.0
BOX = "box"
WHO = "alice"


class Failed(Exception):
    """A box did not get where it was to go, or something was lost, doubled or left."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What is asked of a box, and what must come of it."""

    method: str
    word: str
    phase: str
    hours: float | None = None


STAGES = {
    "create": Stage("POST", "", "ready", 300),
    "park": Stage("POST", "/park", "parked"),
    "wake": Stage("POST", "/wake", "ready", 300),
    "retire": Stage("DELETE", "", "gone"),
}


@dataclass(frozen=True, slots=True)
class Life:
    """One box in a stack of its own: by stage, what befalls workers there, one after the other; maybe nothing.

    Each is a peril as text, or WHENEVER for a kill at random. Stages left out are not gone through.
    """

    stack: str
    befalls: Mapping[str, Sequence[str]]

    def __str__(self) -> str:
        return f"{self.stack}: " + "; ".join(f"{stage} {_words(them)}" for stage, them in self.befalls.items())


@dataclass
class Tally:
    """What came of it."""

    kills: int = 0
    survived: int = 0
    stops: int = 0
    outages: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.kills += other.kills
        self.survived += other.survived
        self.stops += other.stops
        self.outages += other.outages
        self.failures += other.failures


@dataclass
class Place:
    """A sandbox whose app lives dangerously, and how to speak to it."""

    sandbox: Sandbox
    http: aiohttp.ClientSession
    perils: Perils
    tell: Callable[[str], None]
    tally: Tally = field(default_factory=Tally)
    seen: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    """By stack: its box's phase and what stood of it, when last looked at."""

    async def live(self, life: Life, chance: random.Random) -> list[str]:
        """Lead a box through its stages; gives the stages in which what was to befall it did not. Raises Failed."""
        spared = []
        for name, befalls in life.befalls.items():
            try:
                async with asyncio.timeout(STAGE_SECONDS):
                    befell = await self._live_through(life.stack, name, befalls, chance)
            except TimeoutError:
                late = f"not {STAGES[name].phase} within {STAGE_SECONDS:.0f} s"
                raise Failed(f"{name}, {_words(befalls)}: {late}; last seen: {self.seen.get(life.stack)}") from None
            finally:
                self.perils.disarm(life.stack)
            self.tell(f"{life.stack} {name}: {_words(befalls[:befell])}, and {STAGES[name].phase}")
            self.tally.survived += sum(not what.startswith(STOP) for what in befalls[:befell])
            spared += [name] if befell < len(befalls) else []
        return spared

    async def _live_through(self, stack: str, name: str, befalls: Sequence[str], chance: random.Random) -> int:
        """Go through a stage while things befall it; gives how many of them did.

        A worker that another's peril killed may have done the very thing of which this one waits for the repetition.
        """
        befallen: list[str] = []
        misfortune = asyncio.create_task(self._befall(stack, befalls, befallen, chance))
        try:
            await self._go_through(stack, name)
            for _ in range(int(MET_SECONDS / MET_LOOK_SECONDS)):
                if misfortune.done() or self.perils.is_met(stack):
                    await misfortune
                    break
                await asyncio.sleep(MET_LOOK_SECONDS)
        finally:
            misfortune.cancel()
            await asyncio.gather(misfortune, return_exceptions=True)
        return len(befallen)

    async def _befall(self, stack: str, befalls: Sequence[str], befallen: list[str], chance: random.Random) -> None:
        """Have it befall whoever works for this stack, one after the other; what did is put down in ``befallen``."""
        for what in befalls:
            if what == WHENEVER:
                await asyncio.sleep(chance.uniform(0, WHENEVER_SECONDS))
                self.sandbox.kill_app()
                self.tally.kills += 1
                befallen.append(what)
                continue
            self.perils.arm(stack, Peril.parse(what))
            while not self.perils.is_met(stack):  # noqa: ASYNC110 -- told by no event
                await asyncio.sleep(MET_LOOK_SECONDS)
            befallen.append(what)
            if what.startswith(STOP):
                await asyncio.sleep(STOPPED_SECONDS)
                os.kill(self.perils.met_by(stack), signal.SIGCONT)
                self.tally.stops += 1
            else:
                self.tally.kills += 1

    async def _go_through(self, stack: str, name: str) -> None:
        stage = STAGES[name]
        key = {"Idempotency-Key": f"{stack}-{name}"}
        for again in (False, True):
            said = await self._ask(stage.method, self._path(stack, name), self._wish(stack, name), key)
            if name == "create" and (said["stack"], said["name"]) != (stack, BOX):
                raise Failed(f"one key made another box: {said}")
            while not again and not await self._is_there(stack, stage.phase):  # noqa: ASYNC110 -- told by no event
                await asyncio.sleep(LOOK_SECONDS)

    @staticmethod
    def _path(stack: str, name: str) -> str:
        return "jumpboxes" if name == "create" else f"jumpboxes/{stack}/{BOX}{STAGES[name].word}"

    @staticmethod
    def _wish(stack: str, name: str) -> Any:
        match name:
            case "create":
                return {"stack": stack, "name": BOX, "hours": STAGES[name].hours, "schedule": "always"}
            case "wake":
                return {"hours": STAGES[name].hours}
            case "park":
                return {}
            case _:
                return None

    async def _is_there(self, stack: str, phase: str) -> bool:
        """Whether a box is in a phase, with each part that belongs to it, once, and no other."""
        try:
            box = await self._ask("GET", f"jumpboxes/{stack}/{BOX}")
            standing = await self._standing(stack)
        except (aiohttp.ClientError, TimeoutError):
            return False
        self.seen[stack] = (f"{box['phase']} ({box['reason']})", standing)
        return box["phase"] == phase and sorted(standing) == sorted(parts_of(stack, phase))

    async def _standing(self, stack: str) -> list[str]:
        value = (await self.control("resources"))["value"]
        names = [f"{body['type'].rpartition('/')[2]}/{body['name'].rpartition('/')[2]}" for body in value]
        owned = [body["id"] for body in value]
        return [name for name, arm_id in zip(names, owned, strict=True) if _is_of(stack, arm_id)]

    async def _ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Speak to the app until it answers: it may be dead, or its storage away, for a while. Raises TimeoutError."""
        said = {"Authorization": f"Bearer sandbox:{WHO}:operator", **(headers or {})}
        async with asyncio.timeout(STAGE_SECONDS):
            while True:
                try:
                    async with self.http.request(
                        method, f"{self.sandbox.app_url}/api/{path}", json=body, headers=said
                    ) as answer:
                        if answer.status < 300:
                            return await answer.json(content_type=None)
                        if answer.status < 500:
                            raise Failed(f"{method} {path}: {answer.status} {await answer.text()}")
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(0.3)

    async def control(self, path: str) -> Any:
        async with self.http.get(f"{self.sandbox.arm_url}/sandbox/{path}") as answer:
            return await answer.json(content_type=None)

    async def reckon(self) -> None:
        """Hold the end against the truth: nothing is left, everything is on the bill, nobody acted late."""
        left = [body["id"] for body in (await self.control("resources"))["value"]]
        if left:
            raise Failed(f"left behind: {left}")
        truth: dict[str, float] = {}
        for entry in (await self.control("meters"))["value"]:
            if entry["to"] is None:
                raise Failed(f"still billing: {entry}")
            truth[entry["meter"]] = truth.get(entry["meter"], 0.0) + entry["hours"]
        since = self.sandbox.started_at.date()
        span = f"from={since}&to={since + timedelta(days=300)}"
        bill = {row["key"]: row for row in (await self._ask("GET", f"costs?by=meter&{span}"))["value"]}
        for meter, hours in truth.items():
            row = bill.get(meter)
            if row is None or not row["leastHours"] - 1e-3 <= hours <= row["hours"] + 1e-3:
                raise Failed(f"{meter}: truly {hours} h, on the bill {row}")
        late = [line for line in self.perils.journal() if line[-1] == "sent" and float(line[-2]) > CLAIM_HOLDS_SECONDS]
        if late:
            raise Failed(f"sent too late after their claims: {late}")


def parts_of(stack: str, phase: str) -> set[str]:
    """List what is to stand of a stack with one box: everything, all but the door, or nothing."""
    vm = f"jb-{stack}_{BOX}-vm"
    box = {f"networkInterfaces/jb-{stack}_{BOX}-nic", f"virtualMachines/{vm}", "extensions/AADSSHLoginForLinux"}
    box |= {f"disks/jb-{stack}_{BOX}-osdisk", f"schedules/shutdown-computevm-{vm}"}
    nsgs = {f"networkSecurityGroups/jb-{stack}-{side}-nsg" for side in ("frontend", "bastion")}
    door = {f"publicIPAddresses/jb-{stack}-bastion-ip", f"bastionHosts/jb-{stack}-bastion"}
    standing = box | nsgs | {f"virtualNetworks/jb-{stack}-vnet"}
    return {"ready": standing | door, "parked": standing, "gone": set[str]()}[phase]


def _is_of(stack: str, arm_id: str) -> bool:
    return any(f"jb-{stack}{joint}" in arm_id for joint in "-_")


def _words(befalls: Sequence[str]) -> str:
    return " and then ".join(befalls) or "in peace"
