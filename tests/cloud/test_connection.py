"""Which accounts may be pointed at, and what that costs: changes with the storage setting."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lifecycle.cloud.connection import Storage
from lifecycle.cloud.credential import Identity, StaticBearer
from lifecycle.cloud.endpoints import Origin, is_loopback
from lifecycle.cloud.queue import AzureBell
from lifecycle.cloud.tables import AzureTables

KEY = "AccountName=acc;AccountKey=a2V5"


@pytest.mark.parametrize(
    ("value", "tables", "queues"),
    [
        (KEY, "https://acc.table.core.windows.net", "https://acc.queue.core.windows.net"),
        (f"{KEY};EndpointSuffix=x.example", "https://acc.table.x.example", "https://acc.queue.x.example"),
        (
            f"{KEY};TableEndpoint=http://127.0.0.1:2/acc;QueueEndpoint=http://127.0.0.1:1/acc;",
            "http://127.0.0.1:2/acc",
            "http://127.0.0.1:1/acc",
        ),
        (
            "UseDevelopmentStorage=true",
            "http://127.0.0.1:10002/devstoreaccount1",
            "http://127.0.0.1:10001/devstoreaccount1",
        ),
    ],
)
async def test_a_connection_string_names_its_endpoints(value: str, tables: str, queues: str) -> None:
    storage = Storage.from_connection_string("STORAGE", value)
    async with storage.tables() as found_tables, storage.queues() as found_queues:
        assert found_tables.url.rstrip("?/") == tables
        assert found_queues.url.rstrip("?/") == queues


@pytest.mark.parametrize(
    "value",
    [
        f"{KEY};DefaultEndpointsProtocol=http",
        f"{KEY};TableEndpoint=http://10.0.0.4:10002/acc",
        f"{KEY};QueueEndpoint=http://localhost.example/acc",
        "",
        "nonsense",
    ],
)
def test_clear_text_off_this_machine_is_refused_naming_the_setting(value: str) -> None:
    with pytest.raises(ValueError, match="STORAGE") as refusal:
        Storage.from_connection_string("STORAGE", value)
    assert "a2V5" not in str(refusal.value)


@pytest.mark.parametrize("account", ["", "Acc", "acc.evil.example/", "a-b"])
def test_an_account_is_a_name_and_not_an_address(account: str) -> None:
    with pytest.raises(ValueError, match="ACCOUNT"):
        Storage.from_account("ACCOUNT", account, Identity())


async def test_an_identity_costs_nothing_until_a_token_is_needed() -> None:
    storage = Storage.from_account("ACCOUNT", "acc", Identity("a-client"))
    tables, bell = AzureTables(storage), AzureBell(storage, lambda: 1.0)
    await tables.close()
    await bell.close()


def test_the_paths_that_only_use_storage_import_neither_identity_nor_management() -> None:
    program = (
        "import sys, lifecycle.cloud.tables, lifecycle.cloud.queue, lifecycle.cloud.connection, "
        "lifecycle.cloud.credential;"
        "sys.exit(any(name.startswith(('azure.mgmt', 'azure.identity')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_arm_adapter_imports_microsofts_clients_only_when_it_calls() -> None:
    program = (
        "import sys; from lifecycle.cloud.arm import ArmAzure; ArmAzure('http://127.0.0.1:1', 's', 'g', 'x');"
        "sys.exit(any(name.startswith(('azure.mgmt.network', 'azure.mgmt.compute')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("LOCALHOST", True), ("0.0.0.0", False),  # noqa: S104 -- what is refused
     ("localhost.example", False), ("127.0.0.1.example", False), ("", False), (None, False)],
)  # fmt: skip
def test_loopback_is_this_machine_only(host: str | None, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("https://management.azure.com/x?y", True),
        ("https://MANAGEMENT.azure.com:443/x", True),
        ("http://management.azure.com/x", False),
        ("https://management.azure.com:8443/x", False),
        ("https://uksouth.management.azure.com/x", False),
        ("https://me@management.azure.com/x", False),
        ("https://management.azure.com\\@evil.example/x", False),
        ("https://management.azure.com /x", False),
        ("https://[::1/x", False),
        ("https://management.azure.com:port/x", False),
    ],
)
def test_an_origin_owns_its_own_addresses_only(url: str, ours: bool) -> None:
    assert Origin.of("https://management.azure.com").owns(url) is ours


def test_a_fixed_bearer_is_not_made_for_another_machine() -> None:
    with pytest.raises(ValueError, match="this machine"):
        StaticBearer("x", "https://management.azure.com")
