"""The single-fault walk: one life after the other in which exactly one call goes wrong, every call, every way.

A *word* (create, extend, idle, nightly, wake, retire) is a stretch of a box's life. Its calls are numbered; at each of
them the process is forked once for every kind of fault that such a call can meet. The child lives on with that one
fault and must come to the word's goal within a bound, be judged there, retire, and be judged again; the parent goes
on without the fault to the next call. So what comes before a call is lived once, and nothing is drawn by lot.

``python -m tests.proof.walk create 17 "conflict"`` lives one case again, without a fork. ``run("create")`` walks a
word, ``run_all()`` all of them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import pickle
import sys
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from lifecycle.audit import HEAD, digest_of
from lifecycle.commands import Where
from lifecycle.faults import MEANINGS, Meaning
from lifecycle.ports import Table
from sandbox.arm.traffic import Traffic
from tests.proof.walked import Walked
from tests.proof.wire import KINDS, Sort, Wire, numbered
from tests.world.harness import ALICE

ALICES = Where("main", "alice")
PARTS = 10
"""What stands of a box that is ready, its door included."""

SOON = timedelta(minutes=50)
"""How much later than without the fault a word may come to its goal, where nothing is to be waited for by rule."""
FAULTS_STOP_AFTER = timedelta(hours=1)
"""Then an operation that is stuck fails at last."""
LONG = {
    "stuck": timedelta(hours=3),
    **{
        f"{when}:{code}": timedelta(hours=9 if meaning is Meaning.LOCKED else 2, minutes=30)
        for when in ("refuse", "late-failed")
        for code, meaning in MEANINGS.items()
        if meaning in (Meaning.CAPACITY, Meaning.QUOTA, Meaning.PEOPLE, Meaning.ACCESS, Meaning.LOCKED)
        or meaning is Meaning.OPERATOR
    },
    "late-failed:AllocationFailed": timedelta(hours=2, minutes=30),
}
"""The same for what the app leaves alone for an hour, for four, or until it no longer believes in an operation."""


BUSY = {"IDLE_MINUTES": "480"}
"""A house in which a door that waits for a part refused for hours is not shut meanwhile for want of visitors."""


@dataclass(frozen=True, slots=True)
class Word:
    """A stretch of life: how to get to where it begins, what is said there, and how to tell that it has come about."""

    before: Callable[[Walked], Awaitable[None]]
    say: Callable[[Walked], Awaitable[None]]
    goal: Callable[[Walked], Awaitable[bool]]
    stands: int = PARTS
    """How many resources stand at the goal."""
    rules: Mapping[str, str] = field(default_factory=lambda: BUSY)
    """The settings of the house it happens in."""


async def _nothing(world: Walked) -> None:
    del world


async def _ask(world: Walked) -> None:
    async def act() -> Where:
        return await world.commands.ask(ALICE, world.wish(hours=72), key="one")

    assert await world.insist(act) == ALICES


async def _ready(world: Walked) -> None:
    await _ask(world)
    await world.until_phase(ALICES, "ready")


async def _extend(world: Walked) -> None:
    async def act() -> Where:
        return await world.commands.extend(ALICE, ALICES, 5, "", match=None, key="two")

    await world.insist(act)


async def _is_longer(world: Walked) -> bool:
    known = await world.box(ALICES)
    assert known is not None
    first = known.first_ready_at
    return first is not None and known.lease_until == first + timedelta(hours=77)


async def _nearly_idle(world: Walked) -> None:
    await _ready(world)
    await world.pass_by(minutes=20)


async def _nearly_closing(world: Walked) -> None:
    """Somebody wakes the idle box for the end of the day, works on, and leaves as the day ends."""
    await _ready(world)
    await world.pass_until(world.start.replace(hour=18, minute=0))
    await world.commands.wake(ALICE, ALICES, 0.3, "", match=None, key=None)
    await world.until_phase(ALICES, "ready")
    world.connect(ALICES, minutes=20)
    await world.pass_until(world.start.replace(hour=18, minute=28))


async def _night(world: Walked) -> None:
    await world.pass_until(world.start.replace(hour=18, minute=34))
    await world.sweeps.nightly()


async def _parked(world: Walked) -> None:
    await _ready(world)
    await world.pass_until(world.start.replace(hour=22))


async def _wake(world: Walked) -> None:
    async def act() -> Where:
        return await world.commands.wake(ALICE, ALICES, 12, "", match=None, key="three")

    await world.insist(act)


async def _retire(world: Walked) -> None:
    async def act() -> Where:
        return await world.commands.retire(ALICE, ALICES, "", match=None)

    await world.insist(act)


def _in_phase(phase: str) -> Callable[[Walked], Awaitable[bool]]:
    async def goal(world: Walked) -> bool:
        return await world.phase(ALICES) == phase

    return goal


WORDS = {
    "create": Word(_nothing, _ask, _in_phase("ready")),
    "extend": Word(_ready, _extend, _is_longer),
    "idle": Word(_nearly_idle, _nothing, _in_phase("warm"), PARTS - 2, {}),
    "nightly": Word(_nearly_closing, _night, _in_phase("parked"), PARTS - 2, {}),
    "wake": Word(_parked, _wake, _in_phase("ready")),
    "retire": Word(_ready, _retire, _in_phase("gone"), 0),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One fault at one call."""

    word: str
    number: int
    kind: str
    name: str

    def __str__(self) -> str:
        return f'python -m tests.proof.walk {self.word} {self.number} "{self.kind}"   # {self.name}'


@dataclass
class Walk:
    """What came of walking a word."""

    calls: int = 0
    cases: Counter[str] = field(default_factory=Counter)
    """How often each kind was tried."""
    failures: list[tuple[Case, str]] = field(default_factory=list)
    longest: timedelta = timedelta()
    """How much later than without a fault a goal was reached at most."""

    def plus(self, other: Walk) -> Walk:
        """Lay two walks side by side."""
        return Walk(
            self.calls + other.calls,
            self.cases + other.cases,
            self.failures + other.failures,
            max(self.longest, other.longest),
        )

    def told(self) -> str:
        """Name every failure, and the command that lives it again."""
        return "\n\n".join(f"{case}\n{trouble}" for case, trouble in self.failures)


Choice = Callable[[int, Sort], Collection[str]]
"""Which kinds are tried at a call, by its number."""


def every(number: int, sort: Sort) -> Collection[str]:
    """Try everything: what the soak does."""
    del number
    return KINDS[sort]


ASKS_ONLY = frozenset({Sort.READ, Sort.LOOK, Sort.POLL})
"""Calls after which nothing is different."""
ONE_IN = 5
CHANGES_TRIED = 2


def telling(number: int, sort: Sort) -> Collection[str]:
    """Try what there is time for in ``make proof``: all kinds of fault in turn, each at the next call of its sort.

    Every call that writes, rings or changes something in Azure meets one kind, the latter two; of those that only
    ask, whose failures all end a pass before it has begun anything, every fifth meets one.
    """
    kinds = KINDS[sort]
    if sort in ASKS_ONLY:
        return (kinds[number // ONE_IN % len(kinds)],) if number % ONE_IN == 0 else ()
    tried = CHANGES_TRIED if sort is Sort.CHANGE else 1
    return [kinds[(number + step * len(kinds) // tried) % len(kinds)] for step in range(tried)]


def none(number: int, sort: Sort) -> Collection[str]:
    """Try nothing."""
    del number, sort
    return ()


@dataclass(frozen=True, slots=True)
class Plain:
    """What a life came to, and how long its word took: that of a life without a fault is the measure of the others."""

    length: timedelta
    mark: str
    thorough: bool = True


class _Walker:
    """Walks one word; in a child, lives one case."""

    def __init__(self, name: str, choice: Choice, plain: Plain | None = None) -> None:
        self.name, self.word = name, WORDS[name]
        self.choice, self.plain = choice, plain
        self.walk = Walk()
        self.case: Case | None = None
        self.answer = -1
        self.chosen: tuple[int, str] | None = None
        """The one case to be lived here and now, without a fork."""

    def met(self, number: int, sort: Sort, name: str) -> str:
        """Fork for each fault to be tried at this call; only a child is told of one."""
        if self.case is not None:
            return ""
        if self.chosen:
            at, kind = self.chosen
            self.case = Case(self.name, number, kind, f"{sort} {name}") if number == at else None
            return kind if self.case else ""
        for kind in self.choice(number, sort):
            case = Case(self.name, number, kind, f"{sort} {name}")
            if self._is_child(case):
                return kind
        return ""

    def _is_child(self, case: Case) -> bool:
        loop = asyncio.get_running_loop()
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ours)
            asyncio._set_running_loop(loop)  # a fork forgets it
            Traffic.watchers.clear()
            self.case, self.answer = case, theirs
            return True
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        self.walk.cases[case.kind] += 1
        trouble, late = pickle.loads(said) if said else ("it died without a word", timedelta())  # noqa: S301 -- ours
        if trouble:
            self.walk.failures.append((case, trouble))
        self.walk.longest = max(self.walk.longest, late)
        return False

    def run(self) -> Plain:
        """Live the word; a child ends here."""
        trouble, late = "", timedelta()
        try:
            lived = asyncio.run(self.live())
        except BaseException:
            if self.case is None:
                raise
            trouble = traceback.format_exc(limit=-6)
        else:
            late = lived.length - self.plain.length if self.plain else late
            if self.case is None:
                return lived
        with os.fdopen(self.answer, "wb") as pipe:
            pipe.write(pickle.dumps((trouble, late)))
        os._exit(0)

    async def live(self) -> Plain:
        """Live up to the word, say it, come to its goal, be judged, go, and be judged again."""
        world = Walked(self.word.rules, wire=Wire(self.met))
        await self.word.before(world)
        world.wire.open = True
        begun_at = world.now
        await self.word.say(world)
        while not await self._is_there(world):
            bound = begun_at + self._patience()
            there = sorted(world.resources())
            assert world.now < bound, f"not there by {bound}: {await world.box(ALICES)}, with {there}"
            await world.pass_by(minutes=1)
            if world.now >= begun_at + FAULTS_STOP_AFTER:
                world.arm.clear_faults()
        length = world.now - begun_at
        await world.pass_by(minutes=1)
        world.wire.open = False
        if self.case is None:
            self.walk.calls = len(world.wire.calls)
        await judge(world, self.word.stands)
        mark = await _mark(world)
        if self.plain is None or self.plain.thorough or self.plain.mark != mark:
            await self._go(world)
        return Plain(length, mark)

    async def _is_there(self, world: Walked) -> bool:
        at_rest = not (await world.stack()).operations and len(world.resources()) == self.word.stands
        return at_rest and await self.word.goal(world)

    def _patience(self) -> timedelta:
        """Say how long the goal may take: a fault is known only in the child that meets it."""
        if self.case is None or self.plain is None:
            return timedelta(hours=12)
        return self.plain.length + LONG.get(self.case.kind, SOON)

    async def _go(self, world: Walked) -> None:
        """Retire, and leave nothing."""
        if self.word.stands:
            await _retire(world)
            await world.until_phase(ALICES, "gone", hours=5)
        await world.pass_by(minutes=10)
        await judge(world, 0)
        assert all(entry["to"] for entry in world.arm.cloud.meters.shown(world.now)), "something bills on"
        assert await world.tables.query(Table.RANGES, "ranges") == [], "its range is not given back"
        assert not (await world.stack()).operations, "an operation is never forgotten"


async def _mark(world: Walked) -> str:
    """Write all of a world's state that decides what comes next, but for instants."""
    rows = await world.stack()
    status = rows.status.value
    parts = [
        (key, seen.sighting, seen.power, seen.settled, seen.drift, seen.drained, seen.tagged, seen.meters)
        for key, seen in sorted(status.parts.items())
    ]
    boxes = [(name, box.level, box.target, box.phase) for name, box in sorted(status.boxes.items())]
    open_ends = (sorted(status.blocks), sorted(status.meters), sorted(status.sessions), sorted(rows.operations))
    bodies = [
        (name, body.get("tags"), (body.get("properties") or {}).get("provisioningState"))
        for name, body in sorted(world.resources().items())
    ]
    return repr((parts, boxes, open_ends, bodies, status.drained_at is None))


async def judge(world: Walked, stands: int) -> None:
    """Say no to whatever must never be, whatever went wrong before: raises AssertionError with what it is."""
    there = sorted(world.resources())
    assert len(there) == stands, f"there stand {there}"
    boxes = (await world.stack()).boxes
    assert list(boxes) == [ALICES.box], f"one key, and boxes {list(boxes)}"
    assert not world.poison, f"poison: {world.poison}"
    assert not world.arm.faults.shown() or all(fault["hits"] for fault in world.arm.faults.shown()), "no fault struck"
    truth, bill = world.truth(), await world.bill()
    for meter, hours in truth.items():
        least, most = bill.get(meter, (0.0, 0.0))
        assert least - 1e-6 <= hours <= most + 1e-6, f"{meter}: {hours} h in truth, {least} to {most} on the books"
    await judge_audit(world)


async def judge_audit(world: Walked) -> None:
    """Every mutation that Azure was sent was intended before, and every intent has its outcome."""
    intended: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    previous: dict[str, str] = {}
    async for row in world.tables.scan(Table.AUDIT):
        if row.key == HEAD:
            continue
        cells = dict(row.values)
        digest = cells.pop("digest")
        assert cells["previous"] == previous.get(row.partition, ""), f"the chain is broken before {row}"
        assert digest == digest_of(cells), f"{row} was changed"
        previous[row.partition] = str(digest)
        if cells["actor"] == "reconciler" and cells["action"] != "disconnect":
            (intended if cells["outcome"] == "intended" else ended)[str(cells["subject"]).lower()] += 1
    flying = {operation.value.arm_id.lower() for operation in (await world.stack()).operations.values()}
    sent = Counter(_subject(url) for url in world.mutations())
    for subject, times in sent.items():
        assert intended[subject] >= times, f"{subject}: {times} mutations sent, {intended[subject]} intended"
    for subject, times in intended.items():
        assert ended[subject] >= times - (subject in flying), f"{subject}: {times} intended, {ended[subject]} ended"


def _subject(mutation: str) -> str:
    """Name the resource that a request changes; a POST names what is to be done behind it."""
    method, _, url = mutation.partition(" ")
    path = "/subscriptions/" + url.partition("/subscriptions/")[2]
    return (path.rpartition("/")[0] if method == "POST" else path).lower()


def run(name: str, choice: Choice = every, *, thorough: bool = True) -> Walk:
    """Walk a word: each call of it, and of those the kinds that ``choice`` names.

    A case that comes to where a life without a fault does, but for instants, goes from there as that does. Only a
    ``thorough`` walk lives that part too, each time.
    """
    logging.disable(logging.CRITICAL)
    plain = replace(_Walker(name, none).run(), thorough=thorough)
    gc.collect()
    gc.freeze()  # or each child would copy what it only counts
    try:
        walker = _Walker(name, choice, plain)
        walker.run()
    finally:
        gc.unfreeze()
        logging.disable(logging.NOTSET)
    return walker.walk


def share(choice: Choice, index: int, of: int) -> Choice:
    """Leave a call to whoever has its share, so that several may walk side by side."""
    return lambda number, sort: choice(number, sort) if number // 4 % of == index else ()


def run_all() -> Walk:
    """Walk all words in full."""
    whole = Walk()
    for name in WORDS:
        whole = whole.plus(run(name))
    return whole


def replay(name: str, number: int, kind: str) -> None:
    """Live one case again in this process; raises what the walk found."""
    walker = _Walker(name, every, _Walker(name, none).run())

    walker.chosen = (number, kind)
    asyncio.run(walker.live())


def calls_of(name: str) -> list[str]:
    """List the numbered calls of a word."""
    wire = Wire()

    async def live() -> None:
        world = Walked(WORDS[name].rules, wire=wire)
        await WORDS[name].before(world)
        wire.open = True
        await WORDS[name].say(world)
        while not await WORDS[name].goal(world):
            await world.pass_by(minutes=1)

    asyncio.run(live())
    return numbered(wire.calls)


def main(arguments: list[str]) -> None:
    """Live one case, or walk a word or all of them and print what came of it."""
    if len(arguments) == 3:
        replay(arguments[0], int(arguments[1]), arguments[2])
        return
    walk = run(arguments[0]) if arguments else run_all()
    print(walk.told())  # noqa: T201 -- a person asked
    kinds = json.dumps(walk.cases, indent=1)
    print(  # noqa: T201 -- likewise
        f"{kinds}\n{walk.calls} calls, {walk.cases.total()} cases, {len(walk.failures)} failures, {walk.longest} late"
    )
    sys.exit(bool(walk.failures))


if __name__ == "__main__":
    main(sys.argv[1:])
