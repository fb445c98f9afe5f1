"""What the Table service takes: changes when Microsoft's limits do.

Checked on our side because Azurite accepts entities over 1 MiB and breaks on a batch of 101, and because the
service's own refusal names neither row nor column. Figures: Microsoft Learn, "Understanding the Table service
data model" and "Performing entity group transactions".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, assert_never

from lifecycle.ports import LARGEST_BATCH, Insert, Put, Remove, Replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lifecycle.ports import Change, Row, Table, Value

WRITE_ID = "write_id"
"""The column that tells one write from another; the adapter's own."""

RESERVED = frozenset({"PartitionKey", "RowKey", "Timestamp", WRITE_ID})
LARGEST_ENTITY = 1024 * 1024
LARGEST_TRANSACTION = 4 * 1024 * 1024
MOST_COLUMNS = 252 - 1  # one is the write_id
LONGEST_STRING = 32 * 1024  # UTF-16 units: 64 KiB
LONGEST_KEY = 512  # UTF-16 units: 1 KiB
LONGEST_NAME = 255

_NAME = re.compile(r"[^\W\d]\w*\Z")
_BAD_IN_KEY = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
_OPERATION_OVERHEAD = 1024  # the headers of one part of a transaction


def check_commit(table: Table, partition: str, changes: Sequence[Change]) -> None:
    """Raise ValueError naming table, row and column where the service would refuse the changes or must not see them."""
    if len(changes) > LARGEST_BATCH:
        raise ValueError(f"{table}/{partition}: {len(changes)} changes in one commit, {LARGEST_BATCH} at most")
    _check_key(partition, f"{table}: the partition key")
    keys = [key_of(change) for change in changes]
    if len(set(keys)) < len(keys):
        raise ValueError(f"{table}/{partition}: two changes of one row in one commit")
    size = 0
    for change, key in zip(changes, keys, strict=True):
        where = f"{table}/{partition}/{key}"
        _check_key(key, f"{where}: the row key")
        size += _OPERATION_OVERHEAD
        if isinstance(change, Remove):
            continue
        if isinstance(change, Replace) and not change.row.etag:
            raise ValueError(f"{where}: a Replace needs the etag that was read")
        size += _check_row(change.row, partition, where)
    if len(changes) > 1 and size > LARGEST_TRANSACTION:
        raise ValueError(f"{table}/{partition}: about {size} bytes in one commit, {LARGEST_TRANSACTION} at most")


def key_of(change: Change) -> str:
    """Say which row a change is about."""
    match change:
        case Insert(row) | Replace(row) | Put(row):
            return row.key
        case Remove(key, _):
            return key
        case _:
            assert_never(change)


def _check_row(row: Row, partition: str, where: str) -> int:
    if len(row.values) > MOST_COLUMNS:
        raise ValueError(f"{where}: {len(row.values)} columns, {MOST_COLUMNS} at most")
    size = 4 + 2 * (_units(partition) + _units(row.key)) + _size_of(WRITE_ID, "0" * 32, where)
    for name, value in row.values.items():
        column = f"{where}: column {name}"
        _check_name(name, column)
        size += _size_of(name, value, column)
        if size > LARGEST_ENTITY:
            raise ValueError(f"{where}: over {LARGEST_ENTITY} bytes with column {name}")
    return size


def _check_name(name: str, where: str) -> None:
    if name in RESERVED:
        raise ValueError(f"{where} is a name of the service's or the adapter's own")
    if len(name) > LONGEST_NAME or not _NAME.match(name):
        raise ValueError(f"{where} is no column name: letters, digits and _, {LONGEST_NAME} at most")


def _size_of(name: str, value: Value, where: str) -> int:
    """Give a cell's size by Microsoft's formula: 8 + twice the name + 1 + the value."""
    return 8 + 2 * len(name) + 1 + _size_of_value(value, where)


def _size_of_value(value: Value, where: str) -> int:
    match value:
        case bool():
            return 1
        case int():
            if not -(2**63) <= value < 2**63:
                raise ValueError(f"{where} is beyond 64 bits")
            return 8
        case float():
            return 8
        case str():
            units = _units(value)
            if units > LONGEST_STRING:
                raise ValueError(f"{where} has {units} characters, {LONGEST_STRING} at most")
            return 4 + 2 * units
        case _:
            raise ValueError(f"{where} holds a {type(value).__name__}")


def _check_key(key: str, where: str) -> None:
    if _units(key) > LONGEST_KEY:
        raise ValueError(f"{where} has over {LONGEST_KEY} characters")
    if _BAD_IN_KEY.search(key):
        raise ValueError(f"{where} holds one of / \\ # ? or a control character")


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
