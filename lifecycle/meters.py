"""The facts a bill is made of: intervals during which something billed, who had which box, and who was connected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Start(StrEnum):
    """From when Azure is taken to bill what is made or started; Microsoft documents neither."""

    UNKNOWN = "unknown"  # from the claim at the earliest, from the success at the latest
    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"


@dataclass(frozen=True, slots=True)
class Meter:
    """One interval during which a part billed ``units`` of a meter. All instants are aware UTC.

    It truly began in [opened_claimed_at, opened_seen_at] and ended in [closed_seen_at, closed_absent_at]: between the
    claim to create it and the first sighting in order, between the last sighting and the first look that found it
    gone. With ``closed_absent_at`` None it still runs. ``opened_there_at`` is when the request had been accepted at
    the latest, ``opened_busy_at`` when it was last seen unfinished. ``box`` and ``owner`` are None for what a stack's
    boxes share.
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
    opened_there_at: datetime | None = None
    opened_busy_at: datetime | None = None
    region: str = ""
    units: int = 1

    def wide(self, now: datetime, start: Start = Start.UNKNOWN) -> tuple[datetime, datetime]:
        """Give the longest interval it can have been: what is billed."""
        late = self.opened_busy_at if start is Start.SUCCEEDED else None
        return _interval(max(self.opened_claimed_at, late or self.opened_claimed_at), self.closed_absent_at or now)

    def narrow(self, now: datetime, start: Start = Start.UNKNOWN) -> tuple[datetime, datetime]:
        """Give the shortest interval it can have been; one that runs is taken to run until ``now``.

        Where a running meter carries its latest sighting in ``closed_seen_at``, that is its narrow end.
        """
        early = self.opened_there_at if start is Start.ACCEPTED else None
        return _interval(early or self.opened_seen_at, self.closed_seen_at or self.closed_absent_at or now)


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Somebody had a box in [from_at, until_at), or has it still: they share what the stack's boxes share."""

    stack: str
    box: str
    owner: str
    team: str | None
    from_at: datetime
    until_at: datetime | None = None
    machine: str = ""
    """The meter of its machine while it runs, e.g. ``vm.Standard_D2s_v5``; empty where it was not recorded."""
    region: str = ""
    door: str = ""
    """The stack whose door it is entered by, where that is not its own."""

    def holds(self, at: datetime) -> bool:
        """Say whether the box was theirs at that instant."""
        return self.from_at <= at and (self.until_at is None or at < self.until_at)


@dataclass(frozen=True, slots=True)
class Connection:
    """Somebody was connected to a box in [from_at, until_at), or is still. ``box`` is empty where nobody can tell."""

    stack: str
    box: str
    session_id: str
    from_at: datetime
    until_at: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Say whether it was open at that instant."""
        return self.from_at <= at and (self.until_at is None or at < self.until_at)


@dataclass(frozen=True, slots=True)
class Books:
    """What a report is made of."""

    meters: tuple[Meter, ...] = ()
    tenancies: tuple[Tenancy, ...] = ()
    connections: tuple[Connection, ...] = ()

    def __add__(self, other: Books) -> Books:
        """Lay two books side by side."""
        return Books(self.meters + other.meters, self.tenancies + other.tenancies, self.connections + other.connections)


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


def tenants_once(tenancies: Iterable[Tenancy]) -> tuple[Tenancy, ...]:
    """Leave out what was recorded twice; the ended version of a tenancy is kept."""
    kept: dict[tuple[str, str, str, datetime], Tenancy] = {}
    for tenancy in tenancies:
        key = (tenancy.stack, tenancy.box, tenancy.owner, tenancy.from_at)
        if key not in kept or tenancy.until_at is not None:
            kept[key] = tenancy
    return tuple(kept.values())


def _interval(from_at: datetime, to_at: datetime) -> tuple[datetime, datetime]:
    """Make an interval that does not end before it begins, as brackets that overlap would have it."""
    return from_at, max(from_at, to_at)
