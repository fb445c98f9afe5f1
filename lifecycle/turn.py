"""What one pass over a stack has gathered so far, and how each finding is noted. Lives for one invocation only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifecycle.audit import Entry
from lifecycle.blueprint import HUB
from lifecycle.decision import Case, Decision, decide
from lifecycle.estate import Estate
from lifecycle.faults import ALERTS, TAKES_DOWN_WHAT_BILLS, Fault
from lifecycle.model import Block, BoxIntent, HubSeen, Need, Operation, Policy, Seen, StackIntent, StackStatus, Verb
from lifecycle.neighbours import hub_of
from lifecycle.notices import Notice
from lifecycle.observation import MeterChange, SessionChange, may_have_been_accepted, saw_parts, was_accepted
from lifecycle.rows import StackRows, Stored
from lifecycle.schedule import Schedule
from lifecycle.timetable import PARTITION, Reading

ACTOR = "reconciler"
BEGINS_A_METER = (Verb.PUT, Verb.START)
AZURE = "azure"
"""The block that stands for Azure itself not answering our looks."""


@dataclass
class Turn:
    """One pass: the rows it began with, what it has seen since, and what is to be written at its end."""

    now: datetime
    rows: StackRows
    intent: StackIntent
    revision: str
    schedules: Mapping[str, Schedule]
    estate: Estate
    policy: Policy
    status: StackStatus
    before: StackStatus
    """The status as it was when the pass began: what is news is measured against it."""
    operations: dict[str, Operation]
    hub: StackRows | None = None
    """The rows of the hub whose door the stack uses, where that is ours."""
    needs: Mapping[str, Need] = field(default_factory=dict)
    """What other stacks need of this one."""
    borrowed: HubSeen | None = None
    """What this pass saw around a Bastion that is not ours."""
    outlook: str = ""
    """What those stacks went by when the pass began."""
    entries: list[Entry] = field(default_factory=list)
    meters: list[MeterChange] = field(default_factory=list)
    sessions: list[SessionChange] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    forgotten: dict[str, Operation] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    kept: bool = False
    """Whether the books have been written in this pass: then only what came after is."""
    look_again_at: list[datetime] = field(default_factory=list)
    noted: set[datetime] = field(default_factory=set)
    """Entries of the due table that this pass answers."""
    operation_etags: dict[str, str] = field(default_factory=dict)
    _decided: tuple[tuple[object, ...], Decision] | None = None
    """What was decided last, and from what: most passes ask more than once before anything has changed."""

    @property
    def live(self) -> dict[str, Stored[BoxIntent]]:
        """Boxes that are not over and done with."""
        return {name: box for name, box in self.rows.boxes.items() if not self.rows.is_gone(name)}

    def decide(self) -> Decision:
        """Say what follows from all that is known by now."""
        known = (self.rows, self.status, self.hub, *self.operations.items())
        if self._decided is None or self._decided[0] != known:
            self._decided = known, self._decide()
        return self._decided[1]

    def _decide(self) -> Decision:
        return decide(
            Case(
                self.now,
                self.estate,
                self.rows.name,
                self.intent,
                {name: box.value for name, box in self.live.items()},
                self.status,
                self.operations,
                self.schedules,
                self.policy,
                hub=hub_of(self.rows.name, self.intent, self.hub, self.status, self.estate),
                needs=self.needs,
            )
        )

    def saw(self, seen: Mapping[str, Seen]) -> None:
        """Take in what was just seen of some parts, meters included."""
        claims = (*self.operations.values(), *self.forgotten.values())
        self.status, meters = saw_parts(self.status, seen, claims, self.now, self.operations.keys())
        self.meters += meters

    def accepted(self, operation: Operation, at: datetime) -> None:
        """Note that Azure had taken a request by then: from the claim to then it may have begun to bill."""
        if operation.verb in BEGINS_A_METER:
            self.status, meters = was_accepted(self.status, operation.part, at)
            self.meters += meters

    def unheard(self, operation: Operation, *, lost: bool = False) -> None:
        """Note that nobody knows what Azure said to a request, nor, if ``lost``, what stood there before it."""
        if operation.verb in BEGINS_A_METER:
            self.status = may_have_been_accepted(self.status, operation.part, lost=lost)

    def keep(self, operation: Operation, wait: timedelta, silences: int = 0) -> None:
        """Go on with an operation, and ask it again after ``wait``."""
        poll_at = self.now + wait
        self.operations[operation.part] = replace(operation, poll_at=poll_at, silences=silences)
        self.look_again_at.append(poll_at)

    def end(self, operation: Operation, outcome: str, reason: str) -> None:
        """Have done with an operation: whatever it came to, the look tells the truth."""
        self.operations.pop(operation.part, None)
        self.forgotten[operation.part] = operation
        self.ended.add(operation.part)
        mark = f"{operation.claimed_real_at.isoformat()}|{operation.part}|{outcome}"
        self.entries.append(Entry(ACTOR, operation.verb, operation.arm_id, outcome, reason, mark))

    def block(self, part: str, verb: Verb, fault: Fault) -> None:
        """Leave a part alone for a while, and tell people where it is theirs to act."""
        old = self.status.blocks.get(part)
        failures = old.failures + 1 if old and old.verb is verb else 1
        block = Block(
            verb,
            fault.code,
            fault.message,
            failures,
            self.now + fault.wait(failures),
            shown=fault.blocks(failures),
            takes_down=fault.meaning in TAKES_DOWN_WHAT_BILLS,
            since_at=old.since_at if old and old.verb is verb else self.now,
        )
        self.status = replace(self.status, blocks={**self.status.blocks, part: block})
        if block.shown and not (old and old.shown and old.code == block.code):
            self.notices += self._told_of(part, block, alert=fault.meaning in ALERTS)

    def tell_of_broken(self, stack: str) -> None:
        """Have operators told, once, that another stack's need of this one's door cannot be read."""
        text = (
            f"the need of stack {stack} for the door of {self.rows.name} cannot be read; the door stays open for it"
            " until what was last read of it lapses"
        )
        self.notices.append(Notice("alert", self.rows.name, "", "operators", text, f"need!{stack}"))

    def tell_of_schedule(self, reading: Reading) -> None:
        """Have operators told, once for all its followers, that a stored schedule cannot be gone by."""
        stored = hashlib.sha256(reading.version.encode()).hexdigest()[:16]
        topic = f"{reading.schedule.name}!{stored}"
        self.notices.append(Notice("alert", PARTITION, "", "operators", f"{reading.trouble}; PUT it anew", topic))

    def tell_of_hub(self) -> None:
        """Have owners told, once, why the hub whose door they use cannot serve them."""
        block, old = self.status.blocks.get(HUB), self.before.blocks.get(HUB)
        if block and not (old and old.code == block.code):
            self.notices += self._told_of(HUB, block, alert=False)

    def tell_of_silence(self, since_at: datetime) -> None:
        """Have operators told, once, that nobody can tell who is connected."""
        text = (
            f"nobody can tell who is connected to stack {self.rows.name} since {since_at:%Y-%m-%d %H:%M} UTC: neither"
            " the Bastion's session list nor its Session Count metric answers; the door stays open until its hard limit"
        )
        topic = f"silence!{since_at:%Y-%m-%dT%H%M%S}"
        self.notices.append(Notice("alert", self.rows.name, "", "operators", text, topic))

    def tell_of_caution(self, withheld: list[str]) -> None:
        """Have operators told, once an hour, that deletions wait for their word."""
        text = (
            f"too many deletions in an hour: {', '.join(withheld)} of stack {self.rows.name} and perhaps others wait;"
            " if that is as it should be, an operator may POST /api/deletions to lift the bound for a while"
        )
        self.notices.append(Notice("alert", self.rows.name, "", "operators", text, f"caution!{self.now:%Y-%m-%dT%H}"))

    def _told_of(self, part: str, block: Block, *, alert: bool) -> list[Notice]:
        topic = f"{part}!{block.code}!{self.now:%Y-%m-%dT%H%M%S}"
        text = f"{part} of stack {self.rows.name} is blocked: {block.code}: {block.message}"
        if alert:
            return [Notice("alert", self.rows.name, "", "operators", text, topic)]
        _, _, own = part.partition("!")
        return [
            Notice("blocked", self.rows.name, name, box.value.owner, text, topic)
            for name, box in self.live.items()
            if own in ("", name)
        ]
