"""Every step that may start now, and every wait, from what is wanted and what Azure shows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.blueprint import BASTION, NSG_BASTION, NSG_FRONTEND, Part, Want
from lifecycle.model import Block, Kind, Power, Seen, Sighting, Verb

FOREIGN_WORK_WAIT = timedelta(seconds=30)
"""How long to leave a part alone at which somebody else, or a forgotten operation of ours, is at work."""
LONGEST_WORK_WAIT = timedelta(minutes=30)
BORROWED_WAIT = timedelta(minutes=5)
"""How often a hub's door is looked at while it is waited for; a hub of ours also rings when it is up."""


@dataclass(frozen=True, slots=True)
class Begin:
    """A mutation that may be sent now."""

    verb: Verb
    part: Part
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do for a part before ``until``; None where another step's end will tell."""

    part: str
    reason: str
    until: datetime | None = None


Step = Begin | Wait


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether the door may be shut and machines be stopped: nobody is inside, and nobody can be coming in."""

    open: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a plan is made from."""

    now: datetime
    parts: Mapping[str, Part]
    seen: Mapping[str, Seen]
    busy: Collection[str]
    """Parts with an operation of ours in flight."""
    blocks: Mapping[str, Block]
    gate: Gate
    closing: bool
    """Whether the door stands and is to go."""
    because: Mapping[str, str]
    """By box, and under the empty name for what all share, why it is less wanted than it was."""

    def why(self, part: Part) -> str:
        """Say why a part is not wanted any more, to be put behind what is done to it."""
        because = self.because.get(part.key.partition("!")[2], "")
        return f": {because}" if because else ""

    def sight(self, key: str) -> Seen:
        """What was last seen of a part."""
        return self.seen.get(key) or Seen("")

    def sound(self, keys: Iterable[str]) -> bool:
        """Whether all of these are there and in order, with nothing under way."""
        return all(key not in self.busy and self.sight(key).sound for key in keys)

    def absent(self, keys: Iterable[str]) -> bool:
        """Whether none of these is in the way: gone, or not ours to wait for."""
        away = (Sighting.ABSENT, Sighting.FOREIGN)
        return all(key not in self.busy and (key not in self.parts or self.sight(key).sighting in away) for key in keys)


def plan(scene: Scene) -> tuple[Step, ...]:
    """Name each part's next step. Independent parts come side by side; nothing is named for a part in order."""
    return tuple(_one_at_a_time(scene, (step for part in scene.parts.values() for step in _steps(scene, part))))


def _one_at_a_time(scene: Scene, steps: Iterable[Step]) -> Iterator[Step]:
    """A network takes one change at a time, its children's included: Azure refuses the second."""
    at_work = {_network_of(scene.parts[key]) for key in scene.busy if key in scene.parts} - {None}
    for step in steps:
        network = _network_of(step.part) if isinstance(step, Begin) else None
        if isinstance(step, Begin) and network in at_work:
            until = scene.now + FOREIGN_WORK_WAIT
            yield Wait(step.part.key, "another change of its network comes first", until)
            continue
        at_work |= {network} - {None}
        yield step


def _network_of(part: Part) -> str | None:
    return part.arm_id if part.kind is Kind.VNET else part.holder


def _steps(scene: Scene, part: Part) -> Iterator[Step]:
    if part.key in scene.busy:
        return
    step = _next(scene, part)
    if step is None:
        return
    block = scene.blocks.get(part.key)
    if isinstance(step, Begin) and block and block.verb is step.verb and scene.now < block.retry_at:
        yield Wait(part.key, f"{block.code}: {block.message}", block.retry_at)
    else:
        yield step


def _next(scene: Scene, part: Part) -> Step | None:  # noqa: PLR0911 -- one answer per sighting
    seen = scene.sight(part.key)
    match seen.sighting:
        case Sighting.UNSEEN:
            return Wait(part.key, "not looked at yet", scene.now)
        case _ if part.borrowed:
            return _await(scene, part, seen)
        case Sighting.BUSY:
            return Wait(part.key, "Azure is still at it", look_at_work_at(seen, scene.now))
        case Sighting.FOREIGN:
            if part.want is Want.PRESENT:
                return Wait(part.key, "something with this name exists that is not ours")
            return None
        case Sighting.ABSENT:
            return _create(scene, part) if part.want is Want.PRESENT else None
        case _ if part.want is Want.ABSENT:
            return _remove(scene, part, seen)
        case _:
            return _mend(scene, part, seen)


def look_at_work_at(seen: Seen, now: datetime) -> datetime:
    """Say when to look at a part again that Azure is at work on: after a tenth of the time that has gone into it.

    What Azure has been at for a day ends in no hurry.
    """
    seen_at = seen.seen_at or now
    so_far = seen_at - (seen.busy_since_at or seen_at)
    return seen_at + min(LONGEST_WORK_WAIT, max(FOREIGN_WORK_WAIT, so_far / 10))


def _await(scene: Scene, part: Part, seen: Seen) -> Step | None:
    """A door that is somebody else's to build is waited for; nothing is ever begun on it."""
    if part.want is not Want.PRESENT or seen.sound:
        return None
    return Wait(part.key, "the hub's door is not up yet", scene.now + BORROWED_WAIT)


def _create(scene: Scene, part: Part) -> Step | None:
    if part.born_with or not scene.sound(part.needs) or not _host_runs(scene, part):
        return None
    return Begin(Verb.PUT, part, f"{part.key} is wanted and absent")


def _host_runs(scene: Scene, part: Part) -> bool:
    """An extension is installed by the machine itself: it must run."""
    return part.kind is not Kind.EXTENSION or all(scene.sight(vm).power is Power.RUNNING for vm in part.needs)


def _remove(scene: Scene, part: Part, seen: Seen) -> Step | None:
    if part.key == NSG_FRONTEND and scene.closing:
        return _drain(part, seen)
    if not scene.absent(part.outlived_by):
        return None
    if _ends_sessions(part, seen) and not scene.gate.open:
        return Wait(part.key, scene.gate.reason)
    return Begin(Verb.DELETE, part, f"{part.key} is not wanted any more{scene.why(part)}")


def _ends_sessions(part: Part, seen: Seen) -> bool:
    return part.kind is Kind.BASTION or (part.kind is Kind.VM and seen.power is not Power.DEALLOCATED)


def _drain(part: Part, seen: Seen) -> Step | None:
    if seen.drained:
        return None
    return Begin(Verb.PUT, part, "new connections are kept out before the door is shut")


Mend = Callable[[Scene, Part, Seen], Step | None]


def _mend(scene: Scene, part: Part, seen: Seen) -> Step | None:
    """Bring what stands into order. What drifts and is not listed here is shown, and left to people."""
    if not seen.tagged:
        return Begin(Verb.TAG, part, f"{part.key} carries no tags of ours yet")
    return MENDS.get(part.kind, _repeat_if_broken)(scene, part, seen)


def _repeat_if_broken(scene: Scene, part: Part, seen: Seen) -> Step | None:
    if seen.sound or part.want is not Want.PRESENT or part.born_with or not _host_runs(scene, part):
        return None
    if part.replaceable:
        return _replace(scene, part)
    return Begin(Verb.PUT, part, f"{part.key} failed to provision")


def _replace(scene: Scene, part: Part) -> Step | None:
    """Take away what failed, to be made anew: a Bastion that failed cannot be mended, and bills all the same."""
    if not scene.gate.open:
        return Wait(part.key, scene.gate.reason)
    return Begin(Verb.DELETE, part, f"{part.key} failed to provision; it is deleted and made anew")


def _mend_rules(scene: Scene, part: Part, seen: Seen) -> Step | None:
    """A security group is put right at once, but Bastion's own never under a standing host (Azure's word)."""
    if part.key == NSG_BASTION and not scene.absent((BASTION,)):
        return None
    if not seen.drift:
        return _repeat_if_broken(scene, part, seen)
    return Begin(Verb.PUT, part, f"the rules of {part.key} differ from what they should be")


def _mend_net(scene: Scene, part: Part, seen: Seen) -> Step | None:
    if part.want is Want.PRESENT and (seen.drift or not seen.sound):
        return Begin(Verb.PUT, part, "Azure's own auto-shutdown is moved out of the way")
    return _repeat_if_broken(scene, part, seen)


def _mend_machine(scene: Scene, part: Part, seen: Seen) -> Step | None:
    if part.running is None or (part.replaceable and not seen.sound):
        return _repeat_if_broken(scene, part, seen)
    if part.running and seen.power in (Power.STOPPED, Power.DEALLOCATED):
        late = any(key in scene.busy or scene.sight(key).drift for key in part.before_start)
        return None if late else Begin(Verb.START, part, f"{part.key} is to run")
    if not part.running and seen.power in (Power.RUNNING, Power.STOPPED):
        park = Begin(Verb.DEALLOCATE, part, f"{part.key} is to be parked{scene.why(part)}")
        return park if scene.gate.open else Wait(part.key, scene.gate.reason)
    if seen.sound and seen.power is Power.CHANGING:
        return Wait(part.key, "the machine's power is changing", scene.now + FOREIGN_WORK_WAIT)
    return _repeat_if_broken(scene, part, seen)


MENDS: Mapping[Kind, Mend] = {
    Kind.NSG: _mend_rules,
    Kind.SHUTDOWN: _mend_net,
    Kind.VM: _mend_machine,
}


def gate(
    *,
    now: datetime,
    standing: bool,
    closing: bool,
    forced: bool,
    drainable: bool,
    drained_at: datetime | None,
    quiet_from_at: datetime | None,
) -> Gate:
    """Say whether what would end sessions may be done now.

    The targets have already answered whether anybody is connected. What is left is the gap between that look
    and the act: while the door is closing, new connections must be kept out first (``drained_at``) and what is
    known of the sessions must hold from after that (``quiet_from_at``: the instant of a reading, the beginning of
    a count); otherwise they must have been read in this very pass. A frontend that cannot be drained (``drainable``
    False) must not keep a door open for ever: then the fresh reading has to do. Past an announced hard limit
    (``forced``) nobody is asked any more, since a broken session list must not bill for ever.
    """
    if not standing:
        return Gate(open=True)
    draining = closing and drainable
    if draining and drained_at is None:
        return Gate(open=False, reason="new connections are being kept out first")
    read_since = drained_at if draining and drained_at else now
    if not forced and (quiet_from_at is None or quiet_from_at < read_since):
        return Gate(open=False, reason="the sessions must be read once more first")
    return Gate(open=True)
