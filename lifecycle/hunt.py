"""The search for what stands and no row knows: list, compare, doubt for some hours, look again, give back.

Runs as the chore ``orphans``, where Azure may be spoken to. It changes nothing in Azure. What it believes in it
gives back to its stack, whose next pass takes it down as it takes down everything else: looked at once more, guarded,
audited, in order, within the bound on deletions. See docs/adr/0011-orphans-are-given-back.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifecycle import due, journal, troubles
from lifecycle.audit import Entry, append
from lifecycle.events import Event, Name
from lifecycle.faults import AzureFault, Conflict
from lifecycle.hubs import is_foreign
from lifecycle.model import BoxIntent, Kind, StackIntent
from lifecycle.orphans import (
    APART,
    FOUND,
    HUNTER,
    LISTED,
    GiftBack,
    Known,
    StackKnown,
    Thing,
    founded,
    given_back,
    is_stack,
    kind_of,
    missing,
    orphans,
    own_range,
)
from lifecycle.ports import Bell, Change, Chore, Clock, Insert, Inventory, Queue, Replace, Row, Table, Tables
from lifecycle.ranges import claim_range, claim_this
from lifecycle.refusals import Taken
from lifecycle.rows import BOX, INTENT, StackRows, row_of, stack_rows
from lifecycle.settings import Settings
from lifecycle.stacks import partitions, unreadable
from lifecycle.troubles import Finding, finding_key, finding_of

SUSPECTED, GIVEN_BACK, UNPROVEN = "suspected", "given back", "unproven"
SECOND_LOOK = APART + timedelta(minutes=1)
"""When what is new is looked at again: a message may come a little early."""
LOOK_AGAIN = timedelta(hours=1)
"""So long a stack gets to take down what it was given back, before somebody asks whether it has."""
ANY_RANGE = "10.0.0.0/24"
"""Stands for an address range where only names matter."""
MOST_AT_ONCE = 50
"""So many are given back in one hunt; the next one goes on."""


@dataclass
class _Round:
    """What one hunt has gathered, and what is to be said of it."""

    now: datetime
    things: list[Thing] = field(default_factory=list)
    listed: set[Kind] = field(default_factory=set)
    known: Known = field(default_factory=Known)
    events: list[Event] = field(default_factory=list)
    look_again_in: list[timedelta] = field(default_factory=list)
    room: int = MOST_AT_ONCE


class Hunt:
    """Searches the resource group once."""

    def __init__(self, tables: Tables, bell: Bell, azure: Inventory, clock: Clock, settings: Settings) -> None:
        self.tables = tables
        self.bell = bell
        self.azure = azure
        self.clock = clock
        self.settings = settings
        self.estate = settings.estate

    async def go(self) -> None:
        """Search. Raises what the storage raises; what Azure does not show is left to the next hunt.

        The lists come before the rows: whatever was listed had been claimed by then, so no row is read too early.
        """
        found = _Round(await self.clock.read())
        noted = await self._noted(troubles.ORPHAN)  # before the rows: what another hunt gave back is known by then
        await self._list(found)
        await self._read_rows(found)
        await self._suspect(found, noted)
        await self._miss(found)
        text = f"{len(found.things)} resources of {len(found.listed)} types compared with the rows"
        journal.write([*found.events, Event(Name.HUNT_DONE, text=text)])
        for wait in sorted(set(found.look_again_in)):
            await self.bell.ring(Queue.CHORES, Chore.ORPHANS, wait)

    async def _list(self, found: _Round) -> None:
        for kind in LISTED:
            try:
                bodies = await self.azure.every(kind)
            except AzureFault as silence:
                code = silence.fault.code
                found.events.append(Event(Name.HUNT_INCOMPLETE, code=code, text=f"{kind} could not be listed"))
                continue
            found.things += [Thing(kind, str(body["id"]), body) for body in bodies]
            found.listed.add(kind)

    async def _read_rows(self, found: _Round) -> None:
        async for name, rows in partitions(self.tables):
            try:
                found.known.add(_known_of(stack_rows(name, rows)), self.estate)
            except Exception as trouble:  # noqa: BLE001 -- broken rows must neither end the hunt nor make orphans
                found.known.unreadable.add(name)
                found.events.append(unreadable(name, trouble))

    async def _suspect(self, found: _Round, noted: Mapping[str, tuple[Row, Finding]]) -> None:
        """Note what is new, drop what has explained itself, and act on what has lasted."""
        now_there = {thing.arm_id.lower(): thing for thing in orphans(found.things, found.known, self.estate)}
        for key in noted.keys() - now_there.keys():
            await self._settle(found, *noted[key])
        believed: dict[str, list[tuple[Thing, Finding]]] = {}
        for key, thing in now_there.items():
            if key not in noted:
                await self._note(found, thing)
                continue
            finding = finding_of(noted[key][0])
            if finding.state == GIVEN_BACK:
                why = "it was given back to its stack, which is done with it, and yet it stands: it is left to people"
                await self._leave(found, replace(finding, state=UNPROVEN, why=why))
            elif found.now - finding.first_seen_at >= APART:
                believed.setdefault(thing.stack, []).append((thing, finding))
        for stack, cases in believed.items():
            await self._believe(found, stack, cases)

    async def _noted(self, partition: str) -> dict[str, tuple[Row, Finding]]:
        rows = await troubles.read(self.tables, partition)
        return {(finding := finding_of(row)).arm_id.lower(): (row, finding) for row in rows}

    async def _note(self, found: _Round, thing: Thing) -> None:
        finding = Finding(thing.arm_id, thing.kind, thing.stack, thing.box, found.now, looked_at=found.now)
        await troubles.keep(self.tables, troubles.ORPHAN, finding)
        text = f"{thing.kind}; looked at again in some hours before it is believed"
        found.events.append(Event(Name.ORPHAN_FOUND, thing.stack, thing.arm_id, text=text))
        found.look_again_in.append(SECOND_LOOK)

    async def _settle(self, found: _Round, row: Row, finding: Finding) -> None:
        """Have done with a finding that no list shows any more, or that a row knows: a GET tells which."""
        kind = kind_of(finding.arm_id)
        if kind not in found.listed or finding.stack in found.known.unreadable:
            return
        try:
            gone = await self.azure.look(kind, finding.arm_id) is None
        except AzureFault:
            return
        if gone:
            found.events.append(Event(Name.ORPHAN_REMOVED, finding.stack, finding.arm_id, finding.state))
        if gone or (finding.state != GIVEN_BACK and finding.arm_id.lower() in found.known.names):
            await troubles.drop(self.tables, troubles.ORPHAN, row)

    async def _believe(self, found: _Round, stack: str, cases: Sequence[tuple[Thing, Finding]]) -> None:
        """Look at each once more, read the stack's rows once more, and give back what is provably ours."""
        findings = {thing.arm_id: finding for thing, finding in cases}
        looks = [await self._look(thing) for thing, _ in cases]
        if not is_stack(stack):
            await self._refuse(found, findings, dict.fromkeys(findings, "its tag stack is no stack's name"))
            return
        rows = stack_rows(stack, await self.tables.query(Table.STACKS, stack))
        known = Known()
        known.add(_known_of(rows), self.estate)
        things = [thing for thing in looks if thing and thing.arm_id.lower() not in known.names][: found.room]
        if not things:
            return
        exempt_until = rows.intent.value.exempt_until if rows.intent else None
        intent = rows.intent.value if rows.intent else await self._as_it_was(rows, things, found.now)
        live, gone = _boxes_of(rows)
        gift = given_back(things, stack, intent, live, gone, self.estate, self.settings.vm_sizes[0], found.now)
        await self._refuse(found, findings, gift.refused)
        if self.settings.caution.dry_run or (exempt_until and exempt_until > found.now):
            why = "dry run: it would be taken down" if self.settings.caution.dry_run else "its stack is exempt"
            await self._refuse(found, findings, {thing.arm_id: why for thing in gift.ours})
            return
        try:
            await self._give_back(rows, intent, gift, found.now)
        except Conflict:
            return  # somebody has asked for this stack meanwhile: the next hunt sees what that came to
        except Taken as full:
            await self._refuse(found, findings, {thing.arm_id: str(full) for thing in gift.ours})
            return
        for thing in gift.ours:
            why = f"given back to stack {stack}, which takes it down"
            finding = replace(findings[thing.arm_id], state=GIVEN_BACK, why=why, looked_at=found.now)
            await troubles.keep(self.tables, troubles.ORPHAN, finding)
            found.events.append(Event(Name.ORPHAN_GIVEN_BACK, stack, thing.arm_id, text=why))
            found.look_again_in.append(LOOK_AGAIN)
            found.room -= 1

    async def _look(self, thing: Thing) -> Thing | None:
        """Look at one by its name. None where nothing is to be done about it now."""
        try:
            body = await self.azure.look(thing.kind, thing.arm_id)
        except AzureFault:
            return None
        seen = Thing(thing.kind, thing.arm_id, body) if body is not None else None
        same = seen is not None and seen.is_of(self.estate) and (seen.stack, seen.box) == (thing.stack, thing.box)
        return seen if seen is not None and same and not seen.leaves else None

    async def _refuse(self, found: _Round, findings: Mapping[str, Finding], refused: Mapping[str, str]) -> None:
        for arm_id, why in refused.items():
            await self._leave(found, replace(findings[arm_id], state=UNPROVEN, why=why))

    async def _leave(self, found: _Round, finding: Finding) -> None:
        """Leave something to people, and tell them once."""
        old = await self.tables.get(Table.TROUBLES, troubles.ORPHAN, finding_key(finding.arm_id))
        if old is None or finding_of(old).why != finding.why:
            found.events.append(Event(Name.ORPHAN_UNPROVEN, finding.stack, finding.arm_id, text=finding.why))
        await troubles.keep(self.tables, troubles.ORPHAN, replace(finding, looked_at=found.now))

    async def _as_it_was(self, rows: StackRows, things: Sequence[Thing], now: datetime) -> StackIntent:
        """Draw up the intent of a stack that has none any more, as its parts say it was; its range is not claimed."""
        hub = None if rows.needs else self.settings.hubs.get(rows.name)
        if hub and not is_foreign(hub) and await self.tables.get(Table.STACKS, hub, INTENT) is None:
            hub = None  # nobody comes in through a door that is not there
        address_range = str(own_range(things) or ANY_RANGE)
        return founded(things, self.estate, hub, self.settings.region, address_range, now)

    async def _give_back(self, rows: StackRows, intent: StackIntent, gift: GiftBack, now: datetime) -> None:
        """Write the rows by which a stack knows these again, and ring for it. Raises Conflict.

        The stack's intent is written as well where it exists, so that a stack that closes just now does not do so
        over them. A range that was claimed in vain is left to the nightly round: somebody who asked for the stack
        meanwhile may have come upon the very same.
        """
        if not gift.ours:
            return
        claimed = "" if rows.intent else await self._claim(rows.name, gift, now)
        if claimed:
            stack_change: Change = Insert(row_of(INTENT, replace(intent, address_range=claimed)))
        else:
            counted = replace(intent, changes=intent.changes + 1)
            stack_change = Replace(row_of(INTENT, counted, rows.intent.etag if rows.intent else ""))
        changes = [stack_change]
        for name, box in gift.boxes.items():
            row = row_of(f"{BOX}{name}", box, rows.boxes[name].etag if name in rows.boxes else "")
            changes.append(Replace(row) if row.etag else Insert(row))
        await due.note(self.tables, due.Due(now, rows.name))
        await append(self.tables, rows.name, now, [_entry(thing, now) for thing in gift.ours])
        await self.tables.commit(Table.STACKS, rows.name, changes)
        await self.bell.ring(Queue.RECONCILE, rows.name)

    async def _claim(self, stack: str, gift: GiftBack, now: datetime) -> str:
        """Claim the range that a stack's network has, or any where there is none or another stack has that by now."""
        wanted = own_range(gift.ours)
        if wanted and await claim_this(self.tables, wanted, stack, now):
            return str(wanted)
        return await claim_range(self.tables, self.settings, stack, now)

    async def _miss(self, found: _Round) -> None:
        """Report what rows say stands and nothing shows. The stack's own hourly look is what puts its rows right."""
        absent = missing(found.things, found.known, found.listed)
        noted = await self._noted(troubles.MISSING)
        there = {arm_id.lower() for arm_id in absent}
        for key in noted.keys() - there:
            await troubles.drop(self.tables, troubles.MISSING, noted[key][0])
        for arm_id, (stack, part) in absent.items():
            kind = kind_of(arm_id)
            row, finding = noted.get(arm_id.lower(), (None, None))
            if kind is None or row is None or finding is None:
                suspicion = Finding(arm_id, str(kind), stack, part.partition("!")[2], found.now)
                await troubles.keep(self.tables, troubles.MISSING, suspicion)
                found.look_again_in.append(SECOND_LOOK)
            elif found.now - finding.first_seen_at >= APART and finding.state == SUSPECTED:
                await self._confirm_missing(found, row, finding, part)

    async def _confirm_missing(self, found: _Round, row: Row, finding: Finding, part: str) -> None:
        try:
            there = await self.azure.look(Kind(finding.kind), finding.arm_id) is not None
        except AzureFault:
            return
        if there:
            await troubles.drop(self.tables, troubles.MISSING, row)
            return
        why = "its stack's rows say that it stands, and Azure does not know it: nobody has looked for hours"
        await troubles.keep(self.tables, troubles.MISSING, replace(finding, state="missing", why=why))
        found.events.append(Event(Name.PART_MISSING, finding.stack, part, text=why))


def _entry(thing: Thing, now: datetime) -> Entry:
    mark = f"{HUNTER}|{now.isoformat()}|{thing.arm_id}"
    return Entry(HUNTER, "give back", thing.arm_id, "asked", FOUND, mark)


def _boxes_of(rows: StackRows) -> tuple[dict[str, BoxIntent], dict[str, BoxIntent]]:
    """Sort a stack's boxes into those that are not over, and those that are."""
    boxes = {name: stored.value for name, stored in rows.boxes.items()}
    gone = {name: box for name, box in boxes.items() if rows.is_gone(name)}
    return {name: box for name, box in boxes.items() if name not in gone}, gone


def _known_of(rows: StackRows) -> StackKnown:
    live, _ = _boxes_of(rows)
    under_way = [stored.value.arm_id for stored in rows.operations.values()]
    return StackKnown(rows.name, rows.intent.value if rows.intent else None, live, rows.status.value, under_way)
