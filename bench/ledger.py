"""How long a bill and the page take, and how many rows they read, with a year of 10, 100 and 1,000 stacks in Azurite.

Run ``python -m bench.ledger [stacks ...]``. Asked are the app's own handlers, in this process, as a caller would:
each answer again and again, the clock a little later each time. The first answer of a process, which knows nothing
yet, is told apart.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl

from bench.year import DAYS, NOW, OWNERS, TEAMS, fill
from lifecycle import ledger
from lifecycle.cloud.connection import Storage
from lifecycle.cloud.tables import AzureTables
from lifecycle.commands import Commands
from lifecycle.ports import Change, Queue, Row, Table, Tables
from lifecycle.queries import Queries
from lifecycle.settings import read
from lifecycle.sweeps import Sweeps
from lifecycle.timetable import Timetable
from lifecycle.web.answers import Request
from lifecycle.web.app import Site
from sandbox import azurite

ROUNDS = 15
TARGET_SECONDS = 0.5
"""For what is asked of a month; a year on the page is told, and has none."""
SIZES = (10, 100, 1000)
ENVIRONMENT = {
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001",
    "RESOURCE_GROUP": "rg-bench",
    "LOCATION": "westeurope",
    "TIME_ZONE": "Etc/UTC",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "WEBSITE_AUTH_ENABLED": "true",
    "TEAMS": json.dumps({f"person-{number:03}@example.com": f"team-{number % TEAMS}" for number in range(OWNERS)}),
    "BUDGETS": json.dumps({f"team/team-{number}": {"usd": 20000} for number in range(TEAMS)}),
}
QUESTIONS = {
    "this month by owner": ("get_costs", "by=owner"),
    "this month by stack": ("get_costs", "by=stack"),
    "this month by day": ("get_costs", "by=day"),
    "last month by owner": ("get_costs", "by=owner&from=2026-11-01&to=2026-12-01"),
    "the page, 30 days": ("dashboard", ""),
    "the page, a year": ("dashboard", "days=365"),
    "its part that is fetched again": ("dashboard", "part=now"),
}
_CLAIMS = [{"typ": "preferred_username", "val": "person-007@example.com"}, {"typ": "roles", "val": "operator"}]
PRINCIPAL = base64.b64encode(json.dumps({"auth_typ": "aad", "claims": _CLAIMS}).encode()).decode()


@dataclass
class Counting:
    """Tables that count the rows they read."""

    inner: Tables
    rows: int = 0

    async def get(self, table: Table, partition: str, key: str) -> Row | None:
        """Read one row."""
        self.rows += 1
        return await self.inner.get(table, partition, key)

    async def query(
        self, table: Table, partition: str, first: str = "", before: str | None = None, limit: int | None = None
    ) -> list[Row]:
        """Read some rows of a partition."""
        found = await self.inner.query(table, partition, first, before, limit)
        self.rows += len(found)
        return found

    async def scan(self, table: Table, first: str = "", before: str | None = None) -> AsyncIterator[Row]:
        """Read rows of all partitions."""
        async for row in self.inner.scan(table, first, before):
            self.rows += 1
            yield row

    async def commit(self, table: Table, partition: str, changes: Sequence[Change]) -> dict[str, str]:
        """Write."""
        return await self.inner.commit(table, partition, changes)


@dataclass
class Later:
    """A clock that is a second later whenever somebody asks anew."""

    at: datetime = field(default=NOW)

    async def read(self) -> datetime:
        """Say what time it is."""
        return self.at


class Silent:
    """A bell that nobody hears."""

    async def ring(self, queue: Queue, name: str, after: timedelta = timedelta()) -> None:
        """Ring for nobody."""


def _site(tables: Tables, clock: Later) -> Site:
    settings, bell = read(ENVIRONMENT), Silent()
    timetable = Timetable(tables, settings.zone)
    return Site(
        settings,
        tables,
        bell,
        clock,
        timetable,
        Commands(tables, bell, clock, settings, timetable, str),
        Queries(tables, clock, settings.estate, settings.policy, timetable),
        Sweeps(tables, bell, clock, lambda: datetime.now(UTC), timetable),
        lambda: datetime.now(UTC),
    )


async def _measure(tables: AzureTables, stacks: int) -> float:
    """Print the medians, and give the worst of them."""
    counting, clock = Counting(tables), Later()
    site = _site(counting, clock)
    worst = 0.0
    ledger.forget_texts()
    for question, (function, query) in QUESTIONS.items():
        headers = {"x-ms-client-principal": PRINCIPAL, "accept": "text/html"}
        url = f"https://app.example/api/x?{query}"
        request = Request("GET", url, {}, dict(parse_qsl(query)), headers, b"")
        wall, processor = [], []
        for _ in range(ROUNDS):
            clock.at += timedelta(seconds=1)
            counting.rows, began, began_cpu = 0, time.perf_counter(), time.process_time()
            answer = await site.answer(function, request)
            wall.append(time.perf_counter() - began)
            processor.append(time.process_time() - began_cpu)
            if answer.status != HTTPStatus.OK:
                raise RuntimeError(answer.text)
        median = statistics.median(wall)
        if "year" not in question:
            worst = max(worst, median)
        print(
            f"{stacks:5} stacks, {question:31} {1000 * median:6.0f} ms at the median"
            f" ({1000 * statistics.median(processor):4.0f} of processor, first {1000 * wall[0]:5.0f}),"
            f" {counting.rows:5} rows read, {len(answer.text) // 1024:4} KiB",
            flush=True,
        )
    return worst


async def main(sizes: Sequence[int]) -> int:
    """Measure each size in an Azurite of its own; returns 1 where the largest misses the target."""
    worst = 0.0
    for stacks in sizes:
        with tempfile.TemporaryDirectory() as folder, (Path(folder) / "azurite.log").open("wb") as log:
            storage = azurite.Azurite(_port(), log=log)
            await storage.start()
            tables = AzureTables(Storage.from_connection_string("AzureWebJobsStorage", storage.connection_string))
            try:
                await tables.prepare()
                began = time.perf_counter()
                await fill(tables, stacks)
                print(f"{stacks:5} stacks, {DAYS} days written in {time.perf_counter() - began:.0f} s", flush=True)
                worst = await _measure(tables, stacks)
            finally:
                await tables.close()
                await storage.stop()
    print(
        f"the slowest median for a month at {sizes[-1]} stacks is {1000 * worst:.0f} ms;"
        f" the target is {1000 * TARGET_SECONDS:.0f}"
    )
    return 0 if worst < TARGET_SECONDS else 1


def _port() -> int:
    """Find a free port, with two more after it."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


if __name__ == "__main__":
    sys.exit(asyncio.run(main([int(size) for size in sys.argv[1:]] or SIZES)))
