"""A link does what it was made for, until it is too late, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.links import LONGEST, BadLink, Keep, read
from tests.examples import NOON

SECRET = b"thirty-two bytes, and not one less"
KEEP = Keep("main", "ada", "0123456789abcdef", "lease", NOON + timedelta(minutes=15))
TOKEN = KEEP.token(SECRET)


def test_a_link_says_what_it_was_made_for() -> None:
    assert read(TOKEN, SECRET, NOON) == KEEP
    assert len(TOKEN) < LONGEST / 2


def test_a_link_ends_with_its_deadline() -> None:
    assert read(TOKEN, SECRET, KEEP.until - timedelta(seconds=1)) == KEEP
    with pytest.raises(BadLink, match="passed"):
        read(TOKEN, SECRET, KEEP.until)


def test_a_link_of_another_deployment_is_none() -> None:
    with pytest.raises(BadLink):
        read(KEEP.token(b"another secret, which is as long as it"), SECRET, NOON)


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("ABCxyz019-_.="))
def test_a_link_that_was_changed_anywhere_is_none(place: int, letter: str) -> None:
    changed = TOKEN[:place] + letter + TOKEN[place + 1 :]
    if changed != TOKEN:
        with pytest.raises(BadLink):
            read(changed, SECRET, NOON)


@given(st.text(max_size=2 * LONGEST))
def test_nonsense_is_no_link(text: str) -> None:
    with pytest.raises(BadLink):
        read(text, SECRET, NOON)


def test_every_deadline_of_every_box_has_a_mark_of_its_own() -> None:
    others = [
        Keep("main", "ben", KEEP.incarnation, "lease", KEEP.until),
        Keep("main", "ada", "fedcba9876543210", "lease", KEEP.until),
        Keep("main", "ada", KEEP.incarnation, "cut", KEEP.until),
        Keep("main", "ada", KEEP.incarnation, "lease", KEEP.until + timedelta(seconds=1)),
    ]
    assert len({keep.mark for keep in (KEEP, *others)}) == len(others) + 1


@pytest.mark.parametrize("secret", [b"", b"short"])
def test_nothing_is_signed_with_a_secret_that_could_be_guessed(secret: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        KEEP.token(secret)
