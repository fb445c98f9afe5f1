"""Holds each event of a storm against the invariants that must hold at every instant, and writes its trace.

What is checked here costs next to nothing per event, so that it can be checked at every one. Truth is taken from
the simulator's own store and from the rows as they are stored, never from what the app says of itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lifecycle.estate import OWNERSHIP_TAGS, RESERVED_TAGS
from lifecycle.ports import Put, Remove, Row, Table
from lifecycle.rows import DISCONNECT, OPERATION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lifecycle.ports import Change, Queue
    from sandbox.arm.arm import Arm
    from sandbox.arm.sessions import Session
    from sandbox.arm.wire import Request, Response
    from tests.proof.life import Life

MOST_SKEW = timedelta(seconds=5)
EARLY = timedelta(seconds=30)
"""A message so much too early counts as due, so an announced limit may be taken for passed so much before it is."""
LISTED_LATELY = timedelta(minutes=10)
SECRET = re.compile(r"bearer |[?&](s|h|sig|c)=[A-Za-z0-9_%-]{30}|AccountKey=|PRIVATE KEY", re.IGNORECASE)
_TARGET = re.compile(r"(/start|/deallocate|/getactivesessions|/disconnectactivesessions)$", re.IGNORECASE)
_PEERING = "/virtualnetworkpeerings/"
_OURS = frozenset(OWNERSHIP_TAGS)
MOST_TOLD = 20


class Violated(Exception):
    """An invariant did not hold."""


@dataclass(slots=True)
class Claim:
    """One claimed step, as its row stands."""

    stack: str
    verb: str
    claimed_at: str
    begun: bool
    sent: int = 0


@dataclass(slots=True)
class Sent:
    """One request on its way, with what stood before it."""

    request: Request
    target: str
    verb: str
    life: str
    sessions: list[Session]
    tags: dict[str, str]


@dataclass
class Watch:
    """Sees every event. ``announced`` says whether people were told in time that a session's machine closes."""

    arm: Arm
    now: Callable[[], datetime]
    announced: Callable[[Session], bool]
    trace: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))
    tail: list[str] = field(default_factory=list)
    kept: int = 0
    """How many lines of the trace are kept to be shown."""
    events: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    mutations: int = 0
    shutdowns_moved: int = 0
    """Of these, those of Azure's own auto-shutdown, whose place in the day follows the clock."""
    claims: dict[str, Claim] = field(default_factory=dict)
    intents: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    intended: set[tuple[str, str, str]] = field(default_factory=set)
    looks: dict[tuple[str, str], tuple[int, dict[str, str]]] = field(default_factory=dict)
    """Life and path -> the event at which it last truly saw it, and the tags that it had."""
    shown_at: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    """Path -> every instant at which it was truly seen, in order."""
    estranged: dict[str, int] = field(default_factory=dict)
    """Path -> the event at which somebody made it another's."""
    outdated: set[str] = field(default_factory=set)
    """Paths of which Azure once answered what had been the case before."""
    lied_at: dict[str, datetime] = field(default_factory=dict)
    """Bastion -> when its session list last was wrong."""

    # -- the trace ---------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Add an event to the trace. Nothing that is drawn outside the seed may be part of it."""
        self.events += 1
        line = f"{self.now():%dT%H:%M:%S.%f} {text}"
        self.trace.update(line.encode())
        if self.kept:
            self.tail.append(line)
            del self.tail[: -self.kept]

    def violate(self, invariant: str, what: str) -> None:
        """Record that an invariant did not hold."""
        line = f"{self.now():%Y-%m-%d %H:%M:%S} {invariant}: {what}"
        self.note(f"VIOLATION {line}")
        if len(self.violations) < MOST_TOLD:
            self.violations.append(line)

    def struck(self, kind: str, where: str = "") -> None:
        """Count a fault."""
        self.faults[kind] += 1
        self.note(f"fault {kind} {where}")

    def crashed(self, life: str, where: str) -> None:
        """Count the death of a process."""
        self.crashes[where] += 1
        self.note(f"crash {life} {where}")

    def lost_race(self, table: Table, partition: str) -> None:
        """Note that a compare-and-swap was lost to another worker."""
        self.note(f"conflict {table} {partition}")

    def rang(self, queue: Queue, name: str, after: timedelta) -> None:
        """Check a message: a name and nothing else."""
        self.note(f"ring {queue} {after} {name[:60]}")
        if SECRET.search(name) or len(name) > 400:
            self.violate("S8", f"a message holds more than a name: {name[:60]}")

    # -- rows --------------------------------------------------------------------------------------------------

    def committed(self, table: Table, partition: str, changes: Sequence[Change]) -> None:
        """Check what was just written."""
        keys = [_key_of(change) for change in changes]
        shown = len(keys) if table is Table.METERS else " ".join(keys)
        self.note(f"commit {table} {partition} {shown}")
        for change in changes:
            if not isinstance(change, Remove):
                self._check_secrets(table, change.row)
        if table is Table.STACKS:
            for change in changes:
                self._check_state_write(partition, change)
        elif table is Table.AUDIT:
            for change in changes:
                self._take_in_audit(change)

    def _check_secrets(self, table: Table, row: Row) -> None:
        for name, value in row.values.items():
            if isinstance(value, str) and len(value) > 30 and name != "token" and _holds_secret(value):
                self.violate("S8", f"{table} {row.key} holds a secret in {name}: {value[:80]}")

    def _check_state_write(self, stack: str, change: Change) -> None:
        key = _key_of(change)
        blind = isinstance(change, Put) or (isinstance(change, Remove) and not change.etag)
        if blind and not key.startswith(DISCONNECT):
            self.violate("S5", f"{stack} {key} was written without a compare-and-swap")
        if not key.startswith(OPERATION):
            return
        part = f"{stack}|{key}"
        if isinstance(change, Remove):
            self._forget_claim(part)
            return
        values = change.row.values
        target, claimed_at = str(values["arm_id"]).lower(), str(values["claimed_real_at"])
        known = self.claims.get(target)
        if known is None or known.claimed_at != claimed_at:
            known = self.claims[target] = Claim(part, str(values["verb"]), claimed_at, begun=False)
        known.begun = known.begun or bool(values.get("token"))

    def _forget_claim(self, part: str) -> None:
        for target in [target for target, claim in self.claims.items() if claim.stack == part]:
            del self.claims[target]

    def _take_in_audit(self, change: Change) -> None:
        if isinstance(change, Remove) or "outcome" not in change.row.values:
            return
        values = change.row.values
        if values["actor"] != "reconciler":
            return
        subject = str(values["subject"]).lower(), str(values["action"])
        if values["outcome"] == "intended":
            self.intents[subject] += 1
            self.intended.add((*subject, str(values["at"])))
        else:
            self.outcomes[subject] += 1

    # -- requests ----------------------------------------------------------------------------------------------

    def sends(self, request: Request, life: Life) -> Sent:
        """Check a request that is about to reach Azure, whatever Azure will say to it."""
        path = request.path
        target = _TARGET.sub("", path) if request.method == "POST" else path
        verb = _verb_of(request)
        resource = self.arm.cloud.store.get(target)
        sent = Sent(request, target.lower(), verb, life.name, [], {})
        sent.tags = dict((resource.body.get("tags") or {}) if resource is not None else {})
        if verb in ("look", "sessions"):
            return sent
        self._check_ours(sent, life)
        if verb == "disconnect":
            return sent
        self.mutations += 1
        self.shutdowns_moved += "/schedules/" in sent.target
        self._check_claim(sent)
        if verb in ("delete", "deallocate"):
            sessions = self.arm.cloud.sessions
            sent.sessions = [
                *(sessions.on_bastion(sent.target) if "/bastionhosts/" in sent.target else ()),
                *(sessions._by_place.get(("machine", sent.target), {}).values()),
            ]
        return sent

    def _check_ours(self, sent: Sent, life: Life) -> None:
        """S1: what exists is ours by its own tags, or its network's, or was when its sender last truly saw it."""
        store = self.arm.cloud.store
        holder = sent.target.partition(_PEERING)[0]
        resource = store.get(sent.target) if holder == sent.target else store.get(holder)
        if resource is None:
            return
        if "/resourcegroups/rg-jumpboxes/" not in sent.target or "jb-" not in holder.rpartition("/providers/")[2]:
            self.violate("S1", f"{sent.verb} of {sent.target} by {life.name}: no name of ours")
        tags = {name.lower(): value for name, value in (resource.body.get("tags") or {}).items()}
        view = self.arm.kinds[resource.kind].view(resource)
        born = "/disks/" in sent.target and "/jb-" in str(view.get("managedBy") or "").lower()
        if tags.get("managed-by") == "jumpbox-lifecycle" and tags.get("deployment") == "test":
            return
        if born or "/extensions/" in sent.target:
            return  # what hangs on a machine of ours
        seen = self.looks.get((life.name, holder))
        estranged = self.estranged.get(holder, 0)
        if seen is None or seen[0] >= estranged:
            self.violate("S1", f"{sent.verb} of {sent.target} by {life.name}: it is not ours, tags {tags}")

    def _check_claim(self, sent: Sent) -> None:
        """S3, S5 and S6: each mutation has a claim of its own that is in force, and its intent is on record."""
        claim = self.claims.get(sent.target)
        if claim is None or claim.begun or claim.verb != sent.verb:
            self.violate("S3", f"{sent.verb} of {sent.target} without a claim in force ({claim})")
            return
        if claim.sent:
            self.violate("S3", f"{sent.verb} of {sent.target} was sent a second time under one claim")
        claim.sent += 1
        if self.intents[sent.target, sent.verb] <= 0:
            self.violate("S6", f"{sent.verb} of {sent.target}: no audit intent")
        network = sent.target.partition(_PEERING)[0]
        if "/virtualnetworks/" in network:
            busy = self.arm.cloud.busy
            claimed = [target for target in self.claims if target.partition(_PEERING)[0] == network]
            others = [target for target in claimed if target != sent.target and target in busy]
            if others and not self._is_lost(others):
                self.violate("S3", f"two changes of one network at a time: {others}")

    def _is_lost(self, targets: list[str]) -> bool:
        """Whether the app cannot know that these are at work: nobody has a token of what was begun there."""
        return all(not self.claims[target].begun for target in targets)

    def was_shown(self, path: str, after: datetime, before: datetime) -> bool:
        """Whether the app truly saw something between two instants."""
        instants = self.shown_at[path]
        position = bisect_right(instants, after)
        return position < len(instants) and instants[position] < before

    def answered(self, sent: Sent, response: Response) -> None:
        """Check what Azure made of a request."""
        request = sent.request
        place = sent.target.rpartition("/providers/")[2]
        self.note(f"{request.method} {place} {response.status} {response.dropped or ''}")
        if response.injected or request.fate or request.drop_reply:
            self._count_fault(request, response)
        if sent.verb == "look" and not response.injected:
            self.looks[sent.life, sent.target] = (self.events, sent.tags)
            self.shown_at[sent.target].append(self.now())
        if sent.verb == "look" and response.injected and not response.dropped and response.status in (200, 404):
            self.outdated.add(sent.target)
        if response.status >= 400:
            self._count_code(response)
            return
        if request.reply_shape == "none" and sent.verb == "sessions":
            self.lied_at[sent.target] = self.now()
        if response.dropped == "before" or sent.verb in ("look", "sessions"):
            return
        for session in sent.sessions:
            self._check_cut(sent, session)
        if sent.verb in ("put", "tag"):
            self._check_written(sent)

    def _check_cut(self, sent: Sent, session: Session) -> None:
        """S2: nobody is cut off before an announced limit, unless Azure itself said that nobody was there."""
        lied_at = self.lied_at.get(session.bastion.lower())
        if lied_at is not None and self.now() - lied_at < LISTED_LATELY:
            return
        if not self.announced(session):
            began = f"{session.started_at:%d %H:%M:%S}"
            self.violate("S2", f"{sent.verb} of {sent.target} cuts off {session.user}, there since {began}")

    def _check_written(self, sent: Sent) -> None:
        """S9 and S10: no machine has a public address, and what others wrote on a part is still there."""
        if "/networkinterfaces/" in sent.target and b"publicIPAddress" in sent.request.body:
            self.violate("S9", f"{sent.target} has a public address")
        resource = self.arm.cloud.store.get(sent.target)
        if resource is None:
            return
        now = resource.body.get("tags") or {}
        _, seen = self.looks.get((sent.life, sent.target), (0, {}))
        ours = (*RESERVED_TAGS, "cost-center")
        theirs = {name: value for name, value in sent.tags.items() if name not in ours and seen.get(name) == value}
        lost = {name for name, value in theirs.items() if now.get(name) != value}
        if lost:
            self.violate("S10", f"{sent.verb} of {sent.target} took away the tags {sorted(lost)} of others")

    def _count_fault(self, request: Request, response: Response) -> None:
        if request.fate:
            self.faults["operation stuck" if request.fate.stuck else f"operation ends {request.fate.status}"] += 1
            if request.fate.error:
                self.codes[request.fate.error.code] += 1
        elif response.dropped:
            self.faults["reply lost" if response.dropped == "after" else "no connection"] += 1
        elif response.injected:
            self.faults[f"answer {response.status}"] += 1

    def _count_code(self, response: Response) -> None:
        try:
            error = json.loads(response.body or b"{}")
        except ValueError:
            return
        error = error.get("error", error) if isinstance(error, dict) else {}
        for each in (error, *(error.get("details") or ())):
            if isinstance(each, dict) and each.get("code"):
                self.codes[str(each["code"])] += 1


@lru_cache(maxsize=4096)
def _holds_secret(text: str) -> bool:
    return SECRET.search(text) is not None


def _verb_of(request: Request) -> str:
    path = request.path.lower()
    if request.method == "GET":
        return "look"
    if request.method == "POST":
        words = {"/start": "start", "/deallocate": "deallocate", "/getactivesessions": "sessions"}
        return next((verb for end, verb in words.items() if path.endswith(end)), "disconnect")
    return {"PUT": "put", "PATCH": "tag", "DELETE": "delete"}[request.method]


def _key_of(change: Change) -> str:
    return change.key if isinstance(change, Remove) else change.row.key
