"""The sandbox's clock: instants that pass at a chosen speed, stand still, or leap forward."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self


class Clock:
    """Aware UTC instants derived from real elapsed time times a speed.

    It never runs backwards: every change of speed, freeze or leap starts a new stretch from the instant
    shown at that moment. Real time is ``time.monotonic`` in seconds unless another source is given.
    """

    def __init__(self, start: datetime, speed: float = 1.0, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin at `start`, which must be aware; `speed` is simulated seconds per real second."""
        if start.tzinfo is None:
            raise ValueError("a clock starts at an aware instant")
        self._monotonic = monotonic
        self._from_at = start.astimezone(UTC)
        self._from_real = monotonic()
        self._frozen = False
        self._speed = _checked_speed(speed)

    def now(self) -> datetime:
        """Tell the present instant, aware and in UTC."""
        if self._frozen:
            return self._from_at
        return self._from_at + timedelta(seconds=(self._monotonic() - self._from_real) * self._speed)

    @property
    def speed(self) -> float:
        """Simulated seconds per real second while running."""
        return self._speed

    @property
    def running(self) -> bool:
        """Whether instants pass by themselves."""
        return not self._frozen

    def set_speed(self, speed: float) -> None:
        """Go on at another speed from the present instant; it must be above zero."""
        checked = _checked_speed(speed)
        self._start_stretch(self.now())
        self._speed = checked

    def advance_to(self, instant: datetime) -> None:
        """Leap forward to an aware instant; raises ValueError for one that has passed."""
        now = self.now()
        if instant < now:
            raise ValueError(f"{instant.isoformat()} has passed; it is {now.isoformat()}")
        self._start_stretch(instant.astimezone(UTC))

    def freeze(self) -> Frozen:
        """Stand still until `thaw`; as a context manager, until its end."""
        self._start_stretch(self.now())
        self._frozen = True
        return Frozen(self)

    def thaw(self) -> None:
        """Let instants pass again, from where they stood."""
        self._start_stretch(self.now())
        self._frozen = False

    def _start_stretch(self, instant: datetime) -> None:
        self._from_at = instant
        self._from_real = self._monotonic()


class VirtualClock(Clock):
    """A clock that moves only when told to: the time of tests and of simulated days."""

    def __init__(self, start: datetime) -> None:
        """Begin at `start`, which must be aware."""
        super().__init__(start, monotonic=lambda: 0.0)


class Frozen:
    """The stretch during which a clock stands still; leaving it thaws the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._clock.thaw()


def _checked_speed(speed: float) -> float:
    if not speed > 0:
        raise ValueError("the speed of a clock is above zero")
    return float(speed)
