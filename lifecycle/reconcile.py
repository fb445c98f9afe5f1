"""One pass over one stack: the order of effects that makes a crash between any two of them harmless.

Load, poll, look, decide, claim, begin, save, ring. Whatever decides is pure and lives elsewhere; whatever is
lost is found again by looking, since names are deterministic and PUT and DELETE may be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from lifecycle import due, journal, troubles
from lifecycle.agenda import read_agenda
from lifecycle.audit import Entry, append
from lifecycle.blueprint import BASTION, Want
from lifecycle.board import note_of, write_note
from lifecycle.caution import LOOK_AGAIN, Caution, Tally
from lifecycle.decision import LOOK_AT_ALL_EVERY, Decision
from lifecycle.drift import expecting
from lifecycle.estate import Estate
from lifecycle.events import between
from lifecycle.faults import REFUSALS, AzureFault, Conflict, Overdue
from lifecycle.hubs import is_foreign, outlook_of
from lifecycle.ledger import Page, keep, meter_row, running, session_row, tenancy_row
from lifecycle.links import Keep
from lifecycle.lookout import POLL_EVERY, Lookout
from lifecycle.model import (
    BoxStatus,
    Kind,
    Operation,
    Policy,
    Seen,
    Sighting,
    StackStatus,
    Verb,
    Warned,
)
from lifecycle.needs import Needs
from lifecycle.neighbours import needs_of, outlook_mark
from lifecycle.notices import Notice, tell
from lifecycle.observation import is_leaving, may_bill, stirred
from lifecycle.plan import Begin
from lifecycle.ports import (
    Accepted,
    Azure,
    Bell,
    Body,
    Change,
    Clock,
    Insert,
    Queue,
    Remove,
    Replace,
    Table,
    Tables,
)
from lifecycle.price_list import read_book
from lifecycle.rows import INTENT, OPERATION, RANGES, STATUS, Stored, range_key, row_of, status_row
from lifecycle.sightings import merged
from lifecycle.timetable import Timetable
from lifecycle.troubles import is_troubled
from lifecycle.turn import ACTOR, AZURE, BEGINS_A_METER, Turn

CLAIM_LEFT_ALONE = timedelta(seconds=60)
"""Real time for which a claim without token belongs to whoever made it."""
CAREFUL = Caution()
HANG_UP_WITHIN = timedelta(seconds=10)
"""Real time after the claim in which sessions may still be ended: a stalled worker must not act late."""
BEGINS_PER_PASS = 20


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
        needs: Needs,
        caution: Caution = CAREFUL,
    ) -> None:
        self.tables = tables
        self.bell = bell
        self.azure = azure
        self.lookout = Lookout(tables, azure)
        self.clock = clock
        self.real_now = real_now
        self.estate = estate
        self.policy = policy
        self.timetable = timetable
        self.needs = needs
        self.caution = caution
        self.tally = Tally(tables, caution.deletions_per_hour)

    async def reconcile(self, stack: str) -> None:
        """Make one pass. Returns quietly when there is nothing to do or another worker has the stack.

        Raises what the storage raises; the queue delivers the message again, and the sweep stands behind it.
        """
        turn = await self._load(stack)
        if turn is None:
            return
        if self._is_held(turn):
            await self.bell.ring(Queue.RECONCILE, stack, POLL_EVERY)
            return
        try:
            await self.lookout.poll(turn)
            await self.lookout.look(turn)
            decision = await self._warned(turn, turn.decide())
            decision = await self._needed(turn, decision)
            await self._carry_out(turn, decision)
        except Conflict:
            return

    async def _load(self, stack: str) -> Turn | None:
        """Read the stack's rows; None where it does not exist or is not due (else duplicates would breed)."""
        now = await self.clock.read()
        agenda = await read_agenda(self.tables, self.timetable, stack)
        if agenda is None or not agenda.due(now):
            return None
        rows = agenda.rows
        needs, broken = needs_of(rows, now)
        turn = Turn(
            now,
            rows,
            agenda.intent,
            agenda.revision,
            agenda.schedules,
            self.estate,
            self.policy.of(stack),
            rows.status.value,
            rows.status.value,
            {key: stored.value for key, stored in rows.operations.items()},
            agenda.hub,
            needs,
            outlook=outlook_mark(rows),
            operation_etags={key: stored.etag for key, stored in rows.operations.items()},
            noted={at for at in (rows.status.value.look_again_at,) if at is not None},
        )
        for user in broken:
            turn.tell_of_broken(user)
        for reading in agenda.troubles:
            turn.tell_of_schedule(reading)
        return turn

    def _is_held(self, turn: Turn) -> bool:
        """Whether another worker is about to begin what it has claimed: until it has, the stack is its alone."""
        return any(
            operation.token is None and self.real_now() - operation.claimed_real_at < CLAIM_LEFT_ALONE
            for operation in turn.operations.values()
        )

    async def _warned(self, turn: Turn, decision: Decision) -> Decision:
        """Give the warnings that are due, and only then note that they were given; what was announced decides."""
        if not decision.warnings:
            return decision
        boxes = dict(decision.status.boxes)
        for name, deadline in decision.warnings:
            owner = turn.rows.boxes[name].value.owner
            hard_at = max(deadline.at, turn.now + self.policy.warning_lead)
            dry = "dry run, nothing will happen: " if self.caution.dry_run else ""
            text = f"{dry}{turn.rows.name}/{name}: {deadline.what}; at {hard_at:%Y-%m-%d %H:%M} UTC at the latest"
            topic = f"{deadline.kind}!{deadline.at:%Y-%m-%dT%H%M%S}"
            box = turn.rows.boxes[name].value
            keep = Keep(turn.rows.name, name, box.incarnation, deadline.kind, hard_at) if not box.retired_at else None
            notice = Notice("warning", turn.rows.name, name, owner, f"{text}{_how_to_keep(keep)}", topic, keep)
            await tell(self.tables, self.bell, notice, turn.now)
            warned = {**boxes[name].warned, deadline.kind: Warned(deadline.at, turn.now)}
            boxes[name] = replace(boxes[name], warned=warned)
        turn.status = replace(decision.status, boxes=boxes)
        return turn.decide()

    async def _needed(self, turn: Turn, decision: Decision) -> Decision:
        """Tell the hub what is needed of it, at every pass, before anything is begun that relies on it."""
        if turn.hub is None:
            return decision
        told = await self.needs.say(turn.rows.name, turn.intent, turn.hub, decision.word, turn.now)
        if outlook_mark(told) == outlook_mark(turn.hub):
            return decision
        turn.hub = told
        return turn.decide()

    async def _carry_out(self, turn: Turn, decision: Decision) -> None:
        """Do what may be done now. The books come first: a claim stores the status that says they are kept."""
        turn.status = decision.status
        await self._keep_books(turn)
        begins = await self._allowed(turn, decision)
        if begins and AZURE not in turn.status.blocks:
            await self._put_on_record(turn)  # a claim may take the place of one whose end is told here
            await self._claim(turn, decision, begins)
            await self._keep_books(turn)
            await self._put_on_record(turn)
            await self._hang_up(turn, decision)
            await asyncio.gather(*(self._begin(turn, begin) for begin in begins))
            await self._save_operations(turn)
            await self._keep_books(turn)
        if begins:
            decision = turn.decide()
            turn.status = decision.status
        await self._save(turn, decision)

    async def _allowed(self, turn: Turn, decision: Decision) -> tuple[Begin, ...]:
        """Leave out what caution forbids: everything in a dry run, else deletions beyond the bound."""
        begins = decision.begins[:BEGINS_PER_PASS]
        if self.caution.dry_run:
            for begin in begins:
                mark = f"dry run|{begin.part.key}|{begin.verb}|{turn.revision}"
                turn.entries.append(Entry(ACTOR, begin.verb, begin.part.arm_id, "dry run", begin.reason, mark))
            return ()
        names = {f"{turn.rows.name}|{begin.part.key}": begin for begin in decision.losses if begin in begins}
        granted = await self.tally.grant(turn.now, names)
        withheld = [begin for name, begin in names.items() if name not in granted]
        if withheld:
            turn.tell_of_caution([begin.part.key for begin in withheld])
            turn.look_again_at.append(turn.now + LOOK_AGAIN)
        return tuple(begin for begin in begins if begin not in withheld)

    async def _claim(self, turn: Turn, decision: Decision, begins: tuple[Begin, ...]) -> None:
        """Claim all steps at once, so that whoever comes second finds them taken. Raises Conflict for the second.

        What may begin to bill is metered from here on: the bill must not be below the truth while something is made.
        """
        real_now = self.real_now()
        billing = [begin.part for begin in begins if begin.verb in BEGINS_A_METER]
        turn.status, opened = may_bill(turn.status, billing, decision.parts, turn.now)
        turn.meters += opened
        changes: list[Change] = []
        for begin in begins:
            part = begin.part
            operation = Operation(
                part.key, begin.verb, part.kind, part.arm_id, begin.reason, turn.now, claimed_real_at=real_now
            )
            row = row_of(f"{OPERATION}{part.key}", operation, turn.operation_etags.get(part.key, ""))
            changes.append(Replace(row) if row.etag else Insert(row))
            turn.operations[part.key] = operation
            turn.forgotten.pop(part.key, None)
            mark = f"{real_now.isoformat()}|{part.key}|intended"
            turn.entries.append(Entry(ACTOR, begin.verb, part.arm_id, "intended", begin.reason, mark))
        turn.noted.add(turn.now + CLAIM_LEFT_ALONE)
        await due.note(self.tables, due.Due(turn.now + CLAIM_LEFT_ALONE, turn.rows.name))
        stirs = {begin.part.key for begin in begins if begin.part.kind is Kind.VM and begin.verb is not Verb.TAG}
        parts = {key: stirred(seen) if key in stirs else seen for key, seen in turn.status.parts.items()}
        parts = expecting(parts, ((begin.verb, begin.part) for begin in begins), decision.parts)
        turn.status = replace(turn.status, parts=parts)
        claimed = replace(turn.status, look_again_at=turn.now + CLAIM_LEFT_ALONE)
        etags = await self._commit(turn, claimed, changes)
        for begin in begins:
            turn.operation_etags[begin.part.key] = etags[f"{OPERATION}{begin.part.key}"]

    async def _commit(self, turn: Turn, status: StackStatus, changes: list[Change]) -> dict[str, str]:
        """Write the status, if it still is the one that was read, and whatever belongs with it.

        Operators find a stack by an index: it is on it before its status says that anything is wrong.
        """
        stored = turn.rows.status.value
        if is_troubled(status) and not is_troubled(stored):
            await troubles.note(self.tables, turn.rows.name, turn.now)
        row = status_row(status, turn.rows.status.etag)
        change = Replace(row) if row.etag else Insert(row)
        etags = await self.tables.commit(Table.STACKS, turn.rows.name, [*changes, change])
        journal.write(between(turn.rows.name, stored, status))
        turn.rows = replace(turn.rows, status=Stored(status, etags[row.key]))
        return etags

    async def _begin(self, turn: Turn, begin: Begin) -> None:
        """Send one claimed mutation, after one more look under the claim at whether it is ours to send."""
        part, operation = begin.part, turn.operations[begin.part.key]
        try:
            actual, seen = await self.lookout.see(part, turn.now)
            refusal = guard(begin, seen, turn.status.parts.get(part.key))
            if refusal:
                turn.end(operation, "refused", refusal)
                turn.saw({part.key: seen})
                return
            accepted = await self._send(begin, operation, actual)
        except Overdue:
            turn.end(operation, "refused", "the worker was held up: too late after its claim")
            turn.status = replace(turn.status, looked_at=None)
        except AzureFault as refusal:
            turn.end(operation, "failed", str(refusal))
            turn.block(part.key, begin.verb, refusal.fault)
            if refusal.fault.meaning not in REFUSALS:
                turn.unheard(operation)
                turn.status = replace(turn.status, looked_at=None)
        else:
            turn.accepted(operation, await self.clock.read())
            if accepted.token is None:
                turn.end(operation, "done", begin.reason)
                turn.status = replace(turn.status, looked_at=None)
            else:
                wait = accepted.wait or POLL_EVERY
                turn.operations[part.key] = replace(operation, token=accepted.token, poll_at=turn.now + wait)
                turn.look_again_at.append(turn.now + wait)

    async def _send(self, begin: Begin, operation: Operation, actual: Body | None) -> Accepted:
        part = begin.part
        body = merged(part, actual) if begin.verb in (Verb.PUT, Verb.TAG) else None
        age = (self.real_now() - operation.claimed_real_at).total_seconds()
        return await self.azure.begin(begin.verb, part.kind, part.arm_id, body, age)

    async def _hang_up(self, turn: Turn, decision: Decision) -> None:
        """End the sessions that outlasted an announced limit, before what carries them goes.

        That is a courtesy to the machine: what follows ends them in any case, so a refusal changes nothing.
        """
        door = turn.status.parts.get(BASTION)
        ids, because = decision.cut_off, decision.status.closing_because
        claimed_at = max(operation.claimed_real_at for operation in turn.operations.values())
        if not ids or door is None or self.real_now() - claimed_at > HANG_UP_WITHIN:
            return
        try:
            await self.azure.disconnect(door.arm_id, ids)
        except AzureFault as refusal:
            outcome = f"refused: {refusal.fault.code}"
        else:
            outcome = "done"
        turn.entries += [Entry(ACTOR, "disconnect", key, outcome, because) for key in ids]

    async def _put_on_record(self, turn: Turn) -> None:
        await append(self.tables, turn.rows.name, turn.now, turn.entries)
        turn.entries = []

    async def _save(self, turn: Turn, decision: Decision) -> None:
        """Store what was learnt, then ring. A crash between the two is the sweep's."""
        name = turn.rows.name
        await self._put_on_record(turn)
        turn.notices += self._news(turn)
        turn.tell_of_hub()
        for notice in turn.notices:
            await tell(self.tables, self.bell, notice, turn.now)
        gone = decision.gone and not turn.operations
        again = None if gone and decision.look_again_at is None else self._again_at(turn, decision)
        if again is not None:
            await due.note(self.tables, due.Due(again, name))
        status = replace(
            turn.status,
            boxes={
                box: replace(known, reason=f"dry run: {known.reason}") if self.caution.dry_run else known
                for box, known in turn.status.boxes.items()
                if box in turn.rows.boxes
            },
            revision=turn.revision,
            look_again_at=again,
            passed_at=turn.now,
            passed_real_at=self.real_now(),
            phase=_stack_phase(decision),
        )
        changes = self._operation_changes(turn)
        if again is None and turn.rows.intent is not None:
            changes.append(Remove(INTENT, turn.rows.intent.etag))
        well = again is None or not is_troubled(status)
        was_troubled = is_troubled(turn.before) or is_troubled(turn.rows.status.value)
        noted = await troubles.entry(self.tables, name) if well and was_troubled else None
        await self._put_up(turn, status)
        await self._commit(turn, status, changes)
        for at in sorted(turn.noted - {again}):
            await due.forget(self.tables, due.Due(at, name))
        if noted:
            await troubles.drop(self.tables, troubles.STACK, noted)
        if again is None:
            await self.tables.commit(Table.RANGES, RANGES, [Remove(range_key(turn.intent.address_range))])
        else:
            await self.bell.ring(Queue.RECONCILE, name, again - turn.now)
        await self._ring_users(turn, status)

    async def _put_up(self, turn: Turn, status: StackStatus) -> None:
        """Note on the board what is there; before the status is stored, so that a crash has it noted again."""
        boxes = {name: box.value for name, box in turn.rows.boxes.items()}
        note = note_of(boxes, status)
        if note != note_of(boxes, turn.before) or status.looked_at == turn.now:
            await write_note(self.tables, turn.rows.name, note)

    async def _ring_users(self, turn: Turn, status: StackStatus) -> None:
        """Ring for the stacks that use this one's door when it has changed for them; each also comes by by itself."""
        leaving = is_leaving(status, turn.operations)
        if turn.needs and outlook_of(turn.intent, status, leaving=leaving) != turn.outlook:
            for user in turn.needs:
                await self.bell.ring(Queue.RECONCILE, user)

    @staticmethod
    def _news(turn: Turn) -> list[Notice]:
        """Tell owners what they wait for: that they can go in, that an announced end has come, that it is over."""
        news = []
        for name, known in turn.status.boxes.items():
            before = turn.before.boxes.get(name)
            if before is None or before.phase == known.phase:
                continue
            kind = "closed" if known.phase in ("warm", "parked") and _was_announced(before) else known.phase
            if kind in ("ready", "closed", "gone"):
                owner, text = turn.rows.boxes[name].value.owner, f"{turn.rows.name}/{name}: {known.reason}"
                topic = f"{turn.now:%Y-%m-%dT%H%M%S}"
                news.append(Notice(kind, turn.rows.name, name, owner, text, topic))
        return news

    def _again_at(self, turn: Turn, decision: Decision) -> datetime:
        """Look again at once after something ended, since that may allow the next step; else when it is time."""
        if AZURE in turn.status.blocks:
            return turn.status.blocks[AZURE].retry_at
        instants = [*turn.look_again_at, *([decision.look_again_at] if decision.look_again_at else [])]
        if turn.forgotten:
            instants.append(turn.now)
        return min(instants, default=turn.now + LOOK_AT_ALL_EVERY)

    async def _save_operations(self, turn: Turn) -> None:
        """Store the tokens at once, whatever becomes of the status: they are what a crash would lose.

        What ended at once keeps its claim until its outcome is on record, or a crash would leave it without one.
        """
        changes = [change for change in self._operation_changes(turn) if not isinstance(change, Remove)]
        etags = await self.tables.commit(Table.STACKS, turn.rows.name, changes) if changes else {}
        turn.operation_etags = {key: etags.get(f"{OPERATION}{key}", etag) for key, etag in turn.operation_etags.items()}
        operations = {
            key: Stored(turn.operations[key], etag)
            for key, etag in turn.operation_etags.items()
            if key in turn.operations
        }
        turn.rows = replace(turn.rows, operations=operations)

    def _operation_changes(self, turn: Turn) -> list[Change]:
        changes: list[Change] = []
        for key, etag in turn.operation_etags.items():
            operation = turn.operations.get(key)
            stored = turn.rows.operations.get(key)
            if operation is None:
                changes.append(Remove(f"{OPERATION}{key}", etag))
            elif stored is None or stored.value != operation:
                changes.append(Replace(row_of(f"{OPERATION}{key}", operation, etag)))
        return changes

    async def _keep_books(self, turn: Turn) -> None:
        """Write meters and sessions. Their keys come from stored instants, so that a repeat changes nothing."""
        region, hub = turn.intent.region, turn.intent.hub or ""
        door = "" if is_foreign(hub) else hub
        boxes = {name: box.value for name, box in turn.rows.boxes.items()}
        owners = {name: box.owner for name, box in boxes.items()}
        tenancies = [
            tenancy_row(boxes[name], turn.now if known.phase == "gone" else None, region, door)
            for name, known in turn.status.boxes.items()
            if self._comes_or_goes(turn, name, known)
        ]
        book = await read_book(self.tables) if turn.meters else None
        meters = [meter_row(change, owners, region, book) for change in turn.meters]
        sessions = [session_row(change) for change in turn.sessions]
        looked = turn.status.looked_at == turn.now and not turn.kept
        if not (meters or sessions or (tenancies and not turn.kept) or looked):
            return
        await self._require_current(turn)
        live = [name for name in boxes if name in turn.status.boxes and turn.status.boxes[name].phase != "gone"]
        runs = running(turn.rows.name, region, turn.status, boxes, live, door)
        await keep(self.tables, Page(turn.rows.name, (*meters, *tenancies), tuple(sessions), runs))
        turn.meters, turn.sessions, turn.kept = [], [], True

    async def _require_current(self, turn: Turn) -> None:
        """Raise Conflict where the status has moved on since it was read.

        A worker that was held up would else write down meters that no status knows, and that nobody would ever close.
        """
        row = await self.tables.get(Table.STACKS, turn.rows.name, STATUS)
        if (row.etag if row else "") != turn.rows.status.etag:
            raise Conflict(Table.STACKS, turn.rows.name, STATUS)

    @staticmethod
    def _comes_or_goes(turn: Turn, name: str, known: BoxStatus) -> bool:
        """Whether a box is new, or has come to its end, in this pass."""
        before = turn.before.boxes.get(name)
        if before is None or before.incarnation != known.incarnation:
            return True
        return known.phase == "gone" and before.phase != "gone"


def _how_to_keep(keep: Keep | None) -> str:
    """Say what to do about a deadline: the commands are those of Teams and, with POST, of the HTTP interface."""
    if keep is None:
        return ""
    word = "extend" if keep.kind == "lease" else "wake"
    return f". To keep it: {word} {keep.stack}/{keep.box} <hours>"


def _was_announced(known: BoxStatus) -> bool:
    """Whether people were told of a cut in the opening that ends now."""
    cut = known.warned.get("cut")
    return cut is not None and (known.asked_at is None or cut.told_at >= known.asked_at)


def guard(begin: Begin, fresh: Seen, recorded: Seen | None) -> str | None:
    """Say why a mutation must not be sent, or None: recorded id and fresh tags must both say that it is ours.

    Something absent may be created; something there may only be changed when it is ours, and what it bills is on the
    books: a machine that somebody has just started is decided on anew.
    """
    if recorded is None or recorded.arm_id != begin.part.arm_id:
        return "its id is not the recorded one"
    if fresh.sighting is Sighting.FOREIGN:
        return "what exists under this name is not ours"
    if fresh.sighting is Sighting.ABSENT and begin.verb is not Verb.PUT:
        return "it is gone already"
    if begin.verb is Verb.PUT and fresh.stands is not recorded.stands:
        return "it changed since it was looked at"
    if begin.verb is not Verb.TAG and fresh.meters != recorded.meters:
        return "what it bills has changed since it was looked at"
    return None


def _stack_phase(decision: Decision) -> str:
    """A stack is as far as its farthest box."""
    if decision.gone:
        return "gone"
    boxes = [known for name, known in decision.status.boxes.items() if name in decision.targets]
    if boxes:
        return max(boxes, key=lambda known: (known.phase == "blocked", known.target, known.level)).phase
    return _phase_for_others(decision) if decision.status.needs else "gone"


def _phase_for_others(decision: Decision) -> str:
    """A hub without boxes of its own is as far as its door."""
    door = decision.status.parts.get(BASTION)
    if decision.parts[BASTION].want is not Want.PRESENT:
        return "parked"
    return "ready" if door and door.sound else "building"
