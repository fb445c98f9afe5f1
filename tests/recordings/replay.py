"""Sending a recording to the simulator: its own operations are polled, and time passes as the answers imply."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.arm import Arm
from sandbox.arm.wire import Request
from sandbox.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.arm.wire import Response
    from tests.recordings.recorded import Recorded

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
HOST = "https://management.azure.com"
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_LONGEST = timedelta(hours=1)


@dataclass
class Answered:
    """What the simulator answered."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Replay:
    """One simulator that a recording is sent to.

    A recording's operation ids are not ours: `urls` leads from theirs to the addresses that the simulator handed
    out. Durations are not theirs either: before a poll that was answered "Succeeded", or a GET that found the
    resource settled or gone, the clock moves until that is so here. It never moves otherwise.
    """

    group: str
    location: str
    tags: dict[str, str] | None = None
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(START))
    urls: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.arm = Arm(self.clock, subscription=SUBSCRIPTION, resource_group="elsewhere", location=self.location)

    def id(self, rest: str) -> str:
        """The id of a resource in the recording's group."""
        return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{self.group}/providers/{rest}"

    def make(self, path: str, version: str, body: Any, *, settle: bool = True) -> None:
        """Make what the recording takes for granted."""
        answer = self.send("PUT", f"{path}?api-version={version}", body)
        assert answer.status in (200, 201), (path, answer.body)
        if settle:
            self._until(lambda: self._settled(path))

    def make_group(self) -> None:
        """Make the recording's resource group, tagged as the recorder tags its groups."""
        path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{self.group}?api-version=2022-09-01"
        self.send("PUT", path, {"location": self.location, "tags": self.tags})

    def send(self, method: str, path: str, body: Any = None) -> Answered:
        """Send a request and read its answer."""
        content = b"" if body is None else json.dumps(body).encode()
        url = path if path.startswith("http") else f"{HOST}{path}"
        answer: Response = self.arm.handle(Request(method, url, {"Authorization": "Bearer any"}, content))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answered(answer.status, headers, json.loads(answer.body) if answer.body else None)

    def follow(self, recorded: str, answer: Answered) -> None:
        """Remember the addresses of an operation under the id that the recording gave it."""
        status = answer.headers.get("azure-asyncoperation", "")
        self.urls[recorded] = (status, answer.headers.get("location", ""))

    def play(self, exchange: Recorded) -> Answered:
        """Send one exchange of the recording; raises KeyError for a poll of what never began."""
        self._wait_for(exchange)
        for _ in range(exchange.times):
            answer = self._sent(exchange)
        if exchange.starts and "azure-asyncoperation" in answer.headers and not exchange.operation:
            self.follow(exchange.starts, answer)
        return answer

    def _sent(self, exchange: Recorded) -> Answered:
        if exchange.operation:
            status, result = self.urls[exchange.operation]
            return self.send(exchange.method, result if exchange.monitors else status)
        query = f"{exchange.query}&" if exchange.query else ""
        return self.send(
            exchange.method, f"{exchange.path}?{query}api-version={exchange.api_version}", exchange.request_body
        )

    # Time.

    def _wait_for(self, exchange: Recorded) -> None:
        body = exchange.body if isinstance(exchange.body, dict) else {}
        state = (body.get("properties") or {}).get("provisioningState")
        if _code(exchange.body) == "ResourceGroupNotFound":
            self._until(lambda: self._gone(exchange.path.partition("/providers/")[0]))
        elif exchange.operation:
            if exchange.monitors or body.get("status") != "InProgress":
                ours = self.urls[exchange.operation][0].partition("?")[0].rpartition("/")[2]
                self._until(lambda: not self.arm.cloud.operations.find(ours).running)
        elif exchange.status == 404 or (exchange.method == "DELETE" and exchange.status == 204):
            self._until(lambda: self._gone(exchange.path))
        elif "/providers/" in exchange.path and (state == "Succeeded" or exchange.accepted):
            self._until(lambda: self._settled(exchange.path))

    def _settled(self, path: str) -> bool:
        return all(not key.startswith(_top(path)) for key in self.arm.cloud.busy)

    def _gone(self, path: str) -> bool:
        store = self.arm.cloud.store
        return store.get(path) is None and path.lower() not in store.groups

    def until_gone(self, path: str) -> None:
        """Let time pass until a resource is gone."""
        self._until(lambda: self._gone(path))

    def _until(self, reached: Callable[[], bool]) -> None:
        self.arm.catch_up()
        limit = self.clock.now() + _LONGEST
        while not reached():
            due = self.arm.next_due_at(self.clock.now())
            assert due is not None, "nothing is due any more"
            assert due < limit, "it takes too long"
            self.clock.advance_to(due)
            self.arm.catch_up()


def _code(body: Any) -> str:
    return str((body.get("error") or {}).get("code", "")) if isinstance(body, dict) else ""


def _top(path: str) -> str:
    """The topmost resource of a path, in lower case: its children wait for one another."""
    before, slash, rest = path.partition("/providers/")
    return f"{before}{slash}{'/'.join(rest.split('/')[:3])}".lower()
