"""How long a month's bill takes, and how many rows it reads, with a year of 10, 100 and 1,000 stacks in Azurite.

Run ``python -m bench.ledger [stacks ...]``. Facts are written as reconcilers write them, for today and for what runs;
the days before are summed by the very code that the nightly round runs, from the same facts in memory.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from lifecycle.bill import Bill
from lifecycle.cloud.connection import Storage
from lifecycle.cloud.tables import AzureTables
from lifecycle.costs import Rule, cells
from lifecycle.ledger import Page, keep, meter_row, running, tenancy_row
from lifecycle.meters import Books, Meter, Tenancy
from lifecycle.model import BoxIntent, Login, OpenMeter, StackStatus
from lifecycle.observation import MeterChange
from lifecycle.ports import Change, Put, Queue, Row, Table, Tables
from lifecycle.prices import DEFAULT_BOOK
from lifecycle.rollups import FINISHED, Rollups
from lifecycle.rows import instant_text
from lifecycle.settings import read
from sandbox import azurite

NOW = datetime(2026, 12, 31, 15, 30, tzinfo=UTC)
DAYS = 365
OWNERS, TEAMS = 200, 10
ROUNDS = 9
TARGET_SECONDS = 0.5
SIZES = (10, 100, 1000)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ENVIRONMENT = {
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001",
    "RESOURCE_GROUP": "rg-bench",
    "LOCATION": "westeurope",
    "TIME_ZONE": "Etc/UTC",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}


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


class Now:
    """A clock that stands."""

    async def read(self) -> datetime:
        """Say what time it is."""
        return NOW


class Silent:
    """A bell that nobody hears."""

    async def ring(self, queue: Queue, name: str, after: timedelta = timedelta()) -> None:
        """Ring for nobody."""


def _owner(number: int) -> str:
    return f"person-{number % OWNERS:03}@example.com"


def _box(number: int) -> BoxIntent:
    asked_at = NOW - DAYS * DAY
    return BoxIntent(
        "one", "1", _owner(number), _owner(number), asked_at, "", 9000.0, "office", "Standard_D2s_v5", Login.KEY
    )


def _meters(number: int, since_at: datetime, hours: float | None) -> dict[str, MeterChange]:
    """Give a working day's meters of a stack; those without hours still run."""
    names = {
        "bastion": "bastion.basic",
        "ip-bastion": "ip.standard",
        "vm!one": "vm.Standard_D2s_v5",
        "disk!one": "disk.StandardSSD_LRS",
    }
    opened = {
        f"{part}|{meter}": OpenMeter(meter, f"/{number}", since_at, since_at, since_at, since_at)
        for part, meter in names.items()
    }
    ended_at = since_at + hours * HOUR if hours else None
    return {key: MeterChange(key.split("|")[0], meter, ended_at, ended_at) for key, meter in opened.items()}


def _day_of_all(stacks: int, day: datetime) -> Books:
    """Give what all stacks ran on a day, as a bill reads it."""
    meters = [
        Meter(
            f"stack-{number:04}",
            "one" if "!" in change.part else None,
            _owner(number) if "!" in change.part else None,
            change.part,
            change.open.meter,
            "",
            change.open.claimed_at,
            change.open.claimed_at,
            change.closed_seen_at,
            change.closed_absent_at,
        )
        for number in range(stacks)
        for change in _meters(number, day + 8 * HOUR, 9.5).values()
    ]
    tenancies = [
        Tenancy(f"stack-{number:04}", "one", _owner(number), f"team-{number % TEAMS}", NOW - DAYS * DAY)
        for number in range(stacks)
    ]
    return Books(tuple(meters), tuple(tenancies))


async def _fill(tables: AzureTables, stacks: int) -> None:
    today = NOW.replace(hour=0, minute=0)
    rollups = Rollups(tables, ZoneInfo("Etc/UTC"), Rule())
    alike = today - DAY
    found = cells(_day_of_all(stacks, alike), DEFAULT_BOOK, (alike, today), NOW, Rule(), UTC)
    for back in range(1, DAYS + 1):
        await rollups.write_day((today - back * DAY).date(), found)
    state = {"since": instant_text(today - DAYS * DAY), "until": instant_text(today), "mark": rollups.mark}
    await tables.commit(Table.ROLLUPS, "state", [Put(Row(FINISHED, state))])
    for begin in range(0, stacks, 20):
        await asyncio.gather(*(_fill_today(tables, number, today) for number in range(begin, min(begin + 20, stacks))))


async def _fill_today(tables: AzureTables, number: int, today: datetime) -> None:
    """Have each stack's door opened twice: once it was closed again, and now it stands."""
    stack, box = f"stack-{number:04}", _box(number)
    ended = [meter_row(change, {"one": box.owner}) for change in _meters(number, today + 8 * HOUR, 3).values()]
    runs = {key: change.open for key, change in _meters(number, today + 13 * HOUR, None).items()}
    page = running(stack, "westeurope", StackStatus(meters=runs), {"one": box}, ["one"])
    await keep(tables, Page(stack, (*ended, tenancy_row(box, None)), (), page))


async def _measure(tables: AzureTables, stacks: int) -> float:
    """Print the medians, and give the worst of them."""
    counting = Counting(tables)
    bill = Bill(counting, Silent(), Now(), read(ENVIRONMENT))
    month = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    so_far = month[1], datetime(2027, 1, 1, tzinfo=UTC)
    worst = 0.0
    for name, period in (("a finished month", month), ("this month so far", so_far)):
        for by in ("owner", "stack", "day"):
            seconds = []
            for _ in range(ROUNDS):
                counting.rows, began = 0, time.perf_counter()
                costs = await bill.costs(*period, by)
                seconds.append(time.perf_counter() - began)
            median = statistics.median(seconds)
            worst = max(worst, median)
            print(
                f"{stacks:5} stacks, {name:17} by {by:5}: {1000 * median:6.0f} ms at the median,"
                f" {counting.rows:5} rows read, {len(costs.rows):5} groups, {costs.total:12.2f} USD",
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
                await _fill(tables, stacks)
                print(f"{stacks:5} stacks, {DAYS} days written in {time.perf_counter() - began:.0f} s", flush=True)
                worst = await _measure(tables, stacks)
            finally:
                await tables.close()
                await storage.stop()
    met = worst < TARGET_SECONDS
    print(
        f"the slowest median at {sizes[-1]} stacks is {1000 * worst:.0f} ms; the target is {1000 * TARGET_SECONDS:.0f}"
    )
    return 0 if met else 1


def _port() -> int:
    """Find a free port, with two more after it."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


if __name__ == "__main__":
    sys.exit(asyncio.run(main([int(size) for size in sys.argv[1:]] or SIZES)))
