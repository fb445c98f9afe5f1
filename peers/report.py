"""One line per step, and a summary: what passed, what did not and why."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_REASON = 600


class Missed(Exception):
    """A step did not do what it should; the message says what was seen instead."""


class Report:
    """The steps so far. A step that misses is told of, and the next one goes on."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.missed: list[str] = []
        self._began = time.monotonic()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step: passed unless something inside raises."""
        began = time.monotonic()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever went wrong is the step's result
            self.missed.append(name)
            print(f"MISSED  {name} ({_seconds(began)})\n        {_reason(error)}", flush=True)
        else:
            self.passed.append(name)
            print(f"passed  {name} ({_seconds(began)})", flush=True)

    def close(self) -> int:
        """Print the summary; give the exit code."""
        total = f"{len(self.passed)} passed, {len(self.missed)} failed"
        print("", *[f"missed: {name}" for name in self.missed], f"peers took {_seconds(self._began)}", total, sep="\n")
        return 1 if self.missed or not self.passed else 0


def expect(good: object, seen: object) -> None:
    """Raise Missed, with what was seen, unless something holds."""
    if not good:
        raise Missed(f"saw {seen!r}")


def _reason(error: Exception) -> str:
    text = str(error) if isinstance(error, Missed) else f"{type(error).__name__}: {error}"
    return text[:_LONGEST_REASON].replace("\n", "\n        ")


def _seconds(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"
