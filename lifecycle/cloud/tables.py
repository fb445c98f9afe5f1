"""The database on Azure Table Storage: changes when the way rows are read or committed there does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.data.tables import UpdateMode

from lifecycle.cloud.storage_faults import code_of, storage_trouble
from lifecycle.cloud.table_cells import entity_of, only, operation_of, row_of
from lifecycle.cloud.table_limits import WRITE_ID, check_commit, key_of
from lifecycle.faults import Conflict
from lifecycle.ports import Insert, Put, Remove, Replace, Row, Table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient

    from lifecycle.cloud.connection import Storage
    from lifecycle.ports import Change

LARGEST_PAGE = 1000
"""Entities in one answer at most (Table service limit)."""

_RESENT = frozenset({"GET", "PUT", "POST", "DELETE"})
"""What the SDK may send again after a lost reply: all of it, for ``write_id`` tells our own writes from others'."""

_NO_TABLE = "TableNotFound"

_NOT_AS_READ = frozenset(
    {"EntityAlreadyExists", "UpdateConditionNotSatisfied", "ConditionNotMet", "ResourceNotFound", "EntityNotFound"}
)
"""Codes that say a row is not what the change expects it to be."""


class AzureTables:
    """Tables on a storage account. Tables are created when one is first found missing, or all by ``prepare``.

    Every write carries a fresh ``write_id``. azure-core sends a request again when its reply was lost, and the
    second sending of a compare-and-swap is refused because the first one won: a refusal is believed only after
    a row of the commit has been read and found to carry somebody else's ``write_id``.
    """

    def __init__(self, storage: Storage) -> None:
        self._service = storage.tables()
        self._clients: dict[Table, TableClient] = {
            table: self._service.get_table_client(table.value) for table in Table
        }

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close()

    async def prepare(self) -> None:
        """Create all tables that are missing; raises AzureFault where storage is in trouble."""
        await asyncio.gather(*(self._create(table) for table in Table))

    async def get(self, table: Table, partition: str, key: str) -> Row | None:
        """Read one row; None where there is none. Raises AzureFault where storage is in trouble."""
        async with storage_trouble(f"reading {table}"):
            entity = await self._entity(table, partition, key)
        return None if entity is None else row_of(entity)

    async def query(
        self, table: Table, partition: str, first: str = "", before: str | None = None, limit: int | None = None
    ) -> list[Row]:
        """Read one partition's rows in key order: ``first`` <= key < ``before``, at most ``limit``."""
        if limit is not None and limit <= 0:
            return []
        named = {"partition": partition, "first": first}
        text = "PartitionKey eq @partition and RowKey ge @first"
        if before is not None:
            named["before"] = before
            text += " and RowKey lt @before"
        rows: list[Row] = []
        async for page in self._pages(table, text, named, min(limit or LARGEST_PAGE, LARGEST_PAGE)):
            rows += page
            if limit is not None and len(rows) >= limit:
                break
        return rows[:limit]

    async def scan(self, table: Table, first: str = "", before: str | None = None) -> AsyncIterator[Row]:
        """Read rows of all partitions in order, page by page: ``first`` <= partition < ``before``."""
        named = {"first": first}
        text = "PartitionKey ge @first"
        if before is not None:
            named["before"] = before
            text += " and PartitionKey lt @before"
        async for page in self._pages(table, text, named, LARGEST_PAGE):
            for row in page:
                yield row

    async def commit(self, table: Table, partition: str, changes: Sequence[Change]) -> dict[str, str]:
        """Apply all changes or none, as one transaction; returns key -> new etag of the stored rows.

        Raises Conflict where a row was not as expected, ValueError beyond a limit of the service (before
        anything is sent), AzureFault where storage is in trouble: then the changes may or may not have been
        applied, and the caller must read before it writes again.
        """
        check_commit(table, partition, changes)
        async with storage_trouble(f"writing {table}"):
            return await self._commit(table, partition, list(changes), uuid4().hex)

    async def _commit(self, table: Table, partition: str, pending: list[Change], write_id: str) -> dict[str, str]:
        while pending:
            try:
                return await self._send_where_table_exists(table, partition, pending, write_id)
            except AzureError as trouble:
                etags = await self._etags_if_ours(table, partition, pending, write_id, trouble)
                if etags is not None:
                    return etags
                if not _not_as_read(trouble):
                    raise
            fewer = await self._without_needless_removals(table, partition, pending)
            if len(fewer) == len(pending):
                raise Conflict(table, partition, key_of(pending[0]) if len(pending) == 1 else "")
            pending = fewer
        return {}

    async def _send_where_table_exists(
        self, table: Table, partition: str, changes: Sequence[Change], write_id: str
    ) -> dict[str, str]:
        try:
            return await self._send(table, partition, changes, write_id)
        except HttpResponseError as error:
            if code_of(error) != _NO_TABLE:
                raise
        await self._create(table)
        return await self._send(table, partition, changes, write_id)

    async def _send(self, table: Table, partition: str, changes: Sequence[Change], write_id: str) -> dict[str, str]:
        client = self._clients[table]
        if len(changes) == 1 and not (isinstance(changes[0], Remove) and changes[0].etag):
            return await _send_alone(client, partition, changes[0], write_id)
        operations = [operation_of(partition, change, write_id) for change in changes]
        stored = any(not isinstance(change, Remove) for change in changes)
        options: dict[str, Any] = {"retry_on_methods": _RESENT} if stored else {}
        answers = await client.submit_transaction(operations, **options)
        return {
            change.row.key: str(answer["etag"])
            for change, answer in zip(changes, answers, strict=True)
            if not isinstance(change, Remove)
        }

    async def _etags_if_ours(
        self, table: Table, partition: str, changes: Sequence[Change], write_id: str, trouble: AzureError
    ) -> dict[str, str] | None:
        """Give the etags of a commit that came through although its answer says otherwise; None if it did not.

        Raises Conflict where it came through and a row has been written over since: its etag is another's.
        """
        stored = [change.row.key for change in changes if not isinstance(change, Remove)]
        if not stored:
            return await self._nothing_if_all_gone(table, partition, changes, trouble)
        etags: dict[str, str] = {}
        for key in stored:
            entity = await self._entity(table, partition, key)
            if entity is None or entity.get(WRITE_ID) != write_id:
                if not etags:
                    return None
                raise Conflict(table, partition, key)
            etags[key] = str(entity.metadata["etag"])
        return etags

    async def _nothing_if_all_gone(
        self, table: Table, partition: str, changes: Sequence[Change], trouble: AzureError
    ) -> dict[str, str] | None:
        """Settle a commit of removals alone: never sent twice, so that a refusal is true and only silence is open."""
        if isinstance(trouble, HttpResponseError):
            return None
        left = [await self._entity(table, partition, key_of(change)) for change in changes]
        return {} if all(entity is None for entity in left) else None

    async def _without_needless_removals(self, table: Table, partition: str, changes: Sequence[Change]) -> list[Change]:
        """Drop removals of "any version" whose row is gone already: alone that is fine, in a transaction it is not."""
        return [
            change
            for change in changes
            if not (isinstance(change, Remove) and not change.etag)
            or await self._entity(table, partition, change.key) is not None
        ]

    async def _entity(self, table: Table, partition: str, key: str) -> TableEntity | None:
        try:
            return await self._clients[table].get_entity(partition, key)
        except ResourceNotFoundError:
            return None

    async def _pages(self, table: Table, text: str, named: dict[str, str], size: int) -> AsyncIterator[list[Row]]:
        """Read page by page. Values go in as parameters, each between single spaces, or the SDK sends ``@name``."""
        found = self._clients[table].query_entities(text, parameters=named, results_per_page=size)
        pages = found.by_page()
        while True:
            async with storage_trouble(f"reading {table}"):
                try:
                    page = await anext(pages)
                    rows = [row_of(entity) async for entity in page]
                except (StopAsyncIteration, ResourceNotFoundError):
                    return
            yield rows

    async def _create(self, table: Table) -> None:
        async with storage_trouble(f"creating {table}"):
            await self._service.create_table_if_not_exists(table.value)


async def _send_alone(client: TableClient, partition: str, change: Change, write_id: str) -> dict[str, str]:
    """Carry out one change without a transaction's envelope."""
    match change:
        case Insert(row):
            entity = entity_of(partition, row, write_id)
            answer = await client.create_entity(entity, retry_on_methods=_RESENT)
        case Put(row):
            entity = entity_of(partition, row, write_id)
            answer = await client.upsert_entity(entity, UpdateMode.REPLACE, retry_on_methods=_RESENT)
        case Replace(row):
            entity = entity_of(partition, row, write_id)
            answer = await client.update_entity(entity, UpdateMode.REPLACE, retry_on_methods=_RESENT, **only(row.etag))
        case Remove(key, _):
            await client.delete_entity(partition, key)
            return {}
    return {row.key: str(answer["etag"])}


def _not_as_read(trouble: AzureError) -> bool:
    return isinstance(trouble, HttpResponseError) and code_of(trouble) in _NOT_AS_READ
