"""The twin and the real service do the same whatever they are asked: changes with the grammar of what is asked."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lifecycle.cloud.connection import Storage
from lifecycle.cloud.tables import AzureTables
from lifecycle.faults import Conflict
from lifecycle.ports import Insert, Put, Remove, Replace, Row, Table
from tests.world.tables import MemoryTables

if TYPE_CHECKING:
    from lifecycle.ports import Change, Tables, Value

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
        found = await self.tables.query(Table.METERS, self.partition, first, before, limit)
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


@pytest.mark.azurite
@pytest.mark.parametrize("seed", range(6))
async def test_a_random_history_is_the_same_on_both_sides(azurite_connection: str, seed: int) -> None:
    real = AzureTables(Storage.from_connection_string("STORAGE", azurite_connection))
    try:
        await compare(random.Random(seed), MemoryTables(), real, f"history-{seed}")  # noqa: S311 -- a seeded history
    finally:
        await real.close()


async def compare(chance: random.Random, memory: Tables, real: Tables, partition: str) -> None:
    sides = Side(memory, partition), Side(real, partition)
    for _ in range(60):
        plan = a_plan(chance)
        twin, service = [await side.commit(plan) for side in sides]
        assert twin == service, plan
        bounds = chance.choice(["", *KEYS]), chance.choice([None, *KEYS]), chance.choice([None, 1, 3])
        twin_rows, service_rows = [await side.rows(*bounds) for side in sides]
        assert twin_rows == service_rows, bounds
