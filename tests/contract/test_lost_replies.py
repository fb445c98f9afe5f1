"""What a commit is worth when its reply is lost, on a real service: changes with the adapter's ``write_id``."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from lifecycle.cloud.connection import Storage
from lifecycle.cloud.tables import AzureTables
from lifecycle.faults import AzureFault, Conflict, Meaning
from lifecycle.ports import Insert, Put, Remove, Replace, Row, Table
from tests.contract.network import Lossy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from lifecycle.ports import Change

pytestmark = pytest.mark.azurite

STACKS = Table.STACKS
WRITES = frozenset({"PUT", "POST", "DELETE"})


class First:
    """Names the first ``times`` writes."""

    def __init__(self, times: int = 1) -> None:
        self.left = times

    def __call__(self, request: Any) -> bool:
        if request.method not in WRITES or self.left == 0:
            return False
        self.left -= 1
        return True


@asynccontextmanager
async def tables_over(connection: str, losing: Callable[[Any], bool]) -> AsyncIterator[tuple[AzureTables, Lossy]]:
    transport = Lossy(losing)
    tables = AzureTables(Storage.from_connection_string("STORAGE", connection, transport))
    try:
        yield tables, transport
    finally:
        await tables.close()


@pytest.fixture
async def sound(azurite_connection: str) -> AsyncIterator[AzureTables]:
    tables = AzureTables(Storage.from_connection_string("STORAGE", azurite_connection))
    await tables.prepare()
    yield tables
    await tables.close()


def changes_of(name: str, etag: str) -> list[Change]:
    return {
        "insert": [Insert(Row("new", {"n": 2}))],
        "replace": [Replace(Row("old", {"n": 2}, etag))],
        "put": [Put(Row("old", {"n": 2}))],
        "batch": [Insert(Row("new", {"n": 2})), Replace(Row("old", {"n": 2}, etag)), Remove("gone")],
        "swap": [Insert(Row("new", {"n": 2})), Remove("old", etag)],
    }[name]  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["insert", "replace", "put", "batch", "swap"])
async def test_a_write_whose_reply_is_lost_succeeds_with_its_own_etags(
    sound: AzureTables, azurite_connection: str, partition: str, name: str
) -> None:
    etags = await sound.commit(STACKS, partition, [Put(Row("old", {"n": 1})), Put(Row("gone", {"n": 1}))])
    async with tables_over(azurite_connection, First()) as (tables, transport):
        got = await tables.commit(STACKS, partition, changes_of(name, etags["old"]))
        assert sum(method in WRITES for method in transport.sent) == 2
    rows = {row.key: row.etag for row in await sound.query(STACKS, partition) if row.values["n"] == 2}
    assert got == rows


@pytest.mark.parametrize("etag_known", [True, False])
async def test_a_removal_whose_reply_is_lost_succeeds(
    sound: AzureTables,
    azurite_connection: str,
    partition: str,
    etag_known: bool,
) -> None:
    etags = await sound.commit(STACKS, partition, [Put(Row("old", {"n": 1}))])
    async with tables_over(azurite_connection, First()) as (tables, _):
        assert await tables.commit(STACKS, partition, [Remove("old", etags["old"] if etag_known else "")]) == {}
    assert await sound.get(STACKS, partition, "old") is None


async def test_the_twice_sent_write_of_one_who_lost_is_a_conflict(
    sound: AzureTables, azurite_connection: str, partition: str
) -> None:
    etags = await sound.commit(STACKS, partition, [Put(Row("old", {"n": 1}))])
    await sound.commit(STACKS, partition, [Put(Row("old", {"n": 7}))])
    async with tables_over(azurite_connection, First()) as (tables, _):
        with pytest.raises(Conflict):
            await tables.commit(STACKS, partition, [Replace(Row("old", {"n": 2}, etags["old"]))])
    row = await sound.get(STACKS, partition, "old")
    assert row is not None
    assert row.values == {"n": 7}


async def test_a_storage_that_never_answers_is_a_fault_to_retry(azurite_connection: str, partition: str) -> None:
    async with tables_over(azurite_connection, lambda _: True) as (tables, _):
        with pytest.raises(AzureFault) as silence:
            await tables.get(STACKS, partition, "old")
    assert silence.value.fault.meaning is Meaning.RETRY


async def test_a_table_nobody_prepared_is_made_by_the_first_write(azurite_connection: str, partition: str) -> None:
    async with tables_over(azurite_connection, First(0)) as (tables, _):
        etags = await tables.commit(Table.SCHEDULES, partition, [Insert(Row("a", {"n": 1})), Put(Row("b", {}))])
        assert sorted(etags) == ["a", "b"]
