"""What somebody else did to a stack's parts: found by comparing two looks, and kept until it is mended and old. Pure.

A part that is gone is no drift where we set out to delete it, or what it goes along with. One that differs is none
where it is compared with something else than before: then it is our own wish that has changed (ADR 4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from lifecycle.blueprint import Part, Want
from lifecycle.model import Drift, Kind, Seen, Sighting, StackStatus, Verb

REMEMBERED = timedelta(days=7)
"""How long people can still read what was changed, once it is in order again."""
MOST = 20
"""So many are kept, the latest: they share one column of the status row."""
DELETED = "deleted"
RETAGGED = "tags"


def expecting(
    parts: Mapping[str, Seen], claimed: Iterable[tuple[Verb, Part]], blueprint: Mapping[str, Part]
) -> dict[str, Seen]:
    """Note in the sightings what is about to go by our own doing, and what is about to come again."""
    expected = dict(parts)
    for verb, part in claimed:
        for key in (part.key, *(_goes_along(part, blueprint) if verb is Verb.DELETE else ())):
            if key in expected:
                expected[key] = replace(expected[key], leaving=verb is Verb.DELETE)
    return expected


def _goes_along(part: Part, blueprint: Mapping[str, Part]) -> tuple[str, ...]:
    """Name what Azure deletes together with a part: a machine's disk and interface, and what lives in it."""
    if part.kind is Kind.VM:
        return tuple(other.key for other in blueprint.values() if part.key in other.outlived_by)
    return tuple(other.key for other in blueprint.values() if other.holder == part.arm_id)


def with_drifts(
    status: StackStatus,
    before: Mapping[str, Seen],
    parts: Mapping[str, Part],
    looked_at: Collection[str],
    now: datetime,
) -> StackStatus:
    """Take in what a look at some parts (``looked_at``) shows of others' doing since the look ``before``."""
    drifts = dict(status.drifts)
    for key in looked_at:
        part, seen, old = parts.get(key), status.parts.get(key, Seen("")), drifts.get(key)
        what = _what(before.get(key), seen) if part and not part.borrowed and part.want is not Want.ABSENT else ""
        if what:
            drifts[key] = Drift(what, now)
        elif old and old.mended_at is None and seen.sound and not seen.drift:
            drifts[key] = replace(old, mended_at=now)
    return replace(status, drifts=_kept(drifts, now)) if drifts else status


def still_theirs(drifts: Mapping[str, Drift], parts: Mapping[str, Part]) -> dict[str, Drift]:
    """Leave out what does not matter any more: of parts there are no more, or that are to go as they are."""
    return {
        key: drift
        for key, drift in drifts.items()
        if key in parts and (drift.mended_at or parts[key].want is not Want.ABSENT)
    }


def _what(before: Seen | None, seen: Seen) -> str:
    if before is None:
        return ""
    if before.sound and seen.sighting is Sighting.ABSENT and not before.leaving:
        return DELETED
    if before.stands and seen.sighting is Sighting.FOREIGN:
        return RETAGGED
    if before.sound and not before.drift and seen.stands and seen.drift and seen.against == before.against:
        return ", ".join(seen.drift)
    return ""


def _kept(drifts: Mapping[str, Drift], now: datetime) -> dict[str, Drift]:
    young = {key: each for key, each in drifts.items() if not each.mended_at or now - each.mended_at < REMEMBERED}
    latest = sorted(young, key=lambda key: young[key].seen_at, reverse=True)[:MOST]
    return {key: young[key] for key in drifts if key in latest}
