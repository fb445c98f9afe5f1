"""The front desk of a test: the whole HTTP interface on twins in memory, with a clock that only the test moves."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lifecycle.commands import Commands
from lifecycle.ledger import Page, keep, meter_row, running, tenancy_row
from lifecycle.model import OpenMeter, StackStatus
from lifecycle.observation import MeterChange
from lifecycle.ports import Bell, Put, Row, Table, Tables
from lifecycle.queries import Queries
from lifecycle.rows import StackRows, stack_rows, status_row
from lifecycle.settings import read
from lifecycle.sweeps import Sweeps
from lifecycle.timetable import Timetable
from lifecycle.web.answers import Request
from lifecycle.web.app import Site
from lifecycle.web.openapi import ROUTES
from tests.world.bell import MemoryBell
from tests.world.tables import MemoryTables

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TEAMS_SECRET = base64.b64encode(b"a key of thirty-two bytes, truly").decode()
TENANT = "bbbbbbbb-0000-0000-0000-000000000002"
ALICES_ID = "aaaaaaaa-0000-0000-0000-000000000001"
STORAGE_KEY = "c3RvcmFnZS1rZXktb2YtYS10ZXN0"
ENVIRONMENT = {
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001",
    "RESOURCE_GROUP": "rg-jumpboxes",
    "LOCATION": "westeurope",
    "REGIONS": "westeurope,northeurope",
    "TIME_ZONE": "Europe/Berlin",
    "AzureWebJobsStorage": f"AccountName=store;AccountKey={STORAGE_KEY};EndpointSuffix=core.windows.net",
    "WEBSITE_AUTH_ENABLED": "true",
    "LONGEST_LEASE_HOURS": "48",
    "BASTION_SKUS": "Basic,Standard",
    "TEAMS_SECRET": TEAMS_SECRET,
    "TEAMS_TENANT": TENANT,
    "TEAMS_PEOPLE": json.dumps({ALICES_ID: "alice"}),
}
PRINCIPAL = "x-ms-client-principal"

Principal = Mapping[str, str]


def principal(person: str = "alice", role: str | None = "user") -> Principal:
    """Write the header by which the platform says who calls."""
    claims = [{"typ": "preferred_username", "val": person}] + ([{"typ": "roles", "val": role}] if role else [])
    text = json.dumps({"auth_typ": "aad", "claims": claims})
    return {PRINCIPAL: base64.b64encode(text.encode()).decode()}


ALICE, BOB = principal("alice"), principal("bob")
READER = principal("rita", "reader")
OPERATOR = principal("olga", "operator")
ADMIN = principal("ada", "admin")
NO_ROLE = principal("nemo", None)
NOBODY: Principal = {}


@dataclass
class Clock:
    """A clock that stands until the test moves it."""

    at: datetime = MONDAY

    async def read(self) -> datetime:
        return self.at

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    text: str
    content_type: str
    headers: Mapping[str, str]

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def errors(self) -> set[str]:
        """The fields a problem names."""
        return {error["field"] for error in self.body.get("errors", [])}


@dataclass
class Desk:
    """Answers requests by method and path. ``restarted`` gives another instance of the app on the same storage."""

    environment: Mapping[str, str] = field(default_factory=dict)
    tables: Tables = field(default_factory=MemoryTables)
    clock: Clock = field(default_factory=Clock)
    bell: Bell | None = None

    def __post_init__(self) -> None:
        self.settings = read({**ENVIRONMENT, **self.environment})
        self.memory = MemoryBell(self.clock.now)
        self.bell = self.bell or self.memory
        self.timetable = Timetable(self.tables, self.settings.zone)
        commands = Commands(self.tables, self.bell, self.clock, self.settings, self.timetable, _throwaway_key)
        queries = Queries(self.tables, self.clock, self.settings.estate, self.settings.policy, self.timetable)
        self.sweeps = Sweeps(self.tables, self.bell, self.clock, self.clock.now, self.timetable)
        self.site = Site(
            self.settings,
            self.tables,
            self.bell,
            self.clock,
            self.timetable,
            commands,
            queries,
            self.sweeps,
            self.clock.now,
        )

    def restarted(self, tables: Tables | None = None) -> Desk:
        return Desk(self.environment, tables or self.tables, self.clock)

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        who: Principal = ALICE,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Make one request; every answer must be one that can be sent, and every error a problem."""
        reply = await self.raw(method, path, body, who, headers)
        if reply.status >= 400:
            assert reply.content_type == "application/problem+json"
            assert reply.body["status"] == reply.status
            assert reply.body["title"]
            assert reply.body["detail"]
        return reply

    async def raw(
        self,
        method: str,
        path: str,
        body: object = None,
        who: Principal = ALICE,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Make one request; every answer must be one that can be sent."""
        name, route = function_of(method, urlsplit(path).path)
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        lower = {key.lower(): value for key, value in {**who, **(headers or {})}.items()}
        query = dict(parse_qsl(urlsplit(path).query, keep_blank_values=True))
        answer = await self.site.answer(
            name, Request(method, f"https://app.example/api{path}", route, query, lower, content)
        )
        assert answer.text.encode() or answer.status == 304
        assert all(value.isprintable() and value.isascii() for value in answer.headers.values())
        return Reply(answer.status, answer.text, answer.content_type, answer.headers)

    async def make(self, who: Principal = ALICE, **wish: Any) -> Reply:
        """Ask for a box that must be granted."""
        reply = await self("POST", "/jumpboxes", wish, who)
        assert reply.status == 202, reply.text
        return reply

    async def stack(self, name: str = "main") -> StackRows:
        return stack_rows(name, await self.tables.query(Table.STACKS, name))

    async def all_boxes(self) -> list[str]:
        """List every box there is, by its full name."""
        rows = [row async for row in self.tables.scan(Table.STACKS)]
        return [f"{row.partition}/{row.key[4:]}" for row in rows if row.key.startswith("box!")]

    async def ranges(self) -> list[str]:
        return [str(row.values["range"]) async for row in self.tables.scan(Table.RANGES)]

    async def dues(self) -> set[str]:
        """List the stacks that are due some time."""
        return {row.key.partition("!")[2] async for row in self.tables.scan(Table.DUE)}

    async def everything(self) -> list[tuple[Table, Row]]:
        return [(table, row) for table in Table async for row in self.tables.scan(table)]

    async def write_status(self, status: Any, stack: str = "main") -> None:
        """Be the reconciler for a moment."""
        await self.tables.commit(Table.STACKS, stack, [Put(status_row(status))])

    def rung(self) -> list[str]:
        return [ring.name for ring in self.memory.rings]

    def later(self, **duration: float) -> None:
        self.clock.at += timedelta(**duration)


async def with_books(desk: Desk, owner: str = "alice", hours: int = 3) -> None:
    """Have one box that has run so long, with its door."""
    await desk.make(principal(owner), name="alice")
    since = MONDAY - timedelta(hours=hours)
    box = replace((await desk.stack()).boxes["alice"].value, requested_at=since)
    rows, meters = [tenancy_row(box, None)], {}
    for part, meter in (("bastion", "bastion.basic"), ("vm!alice", "vm.Standard_D2s_v5"), ("disk!alice", "disk.odd")):
        open_meter = OpenMeter(meter, f"/{part}", since, since, MONDAY)
        rows.append(meter_row(MeterChange(part, open_meter), {"alice": owner}))
        meters[f"{part}|{meter}"] = open_meter
    runs = running("main", "westeurope", StackStatus(meters=meters), {"alice": box}, ["alice"])
    await keep(desk.tables, Page("main", tuple(rows), (), runs))


def _throwaway_key() -> str:
    return "ssh-rsa AAAAB3NzaC1yc2E="


def function_of(method: str, path: str) -> tuple[str, dict[str, str]]:
    """Find the function that the host would call, and the parameters it would hand over."""
    for name, verb, template, *_ in ROUTES:
        found = _match(template.split("/"), path.split("/")) if verb == method.lower() else None
        if found is not None:
            return name, found
    raise LookupError(f"no function answers {method} {path}")


def _match(template: list[str], path: list[str]) -> dict[str, str] | None:
    if len(template) != len(path):
        return None
    if any(part != said for part, said in zip(template, path, strict=True) if not part.startswith("{")):
        return None
    return {
        part[1:-1]: unquote(said) for part, said in zip(template, path, strict=True) if part.startswith("{") and said
    }
