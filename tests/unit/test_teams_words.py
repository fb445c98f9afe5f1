"""What the bot understands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.rules import name_rule
from lifecycle.teams.words import About, Help, ListBoxes, Start, Wish, understand


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("start", Start(None, None, "")),
        ("Start web for 2 hours", Start("web", 2.0, "")),
        ("start for 1.5h because the database is slow", Start(None, 1.5, "the database is slow")),
        ("start because I must", Start(None, None, "I must")),
        ("start forward", Start("forward", None, "")),
        ("list", ListBoxes()),
        ("extend main/web 2 h", About("extend", "main", "web", 2.0)),
        ("extend main/web by 2h", About("extend", "main", "web", 2.0)),
        ("wake MAIN/Web", About("wake", "main", "web", None)),
        ("park main/web", About("park", "main", "web", None)),
        ("stop main/web", About("retire", "main", "web", None)),
        ("retire main/web", About("retire", "main", "web", None)),
    ],
)
def test_these_words_are_understood(said: str, wish: Wish) -> None:
    assert understand(said) == wish


@pytest.mark.parametrize(
    "said",
    [
        "",
        "help",
        "starting",
        "start for",
        "start for -1 hours",
        "start for 0 hours",
        "start for 1e9 hours",
        "start for " + "9" * 400 + " hours",
        "start ../etc",
        "start " + "a" * 41,
        "\u017ftart",  # a long s, which matches s where case is ignored the Unicode way
        "start we\u017ft",
        "start for \u0663 hours",
        "park web",
        "park main/web/vm",
        "park main/web; retire main/web",
        "retire main/",
        "extend main/web 0",
    ],
)
def test_everything_else_is_a_call_for_help(said: str) -> None:
    assert understand(said) == Help()


@given(st.text(max_size=60), st.sampled_from(("start ", "retire main/", "retire ", "extend main/web ")))
def test_no_name_gets_through_that_is_none(said: str, verb: str) -> None:
    wish = understand(verb + said)
    names: list[str | None] = []
    if isinstance(wish, Start):
        names = [wish.name]
    elif isinstance(wish, About):
        names = [wish.stack, wish.box]
    for name in names:
        assert name is None or name_rule("name", name)
