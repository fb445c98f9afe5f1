"""Where storage is and how we sign there: changes when a way to point the app at an account does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lifecycle.cloud.endpoints import require_safe

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.pipeline.transport import AsyncHttpTransport
    from azure.data.tables.aio import TableServiceClient
    from azure.storage.queue.aio import QueueServiceClient

_AZURITE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50"
    "uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1"
)
"""What ``UseDevelopmentStorage=true`` stands for; the key is public, Microsoft documents it."""

_LIMITS: dict[str, Any] = {
    "retry_total": 3,
    "retry_backoff_factor": 0.2,
    "retry_backoff_max": 2,
    "initial_backoff": 0,
    "increment_base": 1,
    "random_jitter_range": 1,
    "connection_timeout": 5,
    "read_timeout": 10,
}
"""Seconds, and few of them: the outer loop retries too.

Tables read the ``retry_`` words, queues the three after them, whose own first pause is 15 seconds.
"""


class Storage:
    """One storage account, from which the adapters get their clients.

    Made by ``from_connection_string`` or ``from_account``. Nothing is opened before a client's first call.
    ``transport`` is for tests that stand between us and the service.
    """

    def __init__(
        self,
        urls: dict[str, str],
        connection_string: str | None,
        credential: AsyncTokenCredential | None,
        transport: AsyncHttpTransport[Any, Any] | None = None,
    ) -> None:
        self._urls = urls
        self._connection_string = connection_string
        self._credential = credential
        self._limits = _LIMITS if transport is None else {**_LIMITS, "transport": transport}

    @classmethod
    def from_connection_string(
        cls, setting: str, value: str, transport: AsyncHttpTransport[Any, Any] | None = None
    ) -> Storage:
        """Read a connection string. Raises ValueError naming ``setting`` for http off loopback."""
        if value.strip().lower() == "usedevelopmentstorage=true":
            value = _AZURITE
        cells = dict(cell.split("=", 1) for cell in value.split(";") if "=" in cell)
        cells = {name.strip().lower(): text for name, text in cells.items()}
        if "accountname" not in cells and "sharedaccesssignature" not in cells:
            raise ValueError(f"{setting} is no storage connection string")
        urls = {part: _endpoint(cells, part) for part in ("table", "queue")}
        for url in urls.values():
            require_safe(url, setting)
        return cls(urls, value, None, transport)

    @classmethod
    def from_account(cls, setting: str, account: str, credential: AsyncTokenCredential) -> Storage:
        """Name an account of the public cloud, signed for with an identity. Raises ValueError naming ``setting``."""
        if not (account.isascii() and account.isalnum() and account == account.lower()):
            raise ValueError(f"{setting} is no storage account's name")
        urls = {part: f"https://{account}.{part}.core.windows.net" for part in ("table", "queue")}
        return cls(urls, None, credential)

    def tables(self) -> TableServiceClient:
        """Make a client of the tables; who asks for it closes it."""
        from azure.data.tables.aio import TableServiceClient  # noqa: PLC0415 -- a queue's user needs no tables

        if self._connection_string is not None:
            return TableServiceClient.from_connection_string(self._connection_string, **self._limits)
        return TableServiceClient(self._urls["table"], credential=self._credential, **self._limits)

    def queues(self) -> QueueServiceClient:
        """Make a client of the queues; who asks for it closes it."""
        from azure.storage.queue.aio import QueueServiceClient  # noqa: PLC0415 -- a table's user needs no queues

        if self._connection_string is not None:
            return QueueServiceClient.from_connection_string(self._connection_string, **self._limits)
        return QueueServiceClient(self._urls["queue"], credential=self._credential, **self._limits)


def _endpoint(cells: dict[str, str], part: str) -> str:
    explicit = cells.get(f"{part}endpoint")
    if explicit:
        return explicit
    scheme = cells.get("defaultendpointsprotocol", "https")
    suffix = cells.get("endpointsuffix", "core.windows.net")
    url = f"{scheme}://{cells.get('accountname', '')}.{part}.{suffix}"
    return url if urlsplit(url).hostname else ""
