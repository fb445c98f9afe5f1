"""What may be done now, told by examples: one part, one state, one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from lifecycle.blueprint import ADDRESS, BASTION, NSG_BASTION, NSG_FRONTEND, VNET, Part
from lifecycle.model import Block, Level, Login, Power, Seen, Sighting, Verb
from lifecycle.plan import Begin, Gate, Scene, Step, Wait, gate, plan
from tests.examples import BOX, HOUR, MINUTE, NOON, all_sound, parts_of, seen_as

OPEN_GATE = Gate(open=True)
SHUT = Gate(open=False, reason="somebody may be inside")
ENTRA = replace(BOX, login=Login.ENTRA)


def steps(
    parts: Mapping[str, Part],
    seen: Mapping[str, Seen],
    *,
    busy: tuple[str, ...] = (),
    blocks: Mapping[str, Block] | None = None,
    passage: Gate = OPEN_GATE,
    closing: bool = False,
    because: Mapping[str, str] | None = None,
) -> dict[str, Step]:
    found = plan(Scene(NOON, parts, seen, busy, blocks or {}, passage, closing, because or {}))
    return {step.part.key if isinstance(step, Begin) else step.part: step for step in found}


def verbs(found: Mapping[str, Step]) -> dict[str, Verb]:
    return {key: step.verb for key, step in found.items() if isinstance(step, Begin)}


def absent(parts: Mapping[str, Part]) -> dict[str, Seen]:
    return {key: seen_as(part, Sighting.ABSENT) for key, part in parts.items()}


def test_a_stack_in_order_has_no_step() -> None:
    parts = parts_of(ENTRA)
    assert steps(parts, all_sound(parts)) == {}


def test_what_is_taken_away_or_parked_says_why_the_box_or_the_door_is_not_wanted() -> None:
    because = {"": "one: nobody connected", "one": "parked by request"}
    parts = parts_of(level=Level.PARKED)
    found = steps(parts, all_sound(parts), because=because)
    assert isinstance(found[BASTION], Begin)
    assert found[BASTION].reason == "bastion is not wanted any more: one: nobody connected"
    assert found["vm!one"].reason == "vm!one is to be parked: parked by request"


def test_nothing_is_done_about_what_was_not_looked_at() -> None:
    found = steps(parts_of(), {})
    assert found
    assert all(isinstance(step, Wait) and step.until == NOON for step in found.values())


def test_the_door_and_the_machine_are_built_side_by_side() -> None:
    parts = parts_of()
    network = {key: seen_as(parts[key]) for key in (NSG_FRONTEND, NSG_BASTION, VNET, ADDRESS, "nic!one")}
    assert verbs(steps(parts, absent(parts) | network)) == {BASTION: Verb.PUT, "vm!one": Verb.PUT}


def test_the_network_begins_with_what_needs_nothing() -> None:
    parts = parts_of()
    assert set(verbs(steps(parts, absent(parts)))) == {NSG_FRONTEND, NSG_BASTION, ADDRESS}


def test_a_box_that_is_parked_before_it_was_built_builds_nothing() -> None:
    parts = parts_of(level=Level.PARKED, built=False)
    assert steps(parts, absent(parts)) == {}


def test_an_os_disk_is_never_created_on_its_own_and_is_tagged_once_it_is_there() -> None:
    parts = parts_of()
    seen = all_sound(parts)
    assert "disk!one" not in steps(parts, seen | {"disk!one": seen_as(parts["disk!one"], Sighting.ABSENT)})
    untagged = seen | {"disk!one": seen_as(parts["disk!one"], tagged=False)}
    assert verbs(steps(parts, untagged)) == {"disk!one": Verb.TAG}


def test_an_extension_waits_for_a_machine_that_runs() -> None:
    parts = parts_of(ENTRA)
    seen = all_sound(parts) | {"login!one": seen_as(parts["login!one"], Sighting.ABSENT)}
    assert verbs(steps(parts, seen)) == {"login!one": Verb.PUT}
    asleep = seen | {"vm!one": seen_as(parts["vm!one"], power=Power.DEALLOCATED)}
    assert verbs(steps(parts, asleep)) == {"vm!one": Verb.START}


@pytest.mark.parametrize("power", [Power.STOPPED, Power.DEALLOCATED])
def test_a_machine_that_is_to_run_is_started_whatever_stopped_it(power: Power) -> None:
    parts = parts_of()
    assert verbs(steps(parts, all_sound(parts) | {"vm!one": seen_as(parts["vm!one"], power=power)})) == {
        "vm!one": Verb.START
    }


def test_no_machine_is_started_while_azures_own_shutdown_could_still_hit_it() -> None:
    parts = parts_of()
    seen = all_sound(parts) | {"vm!one": seen_as(parts["vm!one"], power=Power.DEALLOCATED)}
    late = seen | {"shutdown!one": seen_as(parts["shutdown!one"], drift=("properties.dailyRecurrence",))}
    assert verbs(steps(parts, late)) == {"shutdown!one": Verb.PUT}
    assert verbs(steps(parts, seen, busy=("shutdown!one",))) == {}


@pytest.mark.parametrize("power", [Power.RUNNING, Power.STOPPED])
def test_parking_deallocates_a_machine_that_runs_or_was_powered_off_from_inside(power: Power) -> None:
    parts = parts_of(level=Level.PARKED)
    seen = all_sound(parts) | {"vm!one": seen_as(parts["vm!one"], power=power)}
    seen |= {key: seen_as(parts[key], Sighting.ABSENT) for key in (BASTION, ADDRESS)}
    assert verbs(steps(parts, seen)) == {"vm!one": Verb.DEALLOCATE}
    shut = steps(parts, seen, passage=SHUT)["vm!one"]
    assert isinstance(shut, Wait)
    assert shut.reason == SHUT.reason


def test_a_machine_on_its_way_is_waited_for() -> None:
    parts = parts_of()
    seen = all_sound(parts) | {"vm!one": seen_as(parts["vm!one"], power=Power.CHANGING)}
    assert isinstance(steps(parts, seen)["vm!one"], Wait)


def test_the_door_goes_before_its_address_and_both_leave_the_machine_alone() -> None:
    parts = parts_of(level=Level.WARM)
    seen = all_sound(parts)
    assert verbs(steps(parts, seen)) == {BASTION: Verb.DELETE}
    gone = seen | {BASTION: seen_as(parts[BASTION], Sighting.ABSENT)}
    assert verbs(steps(parts, gone)) == {ADDRESS: Verb.DELETE}


def test_a_door_somebody_may_be_behind_is_not_deleted() -> None:
    parts = parts_of(level=Level.WARM)
    kept = steps(parts, all_sound(parts), passage=SHUT)[BASTION]
    assert isinstance(kept, Wait)
    assert kept.reason == SHUT.reason


def test_a_bastion_that_failed_is_deleted_first_and_made_anew_afterwards() -> None:
    parts = parts_of()
    seen = all_sound(parts) | {BASTION: seen_as(parts[BASTION], Sighting.BROKEN)}
    assert verbs(steps(parts, seen)) == {BASTION: Verb.DELETE}
    assert verbs(steps(parts, seen, passage=SHUT)) == {}
    assert verbs(steps(parts, seen | {BASTION: seen_as(parts[BASTION], Sighting.ABSENT)})) == {BASTION: Verb.PUT}


def test_rules_that_differ_are_put_right_but_bastions_own_never_under_a_standing_host() -> None:
    parts = parts_of()
    drift = {key: seen_as(parts[key], drift=("properties.securityRules",)) for key in (NSG_FRONTEND, NSG_BASTION)}
    seen = all_sound(parts) | drift
    assert verbs(steps(parts, seen)) == {NSG_FRONTEND: Verb.PUT}
    no_host = seen | {BASTION: seen_as(parts[BASTION], Sighting.ABSENT)}
    assert verbs(steps(parts, no_host))[NSG_BASTION] is Verb.PUT


def test_a_security_group_that_failed_is_put_again_and_drained_all_the_same() -> None:
    parts = parts_of()
    broken = {NSG_FRONTEND: seen_as(parts[NSG_FRONTEND], Sighting.BROKEN)}
    assert verbs(steps(parts, all_sound(parts) | broken)) == {NSG_FRONTEND: Verb.PUT}
    going = parts_of(level=Level.GONE, closing=True)
    retiring = steps(going, all_sound(going) | broken, passage=SHUT, closing=True)
    assert verbs(retiring)[NSG_FRONTEND] is Verb.PUT


def test_what_failed_to_provision_is_put_again_where_it_is_wanted() -> None:
    parts = parts_of()
    broken = {key: seen_as(parts[key], Sighting.BROKEN) for key in ("nic!one", VNET, ADDRESS)}
    assert verbs(steps(parts, all_sound(parts) | broken)) == dict.fromkeys(broken, Verb.PUT)


def test_somebody_elses_resource_under_our_name_is_reported_and_left_alone() -> None:
    parts = parts_of()
    found = steps(parts, all_sound(parts) | {BASTION: seen_as(parts[BASTION], Sighting.FOREIGN)})
    assert found == {BASTION: Wait(BASTION, "something with this name exists that is not ours")}
    gone = parts_of(level=Level.GONE)
    assert BASTION not in steps(gone, all_sound(gone) | {BASTION: seen_as(gone[BASTION], Sighting.FOREIGN)})


def test_a_retiring_stack_keeps_new_connections_out_before_its_door_goes() -> None:
    parts = parts_of(level=Level.GONE, closing=True)
    found = steps(parts, all_sound(parts), passage=SHUT, closing=True)
    assert verbs(found) == {NSG_FRONTEND: Verb.PUT, "shutdown!one": Verb.DELETE}
    drained = all_sound(parts) | {NSG_FRONTEND: seen_as(parts[NSG_FRONTEND], drained=True)}
    assert NSG_FRONTEND not in steps(parts, drained, passage=SHUT, closing=True)


def block(verb: Verb) -> Block:
    return Block(verb, "ScopeLocked", "locked by ops", 1, NOON + HOUR, shown=True)


def test_what_was_refused_is_left_alone_until_its_time() -> None:
    parts = parts_of()
    seen = all_sound(parts) | {BASTION: seen_as(parts[BASTION], Sighting.ABSENT)}
    blocked = steps(parts, seen, blocks={BASTION: block(Verb.PUT)})
    assert blocked == {BASTION: Wait(BASTION, "ScopeLocked: locked by ops", NOON + HOUR)}
    due = replace(block(Verb.PUT), retry_at=NOON)
    assert verbs(steps(parts, seen, blocks={BASTION: due})) == {BASTION: Verb.PUT}


def test_a_refused_creation_does_not_forbid_the_deletion() -> None:
    parts = parts_of(level=Level.WARM)
    assert verbs(steps(parts, all_sound(parts), blocks={BASTION: block(Verb.PUT)})) == {BASTION: Verb.DELETE}


AGO = NOON - MINUTE
GATES = [
    ("no door stands", {"standing": False, "quiet_from_at": None}, True),
    ("sessions read in this pass and the door stays", {"closing": False}, True),
    ("sessions read a minute ago and the door stays", {"closing": False, "quiet_from_at": AGO}, False),
    ("sessions never read", {"quiet_from_at": None}, False),
    ("closing and not drained", {}, False),
    ("closing, drained, not read since", {"drained_at": NOON, "quiet_from_at": AGO}, False),
    ("closing, drained and read in the same look", {"drained_at": NOON}, True),
    ("closing, drained, read after", {"drained_at": AGO}, True),
    ("closing and not drainable, read now", {"drainable": False}, True),
    ("closing and not drainable, not read now", {"drainable": False, "quiet_from_at": AGO}, False),
    ("closing, drained, and a count began before", {"drained_at": AGO, "quiet_from_at": AGO - MINUTE}, False),
    ("closing, drained, and a count began after", {"drained_at": AGO, "quiet_from_at": AGO}, True),
    ("past the announced limit and not drained", {"forced": True}, False),
    ("past the announced limit, drained, never read", {"forced": True, "drained_at": AGO, "quiet_from_at": None}, True),
    ("past the announced limit and not drainable", {"forced": True, "drainable": False, "quiet_from_at": None}, True),
]


@pytest.mark.parametrize(("name", "more", "is_open"), GATES, ids=[name for name, _, _ in GATES])
def test_the_gate(name: str, more: dict[str, object], is_open: bool) -> None:
    assert name
    facts: dict[str, object] = {
        "now": NOON, "standing": True, "closing": True, "forced": False, "drainable": True, "drained_at": None,
        "quiet_from_at": NOON,
    } | more  # fmt: skip
    found = gate(**facts)  # type: ignore[arg-type]
    assert found.open is is_open
    assert found.open or found.reason
