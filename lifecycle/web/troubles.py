"""What a person should look at, in words: rows in, troubles out, the worst first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from lifecycle import due
from lifecycle.model import Sighting
from lifecycle.ports import Row
from lifecycle.queries import Ailing
from lifecycle.rows import StackRows, instant_of
from lifecycle.troubles import MISSING, ORPHAN, Finding, Poison
from lifecycle.web.page import Trouble

KINDS = ("blocked", ORPHAN, MISSING, "foreign", "overdue", "unreadable", "poison", "drift", "alert")
"""Every kind of trouble, the worst first."""


def of_stack(rows: StackRows, now: datetime) -> Iterator[Trouble]:
    """Say what is wrong with a stack."""
    status = rows.status.value
    for part, block in sorted(status.blocks.items()):
        if block.shown:
            text = f"{block.code}: {block.message}"
            yield Trouble("blocked", _place_of(rows.name, part), text, block.since_at, block.retry_at)
    for part, seen in sorted(status.parts.items()):
        if seen.sighting is Sighting.FOREIGN:
            text = "exists under the name we would use, and is not ours: it is left alone until somebody moves it"
            yield Trouble("foreign", _place_of(rows.name, part), text, seen.seen_at)
    for part, drift in sorted(status.drifts.items()):
        if drift.mended_at is None:
            yield Trouble("drift", _place_of(rows.name, part), f"changed by somebody else: {drift.what}", drift.seen_at)
    if is_overdue(rows, now):
        text = "nobody has looked at this stack since it was due"
        yield Trouble("overdue", rows.name, text, status.look_again_at)


def is_overdue(rows: StackRows, now: datetime) -> bool:
    """Say whether a stack was due so long ago that a sweep has come and gone without effect."""
    due_at = rows.status.value.look_again_at if rows.intent else None
    return due_at is not None and now - due_at > due.LATE


def of_unreadable(stack: str) -> Trouble:
    """Say that nobody can tell how a stack is."""
    return Trouble("unreadable", stack, "its rows cannot be read; nothing is done about it until they can")


def of_finding(kind: str, finding: Finding) -> Trouble:
    """Say what a hunt found."""
    where = f"{finding.stack}/{finding.box}" if finding.box else finding.stack
    name = finding.arm_id.rpartition("/")[2]
    text = finding.why or "seen once; it is looked at again in some hours before it is believed"
    return Trouble(kind, f"{where}: {name}", f"{finding.kind}, {finding.state}: {text}", finding.first_seen_at)


def of_poison(poison: Poison) -> Trouble:
    """Say that a message failed for good."""
    text = f"a message failed again and again: {poison.said!r}; the log says why"
    return Trouble("poison", f"queue {poison.queue}", text, poison.failed_at)


def of_alert(row: Row) -> Trouble:
    """Repeat what operators were told."""
    return Trouble("alert", row.partition, str(row.values["text"]), instant_of(str(row.values["written_at"])))


def worst_first(troubles: Iterable[Trouble]) -> list[Trouble]:
    """Put troubles in the order in which people should look at them."""
    return sorted(troubles, key=lambda each: KINDS.index(each.kind))


def all_of(stacks: Iterable[StackRows], ailing: Ailing, alerts: Iterable[Row], now: datetime) -> list[Trouble]:
    """Say everything that is wrong, the worst first: of these stacks, of those that ail, and of none."""
    known = {rows.name: rows for rows in (*stacks, *ailing.stacks)}
    of_stacks = (trouble for name in sorted(known) for trouble in of_stack(known[name], now))
    return worst_first([*of_stacks, *beyond_stacks(ailing), *map(of_alert, alerts)])


def beyond_stacks(ailing: Ailing) -> list[Trouble]:
    """Say what is wrong that no stack's rows tell of."""
    return [
        *(of_unreadable(name) for name in ailing.unreadable),
        *(of_finding(ORPHAN, finding) for finding in ailing.orphans),
        *(of_finding(MISSING, finding) for finding in ailing.missing),
        *(of_poison(poison) for poison in ailing.poison),
    ]


def _place_of(stack: str, part: str) -> str:
    """Write a part for people: ``vm!alice`` of main is the vm of main/alice."""
    kind, _, box = part.partition("!")
    return f"{stack}/{box}: {kind}" if box else f"{stack}: {kind}"
