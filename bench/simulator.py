"""What 10,000 stacks cost the ARM simulator: memory, one read, a page of 1,000, a whole list.

    python -m bench.simulator [STACKS]

Loads the stacks by the PUTs a client sends, on a virtual clock, and prints what was measured next to what is wanted.
"""

from __future__ import annotations

import gc
import json
import resource
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from bench.stacks import GROUP, WAVES, writes
from sandbox.arm import SUBSCRIPTION, Arm, Switches
from sandbox.arm.wire import Request
from sandbox.clock import VirtualClock

if TYPE_CHECKING:
    from sandbox.arm.wire import Json, Response

STACKS = 10_000
_BATCH = 500
_READS, _PAGES = 2_000, 9
_HOST = "https://management.azure.com"
_VERSION = "2024-05-01"
_TOKEN = {"Authorization": "Bearer bench"}
_WAVE_TAKES = timedelta(minutes=15)

_LISTS = {
    "virtual networks": "Microsoft.Network/virtualNetworks",
    "machines": "Microsoft.Compute/virtualMachines",
    "security groups": "Microsoft.Network/networkSecurityGroups",
    "interfaces": "Microsoft.Network/networkInterfaces",
    "public addresses": "Microsoft.Network/publicIPAddresses",
    "Bastion hosts": "Microsoft.Network/bastionHosts",
    "disks": "Microsoft.Compute/disks",
}


class Bench:
    """One simulator full of stacks, and a clock that moves only when told."""

    def __init__(self) -> None:
        self._clock = VirtualClock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
        switches = Switches()
        switches.throw({"coresPerRegion": 10**6, "publicIpsPerRegion": 10**6, "bastionsPerRegion": 10**6})
        self._arm = Arm(self._clock, 0, switches)

    def load(self, stacks: int) -> None:
        """Build the stacks, some hundred side by side, each wave to its end before the next."""
        for first in range(0, stacks, _BATCH):
            batch = [write for number in range(first, min(first + _BATCH, stacks)) for write in writes(number)]
            for wave in range(WAVES):
                for at, path, body in batch:
                    if at == wave:
                        self._ask("PUT", path, body)
                self._clock.advance_to(self._clock.now() + _WAVE_TAKES)
                self._arm.catch_up()

    def count(self) -> tuple[int, int]:
        """How many resources there are, and how many stand in lists of their own."""
        kinds = self._arm.kinds
        everything = [kinds[each.kind] for each in self._arm.cloud.store]
        return len(everything), sum(kind.listed for kind in everything)

    def ids(self) -> list[str]:
        """The ids of all resources."""
        return [each.id for each in self._arm.cloud.store]

    def read(self, path: str) -> float:
        """Milliseconds of server time that one GET takes."""
        return self._timed("GET", path)[0]

    def page(self, kind: str) -> tuple[float, float, int]:
        """Milliseconds that a list's first page takes, by the clock and of the processor; and its bytes."""
        began = time.process_time()
        took, response = self._timed("GET", f"{GROUP}/providers/{kind}")
        return took, (time.process_time() - began) * 1000, len(response.body)

    def whole(self, kind: str) -> tuple[float, int, int]:
        """Milliseconds of server time, pages and rows of a whole list, by its nextLinks."""
        url: str | None = f"{_HOST}/subscriptions/{SUBSCRIPTION}/providers/{kind}?api-version={_VERSION}"
        took, pages, rows = 0.0, 0, 0
        while url is not None:
            began = time.perf_counter()
            response = self._arm.handle(Request("GET", url, _TOKEN))
            took += (time.perf_counter() - began) * 1000
            body = json.loads(response.body)
            pages, rows, url = pages + 1, rows + len(body["value"]), body.get("nextLink")
        return took, pages, rows

    def _timed(self, method: str, path: str) -> tuple[float, Response]:
        request = Request(method, f"{_HOST}{path}?api-version={_VERSION}", _TOKEN)
        began = time.perf_counter()
        response = self._arm.handle(request)
        took = (time.perf_counter() - began) * 1000
        if response.status != HTTPStatus.OK:
            raise RuntimeError(f"{method} {path} answered {response.status}: {response.body[:500]!r}")
        return took, response

    def _ask(self, method: str, path: str, body: Json) -> None:
        url = f"{_HOST}{path}?api-version={_VERSION}"
        response = self._arm.handle(Request(method, url, _TOKEN, json.dumps(body).encode()))
        if response.status not in (200, 201, 202):
            raise RuntimeError(f"{method} {path} answered {response.status}: {response.body[:500]!r}")


def main(stacks: int) -> None:
    """Load, measure, print."""
    before = _memory_mb()
    bench = Bench()
    began = time.perf_counter()
    bench.load(stacks)
    seconds = time.perf_counter() - began
    gc.collect()
    everything, listed = bench.count()
    print(f"{stacks:,} stacks: {listed:,} resources in lists, {everything:,} with subnets and rules")
    print(f"  loaded in {seconds:.0f} s, {stacks * 7 / seconds:,.0f} PUTs a second")
    print(f"  memory {_memory_mb():,.0f} MB ({before:.0f} MB before; wanted: below 1,000)")
    reads = sorted(bench.read(each) for each in Random(0).choices(bench.ids(), k=_READS))
    print(
        f"  GET by id: median {statistics.median(reads):.2f} ms (wanted: below 2), p99 {reads[-_READS // 100]:.2f} ms"
    )
    print("  a page of 1,000 (wanted: below 100 ms; what is not the processor's is other work on this machine):")
    for name, kind in _LISTS.items():
        measured = [bench.page(kind) for _ in range(_PAGES)]
        took, worked = (statistics.median(each[column] for each in measured) for column in (0, 1))
        print(f"    {name:17} median {took:4.0f} ms, {worked:4.0f} ms of it processor, {measured[0][2] / 1e6:.1f} MB")
    print("  a whole list, page by page:")
    for name in ("virtual networks", "machines", "security groups", "interfaces"):
        spent, pages, rows = bench.whole(_LISTS[name])
        print(f"    {name:17} {spent:6.0f} ms for {rows:,} in {pages} pages, {spent / pages:.0f} ms a page")
    print(f"  memory after all that {_memory_mb():,.0f} MB, at its peak {_peak_mb():,.0f} MB")


def _memory_mb() -> float:
    """What this process holds in memory now; on a system without /proc, the most it ever held."""
    status = Path("/proc/self/status")
    if not status.exists():
        return _peak_mb()
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def _peak_mb() -> float:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else STACKS)
