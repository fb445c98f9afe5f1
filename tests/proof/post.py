"""The queues and the host that works them off, as badly as they have been seen to: lost, late, doubled, poisoned."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from lifecycle.faults import AzureFault, Conflict
from lifecycle.ports import Queue
from tests.proof.life import LIFE, Life, Weather
from tests.world.crash import Died

if TYPE_CHECKING:
    from tests.proof.loop import SeededLoop
    from tests.proof.watch import Watch

MOST_TRIES = 5
HIDDEN_SECONDS = 30.0
"""host.json's visibilityTimeout."""
HIDDEN_AFTER_DEATH_SECONDS = 600.0
"""The lease that a dead process held on its message."""
ORDINARY = (AzureFault, Conflict)
"""What an invocation may end with when storage is in trouble; anything else is a bug."""


@dataclass
class Post:
    """Delivers what is rung to one of the workers that live. ``functions`` are the triggers, by queue."""

    loop: SeededLoop
    weather: Weather
    watch: Watch
    functions: dict[str, Callable[[str], Awaitable[None]]]
    worker: Callable[[], Life | None]
    under_way: int = 0
    at_work: dict[asyncio.Task[None], None] = field(default_factory=dict)
    """The invocations that have not ended, in the order in which they began."""

    def send(self, queue: Queue, name: str, after: timedelta) -> None:
        """Take a message; it shows when its delay is over, if it ever does."""
        rates, rng = self.weather.rates, self.weather.rng
        if self.weather.hits(rates.message_lost):
            self.watch.struck("message lost", f"{queue} {name[:60]}")
            return
        copies = 1
        if self.weather.hits(rates.message_doubled):
            self.watch.struck("message doubled", f"{queue} {name[:60]}")
            copies = 2
        for _ in range(copies):
            late = rng.uniform(0.0, 3.0)
            if self.weather.hits(rates.message_late):
                late = rng.choice((30.0, 300.0, 3600.0, 14400.0)) * rng.random()
                self.watch.struck("message late", f"{queue} {name[:60]}")
            self._show(queue.value, name, max(after, timedelta()).total_seconds() + late, 0)

    def _show(self, queue: str, name: str, seconds: float, tries: int) -> None:
        self.under_way += 1
        self.loop.call_later(seconds, self._deliver, queue, name, tries)

    def _deliver(self, queue: str, name: str, tries: int) -> None:
        self.under_way -= 1
        worker = self.worker()
        if worker is None:
            self._show(queue, name, 20.0, tries)
            return
        self.watch.note(f"deliver {queue} {name[:60]} to {worker.name} ({tries})")
        task = self.loop.create_task(self._invoke(worker, queue, name, tries))
        self.at_work[task] = None

    async def _invoke(self, worker: Life, queue: str, name: str, tries: int) -> None:
        LIFE.set(worker)
        try:
            await self.functions[queue](name)
        except Died:
            self._show(queue, name, HIDDEN_AFTER_DEATH_SECONDS, tries + 1)
        except ORDINARY:
            self._fail(queue, name, tries)
        except Exception as bug:  # noqa: BLE001 -- whatever else escapes is a bug, and is to be told
            self.watch.violate("bug", f"{queue} {name[:60]}: {type(bug).__name__}: {bug} {_where(bug)}")
            self._fail(queue, name, tries)
        finally:
            task = asyncio.current_task()
            assert task is not None  # it is a task that runs this
            del self.at_work[task]

    def _fail(self, queue: str, name: str, tries: int) -> None:
        """Let a message show again after a failure; after the fifth it goes to the poison queue."""
        if tries + 1 < MOST_TRIES:
            self._show(queue, name, HIDDEN_SECONDS, tries + 1)
        elif queue.endswith("-poison"):
            self.watch.struck("poison dropped", f"{queue} {name[:60]}")
        else:
            self.watch.struck("message poisoned", f"{queue} {name[:60]}")
            self._show(f"{queue}-poison", name, 1.0, 0)


def _where(bug: BaseException) -> str:
    """Name the place in the app where it came from."""
    frames = []
    at = bug.__traceback__
    while at is not None:
        frames.append(f"{at.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at.tb_lineno}")
        at = at.tb_next
    return " > ".join(frames[-4:])


async def until_quiet(post: Post) -> None:
    """Give way until nothing is ready any more at this instant."""
    for _ in range(1000):
        await asyncio.sleep(0)
        if not post.under_way:
            return
