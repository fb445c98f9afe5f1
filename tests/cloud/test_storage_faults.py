"""What storage's trouble looks like from outside the adapters: changes when storage words it differently."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError

from lifecycle.cloud.connection import Storage
from lifecycle.cloud.queue import AzureBell
from lifecycle.cloud.tables import AzureTables
from lifecycle.faults import AzureFault, Meaning
from lifecycle.ports import Put, Queue, Remove, Row, Table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cloud.script import Script


def storage(script: Script) -> Storage:
    endpoints = f"TableEndpoint={script.root}/acc;QueueEndpoint={script.root}/acc"
    return Storage.from_connection_string("STORAGE", f"AccountName=acc;AccountKey=a2V5;{endpoints}")


@pytest.fixture
async def tables(script: Script) -> AsyncIterator[AzureTables]:
    tables = AzureTables(storage(script))
    yield tables
    await tables.close()


def said(code: str) -> dict[str, Any]:
    return {"odata.error": {"code": code, "message": {"lang": "en-US", "value": "see https://x.example/?sig=SECRET"}}}


@pytest.mark.parametrize(
    ("status", "body", "code", "meaning"),
    [
        (503, said("ServerBusy"), "ServerBusy", Meaning.RETRY),
        (500, "<html>no</html>", "HTTP 500", Meaning.RETRY),
        (403, said("AuthorizationFailure"), "AuthorizationFailure", Meaning.ACCESS),
    ],
)
async def test_trouble_is_a_fault_and_quotes_no_signature(
    tables: AzureTables, script: Script, status: int, body: Any, code: str, meaning: Meaning
) -> None:
    script.answer(status, body)
    for call in (
        tables.get(Table.STACKS, "p", "k"),
        tables.query(Table.STACKS, "p"),
        tables.commit(Table.STACKS, "p", [Put(Row("k", {}))]),
        tables.commit(Table.STACKS, "p", [Remove("k", "an-etag")]),
    ):
        with pytest.raises(AzureFault) as trouble:
            await call
        assert (trouble.value.fault.code, trouble.value.fault.meaning) == (code, meaning)
        assert "SECRET" not in str(trouble.value)


async def test_a_refused_request_is_a_bug_and_no_fault(tables: AzureTables, script: Script) -> None:
    script.answer(400, said("InvalidInput"))
    with pytest.raises(HttpResponseError):
        await tables.query(Table.STACKS, "p")


async def test_a_queue_in_trouble_is_a_fault(script: Script) -> None:
    script.answer(403, "<?xml version='1.0'?><Error><Code>AuthenticationFailed</Code></Error>")
    bell = AzureBell(storage(script), lambda: 1.0)
    with pytest.raises(AzureFault) as trouble:
        await bell.ring(Queue.RECONCILE, "a", timedelta(seconds=1))
    await bell.close()
    assert trouble.value.fault.meaning in {Meaning.ACCESS, Meaning.TOKEN}


async def test_an_account_nobody_answers_for_is_a_fault(script: Script) -> None:
    script.root = "http://127.0.0.1:1"
    tables = AzureTables(storage(script))
    with pytest.raises(AzureFault) as trouble:
        await tables.get(Table.STACKS, "p", "k")
    await tables.close()
    assert trouble.value.fault.meaning is Meaning.RETRY
