"""The facts a bill is made of: intervals with brackets during which something billed, and who had which box."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Meter:
    """One interval during which a part billed. All instants are aware UTC.

    It truly began in [opened_claimed_at, opened_seen_at] and ended in [closed_seen_at, closed_absent_at]: between the
    claim to create it and the first sighting, between the last sighting and the first look that found it gone. With
    ``closed_absent_at`` None it still runs. ``box`` and ``owner`` are None for what a stack's boxes share.
    """

    stack: str
    box: str | None
    owner: str | None
    part: str
    meter: str
    arm_id: str
    opened_claimed_at: datetime
    opened_seen_at: datetime
    closed_seen_at: datetime | None = None
    closed_absent_at: datetime | None = None

    def wide(self, now: datetime) -> tuple[datetime, datetime]:
        """Give the longest interval it can have been: what is billed."""
        return _interval(self.opened_claimed_at, self.closed_absent_at or now)

    def narrow(self, now: datetime) -> tuple[datetime, datetime]:
        """Give the shortest interval it can have been; one that runs is taken to run until ``now``.

        Where a running meter carries its latest sighting in ``closed_seen_at``, that is its narrow end.
        """
        return _interval(self.opened_seen_at, self.closed_seen_at or self.closed_absent_at or now)


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Somebody had a box in [from_at, until_at), or has it still: they share what the stack's boxes share."""

    stack: str
    box: str
    owner: str
    team: str | None
    from_at: datetime
    until_at: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Say whether the box was theirs at that instant."""
        return self.from_at <= at and (self.until_at is None or at < self.until_at)


def once(meters: Iterable[Meter]) -> tuple[Meter, ...]:
    """Leave out what was recorded twice; of an interval's two versions the closed one, closed earliest, is kept."""
    kept: dict[tuple[str, str, str, datetime], Meter] = {}
    for meter in meters:
        key = (meter.stack, meter.part, meter.meter, meter.opened_claimed_at)
        known = kept.get(key)
        if known is None or _closed_earlier(meter, known):
            kept[key] = meter
    return tuple(kept.values())


def _closed_earlier(one: Meter, other: Meter) -> bool:
    if one.closed_absent_at is None:
        return False
    return other.closed_absent_at is None or one.closed_absent_at < other.closed_absent_at


def _interval(from_at: datetime, to_at: datetime) -> tuple[datetime, datetime]:
    """Make an interval that does not end before it begins, as brackets that overlap would have it."""
    return from_at, max(from_at, to_at)
