"""How long before it is wanted a box must be begun, from how long this stack's boxes took so far. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from lifecycle.blueprint import BASTION
from lifecycle.model import BoxStatus, Level, StackStatus

DEFAULT_LEAD = timedelta(minutes=15)
"""Where too little is known: recorded live traffic shows 6 to 8 minutes for a Bastion, reports say 10."""
LONGEST_LEAD = timedelta(minutes=60)
"""Nobody pays for more than an hour of an open door that nobody uses yet."""
ENOUGH = 5
"""So many waits must be known before they shorten the lead; one alone may lengthen it."""
KEPT = 20
_SHARE = 0.9
_WHOLE = timedelta(minutes=1)


def lead_of(waits_seconds: Iterable[float]) -> timedelta:
    """Give the time that nine waits out of ten did not exceed, in whole minutes, within the bounds above."""
    known = sorted(waits_seconds)
    if not known:
        return DEFAULT_LEAD
    wait = timedelta(seconds=known[math.ceil(_SHARE * len(known)) - 1])
    found = math.ceil(wait / _WHOLE) * _WHOLE
    return min(found if len(known) >= ENOUGH else max(found, DEFAULT_LEAD), LONGEST_LEAD)


def waits_with(
    before: StackStatus, boxes: Mapping[str, BoxStatus], now: datetime, *, borrowed: bool
) -> tuple[float, ...]:
    """Add the waits, in seconds, that ended just now: of the boxes that have come to be open.

    Only those in which the door was built count: who comes to a door that stands waits for a machine alone. When
    a door of a hub (``borrowed``) was built is not known here, so all waits for it count.
    """
    ended = []
    for known in (boxes[name] for name in sorted(boxes)):
        since_at = known.waiting_since_at
        if since_at is None or known.level is not Level.OPEN:
            continue
        door = [meter.claimed_at for key, meter in before.meters.items() if key.startswith(f"{BASTION}|")]
        if borrowed or any(claimed_at >= since_at for claimed_at in door):
            ended.append((now - since_at).total_seconds())
    return (*before.waits_seconds, *ended)[-KEPT:]
