"""The board: one short note per stack of what is there, so that a page of many stacks need not read them all.

A note is written by the stack's reconciler when it changes, and at each look at all parts. It says which stacks to
look at more closely, and how many of what there are. What is shown of a stack is read from the stack itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from lifecycle.folds import fold, unfolded
from lifecycle.model import BoxIntent, Level, StackStatus
from lifecycle.ports import Put, Row, Table, Tables, Value

STACKS = "stacks"
"""The one partition of the table ``Board``."""


@dataclass(frozen=True, slots=True)
class BoxNote:
    """A box that is not gone."""

    name: str
    owner: str
    phase: str
    level: Level


@dataclass(frozen=True, slots=True)
class Note:
    """What is there of a stack: its boxes, and how many people are connected."""

    boxes: tuple[BoxNote, ...] = ()
    connected: int = 0


def note_of(boxes: Mapping[str, BoxIntent], status: StackStatus) -> Note:
    """Say in short what a status says. What no pass has seen yet is not on the board."""
    there = tuple(
        BoxNote(name, boxes[name].owner, known.phase, known.level)
        for name, known in sorted(status.boxes.items())
        if name in boxes and boxes[name].incarnation == known.incarnation and known.phase != "gone"
    )
    return Note(there, len(status.sessions))


async def write_note(tables: Tables, stack: str, note: Note) -> None:
    """Put a note up in place of the one there was; an empty one takes the stack off the board."""
    cells: dict[str, Value] = {}
    if note != Note():
        boxes = [[box.name, box.owner, box.phase, box.level.value] for box in note.boxes]
        text = json.dumps(boxes, separators=(",", ":"))
        cells = {"boxes": text, "connected": note.connected}
    await tables.commit(Table.BOARD, STACKS, [Put(Row(stack, cells))])


async def read_board(tables: Tables) -> dict[str, Note]:
    """Read all notes, by stack, in order of names."""
    leaves = unfolded(await tables.query(Table.BOARD, STACKS))
    return {
        stack: Note(
            tuple(BoxNote(name, owner, phase, Level(level)) for name, owner, phase, level in _boxes(leaf["boxes"])),
            int(leaf["connected"]),
        )
        for stack, leaf in sorted(leaves.items())
    }


def _boxes(cell: Value) -> list[tuple[str, str, str, int]]:
    found: list[tuple[str, str, str, int]] = json.loads(str(cell))
    return found


async def fold_board(tables: Tables) -> None:
    """Fold the notes, so that they are read as few rows."""
    await fold(tables, Table.BOARD, STACKS)
