"""What holds of every target, whatever is asked, known and seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lifecycle.detour import Detour, hours_of
from lifecycle.model import Active, Activity, BoxIntent, BoxStatus, Idle, Level, Policy, Unknown, Warned
from lifecycle.schedule import Schedule
from lifecycle.target import Target, lease_until, target
from tests.examples import SCHEDULES
from tests.strategies import box_intents, box_statuses, policies, week_instants

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Drawn:
    """Everything a target is made from."""

    now: datetime
    box: BoxIntent
    known: BoxStatus
    schedule: Schedule | Detour
    policy: Policy

    def target(self, activity: Activity, now: datetime | None = None) -> Target:
        return target(now or self.now, self.box, self.known, self.schedule, activity, self.policy)

    def idle(self) -> Idle:
        return Idle(self.known.last_active_at or self.box.wanted_from_at)

    def told(self, found: Target, now: datetime) -> Drawn:
        """Give every warning that is due, as a pass does."""
        due = {each.kind: each for each in found.warnings if each.at - self.policy.warning_lead <= now}
        old = self.known.warned
        new = {
            kind: Warned(each.at, now)
            for kind, each in due.items()
            if kind not in old or old[kind].deadline_at != each.at
        }
        return replace(self, known=replace(self.known, warned={**old, **new}))

    def lived(self, activity: Activity, to: datetime) -> Drawn:
        """Let time go by up to ``to``, every warning being given the moment it is due."""
        drawn = self
        while True:
            found = drawn.target(activity)
            drawn = drawn.told(found, drawn.now)
            dues = [each.at - self.policy.warning_lead for each in drawn.target(activity).warnings]
            following = min((due for due in dues if due > drawn.now), default=to)
            if drawn.now >= to:
                return drawn
            drawn = replace(drawn, now=min(following, to))

    @property
    def built(self) -> bool:
        return self.known.first_ready_at is not None or self.known.level > Level.GONE

    def announced(self, now: datetime) -> bool:
        """Whether any announced limit has passed, its lead included."""
        return any(
            now >= max(each.deadline_at, each.told_at + self.policy.warning_lead) for each in self.known.warned.values()
        )


@st.composite
def cases(draw: st.DrawFn) -> Drawn:
    now, box, policy = draw(week_instants), draw(box_intents()), draw(policies)
    said = ("retired_at", "parked_at", "woken_at")  # nobody has said yet what they will
    unsaid: dict[str, Any] = {name: None for name in said if (getattr(box, name) or now) > now}
    box = replace(box, **unsaid)
    known = draw(box_statuses(box, policy))
    now = max(now, known.last_open_at or now)  # what has come to pass lies behind
    if max(known.started_by_hand_at or now, known.stopped_by_hand_at or now) > now:  # nobody has seen it yet
        known = replace(known, started_by_hand_at=None, stopped_by_hand_at=None)
    given = {kind: warned for kind, warned in known.warned.items() if warned.told_at <= now}
    known = replace(known, warned=given)
    if box.other_hours and box.other_hours.since_at > now:
        box = replace(box, other_hours=None)  # nobody has said it yet
    drawn = Drawn(now, box, known, hours_of(box, SCHEDULES), policy)
    if draw(st.booleans()):
        drawn = drawn.told(drawn.target(Active(1)), drawn.now)
    return replace(drawn, now=drawn.now + timedelta(minutes=draw(st.sampled_from((0, 0, 1, 14, 15, 121)))))


LONG_AGO = datetime(2026, 11, 20, tzinfo=UTC)
activities = st.sampled_from(
    (
        Active(1),
        Unknown("silence"),
        Unknown("silence", LONG_AGO),
        Unknown("silence", datetime(2026, 11, 25, 9, tzinfo=UTC)),
        Idle(LONG_AGO),
        Idle(LONG_AGO, sure=False),
    )
)


@given(cases())
@settings(max_examples=100, deadline=None)
def test_unknown_is_never_taken_for_idle(drawn: Drawn) -> None:
    unknown, idle, used = drawn.target(Unknown("silence")), drawn.target(drawn.idle()), drawn.target(Active(1))
    assert unknown.level >= idle.level
    assert unknown.level is used.level
    assert unknown.changes_at == used.changes_at


@given(cases(), st.sampled_from((Active(1), Active(7), Unknown("silence"), Unknown("silence", LONG_AGO))))
@settings(max_examples=100, deadline=None)
def test_a_box_with_somebody_connected_stays_open_until_an_announced_limit(drawn: Drawn, activity: Activity) -> None:
    assume(drawn.built)
    assert drawn.target(activity).level is Level.OPEN or drawn.announced(drawn.now)


@given(cases(), st.sampled_from((Idle(LONG_AGO), Idle(LONG_AGO, sure=False), Unknown("silence", LONG_AGO))))
@settings(max_examples=100, deadline=None)
def test_a_door_that_was_shut_is_not_opened_again_before_anything_changes(drawn: Drawn, activity: Activity) -> None:
    assume(drawn.known.ready_at is not None)
    box = replace(drawn.box, retired_at=None, parked_at=None, hours=14 * 24.0, until=None)
    known = replace(drawn.known, level=Level.OPEN, target=Level.OPEN, last_open_at=drawn.now, started_by_hand_at=None)
    stood = replace(drawn, box=box, known=known)
    found, later = stood.target(activity), drawn.now + timedelta(seconds=20)
    if found.level is Level.WARM and (found.changes_at is None or found.changes_at > later):
        shut = replace(stood, known=replace(known, level=Level.WARM, target=Level.WARM))
        assert shut.target(Idle(drawn.now), later).level is not Level.OPEN


@given(cases(), activities)
@settings(max_examples=100, deadline=None)
def test_the_next_change_lies_ahead_unless_a_warning_is_due(drawn: Drawn, activity: Activity) -> None:
    found = drawn.target(activity)
    if found.changes_at is not None and found.changes_at <= drawn.now:
        assert found.changes_at == drawn.now
        assert drawn.told(found, drawn.now) != drawn or not drawn.built


@given(cases(), activities, st.lists(st.floats(0, 1, exclude_max=True), min_size=6, max_size=6).map(sorted))
@settings(max_examples=100, deadline=None)
def test_the_next_change_is_exactly_the_first_instant_at_which_level_or_reason_differ(
    drawn: Drawn, activity: Activity, shares: list[float]
) -> None:
    drawn = drawn.lived(activity, drawn.now)
    found = drawn.target(activity)
    span = (found.changes_at or drawn.now + timedelta(days=20)) - drawn.now
    for instant in [drawn.now + span * share for share in shares] + [drawn.now + span - SECOND]:
        if drawn.now <= instant < drawn.now + span:
            then = drawn.lived(activity, instant).target(activity)
            assert (then.level, then.reason) == (found.level, found.reason), instant
    if found.changes_at:
        then = drawn.lived(activity, found.changes_at).target(activity)
        assert (then.level, then.reason) != (found.level, found.reason)


@given(cases(), activities, st.sampled_from((0.25, 1.0, 48.0)))
@settings(max_examples=100, deadline=None)
def test_more_hours_never_bring_an_end_nearer(drawn: Drawn, activity: Activity, hours: float) -> None:
    """Neither the lease's end comes nearer, nor is less of the box left at any later instant."""
    more = replace(drawn, box=drawn.box.lengthened(hours))
    assert lease_until(more.box, drawn.known) == lease_until(drawn.box, drawn.known) + timedelta(hours=hours)
    for minutes in (0, 10, 60, 600, 3000):
        at = drawn.now + timedelta(minutes=minutes)
        assert more.lived(activity, at).target(activity).level >= drawn.lived(activity, at).target(activity).level, at


@given(cases(), activities)
@settings(max_examples=100, deadline=None)
def test_every_lease_ends(drawn: Drawn, activity: Activity) -> None:
    """Whoever is inside, whatever is silent, held or parked: told in time, it is gone when its lease is over."""
    end_at = lease_until(drawn.box, drawn.known)
    drawn = replace(drawn, known=replace(drawn.known, warned={}), now=end_at - drawn.policy.warning_lead)
    retired_at = drawn.box.retired_at
    limit_at = max(end_at, retired_at or end_at) + 2 * drawn.policy.warning_lead
    while drawn.now <= limit_at:
        found = drawn.target(activity)
        if found.level is Level.GONE and found.changes_at is None:
            return
        drawn = drawn.told(found, drawn.now)
        drawn = replace(drawn, now=drawn.now + drawn.policy.warning_lead / 2)
    pytest.fail(f"still {found.level.name} at {drawn.now}: {found.reason}")


@given(cases(), activities)
@settings(max_examples=100, deadline=None)
def test_the_same_question_has_the_same_answer_in_any_zone(drawn: Drawn, activity: Activity) -> None:
    assert drawn.target(activity) == drawn.target(activity)
    elsewhere = drawn.now.astimezone(ZoneInfo("Asia/Kathmandu"))
    here, there = drawn.target(activity), drawn.target(activity, elsewhere)
    assert (here.level, here.changes_at, here.asked_at) == (there.level, there.changes_at, there.asked_at)


@given(cases(), activities)
@settings(max_examples=100, deadline=None)
def test_every_target_says_why(drawn: Drawn, activity: Activity) -> None:
    assert drawn.target(activity).reason.strip()


@given(cases(), activities)
@settings(max_examples=100, deadline=None)
def test_a_naive_instant_is_refused(drawn: Drawn, activity: Activity) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        drawn.target(activity, drawn.now.replace(tzinfo=None))
