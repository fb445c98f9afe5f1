"""How the day looks on a terminal: lines of at most 100 columns, with colours where they are wanted. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.demo.books import WORKING_DAYS, BillRow, Saving, TrueUse
from sandbox.demo.verdict import bound_hours

WIDTH = 100
_CODES: Mapping[str, str] = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: when, who or what did it, what it was, and why."""

    at: datetime
    who: str
    what: str
    why: str = ""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Paint:
    """Puts colours on text, or leaves it plain."""

    on: bool

    def __call__(self, text: str, colour: str) -> str:
        """Colour a text, which is to be cut and padded before."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.on and colour else text


def wants_colour(environment: Mapping[str, str], *, tty: bool) -> bool:
    """Colours are for terminals, unless NO_COLOR is set to anything or the terminal is a dumb one (no-color.org)."""
    return tty and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def event_lines(event: Event, paint: Paint) -> list[str]:
    """Write an event: clock time, who, what, and the reason below or beside it."""
    text = f"{event.what} ({event.why})" if event.why else event.what
    head = f"{event.at:%H:%M}  {event.who:<12} "
    first, *rest = textwrap.wrap(text, WIDTH - len(head), break_on_hyphens=False) or [""]
    lines = [f"{paint(head, 'dim')}{paint(first, event.colour)}"]
    return lines + [f"{'':{len(head)}}{paint(line, event.colour)}" for line in rest]


def title_lines(day: datetime, paint: Paint) -> list[str]:
    """Write the heading."""
    return [paint(f"A working day of a small team: {day:%A, %d %B %Y} (UTC)", "bold"), ""]


def bill_lines(
    by_meter: Sequence[BillRow], truth: Mapping[str, TrueUse], gap: timedelta, until: datetime, paint: Paint
) -> list[str]:
    """Write the bill by meter beside the truth and the bound of their difference, in hours."""
    lines = ["", paint(f"The bill by meter, up to {until:%H:%M}, beside the simulator's meters", "bold")]
    lines.append(
        paint(f"{'meter':<24}{'billed h':>10}{'true h':>10}{'above':>9}{'at most':>9}{'times':>7}{'USD':>10}", "dim")
    )
    for row in by_meter:
        use = truth.get(row.key, TrueUse(0.0, 0))
        lines.append(
            f"{row.key:<24}{row.hours:>10.4f}{use.hours:>10.4f}{_above(row, use):>9.4f}"
            f"{bound_hours(use, gap):>9.4f}{use.intervals:>7}{row.amount:>10.4f}"
        )
    lines.append(f"{'total':<62}{'':>7}{sum(row.amount for row in by_meter):>10.4f}")
    rule = (
        f"at most: the number of times a meter ran, by the {gap / timedelta(minutes=1):g} minutes that may lie"
        " between two looks while anything begins or ends; never below the truth"
    )
    return lines + [paint(line, "dim") for line in textwrap.wrap(rule, WIDTH)]


def people_lines(by_person: Sequence[BillRow], paint: Paint) -> list[str]:
    """Write the bill by person; what a stack's boxes share is split between them."""
    lines = ["", paint("The bill by person (who shares a door shares its price)", "bold")]
    lines += [f"{row.key:<24}{row.hours:>10.4f} h{row.amount:>43.4f}" for row in by_person]
    lines.append(f"{'total':<69}{sum(row.amount for row in by_person):>10.4f}")
    return lines


def saving_lines(found: Saving, paint: Paint) -> list[str]:
    """Write what always-on would have cost, and what was saved."""
    pairs = (
        (f"these {found.hours:.1f} hours", found.day, found.day_always_on),
        ("a month of 730 hours", found.month, found.month_always_on),
    )
    lines = ["", paint("The same stacks and machines, always on (with a Basic Bastion each)", "bold")]
    lines.append(paint(f"{'':<24}{'always on':>16}{'this way':>16}{'saved':>16}", "dim"))
    for what, ours, rival in pairs:
        line = f"{what:<24}{rival:>12.2f} USD{ours:>12.2f} USD{rival - ours:>12.2f} USD  {_percent(ours, rival)}"
        lines.append(paint(line, "green" if ours < rival else "red"))
    note = f"the month this way: {WORKING_DAYS} such days, and what is left standing for the rest of it"
    return [*lines, paint(note, "dim")]


def verdict_lines(differences: Sequence[str], left: Iterable[str], seconds: float, paint: Paint) -> list[str]:
    """Write the outcome: that all of it agrees, or what does not."""
    lines = ["", f"Still there: {', '.join(left) or 'nothing'}"]
    lines = [line for text in lines for line in _wrapped(text)]
    if not differences:
        told = f"What was told is what the simulator's meters say. Told in {seconds:.0f} s."
        return [*lines, paint(told, "green")]
    lines.append(paint(f"What was told is not what the simulator says ({seconds:.0f} s):", "red"))
    for difference in differences:
        lines += textwrap.wrap(difference, WIDTH, initial_indent="  - ", subsequent_indent="    ")
    return lines


def _wrapped(text: str) -> list[str]:
    """Break a line between words, and never inside a name."""
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False) or [""]


def _above(row: BillRow, use: TrueUse) -> float:
    """Give the excess to the places shown, without a sign on nothing."""
    return round(row.hours - use.hours, 4) + 0.0


def _percent(ours: float, rival: float) -> str:
    return f"({(rival - ours) / rival:.0%})" if rival else ""
