"""What people ask: each command checks, writes an intent, and rings. None of them speaks to Azure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from lifecycle import due
from lifecycle.asks import BoxAsk, check
from lifecycle.audit import Entry, append
from lifecycle.budgets import refusal
from lifecycle.caution import PARTITION as DELETIONS
from lifecycle.caution import Tally
from lifecycle.detour import hours_of
from lifecycle.faults import Conflict
from lifecycle.hubs import is_foreign
from lifecycle.links import Keep
from lifecycle.model import BOXES_PER_STACK, BoxIntent, Login, OtherHours, Outbound, Sku, StackIntent
from lifecycle.people import Person, Role
from lifecycle.ports import Bell, Change, Clock, Insert, Put, Queue, Remove, Replace, Row, Table, Tables
from lifecycle.purse import read_standings
from lifecycle.ranges import claim_range
from lifecycle.refusals import Forbidden, Missing, Stale, Taken, Unwanted
from lifecycle.rows import (
    BOX,
    DISCONNECT,
    INTENT,
    RANGES,
    StackRows,
    instant_text,
    range_key,
    row_of,
    stack_rows,
)
from lifecycle.settings import Settings
from lifecycle.timetable import Timetable

TRIES = 10
"""Somebody else's write may come between reading and writing; so many in a row are a bug."""
KEPT = "by the link in a warning"
HEARD_KEPT = 50
"""So many marks of keyed words a box remembers: a repetition comes within minutes."""
STACKS_TRIED = 50
"""How many numbered stacks are tried for a box whose stack nobody named."""


@dataclass(frozen=True, slots=True)
class Where:
    """A box's full name."""

    stack: str
    box: str


class Commands:
    """Writes what people want. Every one answers with where the box is, or raises a Refusal."""

    def __init__(
        self,
        tables: Tables,
        bell: Bell,
        clock: Clock,
        settings: Settings,
        timetable: Timetable,
        throwaway_key: Callable[[], str],
    ) -> None:
        self.tables = tables
        self.bell = bell
        self.clock = clock
        self.settings = settings
        self.timetable = timetable
        self.tally = Tally(tables, settings.caution.deletions_per_hour)
        self.throwaway_key = throwaway_key
        """Makes the public half of a key whose private half nobody keeps: ARM wants one even for Entra login."""

    # -- asking for a box ----------------------------------------------------------------------------------

    async def ask(self, person: Person, ask: BoxAsk, key: str | None = None) -> Where:
        """Have a box made. ``key`` (Idempotency-Key) makes a repeated request the same box."""
        person.must_be(Role.USER)
        if ask.owner not in (None, person.name):
            person.must_be(Role.OPERATOR)
        now = await self.clock.read()
        once = _Once(self.tables, person, key, ask)
        incarnation = once.mark or uuid4().hex[:16]
        earlier = await once.outcome()
        if earlier is None:
            await check(ask, self.settings, self.timetable, now)
        else:
            ask = replace(ask, stack=str(earlier["stack"]), name=str(earlier["name"]))
        for _ in range(TRIES):
            rows = await self._stack_for(ask)
            ask_here = replace(ask, stack=rows.name, name=ask.name or _free_name(rows, ask.owner or person.name))
            where = Where(rows.name, str(ask_here.name))
            made = _made_as(rows, incarnation)
            if made:
                return Where(rows.name, made)
            _check_room(rows, ask_here)
            await self._check_door(rows, ask_here)
            if earlier is None:
                await self._check_budgets(ask.owner or person.name, rows.name, now)
            if once.mark and earlier is None:
                # One key means one stack, so that all who come with it meet at the stack's row and find the box.
                earlier = await once.settle({"stack": where.stack, "name": where.box}, now)
                ask = replace(ask, stack=str(earlier["stack"]))
                if ask.stack != where.stack:
                    continue
            try:
                await self._write_box(person, ask_here, rows, incarnation, now)
            except Conflict:
                continue
            await self.bell.ring(Queue.RECONCILE, where.stack)
            return where
        raise Taken("too many people are changing this stack just now; try again", "stack")

    async def _check_door(self, rows: StackRows, ask: BoxAsk) -> None:
        """Refuse a wish for a door that is another's. Raises Taken."""
        hub = rows.intent.value.hub if rows.intent else self.settings.hubs.get(rows.name)
        if hub is None or (ask.sku is None and ask.keep_public_ip is None):
            return
        if ask.keep_public_ip:
            raise Taken(f"stack {rows.name} uses the door of {hub}: leave it out", "keepPublicIp")
        there = None if is_foreign(hub) else (await self._rows(hub)).intent
        if ask.sku is not None and (is_foreign(hub) or (there and there.value.sku is not ask.sku)):
            door = f", which is {there.value.sku}" if there else ""
            raise Taken(f"stack {rows.name} uses the door of {hub}{door}: leave it out", "sku")

    async def _check_budgets(self, owner: str, stack: str, now: datetime) -> None:
        """Refuse what a spent budget forbids. Raises Forbidden."""
        stopping = [budget for budget in self.settings.budgets if budget.stop]
        if not stopping:
            return
        month = f"{now.astimezone(ZoneInfo(self.settings.zone)):%Y-%m}"
        standings = await read_standings(self.tables, stopping, month)
        why = refusal(standings, self.settings.team_of(owner), stack)
        if why:
            raise Forbidden(why)

    async def _stack_for(self, ask: BoxAsk) -> StackRows:
        """Find the stack a box goes into: the named one, or the first numbered one that fits."""
        if ask.stack:
            return await self._rows(ask.stack)
        for number in range(1, STACKS_TRIED + 1):
            name = self.settings.default_stack if number == 1 else f"{self.settings.default_stack}-{number}"
            rows = await self._rows(name)
            if _room(rows) > 0 and (rows.intent is None or not _differences(ask, rows.intent.value)):
                return rows
        raise Taken(f"{STACKS_TRIED} stacks are full; name one, or retire some boxes", "stack")

    async def _rows(self, stack: str) -> StackRows:
        return stack_rows(stack, await self.tables.query(Table.STACKS, stack))

    async def _write_box(self, person: Person, ask: BoxAsk, rows: StackRows, incarnation: str, now: datetime) -> None:
        """Write the stack's intent and the box's in one batch; the stack's too where it exists, so it cannot close."""
        box = self._box_of(person, ask, incarnation, now)
        old = rows.boxes.get(box.name)
        box_row = row_of(f"{BOX}{box.name}", box, old.etag if old else "")
        claimed = ""
        if rows.intent:
            same = replace(rows.intent.value, changes=rows.intent.value.changes + 1)
            stack_change: Change = Replace(row_of(INTENT, same, rows.intent.etag))
        else:
            claimed = await claim_range(self.tables, self.settings, rows.name, now)
            intent = await self._with_hub(self._stack_of(person, ask, claimed, now), rows)
            stack_change = Insert(row_of(INTENT, intent))
        await due.note(self.tables, due.Due(now, rows.name))
        await self._note(rows.name, now, Entry(person.name, "ask", box.name, "asked", box.reason, incarnation))
        changes = [stack_change, Replace(box_row) if old else Insert(box_row)]
        try:
            await self.tables.commit(Table.STACKS, rows.name, changes)
        except Conflict:
            if claimed:
                await self.tables.commit(Table.RANGES, RANGES, [Remove(range_key(claimed))])
            raise

    async def _with_hub(self, intent: StackIntent, rows: StackRows) -> StackIntent:
        """Note whose door a new stack uses, and of what kind that is; one that serves others has its own."""
        hub = None if rows.needs else self.settings.hubs.get(rows.name)
        if hub is None or is_foreign(hub):
            return replace(intent, hub=hub)
        there = (await self._rows(hub)).intent
        return replace(intent, hub=hub, sku=there.value.sku if there else intent.sku)

    def _stack_of(self, person: Person, ask: BoxAsk, address_range: str, now: datetime) -> StackIntent:
        return StackIntent(
            region=ask.region or self.settings.region,
            sku=ask.sku or Sku.BASIC,
            outbound=ask.outbound or Outbound.DEFAULT,
            keep_public_ip=bool(ask.keep_public_ip),
            address_range=address_range,
            created_at=now,
            created_by=person.name,
        )

    def _box_of(self, person: Person, ask: BoxAsk, incarnation: str, now: datetime) -> BoxIntent:
        login = ask.login or (Login.KEY if ask.ssh_public_key else Login.ENTRA)
        return BoxIntent(
            name=str(ask.name),
            incarnation=incarnation,
            owner=ask.owner or person.name,
            requested_by=person.name,
            requested_at=now,
            reason=ask.reason or "",
            hours=_hours_of(ask, now) or self.settings.policy.lease_hours,
            schedule=ask.schedule or "office",
            vm_size=ask.vm_size or self.settings.vm_sizes[0],
            login=login,
            ssh_public_key=ask.ssh_public_key or self.throwaway_key(),
            start_at=ask.start_at,
            until=ask.until,
        )

    # -- words about a box ---------------------------------------------------------------------------------

    async def extend(
        self, person: Person, where: Where, hours: float, reason: str, *, match: str | None, key: str | None
    ) -> Where:
        """Lengthen a lease by ``hours``, up to the longest lease of the house."""
        longest = self.settings.policy.longest_lease_hours
        once = _Once(self.tables, person, key, ("extend", where, hours))

        async def change(box: BoxIntent, now: datetime) -> BoxIntent:
            if await once.was_heard(box):
                return box
            total = box.hours + hours
            if total > longest:
                rule = f"the whole lease may be {longest:g} hours at most; it is {box.hours:g} and would be {total:g}"
                raise Unwanted(rule, "hours")
            await once.settle({"hours": hours}, now)
            return replace(box.lengthened(hours), word=_word(person, reason), heard=once.heard_with(box))

        return await self._say(person, where, "extend", reason, match, change)

    async def wake(
        self, person: Person, where: Where, hours: float | None, reason: str, *, match: str | None, key: str | None
    ) -> Where:
        """Hold a box open for ``hours``; when nobody says how long, until closing, or a while outside its hours."""
        longest = self.settings.policy.longest_lease_hours
        if hours is not None and hours > longest:
            raise Unwanted(f"must not be more than {longest:g}, the longest lease of this deployment", "hours")
        once = _Once(self.tables, person, key, ("wake", where, hours))

        async def change(box: BoxIntent, now: datetime) -> BoxIntent:
            if await once.was_heard(box):
                return box
            until = now + timedelta(hours=hours) if hours else await self._hold_until(box, now)
            await once.settle({"until": instant_text(until)}, now)
            word, heard = _word(person, reason), once.heard_with(box)
            return replace(box, hold_until=until, woken_at=now, parked_at=None, word=word, heard=heard)

        return await self._say(person, where, "wake", reason, match, change)

    async def _hold_until(self, box: BoxIntent, now: datetime) -> datetime:
        found = await self.timetable.of(box.schedule_names)
        schedule = hours_of(box, {name: reading.schedule for name, reading in found.items()})
        least = now + timedelta(hours=self.settings.policy.wake_hours)
        span = schedule.span_at(now)
        return max(span.until_at, least) if span.open and span.until_at else least

    async def follow(
        self, person: Person, where: Where, schedule: str | None, hours: float, reason: str, *, match: str | None
    ) -> Where:
        """Have a box follow another schedule for ``hours``, and then its own again; 0 ends that at once."""
        person.must_be(Role.USER)
        if hours and not schedule:
            raise Unwanted("is required: which schedule to follow for a while", "schedule")
        if hours and not await self.timetable.exists(str(schedule)):
            known = ", ".join(sorted(await self.timetable.every()))
            raise Unwanted(f"there is no schedule {schedule}; there are {known}", "schedule")

        async def change(box: BoxIntent, now: datetime) -> BoxIntent:
            old = box.other_hours
            if hours:
                other: OtherHours | None = OtherHours(str(schedule), now, now + timedelta(hours=hours))
            else:
                other = replace(old, until_at=min(old.until_at, now)) if old else None
            return replace(box, other_hours=other, word=_word(person, reason))

        return await self._say(person, where, "follow", reason, match, change)

    async def park(self, person: Person, where: Where, reason: str, *, match: str | None) -> Where:
        """Deallocate a box until its next window or a wake."""

        async def change(box: BoxIntent, now: datetime) -> BoxIntent:
            return replace(box, parked_at=now, hold_until=None, word=_word(person, reason))

        return await self._say(person, where, "park", reason, match, change)

    async def retire(self, person: Person, where: Where, reason: str, *, match: str | None) -> Where:
        """End a box: all of it goes, its disk too. Said twice it is the same."""

        async def change(box: BoxIntent, now: datetime) -> BoxIntent:
            return box if box.retired_at else replace(box, retired_at=now, word=_word(person, reason))

        return await self._say(person, where, "retire", reason, match, change, even_retired=True)

    async def keep(self, keep: Keep) -> Where:
        """Put off the deadline that a link is about, once: ``wake_hours`` more of lease, or of being held open.

        It counts as the owner's own word, whoever had the link. Raises Taken for a link that was used.
        """
        policy, where = self.settings.policy, Where(keep.stack, keep.box)
        more = timedelta(hours=policy.wake_hours)

        async def change(box: BoxIntent, now: datetime) -> BoxIntent:
            del now
            if box.incarnation != keep.incarnation:
                raise Taken(f"{keep.stack}/{keep.box} is another box by now", "token")
            if keep.mark in box.heard:
                raise Taken("this link was used already; it is good for one use", "token")
            heard = (*box.heard, keep.mark)[-HEARD_KEPT:]
            if keep.kind == "cut":
                until = max(box.hold_until or keep.until, keep.until) + more
                return replace(box, hold_until=until, parked_at=None, word=KEPT, heard=heard)
            total = min(box.hours + policy.wake_hours, policy.longest_lease_hours)
            if total <= box.hours:
                raise Unwanted(f"the lease has the longest length there is, {policy.longest_lease_hours:g} h", "token")
            return replace(box.lengthened(total - box.hours), word=KEPT, heard=heard)

        rows = await self._rows(keep.stack)
        box = rows.boxes.get(keep.box)
        if box is None:
            raise Missing(f"there is no box {keep.stack}/{keep.box}", "token")
        owner = Person(box.value.owner, Role.USER)
        return await self._say(owner, where, "keep", KEPT, None, change)

    async def _say(
        self,
        person: Person,
        where: Where,
        action: str,
        reason: str,
        match: str | None,
        change: Callable[[BoxIntent, datetime], Awaitable[BoxIntent]],
        *,
        even_retired: bool = False,
    ) -> Where:
        """Change a box's intent by compare-and-swap, note it, and ring."""
        person.must_be(Role.USER)
        now = await self.clock.read()
        for _ in range(TRIES):
            rows = await self._rows(where.stack)
            stored = rows.boxes.get(where.box)
            if stored is None:
                raise Missing(f"there is no box {where.stack}/{where.box}")
            box = stored.value
            person.must_own(box.owner, f"{where.stack}/{where.box}")
            if match not in (None, "*", tag_of(stored.etag)):
                raise Stale(f"{where.stack}/{where.box} has changed since; read it again", "If-Match")
            if rows.is_gone(where.box) or (box.retired_at and not even_retired):
                if even_retired:
                    return where
                raise Taken(f"{where.stack}/{where.box} is being retired, or gone; ask for a new one", "name")
            changed = await change(box, now)
            if changed == box:
                return where
            await due.note(self.tables, due.Due(now, where.stack))
            mark = f"{action}|{changed.incarnation}|{now.isoformat()}"
            await self._note(where.stack, now, Entry(person.name, action, where.box, "asked", reason, mark))
            try:
                await self.tables.commit(
                    Table.STACKS, where.stack, [Replace(row_of(f"{BOX}{where.box}", changed, stored.etag))]
                )
            except Conflict:
                continue
            await self.bell.ring(Queue.RECONCILE, where.stack)
            return where
        raise Taken("too many people are changing this box just now; try again", "name")

    async def disconnect(self, person: Person, stack: str, session_id: str, reason: str) -> None:
        """Have a session ended."""
        person.must_be(Role.USER)
        if self.settings.caution.dry_run:
            raise Taken("this is a dry run: nothing is changed in Azure, so no session can be ended", "session_id")
        rows = await self._rows(stack)
        session = rows.status.value.sessions.get(session_id)
        if session is None:
            raise Missing(f"there is no session {session_id} in stack {stack}")
        if rows.intent and rows.intent.value.hub and is_foreign(rows.intent.value.hub):
            raise Taken(f"stack {stack} uses a Bastion that is not ours: its operators can end the session", "stack")
        box = rows.boxes.get(session.box)
        person.must_own(box.value.owner if box else "", f"the session {session_id}")
        now = await self.clock.read()
        name = hashlib.sha256(session_id.encode()).hexdigest()[:32]
        cells = {"session_id": session_id, "by": person.name, "reason": reason}
        await due.note(self.tables, due.Due(now, stack))
        await self._note(stack, now, Entry(person.name, "disconnect", session_id, "asked", reason))
        await self.tables.commit(Table.STACKS, stack, [Put(Row(f"{DISCONNECT}{name}", cells))])
        await self.bell.ring(Queue.RECONCILE, stack)

    async def exempt(self, person: Person, stack: str, hours: float, reason: str) -> datetime:
        """Have nothing of a stack closed or taken away for ``hours`` (0 ends that); gives until when."""
        person.must_be(Role.OPERATOR)
        now = await self.clock.read()
        until = now + timedelta(hours=hours)
        for _ in range(TRIES):
            rows = await self._rows(stack)
            if rows.intent is None:
                raise Missing(f"there is no stack {stack}", "stack")
            changed = replace(rows.intent.value, exempt_until=until, changes=rows.intent.value.changes + 1)
            await due.note(self.tables, due.Due(now, stack))
            mark = f"exempt|{stack}|{now.isoformat()}"
            asked = f"until {until:%Y-%m-%d %H:%M} UTC: {reason}"
            await self._note(stack, now, Entry(person.name, "exempt", stack, "asked", asked, mark))
            try:
                await self.tables.commit(Table.STACKS, stack, [Replace(row_of(INTENT, changed, rows.intent.etag))])
            except Conflict:
                continue
            await self.bell.ring(Queue.RECONCILE, stack)
            return until
        raise Taken("too many people are changing this stack just now; try again", "stack")

    async def lift_bound(self, person: Person, hours: float, reason: str) -> None:
        """Let more be deleted in an hour than the bound allows, for ``hours`` (0 puts it back)."""
        person.must_be(Role.OPERATOR)
        now = await self.clock.read()
        until = now + timedelta(hours=hours)
        asked = f"until {until:%Y-%m-%d %H:%M} UTC: {reason}"
        await self._note(DELETIONS, now, Entry(person.name, "lift bound", DELETIONS, "asked", asked))
        await self.tally.lift(until, person.name)

    async def _note(self, stack: str, now: datetime, entry: Entry) -> None:
        """Put what somebody asks on record before it is written: what is written was always asked by somebody."""
        await append(self.tables, stack, now, [entry])


class _Once:
    """One Idempotency-Key of one person: what was settled when it was first used.

    The row is written before the intent, so that a request repeated after any crash settles on the same thing.
    """

    def __init__(self, tables: Tables, person: Person, key: str | None, what: object) -> None:
        self.tables = tables
        self.partition = hashlib.sha256(person.name.encode()).hexdigest()[:32]
        self.key = hashlib.sha256(key.encode()).hexdigest() if key else None
        self.fingerprint = hashlib.sha256(repr(what).encode()).hexdigest()

    @property
    def mark(self) -> str | None:
        """What a box made under this key is recognised by."""
        return hashlib.sha256(f"{self.partition}{self.key}".encode()).hexdigest()[:16] if self.key else None

    async def outcome(self) -> dict[str, Any] | None:
        """Read what was settled; None where nothing was. Raises Unwanted where the key meant something else."""
        row = await self.tables.get(Table.REQUESTS, self.partition, self.key) if self.key else None
        if row is None:
            return None
        if row.values["fingerprint"] != self.fingerprint:
            raise Unwanted("this key was used for a different request", "Idempotency-Key")
        outcome: dict[str, Any] = json.loads(str(row.values["outcome"]))
        return outcome

    async def was_heard(self, box: BoxIntent) -> bool:
        """Say whether a box has heard this word: that stands in its own row, written together with the change.

        Raises Unwanted where the key meant something else.
        """
        return await self.outcome() is not None and self.mark in box.heard

    def heard_with(self, box: BoxIntent) -> tuple[str, ...]:
        """Add this word to those that a box has heard."""
        return (*box.heard, *([self.mark] if self.mark else []))[-HEARD_KEPT:]

    async def settle(self, outcome: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Settle on an outcome, or learn what was settled before."""
        if self.key is None:
            return outcome
        cells = {"fingerprint": self.fingerprint, "outcome": json.dumps(outcome), "at": instant_text(now)}
        try:
            await self.tables.commit(Table.REQUESTS, self.partition, [Insert(Row(self.key, cells))])
        except Conflict:
            return await self.outcome() or outcome
        return outcome


def tag_of(etag: str) -> str:
    """Make a row's version fit for an ETag header."""
    return f'"{hashlib.sha256(etag.encode()).hexdigest()[:16]}"'


def _hours_of(ask: BoxAsk, now: datetime) -> float | None:
    """Say how long a lease is asked for, also where its end is named."""
    return (ask.until - (ask.start_at or now)) / timedelta(hours=1) if ask.until else ask.hours


def _word(person: Person, reason: str) -> str:
    return f"{reason} ({person.name})" if reason else f"by {person.name}"


def _made_as(rows: StackRows, incarnation: str) -> str | None:
    """Name the box that was made under this mark, whatever it came to be called."""
    return next((name for name, box in rows.boxes.items() if box.value.incarnation == incarnation), None)


def _room(rows: StackRows) -> int:
    return BOXES_PER_STACK - sum(not rows.is_gone(name) for name in rows.boxes)


def _check_room(rows: StackRows, ask: BoxAsk) -> None:
    """Refuse a box that its stack has no place for. Raises Taken."""
    name = str(ask.name)
    if name in rows.boxes and not rows.is_gone(name):
        raise Taken(f"there is a box {rows.name}/{name} already; choose another name, or retire it", "name")
    if _room(rows) < 1:
        raise Taken(f"stack {rows.name} has {BOXES_PER_STACK} boxes, which is the most one may have", "stack")
    if rows.intent:
        for field, there in _differences(ask, rows.intent.value).items():
            raise Taken(f"stack {rows.name} exists with {field} {there}; leave it out or choose another stack", field)


def _differences(ask: BoxAsk, stack: StackIntent) -> dict[str, object]:
    """Name the stack-wide choices in which a request differs from what exists."""
    asked = {
        "region": (ask.region, stack.region),
        "sku": (ask.sku, stack.sku),
        "outbound": (ask.outbound, stack.outbound),
        "keepPublicIp": (ask.keep_public_ip, stack.keep_public_ip),
    }
    return {field: there for field, (wanted, there) in asked.items() if wanted is not None and wanted != there}


def _free_name(rows: StackRows, owner: str) -> str:
    """Name a box after its owner: ``alice``, then ``alice-2``."""
    local = "".join(
        letter if letter.isascii() and letter.isalnum() else "-" for letter in owner.split("@", maxsplit=1)[0].lower()
    )
    stem = (local.strip("-") or "box")[:30]
    stem = stem if stem[0].isalpha() else f"b{stem}"
    names = [stem, *(f"{stem}-{number}" for number in range(2, BOXES_PER_STACK + 2))]
    return next((name for name in names if name not in rows.boxes or rows.is_gone(name)), names[-1])
