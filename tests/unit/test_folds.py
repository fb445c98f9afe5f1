"""Leaves and folds: whoever writes, folds and reads, and in whatever order, what was written last is what is read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle import folds
from lifecycle.folds import FOLDS, fold, unfolded
from lifecycle.ports import Put, Row, Table
from tests.world.tables import MemoryTables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lifecycle.ports import Change

HERE = (Table.BOARD, "here")
LONG = "a text that does not fit"
NAMES = [f"stack-{number}" for number in range(40)]


async def put(tables: MemoryTables, name: str, text: str) -> None:
    cells = {"text": text, **({"more": "x" * folds.ROOM} if text == LONG else {})}
    await tables.commit(*HERE, [Put(Row(name, cells if text else {}))])


async def read(tables: MemoryTables) -> dict[str, str]:
    return {name: str(leaf["text"]) for name, leaf in unfolded(await tables.query(*HERE)).items()}


steps = st.one_of(
    st.tuples(st.sampled_from(NAMES[:5]), st.sampled_from(("", "a", 'b"\\é', LONG))),
    st.just("fold"),
)


@given(st.lists(steps, max_size=12))
@settings(deadline=None, max_examples=60)
async def test_what_was_written_last_is_read_whenever_it_is_folded(taken: list[tuple[str, str] | str]) -> None:
    tables, expected = MemoryTables(), dict.fromkeys(NAMES[5:], "as ever")
    for name in NAMES[5:]:
        await put(tables, name, "as ever")
    for step in taken:
        if isinstance(step, str):
            await fold(tables, *HERE, worth=1)
        else:
            await put(tables, *step)
            expected[step[0]] = step[1]
        assert await read(tables) == {name: text for name, text in expected.items() if text}


async def test_a_thousand_leaves_are_read_as_a_few_rows() -> None:
    tables = MemoryTables()
    for number in range(1000):
        await put(tables, f"stack-{number}", "x" * 100)
    assert await fold(tables, *HERE) == 1000
    assert len(await tables.query(*HERE)) == FOLDS
    assert len(await read(tables)) == 1000
    await put(tables, "stack-1", "")
    assert await fold(tables, *HERE) == 0
    assert len(await read(tables)) == 999


async def test_what_does_not_fit_into_a_fold_stays_as_it_is() -> None:
    tables = MemoryTables()
    for name in NAMES:
        await put(tables, name, LONG)
    assert await fold(tables, *HERE) == 0
    assert len(await read(tables)) == len(NAMES)


@dataclass
class Overtaken(MemoryTables):
    """Tables on which another writes and folds just before a fold is stored."""

    before: list[Row] = field(default_factory=list)

    async def commit(self, table: Table, partition: str, changes: Sequence[Change]) -> dict[str, str]:
        if self.before and len(changes) > 1:
            row = self.before.pop()
            await super().commit(table, partition, [Put(row)])
            await fold(self, table, partition, worth=1)
        return await super().commit(table, partition, changes)


async def test_who_folds_what_another_has_folded_since_changes_nothing() -> None:
    tables = Overtaken()
    for name in NAMES:
        await put(tables, name, "old")
    tables.before = [Row(NAMES[0], {"text": "new"})]
    await fold(tables, *HERE)
    found: Mapping[str, str] = await read(tables)
    assert found == {**dict.fromkeys(NAMES, "old"), NAMES[0]: "new"}


async def test_writers_folders_and_readers_at_once_lose_nothing() -> None:
    tables = MemoryTables()
    for name in NAMES:
        await put(tables, name, "0")

    async def write(name: str) -> None:
        for number in range(1, 20):
            await put(tables, name, str(number))

    async def keep_folding() -> None:
        for _ in range(10):
            await fold(tables, *HERE, worth=1)

    async def keep_reading() -> None:
        for _ in range(20):
            assert (await read(tables)).keys() == set(NAMES)

    await asyncio.gather(*map(write, NAMES[:8]), keep_folding(), keep_folding(), keep_reading())
    assert await read(tables) == {**dict.fromkeys(NAMES, "0"), **dict.fromkeys(NAMES[:8], "19")}
