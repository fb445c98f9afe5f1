"""Whether a box is used nearly every working day, so that its morning may be prepared. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from lifecycle.schedule import Schedule

WORKING_DAYS = 5
ENOUGH = 3
"""Used on so many of the last working days, it is expected to be used again."""
KEPT = 10
_FARTHEST_BACK_DAYS = 40


def used_on_with(used_on: tuple[str, ...], schedule: Schedule, now: datetime) -> tuple[str, ...]:
    """Add the day of ``now``, by the schedule's own zone, to those on which somebody was connected."""
    today = now.astimezone(ZoneInfo(schedule.zone)).date().isoformat()
    return used_on if today in used_on else (*used_on, today)[-KEPT:]


def is_habit(used_on: tuple[str, ...], schedule: Schedule, opens_at: datetime) -> bool:
    """Say whether a box was used on most of the working days before the window that opens then.

    A working day is one on which a window of the schedule begins.
    """
    opening_day = opens_at.astimezone(ZoneInfo(schedule.zone)).date()
    before = _working_days(schedule, opening_day)
    return sum(day.isoformat() in used_on for day in before) >= ENOUGH


def _working_days(schedule: Schedule, before: date) -> list[date]:
    days = (before - timedelta(days=back) for back in range(1, _FARTHEST_BACK_DAYS))
    return [day for day in days if schedule.works_on(day)][:WORKING_DAYS]
