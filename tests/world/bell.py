"""Queues in memory, on a clock that the test moves: changes when the promise of ``ports.Bell`` does."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from lifecycle.cloud.queue import LONGEST_DELAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifecycle.ports import Queue


@dataclass(frozen=True, slots=True, order=True)
class Ring:
    """One message: when it shows, in which order it was sent, where to and what it says."""

    visible_at: datetime
    number: int
    queue: Queue
    name: str


@dataclass
class MemoryBell:
    """The twin of ``AzureBell``: a message shows once ``now`` has reached its instant, in the clock's time."""

    now: Callable[[], datetime]
    rings: list[Ring] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    async def ring(self, queue: Queue, name: str, after: timedelta = timedelta()) -> None:
        delay = min(max(after, timedelta()), timedelta(seconds=LONGEST_DELAY_SECONDS))
        heapq.heappush(self.rings, Ring(self.now() + delay, next(self._numbers), queue, name))

    def due(self, now: datetime) -> list[Ring]:
        """List what shows at ``now``, the longest waiting first; nothing is taken away."""
        return sorted(ring for ring in self.rings if ring.visible_at <= now)

    def next_at(self) -> datetime | None:
        """Say when the next message shows; None where none is under way."""
        return self.rings[0].visible_at if self.rings else None

    def take(self, queue: Queue, now: datetime) -> list[str]:
        """Take all that shows in one queue, the longest waiting first."""
        taken = [ring for ring in self.due(now) if ring.queue == queue]
        self.rings = [ring for ring in self.rings if ring not in taken]
        heapq.heapify(self.rings)
        return [ring.name for ring in taken]
