"""The few words the bot understands."""

from __future__ import annotations

import re
from dataclasses import dataclass

HELP = (
    "start [name] [for N hours] [because ...] · list · extend <stack>/<box> N · wake <stack>/<box> [N] · "
    "park <stack>/<box> · retire <stack>/<box>"
)
_HOURS = r"(?P<hours>(?=[0.]*[1-9])\d{1,5}(?:\.\d{1,3})?)\s*(?:h|hour|hours)?"  # above 0, and finite
_START = re.compile(
    r"(?:start|open|new)(?:\s+(?!for\b|because\b)(?P<name>[a-z][a-z0-9-]{0,39}))?"
    rf"(?:\s+for\s+{_HOURS})?(?:\s+because\s+(?P<reason>.+))?",
    re.IGNORECASE | re.ASCII,
)
_ABOUT = re.compile(
    r"(?P<verb>extend|wake|park|retire|stop)\s+(?P<stack>[a-z][a-z0-9-]{0,39})/(?P<box>[a-z][a-z0-9-]{0,39})"
    rf"(?:\s+(?:for\s+|by\s+)?{_HOURS})?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Start:
    """Have a box made."""

    name: str | None
    hours: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class About:
    """Say something about a box: ``extend``, ``wake``, ``park`` or ``retire``."""

    verb: str
    stack: str
    box: str
    hours: float | None


@dataclass(frozen=True, slots=True)
class ListBoxes:
    """Show my boxes."""


@dataclass(frozen=True, slots=True)
class Help:
    """Anything else."""


Wish = Start | About | ListBoxes | Help


def understand(text: str) -> Wish:
    """Read what somebody wrote; whatever is not understood is a call for help."""
    said = text.strip()
    if said.lower() in ("list", "status"):
        return ListBoxes()
    if found := _START.fullmatch(said):
        hours = found["hours"]
        name = found["name"].lower() if found["name"] else None
        return Start(name, float(hours) if hours else None, found["reason"] or "")
    if found := _ABOUT.fullmatch(said):
        verb = {"stop": "retire"}.get(found["verb"].lower(), found["verb"].lower())
        hours = found["hours"]
        return About(verb, found["stack"].lower(), found["box"].lower(), float(hours) if hours else None)
    return Help()
