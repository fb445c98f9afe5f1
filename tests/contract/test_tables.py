"""What both kinds of tables promise: changes with ``ports.Tables``."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lifecycle.faults import Conflict
from lifecycle.ports import LARGEST_BATCH, Insert, Put, Remove, Replace, Row, Table
from tests.contract.counting import CLIENTS, count, count_on_azurite
from tests.world.tables import MemoryTables

if TYPE_CHECKING:
    from lifecycle.ports import Change, Tables, Value

STACKS = Table.STACKS


async def put(tables: Tables, partition: str, *keys: str) -> None:
    await tables.commit(STACKS, partition, [Put(Row(key, {"n": 1})) for key in keys])


async def keys(tables: Tables, partition: str, first: str = "", before: str | None = None) -> list[str]:
    return [row.key for row in await tables.query(STACKS, partition, first, before)]


async def test_a_row_comes_back_as_it_was_stored(tables: Tables, partition: str) -> None:
    values: dict[str, Value] = {
        "text": "Ünïcode 'quoted' \"double\" <tag> & \\ / # ? % \n\t 漢字 🔑",
        "iso": "2026-03-01T08:00:00+00:00",
        "empty": "",
        "small": -7,
        "large": 2**53 + 1,
        "largest": -(2**63),
        "ratio": 0.1,
        "whole": 2.0,
        "yes": True,
        "no": False,
    }
    etags = await tables.commit(STACKS, partition, [Insert(Row("it's a key!", values))])
    row = await tables.get(STACKS, partition, "it's a key!")
    assert row == Row("it's a key!", values, etags["it's a key!"], partition)
    assert {name: type(value) for name, value in row.values.items()} == {
        name: type(value) for name, value in values.items()
    }


async def test_a_row_that_is_not_there_is_none(tables: Tables, partition: str) -> None:
    assert await tables.get(STACKS, partition, "nothing") is None
    assert await tables.query(Table.PRICES, partition) == []
    assert [row async for row in tables.scan(Table.RANGES)] == []


async def test_a_commit_of_nothing_is_nothing(tables: Tables, partition: str) -> None:
    assert await tables.commit(STACKS, partition, []) == {}


@pytest.mark.parametrize("company", [False, True], ids=["alone", "in-a-batch"])
class TestEachChange:
    async def commit(self, tables: Tables, partition: str, change: Change, *, company: bool) -> dict[str, str]:
        others: list[Change] = [Put(Row("company", {"n": 1}))] if company else []
        return await tables.commit(STACKS, partition, [*others, change])

    async def test_an_insert_of_what_exists_conflicts(self, tables: Tables, partition: str, company: bool) -> None:
        await put(tables, partition, "a")
        with pytest.raises(Conflict):
            await self.commit(tables, partition, Insert(Row("a", {"n": 2})), company=company)
        assert await keys(tables, partition) == ["a"]

    async def test_a_replace_of_an_older_version_conflicts(
        self,
        tables: Tables,
        partition: str,
        company: bool,
    ) -> None:
        await put(tables, partition, "a")
        old = await tables.get(STACKS, partition, "a")
        assert old is not None
        etags = await self.commit(tables, partition, Replace(replace(old, values={"n": 2})), company=company)
        with pytest.raises(Conflict):
            await self.commit(tables, partition, Replace(replace(old, values={"n": 3})), company=company)
        now = await tables.get(STACKS, partition, "a")
        assert now == Row("a", {"n": 2}, etags["a"], partition)

    async def test_a_replace_of_what_is_gone_conflicts(self, tables: Tables, partition: str, company: bool) -> None:
        etags = await tables.commit(STACKS, partition, [Put(Row("a", {"n": 1}))])
        await tables.commit(STACKS, partition, [Remove("a")])
        with pytest.raises(Conflict):
            await self.commit(tables, partition, Replace(Row("a", {"n": 2}, etags["a"])), company=company)

    async def test_a_replace_leaves_no_old_column(self, tables: Tables, partition: str, company: bool) -> None:
        etags = await tables.commit(STACKS, partition, [Put(Row("a", {"old": 1}))])
        await self.commit(tables, partition, Replace(Row("a", {"new": 2}, etags["a"])), company=company)
        row = await tables.get(STACKS, partition, "a")
        assert row is not None
        assert row.values == {"new": 2}

    async def test_a_put_leaves_no_old_column(self, tables: Tables, partition: str, company: bool) -> None:
        await tables.commit(STACKS, partition, [Put(Row("a", {"old": 1}))])
        await self.commit(tables, partition, Put(Row("a", {"new": 2})), company=company)
        row = await tables.get(STACKS, partition, "a")
        assert row is not None
        assert row.values == {"new": 2}

    async def test_a_removal_of_an_older_version_conflicts(
        self,
        tables: Tables,
        partition: str,
        company: bool,
    ) -> None:
        etags = await tables.commit(STACKS, partition, [Put(Row("a", {"n": 1}))])
        await put(tables, partition, "a")
        with pytest.raises(Conflict):
            await self.commit(tables, partition, Remove("a", etags["a"]), company=company)
        assert await keys(tables, partition) == ["a"]

    async def test_a_removal_of_a_version_that_is_gone_conflicts(
        self,
        tables: Tables,
        partition: str,
        company: bool,
    ) -> None:
        etags = await tables.commit(STACKS, partition, [Put(Row("a", {"n": 1}))])
        await tables.commit(STACKS, partition, [Remove("a", etags["a"])])
        with pytest.raises(Conflict):
            await self.commit(tables, partition, Remove("a", etags["a"]), company=company)

    async def test_a_removal_of_any_version_bears_absence(
        self,
        tables: Tables,
        partition: str,
        company: bool,
    ) -> None:
        await self.commit(tables, partition, Remove("never-there"), company=company)
        assert await keys(tables, partition) == (["company"] if company else [])


async def test_a_batch_happens_whole_or_not_at_all(tables: Tables, partition: str) -> None:
    etags = await tables.commit(STACKS, partition, [Put(Row("b", {"n": 1})), Put(Row("c", {"n": 1}))])
    await put(tables, partition, "c")
    changes: list[Change] = [
        Insert(Row("a", {"n": 1})),
        Replace(Row("b", {"n": 2}, etags["b"])),
        Replace(Row("c", {"n": 2}, etags["c"])),
    ]
    with pytest.raises(Conflict):
        await tables.commit(STACKS, partition, changes)
    rows = await tables.query(STACKS, partition)
    assert [(row.key, row.values["n"]) for row in rows] == [("b", 1), ("c", 1)]
    assert rows[0].etag == etags["b"]


async def test_a_largest_batch_fits_and_gives_every_etag(tables: Tables, partition: str) -> None:
    names = [f"row-{number:03}" for number in range(LARGEST_BATCH)]
    etags = await tables.commit(STACKS, partition, [Insert(Row(name, {"n": 1})) for name in names])
    assert {row.key: row.etag for row in await tables.query(STACKS, partition)} == etags
    await tables.commit(STACKS, partition, [Remove(name, etags[name]) for name in names])
    assert await keys(tables, partition) == []


async def test_rows_come_in_key_order_between_half_open_bounds(tables: Tables, partition: str) -> None:
    await put(tables, partition, "status", "box!b", "op!x", "box!a", "intent", "Z", "box!a!b", "box-a", "é")
    assert await keys(tables, partition) == [
        "Z", "box!a", "box!a!b", "box!b", "box-a", "intent", "op!x", "status", "é",
    ]  # fmt: skip
    assert await keys(tables, partition, "box!", 'box"') == ["box!a", "box!a!b", "box!b"]
    assert await keys(tables, partition, "box!b", "intent") == ["box!b", "box-a"]
    assert await keys(tables, partition, "op!x") == ["op!x", "status", "é"]
    assert [row.key for row in await tables.query(STACKS, partition, "box!", limit=2)] == ["box!a", "box!a!b"]
    assert await tables.query(STACKS, partition, limit=0) == []


async def test_a_bound_is_a_value_and_never_a_piece_of_the_filter(tables: Tables, partition: str) -> None:
    await put(tables, partition, "a", "b' or RowKey ge '", "z")
    assert await keys(tables, partition, "b' or RowKey ge '") == ["b' or RowKey ge '", "z"]
    assert await keys(tables, "x' or PartitionKey ge '") == []


async def test_a_query_reads_beyond_one_page(tables: Tables, partition: str) -> None:
    names = [f"{number:04}" for number in range(1200)]
    for start in range(0, len(names), LARGEST_BATCH):
        await put(tables, partition, *names[start : start + LARGEST_BATCH])
    assert await keys(tables, partition) == names
    assert len(await tables.query(STACKS, partition, limit=1100)) == 1100
    assert [row.key async for row in tables.scan(STACKS, partition, partition + "!")] == names


async def test_a_scan_reads_partitions_in_order_between_half_open_bounds(tables: Tables) -> None:
    for partition in ("d2", "d1", "d3"):
        await tables.commit(Table.DUE, partition, [Put(Row(key, {"n": 1})) for key in ("b", "a")])
    found = [(row.partition, row.key) async for row in tables.scan(Table.DUE, "d1", "d3")]
    assert found == [("d1", "a"), ("d1", "b"), ("d2", "a"), ("d2", "b")]


async def test_no_increment_is_lost_among_eight_who_count_on_the_twin(partition: str) -> None:
    tables = MemoryTables()
    assert await count([tables] * CLIENTS, partition, times=100) == 800


@pytest.mark.azurite
async def test_no_increment_is_lost_among_eight_who_count_on_azurite(azurite_connection: str, partition: str) -> None:
    assert await count_on_azurite(azurite_connection, partition, times=100) == 800


async def test_of_many_who_insert_the_same_row_one_wins(tables: Tables, partition: str) -> None:
    async def claim(who: int) -> bool:
        try:
            await tables.commit(STACKS, partition, [Insert(Row("claim", {"who": who})), Put(Row(f"log-{who}", {}))])
        except Conflict:
            return False
        return True

    wins = await asyncio.gather(*(claim(who) for who in range(8)))
    row = await tables.get(STACKS, partition, "claim")
    assert row is not None
    assert [who for who, won in enumerate(wins) if won] == [row.values["who"]]
    assert await keys(tables, partition) == ["claim", f"log-{row.values['who']}"]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ([Put(Row(f"{n}", {})) for n in range(LARGEST_BATCH + 1)], "101"),
        ([Put(Row("a", {})), Remove("a")], "two changes"),
        ([Put(Row("a", {"long": "x" * 32769}))], "a: column long"),
        ([Put(Row("a", {"keys": "🔑" * 16385}))], "a: column keys"),
        ([Put(Row("a", {f"c{n}": "x" * 32768 for n in range(16)}))], "over 1048576 bytes with column c15"),
        ([Put(Row("a", {"big": 2**63}))], "a: column big"),
        ([Put(Row("a", {f"c{n}": n for n in range(252)}))], "252 columns"),
        ([Put(Row("a", {"write_id": "mine"}))], "column write_id"),
        ([Put(Row("a", {"no-name": 1}))], "column no-name"),
        ([Put(Row("a/b", {}))], "a/b: the row key"),
        ([Put(Row("a" * 513, {}))], "row key"),
        ([Replace(Row("a", {}))], "etag"),
        ([Put(Row(f"{n}", {f"c{c}": "x" * 32000 for c in range(14)})) for n in range(5)], "4194304"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_the_service_would_not_take_is_refused_by_name(
    tables: Tables, partition: str, changes: list[Change], names: str
) -> None:
    with pytest.raises(ValueError, match=names) as refusal:
        await tables.commit(STACKS, partition, changes)
    assert "Stacks" in str(refusal.value)
    assert await keys(tables, partition) == []
