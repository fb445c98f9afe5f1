"""After the faults: everything comes to its place within a bound, and then what was promised and billed is counted."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from lifecycle import ledger
from lifecycle.blueprint import BASTION
from lifecycle.commands import Where
from lifecycle.costs import report
from lifecycle.meters import Books, Meter
from lifecycle.model import Level, Sighting, Verb
from lifecycle.people import Person, Role
from lifecycle.ports import Table
from lifecycle.prices import DEFAULT_BOOK
from lifecycle.rows import StackRows, stack_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.arm.meters import Interval
    from tests.proof.people import Promise
    from tests.proof.storm import Storm

BOUND = timedelta(hours=14)
"""A lock is tried again after four hours, a refusal after one; a closing waits for its grace and a session's end."""
STEP = timedelta(minutes=10)
STEADY_FOR = timedelta(minutes=75)
"""A little more than the hour after which everything is looked at again."""
OVERDUE = timedelta(minutes=20)
"""With timers and queues in order, nothing is late by more."""
REMEMBERED = timedelta(days=7)
SLACK = timedelta(seconds=15)
"""Clocks of processes differ, and a request is under way for a while."""
HOURS_SLACK = 0.01


class Calm:
    """What happens when the faults stop, and what must hold then."""

    def __init__(self, storm: Storm) -> None:
        self.storm = storm
        self.orphans = 0
        self.converged_after = timedelta()
        self.since_at = storm.draw.start
        """When the faults stopped."""

    async def settle(self) -> None:
        """Stop the faults, require convergence, check everything, take all down and check that nothing is left."""
        storm = self.storm
        storm.arm.clear_faults()
        living = [rows for rows in self.stacks() if rows.intent is not None]
        storm.portal.tidy({(rows.name, box) for rows in living for box in ("", *rows.boxes) if not _is_over(rows, box)})
        storm.watch.note("the faults stop")
        self.since_at = storm.now()
        storm.spawn(storm._often(144, lambda: storm.people.call("look", storm.people._nothing)))
        self.converged_after = await self._until("converge", self.troubles)
        self._check_promises()
        await self._check_steadiness()
        await self._check_books()
        await self._take_down()
        await self._until("take everything down", self._leftovers)
        self._check_nothing_left()
        await self._check_books()
        self._check_audit()

    async def _until(self, what: str, troubles: Callable[[], list[str]]) -> timedelta:
        began_at, storm = self.storm.now(), self.storm
        while left := troubles():
            if storm.now() - began_at > BOUND:
                storm.watch.violate("liveness", f"{what} took more than {BOUND}: {'; '.join(left)}"[:1500])
                break
            await asyncio.sleep(STEP.total_seconds())
        return storm.now() - began_at

    # -- rows --------------------------------------------------------------------------------------------------

    def stacks(self) -> list[StackRows]:
        """Read all stacks as they are stored."""
        found = defaultdict(list)
        for (stack, _), row in self.storm.tables.rows[Table.STACKS].items():
            found[stack].append(row)
        return [stack_rows(stack, rows) for stack, rows in sorted(found.items())]

    # -- convergence -------------------------------------------------------------------------------------------

    def troubles(self) -> list[str]:
        """Name whatever is not at its place: boxes, doors, operations, and stacks that nobody looks at."""
        found = []
        now = self.storm.now()
        for rows in self.stacks():
            status = rows.status.value
            if rows.intent is None:
                continue
            stands = any(seen.stands for seen in status.parts.values())
            if stands and (status.looked_at is None or status.looked_at < self.since_at):
                found.append(f"{rows.name}: nobody has looked at all of it since the faults stopped")
            found += _unfinished(rows, now)
            wanted = bool(status.needs)
            for name in rows.boxes:
                if rows.is_gone(name):
                    continue
                known = status.boxes.get(name)
                if known is None:
                    found.append(f"{rows.name}/{name}: not looked at yet")
                    continue
                wanted = wanted or known.target is Level.OPEN
                if (
                    known.level is not known.target
                    and known.phase != "blocked"
                    and not _rests(known.level, known.target)
                ):
                    found.append(f"{rows.name}/{name}: {known.level.name}, not {known.target.name}: {known.reason}")
                if known.phase == "blocked" and not known.reason:
                    found.append(f"{rows.name}/{name}: blocked without a reason")
            door = status.parts.get(BASTION)
            if door and door.stands and not wanted and BASTION not in status.blocks and not status.sessions:
                found.append(f"{rows.name}: its door stands for nobody")
        found += [f"{operation.resource} is busy" for operation in self.storm.arm.cloud.busy.values()][:3]
        return found

    async def _check_steadiness(self) -> None:
        """A steady state makes no mutation; where the hours changed something, or anybody asked, it was none."""
        storm = self.storm
        before, sent = self._targets(), self._sent()
        blocks = any(rows.status.value.blocks for rows in self.stacks())
        await asyncio.sleep(STEADY_FOR.total_seconds())
        if before == self._targets() and not blocks and self._sent() != sent and not self.troubles():
            storm.watch.violate("steady", f"{self._sent() - sent} mutations in a steady state")

    def _sent(self) -> int:
        return self.storm.watch.mutations - self.storm.watch.shutdowns_moved

    def _targets(self) -> list[str]:
        return [
            f"{rows.name}/{name} {known.target} {known.level} {known.phase} {known.incarnation} {known.connected}"
            f" {known.asked_at}"
            for rows in self.stacks()
            for name, known in rows.status.value.boxes.items()
        ]

    # -- promises ----------------------------------------------------------------------------------------------

    def _check_promises(self) -> None:
        """S4: whatever somebody got a yes to is found in the end, or a later word explains why not."""
        storm = self.storm
        for promise in storm.people.promises:
            trouble = self._broken(promise)
            if trouble:
                storm.watch.violate(
                    "S4", f"{promise.word} {promise.where} of {promise.asked_at:%d %H:%M:%S}: {trouble}"
                )

    def _broken(self, promise: Promise) -> str:  # noqa: PLR0911 -- one answer per word
        storm, since_at = self.storm, promise.asked_at - SLACK
        if promise.word == "disconnect":
            there = any(each.id == promise.detail and not each.ended_at for each in storm.arm.cloud.sessions.all())
            return "the session is still open" if there else ""
        box = storm.people.box(promise.where)
        old = promise.asked_at + REMEMBERED < storm.now()
        if box is None:
            return "" if old else "no row of the box is left"
        if box.incarnation != promise.incarnation:
            return "" if box.requested_at >= since_at or old else "another box has taken its place"
        lease = storm.people.hours.get(promise.incarnation)
        match promise.word:
            case "retire":
                return "" if box.retired_at or self._is_gone(promise.where) else "it was not retired"
            case "wake":
                return "" if box.woken_at and box.woken_at >= since_at else f"woken at {box.woken_at}"
            case "park":
                words = (box.parked_at, box.woken_at)
                return "" if any(at and at >= since_at for at in words) else f"parked at {box.parked_at}"
            case "follow":
                return "" if box.other_hours else "it follows no other schedule"
            case "extend" if lease and not lease.least - 1e-6 <= box.hours <= lease.most + 1e-6:
                return f"its lease is {box.hours} hours, not between {lease.least} and {lease.most}"
        return ""

    def _is_gone(self, where: Where) -> bool:
        return any(rows.name == where.stack and rows.is_gone(where.box) for rows in self.stacks())

    # -- the end -----------------------------------------------------------------------------------------------

    async def _take_down(self) -> None:
        """Retire everything, as an operator would."""
        operator, people = Person("olga", Role.OPERATOR), self.storm.people
        commands = people.commands
        await people.call("lift", partial(commands.lift_bound, operator, 24, "the end"))
        for rows in self.stacks():
            if rows.intent and rows.intent.value.exempt_until:
                await people.call("exempt", partial(commands.exempt, operator, rows.name, 0, "the end"))
            for name in rows.boxes:
                if not rows.is_gone(name):
                    place = Where(rows.name, name)
                    await people.call("retire", partial(commands.retire, operator, place, "the end", match=None))

    def _leftovers(self) -> list[str]:
        return [rows.name for rows in self.stacks() if rows.intent is not None] or [
            key.rpartition("/providers/")[2] for key in self._ours()
        ][:5]

    def _ours(self) -> list[str]:
        """Name what exists and is ours by its name, but for what people made theirs."""
        return [
            each.key
            for each in self.storm.arm.cloud.store
            if "/jb-" in each.key and each.key not in self.storm.portal.theirs and each.rid.parent is None
        ]

    def _check_nothing_left(self) -> None:
        orphans = self._ours()
        self.orphans = len(orphans)
        for key in orphans:
            self.storm.watch.violate("orphan", key.rpartition("/providers/")[2])

    def _check_audit(self) -> None:
        """S6: whatever was intended has an outcome on record."""
        watch = self.storm.watch
        for subject, count in sorted(watch.intents.items()):
            if watch.outcomes[subject] < count:
                watch.violate(
                    "S6", f"{subject[1]} of {subject[0]}: {count} intents, {watch.outcomes[subject]} outcomes"
                )

    # -- money -------------------------------------------------------------------------------------------------

    async def _check_books(self) -> None:
        """The true hours of each resource lie between the least and the most of the books, by every rule of billing."""
        storm = self.storm
        since_at, until_at = storm.draw.start - timedelta(days=1), storm.now() + timedelta(seconds=1)
        books = await self._books()
        self._check_sums(books, since_at, until_at)
        switches = storm.arm.switches
        kept = switches.billing_quantum, switches.billing_start
        for quantum in ("second", "hour"):
            for start in ("accepted", "succeeded"):
                switches.billing_quantum, switches.billing_start = quantum, start
                self._check_brackets(books, quantum, start, since_at, until_at)
        switches.billing_quantum, switches.billing_start = kept

    async def _books(self) -> Books:
        """Read the books; what runs carries its last sighting, as it does in the copies that bills are made of."""
        books = await ledger.read(self.storm.tables)
        copies = (await ledger.facts(self.storm.tables, self.storm.now())).meters
        seen = {_interval(each): each.closed_seen_at for each in copies if each.closed_absent_at is None}
        meters = (
            each if each.closed_absent_at else replace(each, closed_seen_at=seen.get(_interval(each)))
            for each in books.meters
        )
        return replace(books, meters=tuple(meters))

    def _check_sums(self, books: Books, since_at: datetime, until_at: datetime) -> None:
        now = self.storm.now()
        totals = {}
        for by in ("owner", "stack", "box", "meter"):
            rows = report(
                books.meters,
                books.tenancies,
                DEFAULT_BOOK,
                since_at,
                until_at,
                by,
                now,
                "second",
                zone=UTC,
                connections=books.connections,
            )
            totals[by] = sum((row.amount for row in rows), Decimal())
        if max(totals.values()) - min(totals.values()) > Decimal("0.001"):
            self.storm.watch.violate("books", f"the sums differ: {totals}")

    def _switched_unseen(self) -> set[tuple[str, str]]:
        """Name what billed, or did not, by people's doing for a while in which the app had no look at it."""
        shown, portal, found = self.storm.watch.was_shown, self.storm.portal, set()
        last: dict[tuple[str, str], datetime] = {}
        for interval in self.storm.arm.cloud.meters._all:
            place, ended_at = _place(interval), interval.ended_at
            by_hand = (place[0], interval.accepted_at) in portal.switched_on
            off_at = last.get(place)
            if by_hand and off_at and not shown(place[0], off_at, interval.accepted_at):
                found.add(place)
            if by_hand and ended_at and not shown(place[0], interval.accepted_at, ended_at):
                found.add(place)
            if ended_at:
                last[place] = ended_at
        return found

    def _check_brackets(self, books: Books, quantum: str, start: str, since_at: datetime, until_at: datetime) -> None:
        """Compare resource by resource. What was answered of out of date even once is left out.

        The brackets are made of looks, and promise the truth as far as a look shows what is. That lists lag is
        reported; that a GET by id does is only the simulator's fault ``stale``, kept to show that nothing is lost by
        it. An instant taken from such an answer is wrong by as much as the answer is old, in either direction.
        Left out too is what somebody took over in the portal: while it carries no tags of ours it is on nobody's
        books of ours, and how much of its hours that was, the simulator does not tell. And so is what was switched
        off and on again, or on and off, by hands between two looks: nobody can have seen that.
        """
        now = self.storm.now()
        truth: dict[tuple[str, str], float] = defaultdict(float)
        for interval in self.storm.arm.cloud.meters._all:
            place = _place(interval)
            if "/jb-" in place[0] and (place[0], interval.accepted_at) not in self.storm.portal.their_meters:
                row = self.storm.arm.cloud.meters._row(interval, now)
                truth[place] += row["hours"] if row else 0.0
        unseen = self._switched_unseen()
        ours = defaultdict(list)
        for meter in books.meters:
            ours[meter.arm_id.lower(), meter.meter].append(meter)
        for place in sorted({*truth, *ours}):
            if place in unseen or place[0] in self.storm.watch.outdated or place[0] in self.storm.portal.taken:
                continue
            rows = report(
                ours[place], (), DEFAULT_BOOK, since_at, until_at, "meter", now, quantum, zone=UTC, start=start
            )
            least = sum((float(row.least_hours) for row in rows), 0.0)
            most = sum((float(row.hours) for row in rows), 0.0)
            if not least - HOURS_SLACK <= truth[place] <= most + HOURS_SLACK:
                what = f"{place[0].rpartition('/providers/')[2]} {place[1]} by {quantum}/{start}"
                self.storm.watch.violate("books", f"{what}: {truth[place]:.3f} h, booked {least:.3f} to {most:.3f}")


def _is_over(rows: StackRows, box: str) -> bool:
    return box in rows.boxes and rows.is_gone(box)


def _interval(meter: Meter) -> tuple[str, str, str, datetime]:
    return meter.stack, meter.part, meter.meter, meter.opened_claimed_at


def _place(interval: Interval) -> tuple[str, str]:
    return interval.resource.lower(), interval.meter


def _rests(level: Level, target: Level) -> bool:
    """Whether a box is where it may stay: nothing is built of one that is to be parked and never was built."""
    return target is Level.PARKED and level is Level.GONE


def _unfinished(rows: StackRows, now: datetime) -> list[str]:
    """Name what is still under way with a stack, and what nobody goes on with."""
    status = rows.status.value
    found = [f"{rows.name} {part}: {each.value.verb} in flight" for part, each in rows.operations.items()]
    found += [
        f"{rows.name} {part}: Azure was at it when last looked at"
        for part, seen in status.parts.items()
        if seen.sighting is Sighting.BUSY
    ]
    due_at = status.look_again_at
    if due_at is None or due_at + OVERDUE < now:
        found.append(f"{rows.name}: look_again_at is {due_at}")
    refused = [block for block in status.blocks.values() if block.verb is not Verb.DELETE]
    if refused and all(block.retry_at + OVERDUE < now for block in refused):
        found.append(f"{rows.name}: nothing is tried again of {', '.join(status.blocks)}")
    return found
