"""The two sides of each contract: changes when a port gets another twin or another adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lifecycle.cloud.connection import Storage
from lifecycle.cloud.tables import AzureTables
from tests.contract import azurite
from tests.world.tables import MemoryTables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from lifecycle.ports import Tables


@pytest.fixture(scope="session")
def azurite_connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    lacking = azurite.missing()
    if lacking:
        pytest.skip(lacking)
    with azurite.running(tmp_path_factory.mktemp("azurite")) as connection:
        yield connection


@pytest.fixture(params=["memory", pytest.param("azurite", marks=pytest.mark.azurite)])
async def tables(request: pytest.FixtureRequest) -> AsyncIterator[Tables]:
    if request.param == "memory":
        yield MemoryTables()
        return
    storage = Storage.from_connection_string("STORAGE", request.getfixturevalue("azurite_connection"))
    real = AzureTables(storage)
    yield real
    await real.close()


@pytest.fixture
def partition(request: pytest.FixtureRequest) -> str:
    """Give each test a partition of its own: one Azurite serves them all."""
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
