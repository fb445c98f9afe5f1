"""From a stack's rows and what was just seen, everything that follows: targets, steps, and when to look again.

Pure: the shell gathers what goes in here and carries out what comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifecycle.blueprint import BASTION, GUEST, HUB, NSG_FRONTEND, VNET, BoxWish, Links, Part, Want, blueprint, box_key
from lifecycle.detour import hours_of
from lifecycle.drift import still_theirs
from lifecycle.estate import Estate
from lifecycle.habit import used_on_with
from lifecycle.hubs import UNPEERABLE, needed_until, next_word, trouble, with_trouble
from lifecycle.lead import lead_of, waits_with
from lifecycle.model import (
    Activity,
    Block,
    BoxIntent,
    BoxStatus,
    Hub,
    Idle,
    Kind,
    Level,
    Need,
    Operation,
    Policy,
    Seen,
    Sighting,
    StackIntent,
    StackStatus,
    Verb,
)
from lifecycle.observation import (
    ANY_BOX,
    OTHERS,
    a_machine_is_on,
    activity,
    box_seen,
    can_be_inside,
    has_left,
    is_leaving,
    may_be_inside,
)
from lifecycle.phase import DOOR, block_of, eta_of, phase_of
from lifecycle.plan import Begin, Gate, Scene, Step, Wait, gate, plan
from lifecycle.schedule import Schedule
from lifecycle.sightings import digest_of
from lifecycle.target import Cause, Deadline, Target, target

LOOK_AT_ALL_EVERY = timedelta(hours=1)
SHORTEST_SESSION_LOOK = timedelta(minutes=1)
LONGEST_SESSION_LOOK = timedelta(minutes=5)
SHARED = ""
"""The name under which the reasons of what all boxes share are kept."""
LONGEST_REASON = 500
NOT_OURS = "NotOurs"
"""Our own code for what keeps a box from being made: something has the name of a part of it."""
NET_BEHIND = timedelta(hours=1)
"""Azure's auto-shutdown may fire this long after the last instant at which the machine should run."""
NET_STEP = timedelta(minutes=30)
NET_HORIZON = timedelta(hours=23)
"""It fires daily: further ahead than this no time of day is safe, and it is switched off for now."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a decision is made from. ``status`` already holds what this pass has seen."""

    now: datetime
    estate: Estate
    stack: str
    intent: StackIntent
    boxes: Mapping[str, BoxIntent]
    status: StackStatus
    operations: Mapping[str, Operation]
    schedules: Mapping[str, Schedule]
    policy: Policy
    hub: Hub | None = None
    """The hub whose door this stack uses."""
    needs: Mapping[str, Need] = field(default_factory=dict)
    """What other stacks need of this one, as far as it is believed."""

    @property
    def needed_until(self) -> datetime | None:
        """Until when another stack needs this one's door, as things stand."""
        return needed_until(self.needs.values(), self.now)


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a case."""

    status: StackStatus
    """With each box's target, phase, reason and estimate brought up to date."""
    targets: Mapping[str, Target]
    parts: Mapping[str, Part]
    steps: tuple[Step, ...]
    warnings: tuple[tuple[str, Deadline], ...]
    """Box and deadline of every warning that is due and was not given."""
    look_again_at: datetime | None
    closing: bool
    gone: bool
    """Whether nothing of the stack is wanted and nothing of it stands."""
    word: Need | None = None
    """What this stack is to say it needs of its hub; None where it has none of ours, or needs nothing."""

    @property
    def begins(self) -> tuple[Begin, ...]:
        """The mutations that may be sent now."""
        return tuple(step for step in self.steps if isinstance(step, Begin))

    @property
    def losses(self) -> tuple[Begin, ...]:
        """The deletions by which a door or a machine is lost, other than those of closing time."""
        lower = {name: found.cause for name, found in self.targets.items() if found.level < Level.OPEN}
        closing_time = bool(lower) and all(cause is Cause.HOURS for cause in lower.values())
        return tuple(
            begin
            for begin in self.begins
            if begin.verb is Verb.DELETE
            and (begin.part.kind is Kind.VM or (begin.part.kind is Kind.BASTION and not closing_time))
        )

    @property
    def cut_off(self) -> tuple[str, ...]:
        """The sessions that the mutations would end: there are some only past an announced hard limit."""
        ends = {begin.part.key for begin in self.begins if begin.verb in (Verb.DELETE, Verb.DEALLOCATE)}
        return tuple(
            key
            for key, session in self.status.sessions.items()
            if BASTION in ends or box_key("vm", session.box) in ends
        )

    @property
    def unseen(self) -> tuple[Part, ...]:
        """Parts that must be looked at before anything can be said of them."""
        return tuple(
            part
            for part in self.parts.values()
            if self.status.parts.get(part.key, Seen("")).sighting is Sighting.UNSEEN
        )


def decide(case: Case) -> Decision:
    """Name every box's target and every step that may start now."""
    borrowed = case.hub is not None
    boxes = {name: box_seen(case.status, box, case.now, borrowed=borrowed) for name, box in case.boxes.items()}
    waits = waits_with(case.status, boxes, case.now, borrowed=borrowed)
    status = replace(case.status, boxes={**case.status.boxes, **boxes}, waits_seconds=waits)
    if case.hub:
        found = trouble(case.hub, case.stack, case.intent, status, case.estate, case.now)
        status = with_trouble(status, found, case.now)
    case = replace(case, status=status)
    leaving = case.hub.leaving if case.hub else is_leaving(status, case.operations)
    outside = leaving or (borrowed and has_left(status))
    activities = {name: activity(status, box, case.now, leaving=outside) for name, box in case.boxes.items()}
    targets = {
        name: target(
            case.now, box, boxes[name], hours_of(box, case.schedules), activities[name], case.policy, lead_of(waits)
        )
        for name, box in case.boxes.items()
    }
    targets = {name: _spared(case, boxes[name], found) for name, found in targets.items()}
    levels = {name: _level_to_build(case, name, found, activities[name]) for name, found in targets.items()}
    door = _door_wanted(case, levels, activities) or _door_tried_again(case, targets)
    closing = not door and (a_machine_is_on(status) if borrowed else can_be_inside(status))
    because = _because(targets, levels, door=door)
    standing = may_be_inside(status, borrowed=borrowed) and not leaving
    links, wishes = _links(case), _wishes(case, targets, levels)
    parts = blueprint(case.estate, case.stack, case.intent, wishes, door=door, closing=closing, links=links)
    status = replace(status, blocks=_still_in_the_way(case, targets, parts))
    case = replace(case, status=status)
    scene = _scene(case, parts, targets, because, standing=standing, closing=closing)
    steps = (*plan(scene), *_waits_for_hub(status))
    warnings = _due_warnings(case, targets)
    last = all(level is Level.GONE for level in levels.values()) and not links.needed
    gone = last and not _stands(status, parts)
    word = None if gone else _word(case, parts, scene.gate, door=door, levels=levels)
    status = replace(status, left_at=_left_at(case, scene.gate, door=door), needs=case.needs)
    status = replace(
        status,
        boxes={
            **status.boxes,
            **{name: _told(case, name, targets[name], parts, alone=last and not gone) for name in boxes},
        },
        parts={key: seen for key, seen in status.parts.items() if key in parts},
        drifts=still_theirs(status.drifts, parts),
        closing_because="" if door else because[SHARED] if standing else status.closing_because,
    )
    again = None if gone and not _future(targets) else _look_again_at(case, status, targets, steps, parts)
    return Decision(status, targets, parts, steps, warnings, again, closing, gone, word)


def _because(targets: Mapping[str, Target], levels: Mapping[str, Level], *, door: bool) -> dict[str, str]:
    """Say of each box, and of the door, why it is less wanted than open."""
    boxes = {name: targets[name].reason for name, level in levels.items() if level < Level.OPEN}
    shared = "" if door else "; ".join(f"{name}: {reason}" for name, reason in sorted(boxes.items()))
    return {**boxes, SHARED: shared[:LONGEST_REASON]}


def _spared(case: Case, known: BoxStatus, found: Target) -> Target:
    """Leave a box of an exempt stack as high as it is; what a person retires goes all the same."""
    until = case.intent.exempt_until
    if until is None or until <= case.now or found.level >= known.level or found.cause is Cause.RETIRED:
        return found
    changes = [instant for instant in (found.changes_at, until) if instant]
    reason = f"exempt until {until:%Y-%m-%d %H:%M} UTC; else: {found.reason}"
    return replace(found, level=known.level, reason=reason, changes_at=min(changes), warnings=(), runs_until=until)


def _level_to_build(case: Case, name: str, found: Target, use: Activity) -> Level:
    """A box that nobody can enter is not kept running for nothing; a refusal cuts nobody off.

    A login is installed by the machine itself, so for another try at it the machine runs.
    """
    login = case.status.blocks.get(box_key("login", name))
    no_login = login is not None and _cannot_be_had(login) and case.now < login.retry_at
    no_door = bool(_refused_door(case))
    return min(found.level, Level.PARKED) if (no_door or no_login) and isinstance(use, Idle) else found.level


def _refused_door(case: Case) -> list[Block]:
    return [block for part, block in case.status.blocks.items() if part in DOOR and _cannot_be_had(block)]


def _door_tried_again(case: Case, targets: Mapping[str, Target]) -> bool:
    """Whether it is time for another try at a door that could not be had: it alone, the machines wait for it."""
    refused = _refused_door(case)
    asked = any(found.level is Level.OPEN for found in targets.values())
    return asked and bool(refused) and all(block.retry_at <= case.now for block in refused)


def _cannot_be_had(block: Block) -> bool:
    """A part that may not be deleted stands, and serves."""
    return block.takes_down and block.verb is not Verb.DELETE


def _still_in_the_way(case: Case, targets: Mapping[str, Target], parts: Mapping[str, Part]) -> dict[str, Block]:
    """Forget what could be tried again by now, but is wanted no more.

    The refusal of a door that somebody asks for is kept until it has come: no machine runs for nothing meanwhile.
    """
    asked = any(found.level is Level.OPEN for found in targets.values())
    kept = {HUB, *(DOOR if asked else ())}
    return {
        key: block
        for key, block in case.status.blocks.items()
        if case.now < block.retry_at
        or key in kept
        or (key in parts and _may_be_tried(block.verb, parts[key], case.status.parts.get(key, Seen(""))))
    }


def _may_be_tried(verb: Verb, part: Part, seen: Seen) -> bool:
    """Whether a plan could name this verb for the part: of what is not needed now, only rules are mended."""
    match verb:
        case Verb.DELETE | Verb.TAG:
            return seen.stands
        case Verb.START:
            return part.running is True
        case Verb.DEALLOCATE:
            return part.running is False
        case _:
            return part.want is Want.PRESENT or (part.kind is Kind.NSG and seen.stands and bool(seen.drift))


def _door_wanted(case: Case, levels: Mapping[str, Level], activities: Mapping[str, Activity]) -> bool:
    """The door stands iff a box that can be had, or may be in use, asks for it, or another stack does."""
    if case.needed_until is not None or _others_inside(case):
        return True
    blocked = {part.partition("!")[2] for part, block in case.status.blocks.items() if _cannot_be_had(block)}
    return any(
        level is Level.OPEN and (name not in blocked or not isinstance(activities[name], Idle))
        for name, level in levels.items()
    )


def _others_inside(case: Case) -> bool:
    """Whether somebody is connected to a machine of others who have not said that they are done with the door.

    A stack that falls silent does not have its people cut off at once, nor for ever kept a door for. Nor has a
    network that was peered by hand, where no box of ours speaks for the door.
    """
    for session in case.status.sessions.values():
        stack, others, _ = session.box.partition(OTHERS)
        need = case.needs.get(stack) if others else None
        silent = need is not None and need.door and case.now < need.until + case.policy.blind_limit
        stray = (
            session.box == ANY_BOX
            and not case.boxes
            and not case.hub
            and case.now < session.started_at + case.policy.blind_limit
        )
        if silent or stray:
            return True
    return False


def _links(case: Case) -> Links:
    """Say how the stack hangs together with others. A peering whose stack needs nothing any more is to go."""
    live = {stack: need for stack, need in case.needs.items() if need.until > case.now}
    old = {key.removeprefix(GUEST) for key, seen in case.status.parts.items() if key.startswith(GUEST) and _there(seen)}
    guests = dict.fromkeys(sorted(old), "") | {stack: need.vnet for stack, need in live.items() if need.vnet}
    return Links(case.hub, _may_peer(case.status), guests, needed=bool(live))


def _may_peer(status: StackStatus) -> bool:
    return HUB not in status.blocks or status.blocks[HUB].code not in UNPEERABLE


def _there(seen: Seen) -> bool:
    return seen.sighting not in (Sighting.ABSENT, Sighting.FOREIGN)


def _word(
    case: Case, parts: Mapping[str, Part], passage: Gate, *, door: bool, levels: Mapping[str, Level]
) -> Need | None:
    """Say what is needed of the hub. The door is not let go before nobody can be inside: drained, and read after."""
    if case.hub is None or not case.hub.ours:
        return None
    network = case.status.parts.get(VNET, Seen(""))
    if parts[VNET].want is Want.ABSENT and not door and not network.stands:
        return None
    before = case.hub.word
    leaving = before is not None and before.door and not passage.open
    peered = parts[VNET].want is not Want.ABSENT and network.sound and _may_peer(case.status)
    open_boxes = [name for name, level in levels.items() if level is Level.OPEN]
    vnet = parts[VNET].arm_id if peered else ""
    return next_word(before, case.now, door=door or leaving, vnet=vnet, boxes=open_boxes or levels)


def _left_at(case: Case, passage: Gate, *, door: bool) -> datetime | None:
    """Note since when nobody of this stack can be inside through its hub's door."""
    if case.hub is None or door or not passage.open or case.status.drained_at is None:
        return None
    return case.status.left_at if has_left(case.status) else case.now


def _waits_for_hub(status: StackStatus) -> tuple[Wait, ...]:
    block = status.blocks.get(HUB)
    return (Wait(HUB, f"{block.code}: {block.message}", block.retry_at),) if block else ()


def _wishes(case: Case, targets: Mapping[str, Target], levels: Mapping[str, Level]) -> list[BoxWish]:
    return [
        BoxWish(
            box,
            levels[name],
            _box_stands(case.status, name),
            _net_at(case, targets[name]),
            used=case.status.boxes[name].first_ready_at is not None,
        )
        for name, box in case.boxes.items()
    ]


def _box_stands(status: StackStatus, name: str) -> bool:
    return any(seen.stands for key, seen in status.parts.items() if key.endswith(f"!{name}"))


def _net_at(case: Case, found: Target) -> datetime | None:
    """Say when Azure's own auto-shutdown may stop the machine: well after we should have, or not for now."""
    if found.level < Level.WARM or found.runs_until is None:
        return None
    at = _rounded_up(found.runs_until + case.policy.closing_grace + NET_BEHIND)
    return at if case.now < at < case.now + NET_HORIZON else None


def _rounded_up(at: datetime) -> datetime:
    """Go on to the next half hour: an end that moves with the clock would have the schedule written every minute."""
    over = timedelta(minutes=at.minute % 30, seconds=at.second, microseconds=at.microsecond)
    return at + NET_STEP - over if over else at


def _net_in_the_way(case: Case, net: Part | None) -> bool:
    """Whether Azure's auto-shutdown is not yet seen where it may not disturb: until then no hold is confirmed."""
    if net is None:
        return False
    seen = case.status.parts.get(net.key, Seen(""))
    return seen.stands and (net.key in case.operations or bool(seen.drift) or seen.against != digest_of(net))


def _scene(
    case: Case,
    parts: Mapping[str, Part],
    targets: Mapping[str, Target],
    because: Mapping[str, str],
    *,
    standing: bool,
    closing: bool,
) -> Scene:
    status = case.status
    frontend = status.parts.get(NSG_FRONTEND)
    blocked = NSG_FRONTEND in status.blocks and status.blocks[NSG_FRONTEND].shown
    passage = gate(
        now=case.now,
        standing=standing,
        closing=closing,
        forced=any(found.forced for found in targets.values()) or _is_blind(case),
        drainable=bool(frontend and frontend.stands) and not blocked,
        drained_at=status.drained_at,
        quiet_from_at=_quiet_from(status, case.now),
    )
    return Scene(case.now, parts, status.parts, case.operations.keys(), status.blocks, passage, closing, because)


def _is_blind(case: Case) -> bool:
    """Whether the sessions have been unreadable for so long that a door nobody asks for goes all the same."""
    since_at = case.status.sessions_failing_since_at
    return since_at is not None and case.now - since_at >= case.policy.blind_limit


def _quiet_from(status: StackStatus, now: datetime) -> datetime | None:
    """Say from when on what is known of the sessions holds: the reading's instant, or what the metric counted."""
    silent = status.counted_at == now and status.counted == 0
    known = (status.sessions_at, status.counted_from_at if silent else None)
    return max((at for at in known if at), default=None)


def _due_warnings(case: Case, targets: Mapping[str, Target]) -> tuple[tuple[str, Deadline], ...]:
    return tuple(
        (name, deadline)
        for name, found in targets.items()
        for deadline in found.warnings
        if deadline.at - case.policy.warning_lead <= case.now and not _warned(case.status, name, deadline)
    )


def _warned(status: StackStatus, name: str, deadline: Deadline) -> bool:
    warned = status.boxes[name].warned.get(deadline.kind)
    return warned is not None and warned.deadline_at == deadline.at


def _stands(status: StackStatus, parts: Mapping[str, Part]) -> bool:
    sights = (status.parts.get(key, Seen("")) for key, part in parts.items() if not part.borrowed)
    return any(seen.stands or seen.sighting is Sighting.UNSEEN for seen in sights)


def _someone_elses(status: StackStatus, parts: Mapping[str, Part]) -> list[Part]:
    """Name the wanted parts in whose place something stands that is not ours: it is left alone, so people must act."""
    sights = {key: status.parts.get(key, Seen("")).sighting for key in parts}
    return [
        part
        for key, part in parts.items()
        if sights[key] is Sighting.FOREIGN and part.want is Want.PRESENT and not part.borrowed
    ]


def _future(targets: Mapping[str, Target]) -> bool:
    return any(found.changes_at is not None for found in targets.values())


def _told(case: Case, name: str, found: Target, parts: Mapping[str, Part], *, alone: bool) -> BoxStatus:
    """Say what people read of a box. The last of a stack is not gone before the stack is (``alone``)."""
    known, hours = case.status.boxes[name], hours_of(case.boxes[name], case.schedules)
    standing = alone or _box_stands(case.status, name) or box_key("vm", name) in case.operations
    block = block_of(name, case.status.blocks)
    if block is None and known.level < found.level:
        block = block_of(name, {part.key: _taken(part, case.now) for part in _someone_elses(case.status, parts)})
    phase, reason = phase_of(found, known, block, standing=standing)
    if found.cause is Cause.HELD and phase != "blocked" and _net_in_the_way(case, parts.get(box_key("shutdown", name))):
        reason = f"to be {reason}: Azure's own auto-shutdown is put off first"
    lease = next((deadline.at for deadline in found.warnings if deadline.kind == "lease"), known.lease_until)
    return replace(
        known,
        target=found.level,
        phase=phase,
        reason=reason,
        changes_at=found.changes_at,
        asked_at=found.asked_at,
        lease_until=lease if known.first_ready_at else None,
        eta_at=eta_of(found, known, case.operations.values(), case.now, case.boxes[name].start_at),
        waiting_since_at=(known.waiting_since_at or case.now) if known.level < Level.OPEN is found.level else None,
        used_on=used_on_with(known.used_on, hours.in_force(case.now), case.now) if known.connected else known.used_on,
    )


def _taken(part: Part, now: datetime) -> Block:
    """Say of a part in whose place something of somebody else's stands what is to be done about that."""
    kind_and_name = "/".join(part.arm_id.split("/")[-2:])
    message = f"{kind_and_name} exists and does not carry our tags: give them back to it, or delete it"
    return Block(Verb.PUT, NOT_OURS, message, 1, now, shown=True)


def _look_again_at(
    case: Case,
    status: StackStatus,
    targets: Mapping[str, Target],
    steps: Iterable[Step],
    parts: Mapping[str, Part],
) -> datetime | None:
    """Name the earliest instant at which anything could be different; always in the future, or now."""
    instants = [found.changes_at for found in targets.values() if found.changes_at]
    instants += [
        deadline.at - case.policy.warning_lead
        for name, found in targets.items()
        for deadline in found.warnings
        if not _warned(status, name, deadline)
    ]
    instants += [step.until for step in steps if isinstance(step, Wait) and step.until]
    if _stands(status, parts) or _someone_elses(status, parts):
        instants.append((status.looked_at or case.now) + LOOK_AT_ALL_EVERY)
    instants += [block.retry_at for block in _refused_door(case) if block.retry_at > case.now]
    instants += [need.until for need in case.needs.values() if need.until > case.now]
    door = status.parts.get(BASTION)
    inhabited = may_be_inside(status, borrowed=case.hub is not None) and not is_leaving(status, case.operations)
    if door and door.stands and inhabited and BASTION not in case.operations:
        instants.append(case.now + session_look_every(case.policy))
    return max(case.now, min(instants)) if instants else None


def session_look_every(policy: Policy) -> timedelta:
    """Say how often the sessions of an open door are read: a tenth of the idle limit, one to five minutes."""
    return min(LONGEST_SESSION_LOOK, max(SHORTEST_SESSION_LOOK, policy.idle_limit / 10))
