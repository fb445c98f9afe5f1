"""Writes events to the log, each as one line of JSON: changes when the way operators search the log does."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable

from lifecycle.events import GOOD_NEWS, Event

log = logging.getLogger("lifecycle.events")


def write(events: Iterable[Event]) -> None:
    """Log events. The line itself is the JSON, so that it can be searched whatever carries it."""
    for event in events:
        level = logging.INFO if event.name in GOOD_NEWS else logging.WARNING
        log.log(level, "%s", json.dumps(event.cells))
