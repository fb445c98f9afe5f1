"""Which stacks use another's door, as an operator sets it (``STACKS``): read and checked when the app starts. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping

from lifecycle.hubs import is_foreign
from lifecycle.model import Kind

MOST_GUESTS = 50
"""So many stacks may use one hub; each is a peering, and a few hundred characters of the hub's status."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_HOST_ID = re.compile(
    rf"/subscriptions/[0-9a-f-]{{36}}/resourceGroups/[\w.()-]+/providers/{Kind.BASTION}/[\w.-]+",
    re.ASCII | re.IGNORECASE,
)


def hub_wishes(text: str) -> dict[str, str | None]:
    """Read ``{"name": {"hub": "other"}, "other": {}}``. Raises ValueError for anything else."""
    stacks = json.loads(text)
    if not isinstance(stacks, dict):
        raise TypeError(text)
    wishes: dict[str, str | None] = {}
    for name, wish in stacks.items():
        if not _NAME.fullmatch(name) or not isinstance(wish, dict) or wish.keys() - {"hub"}:
            raise ValueError(name)
        if not isinstance(wish.get("hub", ""), str):
            raise TypeError(name)
        wishes[name] = wish.get("hub") or None
    return wishes


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
