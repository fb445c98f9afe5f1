"""What people do during a storm: they ask, connect, and meddle in the portal. Every yes they got is remembered."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lifecycle.asks import BoxAsk
from lifecycle.commands import Commands, Where
from lifecycle.estate import bastion_name, vm_name
from lifecycle.faults import AzureFault, Conflict
from lifecycle.model import BoxIntent, Login
from lifecycle.people import Person, Role
from lifecycle.ports import Table
from lifecycle.refusals import Refusal
from lifecycle.rows import BOX, from_cells
from sandbox.arm.admission import NotAdmitted, admit
from tests.proof.life import LIFE, Life
from tests.world.crash import Died

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from lifecycle.sweeps import Sweeps
    from sandbox.arm.arm import Arm
    from tests.proof.draw import Draw
    from tests.proof.watch import Watch
    from tests.world.tables import MemoryTables

SSH_KEY = "ssh-rsa " + base64.b64encode((7).to_bytes(4, "big") + b"ssh-rsa" + bytes(64)).decode()
MOST_BOXES = 2
TRIES = 4
SCHEDULES = ("office", "office", "office", "always", "never", "early", "closes")
WORDS = ("ask", "wake", "wake", "extend", "park", "retire", "disconnect", "follow", "exempt", "look", "look", "look")


@dataclass(slots=True)
class Promise:
    """A yes that somebody got to a word about a box, and when they had begun to ask."""

    word: str
    where: Where
    incarnation: str
    asked_at: datetime
    detail: Any = None


@dataclass(slots=True)
class Hours:
    """How long a lease may be by now: what was granted for sure, and what may have been."""

    least: float
    most: float


HOURS = (None, None, 2.0, 2.0, 4.0, 4.0, 12.0, 30.0, 72.0)
"""Leases asked for. Most are of a few hours: what stands for days is looked at all the while, and little happens."""


@dataclass
class People:
    """Everybody who asks over HTTP. A call is a process of its own, and may die like any other."""

    rng: Random
    draw: Draw
    commands: Commands
    sweeps: Sweeps
    tables: MemoryTables
    arm: Arm
    watch: Watch
    now: Callable[[], datetime]
    promises: list[Promise] = field(default_factory=list)
    hours: dict[str, Hours] = field(default_factory=dict)
    keys: dict[str, Where] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    calls: int = 0

    # -- words -------------------------------------------------------------------------------------------------

    async def speak(self, stack: str) -> None:
        """Say one thing about a stack."""
        word = self.rng.choice(WORDS)
        live = self.live_boxes(stack)
        if word == "look":
            await self.call("look", self._nothing)
        elif word == "ask" or not live:
            if len(live) < MOST_BOXES:
                await self.ask(stack)
        elif word == "disconnect":
            await self._disconnect(stack)
        elif word == "exempt":
            hours = self.rng.choice((0.0, 1.0, 4.0))
            operator = Person("olga", Role.OPERATOR)
            await self.call("exempt", lambda: self.commands.exempt(operator, stack, hours, "storm"))
        else:
            await self._say(word, stack, self.rng.choice(live))

    async def ask(self, stack: str) -> None:
        """Ask for a box, perhaps under a key, and then perhaps more than once at the same time."""
        rng = self.rng
        self.calls += 1
        key = f"key-{self.calls}" if rng.random() < 0.6 else None
        person = Person(f"person{rng.randrange(3)}", Role.USER)
        with_key = rng.random() < 0.3
        wish = BoxAsk(
            stack=stack,
            name=rng.choice((None, None, "desk")),
            hours=rng.choice(HOURS),
            reason=rng.choice((None, "to look")),
            schedule=rng.choice(SCHEDULES),
            vm_size=rng.choice((None, None, None, "Standard_D4s_v5")),
            start_at=self.now() + timedelta(hours=rng.uniform(0, 10)) if rng.random() < 0.15 else None,
            login=Login.KEY if with_key else None,
            ssh_public_key=SSH_KEY if with_key else None,
        )
        times = rng.choice((1, 1, 2, 3)) if key else 1
        await asyncio.gather(*(self._ask_once(person, wish, key) for _ in range(times)))

    async def _ask_once(self, person: Person, wish: BoxAsk, key: str | None) -> None:
        began_at = self.now()
        where = await self.call("ask", lambda: self.commands.ask(person, wish, key), again=key is not None)
        if not isinstance(where, Where):
            return
        if key and self.keys.setdefault(key, where) != where:
            self.watch.violate("S4", f"key {key} gave {self.keys[key]} and then {where}")
        box = self.box(where)
        if box is None:
            self.watch.violate("S4", f"{where} was granted and there is no row of it")
            return
        self.promises.append(Promise("ask", where, box.incarnation, began_at, key))
        self.hours.setdefault(box.incarnation, Hours(box.hours, box.hours))

    async def _say(self, word: str, stack: str, box: BoxIntent) -> None:
        where, owner = Where(stack, box.name), Person(box.owner, Role.USER)
        began_at, commands = self.now(), self.commands
        self.calls += 1
        key = f"key-{self.calls}" if self.rng.random() < 0.5 else None
        hours = self.rng.choice((1.0, 2.0, 5.0))
        acts: dict[str, Callable[[], Awaitable[Any]]] = {
            "wake": lambda: commands.wake(owner, where, hours, "storm", match=None, key=key),
            "extend": lambda: commands.extend(owner, where, hours, "storm", match=None, key=key),
            "park": lambda: commands.park(owner, where, "storm", match=None),
            "retire": lambda: commands.retire(owner, where, "storm", match=None),
            "follow": lambda: commands.follow(owner, where, "always", hours, "storm", match=None),
        }
        lease = self.hours.get(box.incarnation)
        repeats = self.rng.choice((1, 1, 2)) if key and word in ("wake", "extend") else 1
        if lease and word == "extend":
            lease.most += hours
        granted = 0
        for _ in range(repeats):
            answer = await self.call(word, acts[word], again=key is not None and word in ("wake", "extend"))
            if isinstance(answer, Where):
                granted = 1
        if granted:
            self.promises.append(Promise(word, where, box.incarnation, began_at, hours))
            if lease and word == "extend":
                lease.least += hours

    async def _disconnect(self, stack: str) -> None:
        sessions = [
            each for each in self.arm.cloud.sessions.all() if each.ended_at is None and f"jb-{stack}_" in each.machine
        ]
        if not sessions:
            return
        session, operator, began_at = self.rng.choice(sessions), Person("olga", Role.OPERATOR), self.now()
        said = await self.call("disconnect", lambda: self.commands.disconnect(operator, stack, session.id, "storm"))
        if said is None:
            self.promises.append(Promise("disconnect", Where(stack, ""), "", began_at, session.id))

    async def call(self, word: str, act: Callable[[], Awaitable[Any]], *, again: bool = False) -> Any:
        """Make an HTTP call: gives what it answered, or a text that says what went wrong.

        With ``again`` it is repeated while nobody answers, as people do who gave it a key.
        """
        answer: Any = "lost"
        for _ in range(TRIES if again else 1):
            life = Life(f"http{self.calls}", self.rng.choice(self.draw.skews))
            answer = await self._once(life, act)
            self.watch.note(f"http {word} {_shown(answer)}")
            self.answers[f"{word} {_sort(answer)}"] += 1
            if answer not in ("lost", "503"):
                return answer
            await asyncio.sleep(self.rng.uniform(1, 60))
        return answer

    async def _once(self, life: Life, act: Callable[[], Awaitable[Any]]) -> Any:
        LIFE.set(life)
        try:
            answer = await act()
        except Died:
            return "lost"
        except AzureFault:
            answer = "503"
        except Conflict:
            answer = "503"
        except Refusal as refusal:
            answer = f"refused: {type(refusal).__name__} {refusal}"
        with suppress(Died, AzureFault, Conflict):
            await self.sweeps.pass_by()
        return answer

    @staticmethod
    async def _nothing() -> str:
        return "looked"

    # -- what there is -----------------------------------------------------------------------------------------

    def box(self, where: Where) -> BoxIntent | None:
        """Read a box's intent as it is stored."""
        row = self.tables.rows[Table.STACKS].get((where.stack, f"{BOX}{where.box}"))
        return from_cells(BoxIntent, row.values) if row else None

    def live_boxes(self, stack: str) -> list[BoxIntent]:
        """List the boxes of a stack that nobody has retired and whose lease is not long over."""
        found = [
            from_cells(BoxIntent, row.values)
            for (partition, key), row in self.tables.rows[Table.STACKS].items()
            if partition == stack and key.startswith(BOX)
        ]
        return [box for box in found if not box.retired_at and _lasts(box, self.now())]

    # -- people who connect ------------------------------------------------------------------------------------

    def visit(self, stack: str) -> None:
        """Have somebody open a session on a box of a stack, if they can."""
        boxes = self.live_boxes(stack)
        if not boxes:
            return
        box, rng = self.rng.choice(boxes), self.rng
        door = self.draw.stacks[0] if self.draw.hub and stack != self.draw.stacks[0] else stack
        minutes = rng.choice((5.0, 20.0, 60.0, 200.0))
        cloud = self.arm.cloud
        self.arm.catch_up()
        try:
            admit(cloud, self.arm.kinds, bastion_name(door), vm_name(stack, box.name), box.owner, "SSH", minutes)
        except NotAdmitted as why:
            self.watch.note(f"visit {stack}/{box.name} not admitted")
            del why
        else:
            self.answers["visit"] += 1
            self.watch.note(f"visit {stack}/{box.name} for {minutes} minutes")


def _lasts(box: BoxIntent, now: datetime) -> bool:
    return (box.start_at or box.requested_at) + timedelta(hours=box.hours + 1) > now


def _shown(answer: Any) -> str:
    return f"{answer.stack}/{answer.box}" if isinstance(answer, Where) else _sort(answer)


def _sort(answer: Any) -> str:
    return " ".join(answer.split()[:2]) if isinstance(answer, str) else "granted"
