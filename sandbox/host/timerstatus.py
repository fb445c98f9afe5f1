"""When each timer is due next, kept over restarts, so that a tick missed while no host ran is made up for.

The platform keeps the same in its storage account for every timer with `useMonitor` (the default); here it is a file.
"""

import contextlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path


class TimerStatus:
    """The next tick of each timer, as the last host left it."""

    def __init__(self, path: Path | None) -> None:
        """Keep it in `path`; without one nothing is kept."""
        self._path = path

    def read(self) -> dict[str, datetime]:
        """Give what was kept; a file that is missing or unreadable holds nothing."""
        if self._path is None:
            return {}
        try:
            kept: Mapping[str, str] = json.loads(self._path.read_text("utf-8"))
            return {name: datetime.fromisoformat(instant) for name, instant in kept.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def write(self, next_ticks: Mapping[str, datetime]) -> None:
        """Keep the next ticks. It is replaced whole, since a host may be killed at any moment."""
        if self._path is None:
            return
        fresh = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            fresh.write_text(json.dumps({name: tick.isoformat() for name, tick in next_ticks.items()}), "utf-8")
            fresh.replace(self._path)
