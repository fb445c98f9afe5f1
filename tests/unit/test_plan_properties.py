"""What holds of every plan, and where carrying plans out leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.blueprint import NSG_BASTION, NSG_FRONTEND, BoxWish, Part, Want, blueprint
from lifecycle.model import BoxIntent, Kind, Level, Login, Outbound, Power, Seen, Sighting, Verb
from lifecycle.plan import Begin, Gate, Scene, Step, plan
from tests.examples import BOX, ESTATE, NOON, STACK, seen_as

ROUNDS = 14
"""The longest chain: address, gateway, network, interface, machine, its disk, its login; and all of it back down."""


@dataclass(frozen=True)
class Wish:
    """What people want of a stack, and whether its gate is open."""

    parts: Mapping[str, Part]
    closing: bool

    def scene(self, seen: Mapping[str, Seen], busy: frozenset[str], *, is_open: bool = True) -> Scene:
        passage = Gate(is_open, "" if is_open else "not yet")
        return Scene(NOON, self.parts, seen, busy, {}, passage, self.closing, {})


@st.composite
def stacks(draw: st.DrawFn) -> tuple[Wish, dict[str, Seen]]:
    """Draw a stack with one to three boxes at any levels, and any state Azure may show of its parts."""
    stack = replace(STACK, outbound=draw(st.sampled_from(Outbound)), keep_public_ip=draw(st.booleans()))
    logins = draw(st.lists(st.sampled_from(Login), min_size=1, max_size=3))
    boxes = [replace(BOX, name=name, login=login) for name, login in zip("abc", logins, strict=False)]
    seen: dict[str, Seen] = {}
    wish = wish_of(stack, boxes, [draw(st.sampled_from(Level)) for _ in boxes])
    for key, part in wish.parts.items():
        state = draw(st.sampled_from((Sighting.ABSENT, Sighting.SOUND, Sighting.SOUND, Sighting.BROKEN)))
        seen[key] = _state(part, state, draw)
    for key, part in wish.parts.items():  # nothing can be there without what it stands on
        if part.kind is not Kind.SHUTDOWN and any(seen[need].sighting is Sighting.ABSENT for need in part.needs):
            seen[key] = seen_as(part, Sighting.ABSENT)
    return wish, seen


def wish_of(stack: object, boxes: list[BoxIntent], levels: list[Level], *, built: bool = True) -> Wish:
    door = Level.OPEN in levels
    wishes = [BoxWish(box, level, built, None) for box, level in zip(boxes, levels, strict=True)]
    parts = blueprint(ESTATE, "main", stack, wishes, door=door, closing=not door)  # type: ignore[arg-type]
    return Wish(parts, closing=not door)


def _state(part: Part, sighting: Sighting, draw: st.DrawFn) -> Seen:
    if sighting is Sighting.ABSENT:
        return seen_as(part, sighting)
    drift = ("some",) if part.kind in (Kind.NSG, Kind.SHUTDOWN) and draw(st.booleans()) else ()
    power = draw(st.sampled_from((Power.RUNNING, Power.STOPPED, Power.DEALLOCATED)))
    return seen_as(
        part,
        sighting,
        power=power if part.kind is Kind.VM else None,
        drift=drift,
        drained=draw(st.booleans()) if part.key == NSG_FRONTEND else None,
        tagged=part.kind is not Kind.DISK or draw(st.booleans()),
    )


any_sighting = st.sampled_from(Sighting)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Draw any scene at all: any part in any state, any of them busy, the gate open or shut."""
    wish, seen = draw(stacks())
    odd = draw(st.dictionaries(st.sampled_from(sorted(seen)), any_sighting, max_size=5))
    seen |= {key: replace(seen[key], sighting=sighting) for key, sighting in odd.items()}
    busy = draw(st.frozensets(st.sampled_from(sorted(seen)), max_size=4))
    return wish.scene(seen, busy, is_open=draw(st.booleans()))


def named(step: Step) -> str:
    return step.part.key if isinstance(step, Begin) else step.part


@given(scenes())
@settings(max_examples=80, deadline=None)
def test_no_part_has_two_steps_and_a_busy_one_has_none(scene: Scene) -> None:
    keys = [named(step) for step in plan(scene)]
    assert len(keys) == len(set(keys))
    assert not set(keys) & set(scene.busy)


@given(scenes())
@settings(max_examples=80, deadline=None)
def test_nothing_is_made_before_what_it_needs_and_nothing_removed_before_what_lives_on_it(scene: Scene) -> None:
    for step in plan(scene):
        if not isinstance(step, Begin):
            continue
        seen = scene.sight(step.part.key)
        if step.verb is Verb.PUT and seen.sighting is Sighting.ABSENT:
            assert all(scene.sight(key).sound and key not in scene.busy for key in step.part.needs)
            assert step.part.born_with is None
        if step.verb is Verb.DELETE:
            standing = {key for key in step.part.outlived_by if key in scene.parts and scene.sight(key).stands}
            assert not standing
            assert not set(step.part.outlived_by) & set(scene.busy)
            assert step.part.want is Want.ABSENT or step.part.kind is Kind.BASTION


@given(scenes())
@settings(max_examples=80, deadline=None)
def test_only_what_stands_and_is_ours_is_changed(scene: Scene) -> None:
    for step in plan(scene):
        if isinstance(step, Begin):
            sighting = scene.sight(step.part.key).sighting
            assert sighting in (Sighting.ABSENT, Sighting.SOUND, Sighting.BROKEN)
            assert sighting is not Sighting.ABSENT or step.verb is Verb.PUT


@given(scenes())
@settings(max_examples=80, deadline=None)
def test_behind_a_shut_gate_no_bastion_goes_and_no_running_machine_stops(scene: Scene) -> None:
    for step in plan(replace(scene, gate=Gate(open=False, reason="somebody may be inside"))):
        if isinstance(step, Begin) and step.verb in (Verb.DELETE, Verb.DEALLOCATE):
            assert step.part.kind is not Kind.BASTION
            assert step.part.kind is not Kind.VM or scene.sight(step.part.key).power is Power.DEALLOCATED


@given(scenes())
@settings(max_examples=100, deadline=None)
def test_every_step_says_why(scene: Scene) -> None:
    assert all(step.reason for step in plan(scene))


@given(stacks())
@settings(max_examples=100, deadline=None)
def test_from_any_state_the_wanted_one_is_reached_and_then_nothing_is_done(drawn: tuple[Wish, dict[str, Seen]]) -> None:
    wish, seen = drawn
    for _ in range(2 * ROUNDS):
        closing = wish.closing and seen["bastion"].stands
        wish = replace(wish, closing=closing)
        steps = plan(wish.scene(seen, frozenset()))
        begins = [step for step in steps if isinstance(step, Begin)]
        if not begins:
            break
        for step in begins:
            seen |= after(step, wish.parts, seen)
    assert not [step for step in steps if isinstance(step, Begin)]
    for key, part in wish.parts.items():
        untouchable = key == NSG_BASTION and seen["bastion"].stands
        assert untouchable or is_as_wanted(part, seen[key]), (key, part.want, seen[key])


def after(step: Begin, parts: Mapping[str, Part], seen: Mapping[str, Seen]) -> dict[str, Seen]:
    """Carry a step out as Azure does, at once: a machine makes its disk and takes all that hangs on it along."""
    part, old = step.part, seen[step.part.key]
    match step.verb:
        case Verb.PUT:
            running = Power.RUNNING if part.kind is Kind.VM and not old.stands else old.power
            drained = part.key == NSG_FRONTEND and len(part.body["properties"]["securityRules"]) > 2
            made = {part.key: seen_as(part, power=running, drained=drained if part.key == NSG_FRONTEND else None)}
            disks = [other for other in parts.values() if other.born_with == part.key]
            made |= {disk.key: seen_as(disk, tagged=False) for disk in disks if not old.stands}
            return made
        case Verb.TAG:
            return {part.key: replace(old, tagged=True)}
        case Verb.START:
            return {part.key: replace(old, power=Power.RUNNING)}
        case Verb.DEALLOCATE:
            return {part.key: replace(old, power=Power.DEALLOCATED)}
        case Verb.DELETE:
            taken = [part.key, *(key for key, other in parts.items() if part.kind is Kind.VM and other.box == part.box
                                 and other.kind in (Kind.DISK, Kind.NIC, Kind.EXTENSION))]  # fmt: skip
            return {key: seen_as(parts[key], Sighting.ABSENT) for key in taken}


def is_as_wanted(part: Part, seen: Seen) -> bool:
    if part.want is Want.ABSENT:
        return not seen.stands
    if part.want is Want.KEEP:
        return part.running is None or not seen.stands or seen.power is Power.DEALLOCATED
    power = part.running is None or seen.power is Power.RUNNING
    return (seen.sound or part.born_with is not None) and power and seen.tagged
