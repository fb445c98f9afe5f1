"""Where a worker is to die or to stand still: armed by whoever watches, met by the app that lives dangerously.

The two are processes of their own, so a peril is a file in a folder that both know: its name says whom it waits for,
its text says at which effect. The worker that meets it puts ``.met`` behind the name before it dies.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lifecycle.cloud.table_limits import key_of
from lifecycle.ports import Change, Insert, Put, Replace, Table
from lifecycle.rows import OPERATION, STATUS

FOLDER = "PERILS"
"""The environment variable that names the folder."""

HASTE = "PERILS_HASTE"
"""The environment variable that says how many seconds the app counts in a real one."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Peril:
    """``before`` or ``after`` an effect by this name; the worker is killed, or with ``stop`` stands still."""

    when: str
    effect: str
    stop: bool = False

    def __str__(self) -> str:
        return f"{'stop ' if self.stop else ''}{self.when} {self.effect}"

    @classmethod
    def parse(cls, text: str) -> Peril:
        stop = text.startswith("stop ")
        when, _, effect = text.removeprefix("stop ").partition(" ")
        if when not in ("before", "after") or not effect:
            raise ValueError(f"{text!r} is not (stop) before|after EFFECT")
        return cls(when, effect, stop)


@dataclass(frozen=True, slots=True)
class Perils:
    """The folder."""

    folder: Path

    def arm(self, whom: str, peril: Peril) -> None:
        """Wait for an effect whose subject names ``whom``; an earlier peril of theirs is forgotten."""
        self.met_file(whom).unlink(missing_ok=True)
        fresh = self.folder / f".{whom}"
        fresh.write_text(str(peril), "utf-8")
        fresh.replace(self.folder / whom)

    def disarm(self, whom: str) -> bool:
        """Forget what waits for ``whom``; says whether it had been met."""
        (self.folder / whom).unlink(missing_ok=True)
        return self.is_met(whom)

    def is_met(self, whom: str) -> bool:
        return self.met_file(whom).exists()

    def met_by(self, whom: str) -> int:
        """Give the process that met it."""
        return int(self.met_file(whom).read_text("utf-8"))

    def met_file(self, whom: str) -> Path:
        return self.folder / f"{whom}.met"

    async def meet(self, effect: str, subject: object, act: Awaitable[T]) -> T:
        """Let an effect happen, unless this worker dies before it."""
        self._meet(Peril("before", effect), subject)
        done = await act
        self._meet(Peril("after", effect), subject)
        return done

    def _meet(self, here: Peril, subject: object) -> None:
        for each in os.scandir(self.folder):
            if "." in each.name:
                continue
            try:
                armed = Peril.parse(Path(each.path).read_text("utf-8"))
            except FileNotFoundError:  # somebody else's, just now
                continue
            if (armed.when, armed.effect) == (here.when, here.effect) and each.name in str(subject):
                self._mark(each.name)
                os.kill(os.getpid(), signal.SIGSTOP if armed.stop else signal.SIGKILL)

    def _mark(self, whom: str) -> None:
        """Say who met a peril; the rename sees to it that nobody else does."""
        taken = self.folder / f".{whom}.taken"
        (self.folder / whom).rename(taken)
        taken.write_text(str(os.getpid()), "utf-8")
        taken.replace(self.met_file(whom))

    def note(self, *words: object) -> None:
        """Write a line into the journal, with the instant and the worker."""
        line = " ".join(str(word) for word in (f"{time.time():.3f}", os.getpid(), *words))
        with (self.folder / ".journal").open("a", encoding="utf-8") as journal:
            journal.write(f"{line}\n")

    def journal(self) -> list[list[str]]:
        """Read the journal: instant, process, and what was noted, word by word."""
        file = self.folder / ".journal"
        return [line.split() for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def effect_of(table: Table, changes: Any) -> str:
    """Name a commit: in the stacks' table ``claim``, ``tokens``, ``save`` or ``ask``, elsewhere by its table."""
    if table is not Table.STACKS:
        return f"write {table.value.lower()}"
    keys = {key_of(change) for change in changes}
    if STATUS in keys:
        return "claim" if any(_is_claim(change) for change in changes) else "save"
    return "tokens" if all(key.startswith(OPERATION) for key in keys) else "ask"


def _is_claim(change: Change) -> bool:
    if not isinstance(change, Insert | Replace | Put):
        return False
    return change.row.key.startswith(OPERATION) and "token" not in change.row.values
