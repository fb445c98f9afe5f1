"""What a look changes in what is known: parts, meters, sessions, and how far each box has come."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from lifecycle.blueprint import BASTION, NSG_FRONTEND
from lifecycle.model import (
    Active,
    Block,
    BoxStatus,
    Count,
    Idle,
    Level,
    Login,
    Operation,
    Power,
    Seen,
    SessionSeen,
    Sighting,
    StackStatus,
    Unknown,
    Verb,
)
from lifecycle.observation import (
    activity,
    box_seen,
    boxes_by_vm,
    can_be_inside,
    connected,
    level_of,
    may_bill,
    may_have_been_accepted,
    saw_counts,
    saw_no_door,
    saw_parts,
    saw_sessions,
    still_at_work,
    stirred,
    was_accepted,
)
from tests.examples import BOX, HOUR, MINUTE, NOON, all_sound, at, parts_of, seen_as

PARTS = parts_of(replace(BOX, login=Login.ENTRA))
DOOR, VM, DISK = PARTS[BASTION], PARTS["vm!one"], PARTS["disk!one"]
OPEN_STACK = StackStatus(parts=all_sound(PARTS), sessions_at=NOON, looked_at=at("11:00"))
TWO = replace(BOX, name="two")


def claim(part: str, claimed_at: datetime, verb: Verb = Verb.PUT) -> Operation:
    return Operation(part, verb, PARTS[part].kind, PARTS[part].arm_id, "wanted", claimed_at, claimed_at)


def billing(part: str, *meters: str, now: datetime = NOON) -> dict[str, Seen]:
    return {part: replace(seen_as(PARTS[part]), seen_at=now, meters=meters)}


def gone(part: str, now: datetime = NOON) -> dict[str, Seen]:
    return {part: replace(seen_as(PARTS[part], Sighting.ABSENT), seen_at=now)}


def session(session_id: str, target: str = VM.arm_id, user: str = "alice") -> SessionSeen:
    return SessionSeen(session_id, user, "SSH", target, at("11:40"))


def test_a_meter_opens_with_the_claim_that_made_the_thing() -> None:
    status, changes = saw_parts(StackStatus(), billing(BASTION, "bastion.basic"), [claim(BASTION, at("11:50"))], NOON)
    (change,) = changes
    assert (change.open.claimed_at, change.open.sound_at, change.closed_absent_at) == (at("11:50"), NOON, None)
    assert status.meters[f"{BASTION}|bastion.basic"] == change.open


def test_a_meter_has_surely_begun_only_once_the_thing_is_in_order() -> None:
    building = {BASTION: replace(billing(BASTION, "bastion.basic")[BASTION], sighting=Sighting.BUSY)}
    status, (first,) = saw_parts(StackStatus(), building, [claim(BASTION, at("11:50"))], NOON)
    assert first.open.sound_at is None
    status, (second,) = saw_parts(status, billing(BASTION, "bastion.basic", now=at("12:05")), [], at("12:05"))
    assert (second.open.claimed_at, second.open.sound_at) == (at("11:50"), at("12:05"))
    assert saw_parts(status, billing(BASTION, "bastion.basic", now=at("12:09")), [], at("12:09"))[1] == ()


def test_what_is_first_seen_while_it_is_deleted_may_have_been_finished_long_before() -> None:
    leaving = replace(billing(BASTION, "bastion.basic")[BASTION], sighting=Sighting.BUSY, going=True)
    before = claimed(BASTION)
    status, _ = saw_parts(before, {BASTION: leaving}, [], NOON)
    assert status.meters[f"{BASTION}|bastion.basic"].busy_at is None


def test_what_failed_once_is_not_unfinished_while_it_is_made_again() -> None:
    """Azure may bill what it made badly, and did from when it was through with it."""
    made = claim(BASTION, at("11:50"))
    seen = billing(BASTION, "bastion.basic")[BASTION]
    status, _ = saw_parts(claimed(BASTION), {BASTION: replace(seen, sighting=Sighting.BUSY)}, [made], NOON)
    status, _ = saw_parts(status, {BASTION: replace(seen, sighting=Sighting.BROKEN)}, [], at("12:01"))
    again = {BASTION: replace(seen, sighting=Sighting.BUSY)}
    status, _ = saw_parts(status, again, [claim(BASTION, at("13:00"))], at("13:01"))
    status = still_at_work(status, made, at("13:02"))
    assert status.meters[f"{BASTION}|bastion.basic"].busy_at == NOON


def test_a_meter_closes_between_the_last_sighting_and_the_absence() -> None:
    status, _ = saw_parts(StackStatus(), billing(BASTION, "bastion.basic"), [claim(BASTION, at("11:50"))], NOON)
    status, _ = saw_parts(status, billing(BASTION, "bastion.basic", now=at("12:30")), [], at("12:30"))
    status, (change,) = saw_parts(status, gone(BASTION, at("13:00")), [], at("13:00"))
    assert (change.closed_seen_at, change.closed_absent_at) == (at("12:30"), at("13:00"))
    assert status.meters == {}


def claimed(part: str) -> StackStatus:
    return may_bill(StackStatus(parts=gone(part, at("11:00"))), [PARTS[part]], PARTS, at("11:50"))[0]


def test_what_is_about_to_be_made_may_bill_from_the_claim_on() -> None:
    status, changes = may_bill(StackStatus(), [DOOR, VM, PARTS["vnet"]], PARTS, NOON)
    assert set(status.meters) == {
        f"{BASTION}|bastion.basic",
        "vm!one|vm.Standard_D2s_v5",
        "disk!one|disk.StandardSSD_LRS",
    }
    assert {change.open.claimed_at for change in changes} == {NOON}
    assert may_bill(status, [DOOR, VM], PARTS, at("12:01"))[1] == ()


def test_what_is_not_there_yet_while_azure_is_at_work_may_still_come() -> None:
    status, changes = saw_parts(claimed(BASTION), gone(BASTION), [claim(BASTION, at("11:50"))], NOON, {BASTION})
    assert changes == ()
    assert status.meters


def test_the_disk_of_a_machine_that_is_being_made_may_still_come_though_its_operation_is_forgotten() -> None:
    status = claimed(VM.key)
    making = replace(gone(VM.key)[VM.key], sighting=Sighting.BUSY, meters=("vm.Standard_D2s_v5",))
    status, _ = saw_parts(status, {VM.key: making, **gone("disk!one")}, [], NOON)
    assert "disk!one|disk.StandardSSD_LRS" in status.meters
    _, changes = saw_parts(status, billing("disk!one", "disk.StandardSSD_LRS"), [], at("12:02"))
    assert [change.open.claimed_at for change in changes] == [at("11:50")]


def test_what_was_never_accepted_and_is_not_there_never_was() -> None:
    status, (change,) = saw_parts(claimed(BASTION), gone(BASTION), [], NOON)
    assert (change.closed_seen_at, change.closed_absent_at) == (at("11:50"), at("11:50"))
    assert status.meters == {}


def test_a_start_that_azure_took_and_then_failed_for_good_may_have_billed_until_it_was_seen_off_again() -> None:
    off = replace(gone(VM.key)[VM.key], sighting=Sighting.SOUND, power=Power.DEALLOCATED)
    status, _ = may_bill(StackStatus(parts={VM.key: off}), [VM], {VM.key: VM}, at("11:50"))
    status, _ = was_accepted(status, VM.key, at("11:51"))
    refused = Block(Verb.START, "AllocationFailed", "", 1, at("13:00"), shown=True, takes_down=True)
    _, (change,) = saw_parts(replace(status, blocks={VM.key: refused}), {VM.key: off}, [], NOON)
    assert (change.closed_seen_at, change.closed_absent_at) == (at("11:50"), NOON)


def test_what_was_accepted_and_is_gone_before_anybody_saw_it_may_have_billed_until_then() -> None:
    status, _ = was_accepted(claimed(BASTION), BASTION, at("11:51"))
    _, (change,) = saw_parts(status, gone(BASTION), [], NOON)
    assert (change.closed_seen_at, change.closed_absent_at) == (at("11:50"), NOON)


def test_the_disk_of_a_machine_that_azure_took_may_have_come_and_gone_before_anybody_looked() -> None:
    status, _ = was_accepted(claimed(VM.key), VM.key, at("11:51"))
    _, changes = saw_parts(status, {**gone(VM.key), **gone(DISK.key)}, [], NOON)
    (disk,) = [change for change in changes if change.part == DISK.key]
    assert (disk.closed_seen_at, disk.closed_absent_at) == (at("11:50"), NOON)


def test_the_disk_of_a_machine_of_which_nobody_heard_may_have_come_and_gone_before_anybody_looked() -> None:
    status = may_have_been_accepted(claimed(VM.key), VM.key)
    _, changes = saw_parts(status, {**gone(VM.key), **gone(DISK.key)}, [], NOON)
    assert {change.part: change.closed_absent_at for change in changes} == {VM.key: NOON, DISK.key: NOON}


def test_what_is_there_under_a_claim_that_was_never_sent_has_billed_since_the_last_look_that_did_not_show_it() -> None:
    unsent = claim(BASTION, at("11:50"))
    status, changes = saw_parts(claimed(BASTION), billing(BASTION, "bastion.basic"), [unsent], NOON)
    assert [(change.open.claimed_at, change.closed_absent_at) for change in changes] == [
        (at("11:50"), at("11:50")),
        (at("11:00"), None),
    ]
    assert status.meters[f"{BASTION}|bastion.basic"].claimed_at == at("11:00")


def test_what_is_there_after_its_worker_was_lost_may_have_been_there_before_the_claim() -> None:
    lost = may_have_been_accepted(claimed(BASTION), BASTION, lost=True)
    status, _ = saw_parts(lost, billing(BASTION, "bastion.basic"), [], NOON)
    assert status.meters[f"{BASTION}|bastion.basic"].claimed_at == at("11:00")
    _, (change,) = saw_parts(lost, gone(BASTION), [], NOON)
    assert (change.closed_seen_at, change.closed_absent_at) == (at("11:50"), NOON)


def test_what_is_there_after_a_reply_was_lost_has_billed_since_the_claim_at_most() -> None:
    unheard = may_have_been_accepted(claimed(BASTION), BASTION)
    status, _ = saw_parts(unheard, billing(BASTION, "bastion.basic"), [], NOON)
    assert status.meters[f"{BASTION}|bastion.basic"].claimed_at == at("11:50")


@pytest.mark.parametrize(
    ("sighting", "power", "going", "surely_until"),
    [
        (Sighting.SOUND, Power.RUNNING, False, "12:30"),
        (Sighting.SOUND, Power.STOPPED, False, "12:30"),
        (Sighting.BROKEN, Power.RUNNING, False, "12:30"),
        (Sighting.BROKEN, Power.STOPPED, False, "12:00"),
        (Sighting.BUSY, Power.STOPPED, False, "12:30"),
        (Sighting.BUSY, Power.STOPPED, True, "12:00"),
    ],
)
def test_a_machine_that_failed_and_is_not_said_to_run_may_have_stopped_billing(
    sighting: Sighting, power: Power, going: bool, surely_until: str
) -> None:
    meter = "vm.Standard_D2s_v5"
    status, _ = saw_parts(StackStatus(), billing(VM.key, meter), [claim(VM.key, at("11:50"))], NOON)
    later = replace(
        billing(VM.key, meter, now=at("12:30"))[VM.key], sighting=sighting, power=power, going=going, settled=power
    )
    status, _ = saw_parts(status, {VM.key: later}, [], at("12:30"))
    assert f"{VM.key}|{meter}" in status.meters
    _, (change,) = saw_parts(status, gone(VM.key, at("12:40")), [], at("12:40"))
    assert (change.closed_seen_at, change.closed_absent_at) == (at(surely_until), at("12:40"))


def test_a_sighting_makes_a_supposed_meter_a_true_one_with_the_claim_it_had() -> None:
    status, _ = was_accepted(claimed(BASTION), BASTION, at("11:51"))
    status, (change,) = saw_parts(status, billing(BASTION, "bastion.basic"), [], NOON)
    assert (change.open.claimed_at, change.open.there_at, change.open.sound_at) == (at("11:50"), at("11:51"), NOON)
    assert change.open.seen


def test_an_os_disk_bills_from_the_claim_of_its_machine() -> None:
    _, (change,) = saw_parts(
        StackStatus(), billing("disk!one", "disk.StandardSSD_LRS"), [claim("vm!one", at("11:55"))], NOON
    )
    assert change.open.claimed_at == at("11:55")


def test_what_appears_without_a_claim_of_ours_bills_from_the_last_look_that_did_not_show_it() -> None:
    before = StackStatus(parts=gone(BASTION, at("11:10")), looked_at=at("11:20"))
    _, (change,) = saw_parts(before, billing(BASTION, "bastion.basic"), [], NOON)
    assert change.open.claimed_at == at("11:10")
    _, (change,) = saw_parts(StackStatus(looked_at=at("11:20")), billing(BASTION, "bastion.basic"), [], NOON)
    assert change.open.claimed_at == at("11:20")


def test_a_deletion_under_way_opens_no_meter_at_its_claim() -> None:
    before = StackStatus(parts=gone(BASTION, at("11:10")))
    _, (change,) = saw_parts(before, billing(BASTION, "ip.standard"), [claim(BASTION, at("11:59"), Verb.DELETE)], NOON)
    assert change.open.claimed_at == at("11:10")


def test_a_new_size_closes_one_meter_and_opens_another() -> None:
    status, _ = saw_parts(StackStatus(), billing("vm!one", "vm.small"), [], at("11:00"))
    _, changes = saw_parts(status, billing("vm!one", "vm.large"), [], NOON)
    assert [(change.open.meter, change.closed_absent_at) for change in changes] == [
        ("vm.small", NOON), ("vm.large", None)
    ]  # fmt: skip


def test_the_meters_of_a_part_are_not_those_of_one_whose_name_begins_alike() -> None:
    status, _ = saw_parts(StackStatus(), billing("vm!one", "vm.small"), [], at("11:00"))
    _, changes = saw_parts(status, {"vm!o": Seen("x", Sighting.ABSENT, NOON)}, [], NOON)
    assert changes == ()


def test_the_same_look_twice_changes_nothing() -> None:
    look = billing(BASTION, "bastion.basic") | billing("vm!one", "vm.small")
    once, first = saw_parts(OPEN_STACK, look, [claim(BASTION, at("11:50"))], NOON)
    twice, second = saw_parts(once, look, [claim(BASTION, at("11:50"))], NOON)
    assert len(first) == 2
    assert (twice, second) == (once, ())


def test_a_pass_repeated_after_a_crash_opens_the_very_same_meters() -> None:
    look = billing(BASTION, "bastion.basic") | billing("disk!one", "disk.x")
    _, first = saw_parts(OPEN_STACK, look, [], NOON)
    _, again = saw_parts(OPEN_STACK, look, [], at("12:05"))
    assert [change.open.claimed_at for change in first] == [change.open.claimed_at for change in again]


CURES = [
    (Verb.DELETE, seen_as(DOOR, Sighting.ABSENT), seen_as(DOOR)),
    (Verb.PUT, seen_as(DOOR), seen_as(DOOR, Sighting.BROKEN)),
    (Verb.PUT, seen_as(DOOR), seen_as(DOOR, drift=("properties",))),
    (Verb.TAG, seen_as(VM), seen_as(VM, tagged=False)),
    (Verb.START, seen_as(VM, power=Power.RUNNING), seen_as(VM, power=Power.DEALLOCATED)),
    (Verb.DEALLOCATE, seen_as(VM, power=Power.DEALLOCATED), seen_as(VM, power=Power.STOPPED)),
]


@pytest.mark.parametrize(("verb", "cured", "still"), CURES)
def test_a_block_goes_when_what_was_refused_has_come_to_pass(verb: Verb, cured: Seen, still: Seen) -> None:
    blocked = StackStatus(blocks={"it": Block(verb, "Code", "no", 1, NOON, shown=True)})
    assert saw_parts(blocked, {"it": cured}, [], NOON)[0].blocks == {}
    assert saw_parts(blocked, {"it": still}, [], NOON)[0].blocks == blocked.blocks
    assert saw_parts(blocked, {}, [], NOON)[0].blocks == blocked.blocks


def test_the_drain_is_dated_by_its_first_sighting_and_forgotten_when_it_is_lifted() -> None:
    drained = {NSG_FRONTEND: seen_as(PARTS[NSG_FRONTEND], drained=True)}
    status, _ = saw_parts(OPEN_STACK, drained, [], NOON)
    status, _ = saw_parts(status, drained, [], at("12:05"))
    assert status.drained_at == NOON
    status, _ = saw_parts(status, {NSG_FRONTEND: seen_as(PARTS[NSG_FRONTEND], drained=False)}, [], at("12:10"))
    assert status.drained_at is None


def test_who_comes_and_who_leaves_is_told_once() -> None:
    boxes = boxes_by_vm(["one"], OPEN_STACK.parts)
    status, came = saw_sessions(OPEN_STACK, [session("s1"), session("s2")], boxes, NOON)
    assert [(change.session_id, change.session.box, change.ended_at) for change in came] == [
        ("s1", "one", None), ("s2", "one", None)
    ]  # fmt: skip
    status, left = saw_sessions(status, [session("s1")], boxes, at("12:05"))
    assert [(change.session_id, change.session.last_seen_at, change.ended_at) for change in left] == [
        ("s2", NOON, at("12:05"))
    ]
    assert saw_sessions(status, [session("s1")], boxes, at("12:05")) == (status, ())


def test_a_session_keeps_the_beginning_it_was_first_seen_with() -> None:
    silent = replace(session("s1"), started_at=None)
    status, _ = saw_sessions(OPEN_STACK, [silent], {}, NOON)
    status, _ = saw_sessions(status, [silent], {}, at("12:05"))
    assert status.sessions["s1"].started_at == NOON


def test_a_machines_id_is_found_in_any_case() -> None:
    boxes = boxes_by_vm(["one"], OPEN_STACK.parts)
    status, _ = saw_sessions(OPEN_STACK, [session("s1", VM.arm_id.upper())], boxes, NOON)
    assert connected(status, "one") == 1
    assert connected(status, "two") == 0


def test_a_session_of_which_nobody_knows_where_it_leads_counts_for_every_box() -> None:
    boxes = boxes_by_vm(["one"], OPEN_STACK.parts)
    status, _ = saw_sessions(OPEN_STACK, [session("s1", target=""), session("s2", "/elsewhere")], boxes, NOON)
    assert activity(status, BOX, NOON) == Active(2)
    assert connected(status, "two") == 2


def test_a_door_that_is_gone_takes_its_sessions_along() -> None:
    status, _ = saw_sessions(OPEN_STACK, [session("s1")], {}, at("11:55"))
    status, (left,) = saw_no_door(status, NOON)
    assert (left.session.last_seen_at, left.ended_at) == (at("11:55"), NOON)
    assert (status.sessions, status.sessions_at, status.drained_at) == ({}, None, None)
    assert saw_no_door(status, NOON) == (status, ())


def powered(power: Power | None) -> dict[str, Seen]:
    return {"vm!one": replace(seen_as(VM), power=power)}


def hands(*powers: Power | None) -> StackStatus:
    """See a machine minute by minute, the last time at noon."""
    status = StackStatus()
    for minute, power in enumerate(powers, start=1 - len(powers)):
        status, _ = saw_parts(status, powered(power), (), NOON + minute * MINUTE)
    return status


RUNS, OFF, ON_ITS_WAY = Power.RUNNING, Power.DEALLOCATED, Power.CHANGING


@pytest.mark.parametrize("powers", [(RUNS, OFF), (RUNS, ON_ITS_WAY, OFF), (RUNS, Power.STOPPED), (OFF, RUNS, OFF)])
def test_a_machine_that_stops_without_our_doing_was_stopped_by_hand(powers: tuple[Power, ...]) -> None:
    known = box_seen(hands(*powers), BOX, NOON)
    assert (known.stopped_by_hand_at, known.started_by_hand_at) == (NOON, None)


def test_a_machine_that_starts_without_our_doing_was_started_by_hand() -> None:
    known = box_seen(hands(OFF, ON_ITS_WAY, RUNS), BOX, NOON)
    assert (known.stopped_by_hand_at, known.started_by_hand_at) == (None, NOON)


@pytest.mark.parametrize(
    "powers", [(RUNS,), (OFF,), (RUNS, RUNS), (ON_ITS_WAY, OFF), (None, RUNS), (Power.STOPPED, OFF)]
)
def test_a_machine_that_was_never_seen_at_rest_otherwise_was_left_alone(powers: tuple[Power | None, ...]) -> None:
    known = box_seen(hands(*powers), BOX, NOON)
    assert (known.stopped_by_hand_at, known.started_by_hand_at) == (None, None)


def test_what_we_do_to_a_machine_is_nobody_elses_doing() -> None:
    status = hands(RUNS)
    status = replace(status, parts={"vm!one": stirred(status.parts["vm!one"])})
    status, _ = saw_parts(status, powered(OFF), (), NOON + MINUTE)
    assert box_seen(status, BOX, NOON).stopped_by_hand_at is None


def test_the_hand_is_remembered_until_we_act_ourselves() -> None:
    status = hands(RUNS, OFF)
    status, _ = saw_parts(status, powered(OFF), (), NOON + HOUR)
    assert box_seen(status, BOX, NOON).stopped_by_hand_at == NOON
    assert stirred(status.parts["vm!one"]).by_hand_at is None


def test_a_session_that_ended_says_why() -> None:
    boxes = boxes_by_vm(["one"], OPEN_STACK.parts)
    status, _ = saw_sessions(OPEN_STACK, [session("s1")], boxes, at("11:55"))
    assert [change.end_reason for change in saw_sessions(status, [], boxes, NOON)[1]] == ["the person left"]
    named = saw_sessions(status, [], boxes, NOON, {"s1": "ended by ada"})[1]
    assert [change.end_reason for change in named] == ["ended by ada"]
    stopped = replace(status, parts={**status.parts, "vm!one": replace(seen_as(VM), power=Power.DEALLOCATED)})
    assert [change.end_reason for change in saw_sessions(stopped, [], boxes, NOON)[1]] == ["the machine was stopped"]
    assert [change.end_reason for change in saw_no_door(status, NOON)[1]] == ["the Bastion was taken away"]
    shut = replace(status, closing_because="one: retired")
    assert [change.end_reason for change in saw_no_door(shut, NOON)[1]] == ["the door was shut: one: retired"]


def test_a_session_list_not_read_in_this_pass_is_unknown() -> None:
    assert isinstance(activity(replace(OPEN_STACK, sessions_at=NOON - MINUTE), BOX, NOON), Unknown)
    failing = replace(OPEN_STACK, sessions_at=None, sessions_failing_since_at=at("11:30"))
    since = Unknown("the session list cannot be read since 2026-11-23 11:30 UTC", at("11:30"))
    assert activity(failing, BOX, NOON) == since


FAILING = replace(OPEN_STACK, sessions_at=None, sessions_failing_since_at=at("11:30"))


def test_where_the_list_is_silent_the_metric_is_believed_and_its_nobody_is_not_sure() -> None:
    counted, _ = saw_counts(FAILING, [Count(at("11:50"), at("11:55"), 2), Count(at("11:55"), NOON, 0)], NOON)
    assert activity(counted, BOX, NOON) == Idle(BOX.requested_at, sure=False)
    somebody, _ = saw_counts(FAILING, [Count(at("11:55"), NOON, 3)], NOON)
    assert activity(somebody, BOX, NOON) == Active(3)
    assert box_seen(somebody, BOX, NOON).last_active_at == NOON


@pytest.mark.parametrize("counts", [[], [Count(at("11:40"), at("11:44"), 0)], [Count(at("11:58"), at("12:03"), 0)]])
def test_a_count_that_is_missing_old_or_unfinished_says_nothing(counts: list[Count]) -> None:
    status, _ = saw_counts(FAILING, counts, NOON)
    assert isinstance(activity(status, BOX, NOON), Unknown)


def test_a_count_says_nothing_of_a_later_pass() -> None:
    counted, _ = saw_counts(FAILING, [Count(at("11:55"), NOON, 0)], NOON)
    assert isinstance(activity(counted, BOX, NOON + MINUTE), Unknown)


def test_a_list_that_is_read_outweighs_the_metric() -> None:
    counted, _ = saw_counts(FAILING, [Count(at("11:55"), NOON, 3)], NOON)
    read, _ = saw_sessions(counted, [], {}, NOON)
    assert activity(read, BOX, NOON) == Idle(BOX.requested_at)


def test_a_count_of_nobody_ends_the_sessions_that_were_last_seen_before_it() -> None:
    early, _ = saw_sessions(OPEN_STACK, [session("s1"), session("s2")], {}, at("11:54"))
    late = replace(early, sessions={"s1": early.sessions["s1"], "s2": replace(early.sessions["s2"], last_seen_at=NOON)})
    status, (left,) = saw_counts(late, [Count(at("11:55"), NOON, 0)], NOON)
    assert (left.session_id, left.ended_at) == ("s1", NOON)
    assert status.sessions.keys() == {"s2"}


def test_nobody_listed_is_idle_since_the_last_sign_of_anybody() -> None:
    assert activity(OPEN_STACK, BOX, NOON) == Idle(BOX.requested_at)
    known = {"one": BoxStatus("first", last_active_at=at("11:45"))}
    assert activity(replace(OPEN_STACK, boxes=known), BOX, NOON) == Idle(at("11:45"))


def test_without_a_door_nobody_is_inside() -> None:
    no_door = replace(OPEN_STACK, parts={**OPEN_STACK.parts, **gone(BASTION)}, sessions_at=None)
    assert activity(no_door, BOX, NOON) == Idle(BOX.requested_at)
    assert not can_be_inside(no_door)


def test_a_door_that_never_came_up_let_nobody_in_and_one_that_broke_later_may_have() -> None:
    broken = {BASTION: seen_as(DOOR, Sighting.BROKEN)}
    never = replace(OPEN_STACK, parts={**OPEN_STACK.parts, **broken}, sessions_at=None)
    assert not can_be_inside(never)
    assert can_be_inside(replace(never, sessions_at=at("11:00")))
    assert isinstance(activity(replace(never, sessions_at=at("11:00")), BOX, NOON), Unknown)


def test_a_deletion_that_azure_took_has_ended_whatever_sessions_there_were() -> None:
    assert isinstance(activity(replace(OPEN_STACK, sessions_at=None), BOX, NOON, leaving=True), Idle)


@pytest.mark.parametrize(
    "machine",
    [seen_as(VM, Sighting.ABSENT), seen_as(VM, power=Power.DEALLOCATED)],
    ids=["gone", "deallocated"],
)
def test_nobody_is_inside_a_machine_that_does_not_run_whatever_nobody_can_tell(machine: Seen) -> None:
    silent = replace(OPEN_STACK, parts={**OPEN_STACK.parts, "vm!one": machine}, sessions_at=None)
    assert isinstance(activity(silent, BOX, NOON), Idle)
    listed, _ = saw_sessions(silent, [session("s1", target="")], {}, NOON)
    assert isinstance(activity(listed, BOX, NOON), Idle)


LEVELS = [
    ("everything in order", {}, Level.OPEN),
    ("no machine", {"vm!one": seen_as(VM, Sighting.ABSENT)}, Level.GONE),
    ("somebody else's machine", {"vm!one": seen_as(VM, Sighting.FOREIGN)}, Level.GONE),
    ("deallocated", {"vm!one": seen_as(VM, power=Power.DEALLOCATED)}, Level.PARKED),
    ("powered off from inside", {"vm!one": seen_as(VM, power=Power.STOPPED)}, Level.PARKED),
    ("no door", {BASTION: seen_as(DOOR, Sighting.ABSENT)}, Level.WARM),
    ("a door still being built", {BASTION: seen_as(DOOR, Sighting.BUSY)}, Level.WARM),
    ("no login yet", {"login!one": seen_as(PARTS["login!one"], Sighting.BUSY)}, Level.WARM),
    ("a login that failed", {"login!one": seen_as(PARTS["login!one"], Sighting.BROKEN)}, Level.WARM),
    ("drained", {NSG_FRONTEND: seen_as(PARTS[NSG_FRONTEND], drained=True)}, Level.WARM),
]


@pytest.mark.parametrize(("name", "more", "level"), LEVELS, ids=[name for name, _, _ in LEVELS])
def test_a_box_is_open_when_a_person_can_get_in(name: str, more: dict[str, Seen], level: Level) -> None:
    assert name
    status = replace(OPEN_STACK, parts={**OPEN_STACK.parts, **more})
    assert level_of(status, replace(BOX, login=Login.ENTRA)) is level


def test_login_by_key_needs_no_extension() -> None:
    parts = {key: seen for key, seen in OPEN_STACK.parts.items() if key != "login!one"}
    assert level_of(replace(OPEN_STACK, parts=parts), BOX) is Level.OPEN


def test_first_ready_is_remembered_and_latest_ready_moves() -> None:
    first = box_seen(OPEN_STACK, BOX, NOON)
    assert (first.first_ready_at, first.ready_at) == (NOON, NOON)
    still = box_seen(replace(OPEN_STACK, boxes={"one": first}), BOX, NOON + HOUR)
    assert (still.first_ready_at, still.ready_at) == (NOON, NOON)
    shut = replace(OPEN_STACK, parts={**OPEN_STACK.parts, **gone(BASTION)}, boxes={"one": still})
    warm = box_seen(shut, BOX, NOON + 2 * HOUR)
    again = box_seen(replace(OPEN_STACK, boxes={"one": warm}), BOX, NOON + 3 * HOUR)
    assert (again.first_ready_at, again.ready_at) == (NOON, NOON + 3 * HOUR)


def test_a_box_of_the_same_name_begins_anew() -> None:
    old = replace(
        OPEN_STACK, boxes={"one": BoxStatus("earlier", first_ready_at=at("07:00"), last_active_at=at("07:30"))}
    )
    fresh = box_seen(old, BOX, NOON)
    assert (fresh.incarnation, fresh.first_ready_at, fresh.last_active_at) == ("first", NOON, None)


def test_activity_lasts_until_the_look_that_finds_nobody() -> None:
    status, _ = saw_sessions(OPEN_STACK, [session("s1")], boxes_by_vm(["one"], OPEN_STACK.parts), NOON)
    used = box_seen(status, BOX, NOON)
    assert (used.connected, used.last_active_at) == (1, NOON)
    later, _ = saw_sessions(replace(status, boxes={"one": used}), [], {}, at("12:05"))
    left = box_seen(later, BOX, at("12:05"))
    assert (left.connected, left.last_active_at) == (0, at("12:05"))
    assert box_seen(replace(later, boxes={"one": left}), BOX, at("12:10")).last_active_at == at("12:05")


def test_a_neighbours_machine_is_its_own_affair() -> None:
    assert level_of(OPEN_STACK, TWO) is Level.GONE
