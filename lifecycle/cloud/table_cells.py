"""Rows as the Table service's entities and back: changes when the way a cell is stored does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.data.tables import EdmType, EntityProperty, UpdateMode

from lifecycle.cloud.table_limits import RESERVED, WRITE_ID
from lifecycle.ports import Insert, Put, Remove, Replace, Row

if TYPE_CHECKING:
    from azure.data.tables import TableEntity

    from lifecycle.ports import Change, Value

Operation = tuple[str, dict[str, Any], dict[str, Any]]
"""One part of a transaction as the SDK takes it: its name, the entity, its options."""

_INT32 = range(-(2**31), 2**31)


def entity_of(partition: str, row: Row, write_id: str) -> dict[str, Any]:
    """Make the entity of a row. Whole numbers beyond 32 bits go as Int64, which the SDK must be told."""
    cells = {name: _cell_of(value) for name, value in row.values.items()}
    return {"PartitionKey": partition, "RowKey": row.key, WRITE_ID: write_id, **cells}


def row_of(entity: TableEntity) -> Row:
    """Make the row of an entity, without the columns that are not its own."""
    values = {name: _value_of(cell) for name, cell in entity.items() if name not in RESERVED}
    return Row(key=entity["RowKey"], values=values, etag=str(entity.metadata["etag"]), partition=entity["PartitionKey"])


def operation_of(partition: str, change: Change, write_id: str) -> Operation:
    """Make the part of a transaction that carries out a change."""
    match change:
        case Insert(row):
            return "create", entity_of(partition, row, write_id), {}
        case Put(row):
            return "upsert", entity_of(partition, row, write_id), {"mode": UpdateMode.REPLACE}
        case Replace(row):
            return "update", entity_of(partition, row, write_id), {"mode": UpdateMode.REPLACE, **only(row.etag)}
        case Remove(key, etag):
            return "delete", {"PartitionKey": partition, "RowKey": key}, only(etag) if etag else {}


def only(etag: str) -> dict[str, Any]:
    """Make the options that bind an operation to one version of a row."""
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _cell_of(value: Value) -> Any:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | float) or value in _INT32:
        return value
    return EntityProperty(value, EdmType.INT64)


def _value_of(cell: Any) -> Value:
    value: Value = cell.value if isinstance(cell, EntityProperty) else cell
    return value
