"""Many clients count on one row by compare-and-swap: changes with how clients take a lost race.

``run_counting`` is the soak's door.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lifecycle.cloud.connection import Storage
from lifecycle.cloud.tables import AzureTables
from lifecycle.faults import Conflict
from lifecycle.ports import Insert, Replace, Row, Table
from tests.contract import azurite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lifecycle.ports import Tables

CLIENTS = 8
COUNTER = "counter"
_PAUSE_SECONDS = 0.02


async def count(clients: Sequence[Tables], partition: str, times: int, seed: int = 0) -> int:
    """Have each client add one so many times; gives what the row then holds."""
    await clients[0].commit(Table.STACKS, partition, [Insert(Row(COUNTER, {"n": 0}))])
    chance = random.Random(seed)
    await asyncio.gather(*(_add(client, partition, times, chance) for client in clients))
    return int((await _read(clients[0], partition)).values["n"])


async def count_on_azurite(connection: str, partition: str, times: int) -> int:
    """Count with clients that share no connection."""
    storage = Storage.from_connection_string("STORAGE", connection)
    clients = [AzureTables(storage) for _ in range(CLIENTS)]
    try:
        return await count(clients, partition, times)
    finally:
        for client in clients:
            await client.close()


def run_counting(times: int) -> int:
    """Have eight clients count so many times each on an Azurite of their own; gives how many increments were lost."""
    with tempfile.TemporaryDirectory() as folder, azurite.running(Path(folder)) as connection:
        return CLIENTS * times - asyncio.run(count_on_azurite(connection, COUNTER, times))


async def _add(client: Tables, partition: str, times: int, chance: random.Random) -> None:
    row = await _read(client, partition)
    for _ in range(times):
        row = await _added(client, partition, row, chance)


async def _added(client: Tables, partition: str, row: Row, chance: random.Random) -> Row:
    """Add one; gives the row as stored. Who loses a race steps back for a moment, or all would run it for ever."""
    lost = 0
    while True:
        more = replace(row, values={"n": int(row.values["n"]) + 1})
        try:
            etags = await client.commit(Table.STACKS, partition, [Replace(more)])
        except Conflict:
            lost += 1
            await asyncio.sleep(chance.random() * _PAUSE_SECONDS * lost)
            row = await _read(client, partition)
        else:
            return replace(more, etag=etags[COUNTER])


async def _read(client: Tables, partition: str) -> Row:
    row = await client.get(Table.STACKS, partition, COUNTER)
    assert row is not None
    return row
