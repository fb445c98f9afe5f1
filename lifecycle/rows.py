"""Frozen values to rows and back: one column per field, instants as text, structures as JSON.

A stack's status is cut into one column per box, since a string column holds 32 K characters and a stack of
sixteen boxes has some ninety parts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, Generic, TypeVar, cast, get_args, get_origin, get_type_hints

import cattrs

from lifecycle.model import BoxIntent, BoxStatus, Need, Operation, Seen, StackIntent, StackStatus
from lifecycle.ports import Row, Value

T = TypeVar("T")

SCHEMA = 1
"""Written on every row; rows of a later schema are refused rather than misread."""

INTENT = "intent"
STATUS = "status"
BOX = "box!"
OPERATION = "op!"
NEED = "need!"
DISCONNECT = "disconnect!"
RANGES = "pool"
"""The one partition of the claimed address ranges."""

KEPT = 512
"""So many cells are not read again while they stay the same: those of some sixty stacks."""

_CONVERTER = cattrs.Converter(omit_if_default=True, prefer_attrib_converters=False)


def instant_text(instant: datetime) -> str:
    """Write an aware instant as UTC text that sorts as it runs, e.g. ``2026-11-23T09:00:00.000000Z``."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def instant_of(text: str) -> datetime:
    """Read an instant; one without a zone is refused."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"the instant {text} has no time zone")
    return instant.astimezone(UTC)


_CONVERTER.register_unstructure_hook(datetime, instant_text)
_CONVERTER.register_structure_hook(datetime, lambda text, _: instant_of(text))


def to_cells(value: Any) -> dict[str, Value]:
    """Lay a dataclass out in columns."""
    plain = _CONVERTER.unstructure(value)
    cells = {
        name: cell if isinstance(cell, str | int | float | bool) else json.dumps(cell, separators=(",", ":"))
        for name, cell in plain.items()
        if cell is not None
    }
    return {"schema": SCHEMA, **cells}


def from_cells(kind: type[T], cells: Mapping[str, Value]) -> T:
    """Read a dataclass from columns. Raises ValueError for a row of a later schema."""
    if int(cells.get("schema", SCHEMA)) > SCHEMA:
        raise ValueError(f"a row of schema {cells['schema']} was written by a later version of this app")
    hints, structured = _hints(cast("Hashable", kind))
    return kind(
        **{
            name: _from_json(hints[name], str(cell)) if name in structured else _CONVERTER.structure(cell, hints[name])
            for name, cell in cells.items()
            if name in hints
        }
    )


@cache
def _hints(kind: Hashable) -> tuple[Mapping[str, Any], frozenset[str]]:
    """Give the types of a dataclass's fields, and name those that are kept as JSON text: what is no plain cell."""
    hints = get_type_hints(kind)
    return hints, frozenset(
        name
        for name, hint in hints.items()
        if get_origin(hint) in (Mapping, tuple) or any(is_dataclass(inner) for inner in get_args(hint))
    )


@lru_cache(maxsize=KEPT)
def _from_json(hint: Any, text: str) -> Any:
    """Read a structured cell. A stack is read several times a minute, and most of its cells stay as they are."""
    return _CONVERTER.structure(json.loads(text), hint)


def row_of(key: str, value: Any, etag: str = "") -> Row:
    """Make a row of a value."""
    return Row(key, to_cells(value), etag)


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """A value with the version it was read at; ``etag`` is empty where it was never stored."""

    value: T
    etag: str = ""


@dataclass(frozen=True, slots=True)
class StackRows:
    """Everything stored of one stack."""

    name: str
    intent: Stored[StackIntent] | None
    boxes: Mapping[str, Stored[BoxIntent]]
    status: Stored[StackStatus]
    operations: Mapping[str, Stored[Operation]]
    needs: Mapping[str, Row]
    disconnects: Mapping[str, Row]

    @property
    def revision(self) -> str:
        """Say in a few letters which intents these are: it changes with every word of people."""
        marks = [f"{name}={box.etag}" for name, box in sorted(self.boxes.items())]
        marks += [f"{key}={_need_mark(row)}" for key, row in sorted(self.needs.items())]
        marks += [f"{key}={row.etag}" for key, row in sorted(self.disconnects.items())]
        marks.append(self.intent.etag if self.intent else "")
        return hashlib.sha256("|".join(marks).encode()).hexdigest()[:16]

    def is_gone(self, box: str) -> bool:
        """Whether a box is over: its row stays for a while so that people can still ask what became of it."""
        known = self.status.value.boxes.get(box)
        return known is not None and known.incarnation == self.boxes[box].value.incarnation and known.phase == "gone"


def _need_mark(row: Row) -> str:
    """Say in a few letters what a need asks for. That it was renewed is no news: its hub looks when it would lapse."""
    return json.dumps([row.values.get(name) for name in ("door", "vnet", "since_at")])


def need_of(row: Row) -> Need | None:
    """Read a need; None where it cannot be read: another stack's broken row must not break this one's pass."""
    try:
        return from_cells(Need, row.values)
    except Exception:  # noqa: BLE001 -- whatever is wrong with it, the row cannot be read
        return None


def range_key(address_range: str) -> str:
    """Write a CIDR as a row key, which may hold no slash."""
    return address_range.replace("/", "_")


def stack_rows(name: str, rows: Iterable[Row]) -> StackRows:
    """Sort one partition's rows into what they are."""
    intent: Stored[StackIntent] | None = None
    status = Stored(StackStatus())
    boxes: dict[str, Stored[BoxIntent]] = {}
    operations: dict[str, Stored[Operation]] = {}
    needs: dict[str, Row] = {}
    disconnects: dict[str, Row] = {}
    for row in rows:
        if row.key == INTENT:
            intent = Stored(from_cells(StackIntent, row.values), row.etag)
        elif row.key == STATUS:
            status = Stored(_status_of(row.values), row.etag)
        elif row.key.startswith(BOX):
            boxes[row.key.removeprefix(BOX)] = Stored(from_cells(BoxIntent, row.values), row.etag)
        elif row.key.startswith(OPERATION):
            operations[row.key.removeprefix(OPERATION)] = Stored(from_cells(Operation, row.values), row.etag)
        elif row.key.startswith(NEED):
            needs[row.key.removeprefix(NEED)] = row
        elif row.key.startswith(DISCONNECT):
            disconnects[row.key.removeprefix(DISCONNECT)] = row
    return StackRows(name, intent, boxes, status, operations, needs, disconnects)


@dataclass(frozen=True, slots=True)
class _OfBox:
    """What one column of a status holds."""

    status: BoxStatus
    parts: Mapping[str, Seen]


def status_row(status: StackStatus, etag: str = "") -> Row:
    """Lay a status out: what belongs to a box goes into that box's own column."""
    cells = to_cells(replace(status, parts=_of(status.parts, None), boxes={}))
    for name, box in status.boxes.items():
        own = _CONVERTER.unstructure(_OfBox(box, _of(status.parts, name)))
        cells[_column(name)] = json.dumps(own, separators=(",", ":"))
    return Row(STATUS, cells, etag)


def _status_of(cells: Mapping[str, Value]) -> StackStatus:
    status = from_cells(StackStatus, cells)
    parts, boxes = dict(status.parts), {}
    for column, cell in cells.items():
        if column.startswith("box_"):
            own = cast("_OfBox", _from_json(_OfBox, str(cell)))
            boxes[_name(column)] = own.status
            parts |= own.parts
    return replace(status, parts=parts, boxes=boxes)


def _of(parts: Mapping[str, Any], box: str | None) -> dict[str, Any]:
    return {key: part for key, part in parts.items() if (key.partition("!")[2] or None) == box}


def _column(box: str) -> str:
    """Name a box's column: a table's column may hold no hyphen, a box's name no underscore."""
    return f"box_{box.replace('-', '_')}"


def _name(column: str) -> str:
    return column.removeprefix("box_").replace("_", "-")
