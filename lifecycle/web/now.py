"""What is there now, for the page: rows in, boxes, troubles and sessions out, what needs a person first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo

from lifecycle.blueprint import Estate
from lifecycle.model import BoxStatus, Level
from lifecycle.people import Person, Role
from lifecycle.ports import Row
from lifecycle.rows import StackRows, instant_of
from lifecycle.web import troubles, views
from lifecycle.web.page import Next, Now, NowBox, NowSession, Trouble, Word

MOST_BOXES = 60
"""So many boxes are shown; a person looks for theirs, not for all."""
MOST_TROUBLES = 20
MOST_SESSIONS = 60

_URGENCY = ("blocked", "ready", "waking", "building", "warm", "parking", "retiring", "parked")
_ALL = (Word.WAKE, Word.EXTEND, Word.PARK, Word.RETIRE)
_WORDS: Mapping[str, tuple[Word, ...]] = {
    "building": (Word.EXTEND, Word.PARK, Word.RETIRE),
    "waking": (Word.EXTEND, Word.PARK, Word.RETIRE),
    "parking": (Word.WAKE, Word.EXTEND, Word.RETIRE),
    "parked": (Word.WAKE, Word.EXTEND, Word.RETIRE),
    "retiring": (),
    "gone": (),
}
"""The words that make sense in a phase; in any other all do."""
_BECOMES = {
    Level.GONE: "its lease ends: all of it goes, the disk too",
    Level.PARKED: "it is parked: the machine stops",
    Level.WARM: "its door shuts; the machine runs on",
    Level.OPEN: "it opens",
}


def now_of(
    stacks: Sequence[StackRows],
    changes: Mapping[tuple[str, str], Level],
    alerts: Sequence[Row],
    found: Sequence[Trouble],
    estate: Estate,
    person: Person,
    now: datetime,
    zone: tzinfo,
    *,
    mine_only: bool = False,
) -> Now:
    """Say what is there at ``now`` (aware UTC), as ``person`` may see and change it.

    ``found`` are the troubles that no stack's rows tell of.
    """
    of_stacks = (trouble for rows in stacks for trouble in troubles.of_stack(rows, now))
    all_troubles = troubles.worst_first([*of_stacks, *found, *map(troubles.of_alert, alerts)])
    standing = _standing(stacks, person, mine_only=False)
    of_whom = _standing(stacks, person, mine_only=mine_only)
    shown = of_whom[:MOST_BOXES]
    sessions = [session for rows in stacks for session in _sessions(rows)]
    return Now(
        at=now,
        zone=zone,
        troubles=tuple(all_troubles[:MOST_TROUBLES]),
        more_troubles=max(len(all_troubles) - MOST_TROUBLES, 0),
        boxes=tuple(_box(rows, name, changes.get((rows.name, name)), estate, person) for rows, name in shown),
        more_boxes=len(of_whom) - len(shown),
        open_boxes=sum(_status(rows, name).level is Level.OPEN for rows, name in standing),
        standing_boxes=len(standing),
        connected=len(sessions),
        sessions=tuple(sorted(sessions, key=lambda session: session.started_at)[:MOST_SESSIONS]),
        mine_only=mine_only,
    )


def nearest(stacks: Iterable[StackRows], person: Person, *, mine_only: bool = False) -> tuple[StackRows, ...]:
    """Name the stacks whose boxes will be shown: what comes next is worked out for these only."""
    shown = _standing(stacks, person, mine_only=mine_only)[:MOST_BOXES]
    return tuple({rows.name: rows for rows, _ in shown}.values())


def _standing(stacks: Iterable[StackRows], person: Person, *, mine_only: bool) -> list[tuple[StackRows, str]]:
    """List the boxes that are not gone, in the order in which they are shown."""
    boxes = [
        (rows, name)
        for rows in stacks
        for name in rows.boxes
        if not rows.is_gone(name) and (not mine_only or _owner(rows, name) == person.name)
    ]
    return sorted(boxes, key=lambda at: (*_urgency(at[0], at[1], person), at[0].name, at[1]))


def _owner(rows: StackRows, name: str) -> str:
    return rows.boxes[name].value.owner


def _status(rows: StackRows, name: str) -> BoxStatus:
    return views.known_of(rows, rows.boxes[name].value)


def _urgency(rows: StackRows, name: str, person: Person) -> tuple[int, int]:
    """Blocked ones first, then the viewer's own, then by phase."""
    phase = _status(rows, name).phase
    rank = _URGENCY.index(phase) if phase in _URGENCY else len(_URGENCY)
    others = 0 if _owner(rows, name) == person.name else 1
    return (0, 0) if rank == 0 else (1 + others, rank)


def _box(rows: StackRows, name: str, becomes: Level | None, estate: Estate, person: Person) -> NowBox:
    view, known, intent = views.box_view(rows, name, estate), _status(rows, name), rows.boxes[name].value
    over = intent.retired_at is not None
    may = person.role >= Role.OPERATOR or (person.role >= Role.USER and person.name == intent.owner)
    return NowBox(
        stack=rows.name,
        name=name,
        owner=intent.owner,
        purpose=intent.reason,
        phase=known.phase,
        reason=str(view["reason"]),
        version=views.box_tag(rows, name),
        connected=len(view["sessions"]),
        ready_about=instant_of(view["eta"]) if view["eta"] and known.phase != "blocked" else None,
        lease_until=known.lease_until if becomes is not Level.GONE else None,
        next=_next(known, becomes),
        portal_url=view["connect"]["portalUrl"],
        words=_WORDS.get(known.phase, _ALL) if may and not over else (),
        mine=person.name == intent.owner,
    )


def _next(known: BoxStatus, becomes: Level | None) -> Next | None:
    if becomes is None or known.changes_at is None:
        return None
    stays = becomes is Level.OPEN and known.target is Level.OPEN
    what = "its hours end; open until people leave" if stays else _BECOMES[becomes]
    return Next(known.changes_at, what)


def _sessions(rows: StackRows) -> Iterator[NowSession]:
    for session in rows.status.value.sessions.values():
        yield NowSession(
            rows.name, session.box, session.user, session.protocol, session.started_at, session.last_seen_at
        )
