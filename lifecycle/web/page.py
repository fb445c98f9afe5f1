"""What the page shows, as frozen values: whoever fills them need not know how they are drawn, nor the other way round.

Instants end in ``_at`` or ``_until`` and are aware UTC; amounts are Decimal in the page's one currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from decimal import Decimal
from enum import StrEnum


class Word(StrEnum):
    """What a button says about a box; the last part of the form's address."""

    WAKE = "wake"
    EXTEND = "extend"
    PARK = "park"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Next:
    """What a box will do by itself, and when."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class NowBox:
    """One box as it is now."""

    stack: str
    name: str
    owner: str
    purpose: str
    phase: str
    reason: str
    version: str
    """Of what people want of it: a retire says which version its person was looking at."""
    connected: int = 0
    ready_about: datetime | None = None
    lease_until: datetime | None = None
    """None also where its end is what comes next."""
    next: Next | None = None
    portal_url: str | None = None
    words: tuple[Word, ...] = ()
    """The buttons this viewer gets."""
    mine: bool = False

    @property
    def full_name(self) -> str:
        """Stack and name."""
        return f"{self.stack}/{self.name}"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something a person should look at first.

    ``kind``: one of ``KINDS`` in ``troubles``.
    """

    kind: str
    what: str
    text: str
    since_at: datetime | None = None
    again_at: datetime | None = None
    """When it is tried again."""


@dataclass(frozen=True, slots=True)
class NowSession:
    """Somebody who is connected, as of the latest look. ``box`` is empty where the service does not say."""

    stack: str
    box: str
    user: str
    protocol: str
    started_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Now:
    """The part of the page that is fetched again and again."""

    at: datetime
    zone: tzinfo
    troubles: tuple[Trouble, ...] = ()
    more_troubles: int = 0
    boxes: tuple[NowBox, ...] = ()
    more_boxes: int = 0
    open_boxes: int = 0
    standing_boxes: int = 0
    """Boxes that are not gone, shown or not."""
    connected: int = 0
    sessions: tuple[NowSession, ...] = ()
    mine_only: bool = False


@dataclass(frozen=True, slots=True)
class CostLine:
    """What one meter, person or team cost: the wide end of what is known, and the narrow one."""

    key: str
    hours: Decimal
    amount: Decimal
    least_amount: Decimal
    unpriced: bool = False
    """Some of its hours have no known price and are missing from the amount."""


@dataclass(frozen=True, slots=True)
class DayCost:
    """What one civil day cost, by meter."""

    day: date
    amounts: Mapping[str, Decimal]

    @property
    def total(self) -> Decimal:
        """The day's sum."""
        return sum(self.amounts.values(), Decimal())


@dataclass(frozen=True, slots=True)
class Rival:
    """Another way to have served the same needs in the same period, and what that would have cost."""

    name: str
    how: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Savings:
    """This way against others, and what it asked of people. Hours are None where nobody has counted them."""

    amount: Decimal
    """What this way cost in the period."""
    rivals: tuple[Rival, ...]
    open_hours: Decimal | None = None
    used_hours: Decimal | None = None
    idle_hours: Decimal | None = None
    waited_hours: Decimal | None = None
    """Time people spent waiting for a box to become ready."""


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget in its month. ``of`` says of whom or what: a team's or a stack's name."""

    of: str
    kind: str
    """``team`` or ``stack``."""
    limit: Decimal
    spent: Decimal
    forecast: Decimal
    """To the month's end."""
    stops: bool = False
    """Whether new requests are refused once it is spent."""


@dataclass(frozen=True, slots=True)
class Money:
    """What it cost in the half-open period of civil days [from_day, before_day)."""

    currency: str
    from_day: date
    before_day: date
    prices_as_of: date
    total: Decimal
    least_total: Decimal
    month: Decimal
    """The running month so far."""
    today: Decimal
    days: tuple[DayCost, ...]
    """Every day of the period up to today, in order, also those that cost nothing."""
    meters: tuple[CostLine, ...]
    people: tuple[CostLine, ...]
    teams: tuple[CostLine, ...]
    """Empty where nobody is in a team."""
    savings: Savings | None = None
    budgets: tuple[Budget, ...] = ()


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, and what their forms carry."""

    name: str
    role: str
    token: str = ""
    """The form token; empty for who gets no buttons."""
    once: str = ""
    """Makes a form that is sent twice count once."""
    hours: float = 2.0
    """What the buttons for waking and extending suggest."""
    most_hours: float = 336.0


@dataclass(frozen=True, slots=True)
class Said:
    """What the viewer has just asked for, for a line of confirmation."""

    word: Word
    box: str


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page."""

    viewer: Viewer
    now: Now
    money: Money
    days: int
    """The length of the period that was chosen."""
    choices: tuple[int, ...] = ()
    said: Said | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)
    """File name -> address of the page's own files."""
