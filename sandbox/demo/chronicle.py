"""What became known since the last look, as events: from the audit, the sessions, the warnings and the phases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sandbox.demo.render import Event
from sandbox.demo.town import Town

RECONCILER = "reconciler"
READER = "clerk:reader"
_TOLD_KINDS: Mapping[str, str] = {
    "bastionHosts": "the Bastion",
    "virtualMachines": "the machine",
    "natGateways": "the NAT gateway",
}
_WORDS: Mapping[tuple[str, str], str] = {
    ("put", "done"): "stands",
    ("delete", "intended"): "is being deleted",
    ("delete", "done"): "is gone",
    ("start", "done"): "is started",
    ("deallocate", "done"): "is deallocated",
}


class Chronicle:
    """Asks the app and the simulator what is new, and remembers what was told."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self._sessions: dict[str, tuple[str, str]] = {}
        """Open sessions: who, and on which box."""
        self._phases: dict[str, str] = {}
        self._audit: dict[str, int] = {}
        """How much of each stack's audit was told."""
        self._acted_at: dict[str, datetime] = {}
        """When something was last done to a stack, or to a box."""
        self._warned: set[tuple[str, str, str]] = set()

    def asked(self, where: str, phase: str) -> None:
        """Follow a box from here on."""
        self._phases[where] = phase

    def connected(self, session_id: str, who: str, where: str) -> None:
        """Follow a session until it ends."""
        self._sessions[session_id] = (who, where)

    async def box(self, where: str) -> dict[str, Any]:
        """Read one box."""
        return await self.town.say(READER, "GET", f"jumpboxes/{where}")

    async def news(self) -> list[Event]:
        """Give what happened since the last call, in order."""
        now = await self.town.now()
        listed = (await self.town.say(READER, "GET", "jumpboxes"))["value"]
        boxes = {f"{box['stack']}/{box['name']}": box for box in listed}
        followed = [where for where, phase in self._phases.items() if phase != "gone"]
        boxes |= {where: await self.box(where) for where in followed if where not in boxes}
        stacks = sorted({where.partition("/")[0] for where in followed})
        events = [event for stack in stacks for event in await self._acts(stack, now)]
        events += await self._left()
        events += [event for where in followed for event in self._box(where, boxes[where], now)]
        return sorted(events, key=lambda event: event.at.replace(microsecond=0))  # what was done, then what it led to

    async def _acts(self, stack: str, now: datetime) -> list[Event]:
        """Tell what was done in Azure, by the audit, which also says why."""
        rows = (await self.town.say(READER, "GET", f"audit?stack={stack}&day={now.date()}"))["value"]
        known = self._audit.get(stack, 0)
        fresh = [row for row in rows if row["number"] > known and row["actor"] == RECONCILER]
        self._audit[stack] = max((row["number"] for row in rows), default=known)
        for row in fresh:
            for where in (stack, *(where for where in self._phases if _is_about(row, where))):
                self._acted_at[where] = datetime.fromisoformat(row["at"])
        return [event for row in fresh if (event := act_event(stack, row))]

    async def _left(self) -> list[Event]:
        """Tell who left, by the simulator, which knows."""
        if not self._sessions:
            return []
        found = (await self.town.control("GET", "sessions?all=true"))["value"]
        events = []
        for session in found:
            if session["endedAt"] and session["id"] in self._sessions:
                who, where = self._sessions.pop(session["id"])
                events.append(_event(session["endedAt"], who, f"is no longer on {where}", session["ending"]))
        return events

    def _box(self, where: str, box: Mapping[str, Any], now: datetime) -> Iterator[Event]:
        """Tell who was warned about a box, and whether it came to another phase."""
        for warning in box["warnings"]:
            mark = (where, str(warning["kind"]), str(warning["deadline"]))
            if mark not in self._warned:
                self._warned.add(mark)
                end = f"{datetime.fromisoformat(warning['deadline']):%H:%M}"
                kind = "the end of the lease" if warning["kind"] == "lease" else "the hard limit"
                yield _event(warning["toldAt"], box["owner"], f"is warned: {kind} of {where} is at {end}", "", "yellow")
        if self._phases[where] != box["phase"]:
            self._phases[where] = box["phase"]
            yield Event(self._since(where, box, now), where, f"is {box['phase']}", box["reason"], "cyan")

    def _since(self, where: str, box: Mapping[str, Any], now: datetime) -> datetime:
        """Say when a box came to its phase, as far as anybody wrote it down; else when it was noticed."""
        match box["phase"]:
            case "ready":
                return datetime.fromisoformat(box["openedAt"])
            case "gone":
                return self._acted_at.get(where.partition("/")[0], now)
            case "parked":
                return self._acted_at.get(where, now)
            case _:
                return now


def _is_about(row: Mapping[str, Any], where: str) -> bool:
    """Say whether a line of the audit is about a machine of this box."""
    return str(row["subject"]).endswith(f"/jb-{where.replace('/', '_')}-vm")


def act_event(stack: str, row: Mapping[str, Any]) -> Event | None:
    """Tell one line of the audit, if people would want to hear it."""
    kind, _, name = str(row["subject"]).rpartition("/")
    thing = _TOLD_KINDS.get(kind.rpartition("/")[2])
    if thing is None:
        return None
    verb, outcome = str(row["action"]), str(row["outcome"])
    if (verb, outcome) not in _WORDS and outcome in ("intended", "done"):
        return None
    word = _WORDS.get((verb, outcome), f"{verb}: {outcome}")
    what = f"{thing} {name} {word}"
    return _event(row["at"], stack, what, "" if word.endswith(("gone", "stands")) else row["reason"])


def _event(at: str, who: str, what: str, why: str = "", colour: str = "") -> Event:
    return Event(datetime.fromisoformat(at), who, what, why, colour)
