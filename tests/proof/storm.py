"""One seed, lived through: days of chaos with a check after every event, then calm, and what must be true by then."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from random import Random
from time import process_time
from typing import Any

from lifecycle.bill import Bill
from lifecycle.cloud.arm import ArmAzure
from lifecycle.commands import Commands
from lifecycle.delivery import Delivery
from lifecycle.hunt import Hunt
from lifecycle.needs import Needs
from lifecycle.ports import Chore, Queue, Row, Table
from lifecycle.reconcile import Reconciler
from lifecycle.rows import OPERATION, STATUS, stack_rows
from lifecycle.schedule import from_wire
from lifecycle.settings import read
from lifecycle.sweeps import Sweeps
from lifecycle.target import lease_until
from lifecycle.timetable import PARTITION, Timetable, cells_of
from sandbox.arm.arm import RESOURCE_GROUP, SUBSCRIPTION, Arm
from sandbox.arm.sessions import Session
from tests.proof.calm import Calm
from tests.proof.draw import Draw, brief, drawn
from tests.proof.life import LIFE, Life, SkewedClock, Weather
from tests.proof.loop import SeededLoop
from tests.proof.people import People
from tests.proof.portal import Portal
from tests.proof.post import ORDINARY, Post
from tests.proof.rough import RoughBell, RoughTables, RoughTransport
from tests.proof.watch import EARLY, MOST_SKEW, Watch
from tests.world.crash import Died
from tests.world.harness import ENVIRONMENT
from tests.world.tables import MemoryTables

SWEEP_SECONDS = 300.0
NIGHTLY_HOUR = 2
LONGEST_RESTART_SECONDS = 90.0
DAY = timedelta(days=1)
GARBAGE = ("", "no such stack", "alpha|", "\u2603", "x" * 300, '{"stack": "alpha"}', "../alpha", "alpha\n")
NEWER_COLUMNS = ("waits_seconds", "passed_real_at", "passed_at", "counted_at", "counted_from_at", "closing_because")
"""Columns of a status that came with some later version: a row without them was written by an earlier one."""
OLD_TOKENS = ("gone", "eyJvbGQiOiAidG9rZW4ifQ==", "H4sIAAAAAAAA")
EARLY_BIRDS = {"weekly": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat"], "from": "01:30", "to": "03:00"}]}
CLOSES_ONLY = {
    "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}],
    "stopOnly": True,
}


@dataclass(frozen=True)
class Outcome:
    """What came of a seed."""

    seed: int
    stack_days: int
    events: int
    trace: str
    violations: tuple[str, ...]
    faults: Counter[str]
    codes: Counter[str]
    crashes: Counter[str]
    answers: Counter[str]
    switches: dict[str, str]
    orphans: int
    mutations: int
    converged_after: timedelta
    cpu_seconds: float


@dataclass
class Storm:
    """The whole app, its people and its Azure, on one seeded loop."""

    draw: Draw
    kept: int = 0
    lives: list[Life] = field(default_factory=list)
    reborn_at: dict[str, float] = field(default_factory=dict)
    background: dict[asyncio.Task[Any], None] = field(default_factory=dict)
    """What runs beside the rest, in the order in which it began."""

    def __post_init__(self) -> None:
        draw = self.draw
        self.rng = Random(f"storm {draw.seed}")
        self.loop = SeededLoop(self.rng, draw.start)
        self.loop.set_exception_handler(self._stray)
        now = self.loop.now
        self.settings = read({**ENVIRONMENT, **draw.environment})
        self.arm = Arm(self, draw.seed, replace(draw.switches))
        self.watch = Watch(self.arm, now, self.was_announced, kept=self.kept)
        self.weather = Weather(self.rng, draw.rates, self.watch, now)
        self.tables = MemoryTables()
        self.clock = SkewedClock(now)
        tables = RoughTables(self.tables, self.weather, self.watch)
        self.post = Post(self.loop, self.weather, self.watch, {}, self.worker)
        bell = RoughBell(self.post.send, self.weather, self.watch)
        timetable = Timetable(tables, self.settings.zone)
        self.azure = ArmAzure(
            self.settings.arm_endpoint,
            SUBSCRIPTION,
            RESOURCE_GROUP,
            "bearer",
            transport=RoughTransport(self.arm, self.weather, self.watch),
            real_clock=self.loop.time,
        )
        self.reconciler = Reconciler(
            tables,
            bell,
            self.azure,
            self.clock,
            self.clock.real_now,
            self.settings.estate,
            self.settings.policy,
            timetable,
            Needs(tables, bell, self.settings),
            self.settings.caution,
        )
        self.sweeps = Sweeps(tables, bell, self.clock, self.clock.real_now, timetable)
        self.delivery = Delivery(tables, bell, self.clock, _Mail())
        self.bill = Bill(tables, bell, self.clock, self.settings)
        self.bell = bell
        self.hunt = Hunt(tables, bell, self.azure, self.clock, self.settings)
        commands = Commands(tables, bell, self.clock, self.settings, timetable, lambda: "ssh-rsa AAAAB3NzaC1yc2E=")
        self.post.functions.update(
            {
                Queue.RECONCILE.value: self._reconcile,
                Queue.NOTIFY.value: self.delivery.notify,
                Queue.CHORES.value: self._chore,
                **{f"{queue.value}-poison": self._poisoned(queue) for queue in Queue},
            }
        )
        self.people = People(self.rng, draw, commands, self.sweeps, self.tables, self.arm, self.watch, now)
        self.portal = Portal(self.rng, self.arm, self.watch, now)
        self.lives = [Life(f"w{index}", draw.skews[index]) for index in range(draw.workers)]
        self.timers_stop_at = draw.start + draw.timers_stop_after if draw.timers_stop_after else None

    def now(self) -> datetime:
        """Be the clock of the simulated Azure."""
        return self.loop.now()

    # -- processes ---------------------------------------------------------------------------------------------

    def worker(self) -> Life | None:
        """Draw one of the workers that live; the dead come back after a while."""
        for index, life in enumerate(self.lives):
            if not life.alive:
                due = self.reborn_at.setdefault(
                    life.name, self.loop.time() + self.rng.uniform(1, LONGEST_RESTART_SECONDS)
                )
                if self.loop.time() >= due:
                    self.lives[index] = Life(f"w{index}.{life.born + 1}", life.skew, born=life.born + 1)
        awake = [life for life in self.lives if life.alive and life.stopped_until <= self.loop.time()]
        return self.rng.choice(awake) if awake else None

    async def _reconcile(self, name: str) -> None:
        await self.reconciler.reconcile(name)
        await self.sweeps.pass_by()

    async def _chore(self, name: str) -> None:
        """Search for orphans; other chores are no part of this."""
        if name == Chore.ORPHANS:
            await self.hunt.go()

    def _poisoned(self, queue: Queue) -> Callable[[str], Awaitable[None]]:
        return lambda name: self.delivery.poisoned(queue, name)

    def _stray(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What a dead process leaves behind is not heard of; anything else is a bug."""
        del loop
        trouble = context.get("exception")
        if not isinstance(trouble, (Died, asyncio.CancelledError, *ORDINARY)):
            self.watch.violate("bug", f"{context.get('message')}: {trouble!r}")

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run something beside the rest; whatever it raises is a bug of the storm or the app."""
        task = self.loop.create_task(coroutine)
        self.background[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        del self.background[task]
        if not task.cancelled() and task.exception() is not None:
            self._stray(self.loop, {"message": "background", "exception": task.exception()})

    # -- what goes on all the time -----------------------------------------------------------------------------

    async def _often(self, per_day: float, act: Callable[[], Any]) -> None:
        """Do something again and again at drawn intervals, so often a day."""
        if not per_day:
            return
        while True:
            await asyncio.sleep(self.rng.expovariate(per_day / 86400.0))
            done = act()
            if asyncio.iscoroutine(done):
                self.spawn(done)

    async def _timers(self) -> None:
        """Ring ``sweep`` every five minutes and ``nightly`` once a day, as long as there are timers."""
        rates = self.draw.rates
        night_at = self.now().replace(hour=NIGHTLY_HOUR, minute=0, second=0, microsecond=0)
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if self.timers_stop_at and self.now() >= self.timers_stop_at:
                self.watch.struck("timers stopped for ever")
                return
            times = 1
            if self.weather.hits(rates.timer_missed):
                self.watch.struck("timer missed")
                times = 0
            elif self.weather.hits(rates.timer_doubled):
                self.watch.struck("timer doubled")
                times = 2
            for _ in range(times):
                self.spawn(self._tick(self.sweeps.sweep))
            while night_at + DAY <= self.now():
                night_at += DAY
                self.spawn(self._tick(self._nightly))

    async def _nightly(self) -> None:
        await self.sweeps.nightly()
        await self.bell.ring(Queue.CHORES, Chore.ORPHANS)
        await self.bill.finish_days()

    async def _tick(self, act: Callable[[], Awaitable[Any]]) -> None:
        worker = self.worker()
        if worker is None:
            return
        LIFE.set(worker)
        try:
            await act()
        except (Died, *ORDINARY):
            return

    def _litter(self) -> None:
        """Put a message into a queue that nobody of ours sent."""
        queue = self.rng.choice(tuple(Queue))
        name = self.rng.choice(GARBAGE)
        self.watch.struck("garbage message", queue)
        self.post.send(queue, name, timedelta())

    def _age(self) -> None:
        """Let a row be one that an older version of the app wrote, or hold a token that this one cannot read."""
        rows = self.tables.rows[Table.STACKS]
        places = sorted(place for place in rows if place[1] == STATUS or place[1].startswith(OPERATION))
        if not places:
            return
        place = self.rng.choice(places)
        row = rows[place]
        values = {name: cell for name, cell in row.values.items() if name not in NEWER_COLUMNS}
        if "token" in values:
            values["token"] = self.rng.choice(OLD_TOKENS)
        rows[place] = replace(row, values=values)
        self.watch.struck("row of an older version", f"{place}")

    # -- a run -------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Live through it all."""
        began = process_time()
        calm = Calm(self)
        logging.disable(logging.CRITICAL)
        try:
            self.loop.run(self._live(calm))
        finally:
            logging.disable(logging.NOTSET)
        draw, watch = self.draw, self.watch
        return Outcome(
            draw.seed,
            draw.stack_days,
            watch.events,
            watch.trace.hexdigest(),
            tuple(watch.violations),
            watch.faults,
            watch.codes,
            watch.crashes,
            self.people.answers,
            {each.name: str(getattr(draw.switches, each.name)) for each in fields(draw.switches)},
            calm.orphans,
            watch.mutations,
            calm.converged_after,
            process_time() - began,
        )

    async def _live(self, calm: Calm) -> None:
        draw, rates = self.draw, self.draw.rates
        await self._open_the_house()
        count = len(draw.stacks)
        self.spawn(self._timers())
        chaos = [
            asyncio.ensure_future(each)
            for each in (
                self._often(rates.words_per_day * count, lambda: self.people.speak(self._some_stack())),
                self._often(rates.visits_per_day * count, lambda: self.people.visit(self._some_stack())),
                self._often(rates.spells_per_day, self.portal.spell),
                self._often(rates.humans_per_day * count, self.portal.meddle),
                self._often(rates.garbage_per_day, self._litter),
                self._often(rates.vintage_per_day, self._age),
            )
        ]
        for stack in draw.stacks:
            self.spawn(self.people.ask(stack))
        await asyncio.sleep(draw.days * DAY.total_seconds())
        for task in chaos:
            task.cancel()
        await asyncio.gather(*chaos, return_exceptions=True)
        self.weather.raging = False
        await calm.settle()
        left = [*self.background, *self.post.at_work]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _some_stack(self) -> str:
        return self.rng.choice(self.draw.stacks)

    async def _open_the_house(self) -> None:
        """Store the schedules that people may name."""
        zone = {"timeZone": self.draw.zone}
        for name, hours in (("early", EARLY_BIRDS), ("closes", CLOSES_ONLY)):
            schedule = from_wire(name, {**zone, **hours})
            self.tables.rows[Table.SCHEDULES][PARTITION, name] = Row(name, cells_of(schedule, "olga"), "W/1", PARTITION)

    # -- what Azure cannot know --------------------------------------------------------------------------------

    def was_announced(self, session: Session) -> bool:
        """Whether people were told, with its lead, of an end that has come for the machine a session is on."""
        stack, _, rest = session.machine.rpartition("/jb-")[2].partition("_")
        name = rest.removesuffix("-vm")
        cells = self.tables.rows[Table.STACKS]
        rows = stack_rows(stack, [row for place, row in cells.items() if place[0] == stack])
        known, box = rows.status.value.boxes.get(name), rows.boxes.get(name)
        if known is None or box is None:
            return False
        lead, limit = self.settings.policy.warning_lead, self.now() + EARLY + 2 * MOST_SKEW
        for kind, warned in known.warned.items():
            told = f"warning!{name}!{kind}!{warned.deadline_at:%Y-%m-%dT%H%M%S}"
            if (stack, told) not in self.tables.rows[Table.OUTBOX]:
                continue
            if max(warned.deadline_at, warned.told_at + lead) > limit:
                continue
            if kind == "lease" and warned.deadline_at == lease_until(box.value, known):
                return True
            if kind == "cut" and (known.asked_at is None or warned.told_at >= known.asked_at):
                return True
        return False


class _Mail:
    """Takes every notice."""

    async def send(self, message: dict[str, Any]) -> None:
        del message
        await asyncio.sleep(0)


def run(seed: int, kept: int = 0, *, short: bool = False) -> tuple[Outcome, list[str]]:
    """Live through a seed, or a day of it (``short``); gives what came of it, and the end of its trace."""
    storm = Storm(brief(drawn(seed)) if short else drawn(seed), kept)
    outcome = storm.run()
    return outcome, storm.watch.tail
