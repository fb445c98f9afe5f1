"""What a pass asks of Azure without changing anything: how operations go, what stands, and who is inside."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from lifecycle.audit import Entry
from lifecycle.blueprint import BASTION, Part
from lifecycle.decision import LOOK_AT_ALL_EVERY
from lifecycle.drift import with_drifts
from lifecycle.due import EARLY
from lifecycle.faults import AzureFault, Meaning, Overdue
from lifecycle.hubs import around, is_foreign, network_of
from lifecycle.model import Kind, Operation, Power, Seen, Sighting, StackStatus, Verb
from lifecycle.observation import (
    boxes_by_vm,
    can_be_inside,
    guests_by_vm,
    is_leaving,
    may_be_inside,
    own_sessions,
    saw_counts,
    saw_no_door,
    saw_sessions,
    still_at_work,
)
from lifecycle.plan import look_at_work_at
from lifecycle.ports import Azure, Body, Remove, Table, Tables
from lifecycle.rows import DISCONNECT
from lifecycle.sightings import digest_of, sight, sight_child
from lifecycle.turn import AZURE, BEGINS_A_METER, Turn

POLL_EVERY = timedelta(seconds=15)
"""Our own pause between polls where Azure asks for none; after ten minutes a fortieth of its time so far."""
LONGEST_OPERATION = timedelta(hours=2)
"""After so long an operation is no longer believed in: the resource is looked at instead."""
LOOKS_AT_ONCE = 10
METRIC_LOOKS_BACK = timedelta(minutes=30)
SILENCE_BORNE = timedelta(minutes=30)
"""So long nobody is bothered when neither the session list nor the metric tells who is connected."""


class Lookout:
    """Brings a turn's picture of Azure up to date."""

    def __init__(self, tables: Tables, azure: Azure) -> None:
        self.tables = tables
        self.azure = azure

    async def poll(self, turn: Turn) -> None:
        """Ask each operation in flight once."""
        await asyncio.gather(*(self._poll_one(turn, operation) for operation in list(turn.operations.values())))

    async def _poll_one(self, turn: Turn, operation: Operation) -> None:
        """Ask once how an operation goes. A token is a hint: in any trouble the look tells the truth."""
        if operation.token is None:
            turn.unheard(operation, lost=True)
            turn.end(operation, "seen by look", "its worker was lost after the claim")
            return
        turn.accepted(operation, turn.now)  # a worker that died right after it stored the token told the books nothing
        if turn.now - operation.claimed_at > LONGEST_OPERATION:
            turn.end(operation, "seen by look", "it ran longer than any such operation does")
            return
        if operation.poll_at and operation.poll_at > turn.now + EARLY:
            turn.look_again_at.append(operation.poll_at)
            return
        try:
            progress = await self.azure.poll(operation.verb, operation.kind, operation.arm_id, operation.token)
        except AzureFault as silence:
            silences = operation.silences + 1
            turn.keep(operation, silence.fault.wait(silences), silences)
            return
        if progress.running:
            if operation.verb in BEGINS_A_METER:
                turn.status = still_at_work(turn.status, operation, turn.now)
            turn.keep(operation, max(progress.wait or POLL_EVERY, (turn.now - operation.claimed_at) / 40))
        elif progress.fault is None:
            turn.end(operation, "done", operation.reason)
        elif progress.fault.meaning is Meaning.LOST:
            turn.end(operation, "seen by look", "its operation is forgotten")
        else:
            turn.end(operation, "failed", f"{progress.fault.code}: {progress.fault.message}")
            turn.block(operation.part, operation.verb, progress.fault)

    async def look(self, turn: Turn) -> None:
        """See what Azure shows: all of it when something may have changed, then who is connected.

        Who is connected decides what is wanted; where that changes a part's blueprint, it is looked at once more.
        """
        parts = list(turn.decide().parts.values())
        unclear = [part for part in parts if _is_unclear(turn.status, part, turn.now)]
        wanted = parts if self._all_is_due(turn) else unclear
        if wanted:
            await self._look_at(turn, wanted, everything=len(wanted) == len(parts))
        await self._look_inside(turn)
        outdated = [part for part in turn.decide().parts.values() if _is_outdated(turn.status, part)]
        if outdated and AZURE not in turn.status.blocks:
            await self._look_at(turn, outdated, everything=False)

    def _all_is_due(self, turn: Turn) -> bool:
        status = turn.status
        if turn.ended or turn.revision != status.revision or status.looked_at is None:
            return True
        retry = any(status.looked_at < block.retry_at <= turn.now + EARLY for block in status.blocks.values())
        return retry or status.looked_at + LOOK_AT_ALL_EVERY <= turn.now + EARLY

    async def see(self, part: Part, now: datetime) -> tuple[Body | None, Seen]:
        """Look at one part; a network's child is judged by that network too."""
        body = await self.azure.look(part.kind, part.arm_id)
        if part.holder is None:
            return body, sight(part, body, now)
        return body, sight_child(part, body, await self.azure.look(Kind.VNET, part.holder), now)

    async def _see_borrowed(self, turn: Turn, part: Part) -> Seen:
        """Look at a hub's door. Trouble with what is not ours is no trouble of Azure: the last sighting stands."""
        foreign = turn.intent.hub is not None and is_foreign(turn.intent.hub)
        try:
            host = await self.azure.look(part.kind, part.arm_id)
            network = network_of(host) if foreign and host else ""
            around_it = await self.azure.look(Kind.VNET, network) if network else None
        except AzureFault:
            if not foreign:
                raise
            return turn.status.parts.get(part.key) or Seen(part.arm_id, Sighting.FOREIGN, turn.now)
        if foreign and host:
            turn.borrowed = around(host, around_it)
        return sight(part, host, turn.now)

    async def _look_at(self, turn: Turn, parts: list[Part], *, everything: bool) -> None:
        at_once = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def look(part: Part) -> tuple[str, Seen]:
            async with at_once:
                if part.borrowed:
                    return part.key, await self._see_borrowed(turn, part)
                return part.key, (await self.see(part, turn.now))[1]

        try:
            seen = dict(await asyncio.gather(*(look(part) for part in parts)))
        except AzureFault as silence:
            turn.block(AZURE, Verb.PUT, silence.fault)
            turn.look_again_at.append(turn.status.blocks[AZURE].retry_at)
            return
        before = turn.status.parts
        turn.saw(seen)
        blocks = {part: block for part, block in turn.status.blocks.items() if part != AZURE}
        looked_at = turn.now if everything else turn.status.looked_at
        blueprint = {part.key: part for part in parts}
        status = with_drifts(turn.status, before, blueprint, seen.keys(), turn.now)
        turn.entries += [_by_hands(part) for part in status.parts.values() if part.by_hand_at == turn.now]
        turn.status = replace(status, blocks=blocks, looked_at=looked_at, hub=turn.borrowed or status.hub)

    async def _look_inside(self, turn: Turn) -> None:
        """Read who is connected, and end the sessions that people asked to end."""
        door = turn.status.parts.get(BASTION)
        borrowed = turn.intent.hub is not None
        if door is None or not may_be_inside(turn.status, borrowed=borrowed):
            if door is not None and (door.sighting is Sighting.ABSENT or can_be_inside(turn.status)):
                turn.status, changes = saw_no_door(turn.status, turn.now, borrowed=borrowed)
                turn.sessions += changes
            return
        if is_leaving(turn.status, turn.operations):
            return
        try:
            ended = await self._disconnect(turn, door.arm_id)
            sessions = await self.azure.sessions(door.arm_id)
        except AzureFault as silence:
            if silence.fault.meaning is Meaning.GONE:
                await self._look_at(turn, [turn.decide().parts[BASTION]], everything=False)
            await self._ask_the_metric(turn, door.arm_id)
            return
        vms = boxes_by_vm(turn.rows.boxes, turn.status.parts)
        if borrowed:
            sessions = own_sessions(sessions, vms)
        else:
            vms = {**guests_by_vm(sessions, turn.estate, turn.rows.name), **vms}
        turn.status, changes = saw_sessions(turn.status, sessions, vms, turn.now, ended)
        turn.sessions += changes

    async def _ask_the_metric(self, turn: Turn, bastion_id: str) -> None:
        """Ask the second witness. Operators are told in the pass by which both have been silent for a while."""
        since_at = turn.status.sessions_failing_since_at or turn.now
        silent_since_at = max(since_at, turn.status.counted_at or since_at)
        turn.status = replace(turn.status, sessions_failing_since_at=since_at)
        try:
            counts = await self.azure.counts(bastion_id, turn.now - METRIC_LOOKS_BACK, turn.now)
        except AzureFault:
            counts = ()
        turn.status, changes = saw_counts(turn.status, counts, turn.now)
        turn.sessions += changes
        borne_until = silent_since_at + SILENCE_BORNE
        if turn.status.counted_at != turn.now and (turn.before.passed_at or since_at) < borne_until <= turn.now:
            turn.tell_of_silence(silent_since_at)

    async def _disconnect(self, turn: Turn, bastion_id: str) -> dict[str, str]:
        """End the sessions that people asked to end; gives them, each with why."""
        asked = turn.rows.disconnects
        if not asked or (turn.intent.hub and is_foreign(turn.intent.hub)):
            return {}
        try:
            await self.azure.disconnect(bastion_id, [str(row.values["session_id"]) for row in asked.values()])
        except Overdue:
            return {}
        ended = {}
        for key, row in asked.items():
            session_id = str(row.values["session_id"])
            actor, reason = str(row.values.get("by", "")), str(row.values.get("reason", ""))
            turn.entries.append(Entry(actor, "disconnect", session_id, "done", reason))
            ended[session_id] = f"ended by {actor}: {reason}" if reason else f"ended by {actor}"
            await self.tables.commit(Table.STACKS, turn.rows.name, [Remove(f"{DISCONNECT}{key}", row.etag)])
        return ended


def _by_hands(machine: Seen) -> Entry:
    """Put on record what somebody did to a machine past us."""
    act = "start" if machine.settled is Power.RUNNING else "stop"
    mark = f"hand|{machine.arm_id}|{machine.by_hand_at}"
    return Entry("somebody", act, machine.arm_id, "seen by look", "not by this app: the portal, or Azure itself", mark)


def _is_unclear(status: StackStatus, part: Part, now: datetime) -> bool:
    seen = status.parts.get(part.key)
    if seen is not None and seen.sighting is Sighting.BUSY:
        return look_at_work_at(seen, now) <= now + EARLY
    return seen is None or seen.sighting is Sighting.UNSEEN


def _is_outdated(status: StackStatus, part: Part) -> bool:
    seen = status.parts.get(part.key)
    return seen is None or (seen.stands and seen.against != digest_of(part))
