"""The books: meters and sessions as rows, and read back for reports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote

from lifecycle.costs import Meter, Tenancy
from lifecycle.model import BoxIntent
from lifecycle.observation import MeterChange, SessionChange
from lifecycle.ports import Row, Table, Tables, Value
from lifecycle.rows import instant_of, instant_text

NOT_YET = datetime.max.replace(tzinfo=UTC)
"""The beginning of an interval that is not sure to have begun."""
TENANCY = "tenancy|"


def meter_row(change: MeterChange, owners: Mapping[str, str]) -> Row:
    """Write an interval. Its key is its part, meter and beginning: closing it writes the same row again."""
    meter, (_, _, box) = change.open, change.part.partition("!")
    cells: dict[str, Value] = {
        "part": change.part,
        "meter": meter.meter,
        "arm_id": meter.arm_id,
        "box": box,
        "owner": owners.get(box, ""),
        "opened_claimed_at": instant_text(meter.claimed_at),
    }
    if meter.sound_at:
        cells["opened_seen_at"] = instant_text(meter.sound_at)
    if change.closed_seen_at and change.closed_absent_at:
        cells["closed_seen_at"] = instant_text(change.closed_seen_at)
        cells["closed_absent_at"] = instant_text(change.closed_absent_at)
    return Row(f"{change.part}|{meter.meter}|{cells['opened_claimed_at']}", cells)


def session_row(change: SessionChange) -> Row:
    """Write a session; one that ended carries the two instants between which it did."""
    session = change.session
    cells: dict[str, Value] = {
        "session_id": change.session_id,
        "box": session.box,
        "user": session.user,
        "protocol": session.protocol,
        "started_at": instant_text(session.started_at),
        "last_seen_at": instant_text(session.last_seen_at),
    }
    if change.ended_at:
        cells["ended_at"] = instant_text(change.ended_at)
        cells["end_reason"] = change.end_reason
    return Row(quote(change.session_id, safe=""), cells)


def tenancy_row(box: BoxIntent, until_at: datetime | None) -> Row:
    """Write that somebody has, or had, a box: what all share is split between those."""
    cells: dict[str, Value] = {"box": box.name, "owner": box.owner, "from_at": instant_text(box.requested_at)}
    if until_at:
        cells["until_at"] = instant_text(until_at)
    return Row(f"{TENANCY}{box.name}|{box.incarnation}", cells)


@dataclass(frozen=True, slots=True)
class Books:
    """What a report is made of."""

    meters: tuple[Meter, ...]
    tenancies: tuple[Tenancy, ...]


async def read(tables: Tables, stack: str | None = None) -> Books:
    """Read the books of one stack, or of all."""
    meters, tenancies = [], []
    async for row in _rows(tables, stack):
        if row.key.startswith(TENANCY):
            tenancies.append(_tenancy_of(row))
        else:
            meters.append(_meter_of(row))
    return Books(tuple(meters), tuple(tenancies))


async def _rows(tables: Tables, stack: str | None) -> AsyncIterator[Row]:
    if stack is None:
        async for row in tables.scan(Table.METERS):
            yield row
    else:
        for row in await tables.query(Table.METERS, stack):
            yield replace(row, partition=stack)


def _instant(row: Row, name: str) -> datetime:
    return instant_of(str(row.values[name]))


def _instant_or_none(row: Row, name: str) -> datetime | None:
    return _instant(row, name) if name in row.values else None


def _tenancy_of(row: Row) -> Tenancy:
    return Tenancy(
        stack=row.partition,
        box=str(row.values["box"]),
        owner=str(row.values["owner"]),
        team=None,
        from_at=_instant(row, "from_at"),
        until_at=_instant_or_none(row, "until_at"),
    )


def _meter_of(row: Row) -> Meter:
    return Meter(
        stack=row.partition,
        box=str(row.values["box"]) or None,
        owner=str(row.values["owner"]) or None,
        part=str(row.values["part"]),
        meter=str(row.values["meter"]),
        arm_id=str(row.values["arm_id"]),
        opened_claimed_at=_instant(row, "opened_claimed_at"),
        opened_seen_at=_instant_or_none(row, "opened_seen_at") or NOT_YET,
        closed_seen_at=_instant_or_none(row, "closed_seen_at"),
        closed_absent_at=_instant_or_none(row, "closed_absent_at"),
    )
