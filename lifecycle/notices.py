"""What people are told: written to the outbox first, then rung for delivery. The same notice twice is one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lifecycle.faults import Conflict
from lifecycle.links import Keep
from lifecycle.ports import Bell, Insert, Queue, Row, Table, Tables, Value
from lifecycle.rows import instant_text


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell.

    ``kind``: ``warning``, ``ready``, ``blocked``, ``budget``, ``alert``, ``closed`` or ``gone``.
    """

    kind: str
    stack: str
    box: str
    to: str
    text: str
    topic: str
    """What makes it the same notice when it comes up again, e.g. the deadline it is about."""
    keep: Keep | None = None
    """What a link in it would keep, for those that announce a loss. The link itself is made when it is sent."""


async def tell(tables: Tables, bell: Bell, notice: Notice, now: datetime) -> None:
    """Write a notice to the outbox, unless it is there already, and have it delivered."""
    key = f"{notice.kind}!{notice.box}!{notice.topic}"
    cells: dict[str, Value] = {
        "kind": notice.kind,
        "stack": notice.stack,
        "box": notice.box,
        "to": notice.to,
        "text": notice.text,
        "written_at": instant_text(now),
    }
    if notice.keep:
        cells |= {
            "incarnation": notice.keep.incarnation,
            "deadline": notice.keep.kind,
            "deadline_at": instant_text(notice.keep.until),
        }
    try:
        await tables.commit(Table.OUTBOX, notice.stack, [Insert(Row(key, cells))])
    except Conflict:
        return
    await bell.ring(Queue.NOTIFY, f"{notice.stack}|{key}")
