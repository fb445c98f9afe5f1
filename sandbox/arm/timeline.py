"""Everything that will happen by itself, in order of its instant."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


@dataclass(slots=True)
class Due:
    """One thing that will happen at an instant unless it is called off."""

    at: datetime
    act: Callable[[], None] | None

    def call_off(self) -> None:
        """Let it not happen."""
        self.act = None


class Timeline:
    """A heap of due things; living up to an instant does each of them at its own instant.

    `now` is the instant being lived, so what happens late in real time still happens on time here, and
    the bill is exact to the microsecond.
    """

    def __init__(self, start: datetime) -> None:
        self.now = start
        self._order = itertools.count()
        self._heap: list[tuple[datetime, int, Due]] = []

    def at(self, instant: datetime, act: Callable[[], None]) -> Due:
        """Do `act` at `instant`, or at once when next lived if that has passed."""
        due = Due(max(instant, self.now), act)
        heapq.heappush(self._heap, (due.at, next(self._order), due))
        return due

    def next_at(self) -> datetime | None:
        """The earliest instant at which something is due; None when nothing is."""
        while self._heap and self._heap[0][2].act is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def live_until(self, instant: datetime) -> None:
        """Do everything due up to and including `instant`, each at its own instant."""
        while (due_at := self.next_at()) is not None and due_at <= instant:
            due = heapq.heappop(self._heap)[2]
            self.now = max(self.now, due_at)
            if due.act is not None:
                due.act()
        self.now = max(self.now, instant)
