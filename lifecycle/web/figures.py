"""How the page writes amounts, durations and instants: British English, the app's zone, UTC beside it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def money(amount: Decimal) -> str:
    """Write an amount with two decimals and thousands apart; what is not nothing never reads as nothing."""
    if 0 < amount < CENT:
        return "< 0.01"
    return f"{amount.quantize(CENT, ROUND_HALF_UP):,f}"


def hours(amount: Decimal) -> str:
    """Write hours with one decimal."""
    if 0 < amount < Decimal("0.1"):
        return "< 0.1"
    return f"{amount.quantize(Decimal('0.1'), ROUND_HALF_UP):,f}"


def share(part: Decimal, whole: Decimal) -> int:
    """Give a part in whole per cent of the whole; 0 where there is no whole."""
    return int((100 * part / whole).quantize(Decimal(1), ROUND_HALF_UP)) if whole else 0


def span(duration: timedelta) -> str:
    """Write a duration as people say it, in its two greatest units at most."""
    if duration < MINUTE:
        return "under a minute"
    if duration < HOUR:
        return f"{duration // MINUTE} min"
    if duration < 2 * DAY:
        minutes = duration % HOUR // MINUTE
        return f"{duration // HOUR} h" + (f" {minutes} min" if minutes else "")
    return f"{duration // DAY} days"


def day(at: date) -> str:
    """Write a day, e.g. ``Mon 23 Nov``."""
    return f"{at:%a} {at.day} {at:%b}"


def whole_day(at: date) -> str:
    """Write a day with its year, e.g. ``23 Nov 2026``."""
    return f"{at.day} {at:%b %Y}"


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant in every way the page writes it."""

    machine: str
    """ISO 8601 in UTC, whole seconds: for ``datetime`` attributes."""
    here: str
    """In the app's zone: the time, with its day where that is not today."""
    utc: str
    """In UTC, with its day where that is another one than here."""
    distance: str
    """How far from now, e.g. ``in 26 min``."""


def moment(at: datetime, now: datetime, zone: tzinfo) -> Moment:
    """Write an instant (aware) as seen from ``now`` by people in ``zone``."""
    here, there = at.astimezone(zone), at.astimezone(UTC)
    today = now.astimezone(zone).date()
    clock = f"{here:%H:%M %Z}"
    return Moment(
        f"{there:%Y-%m-%dT%H:%M:%SZ}",
        clock if here.date() == today else f"{day(here.date())}, {clock}",
        f"{there:%H:%M} UTC" if there.date() == here.date() else f"{day(there.date())}, {there:%H:%M} UTC",
        f"in {span(at - now)}" if at > now else f"{span(now - at)} ago",
    )
