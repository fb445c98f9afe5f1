"""Folds what was just seen into a stack's status: parts, meters, sessions, and how far each box has come. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifecycle.blueprint import BASTION, NSG_FRONTEND, PEERING, Part, box_key
from lifecycle.estate import Estate, guest_of
from lifecycle.model import (
    Active,
    Activity,
    BoxIntent,
    BoxStatus,
    Count,
    Idle,
    Kind,
    Level,
    Login,
    OpenMeter,
    OpenSession,
    Operation,
    Power,
    Seen,
    SessionSeen,
    Sighting,
    StackStatus,
    Unknown,
    Verb,
)
from lifecycle.sightings import bills_by, disk_bills_by

WITNESS_GOOD_FOR = timedelta(minutes=15)
"""A count that ended longer ago says nothing of now. Metrics arrive some minutes late."""
NOTHING_ENDED: Mapping[str, str] = {}
OTHERS = "/"
"""In the box of a session that leads to another stack's: ``stack/box``. It counts for no box of this one."""
ANY_BOX = ""
"""The box of a session of which the service does not say where it leads: it counts for every box."""


@dataclass(frozen=True, slots=True)
class MeterChange:
    """An interval that began, or ended between ``closed_seen_at`` and ``closed_absent_at``."""

    part: str
    open: OpenMeter
    closed_seen_at: datetime | None = None
    closed_absent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionChange:
    """Somebody came, or left between ``session.last_seen_at`` and ``ended_at``, and why it ended."""

    session_id: str
    session: OpenSession
    ended_at: datetime | None = None
    end_reason: str = ""


def may_bill(
    status: StackStatus, claimed: Iterable[Part], parts: Mapping[str, Part], now: datetime
) -> tuple[StackStatus, tuple[MeterChange, ...]]:
    """Open the meters of what is about to be made or started: from the claim on it may bill.

    ``claimed`` are the parts of the claimed PUTs and STARTs, ``parts`` the whole blueprint: a disk comes with its
    machine. The next look that shows none of it, with no operation in flight, finds that it never was.
    """
    meters, changes = dict(status.meters), []
    for part in claimed:
        born = [other for other in parts.values() if other.born_with == part.key]
        for own, names in ((part, bills_by(part)), *((disk, disk_bills_by(part)) for disk in born)):
            before = status.parts.get(own.key)
            stands = before is not None and before.stands and part.kind is not Kind.VM
            for name in names if not stands else ():
                if not any(key.startswith(f"{own.key}|") for key in meters):
                    opened = OpenMeter(name, own.arm_id, now, now, seen=False)
                    meters[f"{own.key}|{name}"] = opened
                    changes.append(MeterChange(own.key, opened))
    return replace(status, meters=meters), tuple(changes)


def was_accepted(status: StackStatus, part: str, at: datetime) -> tuple[StackStatus, tuple[MeterChange, ...]]:
    """Note that Azure had taken, by ``at``, the request on which a part began to bill.

    A disk comes some time after its machine's request was taken, and nobody can tell whether it did before it is seen.
    """
    status = may_have_been_accepted(status, part)
    meters, changes = dict(status.meters), []
    for key, meter in status.meters.items():
        owner = key.partition("|")[0]
        if not meter.seen and meter.there_at is None and part == owner:
            meters[key] = replace(meter, there_at=at)
            changes.append(MeterChange(owner, meters[key]))
    return replace(status, meters=meters), tuple(changes)


def may_have_been_accepted(status: StackStatus, part: str, *, lost: bool = False) -> StackStatus:
    """Note that Azure may have taken the request on which a part, and a disk born with it, would begin to bill.

    ``lost``: nobody knows what stood there under the claim either.
    """
    unsure = {
        key: replace(meter, unsure=True, lost=meter.lost or lost)
        for key, meter in status.meters.items()
        if not meter.seen and part in (owner := key.partition("|")[0], _machine_of(owner))
    }
    return replace(status, meters={**status.meters, **unsure})


def _machine_of(part: str) -> str:
    """Name the machine that a disk is born with."""
    return part.replace("disk!", "vm!") if part.startswith("disk!") else part


def saw_parts(
    status: StackStatus,
    seen: Mapping[str, Seen],
    operations: Iterable[Operation],
    now: datetime,
    in_flight: Container[str] = (),
) -> tuple[StackStatus, tuple[MeterChange, ...]]:
    """Take in a look at some parts. Meters follow the facts; a claim tells since when a part may have billed.

    ``in_flight`` are the parts with an operation under way. What is not there yet may still come of that, and of a
    machine that Azure is seen to be making still, whatever became of the operation. What is there though the claim
    cannot have brought it, or need not have, was there before: people start machines too.
    """
    claims = {op.part: op.claimed_at for op in operations if op.verb in (Verb.PUT, Verb.START)}
    meters, changes = dict(status.meters), []
    latest = {**status.parts, **seen}
    for part, sight in seen.items():
        running = {key for key in meters if key.partition("|")[0] == part}
        there = {f"{part}|{meter}": meter for meter in sight.meters}
        machine = _machine_of(part)
        may_come = machine in in_flight or (machine in latest and _is_unfinished(latest[machine]))
        for key in running - there.keys():
            if not meters[key].seen and may_come:
                continue
            changes.append(_ended(part, meters.pop(key), now))
        for key, meter in there.items():
            before = meters.get(key)
            unshown_at = _last_without(part, status, now)
            if before and before.may_be_older and not may_come and unshown_at < before.claimed_at:
                changes.append(_never_was(part, before))
                before, began_at = None, unshown_at
            else:
                began_at = _claimed_at(part, claims) or unshown_at
            meters[key] = _seen_again(before, sight, now) or OpenMeter(
                meter,
                sight.arm_id,
                began_at,
                now,
                sound_at=now if sight.sound else None,
                there_at=now,
                busy_at=now if _is_unfinished(sight) else None,
                failed=sight.sighting is Sighting.BROKEN,
            )
            if before is None or replace(before, last_seen_at=meters[key].last_seen_at) != meters[key]:
                changes.append(MeterChange(part, meters[key]))
    settled = {part: _settled(status.parts.get(part), sight, now) for part, sight in seen.items()}
    parts = {**status.parts, **settled}
    blocks = {part: block for part, block in status.blocks.items() if not _cured(block.verb, seen.get(part))}
    status = replace(status, parts=parts, meters=meters, blocks=blocks)
    return _with_door(status, now), tuple(changes)


def still_at_work(status: StackStatus, operation: Operation, now: datetime) -> StackStatus:
    """Take in that Azure is still making or starting a part: neither it nor the disk born with it has succeeded yet.

    That says nothing of what began to bill with an earlier request for the same part.
    """
    meters = {
        key: replace(meter, busy_at=now)
        if meter.unfinished
        and meter.claimed_at == operation.claimed_at
        and operation.part in (owner := key.partition("|")[0], _machine_of(owner))
        else meter
        for key, meter in status.meters.items()
    }
    return replace(status, meters=meters)


def _settled(before: Seen | None, sight: Seen, now: datetime) -> Seen:
    """Tell whose doing it is that a machine runs or does not: a change from rest is somebody else's.

    What we do to a machine ends its rest with the claim, see ``stirred``. One that Azure is at work on does not rest:
    while it is being made it tells no power state at all.
    """
    busy = sight.sighting is Sighting.BUSY
    since_at = ((before and before.busy_since_at) or now) if busy else None
    sight = replace(sight, leaving=bool(before and before.leaving and sight.stands), busy_since_at=since_at)
    old = before.settled if before else None
    by_hand_at = before.by_hand_at if before and old else None
    if sight.power in (None, Power.CHANGING) or busy:
        return replace(sight, settled=old, by_hand_at=by_hand_at)
    changed = old is not None and (old is Power.RUNNING) is not (sight.power is Power.RUNNING)
    return replace(sight, settled=sight.power, by_hand_at=now if changed else by_hand_at)


def stirred(seen: Seen) -> Seen:
    """Note that we are about to act on a machine: the state it comes to rest in next is our doing."""
    return replace(seen, settled=None, by_hand_at=None)


def _seen_again(before: OpenMeter | None, sight: Seen, now: datetime) -> OpenMeter | None:
    """Bring a meter up to date that was open already."""
    if before is None:
        return None
    return replace(
        before,
        arm_id=sight.arm_id,
        last_seen_at=before.last_seen_at if _may_have_stopped_billing(sight) else now,
        sound_at=before.sound_at or (now if sight.sound else None),
        there_at=before.there_at or now,
        busy_at=now if before.unfinished and _is_unfinished(sight) else before.busy_at,
        seen=True,
        failed=before.failed or sight.sighting is Sighting.BROKEN,
    )


def _may_have_stopped_billing(sight: Seen) -> bool:
    """Whether a machine stands, but failed or is being deleted, and is not said to run: nobody says what that costs."""
    return sight.power is Power.STOPPED and (sight.sighting is Sighting.BROKEN or sight.going)


def _is_unfinished(sight: Seen) -> bool:
    """Whether Azure is still making it: what is being deleted may have been finished long before anybody looked."""
    return sight.sighting is Sighting.BUSY and not sight.going


def _ended(part: str, meter: OpenMeter, now: datetime) -> MeterChange:
    """Close a meter.

    What was accepted, or may have been, and came to nothing or is gone before anybody saw it, may have billed all the
    while.
    """
    return _never_was(part, meter) if meter.supposed else MeterChange(part, meter, meter.last_seen_at, now)


def _never_was(part: str, meter: OpenMeter) -> MeterChange:
    """Take back a meter that only a claim spoke for: it ends as it began."""
    return MeterChange(part, meter, meter.claimed_at, meter.claimed_at)


def _claimed_at(part: str, claims: Mapping[str, datetime]) -> datetime | None:
    """Say when we claimed what a part bills: an OS disk comes with its machine."""
    return claims.get(part) or claims.get(_machine_of(part))


def _last_without(part: str, status: StackStatus, now: datetime) -> datetime:
    """Say when a part was last looked at that is not metered yet: what it bills began later.

    Only stored instants are used, so that a pass repeated after a crash opens the very same meter.
    """
    before = status.parts.get(part)
    return (before.seen_at if before and before.seen_at else None) or status.looked_at or now


def _cured(verb: Verb, seen: Seen | None) -> bool:
    """Whether what was blocked has come to pass after all."""
    if seen is None:
        return False
    match verb:
        case Verb.DELETE:
            return seen.sighting is Sighting.ABSENT
        case Verb.START:
            return seen.power is Power.RUNNING
        case Verb.DEALLOCATE:
            return seen.power is Power.DEALLOCATED
        case Verb.TAG:
            return seen.sound and seen.tagged
        case _:
            return seen.sound and not seen.drift  # a change that was refused leaves what stood as it was


def _with_door(status: StackStatus, now: datetime) -> StackStatus:
    """Note since when the frontend is drained; a door that is gone takes its sessions along."""
    drained = bool((status.parts.get(NSG_FRONTEND) or Seen("")).drained)
    drained_at = (status.drained_at or now) if drained else None
    return replace(status, drained_at=drained_at, left_at=status.left_at if drained else None)


def saw_sessions(
    status: StackStatus,
    sessions: Iterable[SessionSeen],
    boxes: Mapping[str, str],
    now: datetime,
    ended: Mapping[str, str] = NOTHING_ENDED,
) -> tuple[StackStatus, tuple[SessionChange, ...]]:
    """Take in a well-read session list.

    ``boxes`` maps lower-case VM ids to box names, ``ended`` the sessions that were just ended for somebody to why.
    """
    there = {
        seen.session_id: OpenSession(
            boxes.get(seen.target_id.lower(), ANY_BOX),
            seen.user,
            seen.protocol,
            (status.sessions[seen.session_id].started_at if seen.session_id in status.sessions else None)
            or seen.started_at
            or now,
            now,
        )
        for seen in sessions
    }
    came = [SessionChange(key, session) for key, session in there.items() if key not in status.sessions]
    left = [
        SessionChange(key, old, now, ended.get(key) or _why_left(status, old.box))
        for key, old in status.sessions.items()
        if key not in there
    ]
    status = replace(status, sessions=there, sessions_at=now, sessions_failing_since_at=None)
    return status, (*came, *left)


def _why_left(status: StackStatus, box: str) -> str:
    machine = status.parts.get(box_key("vm", box))
    return "the person left" if machine is None or machine.power is Power.RUNNING else "the machine was stopped"


def saw_no_door(
    status: StackStatus, now: datetime, *, borrowed: bool = False
) -> tuple[StackStatus, tuple[SessionChange, ...]]:
    """Take in that no Bastion stands: whoever was connected is not any more.

    One's own is built anew with nothing kept out; a hub's (``borrowed``) may be built for others any time.
    """
    why = f"the door was shut: {status.closing_because}" if status.closing_because else "the Bastion was taken away"
    left = tuple(SessionChange(key, old, now, why) for key, old in status.sessions.items())
    drained_at = status.drained_at if borrowed else None
    return replace(
        status, sessions={}, sessions_at=None, sessions_failing_since_at=None, counted_at=None, drained_at=drained_at
    ), left


def saw_counts(
    status: StackStatus, counts: Iterable[Count], now: datetime
) -> tuple[StackStatus, tuple[SessionChange, ...]]:
    """Take in what the Session Count metric says while the session list is silent.

    Only a whole and recent interval is believed; without one the witness is silent too. A count of zero ends the
    sessions that were last seen before the interval: whoever came after it is not known of.
    """
    whole = [count for count in counts if now - WITNESS_GOOD_FOR <= count.until_at <= now]
    if not whole:
        return status, ()
    newest = max(whole, key=lambda count: count.until_at)
    left = {key: old for key, old in status.sessions.items() if newest.most == 0 and old.last_seen_at < newest.from_at}
    status = replace(
        status,
        counted_at=now,
        counted_from_at=newest.from_at,
        counted=newest.most,
        sessions={key: old for key, old in status.sessions.items() if key not in left},
    )
    return status, tuple(
        SessionChange(key, old, newest.until_at, _why_left(status, old.box)) for key, old in left.items()
    )


def can_be_inside(status: StackStatus) -> bool:
    """Say whether anybody could be connected: a host that never came up never let anybody in."""
    door = status.parts.get(BASTION)
    return door is not None and door.stands and (door.sound or status.sessions_at is not None)


def may_be_inside(status: StackStatus, *, borrowed: bool) -> bool:
    """Say whether anybody could be connected to a box of this stack.

    A hub's door (``borrowed``) stands for others too: then somebody can be inside only while a machine is on, and
    not since the stack has left the door, with new connections kept out and nobody found inside after that.
    """
    if not can_be_inside(status):
        return False
    return not borrowed or (a_machine_is_on(status) and not has_left(status))


def is_leaving(status: StackStatus, operations: Mapping[str, Operation]) -> bool:
    """Say whether the stack's own host is being deleted, by whomever: nobody is inside any more, or can come in."""
    door, operation = status.parts.get(BASTION), operations.get(BASTION)
    accepted = operation is not None and operation.verb is Verb.DELETE and operation.token is not None
    return accepted or (door is not None and door.going)


def a_machine_is_on(status: StackStatus) -> bool:
    """Say whether there is a machine to be inside of."""
    return any(key.startswith("vm!") and not _is_off(seen) for key, seen in status.parts.items())


def has_left(status: StackStatus) -> bool:
    """Say whether a stack has left its hub's door: new connections are kept out, and nobody was inside since."""
    return status.left_at is not None and status.drained_at is not None and status.left_at >= status.drained_at


def own_sessions(sessions: Iterable[SessionSeen], vms: Mapping[str, str]) -> tuple[SessionSeen, ...]:
    """Leave out the sessions of a hub's door that lead to others' machines; where one leads nowhere, it stays."""
    return tuple(seen for seen in sessions if not seen.target_id or seen.target_id.lower() in vms)


def guests_by_vm(sessions: Iterable[SessionSeen], estate: Estate, stack: str) -> dict[str, str]:
    """Map the VMs of other stacks that use this one's door, lower-case, to ``stack/box``."""
    found = {seen.target_id.lower(): guest_of(seen.target_id, estate) for seen in sessions}
    return {vm: OTHERS.join(guest) for vm, guest in found.items() if guest and guest[0] != stack}


def activity(status: StackStatus, box: BoxIntent, now: datetime, *, leaving: bool = False) -> Activity:
    """Say whether a box is in use. What was not read in this very pass is unknown, never idle.

    ``leaving``: the host's deletion is under way, which ended whatever sessions there were.
    """
    known = status.boxes.get(box.name)
    quiet = Idle((known and known.last_active_at) or box.wanted_from_at)
    if leaving or not can_be_inside(status) or _is_off(status.parts.get(box_key("vm", box.name))):
        return quiet
    if status.sessions_at != now:
        if _is_counted(status, now):
            return Active(status.counted) if status.counted else replace(quiet, sure=False)
        since = status.sessions_failing_since_at
        why = f"the session list cannot be read since {since:%Y-%m-%d %H:%M} UTC" if since else "sessions not read yet"
        return Unknown(why, since)
    count = connected(status, box.name)
    return Active(count) if count else quiet


def _is_counted(status: StackStatus, now: datetime) -> bool:
    """Whether the metric, and only it, has told in this very pass how many are connected."""
    return status.counted_at == now and status.sessions_at != now


def _is_off(machine: Seen | None) -> bool:
    """Whether nobody can be inside because there is nothing to be inside of."""
    return machine is not None and (machine.sighting is Sighting.ABSENT or machine.power is Power.DEALLOCATED)


def connected(status: StackStatus, box: str) -> int:
    """Count the sessions on a box, with those of which nobody knows where they lead."""
    return sum(session.box in (box, ANY_BOX) for session in status.sessions.values())


def level_of(status: StackStatus, box: BoxIntent, *, borrowed: bool = False) -> Level:
    """Say how far a box has come. Open means that a person can get in: door, machine and login, none shut.

    Through a hub's door (``borrowed``) one gets in only by a peering whose both sides stand.
    """
    parts = status.parts
    vm = parts.get(box_key("vm", box.name))
    if vm is None or not vm.stands:
        return Level.GONE
    if vm.power is not Power.RUNNING:
        return Level.PARKED
    needed = [BASTION, box_key("vm", box.name), NSG_FRONTEND, *((PEERING,) if borrowed else ())]
    if box.login is Login.ENTRA:
        needed.append(box_key("login", box.name))
    way_in = all(key in parts and parts[key].sound for key in needed) and not parts[NSG_FRONTEND].drained
    through = not borrowed or bool(PEERING in parts and parts[PEERING].connected)
    return Level.OPEN if way_in and through else Level.WARM


def box_seen(status: StackStatus, box: BoxIntent, now: datetime, *, borrowed: bool = False) -> BoxStatus:
    """Bring a box's own account up to date: level, first and latest ready, latest activity."""
    known = status.boxes.get(box.name)
    if known is None or known.incarnation != box.incarnation:
        known = BoxStatus(box.incarnation)
    level = level_of(status, box, borrowed=borrowed)
    opened = level is Level.OPEN and known.level is not Level.OPEN
    machine = status.parts.get(box_key("vm", box.name)) or Seen("")
    runs = machine.settled is Power.RUNNING
    count = connected(status, box.name)
    counted = _is_counted(status, now) and status.counted > 0
    return replace(
        known,
        level=level,
        ready_at=now if opened else known.ready_at,
        last_open_at=now if level is Level.OPEN else known.last_open_at,
        first_ready_at=known.first_ready_at or (now if opened else None),
        connected=count,
        last_active_at=now if count or known.connected or counted else known.last_active_at,
        stopped_by_hand_at=None if runs else machine.by_hand_at,
        started_by_hand_at=machine.by_hand_at if runs else None,
    )


def boxes_by_vm(boxes: Iterable[str], parts: Mapping[str, Seen]) -> dict[str, str]:
    """Map the VMs' ids, lower-case, to box names."""
    return {parts[key].arm_id.lower(): name for name in boxes if (key := box_key("vm", name)) in parts}
