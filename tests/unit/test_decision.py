"""What follows from a whole stack: targets, steps, warnings, and when to look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from lifecycle.blueprint import ADDRESS, BASTION, NSG_FRONTEND, VNET, Want
from lifecycle.decision import LOOK_AT_ALL_EVERY, Case, Decision, decide, session_look_every
from lifecycle.model import (
    Block,
    BoxIntent,
    BoxStatus,
    Level,
    Need,
    OpenSession,
    Operation,
    Policy,
    Power,
    Seen,
    Sighting,
    StackStatus,
    Verb,
)
from lifecycle.plan import Wait
from tests.examples import (
    BOX,
    DAY,
    ESTATE,
    HOUR,
    MINUTE,
    NOON,
    POLICY,
    READY,
    SCHEDULES,
    STACK,
    all_sound,
    at,
    parts_of,
    seen_as,
    warned_of,
)

LONG = replace(BOX, hours=200.0)
TWO = replace(LONG, name="two", schedule="always")
QUIET = replace(READY, last_active_at=at("11:00"))
BUSY = replace(READY, last_active_at=at("11:55"))
RETIRED = replace(LONG, retired_at=at("11:59"))


def status_of(*boxes: BoxIntent, now: datetime = NOON, known: BoxStatus = BUSY, **more: object) -> StackStatus:
    facts: dict[str, object] = {
        "parts": all_sound(parts_of(*boxes)), "sessions_at": now, "looked_at": now - MINUTE,
        "boxes": {box.name: known for box in boxes},
    }  # fmt: skip
    return StackStatus(**(facts | more))  # type: ignore[arg-type]


def decided(
    *boxes: BoxIntent,
    status: StackStatus,
    now: datetime = NOON,
    operations: Mapping[str, Operation] | None = None,
    policy: Policy = POLICY,
    **more: object,
) -> Decision:
    named = {box.name: box for box in boxes}
    case = Case(now, ESTATE, "main", STACK, named, status, operations or {}, SCHEDULES, policy)
    return decide(replace(case, **more))  # type: ignore[arg-type]


def sessions(*boxes: str) -> dict[str, OpenSession]:
    return {f"s{number}": OpenSession(box, "alice", "SSH", at("11:30"), NOON) for number, box in enumerate(boxes)}


def having(status: StackStatus, **seen: Seen) -> StackStatus:
    return replace(status, parts={**status.parts, **{key.replace("__", "!"): each for key, each in seen.items()}})


def without(status: StackStatus, *keys: str) -> StackStatus:
    parts = {
        key: replace(seen, sighting=Sighting.ABSENT) if key in keys else seen for key, seen in status.parts.items()
    }
    return replace(status, parts=parts)


def verbs(found: Decision) -> dict[str, Verb]:
    return {step.part.key: step.verb for step in found.begins}


def drained(status: StackStatus, when: datetime = NOON - MINUTE) -> StackStatus:
    frontend = replace(status.parts[NSG_FRONTEND], drained=True, against="")
    return replace(status, parts={**status.parts, NSG_FRONTEND: frontend}, drained_at=when)


def test_a_box_in_use_needs_nothing() -> None:
    found = decided(LONG, status=status_of(LONG, sessions=sessions("one")))
    assert found.steps == ()
    assert found.status.boxes["one"].phase == "ready"
    assert found.status.boxes["one"].connected == 1


def test_everything_is_wanted_the_moment_a_box_is_asked_for() -> None:
    found = decided(BOX, status=StackStatus())
    assert found.targets["one"].level is Level.OPEN
    assert {part.key for part in found.unseen} == set(found.parts)
    assert found.begins == ()
    assert found.look_again_at == NOON


def test_an_unused_door_is_shut_behind_a_drain_and_the_machine_runs_on() -> None:
    shut = status_of(LONG, known=QUIET)
    first = decided(LONG, status=shut)
    assert first.closing
    assert BASTION not in verbs(first)
    assert first.parts[NSG_FRONTEND].body["properties"]["securityRules"][0]["name"] == "deny-new-from-bastion"
    then = decided(LONG, status=drained(shut))
    assert verbs(then) == {BASTION: Verb.DELETE}
    assert then.status.boxes["one"].phase == "warm"


def test_the_sessions_are_read_once_more_after_the_drain() -> None:
    unread = replace(drained(status_of(LONG, known=QUIET)), drained_at=NOON + MINUTE)
    found = decided(LONG, status=unread)
    assert BASTION not in verbs(found)


def test_the_drain_is_lifted_when_somebody_is_found_inside() -> None:
    inside = drained(status_of(LONG, known=QUIET, sessions=sessions("one")))
    found = decided(LONG, status=inside)
    assert not found.closing
    rules = found.parts[NSG_FRONTEND].body["properties"]["securityRules"]
    assert [rule["name"] for rule in rules] == ["allow-bastion-in", "deny-ssh-rdp-in"]
    assert BASTION not in verbs(found)


def test_the_drain_stays_until_the_host_is_absent() -> None:
    leaving = Operation(
        BASTION, Verb.DELETE, parts_of()[BASTION].kind, parts_of()[BASTION].arm_id, "", NOON, NOON, token="t"
    )
    during = decided(LONG, status=drained(status_of(LONG, known=QUIET)), operations={BASTION: leaving})
    assert during.closing
    assert during.targets["one"].level is Level.WARM
    gone = without(drained(status_of(LONG, known=QUIET)), BASTION, ADDRESS)
    assert not decided(LONG, status=gone).closing


def test_a_session_that_leads_nobody_knows_where_keeps_every_box_open() -> None:
    found = decided(LONG, TWO, status=status_of(LONG, TWO, known=QUIET, sessions=sessions("")))
    assert {target.level for target in found.targets.values()} == {Level.OPEN}


def test_one_box_that_needs_it_keeps_the_door_for_all() -> None:
    status = status_of(LONG, TWO, known=QUIET, sessions=sessions("two"))
    found = decided(LONG, TWO, status=status)
    assert found.targets["one"].level is Level.WARM
    assert found.parts[BASTION].want is Want.PRESENT
    assert found.steps == ()


def test_a_parked_box_stays_parked_though_nobody_can_read_its_neighbours_sessions() -> None:
    night = at("22:00")
    status = status_of(LONG, TWO, now=night, sessions_at=None, sessions_failing_since_at=at("21:50"))
    asleep = having(status, vm__one=seen_as(parts_of(LONG)["vm!one"], power=Power.DEALLOCATED))
    found = decided(LONG, TWO, status=asleep, now=night)
    assert found.targets["one"].level is Level.PARKED
    assert found.targets["two"].level is Level.OPEN
    assert verbs(found) == {}


def test_a_retired_machine_that_is_gone_is_not_built_again_though_nobody_can_read_the_sessions() -> None:
    status = without(status_of(RETIRED, TWO, sessions_at=None), "vm!one", "disk!one", "nic!one")
    found = decided(RETIRED, TWO, status=status)
    assert found.targets["one"].level is Level.GONE
    assert verbs(found) == {"shutdown!one": Verb.DELETE}


def test_a_box_that_is_gone_stays_gone_while_its_network_is_still_being_taken_down() -> None:
    over = BoxStatus("first", phase="gone", reason="retired", first_ready_at=at("09:00"))
    status = status_of(RETIRED, boxes={"one": over})
    status = without(status, *(key for key in status.parts if key.endswith("!one")), BASTION, ADDRESS)
    found = decided(status=status)
    assert found.status.boxes["one"] == over
    assert not found.gone
    assert verbs(found) == {VNET: Verb.DELETE}
    assert found.look_again_at is not None


def test_a_retired_box_is_gone_when_its_parts_are_and_the_last_of_a_stack_when_the_stack_is() -> None:
    status = status_of(RETIRED)
    last = without(status, *(key for key in status.parts if key.endswith("!one")), BASTION, ADDRESS)
    assert decided(RETIRED, status=last).status.boxes["one"].phase == "retiring"
    status = status_of(RETIRED, TWO)
    first = without(status, *(key for key in status.parts if key.endswith("!one")))
    assert decided(RETIRED, TWO, status=first).status.boxes["one"].phase == "gone"


def test_nothing_is_looked_at_again_only_when_nothing_stands_and_nothing_is_wanted() -> None:
    nothing = without(status_of(RETIRED), *status_of(RETIRED).parts)
    over = decided(RETIRED, status=nothing)
    assert (over.gone, over.look_again_at) == (True, None)
    unseen = decided(RETIRED, status=StackStatus())
    assert not unseen.gone
    assert unseen.look_again_at == NOON
    later = decided(
        replace(BOX, start_at=NOON + HOUR), status=without(status_of(BOX, known=BoxStatus("first")), *nothing.parts)
    )
    assert later.look_again_at == NOON + 45 * MINUTE
    assert later.status.boxes["one"].phase == "parked"


def refused(verb: Verb = Verb.PUT, *, takes_down: bool = True) -> Block:
    return Block(verb, "AllocationFailed", "none here", 1, NOON + HOUR, shown=True, takes_down=takes_down)


def test_a_box_that_cannot_be_had_does_not_keep_a_bastion() -> None:
    status = replace(without(status_of(LONG), "vm!one", "disk!one", "shutdown!one"), blocks={"vm!one": refused()})
    found = decided(LONG, status=status)
    assert found.parts[BASTION].want is Want.ABSENT
    assert found.status.boxes["one"].phase == "blocked"
    assert "AllocationFailed" in found.status.boxes["one"].reason
    assert Wait("vm!one", "AllocationFailed: none here", NOON + HOUR) in found.steps


def test_a_box_that_cannot_be_had_leaves_the_door_to_its_neighbour() -> None:
    status = replace(without(status_of(LONG, TWO), "vm!one"), blocks={"vm!one": refused()})
    assert decided(LONG, TWO, status=status).parts[BASTION].want is Want.PRESENT


def test_a_machine_whose_door_cannot_be_had_is_not_kept_running() -> None:
    status = replace(without(status_of(LONG), BASTION), blocks={BASTION: refused()})
    assert verbs(decided(LONG, status=status)) == {"vm!one": Verb.DEALLOCATE, ADDRESS: Verb.DELETE}


def test_for_another_try_at_a_door_its_network_is_made_though_nothing_of_the_box_stands() -> None:
    nothing = without(status_of(LONG), *status_of(LONG).parts)
    due = replace(nothing, blocks={BASTION: replace(refused(), retry_at=NOON)})
    assert {VNET, BASTION} <= {
        key for key, part in decided(LONG, status=due).parts.items() if part.want is Want.PRESENT
    }
    early = replace(nothing, blocks={BASTION: refused()})
    assert verbs(decided(LONG, status=early)) == {}


def test_a_door_that_may_not_be_deleted_still_serves_who_asks_for_it() -> None:
    status = replace(status_of(LONG), blocks={BASTION: refused(Verb.DELETE)})
    found = decided(LONG, status=status)
    assert found.parts[BASTION].want is Want.PRESENT
    assert verbs(found) == {}


@pytest.mark.parametrize("part", ["shutdown!one", BASTION, ADDRESS])
@pytest.mark.parametrize("unread", [False, True], ids=["in use", "nobody can tell"])
def test_a_refusal_cuts_nobody_off(part: str, *, unread: bool) -> None:
    status = status_of(LONG, sessions=sessions("one"), sessions_at=None if unread else NOON)
    found = decided(LONG, status=drained(replace(status, blocks={part: refused()})))
    assert found.parts[BASTION].want is Want.PRESENT
    assert not {Verb.DELETE, Verb.DEALLOCATE} & set(verbs(found).values())


def test_a_refusal_to_mend_what_a_parked_box_needs_no_more_is_forgotten_once_it_could_be_tried_again() -> None:
    parked = replace(LONG, parked_at=at("11:30"))
    status = status_of(parked)
    drifted = {"shutdown!one": replace(status.parts["shutdown!one"], drift=("properties.status",))}
    due = replace(refused(takes_down=False), retry_at=NOON)
    status = replace(status, parts={**status.parts, **drifted}, blocks={"shutdown!one": due})
    assert decided(parked, status=status).status.blocks == {}
    early = replace(status, blocks={"shutdown!one": refused(takes_down=False)})
    assert set(decided(parked, status=early).status.blocks) == {"shutdown!one"}


def test_a_short_wait_is_not_shown_to_people() -> None:
    short = replace(refused(takes_down=False), shown=False)
    status = replace(without(status_of(LONG), BASTION), blocks={BASTION: short})
    assert decided(LONG, status=status).status.boxes["one"].phase == "waking"


def test_warnings_are_due_once_and_as_early_as_promised() -> None:
    lease_end = at("17:00")
    early = decided(BOX, status=status_of(BOX, now=at("16:44")), now=at("16:44"))
    assert early.warnings == ()
    due = decided(BOX, status=status_of(BOX, now=at("16:45")), now=at("16:45"))
    assert [(name, deadline.kind, deadline.at) for name, deadline in due.warnings] == [("one", "lease", lease_end)]
    told = status_of(BOX, now=at("16:50"), known=warned_of(BUSY, "lease", lease_end))
    assert decided(BOX, status=told, now=at("16:50")).warnings == ()


def test_a_warning_is_looked_for_in_time() -> None:
    status = replace(status_of(BOX, now=at("16:40")), looked_at=at("16:40"))
    found = decided(BOX, status=without(status, BASTION, ADDRESS), now=at("16:40"))
    assert found.look_again_at == at("16:45")


def test_past_the_announced_limit_the_door_goes_though_nobody_can_tell() -> None:
    night = at("20:30")
    known = warned_of(BUSY, "cut", at("20:30"))
    silent = status_of(LONG, now=night, known=known, sessions_at=None, sessions_failing_since_at=at("18:00"))
    assert BASTION not in verbs(decided(LONG, status=silent, now=night))
    assert verbs(decided(LONG, status=drained(silent, at("20:29")), now=night)) == {
        BASTION: Verb.DELETE, "vm!one": Verb.DEALLOCATE
    }  # fmt: skip
    assert verbs(decided(LONG, status=drained(silent), now=night - MINUTE)) == {}


def need(until: datetime) -> dict[str, Need]:
    return {"spoke": Need(until, "open: one")}


def test_another_stacks_need_keeps_the_door() -> None:
    status = status_of(LONG, known=QUIET)
    assert decided(LONG, status=status, needs=need(NOON + HOUR)).parts[BASTION].want is Want.PRESENT
    assert decided(LONG, status=status, needs=need(NOON)).parts[BASTION].want is Want.ABSENT


def test_azures_own_shutdown_is_set_well_behind_our_own_or_not_at_all() -> None:
    def net(box: BoxIntent, now: datetime = NOON) -> object:
        return decided(box, status=status_of(box, now=now), now=now).parts["shutdown!one"].body["properties"]

    assert net(LONG) | {"targetResourceId": ""} == {  # type: ignore[operator]
        "status": "Enabled", "taskType": "ComputeVmShutdownTask", "timeZoneId": "UTC", "targetResourceId": "",
        "notificationSettings": {"status": "Disabled"}, "dailyRecurrence": {"time": "2130"},
    }  # fmt: skip
    assert net(replace(LONG, schedule="always"))["status"] == "Disabled"  # type: ignore[index]


def test_an_open_door_has_its_sessions_read_again_soon_and_everything_is_looked_at_hourly() -> None:
    found = decided(LONG, status=status_of(LONG, sessions=sessions("one")))
    assert found.look_again_at == NOON + 3 * MINUTE
    shut = without(status_of(TWO, known=QUIET, looked_at=NOON), BASTION, ADDRESS)
    idle = decided(TWO, status=shut)
    assert idle.look_again_at == NOON + LOOK_AT_ALL_EVERY


@pytest.mark.parametrize(("limit", "every"), [(5, 1), (30, 3), (40, 4), (240, 5)])
def test_sessions_are_read_in_a_tenth_of_the_idle_limit_within_one_to_five_minutes(limit: int, every: int) -> None:
    assert session_look_every(Policy(idle_limit=timedelta(minutes=limit))) == every * MINUTE


def test_parts_that_are_no_longer_of_the_blueprint_are_forgotten() -> None:
    status = having(status_of(LONG), login__one=Seen("x", Sighting.SOUND, NOON))
    assert "login!one" not in decided(LONG, status=status).status.parts


def test_a_lease_is_told_from_the_day_it_counts() -> None:
    assert decided(BOX, status=status_of(BOX)).status.boxes["one"].lease_until == at("17:00")
    fresh = without(status_of(BOX, known=BoxStatus("first")), "vm!one")
    found = decided(BOX, status=fresh)
    assert found.status.boxes["one"].lease_until is None
    assert found.status.boxes["one"].phase == "building"
    assert (found.status.boxes["one"].eta_at or NOON - DAY) > NOON
