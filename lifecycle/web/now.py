"""What is there now, for the page: rows in, boxes, troubles and sessions out, what needs a person first. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from lifecycle.board import BoxNote, Note
from lifecycle.estate import Estate
from lifecycle.model import BoxStatus, Level
from lifecycle.people import Person, Role
from lifecycle.rows import StackRows, instant_of
from lifecycle.web import views
from lifecycle.web.page import Next, Now, NowBox, NowSession, Trouble, Word

MOST_BOXES = 24
"""So many boxes are shown; a person looks for theirs, not for all."""
MOST_STACKS = 24
"""So many stacks are read for it. Where there are more, the board says which."""
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


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are: boxes ``of_whom`` the page is about, all boxes ``standing`` and ``open``, and the rest."""

    of_whom: int
    standing: int
    open: int
    connected: int


def chosen(
    board: Mapping[str, Note], person: Person, ill: Collection[str] = (), *, mine_only: bool = False
) -> tuple[tuple[str, ...], Counts]:
    """Choose which stacks of a board to read, and count all: the ``ill`` ones, then the viewer's own, then by phase."""

    def rank(stack: str) -> tuple[int, int, str]:
        note = board[stack]
        if stack in ill:
            return 0, 0, stack
        shown = [_rank(box.phase, mine=box.owner == person.name) for box in note.boxes if _is_shown(box)]
        return (*min(shown, default=(3, 0)), stack)

    def _is_shown(box: BoxNote) -> bool:
        return not mine_only or box.owner == person.name

    boxes = [box for note in board.values() for box in note.boxes]
    counts = Counts(
        of_whom=sum(_is_shown(box) for box in boxes),
        standing=len(boxes),
        open=sum(box.level is Level.OPEN for box in boxes),
        connected=sum(note.connected for note in board.values()),
    )
    return tuple(sorted(board, key=rank)[:MOST_STACKS]), counts


def now_of(
    stacks: Sequence[StackRows],
    changes: Mapping[tuple[str, str], Level],
    found: Sequence[Trouble],
    estate: Estate,
    person: Person,
    now: datetime,
    zone: tzinfo,
    *,
    mine_only: bool = False,
    counts: Counts | None = None,
) -> Now:
    """Say what is there at ``now`` (aware UTC), as ``person`` may see and change it.

    ``found`` are the troubles there are, the worst first. ``counts`` are those of all stacks, where ``stacks`` are
    only those that come first.
    """
    standing = _standing(stacks, person, mine_only=False)
    of_whom = _standing(stacks, person, mine_only=mine_only)
    shown = of_whom[:MOST_BOXES]
    counts = counts or Counts(
        of_whom=len(of_whom),
        standing=len(standing),
        open=sum(_status(rows, name).level is Level.OPEN for rows, name in standing),
        connected=sum(len(rows.status.value.sessions) for rows in stacks),
    )
    sessions = [session for rows in stacks for session in _sessions(rows)]
    return Now(
        at=now,
        zone=zone,
        troubles=tuple(found[:MOST_TROUBLES]),
        more_troubles=max(len(found) - MOST_TROUBLES, 0),
        boxes=tuple(_box(rows, name, changes.get((rows.name, name)), estate, person) for rows, name in shown),
        more_boxes=max(counts.of_whom - len(shown), 0),
        open_boxes=counts.open,
        standing_boxes=counts.standing,
        connected=counts.connected,
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
    return _rank(_status(rows, name).phase, mine=_owner(rows, name) == person.name)


def _rank(phase: str, *, mine: bool) -> tuple[int, int]:
    rank = _URGENCY.index(phase) if phase in _URGENCY else len(_URGENCY)
    return (0, 0) if rank == 0 else (1 if mine else 2, rank)


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
