"""What stacks' facts came to when somebody last asked: kept in memory, so that only what changed is cut anew.

It is never believed further than it can be checked: the facts, read anew for each question, must be the very same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from lifecycle.costs import Amount, Cells, Course, Rule, Whose, course
from lifecycle.meters import Books
from lifecycle.prices import Price, PriceBook

MOST = 50_000
"""So many courses are kept; then all are forgotten, and those that matter come back with the next question."""

Pieces = tuple[Books, ...]
_Key = tuple[str, datetime, datetime, str]


@dataclass
class Courses:
    """Cuts facts stack by stack, under one rule."""

    rule: Rule
    team_of: Callable[[str], str | None]

    def __post_init__(self) -> None:
        """Begin knowing nothing."""
        self._prices: tuple[Price, ...] = ()
        self._known: dict[_Key, tuple[Pieces, Course]] = {}

    def cells(
        self,
        facts: Mapping[str, Pieces],
        book: PriceBook,
        period: tuple[datetime, datetime],
        now: datetime,
        zone: tzinfo,
    ) -> Cells:
        """Cut the facts of stacks that share nothing with each other."""
        prices = book.prices()
        if prices != self._prices or len(self._known) > MOST:
            self._prices, self._known = prices, {}
        found: dict[tuple[str, Whose], Amount] = {}
        for stack, pieces in facts.items():
            key = (stack, *period, str(zone))
            old, known = self._known.get(key, ((), None))
            if known is None or old != pieces or not known.since_at <= now < known.until_at:
                known = course(self.with_teams(pieces), book, period, now, self.rule, zone)
                self._known[key] = pieces, known
            found.update(known.at(now))
        return found

    def with_teams(self, pieces: Pieces) -> Books:
        """Lay pieces side by side, with the team of each person."""
        return Books(
            tuple(meter for each in pieces for meter in each.meters),
            tuple(replace(each, team=self.team_of(each.owner)) for piece in pieces for each in piece.tenancies),
            tuple(connection for each in pieces for connection in each.connections),
        )
