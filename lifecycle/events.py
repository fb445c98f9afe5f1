"""What operators search the log for: events whose names stay. Pure; ``journal`` writes them down."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lifecycle.model import Drift, StackStatus

LONGEST_TEXT = 500


class Name(StrEnum):
    """Every event there is. A name that operators search for is a promise: it is never given another meaning."""

    STACK_BLOCKED = "stack.blocked"
    STACK_UNBLOCKED = "stack.unblocked"
    STACK_OVERDUE = "stack.overdue"
    STACK_UNREADABLE = "stack.unreadable"
    MESSAGE_POISONED = "message.poisoned"
    DRIFT_FOUND = "drift.found"
    DRIFT_MENDED = "drift.mended"
    ORPHAN_FOUND = "orphan.found"
    ORPHAN_UNPROVEN = "orphan.unproven"
    ORPHAN_GIVEN_BACK = "orphan.given_back"
    ORPHAN_REMOVED = "orphan.removed"
    PART_MISSING = "part.missing"
    HUNT_DONE = "hunt.done"
    HUNT_INCOMPLETE = "hunt.incomplete"


GOOD_NEWS = frozenset({Name.STACK_UNBLOCKED, Name.DRIFT_MENDED, Name.ORPHAN_REMOVED, Name.HUNT_DONE})
"""What nobody needs to act on: logged as information, all else as a warning."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. ``text`` is for people; what machines match on are the other fields."""

    name: Name
    stack: str = ""
    part: str = ""
    """A part of the stack, or an ARM id where it is no part of any."""
    code: str = ""
    text: str = ""

    @property
    def cells(self) -> dict[str, str]:
        """Write it as what the log holds; fields without a value are left out."""
        fields = {
            "event": self.name.value,
            "stack": self.stack,
            "part": self.part,
            "code": self.code,
            "text": self.text[:LONGEST_TEXT],
        }
        return {field: value for field, value in fields.items() if value}


def between(stack: str, before: StackStatus, after: StackStatus) -> tuple[Event, ...]:
    """Say what has happened to a stack from one status to the next."""
    return (*_blocks(stack, before, after), *_drifts(stack, before, after))


def _blocks(stack: str, before: StackStatus, after: StackStatus) -> list[Event]:
    old = {part: block for part, block in before.blocks.items() if block.shown}
    new = {part: block for part, block in after.blocks.items() if block.shown}
    came = [
        Event(Name.STACK_BLOCKED, stack, part, block.code, block.message)
        for part, block in new.items()
        if part not in old or old[part].code != block.code
    ]
    went = [Event(Name.STACK_UNBLOCKED, stack, part, block.code) for part, block in old.items() if part not in new]
    return [*came, *went]


def _drifts(stack: str, before: StackStatus, after: StackStatus) -> list[Event]:
    events = []
    for part, drift in after.drifts.items():
        old = before.drifts.get(part)
        if not _is_same(old, drift):
            events.append(Event(Name.DRIFT_FOUND, stack, part, drift.what, "changed by somebody else"))
        if drift.mended_at and not (_is_same(old, drift) and old and old.mended_at):
            events.append(Event(Name.DRIFT_MENDED, stack, part, drift.what, "in order again"))
    return events


def _is_same(old: Drift | None, drift: Drift) -> bool:
    return old is not None and old.seen_at == drift.seen_at
