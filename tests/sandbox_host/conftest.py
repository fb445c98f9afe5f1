"""A real Azurite for the tests that are about queues, and the sample app's host on top of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from azure.storage.queue.aio import QueueClient

from sandbox import azurite
from sandbox.azurite import Azurite
from sandbox.child import free_port
from sandbox.host.hosting import Host, HostOptions
from sandbox.host.hostjson import HostJson, QueueSettings
from sandbox.host.indexing import Function, index
from tests.sandbox_host import stand_in_clock

MONDAY_MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def storage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Give the connection string of an Azurite of our own."""
    if not azurite.installed():
        pytest.skip("Azurite is not installed: make node_modules/.stamp")
    with (tmp_path_factory.mktemp("azurite") / "azurite.log").open("wb") as log:
        emulator = Azurite(free_port(neighbours=2), log=log)
        await emulator.start()
        yield emulator.connection_string
        await emulator.stop()


@dataclass
class Hosted:
    """The sample app under a host, and what it wrote."""

    url: str
    journal: Path
    queue: QueueClient
    poison: QueueClient
    clock: dict[str, Any]
    http: aiohttp.ClientSession

    def lines(self, function: str) -> list[dict[str, Any]]:
        text = self.journal.read_text("utf-8") if self.journal.exists() else ""
        return [line for line in map(json.loads, text.splitlines()) if line["function"] == function]

    async def hop_to(self, now: str) -> dict[str, Any]:
        self.clock["now"] = now
        async with self.http.post(f"{self.url}/admin/sandbox/hop", json={"now": now}) as answer:
            assert answer.status == 200
            body: dict[str, Any] = await answer.json()
            return body


async def until(claim: Callable[[], bool] | Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    """Wait for a claim to come true; fail when it does not."""
    async with asyncio.timeout(seconds):
        while True:
            said = claim()
            if said if isinstance(said, bool) else await said:
                return
            await asyncio.sleep(0.02)


def sample_functions(connection: str, queue: str) -> tuple[Function, ...]:
    """Index a fresh copy of the sample app, as a new process would."""
    import importlib

    from tests.sandbox_host import sample_app

    environment = {"AzureWebJobsStorage": connection, "WORK_QUEUE": queue, "NIGHTLY_SCHEDULE": "0 30 2 * * *"}
    return index(importlib.reload(sample_app).app, environment)


HostedApp = Callable[..., Any]


@pytest.fixture
def hosted(storage: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HostedApp:
    """Give a way to run the sample app's host in this process, under a clock that stands still."""

    @asynccontextmanager
    async def run(
        settings: QueueSettings | None = None, start: datetime = MONDAY_MORNING, **options: Any
    ) -> AsyncIterator[Hosted]:
        queue = f"work-{abs(hash(request.node.name))}"
        journal = tmp_path / "journal"
        monkeypatch.setenv("SAMPLE_JOURNAL", str(journal))
        clock_port, port = free_port(), free_port()
        runner = web.AppRunner(stand_in_clock.application(start, 60.0))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", clock_port).start()
        settings = settings or QueueSettings(base64=False, max_dequeue_count=5)
        host = Host(
            sample_functions(storage, queue),
            HostOptions(
                port=port,
                host_json=HostJson(queues=settings),
                clock_url=f"http://127.0.0.1:{clock_port}/sandbox/clock",
                **options,
            ),
        )
        stop = asyncio.Event()
        life = asyncio.create_task(host.run(stop))
        try:
            async with (
                aiohttp.ClientSession() as http,
                QueueClient.from_connection_string(storage, queue) as client,
                QueueClient.from_connection_string(storage, f"{queue}-poison") as poison,
            ):
                url = f"http://127.0.0.1:{port}"

                async def up() -> bool:
                    try:
                        async with http.get(f"{url}/admin/host/status") as answer:
                            return answer.ok
                    except aiohttp.ClientError:
                        return False

                await until(up)
                yield Hosted(url, journal, client, poison, stand_in_clock.SHOWN, http)
        finally:
            stop.set()
            ended = await life
            await runner.cleanup()
        assert ended

    return run
