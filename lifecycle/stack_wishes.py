"""What an operator sets of single stacks (``STACKS``): read and checked when the app starts. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from lifecycle.hubs import is_foreign
from lifecycle.model import Kind, Policy

MOST_GUESTS = 50
"""So many stacks may use one hub; each is a peering, and a few hundred characters of the hub's status."""
FIELDS = frozenset({"hub", "idleMinutes", "closing", "graceHours"})
IDLE_MINUTES = (5, 24 * 60)
GRACE_HOURS = (0, 24)
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_HOST_ID = re.compile(
    rf"/subscriptions/[0-9a-f-]{{36}}/resourceGroups/[\w.()-]+/providers/{Kind.BASTION}/[\w.-]+",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class StackWish:
    """What is set of one stack; None where it follows the house."""

    hub: str | None = None
    idle_limit: timedelta | None = None
    closing_grace: timedelta | None = None
    """Zero under the closing policy ``cut``."""

    def of(self, house: Policy) -> Policy:
        """Say what holds for the stack."""
        idle, grace = self.idle_limit, self.closing_grace
        return replace(
            house,
            idle_limit=house.idle_limit if idle is None else idle,
            closing_grace=house.closing_grace if grace is None else grace,
        )


def stack_wishes(text: str) -> dict[str, StackWish]:
    """Read ``{"name": {"hub": "other", "idleMinutes": 60, "closing": "cut"}, "other": {"graceHours": 1}}``.

    Raises ValueError or TypeError for anything else.
    """
    stacks = json.loads(text)
    if not isinstance(stacks, dict):
        raise TypeError(text)
    return {name: _wish(name, said) for name, said in stacks.items()}


def _wish(name: str, said: object) -> StackWish:
    if not _NAME.fullmatch(name) or not isinstance(said, dict) or said.keys() - FIELDS:
        raise ValueError(name)
    hub, closing = said.get("hub", ""), said.get("closing", "grace")
    if not isinstance(hub, str) or closing not in ("grace", "cut") or (closing == "cut" and "graceHours" in said):
        raise ValueError(name)
    idle, grace = said.get("idleMinutes"), 0 if closing == "cut" else said.get("graceHours")
    return StackWish(
        hub or None,
        None if idle is None else timedelta(minutes=_within(idle, *IDLE_MINUTES)),
        None if grace is None else timedelta(hours=_within(grace, *GRACE_HOURS)),
    )


def _within(number: object, least: float, most: float) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not least <= number <= most:
        raise ValueError(number)
    return float(number)


def hub_troubles(wishes: Mapping[str, str | None], default_stack: str) -> list[str]:
    """Name every hub that cannot be one. Whether a Bastion that is not ours can serve shows only in Azure."""
    found = [trouble for name, hub in wishes.items() if hub and (trouble := _trouble(name, hub, wishes, default_stack))]
    counts = Counter(hub for hub in wishes.values() if hub)
    found += [
        f"STACKS: {count} stacks use the hub {hub}; at most {MOST_GUESTS} may"
        for hub, count in counts.items()
        if count > MOST_GUESTS
    ]
    return found


def _trouble(name: str, hub: str, wishes: Mapping[str, str | None], default_stack: str) -> str | None:
    if is_foreign(hub):
        return (
            None
            if _HOST_ID.fullmatch(hub)
            else (f"STACKS: the hub of {name} must be a stack or the ARM id of a Bastion")
        )
    if hub == name:
        return f"STACKS: {name} cannot be its own hub"
    if hub not in wishes and hub != default_stack:
        return f'STACKS: the hub {hub} of {name} is not known; name it there too, as "{hub}": {{}}'
    if wishes.get(hub):
        return f"STACKS: the hub {hub} of {name} uses a hub itself; a hub has a door of its own"
    return None
