"""People in the portal, and Azure's bad days: what happens to a stack behind the app's back."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sandbox.arm.errors import ArmError
from sandbox.arm.faults import STATUSES
from sandbox.arm.humans import ACTS

if TYPE_CHECKING:
    from random import Random

    from sandbox.arm.arm import Arm
    from sandbox.arm.store import Resource
    from tests.proof.watch import Watch

MUTATIONS = r"^(PUT|DELETE|PATCH|POST) (?!.*getActiveSessions)"
BASTIONS, MACHINES = "microsoft.network/bastionhosts", "microsoft.compute/virtualmachines"
CARDS = "microsoft.network/networkinterfaces"
TAGGED_BY_US = "managed-by"
SPELLS = (
    "lost-reply",
    "no-connection",
    "throttled",
    "throttled-seconds",
    "throttled-date",
    "server-error",
    "html",
    "refuse",
    "refuse",
    "refuse",
    "refuse",
    "late-failed",
    "late-failed",
    "late-canceled",
    "allocation-failed",
    "stuck",
    "operation-expired",
    "outage",
    "stale",
    "list-lag",
    "role-removed",
    "locked",
    "sessions-array",
    "sessions-null",
    "sessions-empty",
    "sessions-error",
    "sessions-none",
)
CODES = tuple(sorted(STATUSES))
CODES_A_SPELL = 8
"""What Azure refuses on a bad day it refuses with several codes."""
LONGEST_SPELL_MINUTES = 240.0
"""A fault that is to hit once, and has found nothing to hit by then, is over."""


@dataclass
class Portal:
    """Acts on the simulator directly. Remembers what it made another's, and which meters are people's own."""

    rng: Random
    arm: Arm
    watch: Watch
    now: Callable[[], datetime]
    locks: set[str] = field(default_factory=set)
    theirs: set[str] = field(default_factory=set)
    """Ids (lower case) of what people made or took over."""
    taken: set[str] = field(default_factory=set)
    """Ids (lower case) of what was ours and was somebody else's for a while at least."""
    own_tags: dict[str, dict[str, str]] = field(default_factory=dict)
    """What our resources were tagged with before somebody changed it."""
    switched_on: set[tuple[str, datetime]] = field(default_factory=set)
    """Machines (lower case) that people started, and when."""
    their_meters: set[tuple[str, datetime]] = field(default_factory=set)
    """Resource and beginning of each interval that people opened by their own doing."""

    def spell(self) -> None:
        """Let something go wrong in Azure, once or for a while."""
        rng = self.rng
        kind = rng.choice(SPELLS)
        match = rng.choice(("", "", "bastionHosts", "virtualMachines", "Microsoft.Network", "operation"))
        kinds = [kind]
        if kind in ("refuse", "late-failed", "late-canceled"):
            kinds, match = [f"{kind}:{code}" for code in rng.sample(CODES, CODES_A_SPELL)], MUTATIONS
        once = rng.random() < 0.6
        times = rng.choice((1, 1, 2, 4)) if once else None
        minutes = LONGEST_SPELL_MINUTES if once else rng.choice((2.0, 10.0, 40.0))
        probability = 1.0 if once else rng.choice((0.2, 0.5, 1.0))
        for each in kinds:
            self.arm.faults.add(each, match, times, probability, minutes)
        self.watch.struck(f"spell {kind}", match)

    def meddle(self) -> None:
        """Do one thing that people do in the portal."""
        self.arm.catch_up()
        act = self.rng.choice(ACTS)
        found = self._something(act)
        if found is None:
            return
        try:
            self._do(act, found)
        except (ValueError, ArmError):
            return
        self.watch.struck(f"portal {act}", found.key.rpartition("/providers/")[2])

    def _something(self, act: str) -> Resource | None:
        ours = [each for each in self.arm.cloud.store if each.kind.startswith("microsoft.") and "/jb-" in each.key]
        if act in ("start", "deallocate"):
            ours = [each for each in ours if each.kind == MACHINES]
        if act in ("retag", "recreate"):
            ours = [each for each in ours if (each.body.get("tags") or {}).get(TAGGED_BY_US)]
        return self.rng.choice(ours) if ours else None

    def _do(self, act: str, found: Resource) -> None:
        humans, rng = self.arm.humans, self.rng
        if act == "retag":
            tags = dict(found.body.get("tags") or {})
            self.own_tags.setdefault(found.key, dict(tags))
            if rng.random() < 0.7:
                humans.retag(found.id, {**tags, "theirs": str(rng.randrange(100))})
                return
            humans.retag(found.id, {"owner": "somebody"})
            self._estrange(found)
        elif act == "recreate":
            self.own_tags.setdefault(found.key, dict(found.body.get("tags") or {}))
            before = {each.key for each in self.arm.cloud.store}
            humans.recreate(found.id)
            self._estrange(found)
            for born in sorted({each.key for each in self.arm.cloud.store} - before):  # a machine's new disk
                self.theirs.add(born)
                self.their_meters.add((born, self.now()))
        elif act == "add":
            name = f"theirs-{rng.randrange(1000)}"
            group = found.id.rpartition("/providers/")[0]
            target = f"{group}/providers/Microsoft.Network/publicIPAddresses/{name}"
            body = {"location": "westeurope", "sku": {"name": "Standard"}, "tags": {"owner": "somebody"}}
            humans.add(target, {**body, "properties": {"publicIPAllocationMethod": "Static"}})
            self.theirs.add(target.lower())
        elif act == "lock":
            humans.lock(found.id, rng.choice(("CanNotDelete", "ReadOnly")))
            self.locks.add(found.id)
        elif act == "unlock":
            for target in sorted(self.locks):
                humans.unlock(target)
            self.locks.clear()
        else:
            getattr(humans, act)(found.id)
            if act == "start":
                self.switched_on.add((found.key, self.now()))

    def _estrange(self, found: Resource) -> None:
        self.theirs.add(found.key)
        self.taken.add(found.key)
        self.their_meters.add((found.key, self.now()))
        self.watch.estranged[found.key] = self.watch.events

    def tidy(self, living: Container[tuple[str, str]]) -> None:
        """Undo what would keep the app from its work for ever: locks, and what was taken from the living.

        ``living``: stack and box, or an empty name for what all boxes share. What was taken down without a part
        does not get that back; but a network card of theirs goes, since its network could not before it.
        """
        for target in sorted(self.locks):
            self.arm.humans.unlock(target)
        self.locks.clear()
        for key in sorted(self.theirs):
            found = self.arm.cloud.store.get(key)
            tags = self.own_tags.get(key, {})
            stack, box = tags.get("stack", ""), tags.get("box", "")
            if found is None or (stack, "") not in living:
                continue
            if (stack, box) in living:
                self.arm.humans.retag(found.id, self.own_tags[key])
                self.watch.estranged.pop(key, None)
                self.theirs.discard(key)
            elif found.kind == CARDS:
                self.arm.humans.delete(found.id)
