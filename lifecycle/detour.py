"""A box that follows another schedule for a while and then its own again, by itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.model import BoxIntent, require_aware
from lifecycle.schedule import Schedule, Span

_MOMENT = timedelta(microseconds=1)
_MOST_SPANS = 8
"""Between two openings lie at most one gap and the two turns."""


@dataclass(frozen=True, slots=True)
class Detour:
    """``own`` hours, but for [since_at, until_at), in which the ``other`` ones hold. Answers as a schedule does."""

    own: Schedule
    other: Schedule
    since_at: datetime
    until_at: datetime

    def in_force(self, now: datetime) -> Schedule:
        """Name the schedule that holds at ``now``."""
        return self.other if self.since_at <= now < self.until_at else self.own

    def turns_at(self, now: datetime) -> datetime | None:
        """Say when another schedule comes into force next."""
        return next((turn for turn in (self.since_at, self.until_at) if turn > now), None)

    def span_at(self, now: datetime) -> Span:
        """Name the window or gap that holds ``now``; one that goes on beyond a turn is still one."""
        here = self._piece(require_aware(now, "now"))
        since_at, until_at = here.since_at, here.until_at
        while until_at in (self.since_at, self.until_at) and until_at and self._goes_on(until_at):
            until_at = self._piece(until_at).until_at
        while since_at in (self.since_at, self.until_at) and since_at and self._goes_on(since_at):
            since_at = self._piece(since_at - _MOMENT).since_at
        return Span(here.open, since_at, until_at)

    def next_opening_after(self, instant: datetime) -> datetime | None:
        """Give the first opening strictly after ``instant``; None where there is none in sight."""
        at = self.span_at(instant).until_at
        for _ in range(_MOST_SPANS):
            if at is None:
                break
            span = self.span_at(at)
            if span.open and not self.in_force(at).stop_only:
                return at
            at = span.until_at
        return None

    def _goes_on(self, turn: datetime) -> bool:
        """Whether a turn changes nothing: open on both sides or shut on both, and of one kind."""
        before, after = turn - _MOMENT, turn
        alike = self.in_force(before).stop_only == self.in_force(after).stop_only
        return alike and self._piece(before).open is self._piece(after).open

    def _piece(self, now: datetime) -> Span:
        """Give the span of the schedule in force, as far as it is in force."""
        span = self.in_force(now).span_at(now)
        turned = [turn for turn in (self.since_at, self.until_at) if turn <= now]
        ahead = [turn for turn in (self.since_at, self.until_at) if turn > now]
        since = [at for at in (span.since_at, *turned) if at]
        until = [at for at in (span.until_at, *ahead) if at]
        return Span(span.open, max(since, default=None), min(until, default=None))


def hours_of(box: BoxIntent, schedules: Mapping[str, Schedule]) -> Schedule | Detour:
    """Give what a box goes by, out of the schedules by name."""
    other = box.other_hours
    if other is None or other.since_at >= other.until_at:
        return schedules[box.schedule]
    return Detour(schedules[box.schedule], schedules[other.schedule], other.since_at, other.until_at)
