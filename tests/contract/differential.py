"""Random histories, asked of a twin and of the real service alike: changes with the grammar of what is asked.

``run_differential`` is the soak's door.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lifecycle.cloud.connection import Storage
from lifecycle.cloud.queue import AzureBell
from lifecycle.cloud.tables import AzureTables
from lifecycle.faults import Conflict
from lifecycle.ports import Insert, Put, Queue, Remove, Replace, Row, Table
from tests.contract import azurite
from tests.contract.ears import Real, Twin
from tests.world.tables import MemoryTables

if TYPE_CHECKING:
    from lifecycle.ports import Change, Tables, Value

STEPS = 60
LISTENS = 0.2
"""How often somebody listens, of all steps."""
KEYS = ["intent", "box!a", "box!b", "op!vm", "status", "A", "é", "漢"]
CELLS: list[Value] = ["", "it's", "2026-03-01T08:00:00Z", 0, -1, 2**31, -(2**63), 0.5, 3.0, True, False, "🔑"]


class Side:
    """One of the two, and the etags it gave, by version: the two sides' etags differ, their ages do not."""

    def __init__(self, tables: Tables, partition: str) -> None:
        self.tables = tables
        self.partition = partition
        self.etags: dict[tuple[str, int], str] = {}
        self.versions: dict[str, int] = {}

    async def commit(self, plan: list[tuple[str, str, int, dict[str, Value]]]) -> object:
        changes = [self._change(*step) for step in plan]
        try:
            etags = await self.tables.commit(Table.METERS, self.partition, changes)
        except (Conflict, ValueError) as refusal:
            return type(refusal)
        for key, etag in etags.items():
            self.versions[key] = self.versions.get(key, 0) + 1
            self.etags[key, self.versions[key]] = etag
        return sorted(etags)

    async def rows(self, first: str, before: str | None, limit: int | None) -> list[Row]:
        return self._checked(await self.tables.query(Table.METERS, self.partition, first, before, limit))

    async def row(self, key: str) -> list[Row]:
        found = await self.tables.get(Table.METERS, self.partition, key)
        return self._checked([found] if found else [])

    async def scanned(self) -> list[Row]:
        found = self.tables.scan(Table.METERS, self.partition, f"{self.partition}!")
        return self._checked([row async for row in found])

    def _checked(self, found: list[Row]) -> list[Row]:
        assert all(row.etag == self.etags[row.key, self.versions[row.key]] for row in found)
        return [replace(row, etag="") for row in found]

    def _change(self, verb: str, key: str, age: int, values: dict[str, Value]) -> Change:
        etag = self.etags.get((key, self.versions.get(key, 0) - age), "")
        match verb:
            case "insert":
                return Insert(Row(key, values))
            case "put":
                return Put(Row(key, values))
            case "replace":
                return Replace(Row(key, values, etag))
            case _:
                return Remove(key, etag if age < 2 else "")


def a_plan(chance: random.Random) -> list[tuple[str, str, int, dict[str, Value]]]:
    keys = chance.sample(KEYS, chance.choice([1, 1, 2, 3, 5]))
    return [
        (
            chance.choice(["insert", "put", "replace", "replace", "remove"]),
            key,
            chance.choice([0, 0, 0, 0, 1, 2]),
            {name: chance.choice(CELLS) for name in chance.sample(["a", "b", "c_1", "ünï"], chance.randint(0, 3))},
        )
        for key in keys
    ]


async def compare_tables(chance: random.Random, real: Tables, partition: str, steps: int = STEPS) -> None:
    """Lead both through one history; raises AssertionError where their answers differ."""
    sides = Side(MemoryTables(), partition), Side(real, partition)
    for _ in range(steps):
        plan = a_plan(chance)
        twin, service = [await side.commit(plan) for side in sides]
        assert twin == service, plan
        bounds = chance.choice(["", *KEYS]), chance.choice([None, *KEYS]), chance.choice([None, 1, 3])
        twin_rows, service_rows = [await side.rows(*bounds) for side in sides]
        assert twin_rows == service_rows, bounds
        key = chance.choice(KEYS)
        assert await sides[0].row(key) == await sides[1].row(key), key
    assert await sides[0].scanned() == await sides[1].scanned()


async def compare_bells(chance: random.Random, real: Real, steps: int = STEPS) -> None:
    """Ring both alike and listen now and then; which ring is heard first is promised by neither."""
    twin = Twin()
    for number in range(steps):
        queue, after = chance.choice(list(Queue)), timedelta(minutes=chance.choice([-1, 0, 0, 0, 60, 10**7]))
        for side in (twin, real):
            await side.bell.ring(queue, f"ring {number}", after)
        if chance.random() < LISTENS:
            queue = chance.choice(list(Queue))
            said, heard = sorted(await twin.heard(queue)), sorted(await real.heard(queue))
            assert said == heard, (number, queue, said, heard)


async def differ(connection: str, seed: int) -> None:
    """Compare one history of tables, and one of queues, which must be nobody else's meanwhile."""
    chance = random.Random(seed)
    storage = Storage.from_connection_string("STORAGE", connection)
    tables, bell = AzureTables(storage), AzureBell(storage, lambda: 1.0)
    try:
        await compare_tables(chance, tables, f"history-{seed}")
        async with storage.queues() as service:
            real = Real(bell, service)
            await real.deafen()
            await compare_bells(chance, real)
    except AssertionError as difference:
        raise AssertionError(f"history {seed}: {difference}") from difference
    finally:
        await tables.close()
        await bell.close()


def run_differential(n: int, seed: int = 0) -> int:
    """Compare ``n`` histories from ``seed`` on, on an Azurite of their own; gives how many steps that were.

    Raises AssertionError for the first in which twin and service differ, with its seed.
    """

    async def all_of_them(connection: str) -> None:
        for each in range(seed, seed + n):
            await differ(connection, each)

    with tempfile.TemporaryDirectory() as folder, azurite.running(Path(folder), on_disk=True) as connection:
        asyncio.run(all_of_them(connection))
    return 2 * n * STEPS
