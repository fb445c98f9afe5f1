"""What a box should be, rule by rule: the first that matches wins, each with its reason and its next change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from lifecycle.model import Active, Activity, BoxIntent, BoxStatus, Idle, Level, Unknown
from lifecycle.target import LATE_ASK, Target, lease_until, target
from tests.examples import BOX, DAY, HOUR, MINUTE, NOON, POLICY, READY, SCHEDULES, UNBUILT, at, warned_of

USED = Active(1)
SILENT = Unknown("the list cannot be read")
LEASE_END = at("17:00")
QUIET_SINCE_NINE = Idle(at("09:00"))


def found(
    now: datetime = NOON,
    box: BoxIntent = BOX,
    known: BoxStatus = READY,
    activity: Activity = USED,
    schedule: str = "",
) -> Target:
    return target(now, box, known, SCHEDULES[schedule or box.schedule], activity, POLICY)


@dataclass(frozen=True)
class Rule:
    """One line of the house's rules."""

    name: str
    level: Level
    reason: str
    changes_at: datetime | None
    now: datetime = NOON
    box: BoxIntent = BOX
    known: BoxStatus = READY
    activity: Activity = USED


IDLE = Idle(at("11:50"))
LONG_LEASE = replace(BOX, hours=200.0)
PARKED_BY_HAND = replace(LONG_LEASE, parked_at=at("11:00"))
RULES = [
    Rule(
        "retired",
        Level.GONE,
        "retired: done, says alice",
        None,
        box=replace(BOX, retired_at=at("11:55"), word="done, says alice"),
        activity=IDLE,
    ),
    Rule(
        "retired before held",
        Level.GONE,
        "retired",
        None,
        box=replace(BOX, retired_at=at("11:55"), hold_until=at("15:00")),
        activity=IDLE,
    ),
    Rule(
        "lease over",
        Level.GONE,
        "its lease ended at 2026-11-23 17:00 UTC",
        None,
        now=LEASE_END,
        known=warned_of(READY, "lease", LEASE_END),
    ),
    Rule(
        "lease over before held",
        Level.GONE,
        "its lease ended",
        None,
        now=LEASE_END,
        known=warned_of(READY, "lease", LEASE_END),
        box=replace(BOX, hold_until=at("20:00")),
    ),
    Rule("lease over without warning goes on", Level.OPEN, "in use: 1 connected", at("17:15"), now=LEASE_END),
    Rule(
        "never built and its lease over",
        Level.GONE,
        "its lease ended at 2026-11-23 17:50 UTC",
        None,
        now=at("17:50"),
        known=UNBUILT,
    ),
    Rule(
        "future start, never built",
        Level.GONE,
        "starts at 2026-11-23 13:00 UTC",
        at("12:45"),
        box=replace(BOX, start_at=at("13:00")),
        known=UNBUILT,
        activity=IDLE,
    ),
    Rule(
        "future start, built",
        Level.PARKED,
        "starts at 2026-11-23 13:00 UTC",
        at("12:45"),
        box=replace(BOX, start_at=at("13:00")),
        activity=IDLE,
    ),
    Rule(
        "future start, parked until then by request",
        Level.PARKED,
        "starts at 2026-11-23 13:00 UTC",
        at("13:00"),
        box=replace(BOX, start_at=at("13:00"), parked_at=at("12:10")),
        activity=IDLE,
    ),
    Rule(
        "future start, about to come",
        Level.OPEN,
        "starts at 2026-11-23 13:00 UTC, and is made ready for then",
        at("13:00"),
        now=at("12:45"),
        box=replace(BOX, start_at=at("13:00")),
        known=UNBUILT,
        activity=IDLE,
    ),
    Rule(
        "future start, about to come, outside its hours",
        Level.OPEN,
        "is made ready for then",
        at("07:00", 24),
        now=at("06:45", 24),
        box=replace(BOX, start_at=at("07:00", 24)),
        known=UNBUILT,
        activity=IDLE,
    ),
    Rule(
        "held",
        Level.OPEN,
        "held open until 2026-11-23 15:00 UTC",
        at("15:00"),
        box=replace(BOX, hold_until=at("15:00")),
        activity=QUIET_SINCE_NINE,
    ),
    Rule(
        "held before parked",
        Level.OPEN,
        "held open until",
        at("15:00"),
        box=replace(PARKED_BY_HAND, hold_until=at("15:00")),
    ),
    Rule(
        "held outside its hours",
        Level.OPEN,
        "held open until",
        at("21:00"),
        now=at("20:00"),
        box=replace(LONG_LEASE, hold_until=at("21:00")),
    ),
    Rule(
        "parked until its next window",
        Level.PARKED,
        "parked by request until 2026-11-24 08:00 UTC or a wake",
        at("08:00", 24),
        box=PARKED_BY_HAND,
        activity=IDLE,
    ),
    Rule(
        "parked with nothing that would open it",
        Level.PARKED,
        "parked by request until a wake",
        at("09:00") + 200 * HOUR,
        box=replace(PARKED_BY_HAND, schedule="always"),
        activity=IDLE,
    ),
    Rule(
        "parked under a schedule that only closes",
        Level.PARKED,
        "parked by request until a wake",
        at("09:00") + 200 * HOUR,
        box=replace(PARKED_BY_HAND, schedule="closing"),
        activity=IDLE,
    ),
    Rule(
        "parked yesterday and its window has begun",
        Level.OPEN,
        "asked for and within its hours",
        at("18:30", 24),
        now=at("08:00", 24),
        box=PARKED_BY_HAND,
        known=replace(READY, level=Level.PARKED),
        activity=IDLE,
    ),
    Rule(
        "outside its hours",
        Level.PARKED,
        "outside the hours of schedule office until 2026-11-24 08:00 UTC",
        at("08:00", 24),
        now=at("18:30"),
        box=LONG_LEASE,
        activity=IDLE,
    ),
    Rule(
        "outside the hours of one that only closes",
        Level.PARKED,
        "closed by schedule closing, which opens nothing by itself: wake it",
        at("09:00") + 200 * HOUR,
        now=at("18:30"),
        box=replace(LONG_LEASE, schedule="closing"),
        activity=IDLE,
    ),
    Rule(
        "a window that only closes opens nothing",
        Level.PARKED,
        "closed by schedule closing, which opens nothing by itself: wake it",
        at("09:00") + 200 * HOUR,
        now=at("09:00", 24),
        box=replace(LONG_LEASE, schedule="closing"),
        activity=IDLE,
    ),
    Rule(
        "nobody connected for the idle limit",
        Level.WARM,
        "nobody connected since 2026-11-23 11:30 UTC",
        LEASE_END,
        activity=Idle(at("11:30")),
    ),
    Rule(
        "nobody connected for less",
        Level.OPEN,
        "open; nobody connected since 11:31 UTC",
        at("12:01"),
        activity=Idle(at("11:31")),
    ),
    Rule(
        "nobody can tell",
        Level.OPEN,
        "open; nobody can tell whether it is in use (the list cannot be read)",
        LEASE_END,
        activity=SILENT,
    ),
    Rule("in use", Level.OPEN, "in use: 1 connected", LEASE_END),
    Rule(
        "asked for and not built yet",
        Level.OPEN,
        "asked for and within its hours",
        at("17:50"),
        known=UNBUILT,
        activity=IDLE,
    ),
    Rule(
        "asked for outside its hours",
        Level.OPEN,
        "asked for outside its hours",
        at("04:00", 24),
        now=at("19:00"),
        box=replace(BOX, requested_at=at("19:00")),
        known=UNBUILT,
        activity=Idle(at("19:00")),
    ),
]


STOPPED = replace(READY, level=Level.PARKED, stopped_by_hand_at=at("11:00"))
STARTED = replace(READY, level=Level.WARM, started_by_hand_at=at("20:00"))
OFF_SINCE_ELEVEN = Idle(at("11:00"))


def test_a_machine_stopped_by_hand_is_left_so_until_its_next_window() -> None:
    left = found(NOON, LONG_LEASE, STOPPED, OFF_SINCE_ELEVEN)
    assert (left.level, left.changes_at) == (Level.PARKED, at("18:30"))  # then its hours are over as well
    assert "stopped from outside" in left.reason
    assert found(at("08:00", 24), LONG_LEASE, STOPPED, OFF_SINCE_ELEVEN).level is Level.OPEN


def test_who_wakes_a_machine_that_was_stopped_by_hand_gets_it() -> None:
    woken = replace(LONG_LEASE, woken_at=at("11:30"), hold_until=at("11:40"))
    assert found(NOON, woken, STOPPED, OFF_SINCE_ELEVEN).level is Level.OPEN


def test_a_held_machine_that_is_stopped_by_hand_is_held_all_the_same() -> None:
    held = replace(LONG_LEASE, hold_until=at("15:00"))
    assert found(NOON, held, STOPPED, OFF_SINCE_ELEVEN).level is Level.OPEN


def test_a_machine_started_by_hand_in_the_evening_runs_until_the_next_closing() -> None:
    evening = found(at("21:00"), LONG_LEASE, STARTED, Idle(at("18:30")))
    assert (evening.level, evening.changes_at) == (Level.WARM, at("08:00", 24))
    assert "started from outside" in evening.reason
    assert found(at("18:29", 24), LONG_LEASE, STARTED, Idle(at("18:30"))).level > Level.PARKED
    assert found(at("18:30", 24), LONG_LEASE, STARTED, Idle(at("18:30"))).level is Level.PARKED


def test_a_parked_machine_that_is_started_by_hand_runs_on() -> None:
    known = replace(STARTED, started_by_hand_at=at("11:30"))
    running = found(NOON, PARKED_BY_HAND, known, Idle(at("11:00")))
    assert (running.level, running.changes_at) == (Level.WARM, at("18:30"))
    assert found(at("18:30"), PARKED_BY_HAND, known, Idle(at("11:00"))).level is Level.PARKED


def test_no_hand_keeps_a_box_over_the_end_of_its_lease() -> None:
    told = replace(warned_of(STARTED, "lease", LEASE_END), started_by_hand_at=at("16:00"))
    assert found(LEASE_END, known=told, activity=IDLE).level is Level.GONE


BLIND = Unknown("the session list cannot be read since 2026-11-22 22:00 UTC", at("22:00", 22))
ALWAYS = replace(LONG_LEASE, schedule="always")


def test_a_door_of_which_nobody_can_tell_stands_until_the_announced_limit_and_no_longer() -> None:
    limit = at("10:00")  # twelve hours after the list fell silent
    early = found(at("09:00"), ALWAYS, activity=BLIND)
    assert (early.level, [each.at for each in early.warnings if each.kind == "cut"]) == (Level.OPEN, [limit])
    assert found(at("10:00"), ALWAYS, activity=BLIND).level is Level.OPEN, "nobody was told"
    told = warned_of(READY, "cut", limit)
    shut = found(at("10:00"), ALWAYS, told, BLIND)
    assert (shut.level, shut.forced) == (Level.WARM, True)
    assert "announced limit has passed" in shut.reason


def test_a_hold_outlasts_a_silent_session_list() -> None:
    held = replace(ALWAYS, hold_until=at("15:00"))
    assert found(at("12:00"), held, activity=BLIND).level is Level.OPEN


def test_hours_that_end_before_the_silence_is_too_long_close_the_door_as_ever() -> None:
    since_ten = Unknown("the session list cannot be read", at("10:00"))
    cuts = [each.at for each in found(NOON, LONG_LEASE, activity=since_ten).warnings if each.kind == "cut"]
    assert cuts == [at("20:30")]


def test_a_nobody_that_only_the_metric_tells_of_closes_the_door_and_announces_when_it_is_closed_for_certain() -> None:
    unsure = replace(QUIET_SINCE_NINE, sure=False)
    shut = found(activity=unsure)
    assert (shut.level, shut.forced) == (Level.WARM, False)
    (cut,) = [each for each in shut.warnings if each.kind == "cut"]
    late = found(cut.at, known=warned_of(READY, "cut", cut.at), activity=unsure)
    assert (late.level, late.forced) == (Level.WARM, True)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_first_rule_that_matches_says_level_reason_and_next_change(rule: Rule) -> None:
    seen = found(rule.now, rule.box, rule.known, rule.activity)
    assert seen.level is rule.level
    assert rule.reason in seen.reason
    assert seen.changes_at == rule.changes_at


def test_a_box_nobody_uses_for_thirty_minutes_loses_its_door_and_keeps_its_machine() -> None:
    assert found(at("12:29"), activity=Idle(NOON)).level is Level.OPEN
    assert found(at("12:30"), activity=Idle(NOON)).level is Level.WARM


def test_a_door_still_being_built_is_not_idle() -> None:
    building = replace(READY, level=Level.WARM, ready_at=None, first_ready_at=None)
    assert found(known=building, activity=QUIET_SINCE_NINE).level is Level.OPEN


def test_a_box_woken_after_it_went_idle_gets_its_thirty_minutes_from_being_open_again() -> None:
    woken = replace(BOX, woken_at=at("11:00"), hold_until=at("11:10"))
    shut = replace(READY, level=Level.WARM)
    assert found(at("11:45"), woken, shut, QUIET_SINCE_NINE).level is Level.OPEN
    opened = replace(READY, ready_at=at("11:40"))
    assert found(at("12:09"), woken, opened, QUIET_SINCE_NINE).level is Level.OPEN
    assert found(at("12:10"), woken, opened, QUIET_SINCE_NINE).level is Level.WARM


def test_a_box_asked_for_shortly_before_closing_is_open_for_two_hours_all_the_same() -> None:
    late = replace(LONG_LEASE, requested_at=at("18:30") - LATE_ASK)
    ready = replace(READY, first_ready_at=at("17:45"), ready_at=at("17:45"))
    assert found(at("19:44"), late, ready, Idle(at("19:40"))).level is Level.OPEN
    assert found(at("19:45"), late, ready, Idle(at("19:40"))).level is Level.PARKED
    early = replace(late, requested_at=late.requested_at - MINUTE)
    assert found(at("18:30"), early, ready, Idle(at("18:20"))).level is Level.PARKED


def test_the_lease_counts_from_ready_and_ends_an_hour_late_where_nothing_is_ever_ready() -> None:
    assert lease_until(BOX, READY) == at("17:00")
    assert lease_until(BOX, UNBUILT) == at("17:50")
    assert lease_until(replace(BOX, start_at=NOON), UNBUILT) == at("21:00")


@pytest.mark.parametrize("activity", [USED, SILENT], ids=["in use", "unknown"])
@pytest.mark.parametrize(
    ("name", "box", "now", "cut_at"),
    [
        ("outside its hours", LONG_LEASE, at("18:45"), at("20:30")),
        ("a hold has ended outside its hours", replace(LONG_LEASE, hold_until=at("20:00")), at("20:10"), at("22:00")),
        ("parked by request", PARKED_BY_HAND, at("11:05"), at("11:15")),
        ("retired", replace(BOX, retired_at=at("11:00")), at("11:05"), at("11:15")),
    ],
)
def test_who_may_be_inside_stays_until_the_announced_hard_limit(
    name: str, box: BoxIntent, now: datetime, cut_at: datetime, activity: Activity
) -> None:
    assert name
    before = found(now, box, activity=activity)
    assert before.level is Level.OPEN
    assert [warning.at for warning in before.warnings if warning.kind == "cut"] == [cut_at]
    told = warned_of(READY, "cut", cut_at, now)
    hard_at = max(cut_at, now + POLICY.warning_lead)
    assert found(hard_at - MINUTE, box, told, activity).changes_at == hard_at
    assert found(hard_at - MINUTE, box, told, activity).level is Level.OPEN
    assert found(hard_at, box, told, activity).level < Level.OPEN


def test_under_the_policy_cut_people_are_told_before_closing_time() -> None:
    policy = replace(POLICY, closing_grace=0 * HOUR)
    during = target(at("18:00"), LONG_LEASE, READY, SCHEDULES["office"], USED, policy)
    assert [warning.at for warning in during.warnings if warning.kind == "cut"] == [at("18:30")]
    told = warned_of(READY, "cut", at("18:30"))
    assert target(at("18:30"), LONG_LEASE, told, SCHEDULES["office"], USED, policy).level is Level.PARKED


def test_a_warning_of_another_deadline_announces_nothing() -> None:
    told = warned_of(READY, "lease", LEASE_END - HOUR)
    assert found(LEASE_END, known=told).level is Level.OPEN


def test_a_late_warning_moves_the_limit_and_never_the_lead() -> None:
    told = warned_of(READY, "lease", LEASE_END, told_at=at("16:58"))
    assert found(at("17:12"), known=told).level is Level.OPEN
    assert found(at("17:12"), known=told).changes_at == at("17:13")
    assert found(at("17:13"), known=told).level is Level.GONE


def test_a_limit_once_announced_stays_where_it_is() -> None:
    ready = replace(READY, first_ready_at=at("18:20"), ready_at=at("18:20"))
    told = warned_of(ready, "cut", at("20:30"))
    asked = replace(LONG_LEASE, requested_at=at("17:20"))
    for now, level in ((at("20:15"), Level.OPEN), (at("20:25"), Level.OPEN), (at("20:30"), Level.PARKED)):
        assert found(now, asked, told).level is level
    only_closes = replace(LONG_LEASE, schedule="closing", requested_at=at("09:00", 22))
    cut = warned_of(READY, "cut", at("10:00"))
    assert found(at("10:00"), only_closes, cut).changes_at == at("18:30")


def test_a_box_that_stood_open_when_it_was_woken_is_shut_once_and_stays_so() -> None:
    woken = replace(BOX, woken_at=at("11:00"), hold_until=NOON)
    shut = replace(READY, level=Level.WARM, target=Level.WARM, last_open_at=NOON)
    assert found(at("11:59"), woken, shut, QUIET_SINCE_NINE).level is Level.OPEN
    assert found(NOON, woken, READY, QUIET_SINCE_NINE).level is Level.WARM
    assert found(at("12:01"), woken, shut, QUIET_SINCE_NINE).level is Level.WARM


@pytest.mark.parametrize("left", ["09:00", "11:59"])
def test_what_was_shut_in_this_opening_for_another_reason_is_not_opened_by_a_limit_yet_to_come(left: str) -> None:
    seen = replace(READY, last_open_at=at("11:59"), level=Level.WARM)
    lost, shut = seen, replace(seen, target=Level.WARM)
    assert found(at("12:01"), known=shut, activity=Idle(at(left))).level is Level.WARM
    assert found(at("12:01"), known=replace(lost, target=Level.OPEN), activity=Idle(at("11:59"))).level is Level.OPEN
    assert found(at("12:01"), replace(BOX, woken_at=NOON), shut, Idle(at(left))).level is Level.OPEN


def test_an_extension_takes_the_announced_end_back() -> None:
    told = warned_of(READY, "lease", LEASE_END)
    assert found(LEASE_END, replace(BOX, hours=10.0), told).level is Level.OPEN


def test_a_box_begun_early_counts_lease_and_idleness_from_its_start() -> None:
    later = replace(BOX, start_at=at("13:00"))
    early = replace(READY, first_ready_at=at("12:55"), ready_at=at("12:55"))
    assert lease_until(later, early) == at("21:00")
    assert lease_until(later, replace(early, first_ready_at=at("13:04"))) == at("21:04")
    for now, level, known in (
        ("12:58", Level.OPEN, early),
        ("13:29", Level.OPEN, early),
        ("13:30", Level.WARM, early),
        ("13:40", Level.WARM, replace(early, level=Level.WARM, last_open_at=at("13:30"))),
    ):
        assert found(at(now), later, known, Idle(at("08:50"))).level is level, now


def test_how_early_a_box_is_begun_is_up_to_what_such_boxes_took() -> None:
    later = replace(BOX, start_at=at("13:00"))
    slow = target(at("12:10"), later, UNBUILT, SCHEDULES["office"], IDLE, POLICY, timedelta(minutes=40))
    assert (slow.level, slow.changes_at) == (Level.GONE, at("12:20"))


def test_a_lease_that_ends_at_an_instant_does_so_whenever_it_was_ready() -> None:
    until = replace(BOX, until=at("15:00"), hours=6.0)
    assert lease_until(until, READY) == lease_until(until, UNBUILT) == at("15:00")
    assert lease_until(until.lengthened(2), READY) == at("17:00")
    assert found(at("15:00"), until, warned_of(READY, "lease", at("15:00"))).level is Level.GONE


def test_a_start_in_the_future_cuts_nobody_off() -> None:
    later = replace(BOX, start_at=at("13:00"))
    assert found(NOON, later, activity=USED).level is Level.OPEN
    assert found(NOON, later, activity=SILENT).level is Level.OPEN


def test_a_box_asked_for_by_a_machine_whose_clock_is_ahead_is_built_like_any_other() -> None:
    ahead = replace(BOX, requested_at=at("03:00") + MINUTE / 20, schedule="always")
    asked = found(at("03:00"), ahead, UNBUILT, Idle(at("03:00")))
    assert asked.level is Level.OPEN
    assert asked.asked_at == ahead.requested_at


def test_a_retired_box_past_its_lease_names_an_instant_that_is_still_to_come() -> None:
    told = warned_of(warned_of(READY, "lease", LEASE_END), "cut", at("17:14"), at("16:59"))
    retired = replace(BOX, retired_at=at("16:59"))
    assert found(at("17:05"), retired, told).changes_at == at("17:14")


def test_an_idle_box_open_out_of_hours_changes_when_its_window_begins() -> None:
    early = replace(BOX, requested_at=at("06:10"))
    ready = replace(READY, first_ready_at=at("06:20"), ready_at=at("06:20"), last_open_at=at("06:50"), level=Level.WARM)
    shut = found(at("07:00"), early, ready, Idle(at("06:20")))
    assert (shut.level, shut.changes_at) == (Level.WARM, at("08:00"))
    assert found(at("08:00"), early, ready, Idle(at("06:20"))).level is Level.OPEN


def test_a_window_that_only_closes_does_not_shut_a_box_asked_for_shortly_before_it() -> None:
    morning = replace(LONG_LEASE, requested_at=at("07:50"), schedule="closing")
    assert found(at("08:00"), morning, UNBUILT, Idle(at("07:50"))).level is Level.OPEN
    assert found(at("08:05"), replace(morning, requested_at=at("06:59")), UNBUILT, IDLE).level is Level.PARKED


def test_the_safety_net_of_azure_is_told_when_the_machine_is_to_stop() -> None:
    assert found(at("10:00"), LONG_LEASE).runs_until == at("18:30")
    assert found(at("10:00")).runs_until == LEASE_END
    assert found(at("10:00"), replace(LONG_LEASE, hold_until=at("22:00"))).runs_until == at("22:00")
    assert found(at("10:00"), replace(LONG_LEASE, schedule="always")).runs_until == at("09:00") + 200 * HOUR


def test_a_weekend_is_one_night() -> None:
    friday_night = at("18:30", 27)
    shut = found(friday_night, replace(LONG_LEASE, requested_at=at("09:00", 27)), READY, Idle(friday_night))
    assert shut.changes_at == at("08:00", 30) == friday_night + 2 * DAY + 13.5 * HOUR


def test_a_naive_now_is_refused() -> None:
    with pytest.raises(ValueError, match="now has no time zone"):
        found(NOON.replace(tzinfo=None))
