"""Tells the sandbox's host when the app next wants to look at a stack, from the app's own table."""

from __future__ import annotations

import os
from datetime import datetime
from functools import cache

from lifecycle import due
from lifecycle.cloud.connection import Storage
from lifecycle.cloud.tables import AzureTables

STORAGE = "AzureWebJobsStorage"


@cache
def _tables() -> AzureTables:
    return AzureTables(Storage.from_connection_string(STORAGE, os.environ[STORAGE]))


async def next_due_at(now: datetime) -> datetime | None:
    """Name the earliest instant after ``now`` at which a stack is due."""
    return await due.next_at(_tables(), now)
