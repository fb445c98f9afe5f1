"""A year of many stacks in storage, as reconcilers, nightly rounds and sweeps leave it: what the benchmark reads.

Facts of today and of what runs are written by the very code reconcilers use; the days before are summed by the code
of the nightly round, from the same facts in memory. Then the sweep's folding is done, and what a sweep's time brings
comes on top.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from lifecycle.board import fold_board, note_of, write_note
from lifecycle.costs import Rule, cells
from lifecycle.ledger import STATE, Page, fold_copies, keep, meter_row, running, session_row, tenancy_row
from lifecycle.meters import Books, Meter, Tenancy
from lifecycle.model import (
    BoxIntent,
    BoxStatus,
    Level,
    Login,
    OpenMeter,
    OpenSession,
    Outbound,
    Seen,
    Sighting,
    Sku,
    StackIntent,
    StackStatus,
)
from lifecycle.observation import MeterChange, SessionChange
from lifecycle.ports import Put, Row, Table, Tables
from lifecycle.prices import DEFAULT_BOOK
from lifecycle.rollups import FINISHED, Rollups
from lifecycle.rows import BOX, INTENT, instant_text, row_of, status_row

NOW = datetime(2026, 12, 31, 15, 30, tzinfo=UTC)
DAYS = 365
OWNERS, TEAMS = 200, 10
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = NOW.replace(hour=0, minute=0)
REGION = "westeurope"
PARTS = (
    "nsg-frontend|networkSecurityGroups",
    "nsg-bastion|networkSecurityGroups",
    "vnet|virtualNetworks",
    "ip-bastion|publicIPAddresses",
    "bastion|bastionHosts",
    "nic!one|networkInterfaces",
    "vm!one|virtualMachines",
    "disk!one|disks",
    "shutdown!one|schedules",
    "login!one|virtualMachines/extensions",
)
METERS = {
    "bastion": "bastion.basic",
    "ip-bastion": "ip.standard",
    "vm!one": "vm.Standard_D2s_v5",
    "disk!one": "disk.StandardSSD_LRS",
}
LOOKED_AT_BETWEEN_SWEEPS = 12
"""Every twelfth stack: all parts are looked at hourly, and a sweep folds every five minutes."""


def owner(number: int) -> str:
    """Name the person who has a stack's box."""
    return f"person-{number % OWNERS:03}@example.com"


def team_of(person: str) -> str:
    """Name a person's team."""
    return f"team-{int(person[7:10]) % TEAMS}"


def name(number: int) -> str:
    """Name a stack."""
    return f"stack-{number:04}"


def _box(number: int) -> BoxIntent:
    person, asked_at = owner(number), NOW - DAYS * DAY
    return BoxIntent("one", "1", person, person, asked_at, "work", 9000.0, "office", "Standard_D2s_v5", Login.KEY)


def _meters(number: int, since_at: datetime, hours: float | None) -> dict[str, MeterChange]:
    """Give a working day's meters of a stack; those without hours still run. No two stacks begin together."""
    since_at += number * timedelta(seconds=1.7)
    opened = {
        f"{part}|{meter}": OpenMeter(
            meter,
            f"/{number}",
            since_at,
            NOW - 40 * timedelta(minutes=1),
            since_at + 300 * timedelta(seconds=1),
            since_at,
        )
        for part, meter in METERS.items()
    }
    ended_at = since_at + hours * HOUR if hours else None
    return {
        key: MeterChange(key.split("|")[0], meter, ended_at, ended_at and ended_at + timedelta(seconds=90))
        for key, meter in opened.items()
    }


def _day_of_all(stacks: int, day: datetime) -> Books:
    """Give what all stacks ran on a day, as a bill reads it."""
    meters = [
        Meter(
            name(number),
            "one" if "!" in change.part else None,
            owner(number) if "!" in change.part else None,
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
        Tenancy(name(number), "one", owner(number), team_of(owner(number)), NOW - DAYS * DAY)
        for number in range(stacks)
    ]
    return Books(tuple(meters), tuple(tenancies))


async def fill(tables: Tables, stacks: int) -> None:
    """Write the year."""
    rollups = Rollups(tables, ZoneInfo("Etc/UTC"), Rule(), team_of)
    alike = TODAY - DAY
    found = cells(_day_of_all(stacks, alike), DEFAULT_BOOK, (alike, TODAY), NOW, Rule(), UTC)
    for back in range(1, DAYS + 1):
        day = (TODAY - back * DAY).date()
        await rollups.write_day(day, {(day.isoformat(), whose): amount for (_, whose), amount in found.items()})
    state = {"since": instant_text(TODAY - DAYS * DAY), "until": instant_text(TODAY), "mark": rollups.mark}
    await tables.commit(Table.ROLLUPS, STATE, [Put(Row(FINISHED, state))])
    await _side_by_side(tables, list(range(stacks)), ended=True)
    await fold_copies(tables, NOW)
    await fold_board(tables)
    await _side_by_side(tables, list(range(0, stacks, LOOKED_AT_BETWEEN_SWEEPS)), ended=False)


async def _side_by_side(tables: Tables, numbers: list[int], *, ended: bool) -> None:
    for begin in range(0, len(numbers), 20):
        await asyncio.gather(*(_write(tables, number, ended=ended) for number in numbers[begin : begin + 20]))


async def _write(tables: Tables, number: int, *, ended: bool) -> None:
    """Have a stack's door opened twice today: once it was closed again, and now it stands; every tenth is in use."""
    stack, box = name(number), _box(number)
    status = _status(number)
    rows = [meter_row(change, {"one": box.owner}) for change in _meters(number, TODAY + 8 * HOUR, 3).values()]
    left = OpenSession("one", box.owner, "SSH", TODAY + 9 * HOUR, TODAY + 10 * HOUR)
    sessions = (session_row(SessionChange(f"s{number}", left, TODAY + 10 * HOUR)),)
    page = running(stack, REGION, status, {"one": box}, ["one"])
    if ended:
        await keep(tables, Page(stack, (*rows, tenancy_row(box, None, REGION)), sessions, page))
    else:
        await keep(tables, Page(stack, (), (), page))
    await write_note(tables, stack, note_of({"one": box}, status))
    intent = StackIntent(
        REGION,
        Sku.BASIC,
        Outbound.NONE,
        keep_public_ip=False,
        address_range="10.64.0.0/24",
        created_at=box.requested_at,
        created_by=box.owner,
    )
    changes = [Put(row_of(INTENT, intent)), Put(row_of(f"{BOX}one", box)), Put(status_row(status))]
    await tables.commit(Table.STACKS, stack, changes)


def _status(number: int) -> StackStatus:
    group = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-bench/providers/Microsoft.Network"
    parts = {
        key: Seen(f"{group}/{kind}/jb-{name(number)}-{key}", Sighting.SOUND, NOW - HOUR / 2, against="24a6e79e")
        for key, _, kind in (part.partition("|") for part in PARTS)
    }
    meters = {key: change.open for key, change in _meters(number, TODAY + 13 * HOUR, None).items()}
    known = BoxStatus("1", Level.OPEN, Level.OPEN, "ready", "open; nobody connected", changes_at=NOW + HOUR)
    known = replace(known, ready_at=NOW - 2 * HOUR, first_ready_at=NOW - 2 * HOUR, lease_until=NOW + 4 * HOUR)
    inside = {f"n{number}": OpenSession("one", owner(number), "SSH", NOW - HOUR, NOW)} if number % 10 == 0 else {}
    return StackStatus(
        look_again_at=NOW + HOUR / 12,
        passed_at=NOW - HOUR / 12,
        looked_at=NOW - HOUR / 2,
        sessions_at=NOW,
        phase="ready",
        parts=parts,
        boxes={"one": known},
        meters=meters,
        sessions=inside,
    )
