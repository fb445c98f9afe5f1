"""The one word people read about a box, with its reason and when it will be ready. Derived, never a driver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from lifecycle.blueprint import ADDRESS, BASTION, HUB, NAT, NAT_ADDRESS, NSG_BASTION, NSG_FRONTEND, PEERING, VNET
from lifecycle.model import Block, BoxStatus, Level, Operation, Verb
from lifecycle.target import Cause, Target

TYPICAL_DOOR = timedelta(minutes=9)
"""How long Bastion takes to come up, as a first estimate (recorded live traffic: 6 to 8 minutes; reports: 10)."""
TYPICAL_REST = timedelta(minutes=2)
"""The network before it, or the machine and its login."""

SHARED = (NSG_FRONTEND, NSG_BASTION, NAT_ADDRESS, NAT, VNET, ADDRESS, BASTION, PEERING, HUB)
DOOR = (ADDRESS, BASTION, PEERING, HUB)


def phase_of(target: Target, known: BoxStatus, block: Block | None, *, standing: bool) -> tuple[str, str]:
    """Say phase and reason. ``standing``: whether any part of the box is there."""
    if target.level is Level.GONE and not standing:
        return ("parked" if target.changes_at else "gone"), target.reason
    if block is not None:
        return "blocked", f"{block.code}: {block.message}"
    return _word(target.level, known.level, first=known.first_ready_at is None), target.reason


def _word(wanted: Level, there: Level, *, first: bool) -> str:
    if wanted is Level.GONE:
        return "retiring"
    if wanted is Level.PARKED:
        return "parking" if there > Level.PARKED else "parked"
    if there >= wanted:
        return "ready" if wanted is Level.OPEN else "warm"
    return "building" if first else "waking"


def block_of(box: str, blocks: Mapping[str, Block]) -> Block | None:
    """Name what people should see as standing in a box's way: its own parts', or the shared ones'."""
    mine = [block for part, block in blocks.items() if block.shown and (part in SHARED or part.endswith(f"!{box}"))]
    return max(mine, key=lambda block: block.retry_at, default=None)


def eta_of(
    target: Target,
    known: BoxStatus,
    operations: Iterable[Operation],
    now: datetime,
    start_at: datetime | None = None,
) -> datetime | None:
    """Estimate when a box that is to open will be ready; None when it is, or is not to be.

    One that starts later is expected at that time, for which it is made ready.
    """
    if start_at and now < start_at and target.cause is Cause.FUTURE:
        return None if known.level is Level.OPEN else start_at
    if target.level is not Level.OPEN or known.level is Level.OPEN:
        return None
    door = next((op for op in operations if op.part == BASTION and op.verb is Verb.PUT), None)
    if door:
        expected_at = door.claimed_at + TYPICAL_DOOR
    elif known.level is Level.WARM and known.ready_at is None:
        expected_at = now + TYPICAL_REST
    else:
        asked_at = max((at for at in (target.asked_at, known.waiting_since_at) if at), default=now)
        expected_at = asked_at + TYPICAL_REST + TYPICAL_DOOR
    return max(expected_at, now + timedelta(minutes=1))
