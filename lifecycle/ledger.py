"""The books: meters, tenancies and sessions as rows, each once for good, and once more where a bill looks for them.

A stack's partition of ``Meters`` keeps every fact. A bill of a few days must not read them all, so two kinds of
partitions more hold copies: ``!open`` has a leaf per stack with what runs there, ``!<day>`` (UTC) one per fact that
ended that day. Both are folded. Names of stacks begin with a letter, so theirs come after.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any
from urllib.parse import quote

from lifecycle.folds import ROOM, fold, unfolded
from lifecycle.lead import LONGEST_LEAD
from lifecycle.meters import Books, Connection, Meter, Tenancy
from lifecycle.model import BoxIntent, StackStatus
from lifecycle.observation import MeterChange, SessionChange
from lifecycle.ports import LARGEST_BATCH, Put, Row, Table, Tables, Value
from lifecycle.prices import PriceBook
from lifecycle.rows import instant_of, instant_text

NOT_YET = datetime.max.replace(tzinfo=UTC)
"""The beginning of an interval that is not sure to have begun."""
TENANCY = "tenancy|"
OPEN = "!open"
FIRST_STACK = "a"
KNOWN_TEXTS = 20_000
"""So many copies are kept as read: they are the same from one bill to the next, but for those that changed."""
ROLLED_UP, LATE = "claimed", "late!"
"""In the partition ``state`` of ``Rollups``: up to when days are being summed, and facts that came after that."""
STATE = "state"


def meter_row(change: MeterChange, owners: Mapping[str, str], region: str = "", book: PriceBook | None = None) -> Row:
    """Write an interval. Its key is its part, meter and beginning: closing it writes the same row again.

    With a book it also says at which price it began, where that is from and of when: for who reads the row. A bill
    goes by the book itself, since a price may change while an interval runs.
    """
    meter, (_, _, box) = change.open, change.part.partition("!")
    name, units = _units(meter.meter)
    cells: dict[str, Value] = {
        "part": change.part,
        "meter": name,
        "units": units,
        "arm_id": meter.arm_id,
        "box": box,
        "owner": owners.get(box, ""),
        "region": region,
        "opened_claimed_at": instant_text(meter.claimed_at),
    }
    instants = {
        "opened_seen_at": meter.sound_at,
        "opened_there_at": meter.there_at,
        "opened_busy_at": meter.busy_at,
        "closed_seen_at": change.closed_absent_at and change.closed_seen_at,
        "closed_absent_at": change.closed_absent_at,
    }
    cells |= {name: instant_text(at) for name, at in instants.items() if at}
    if price := book and book.price(name, region, meter.claimed_at):
        as_of = price.as_of.isoformat()
        cells |= {"usd_per_hour": str(price.usd_per_hour), "price_source": price.source, "price_as_of": as_of}
    return Row(f"{change.part}|{meter.meter}|{cells['opened_claimed_at']}", cells)


def _units(meter: str) -> tuple[str, int]:
    name, _, units = meter.partition("*")
    return name, int(units or 1)


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


def tenancy_row(box: BoxIntent, until_at: datetime | None, region: str = "", door: str = "") -> Row:
    """Write that somebody has, or had, a box: what all share is split between those. ``door`` is the hub, if any.

    Who has asked for later bears nothing before the box may have been begun.
    """
    cells: dict[str, Value] = {
        "box": box.name,
        "owner": box.owner,
        "machine": f"vm.{box.vm_size}",
        "region": region,
        "from_at": instant_text(max(box.requested_at, box.wanted_from_at - LONGEST_LEAD)),
    }
    if door:
        cells["door"] = door
    if until_at:
        cells["until_at"] = instant_text(until_at)
    return Row(f"{TENANCY}{box.name}|{box.incarnation}", cells)


@dataclass(frozen=True, slots=True)
class Page:
    """What one pass writes into the books of a stack."""

    stack: str
    facts: tuple[Row, ...]
    """Meters and tenancies that began, changed or ended."""
    sessions: tuple[Row, ...]
    running: Books
    """Everything that runs there, as last seen."""


def running(
    stack: str,
    region: str,
    status: StackStatus,
    boxes: Mapping[str, BoxIntent],
    live: Iterable[str],
    door: str = "",
) -> Books:
    """Say what runs in a stack: from its status, so that it may be written again and again."""
    owners = {name: box.owner for name, box in boxes.items()}
    meters = (
        _meter_of(replace(meter_row(MeterChange(key.partition("|")[0], meter), owners, region), partition=stack))
        for key, meter in sorted(status.meters.items())
    )
    seen = (meter.last_seen_at for _, meter in sorted(status.meters.items()))
    return Books(
        tuple(replace(meter, closed_seen_at=at) for meter, at in zip(meters, seen, strict=True)),
        tuple(
            _tenancy_of(replace(tenancy_row(boxes[name], None, region, door), partition=stack)) for name in sorted(live)
        ),
        tuple(
            Connection(stack, session.box, key, session.started_at) for key, session in sorted(status.sessions.items())
        ),
    )


async def keep(tables: Tables, page: Page) -> None:
    """Write a pass's findings: first for good, then the copies. Said again it changes nothing."""
    for table, rows in ((Table.METERS, page.facts), (Table.SESSIONS, page.sessions)):
        if rows:
            await tables.commit(table, page.stack, [Put(row) for row in {row.key: row for row in rows}.values()])
    for day, ended in _by_day([row for row in (*page.facts, *page.sessions) if _ended_at(row)]).items():
        copies = [Put(Row(f"{page.stack}|{row.key}", {_kind(row): _text(_packed(row))})) for row in ended]
        for begin in range(0, len(copies), LARGEST_BATCH):
            await tables.commit(Table.METERS, f"!{day}", copies[begin : begin + LARGEST_BATCH])
    await tables.commit(Table.METERS, OPEN, [Put(_running_row(page))])
    await _mark_late(tables, page)


def _ended_at(row: Row) -> str:
    """Say when a fact ended; empty while it runs, and for what never was."""
    ended = str(row.values.get("closed_absent_at") or row.values.get("until_at") or row.values.get("ended_at") or "")
    return "" if ended == row.values.get("opened_claimed_at") else ended


def _by_day(rows: Iterable[Row]) -> Mapping[str, Iterable[Row]]:
    """Sort ended facts by day; of one that was said twice the last word counts."""
    days: dict[str, dict[str, Row]] = {}
    for row in rows:
        days.setdefault(_ended_at(row)[:10], {})[row.key] = row
    return {day: ended.values() for day, ended in days.items()}


async def fold_copies(tables: Tables, now: datetime) -> None:
    """Fold the copies that bills of these days read."""
    for day in (now, now - timedelta(days=1)):
        await fold(tables, Table.METERS, f"!{instant_text(day)[:10]}")
    await fold(tables, Table.METERS, OPEN)


def _kind(row: Row) -> str:
    if "session_id" in row.values:
        return "s"
    return "t" if row.key.startswith(TENANCY) else "m"


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _fitting(some: Iterable[Any]) -> str:
    """Write copies as text that fits a cell. Of hundreds of sessions the latest are kept.

    Only sessions come in such numbers. They decide how a door is shared, not what it costs.
    """
    kept = list(some)
    while len(text := _text(kept)) > ROOM:
        kept = kept[len(kept) // 4 + 1 :]
    return text


async def _mark_late(tables: Tables, page: Page) -> None:
    """Note which days must be summed again: facts that reach back into a day that has been, or is just being."""
    since = min((_since(row) for row in (*page.facts, *page.sessions)), default="")
    if not since:
        return
    state = await tables.get(Table.ROLLUPS, STATE, ROLLED_UP)
    if state and since < str(state.values["until"]):
        await tables.commit(Table.ROLLUPS, STATE, [Put(Row(f"{LATE}{since}", {}))])


def _since(row: Row) -> str:
    """Say from when on a fact may change a bill: an end changes nothing before the last sighting."""
    values = row.values
    later = (
        values.get("closed_seen_at") or values.get("until_at") or (values.get("ended_at") and values["last_seen_at"])
    )
    return str(later or values.get("opened_claimed_at") or values.get("from_at") or values.get("started_at"))


async def read(tables: Tables, stack: str | None = None) -> Books:
    """Read all facts of one stack, or of all: what a bill of a few days must not do."""
    meters, tenancies = [], []
    async for row in _rows(tables, stack):
        if row.key.startswith(TENANCY):
            tenancies.append(_tenancy_of(row))
        else:
            meters.append(_meter_of(row))
    return Books(tuple(meters), tuple(tenancies), tuple([each async for each in _connections(tables, stack)]))


async def facts(tables: Tables, since_at: datetime) -> Books:
    """Read what runs, and what ended at or after an instant: all that can matter to a bill from then on."""
    found = [piece for pieces in (await _pieces(tables, since_at)).values() for piece in pieces]
    return Books(
        tuple(meter for each in found for meter in each.meters),
        tuple(tenancy for each in found for tenancy in each.tenancies),
        tuple(connection for each in found for connection in each.connections),
    )


async def facts_of_stacks(tables: Tables, since_at: datetime) -> Mapping[str, tuple[Books, ...]]:
    """Read the same in pieces, stack by stack; stacks that are entered by one door are together.

    The same copies, read again, are the very same pieces.
    """
    own = await _pieces(tables, since_at)
    heads: dict[str, str] = {}

    def head(stack: str) -> str:
        while stack in heads:
            stack = heads[stack]
        return stack

    for stack, pieces in own.items():
        for door in sorted({each.door for piece in pieces for each in piece.tenancies} - {""}):
            if head(stack) != head(door):
                heads[head(stack)] = head(door)
    found: defaultdict[str, list[Books]] = defaultdict(list)
    for stack, pieces in sorted(own.items()):
        found[head(stack)] += pieces
    return {stack: tuple(pieces) for stack, pieces in found.items()}


async def _pieces(tables: Tables, since_at: datetime) -> Mapping[str, list[Books]]:
    ended = [row async for row in tables.scan(Table.METERS, f"!{instant_text(since_at)[:10]}", OPEN)]
    found: defaultdict[str, list[Books]] = defaultdict(list)
    for stack, leaf in unfolded(await tables.query(Table.METERS, OPEN)).items():
        found[stack] += [_read(stack, kind, str(text)) for kind, text in leaf.items()]
    for _, rows in groupby(ended, lambda row: row.partition):
        for key, leaf in sorted(unfolded(rows).items()):
            stack = key.partition("|")[0]
            found[stack] += [_read(stack, kind, f"[{text}]") for kind, text in leaf.items()]
    return found


async def first_day(tables: Tables) -> str | None:
    """Name the first day (UTC, ISO) on which anything ended; None where nothing did yet."""
    async for row in tables.scan(Table.METERS, "!0", OPEN):
        return row.partition.removeprefix("!")
    return None


async def _rows(tables: Tables, stack: str | None) -> AsyncIterator[Row]:
    if stack is None:
        async for row in tables.scan(Table.METERS, FIRST_STACK):
            yield row
    else:
        for row in await tables.query(Table.METERS, stack):
            yield replace(row, partition=stack)


async def _connections(tables: Tables, stack: str | None) -> AsyncIterator[Connection]:
    if stack is None:
        async for row in tables.scan(Table.SESSIONS):
            yield _connection_of(row)
    else:
        for row in await tables.query(Table.SESSIONS, stack):
            yield _connection_of(replace(row, partition=stack))


def _instant(row: Row, name: str) -> datetime:
    return instant_of(str(row.values[name]))


def _instant_or_none(row: Row, name: str) -> datetime | None:
    return _instant(row, name) if row.values.get(name) else None


def _tenancy_of(row: Row) -> Tenancy:
    return Tenancy(
        stack=row.partition,
        box=str(row.values["box"]),
        owner=str(row.values["owner"]),
        team=None,
        from_at=_instant(row, "from_at"),
        until_at=_instant_or_none(row, "until_at"),
        machine=str(row.values.get("machine", "")),
        region=str(row.values.get("region", "")),
        door=str(row.values.get("door", "")),
    )


def _connection_of(row: Row) -> Connection:
    return Connection(
        stack=row.partition,
        box=str(row.values["box"]),
        session_id=str(row.values["session_id"]),
        from_at=_instant(row, "started_at"),
        until_at=_instant_or_none(row, "ended_at"),
    )


def _meter_of(row: Row) -> Meter:
    return Meter(
        stack=row.partition,
        box=str(row.values["box"]) or None,
        owner=str(row.values["owner"]) or None,
        part=str(row.values["part"]),
        meter=str(row.values["meter"]),
        arm_id=str(row.values.get("arm_id", "")),
        opened_claimed_at=_instant(row, "opened_claimed_at"),
        opened_seen_at=_instant_or_none(row, "opened_seen_at") or NOT_YET,
        closed_seen_at=_instant_or_none(row, "closed_seen_at"),
        closed_absent_at=_instant_or_none(row, "closed_absent_at"),
        opened_there_at=_instant_or_none(row, "opened_there_at"),
        opened_busy_at=_instant_or_none(row, "opened_busy_at"),
        region=str(row.values.get("region", "")),
        units=int(row.values.get("units", 1)),
    )


_PACKED = {
    "m": (
        *("part", "meter", "units", "box", "owner", "region", "opened_claimed_at", "opened_seen_at"),
        *("opened_there_at", "opened_busy_at", "closed_seen_at", "closed_absent_at"),
    ),
    "t": ("box", "owner", "machine", "region", "from_at", "until_at", "door"),
    "s": ("box", "session_id", "started_at", "ended_at"),
}
"""The cells of a copy, in the order in which they are written; what only people ask about is left out."""


def _packed(row: Row) -> list[Value]:
    return [row.values.get(name, "") for name in _PACKED[_kind(row)]]


def _running_row(page: Page) -> Row:
    """Write what runs in a stack; an empty leaf where nothing does."""
    lists: dict[str, list[list[Value]]] = {
        "m": [_packed(_row_of_meter(meter)) for meter in page.running.meters],
        "t": [
            [each.box, each.owner, each.machine, each.region, instant_text(each.from_at), "", each.door]
            for each in page.running.tenancies
        ],
        "s": [[each.box, each.session_id, instant_text(each.from_at), ""] for each in page.running.connections],
    }
    return Row(page.stack, {kind: _fitting(some) for kind, some in lists.items() if some})


def _row_of_meter(meter: Meter) -> Row:
    instants = {
        "opened_claimed_at": meter.opened_claimed_at,
        "opened_seen_at": None if meter.opened_seen_at == NOT_YET else meter.opened_seen_at,
        "opened_there_at": meter.opened_there_at,
        "opened_busy_at": meter.opened_busy_at,
        "closed_seen_at": meter.closed_seen_at,
    }
    names: dict[str, Value] = {
        "part": meter.part,
        "meter": meter.meter,
        "units": meter.units,
        "box": meter.box or "",
        "owner": meter.owner or "",
        "region": meter.region,
    }
    return Row(meter.part, names | {name: instant_text(at) for name, at in instants.items() if at})


def forget_texts() -> None:
    """Forget what copies were read, as a process does that begins."""
    _read.cache_clear()


@lru_cache(KNOWN_TEXTS)
def _read(stack: str, kind: str, text: str) -> Books:
    """Read a list of copies of one kind."""
    packed = (dict(zip(_PACKED[kind], each, strict=True)) for each in json.loads(text))
    rows = [Row("", cells, partition=stack) for cells in packed]
    match kind:
        case "m":
            return Books(meters=tuple(map(_meter_of, rows)))
        case "t":
            return Books(tenancies=tuple(map(_tenancy_of, rows)))
        case _:
            return Books(connections=tuple(map(_connection_of, rows)))
