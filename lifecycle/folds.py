"""Many small rows of one partition, read as a few large ones: writers keep rows of their own, and all are folded.

A *leaf* is such a row; whoever writes it need not know of the others. A *fold* holds what many leaves said when they
were last folded, and a leaf that is there says something newer. An empty leaf says that there is nothing any more.

Keys of leaves begin with a letter, those of folds with ``FOLD``, which sorts behind. So who reads in order of keys
meets the leaves first: what is folded meanwhile stands in the fold that is yet to be read.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zlib import crc32

from lifecycle.faults import Conflict
from lifecycle.ports import LARGEST_BATCH, Change, Insert, Remove, Replace, Row, Table, Tables, Value

FOLD = "~"
FOLDS = 32
"""So many folds a partition has at most. Which of them a leaf goes to follows from its key."""
WORTH_FOLDING = 32
"""Fewer leaves are read as fast as they are."""
ROOM = 30_000
"""Characters of one cell that we fill: a string cell holds 32 K (Table service limit)."""
LARGEST_LEAF = ROOM - 1000
CELLS = 8
"""Cells of a fold: half a megabyte at most, where an entity may have one. What does not fit stays a leaf."""

Leaf = Mapping[str, Value]


def unfolded(rows: Iterable[Row]) -> dict[str, Leaf]:
    """Say what the rows of one partition hold, by the keys of leaves, in whatever order."""
    found: dict[str, Leaf] = {}
    leaves: dict[str, Leaf] = {}
    for row in rows:
        if row.key.startswith(FOLD):
            found |= _leaves_of(row)
        else:
            leaves[row.key] = row.values
    found |= leaves
    return {key: leaf for key, leaf in found.items() if leaf}


async def fold(tables: Tables, table: Table, partition: str, worth: int = WORTH_FOLDING) -> int:
    """Fold the leaves of a partition, where there are ``worth`` of them; returns how many were.

    Folds are read before the leaves and written over the version that was read: so a leaf is never older than the
    fold it goes into. Where others fold at the same time, or write a leaf, that fold is left to the next time.
    """
    folds = {row.key: row for row in await tables.query(table, partition, FOLD)}
    leaves = await tables.query(table, partition, "", FOLD)
    if len(leaves) < worth:
        return 0
    by_fold: defaultdict[str, list[Row]] = defaultdict(list)
    for leaf in leaves:
        if len(json.dumps(leaf.values)) + len(leaf.key) > LARGEST_LEAF:
            continue
        by_fold[f"{FOLD}{crc32(leaf.key.encode()) % FOLDS:02}"].append(leaf)
    folded = 0
    for key, some in by_fold.items():
        changes = _changes(key, folds.get(key), some)
        try:
            for begin in range(0, len(changes), LARGEST_BATCH):
                await tables.commit(table, partition, changes[begin : begin + LARGEST_BATCH])
        except Conflict:
            continue
        folded += len(some) if changes else 0
    return folded


def _changes(key: str, old: Row | None, leaves: Sequence[Row]) -> list[Change]:
    """Write a fold anew and take its leaves away; the fold is in the first batch. Nothing where it gets too full."""
    held = {**(_leaves_of(old) if old else {}), **{leaf.key: leaf.values for leaf in leaves}}
    texts = list(texts_of({name: leaf for name, leaf in sorted(held.items()) if leaf}))
    if len(texts) > CELLS:
        return []
    row = Row(key, {f"c{number}": text for number, text in enumerate(texts)}, old.etag if old else "")
    removals: list[Change] = [Remove(leaf.key, leaf.etag) for leaf in leaves]
    if texts:
        return [Replace(row) if old else Insert(row), *removals]
    return [*([Remove(key, old.etag)] if old else []), *removals]


def texts_of(values: Mapping[str, Any]) -> Iterable[str]:
    """Write values by key as JSON objects, each of which fits a cell."""
    some: list[str] = []
    size = 0
    for key, value in values.items():
        entry = f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}"
        if some and size + len(entry) > ROOM:
            yield f"{{{','.join(some)}}}"
            some, size = [], 0
        some.append(entry)
        size += len(entry) + 1
    if some:
        yield f"{{{','.join(some)}}}"


def _leaves_of(fold_row: Row) -> dict[str, Leaf]:
    return {key: leaf for text in fold_row.values.values() for key, leaf in json.loads(str(text)).items()}
