"""What somebody else changed, told from what we did and from what we want differently: by table, and over time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.blueprint import Part, Want
from lifecycle.drift import MOST, REMEMBERED, expecting, still_theirs, with_drifts
from lifecycle.model import Drift, Level, Seen, Sighting, StackStatus, Verb
from tests.examples import HOUR, MINUTE, NOON, all_sound, parts_of, seen_as

PARTS = parts_of()
SOUND = all_sound(PARTS)
RULES = ("properties.securityRules",)


def after(seen: Seen, before: Seen | None = None, part: Part = PARTS["nsg-frontend"]) -> Drift | None:
    """Say what is kept of two looks at one part."""
    status = StackStatus(parts={part.key: seen})
    old = {part.key: before or SOUND[part.key]}
    return with_drifts(status, old, {**PARTS, part.key: part}, [part.key], NOON).drifts.get(part.key)


ABSENT = Seen("", Sighting.ABSENT)
DRIFTED = replace(SOUND["nsg-frontend"], drift=RULES)


def test_a_part_that_is_gone_without_our_doing_was_deleted_by_somebody() -> None:
    assert after(ABSENT) == Drift("deleted", NOON)


def test_a_part_that_differs_from_what_it_was_compared_with_before_was_changed_by_somebody() -> None:
    assert after(DRIFTED) == Drift("properties.securityRules", NOON)


def test_a_part_whose_tags_are_not_ours_any_more_was_changed_by_somebody() -> None:
    assert after(Seen("", Sighting.FOREIGN)) == Drift("tags", NOON)


@pytest.mark.parametrize(
    ("before", "seen", "want"),
    [
        (replace(SOUND["nsg-frontend"], leaving=True), ABSENT, Want.PRESENT),
        (SOUND["nsg-frontend"], ABSENT, Want.ABSENT),
        (replace(SOUND["nsg-frontend"], sighting=Sighting.BUSY), ABSENT, Want.PRESENT),
        (replace(SOUND["nsg-frontend"], sighting=Sighting.BROKEN), ABSENT, Want.PRESENT),
        (Seen("", Sighting.UNSEEN), DRIFTED, Want.PRESENT),
        (replace(SOUND["nsg-frontend"], against="other"), DRIFTED, Want.PRESENT),
        (DRIFTED, DRIFTED, Want.PRESENT),
        (SOUND["nsg-frontend"], SOUND["nsg-frontend"], Want.PRESENT),
        (ABSENT, SOUND["nsg-frontend"], Want.PRESENT),
    ],
    ids=["ours", "unwanted", "unfinished", "failed", "first look", "other wish", "known", "in order", "made"],
)
def test_nothing_else_is_somebodys_doing(before: Seen, seen: Seen, want: Want) -> None:
    assert after(seen, before, replace(PARTS["nsg-frontend"], want=want)) is None


def test_a_change_is_mended_once_the_part_is_seen_in_order() -> None:
    found = StackStatus(parts={"vnet": SOUND["vnet"]}, drifts={"vnet": Drift("deleted", NOON)})
    later = with_drifts(found, {"vnet": ABSENT}, PARTS, ["vnet"], NOON + HOUR)
    assert later.drifts["vnet"] == Drift("deleted", NOON, NOON + HOUR)
    again = with_drifts(later, {"vnet": SOUND["vnet"]}, PARTS, ["vnet"], NOON + 2 * HOUR)
    assert again.drifts["vnet"].mended_at == NOON + HOUR


def test_what_goes_along_with_a_machine_goes_by_our_doing_too() -> None:
    expected = expecting(SOUND, [(Verb.DELETE, PARTS["vm!one"])], PARTS)
    assert {key for key, seen in expected.items() if seen.leaving} == {"vm!one", "nic!one", "disk!one"}
    made = expecting(expected, [(Verb.PUT, PARTS["nic!one"])], PARTS)
    assert not made["nic!one"].leaving


def test_what_is_over_is_forgotten_and_what_is_not_mended_is_kept() -> None:
    drifts = {"vnet": Drift("deleted", NOON, NOON + MINUTE), "bastion": Drift("sku", NOON)}
    status = StackStatus(parts=SOUND, drifts=drifts)
    later = with_drifts(status, SOUND, PARTS, [], NOON + REMEMBERED + HOUR)
    assert later.drifts.keys() == {"bastion"}
    assert still_theirs(drifts, {}) == {}
    leaving = parts_of(level=Level.GONE)
    assert still_theirs(drifts, leaving).keys() == {"vnet"}


SIGHTS = st.sampled_from([*Sighting])


@given(st.lists(st.tuples(st.sampled_from(sorted(PARTS)), SIGHTS, st.booleans(), st.booleans()), max_size=60))
def test_whatever_is_seen_there_are_never_more_than_fit_into_a_row(
    looks: list[tuple[str, Sighting, bool, bool]],
) -> None:
    status, now = StackStatus(parts=SOUND), NOON
    for key, sighting, drifted, leaving in looks:
        now += MINUTE
        seen = seen_as(PARTS[key], sighting, drift=RULES if drifted else (), leaving=leaving)
        before, status = status.parts, replace(status, parts={**status.parts, key: seen})
        status = with_drifts(status, before, PARTS, [key], now)
        assert len(status.drifts) <= MOST
        assert all(
            drift.seen_at <= now and (drift.mended_at or now) >= drift.seen_at for drift in status.drifts.values()
        )
        if seen.sound and not drifted:
            assert key not in status.drifts or status.drifts[key].mended_at
