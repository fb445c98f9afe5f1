"""The whole app on virtual time: real commands, reconciler and Azure clients, on the simulator's in-process door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle import ledger
from lifecycle.asks import BoxAsk
from lifecycle.cloud.arm import ArmAzure
from lifecycle.commands import Commands, Where
from lifecycle.costs import report
from lifecycle.delivery import Delivery
from lifecycle.hunt import Hunt
from lifecycle.model import BoxStatus
from lifecycle.needs import Needs
from lifecycle.people import Person, Role
from lifecycle.ports import Chore, Queue, Remove, Row, Table
from lifecycle.prices import DEFAULT_BOOK
from lifecycle.queries import Queries
from lifecycle.reconcile import Reconciler
from lifecycle.rows import StackRows, stack_rows
from lifecycle.settings import Settings, read
from lifecycle.sweeps import Sweeps
from lifecycle.timetable import Timetable
from lifecycle.troubles import ORPHAN, finding_of
from sandbox.arm.admission import admit
from sandbox.arm.arm import RESOURCE_GROUP, SUBSCRIPTION, Arm
from sandbox.arm.switches import Switches
from sandbox.arm.transport import InProcessTransport
from sandbox.clock import VirtualClock
from tests.world.bell import MemoryBell
from tests.world.crash import Died, Fate, MortalAzure, MortalBell, MortalTables
from tests.world.tables import MemoryTables

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ALICE = Person("alice", Role.USER)
OPERATOR = Person("olga", Role.OPERATOR)
SWEEP_EVERY = timedelta(minutes=5)
ENVIRONMENT = {
    "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
    "RESOURCE_GROUP": RESOURCE_GROUP,
    "DEPLOYMENT": "test",
    "LOCATION": "westeurope",
    "TIME_ZONE": "Etc/UTC",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "EXTRA_TAGS": '{"cost-center": "42"}',
    "ARM_ENDPOINT": "http://127.0.0.1:7081",
}


@dataclass
class World:
    """Everything there is, at one instant. ``pass_until`` lets time go by as queue, timers and Azure would."""

    environment: Mapping[str, str] = field(default_factory=dict)
    start: datetime = MONDAY
    seed: int = 0
    switches: Switches = field(default_factory=Switches)
    timers: bool = True

    def __post_init__(self) -> None:
        self.settings: Settings = read({**ENVIRONMENT, **self.environment})
        self.clock = VirtualClock(self.start)
        self.arm = Arm(self.clock, self.seed, self.switches)
        self.tables = MemoryTables()
        self.bell = MemoryBell(self.clock.now)
        self.real_at = self.start
        self.timetable = Timetable(self.tables, self.settings.zone)
        self.commands = Commands(
            self.tables, self.bell, self, self.settings, self.timetable, lambda: "ssh-rsa AAAAB3NzaC1yc2E="
        )
        self.sweeps = Sweeps(self.tables, self.bell, self, self.real_now, self.timetable)
        self.queries = Queries(self.tables, self, self.settings.estate, self.settings.policy, self.timetable)
        self.delivery = Delivery(self.tables, self.bell, self, _Nobody())
        self.reconciler = self.worker()
        self.hunt = Hunt(self.tables, self.bell, self.inventory(), self, self.settings)
        self.passes = 0
        self.deaf: set[str] = set()
        """Stacks whose passes all fail, as a broken row makes them."""

    def inventory(self) -> ArmAzure:
        """Speak to this world's Azure."""
        return ArmAzure(
            self.settings.arm_endpoint, SUBSCRIPTION, RESOURCE_GROUP, "bearer", transport=InProcessTransport(self.arm)
        )

    def worker(self, fate: Fate | None = None) -> Reconciler:
        """Make one more worker on the same world; with a ``fate`` it may die."""
        azure = self.inventory()
        fate = fate or Fate()
        return Reconciler(
            MortalTables(self.tables, fate),
            MortalBell(self.bell, fate),
            MortalAzure(azure, fate),
            self,
            self.real_now,
            self.settings.estate,
            self.settings.policy,
            self.timetable,
            Needs(MortalTables(self.tables, fate), MortalBell(self.bell, fate), self.settings),
            self.settings.caution,
        )

    async def read(self) -> datetime:
        """Be the clock port."""
        return self.clock.now()

    def real_now(self) -> datetime:
        """Real time goes as virtual time does here."""
        return self.clock.now()

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def ask(self, person: Person = ALICE, **wish: Any) -> Where:
        return await self.commands.ask(person, BoxAsk(**wish))

    async def pass_by(self, **duration: float) -> None:
        """Let so much time go by."""
        await self.pass_until(self.now + timedelta(**duration))

    async def pass_until(self, goal: datetime) -> None:
        """Let time go by until ``goal``: deliver messages when they show, sweep every five minutes."""
        while True:
            self.arm.catch_up()
            await self._deliver()
            dues = [goal, self.bell.next_at(), self.arm.next_due_at(self.now)]
            if self.timers:
                dues.append(_next_tick(self.now))
            at = min(instant for instant in dues if instant is not None)
            if at > self.now:
                self.clock.advance_to(at)
                if self.timers and _is_tick(at):
                    await self.sweeps.sweep()
            elif self.now >= goal and not self.bell.due(self.now):
                return

    async def _deliver(self) -> None:
        for name in self.bell.take(Queue.RECONCILE, self.now):
            self.passes += 1
            if name in self.deaf:
                continue
            try:
                await self.reconciler.reconcile(name)
            except Died:
                self.reconciler = self.worker()
        for name in self.bell.take(Queue.CHORES, self.now):
            if name == Chore.ORPHANS:
                await self.hunt.go()
        for name in self.bell.take(Queue.NOTIFY, self.now):
            await self.delivery.notify(name)

    async def until_phase(self, where: Where, phase: str, **within: float) -> BoxStatus:
        """Let time go by until a box is in this phase; fails when that takes longer than ``within``."""
        goal = self.now + timedelta(**(within or {"hours": 2}))
        while self.now < goal:
            if (known := await self.box(where)) and known.phase == phase:
                return known
            await self.pass_until(min(goal, self.now + timedelta(minutes=1)))
        known = await self.box(where)
        raise AssertionError(f"{where} is not {phase} by {goal}: {known and (known.phase, known.reason)}")

    async def stack(self, name: str = "main") -> StackRows:
        return stack_rows(name, await self.tables.query(Table.STACKS, name))

    async def box(self, where: Where) -> BoxStatus | None:
        return (await self.stack(where.stack)).status.value.boxes.get(where.box)

    async def phase(self, where: Where) -> str | None:
        known = await self.box(where)
        return known.phase if known else None

    def resources(self) -> dict[str, dict[str, Any]]:
        """Everything that exists, by ``type/name`` without the provider."""
        kinds = self.arm.kinds
        bodies = [kinds[each.kind].view(each) for each in self.arm.cloud.store if kinds[each.kind].listed]
        return {f"{body['type'].split('/', 1)[1]}/{body['name']}": body for body in bodies}

    def requests(self) -> list[str]:
        """Everything that was asked of Azure, oldest first."""
        sent = (exchange.request for exchange in self.arm.traffic.exchanges())
        return [f"{request.method} {request.url.partition('?')[0]}" for request in sent]

    def mutations(self) -> list[str]:
        """Everything that was asked of Azure but reads, oldest first."""
        return [
            sent for sent in self.requests() if not sent.startswith("GET ") and not sent.endswith("getActiveSessions")
        ]

    def turn_dry(self) -> None:
        """Go on as a dry run, as after a change of the settings."""
        self.settings = read({**ENVIRONMENT, **self.environment, "DRY_RUN": "true"})
        self.reconciler = self.worker()
        self.hunt = Hunt(self.tables, self.bell, self.inventory(), self, self.settings)

    async def lose_rows(self, stack: str = "main") -> None:
        """Lose everything that is stored of a stack, as with an old copy of the storage."""
        rows = await self.tables.query(Table.STACKS, stack)
        await self.tables.commit(Table.STACKS, stack, [Remove(row.key) for row in rows])

    async def findings(self, partition: str = ORPHAN) -> dict[str, str]:
        """What hunts have found: name -> state."""
        found = [finding_of(row) for row in await self.tables.query(Table.TROUBLES, partition)]
        return {finding.arm_id.rpartition("/")[2]: finding.state for finding in found}

    def connect(self, where: Where, minutes: float = 60, user: str = "alice", door: str = "") -> Any:
        """Have a person open a session, by the stack's own Bastion or another; raises NotAdmitted unless they could."""
        vm = f"jb-{where.stack}_{where.box}-vm"
        return admit(self.arm.cloud, self.arm.kinds, door or f"jb-{where.stack}-bastion", vm, user, "SSH", minutes)

    async def notices(self, kind: str = "") -> list[Row]:
        rows = [row async for row in self.tables.scan(Table.OUTBOX)]
        return [row for row in rows if kind in ("", row.values["kind"])]

    async def sessions(self) -> list[Row]:
        return [row async for row in self.tables.scan(Table.SESSIONS)]

    async def bill(self, quantum: str = "second", start: str = "unknown") -> dict[str, tuple[float, float]]:
        """Hours by meter in our books: the narrow end and the wide one."""
        since_at = self.start - timedelta(days=1)
        books = await ledger.facts(self.tables, since_at)
        rows = report(
            books.meters,
            books.tenancies,
            DEFAULT_BOOK,
            since_at,
            self.now + timedelta(seconds=1),
            "meter",
            self.now,
            quantum,
            start=start,
            zone=UTC,
        )
        return {row.key: (float(row.least_hours), float(row.hours)) for row in rows}

    def truth(self) -> dict[str, float]:
        """Hours by meter as the simulator bills."""
        sums: dict[str, float] = {}
        for entry in self.arm.cloud.meters.shown(self.now):
            sums[entry["meter"]] = sums.get(entry["meter"], 0.0) + entry["hours"]
        return sums


class _Nobody:
    async def send(self, message: dict[str, Any]) -> None:
        del message


def _next_tick(now: datetime) -> datetime:
    passed = timedelta(minutes=now.minute % 5, seconds=now.second, microseconds=now.microsecond)
    return now - passed + SWEEP_EVERY


def _is_tick(now: datetime) -> bool:
    return now == _next_tick(now - timedelta(microseconds=1))
