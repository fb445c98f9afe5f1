"""The day itself: who asks for what and when. What comes of it is the app's doing, and is told from its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.demo.books import Stretch
from sandbox.demo.chronicle import Chronicle
from sandbox.demo.render import Event
from sandbox.demo.town import Town

SHARED = ("networkSecurityGroups/jb-{0}-frontend-nsg", "networkSecurityGroups/jb-{0}-bastion-nsg")
PARKED = (
    "networkInterfaces/jb-{0}_{1}-nic",
    "virtualMachines/jb-{0}_{1}-vm",
    "disks/jb-{0}_{1}-osdisk",
    "virtualMachines/extensions/jb-{0}_{1}-vm/AADSSHLoginForLinux",
    "schedules/shutdown-computevm-jb-{0}_{1}-vm",
)
DISK_METER = "disk.StandardSSD_LRS"
OPEN_METERS = ("bastion.basic", "bastion.standard", "bastion.premium")


@dataclass(frozen=True, slots=True)
class Visit:
    """A session as it was let in: it must not end before ``ends_at``, whatever the hour."""

    who: str
    bastion: str
    started_at: datetime
    ends_at: datetime


@dataclass
class Day:
    """Tells the day. What did not go as the story has it is in ``surprises``."""

    town: Town
    tell: Callable[[Event], None]
    started_at: datetime
    surprises: list[str] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chronicle = Chronicle(self.town)

    async def live(self) -> None:
        """Live through the day."""
        await self._morning()
        await self._lunch()
        await self._evening()

    async def _morning(self) -> None:
        await self._ask("ada", "main/ada", {"hours": 12, "reason": "incident 4711: orders are stuck"})
        await self._ask("ben", "main/ben", {"hours": 1.5, "reason": "helps ada: he knows the queue"})
        await self._until("08:54")
        await self._until("09:02")
        await self._expect("ready", "main/ada", "main/ben")
        await self._connect("ada", "main/ada", 20)
        await self._connect("ben", "main/ben", 15)
        wish = {"hours": 4, "sku": "Standard", "outbound": "nat", "reason": "copies the archive"}
        await self._ask("carla", "data/carla", wish)
        await self._until("09:15")
        await self._expect("ready", "data/carla")
        await self._connect("carla", "data/carla", 8)
        await self._until("09:25")
        await self._word("carla", "DELETE", "data/carla", {"reason": "the archive is copied"})
        await self._until("09:40")
        await self._expect("gone", "data/carla")
        await self._until("10:25")
        await self._expect("warm", "main/ada", "main/ben")
        if not (await self.chronicle.box("main/ben"))["warnings"]:
            self.surprises.append("ben was not warned before the end of his lease")
        await self._word("ben", "extend", "main/ben", {"hours": 10, "reason": "the queue needs watching"})

    async def _lunch(self) -> None:
        await self._until("13:00")
        await self._expect("warm", "main/ada", "main/ben")
        await self._word("ben", "wake", "main/ben", {"hours": 0.5, "reason": "back from lunch"})
        await self._until("13:12")
        await self._expect("ready", "main/ben")
        await self._connect("ben", "main/ben", 10)
        await self._until("14:05")
        await self._expect("warm", "main/ben", "main/ada")

    async def _evening(self) -> None:
        await self._until("18:00")
        await self._word("ada", "wake", "main/ada", {"hours": 0.25, "reason": "deploys the fix"})
        await self._until("18:12")
        await self._expect("ready", "main/ada")
        await self._connect("ada", "main/ada", 30)
        await self._until("18:38")
        await self._expect("ready", "main/ada")
        await self._look_up("main/ada")
        await self._expect("parked", "main/ben")
        await self._until("19:00")
        await self._expect("parked", "main/ada", "main/ben")

    # -- what people do ------------------------------------------------------------------------------------

    async def _ask(self, who: str, where: str, wish: dict[str, Any]) -> None:
        stack, name = where.split("/")
        choices = ", ".join(f"{key} {value}" for key, value in wish.items() if key != "reason")
        box = await self.town.say(who, "POST", "jumpboxes", {"stack": stack, "name": name, **wish})
        self.chronicle.asked(where, box["phase"])
        self._say(await self.town.now(), who, f"asks for {where} with {choices}", box["purpose"])
        if box["eta"]:
            eta = f"{datetime.fromisoformat(box['eta']):%H:%M}"
            self._say(await self.town.now(), where, f"is {box['phase']}, ready about {eta}", box["reason"])

    async def _word(self, who: str, word: str, where: str, body: dict[str, Any]) -> None:
        if word == "DELETE":
            box = await self.town.say(who, "DELETE", f"jumpboxes/{where}", body)
            what = f"retires {where}"
        else:
            box = await self.town.say(who, "POST", f"jumpboxes/{where}/{word}", body)
            by = {"extend": "by", "wake": "for"}.get(word, "")
            what = f"{word}s {where} {by} {body['hours']:g} h" if by else f"{word}s {where}"
        if word == "extend":
            what += f": {box['leaseHours']:g} h in all"
        self._say(await self.town.now(), who, what, body["reason"])

    async def _connect(self, who: str, where: str, minutes: int) -> None:
        stack, name = where.split("/")
        wish = {"bastion": f"jb-{stack}-bastion", "vm": f"jb-{stack}_{name}-vm", "user": who}
        session = await self.town.control("POST", "sessions", {**wish, "protocol": "ssh", "minutes": minutes})
        started_at, ends_at = (datetime.fromisoformat(session[key]) for key in ("startedAt", "endsAt"))
        self.chronicle.connected(session["id"], who, where)
        self.visits.append(Visit(who, session["bastion"], started_at, ends_at))
        self._say(started_at, who, f"connects to {where} through {wish['bastion']}", f"for {minutes} minutes")

    # -- what comes of it ----------------------------------------------------------------------------------

    async def _until(self, clock: str) -> None:
        """Let time go by until a time of day, telling what happens on the way."""
        hours, minutes = (int(part) for part in clock.split(":"))
        goal = self.started_at.replace(hour=hours, minute=minutes, second=0, microsecond=0)
        while await self.town.leap(goal) < goal:
            await self._catch_up()
        await self._catch_up()

    async def _catch_up(self) -> None:
        for event in await self.chronicle.news():
            self.tell(event)

    async def _expect(self, phase: str, *boxes: str) -> None:
        """Note it when a box is not what the story has it be."""
        for where in boxes:
            box = await self.chronicle.box(where)
            if box["phase"] != phase:
                now = await self.town.now()
                found = f"{box['phase']} ({box['reason']})"
                self.surprises.append(f"at {now:%H:%M} {where} should be {phase}; it is {found}")

    async def _look_up(self, where: str) -> None:
        """Tell how a box stands, in the app's own words."""
        box = await self.chronicle.box(where)
        self.tell(Event(await self.town.now(), where, f"is {box['phase']}", box["reason"], "cyan"))

    def _say(self, at: datetime, who: str, what: str, why: str) -> None:
        self.tell(Event(at, who, what, why, "bold"))


def cut_off(visits: list[Visit], stretches: list[Stretch]) -> list[str]:
    """Name everybody whose Bastion did not stand for the whole of their session."""
    doors = [stretch for stretch in stretches if stretch.meter in OPEN_METERS]
    return [
        f"{visit.who} was cut off: {visit.bastion} did not stand until {visit.ends_at:%H:%M}"
        for visit in visits
        if not any(
            door.resource.lower() == visit.bastion.lower() and door.covers(visit.started_at, visit.ends_at)
            for door in doors
        )
    ]


def left_at_the_end() -> tuple[frozenset[str], tuple[str, ...]]:
    """Name what the story leaves: stack main with two parked boxes, whose disks alone bill; no door, no stack data."""
    shared = {pattern.format("main") for pattern in (*SHARED, "virtualNetworks/jb-{0}-vnet")}
    boxes = {pattern.format("main", name) for name in ("ada", "ben") for pattern in PARKED}
    return frozenset(shared | boxes), (DISK_METER, DISK_METER)


def short_name(arm_id: str) -> str:
    """Shorten an ARM id to its type without provider, and its names."""
    _, _, tail = arm_id.rpartition("/providers/")
    _, *parts = tail.split("/")
    return "/".join([*parts[0::2], *parts[1::2]])


def gap_of(session_look: timedelta, teleported_minutes: int) -> timedelta:
    """Say how far apart looks may be while anything begins or ends.

    An open door is looked at every ``session_look``, an operation at least as often, and whatever begins or ends does
    so by an operation. Minutes that the clock skipped for want of real time come on top.
    """
    return session_look + timedelta(minutes=teleported_minutes)
