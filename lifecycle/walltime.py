"""Converts what a clock on the wall shows into instants, also in the nights when it is put forward or back.

Every wall time names exactly one instant, the first at which a wall clock has reached it: a time that occurs twice
means its first occurrence, a time that is skipped means the first instant after the gap. So a later wall time never
names an earlier instant, and an interval of wall times that lies wholly in a gap is empty.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo


def instant_at(day: date, clock: time, zone: tzinfo) -> datetime:
    """Give the first instant (aware UTC) at which clocks in ``zone`` have reached ``clock`` on ``day``."""
    wall = datetime.combine(day, clock, tzinfo=zone)  # fold 0: the first of two
    found = wall.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return found
    return _end_of_gap(wall.replace(fold=1).astimezone(UTC), found, zone)


def midnight(day: date, zone: tzinfo) -> datetime:
    """Give the instant (aware UTC) at which the civil day begins."""
    return instant_at(day, time(), zone)


def _end_of_gap(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """Find the transition between two instants on either side of it (PEP 495 tells them apart by ``fold``).

    Offsets and transitions of the tz database are whole seconds, so whole seconds are searched.
    """
    new_offset = after.astimezone(zone).utcoffset()
    earlier, later = 0, round((after - before).total_seconds())
    while later - earlier > 1:
        middle = (earlier + later) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == new_offset:
            later = middle
        else:
            earlier = middle
    return before.replace(microsecond=0) + timedelta(seconds=later)
