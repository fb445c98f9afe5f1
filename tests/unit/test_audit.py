"""The audit's chain: nothing can be changed or taken out unseen, and nobody's entry is lost or written twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from lifecycle.audit import Entry, append, digest_of, partition
from lifecycle.faults import Conflict
from lifecycle.ports import Row, Table
from lifecycle.rows import instant_text
from tests.examples import DAY, NOON
from tests.world.tables import MemoryTables

BEGIN = Entry("reconciler", "put", "/vm", "intended", "wanted")
END = Entry("reconciler", "put", "/vm", "done", "wanted", mark="claim-1|vm|done")


async def chain_of(tables: MemoryTables, stack: str = "main") -> tuple[list[Row], Row]:
    *entries, head = await tables.query(Table.AUDIT, partition(stack, NOON))
    return entries, head


def verifies(entries: list[Row], head: Row) -> bool:
    """Walk the chain as an auditor would."""
    digest = ""
    for row in entries:
        cells = {name: cell for name, cell in row.values.items() if name != "digest"}
        if cells["previous"] != digest or digest_of(cells) != row.values["digest"]:
            return False
        digest = str(row.values["digest"])
    return digest == head.values["digest"] and len(entries) == head.values["number"]


async def five() -> tuple[list[Row], Row]:
    tables = MemoryTables()
    await append(tables, "main", NOON, [replace(BEGIN, subject=f"/vm{number}") for number in range(3)])
    await append(tables, "main", NOON, [replace(BEGIN, subject=f"/vm{number}") for number in (3, 4)])
    return await chain_of(tables)


async def test_a_chain_verifies_and_keeps_its_order() -> None:
    entries, head = await five()
    assert verifies(entries, head)
    assert [row.values["subject"] for row in entries] == [f"/vm{number}" for number in range(5)]
    assert entries[0].values["at"] == instant_text(NOON)


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("column", ["at", "actor", "action", "subject", "outcome", "reason", "previous", "digest"])
async def test_a_changed_entry_is_seen(column: str, number: int) -> None:
    entries, head = await five()
    entries[number] = replace(entries[number], values={**entries[number].values, column: "another"})
    assert not verifies(entries, head)


@pytest.mark.parametrize("number", range(5))
async def test_an_entry_taken_out_is_seen_the_last_one_too(number: int) -> None:
    entries, head = await five()
    assert not verifies(entries[:number] + entries[number + 1 :], head)


async def test_two_entries_that_changed_places_are_seen() -> None:
    entries, head = await five()
    entries[1], entries[2] = entries[2], entries[1]
    assert not verifies(entries, head)


async def test_two_writers_at_once_both_land() -> None:
    tables = MemoryTables()
    await asyncio.gather(
        *(append(tables, "main", NOON, [replace(BEGIN, actor=f"worker-{number}")]) for number in range(5))
    )
    entries, head = await chain_of(tables)
    assert verifies(entries, head)
    assert {row.values["actor"] for row in entries} == {f"worker-{number}" for number in range(5)}


async def test_the_same_end_seen_by_two_workers_is_written_once() -> None:
    tables = MemoryTables()
    await asyncio.gather(append(tables, "main", NOON, [END]), append(tables, "main", NOON, [END]))
    await append(tables, "main", NOON, [END, replace(BEGIN, actor="alice")])
    entries, head = await chain_of(tables)
    assert [row.values["actor"] for row in entries] == ["reconciler", "alice"]
    assert verifies(entries, head)


async def test_entries_without_a_mark_are_all_written() -> None:
    tables = MemoryTables()
    await append(tables, "main", NOON, [BEGIN, BEGIN])
    assert len((await chain_of(tables))[0]) == 2


async def test_every_stack_and_every_day_has_a_chain_of_its_own() -> None:
    tables = MemoryTables()
    for stack, when in (("main", NOON), ("main", NOON + DAY), ("side", NOON)):
        await append(tables, stack, when, [BEGIN])
    assert {row.partition async for row in tables.scan(Table.AUDIT)} == {
        "main!2026-11-23", "main!2026-11-24", "side!2026-11-23"
    }  # fmt: skip


async def test_nothing_to_say_writes_nothing() -> None:
    tables = MemoryTables()
    await append(tables, "main", NOON, [])
    await append(tables, "main", NOON, [END])
    before = tables.commits
    await append(tables, "main", NOON, [END])
    assert tables.commits == before == 1


class Contended(MemoryTables):
    """A table in which somebody else is always quicker."""

    async def commit(self, table: Table, partition: str, changes: object) -> dict[str, str]:
        del changes
        raise Conflict(table, partition)


async def test_meeting_others_again_and_again_is_a_bug_and_no_endless_loop() -> None:
    with pytest.raises(Conflict):
        await append(Contended(), "main", NOON, [BEGIN])
