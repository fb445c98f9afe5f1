"""What a box should be now, why, and when that would change: one pure function, first matching rule wins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from lifecycle.detour import Detour
from lifecycle.habit import is_habit
from lifecycle.lead import DEFAULT_LEAD
from lifecycle.model import Active, Activity, BoxIntent, BoxStatus, Idle, Level, Policy, Unknown, Warned, require_aware
from lifecycle.schedule import Schedule, Span

LONGEST_BUILD = timedelta(hours=1)
"""A lease starts at ready, but no later than this after the box was wanted, so that every lease ends.

Bastion takes about 10 minutes as a rule and more than 30 at times (public reports): an hour is beyond doubt.
"""
LATE_ASK = timedelta(hours=1)
"""Who asks for a box later than this before closing gets it for ``wake_hours`` all the same."""

MOST_STEPS = 20
"""So many instants in a row at which nothing changes after all are stepped over; at the next one is looked again."""

EARLY_ASK = timedelta(hours=1)
"""Who asks so shortly before a window that only closes means to work in it: it does not shut the box again."""


class Cause(StrEnum):
    """Which rule a target follows from, in the order in which they are asked."""

    RETIRED = "retired"
    LEASE = "lease"
    FUTURE = "future"
    HELD = "held"
    STARTED = "started"
    PARKED = "parked"
    HOURS = "hours"
    STOPPED = "stopped"
    UNATTENDED = "unattended"
    IDLE = "idle"
    WANTED = "wanted"


@dataclass(frozen=True, slots=True)
class Deadline:
    """Something people lose at ``at`` unless they act; ``kind`` is ``lease`` or ``cut``."""

    kind: str
    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Target:
    """What a box should be, why in words for people, and the instant at which it would change by itself."""

    level: Level
    reason: str
    changes_at: datetime | None = None
    warnings: tuple[Deadline, ...] = ()
    """Deadlines that people must be told of, ``warning_lead`` before each."""
    asked_at: datetime | None = None
    """The start of the opening that this target belongs to."""
    runs_until: datetime | None = None
    """Until when the machine runs as things stand; None where only the lease ends it."""
    forced: bool = False
    """Whether an announced hard limit has passed: from here on nobody is asked any more."""
    cause: Cause = Cause.WANTED


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything the rules look at."""

    now: datetime
    box: BoxIntent
    known: BoxStatus
    schedule: Schedule | Detour
    activity: Activity
    policy: Policy
    lead: timedelta
    span: Span
    """The window or gap of the schedule that holds ``now``."""

    def later(self, now: datetime, warnings: Iterable[Deadline]) -> _Case:
        """Go on to a later instant, with these warnings given in time and all else as it is."""
        lead = self.policy.warning_lead
        told = {
            each.kind: Warned(each.at, max(each.at - lead, self.now))
            for each in warnings
            if each.at - lead <= now and self.announced(each) is None
        }
        known = replace(self.known, warned={**self.known.warned, **told}) if told else self.known
        return replace(self, now=now, known=known, span=self.schedule.span_at(now))

    @property
    def hours(self) -> Schedule:
        """The schedule in force."""
        return self.schedule.in_force(self.now)

    @property
    def lease_until(self) -> datetime:
        return lease_until(self.box, self.known)

    @property
    def built(self) -> bool:
        return self.known.first_ready_at is not None or self.known.level > Level.GONE

    @property
    def asked_at(self) -> datetime:
        """The latest reason to open that has come to pass: wanted, woken, or a window's beginning."""
        window = self.span.since_at if self.span.open and not self.hours.stop_only else None
        begun_at = self.box.start_at - self.lead if self.box.start_at else None
        causes = (self.box.wanted_from_at, begun_at, self.box.woken_at, window)
        passed = [cause for cause in causes if cause is not None and cause <= self.now]
        return max(passed, default=self.box.wanted_from_at)  # the clock that wrote the wish may be ahead of ours

    def was_open_since(self, instant: datetime) -> bool:
        """Say whether the box is open, or was at ``instant`` or later."""
        last_open_at = self.known.last_open_at
        return self.known.level is Level.OPEN or (last_open_at is not None and last_open_at >= instant)

    def begun_at(self, opens_at: datetime) -> datetime:
        """When a window's box is begun: as it opens, or before, where the house and a habit say so."""
        hours = self.schedule.in_force(opens_at)
        early = self.policy.prewarm and not hours.stop_only and is_habit(self.known.used_on, hours, opens_at)
        return opens_at - self.lead if early else opens_at

    @property
    def courtesy_until(self) -> datetime | None:
        """A box asked for outside its hours, or shortly before they end, is open for a while nonetheless."""
        end = self.courtesy_end
        return end if end is not None and self.now < end else None

    @property
    def courtesy_end(self) -> datetime | None:
        """When that while ends or ended; None for a box that was asked for well within its hours."""
        if self.span.open:
            return None
        closed_at, wanted_at = self.span.since_at, self.box.wanted_from_at
        if closed_at is not None and wanted_at < closed_at - LATE_ASK:
            return None
        ready_at = max(self.known.first_ready_at or self.now, wanted_at)
        return ready_at + timedelta(hours=self.policy.wake_hours)

    def announced(self, deadline: Deadline) -> datetime | None:
        """When a deadline takes effect: never earlier than the warning plus its lead; None while unannounced."""
        warned = self.known.warned.get(deadline.kind)
        if warned is None or warned.deadline_at != deadline.at:
            return None
        return max(deadline.at, warned.told_at + self.policy.warning_lead)

    def limit(self, deadline: Deadline) -> datetime:
        """When a deadline takes effect, announced already or as soon as may be."""
        return self.announced(deadline) or max(deadline.at, self.now + self.policy.warning_lead)

    def ending(self, level: Level, reason: str, cut_at: datetime, changes_at: datetime | None = None) -> Target:
        """Go down to ``level``, but never under somebody's hands before the announced hard limit."""
        if isinstance(self.activity, Idle) and self.activity.sure:
            return Target(level, reason, changes_at)
        deadline = Deadline("cut", cut_at, reason)
        hard_at = self.announced(deadline)
        if hard_at is not None and self.now >= hard_at:
            return Target(level, f"{reason}; the announced limit has passed", changes_at, forced=True)
        if isinstance(self.activity, Idle):
            return Target(level, reason, min((at for at in (hard_at, changes_at) if at), default=None), (deadline,))
        who = "somebody is connected" if isinstance(self.activity, Active) else "nobody can tell whether anybody is"
        limit_at = self.limit(deadline)
        return Target(
            Level.OPEN,
            f"{reason}, but {who}: open until they leave, at the latest {limit_at:%Y-%m-%d %H:%M} UTC",
            min(at for at in (limit_at, changes_at) if at),
            (deadline,),
            runs_until=hard_at or cut_at,
        )


def lease_until(box: BoxIntent, known: BoxStatus) -> datetime:
    """Say when a lease ends: at the instant that was asked for, else ``hours`` after the clock of the lease began.

    It begins when the box is first ready, or could have been at the latest; never before it was wanted.
    """
    if box.until:
        return box.until
    ready_at = known.first_ready_at or box.wanted_from_at + LONGEST_BUILD
    return max(ready_at, box.wanted_from_at) + timedelta(hours=box.hours)


def target(
    now: datetime,
    box: BoxIntent,
    known: BoxStatus,
    schedule: Schedule | Detour,
    activity: Activity,
    policy: Policy,
    lead: timedelta = DEFAULT_LEAD,
) -> Target:
    """Name what a box should be at ``now`` (aware UTC), with the reason and the instant it would change.

    That instant is the first at which level or reason differ, if nobody comes, leaves or says anything until then
    and people are warned in time. ``lead`` is how long before a future start a box is begun, so that it is ready
    at the time.
    """
    span = schedule.span_at(require_aware(now, "now"))
    case = _Case(now, box, known, schedule, activity, policy, lead, span)
    found = _found(case)
    return replace(found, changes_at=_first_difference(case, found))


def _first_difference(case: _Case, found: Target) -> datetime | None:
    """Step over the instants at which a rule might change its mind and does not."""
    at, there = found.changes_at, found
    for _ in range(MOST_STEPS):
        if at is None or at <= case.now:
            break
        case = case.later(at, there.warnings)
        there = _found(case)
        if (there.level, there.reason) != (found.level, found.reason):
            break
        at = there.changes_at
    return at


def _found(case: _Case) -> Target:
    """Ask the rules. ``changes_at`` is the next instant at which their answer may be another."""
    found = next(replace(found, cause=cause) for cause, rule in RULES if (found := rule(case)) is not None)
    if found.level is Level.GONE:
        return found
    lease = Deadline("lease", case.lease_until, "its lease ends and all of it goes, the disk too")
    warnings = (*found.warnings, lease) if case.built else found.warnings
    lease_at = case.limit(lease) if case.built else lease.at
    changes = [instant for instant in (found.changes_at, case.schedule.turns_at(case.now), lease_at) if instant]
    changes_at = min((instant for instant in changes if instant > case.now), default=case.now)
    asked_at = case.asked_at if found.level is Level.OPEN else case.known.asked_at
    runs_until = min(found.runs_until or case.lease_until, max(changes[-1], case.now))
    return replace(found, changes_at=changes_at, warnings=warnings, asked_at=asked_at, runs_until=runs_until)


def _retired(case: _Case) -> Target | None:
    if case.box.retired_at is None:
        return None
    reason = f"retired: {case.box.word}" if case.box.word else "retired"
    return case.ending(Level.GONE, reason, case.box.retired_at + case.policy.warning_lead)


def _lease_over(case: _Case) -> Target | None:
    deadline = Deadline("lease", case.lease_until, "")
    over_at = case.announced(deadline) if case.built else deadline.at
    if over_at is None or case.now < over_at:
        return None
    return Target(Level.GONE, f"its lease ended at {over_at:%Y-%m-%d %H:%M} UTC")


def _future(case: _Case) -> Target | None:
    start_at = case.box.start_at
    if start_at is None or start_at <= case.now:
        return None
    reason = f"starts at {start_at:%Y-%m-%d %H:%M} UTC"
    begin_at = start_at if case.box.parked_at else start_at - case.lead
    if begin_at <= case.now:
        return Target(Level.OPEN, f"{reason}, and is made ready for then", start_at)
    if not case.built:
        return Target(Level.GONE, reason, begin_at)
    return case.ending(Level.PARKED, reason, case.box.requested_at + case.policy.warning_lead, begin_at)


def _held(case: _Case) -> Target | None:
    until = case.box.hold_until
    if until is None or until <= case.now:
        return None
    return Target(Level.OPEN, f"held open until {until:%Y-%m-%d %H:%M} UTC", until, runs_until=until)


def _stopped_by_hand(case: _Case) -> Target | None:
    """Leave a machine alone that somebody stopped in the portal, until anybody asks for it or its next window."""
    stopped_at = case.known.stopped_by_hand_at
    if stopped_at is None or stopped_at > case.now or case.asked_at > stopped_at:
        return None
    opens_at = None if case.hours.stop_only else case.schedule.next_opening_after(stopped_at)
    if opens_at is not None and opens_at <= case.now:
        return None
    until = f"until {opens_at:%Y-%m-%d %H:%M} UTC or a wake" if opens_at else "until a wake"
    reason = f"its machine was stopped from outside, seen at {stopped_at:%Y-%m-%d %H:%M} UTC: it is left so {until}"
    changes = [at for at in (opens_at, _next_change(case)) if at]
    return case.ending(Level.PARKED, reason, stopped_at + case.policy.warning_lead, min(changes, default=None))


def _started_by_hand(case: _Case) -> Target | None:
    """Leave a machine running that somebody started in the portal while it was to be parked, until the next closing."""
    started_at = case.known.started_by_hand_at
    if started_at is None or started_at > case.now:
        return None
    if _parked(case) is None and _outside_hours(case) is None:
        return None
    closes_at = _closing_after(case.schedule, started_at)
    if closes_at is not None and closes_at <= case.now:
        return None
    until = f"until {closes_at:%Y-%m-%d %H:%M} UTC" if closes_at else "until its lease ends"
    reason = f"its machine was started from outside, seen at {started_at:%Y-%m-%d %H:%M} UTC: it is left so {until}"
    changes = [at for at in (closes_at, case.span.until_at) if at]
    found = case.ending(Level.WARM, reason, started_at + case.policy.closing_grace, min(changes, default=None))
    return replace(found, runs_until=closes_at)


def _closing_after(schedule: Schedule | Detour, instant: datetime) -> datetime | None:
    """Say when the hours that hold, or come next, after an instant end; None where they never do."""
    span = schedule.span_at(instant)
    if span.open:
        return span.until_at
    return schedule.span_at(span.until_at).until_at if span.until_at else None


def _parked(case: _Case) -> Target | None:
    parked_at = case.box.parked_at
    if parked_at is None:
        return None
    opens_at = None if case.hours.stop_only else case.schedule.next_opening_after(parked_at)
    if opens_at is not None and opens_at <= case.now:
        return None
    begin_at = opens_at and case.begun_at(opens_at)
    if begin_at is not None and parked_at < begin_at <= case.now:
        return None
    until = f"until {opens_at:%Y-%m-%d %H:%M} UTC or a wake" if opens_at else "until a wake"
    return case.ending(Level.PARKED, f"parked by request {until}", parked_at + case.policy.warning_lead, begin_at)


def _outside_hours(case: _Case) -> Target | None:
    span = case.span
    if span.open or case.courtesy_until is not None:
        return None
    ends = [end for end in (span.since_at, case.box.hold_until, case.courtesy_end) if end and end <= case.now]
    closed_at = max(ends) if ends else case.box.wanted_from_at
    begin_at = span.until_at and case.begun_at(span.until_at)
    if begin_at and begin_at <= case.now:
        return Target(Level.OPEN, f"made ready for its hours from {span.until_at:%Y-%m-%d %H:%M} UTC", span.until_at)
    until = f" until {span.until_at:%Y-%m-%d %H:%M} UTC" if span.until_at else ""
    return case.ending(
        Level.PARKED,
        f"outside the hours of schedule {case.hours.name}{until}" if not case.hours.stop_only else _shut_by(case),
        closed_at + case.policy.closing_grace,
        begin_at,
    )


def _only_closes(case: _Case) -> Target | None:
    if not case.hours.stop_only:
        return None
    span = case.span
    if span.since_at is None or not span.open or case.asked_at >= span.since_at - EARLY_ASK:
        return None
    return case.ending(
        Level.PARKED,
        _shut_by(case),
        span.since_at + case.policy.closing_grace,
        span.until_at,
    )


def _shut_by(case: _Case) -> str:
    return f"closed by schedule {case.hours.name}, which opens nothing by itself: wake it"


def _unattended(case: _Case) -> Target | None:
    """Close a door of which nobody can tell whether it is in use, however long its hours: a broken list costs hours."""
    if not isinstance(case.activity, Unknown) or case.activity.since_at is None:
        return None
    cut_at, closes_at = case.activity.since_at + case.policy.blind_limit, _closes_at(case)
    if closes_at is not None and closes_at + case.policy.closing_grace <= cut_at:
        return None
    found = case.ending(Level.WARM, case.activity.why, cut_at, _next_change(case))
    changes = [instant for instant in (found.changes_at, _next_change(case)) if instant]
    return replace(found, changes_at=min(changes, default=None), runs_until=closes_at)


def _idle(case: _Case) -> Target | None:
    """Close the door of a box that nobody uses; the machine runs on, since long jobs must live.

    The limit is armed once the box has been open in this opening: a door still being built is not idle, and one
    that stood already when somebody asked again, or the hours began, is shut like any other. What was shut in this
    opening, for whatever reason, is not opened again by itself.
    """
    if not isinstance(case.activity, Idle):
        return None
    ready_at, asked_at = case.known.ready_at, case.asked_at
    if ready_at is None or not case.was_open_since(asked_at):
        return None
    idle_from = max(ready_at, asked_at, case.activity.since_at)
    limit_at = idle_from + case.policy.idle_limit
    closes_at = _closes_at(case)
    is_shut = case.known.target is Level.WARM and case.known.level is not Level.OPEN
    if case.now < limit_at and not is_shut:
        changes = min(instant for instant in (limit_at, _next_change(case)) if instant)
        return Target(Level.OPEN, f"open; nobody connected since {idle_from:%H:%M} UTC", changes, runs_until=closes_at)
    reason = (
        f"nobody connected since {idle_from:%Y-%m-%d %H:%M} UTC: the door is shut, the machine runs; wake it to go in"
    )
    found = case.ending(Level.WARM, reason, limit_at + case.policy.closing_grace, _next_change(case))
    return replace(found, runs_until=closes_at)


def _wanted(case: _Case) -> Target:
    match case.activity:
        case Active(count):
            reason = f"in use: {count} connected"
        case Unknown(why):
            reason = f"open; nobody can tell whether it is in use ({why})"
        case _:
            reason = "asked for and within its hours" if case.courtesy_until is None else "asked for outside its hours"
    closes_at = _closes_at(case)
    if closes_at is None or isinstance(case.activity, Idle):
        return Target(Level.OPEN, reason, _next_change(case), runs_until=closes_at)
    cut = Deadline("cut", closes_at + case.policy.closing_grace, f"the hours of schedule {case.hours.name} end")
    return Target(Level.OPEN, reason, _next_change(case), (cut,), runs_until=closes_at)


def _closes_at(case: _Case) -> datetime | None:
    return case.courtesy_until or case.span.until_at


def _next_change(case: _Case) -> datetime | None:
    """When the hours change anything: a courtesy may be overtaken by the window that it runs into.

    The end of one whose box is not ready yet moves on as time does.
    """
    ends = (case.courtesy_until if case.known.first_ready_at else None, case.span.until_at)
    return min((end for end in ends if end), default=None)


RULES: tuple[tuple[Cause, Callable[[_Case], Target | None]], ...] = (
    (Cause.RETIRED, _retired),
    (Cause.LEASE, _lease_over),
    (Cause.FUTURE, _future),
    (Cause.HELD, _held),
    (Cause.STARTED, _started_by_hand),
    (Cause.PARKED, _parked),
    (Cause.HOURS, _outside_hours),
    (Cause.HOURS, _only_closes),
    (Cause.STOPPED, _stopped_by_hand),
    (Cause.UNATTENDED, _unattended),
    (Cause.IDLE, _idle),
    (Cause.WANTED, _wanted),
)
