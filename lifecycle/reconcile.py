"""One pass over one stack: the order of effects that makes a crash between any two of them harmless.

Load, poll, look, decide, claim, begin, save, ring. Whatever decides is pure and lives elsewhere; whatever is
lost is found again by looking, since names are deterministic and PUT and DELETE may be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifecycle import due
from lifecycle.agenda import read_agenda
from lifecycle.audit import Entry, append
from lifecycle.blueprint import BASTION, Estate, Part
from lifecycle.decision import LOOK_AT_ALL_EVERY, Case, Decision, decide
from lifecycle.faults import ALERTS, TAKES_DOWN_WHAT_BILLS, AzureFault, Conflict, Fault, Meaning, Overdue
from lifecycle.ledger import meter_row, session_row, tenancy_row
from lifecycle.model import (
    Block,
    BoxIntent,
    BoxStatus,
    Operation,
    Policy,
    Seen,
    Sighting,
    StackIntent,
    StackStatus,
    Verb,
    Warned,
)
from lifecycle.notices import Notice, tell
from lifecycle.observation import (
    MeterChange,
    SessionChange,
    boxes_by_vm,
    can_be_inside,
    saw_no_door,
    saw_parts,
    saw_sessions,
)
from lifecycle.plan import Begin
from lifecycle.ports import (
    Accepted,
    Azure,
    Bell,
    Body,
    Change,
    Clock,
    Insert,
    Put,
    Queue,
    Remove,
    Replace,
    Table,
    Tables,
)
from lifecycle.rows import DISCONNECT, INTENT, OPERATION, RANGES, StackRows, Stored, range_key, row_of, status_row
from lifecycle.schedule import Schedule
from lifecycle.sightings import digest_of, merged, sight
from lifecycle.timetable import Timetable

ACTOR = "reconciler"
CLAIM_LEFT_ALONE = timedelta(seconds=60)
"""Real time for which a claim without token belongs to whoever made it."""
POLL_EVERY = timedelta(seconds=15)
"""Our own pause between polls where Azure asks for none."""
LONGEST_OPERATION = timedelta(hours=2)
"""After so long an operation is no longer believed in: the resource is looked at instead."""
BEGINS_PER_PASS = 20
LOOKS_AT_ONCE = 10
AZURE = "azure"
"""The block that stands for Azure itself not answering our looks."""


@dataclass
class _Pass:
    """What one pass has gathered so far. Lives for one invocation only."""

    now: datetime
    rows: StackRows
    intent: StackIntent
    revision: str
    schedules: Mapping[str, Schedule]
    status: StackStatus
    before: StackStatus
    """The status as it was when the pass began: what is news is measured against it."""
    operations: dict[str, Operation]
    entries: list[Entry] = field(default_factory=list)
    meters: list[MeterChange] = field(default_factory=list)
    sessions: list[SessionChange] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    forgotten: dict[str, Operation] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    look_again_at: list[datetime] = field(default_factory=list)
    operation_etags: dict[str, str] = field(default_factory=dict)

    @property
    def live(self) -> dict[str, Stored[BoxIntent]]:
        """Boxes that are not over and done with."""
        return {name: box for name, box in self.rows.boxes.items() if not self.rows.is_gone(name)}


class Reconciler:
    """Brings stacks towards what people want of them, one pass at a time."""

    def __init__(
        self,
        tables: Tables,
        bell: Bell,
        azure: Azure,
        clock: Clock,
        real_now: Callable[[], datetime],
        estate: Estate,
        policy: Policy,
        timetable: Timetable,
    ) -> None:
        self.tables = tables
        self.bell = bell
        self.azure = azure
        self.clock = clock
        self.real_now = real_now
        self.estate = estate
        self.policy = policy
        self.timetable = timetable

    async def reconcile(self, stack: str) -> None:
        """Make one pass. Returns quietly when there is nothing to do or another worker has the stack.

        Raises what the storage raises; the queue delivers the message again, and the sweep stands behind it.
        """
        begun = await self._load(stack)
        if begun is None:
            return
        if self._is_held(begun):
            await self.bell.ring(Queue.RECONCILE, stack, POLL_EVERY)
            return
        try:
            await self._poll(begun)
            await self._look(begun)
            decision = await self._warned(begun, self._decide(begun))
            await self._carry_out(begun, decision)
        except Conflict:
            return

    async def _load(self, stack: str) -> _Pass | None:
        """Read the stack's rows; None where it does not exist or is not due (else duplicates would breed)."""
        now = await self.clock.read()
        agenda = await read_agenda(self.tables, self.timetable, stack)
        if agenda is None or not agenda.due(now):
            return None
        rows = agenda.rows
        return _Pass(
            now,
            rows,
            agenda.intent,
            agenda.revision,
            agenda.schedules,
            rows.status.value,
            rows.status.value,
            {key: stored.value for key, stored in rows.operations.items()},
            operation_etags={key: stored.etag for key, stored in rows.operations.items()},
        )

    def _is_held(self, begun: _Pass) -> bool:
        """Whether another worker is about to begin what it has claimed: until it has, the stack is its alone."""
        return any(
            operation.token is None and self.real_now() - operation.claimed_real_at < CLAIM_LEFT_ALONE
            for operation in begun.operations.values()
        )

    # -- operations in flight ------------------------------------------------------------------------------

    async def _poll(self, begun: _Pass) -> None:
        await asyncio.gather(*(self._poll_one(begun, operation) for operation in list(begun.operations.values())))

    async def _poll_one(self, begun: _Pass, operation: Operation) -> None:
        """Ask once how an operation goes. A token is a hint: in any trouble the look tells the truth."""
        if operation.token is None:
            self._end(begun, operation, "seen by look", "its worker was lost after the claim")
            return
        if begun.now - operation.claimed_at > LONGEST_OPERATION:
            self._end(begun, operation, "seen by look", "it ran longer than any such operation does")
            return
        if operation.poll_at and operation.poll_at > begun.now + due.EARLY:
            begun.look_again_at.append(operation.poll_at)
            return
        try:
            progress = await self.azure.poll(operation.verb, operation.kind, operation.arm_id, operation.token)
        except AzureFault as silence:
            wait = silence.fault.wait(operation.polls + 1)
            self._keep(begun, operation, wait)
            return
        if progress.running:
            self._keep(begun, operation, progress.wait or POLL_EVERY)
        elif progress.fault is None:
            self._end(begun, operation, "done", operation.reason)
        elif progress.fault.meaning is Meaning.LOST:
            self._end(begun, operation, "seen by look", "its operation is forgotten")
        else:
            self._end(begun, operation, "failed", f"{progress.fault.code}: {progress.fault.message}")
            self._block(begun, operation.part, operation.verb, progress.fault)

    def _keep(self, begun: _Pass, operation: Operation, wait: timedelta) -> None:
        poll_at = begun.now + wait
        begun.operations[operation.part] = replace(operation, poll_at=poll_at, polls=operation.polls + 1)
        begun.look_again_at.append(poll_at)

    def _end(self, begun: _Pass, operation: Operation, outcome: str, reason: str) -> None:
        begun.operations.pop(operation.part, None)
        begun.forgotten[operation.part] = operation
        begun.ended.add(operation.part)
        mark = f"{operation.claimed_real_at.isoformat()}|{operation.part}|{outcome}"
        begun.entries.append(Entry(ACTOR, operation.verb, operation.arm_id, outcome, reason, mark))

    def _block(self, begun: _Pass, part: str, verb: Verb, fault: Fault) -> None:
        """Leave a part alone for a while, and tell people where it is theirs to act."""
        old = begun.status.blocks.get(part)
        failures = old.failures + 1 if old and old.verb is verb else 1
        block = Block(
            verb,
            fault.code,
            fault.message,
            failures,
            begun.now + fault.wait(failures),
            shown=fault.blocks(failures),
            takes_down=fault.meaning in TAKES_DOWN_WHAT_BILLS,
            since_at=old.since_at if old and old.verb is verb else begun.now,
        )
        begun.status = replace(begun.status, blocks={**begun.status.blocks, part: block})
        if block.shown and not (old and old.shown and old.code == block.code):
            begun.notices += self._told_of(begun, part, block, alert=fault.meaning in ALERTS)

    def _told_of(self, begun: _Pass, part: str, block: Block, *, alert: bool) -> list[Notice]:
        topic = f"{part}!{block.code}!{begun.now:%Y-%m-%dT%H%M%S}"
        text = f"{part} of stack {begun.rows.name} is blocked: {block.code}: {block.message}"
        if alert:
            return [Notice("alert", begun.rows.name, "", "operators", text, topic)]
        _, _, own = part.partition("!")
        return [
            Notice("blocked", begun.rows.name, name, box.value.owner, text, topic)
            for name, box in begun.live.items()
            if own in ("", name)
        ]

    # -- looking -------------------------------------------------------------------------------------------

    async def _look(self, begun: _Pass) -> None:
        """See what Azure shows: all of it when something may have changed, then who is connected.

        Who is connected decides what is wanted; where that changes a part's blueprint, it is looked at once more.
        """
        parts = list(self._decide(begun).parts.values())
        wanted = parts if self._all_is_due(begun) else [part for part in parts if _is_unclear(begun.status, part)]
        if wanted:
            await self._look_at(begun, wanted, everything=len(wanted) == len(parts))
        await self._look_inside(begun)
        outdated = [part for part in self._decide(begun).parts.values() if _is_outdated(begun.status, part)]
        if outdated and AZURE not in begun.status.blocks:
            await self._look_at(begun, outdated, everything=False)

    def _all_is_due(self, begun: _Pass) -> bool:
        status = begun.status
        if begun.ended or begun.revision != status.revision or status.looked_at is None:
            return True
        retry = any(block.retry_at <= begun.now + due.EARLY for block in status.blocks.values())
        return retry or status.looked_at + LOOK_AT_ALL_EVERY <= begun.now + due.EARLY

    async def _look_at(self, begun: _Pass, parts: list[Part], *, everything: bool) -> None:
        at_once = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def look(part: Part) -> tuple[str, Seen]:
            async with at_once:
                return part.key, sight(part, await self.azure.look(part.kind, part.arm_id), begun.now)

        try:
            seen = dict(await asyncio.gather(*(look(part) for part in parts)))
        except AzureFault as silence:
            self._block(begun, AZURE, Verb.PUT, silence.fault)
            begun.look_again_at.append(begun.status.blocks[AZURE].retry_at)
            return
        claims = [*begun.operations.values(), *begun.forgotten.values()]
        status, meters = saw_parts(begun.status, seen, claims, begun.now)
        blocks = {part: block for part, block in status.blocks.items() if part != AZURE}
        looked_at = begun.now if everything else status.looked_at
        begun.status = replace(status, blocks=blocks, looked_at=looked_at)
        begun.meters += meters

    async def _look_inside(self, begun: _Pass) -> None:
        """Read who is connected, and end the sessions that people asked to end."""
        leaving = begun.operations.get(BASTION)
        door = begun.status.parts.get(BASTION)
        if door is None or not can_be_inside(begun.status):
            if door is not None and door.sighting is Sighting.ABSENT:
                begun.status, changes = saw_no_door(begun.status, begun.now)
                begun.sessions += changes
            return
        if leaving is not None and leaving.verb is Verb.DELETE:
            return
        try:
            await self._disconnect(begun, door.arm_id)
            sessions = await self.azure.sessions(door.arm_id)
        except AzureFault as silence:
            if silence.fault.meaning is Meaning.GONE:
                await self._look_at(begun, [self._decide(begun).parts[BASTION]], everything=False)
            since = begun.status.sessions_failing_since_at or begun.now
            begun.status = replace(begun.status, sessions_failing_since_at=since)
            return
        vms = boxes_by_vm(begun.rows.boxes, begun.status.parts)
        begun.status, changes = saw_sessions(begun.status, sessions, vms, begun.now)
        begun.sessions += changes

    async def _disconnect(self, begun: _Pass, bastion_id: str) -> None:
        asked = begun.rows.disconnects
        if not asked:
            return
        await self.azure.disconnect(bastion_id, [str(row.values["session_id"]) for row in asked.values()])
        for key, row in asked.items():
            actor, reason = str(row.values.get("by", "")), str(row.values.get("reason", ""))
            begun.entries.append(Entry(actor, "disconnect", str(row.values["session_id"]), "done", reason))
            await self.tables.commit(Table.STACKS, begun.rows.name, [Remove(f"{DISCONNECT}{key}", row.etag)])

    # -- deciding ------------------------------------------------------------------------------------------

    def _decide(self, begun: _Pass) -> Decision:
        return decide(
            Case(
                begun.now,
                self.estate,
                begun.rows.name,
                begun.intent,
                {name: box.value for name, box in begun.live.items()},
                begun.status,
                begun.operations,
                begun.schedules,
                self.policy,
            )
        )

    async def _warned(self, begun: _Pass, decision: Decision) -> Decision:
        """Write the warnings that are due; what was announced then decides."""
        if not decision.warnings:
            return decision
        boxes = dict(decision.status.boxes)
        for name, deadline in decision.warnings:
            owner = begun.rows.boxes[name].value.owner
            hard_at = max(deadline.at, begun.now + self.policy.warning_lead)
            text = f"{begun.rows.name}/{name}: {deadline.what}; at {hard_at:%Y-%m-%d %H:%M} UTC at the latest"
            topic = f"{deadline.kind}!{deadline.at:%Y-%m-%dT%H%M%S}"
            begun.notices.append(Notice("warning", begun.rows.name, name, owner, text, topic))
            warned = {**boxes[name].warned, deadline.kind: Warned(deadline.at, begun.now)}
            boxes[name] = replace(boxes[name], warned=warned)
        begun.status = replace(decision.status, boxes=boxes)
        return self._decide(begun)

    # -- acting --------------------------------------------------------------------------------------------

    async def _carry_out(self, begun: _Pass, decision: Decision) -> None:
        begun.status = decision.status
        begins = decision.begins[:BEGINS_PER_PASS]
        if begins and AZURE not in begun.status.blocks:
            await self._claim(begun, begins)
            await append(self.tables, begun.rows.name, begun.now, begun.entries)
            begun.entries = []
            await asyncio.gather(*(self._begin(begun, begin) for begin in begins))
            await self._save_operations(begun)
        if begins:
            decision = self._decide(begun)
            begun.status = decision.status
        await self._save(begun, decision)

    async def _claim(self, begun: _Pass, begins: tuple[Begin, ...]) -> None:
        """Claim all steps at once, so that whoever comes second finds them taken. Raises Conflict for the second."""
        real_now = self.real_now()
        changes: list[Change] = []
        for begin in begins:
            part = begin.part
            operation = Operation(
                part.key, begin.verb, part.kind, part.arm_id, begin.reason, begun.now, claimed_real_at=real_now
            )
            row = row_of(f"{OPERATION}{part.key}", operation, begun.operation_etags.get(part.key, ""))
            changes.append(Replace(row) if row.etag else Insert(row))
            begun.operations[part.key] = operation
            begun.forgotten.pop(part.key, None)
            begun.entries.append(Entry(ACTOR, begin.verb, part.arm_id, "intended", begin.reason))
        await due.note(self.tables, due.Due(begun.now + CLAIM_LEFT_ALONE, begun.rows.name))
        claimed = replace(begun.status, look_again_at=begun.now + CLAIM_LEFT_ALONE)
        etags = await self._commit(begun, claimed, changes)
        for begin in begins:
            begun.operation_etags[begin.part.key] = etags[f"{OPERATION}{begin.part.key}"]

    async def _commit(self, begun: _Pass, status: StackStatus, changes: list[Change]) -> dict[str, str]:
        """Write the status, if it still is the one that was read, and whatever belongs with it."""
        row = status_row(status, begun.rows.status.etag)
        change = Replace(row) if row.etag else Insert(row)
        etags = await self.tables.commit(Table.STACKS, begun.rows.name, [*changes, change])
        begun.rows = replace(begun.rows, status=Stored(status, etags[row.key]))
        return etags

    async def _begin(self, begun: _Pass, begin: Begin) -> None:
        """Send one claimed mutation, after one more look under the claim at whether it is ours to send."""
        part, operation = begin.part, begun.operations[begin.part.key]
        try:
            actual = await self.azure.look(part.kind, part.arm_id)
            seen = sight(part, actual, begun.now)
            refusal = guard(begin, seen, begun.status.parts.get(part.key))
            if refusal:
                self._end(begun, operation, "refused", refusal)
                begun.status = replace(begun.status, parts={**begun.status.parts, part.key: seen})
                return
            accepted = await self._send(begin, operation, actual)
        except Overdue:
            self._end(begun, operation, "refused", "the worker was held up: too late after its claim")
            begun.status = replace(begun.status, looked_at=None)
        except AzureFault as refusal:
            self._end(begun, operation, "failed", str(refusal))
            self._block(begun, part.key, begin.verb, refusal.fault)
            begun.status = replace(begun.status, looked_at=None)
        else:
            if accepted.token is None:
                self._end(begun, operation, "done", begin.reason)
                begun.status = replace(begun.status, looked_at=None)
            else:
                wait = accepted.wait or POLL_EVERY
                begun.operations[part.key] = replace(operation, token=accepted.token, poll_at=begun.now + wait)
                begun.look_again_at.append(begun.now + wait)

    async def _send(self, begin: Begin, operation: Operation, actual: Body | None) -> Accepted:
        part = begin.part
        body = merged(part, actual) if begin.verb in (Verb.PUT, Verb.TAG) else None
        age = (self.real_now() - operation.claimed_real_at).total_seconds()
        return await self.azure.begin(begin.verb, part.kind, part.arm_id, body, age)

    # -- saving --------------------------------------------------------------------------------------------

    async def _save(self, begun: _Pass, decision: Decision) -> None:
        """Store what was learnt, the books first, then the status, then ring. A crash between is the sweep's."""
        name = begun.rows.name
        await self._keep_books(begun)
        await append(self.tables, name, begun.now, begun.entries)
        begun.notices += self._news(begun)
        for notice in begun.notices:
            await tell(self.tables, self.bell, notice, begun.now)
        gone = decision.gone and not begun.operations
        again = None if gone and decision.look_again_at is None else self._again_at(begun, decision)
        if again is not None:
            await due.note(self.tables, due.Due(again, name))
        status = replace(
            begun.status,
            boxes={box: known for box, known in begun.status.boxes.items() if box in begun.rows.boxes},
            revision=begun.revision,
            look_again_at=again,
            phase=_stack_phase(decision),
        )
        changes = self._operation_changes(begun)
        if again is None and begun.rows.intent is not None:
            changes.append(Remove(INTENT, begun.rows.intent.etag))
        await self._commit(begun, status, changes)
        if again is None:
            await self.tables.commit(Table.RANGES, RANGES, [Remove(range_key(begun.intent.address_range))])
        else:
            await self.bell.ring(Queue.RECONCILE, name, again - begun.now)

    @staticmethod
    def _news(begun: _Pass) -> list[Notice]:
        """Tell owners what they wait for: that they can go in, and that it is over."""
        news = []
        for name, known in begun.status.boxes.items():
            before = begun.before.boxes.get(name)
            if before is not None and before.phase != known.phase and known.phase in ("ready", "gone"):
                owner, text = begun.rows.boxes[name].value.owner, f"{begun.rows.name}/{name}: {known.reason}"
                topic = f"{begun.now:%Y-%m-%dT%H%M%S}"
                news.append(Notice(known.phase, begun.rows.name, name, owner, text, topic))
        return news

    def _again_at(self, begun: _Pass, decision: Decision) -> datetime:
        """Look again at once after something ended, since that may allow the next step; else when it is time."""
        if AZURE in begun.status.blocks:
            return begun.status.blocks[AZURE].retry_at
        instants = [*begun.look_again_at, *([decision.look_again_at] if decision.look_again_at else [])]
        if begun.forgotten:
            instants.append(begun.now)
        return min(instants, default=begun.now + LOOK_AT_ALL_EVERY)

    async def _save_operations(self, begun: _Pass) -> None:
        """Store the tokens at once, whatever becomes of the status: they are what a crash would lose."""
        changes = self._operation_changes(begun)
        etags = await self.tables.commit(Table.STACKS, begun.rows.name, changes)
        begun.operation_etags = {
            key: etags.get(f"{OPERATION}{key}", etag)
            for key, etag in begun.operation_etags.items()
            if key in begun.operations
        }
        operations = {key: Stored(begun.operations[key], etag) for key, etag in begun.operation_etags.items()}
        begun.rows = replace(begun.rows, operations=operations)

    def _operation_changes(self, begun: _Pass) -> list[Change]:
        changes: list[Change] = []
        for key, etag in begun.operation_etags.items():
            operation = begun.operations.get(key)
            stored = begun.rows.operations.get(key)
            if operation is None:
                changes.append(Remove(f"{OPERATION}{key}", etag))
            elif stored is None or stored.value != operation:
                changes.append(Replace(row_of(f"{OPERATION}{key}", operation, etag)))
        return changes

    async def _keep_books(self, begun: _Pass) -> None:
        """Write meters and sessions. Their keys come from stored instants, so that a repeat changes nothing."""
        owners = {name: box.value.owner for name, box in begun.rows.boxes.items()}
        tenancies = [
            tenancy_row(begun.rows.boxes[name].value, begun.now if known.phase == "gone" else None)
            for name, known in begun.status.boxes.items()
            if self._is_turn(begun, name, known)
        ]
        for table, rows in (
            (Table.METERS, [*(meter_row(change, owners) for change in begun.meters), *tenancies]),
            (Table.SESSIONS, [session_row(change) for change in begun.sessions]),
        ):
            if rows:
                await self.tables.commit(
                    table, begun.rows.name, [Put(row) for row in {r.key: r for r in rows}.values()]
                )

    @staticmethod
    def _is_turn(begun: _Pass, name: str, known: BoxStatus) -> bool:
        """Whether a box is new, or has come to its end, in this pass."""
        before = begun.before.boxes.get(name)
        if before is None or before.incarnation != known.incarnation:
            return True
        return known.phase == "gone" and before.phase != "gone"


def guard(begin: Begin, fresh: Seen, recorded: Seen | None) -> str | None:
    """Say why a mutation must not be sent, or None: recorded id and fresh tags must both say that it is ours.

    Something absent may be created; something there may only be changed when it is ours.
    """
    if recorded is None or recorded.arm_id != begin.part.arm_id:
        return "its id is not the recorded one"
    if fresh.sighting is Sighting.FOREIGN:
        return "what exists under this name is not ours"
    if fresh.sighting is Sighting.ABSENT and begin.verb is not Verb.PUT:
        return "it is gone already"
    if begin.verb is Verb.PUT and fresh.stands is not recorded.stands:
        return "it changed since it was looked at"
    return None


def _is_unclear(status: StackStatus, part: Part) -> bool:
    seen = status.parts.get(part.key)
    return seen is None or seen.sighting in (Sighting.UNSEEN, Sighting.BUSY)


def _is_outdated(status: StackStatus, part: Part) -> bool:
    seen = status.parts.get(part.key)
    return seen is None or (seen.stands and seen.against != digest_of(part))


def _stack_phase(decision: Decision) -> str:
    """A stack is as far as its farthest box."""
    if decision.gone:
        return "gone"
    boxes = [known for name, known in decision.status.boxes.items() if name in decision.targets]
    return (
        max(boxes, key=lambda known: (known.phase == "blocked", known.target, known.level)).phase if boxes else "gone"
    )
