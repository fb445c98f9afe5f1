"""The page drawn from values alone: what is filled in is shown, what is not leaves no gap, and all of it is text."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from lifecycle.web.drawing import draw
from lifecycle.web.page import (
    Budget,
    CostLine,
    DayCost,
    Money,
    Now,
    NowBox,
    NowSession,
    Page,
    Rival,
    Savings,
    Trouble,
    Viewer,
    Word,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOSTILE = "\"'><script>x</script></title></desc></svg></td>&amp;"
MONEY = Money(
    currency="USD",
    from_day=date(2026, 11, 22),
    before_day=date(2026, 11, 24),
    prices_as_of=date(2026, 6, 29),
    total=Decimal(30),
    least_total=Decimal(29),
    month=Decimal(30),
    today=Decimal(10),
    days=(DayCost(date(2026, 11, 22), {"nat": Decimal(20)}), DayCost(date(2026, 11, 23), {"nat": Decimal(10)})),
    meters=(CostLine("nat", Decimal(600), Decimal(30), Decimal(29)),),
    people=(CostLine("ada", Decimal(600), Decimal(30), Decimal(29)),),
    teams=(),
)
PAGE = Page(Viewer("ada", "user", "t" * 43, "once"), Now(NOW, UTC), MONEY, 30, (7, 30))


def with_money(**change: object) -> str:
    return draw(replace(PAGE, money=replace(MONEY, **change)))  # type: ignore[arg-type]


class Reader(HTMLParser):
    """Reads a page as a browser's parser would, keeping tags and texts apart."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_savings_budgets_and_teams_are_shown_only_where_there_are_any() -> None:
    assert not [title for title in ("What it saved", "Budgets this month", "By team") if title in draw(PAGE)]
    rivals = (
        Rival("always on", "never turned off", Decimal(120)),
        Rival("nightly only", "a runbook at night", Decimal(60)),
        Rival("shared hub", "one for all", Decimal(20)),
    )
    text = with_money(
        savings=Savings(Decimal(30), rivals, Decimal(40), Decimal(25), Decimal(15), Decimal(2)),
        budgets=(
            Budget("payments", "team", Decimal(100), Decimal(30), Decimal(90)),
            Budget("edge", "stack", Decimal(20), Decimal(15), Decimal(31), stops=True),
            Budget("gpu", "stack", Decimal(20), Decimal(25), Decimal(40)),
        ),
        teams=(CostLine("payments", Decimal(600), Decimal(30), Decimal(29)),),
    )
    words = " ".join(" ".join(Reader(text).texts).split())
    assert "Saved against always on 90.00 USD" in words
    assert "90.00 75 %" in words
    assert "cost more by 10.00" in words
    assert "Doors open 40.0 h, in use 25.0 h, idle 15.0 h; people waited 2.0 h" in words
    assert "30.00 of 100.00 USD (30 %), forecast 90.00" in words
    assert [state for state in ("within", "forecast over", "over") if state in words] == [
        "within",
        "forecast over",
        "over",
    ]
    assert "new requests are refused once it is spent" in words
    assert "By team" in words


def test_every_budget_bar_tells_in_words_what_it_shows() -> None:
    text = with_money(budgets=(Budget("payments", "team", Decimal(100), Decimal(30), Decimal(90)),))
    assert "30.00 of 100.00 USD spent, 90.00 forecast by the month’s end" in text
    named = [value for name, value in Reader(text).attributes if name == "aria-labelledby"]
    ids = {value for name, value in Reader(text).attributes if name == "id"}
    assert {each for value in named for each in str(value).split()} <= ids


def test_no_text_from_anywhere_becomes_anything_but_text() -> None:
    box = NowBox(
        *("s" + HOSTILE, "n" + HOSTILE, "o" + HOSTILE, "p" + HOSTILE, "phase" + HOSTILE, "r" + HOSTILE, "v" + HOSTILE),
        portal_url=f"https://portal.azure.com/{HOSTILE}",
        words=tuple(Word),
    )
    line = CostLine("k" + HOSTILE, Decimal(1), Decimal(1), Decimal(1))
    page = Page(
        Viewer("w" + HOSTILE, "e" + HOSTILE, "t" * 43, "o"),
        Now(
            NOW,
            UTC,
            troubles=(Trouble("alert" + HOSTILE, "what" + HOSTILE, "text" + HOSTILE, NOW, NOW),),
            boxes=(box,),
            standing_boxes=1,
            sessions=(NowSession("s" + HOSTILE, "b" + HOSTILE, "u" + HOSTILE, "ssh" + HOSTILE, NOW, NOW),),
        ),
        replace(
            MONEY,
            currency="C" + HOSTILE,
            days=(DayCost(date(2026, 11, 23), {line.key: Decimal(1)}),),
            meters=(line,),
            people=(line,),
            teams=(line,),
            savings=Savings(Decimal(1), (Rival("r" + HOSTILE, "h" + HOSTILE, Decimal(2)),)),
            budgets=(Budget("b" + HOSTILE, "k" + HOSTILE, Decimal(1), Decimal(1), Decimal(1)),),
        ),
        30,
    )
    harmless = Reader(draw(replace(PAGE, now=page.now, money=page.money)).replace("<script src", "<ours src"))
    drawn = draw(page)
    assert "<script>" not in drawn
    assert drawn.count("<script") == 2
    assert drawn.count("</title>") == drawn.count("<title")
    assert drawn.count("</svg>") == drawn.count("<svg")
    assert "script" not in harmless.tags
    assert not [name for name, _ in harmless.attributes if name.startswith("on") or name == "style"]


@pytest.mark.parametrize("days", [1, 7, 30, 365])
def test_any_number_of_days_can_be_drawn(days: int) -> None:
    costs = tuple(DayCost(date.fromordinal(740_000 + number), {"nat": Decimal(number)}) for number in range(days))
    text = with_money(days=costs)
    assert len(re.findall(r'<g class="bar">', text)) == days
    assert len(re.findall(r"<tr data-day=", text)) == days
