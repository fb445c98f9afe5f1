"""The page as text: who gets which buttons, what a form must prove, and what a browser is told to allow."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle import troubles
from lifecycle.board import note_of, write_note
from lifecycle.model import Block, BoxStatus, Level, Seen, Sighting, StackStatus, Verb
from lifecycle.notices import Notice, tell
from lifecycle.web.static_files import FILES, FOLDER
from tests.functions.desk import (
    ALICE,
    BOB,
    MONDAY,
    NO_ROLE,
    NOBODY,
    OPERATOR,
    READER,
    Desk,
    Principal,
    Reply,
    principal,
    with_books,
)

ROOT = Path(__file__).parents[2]
HOSTILE = '<script>alert("1")</script>'
TOKEN = "t" * 43
COOKIE = {"cookie": f"other=1; __Host-jumpboxes-form={TOKEN}"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
OURS = {**COOKIE, **FORM, "sec-fetch-site": "same-origin"}
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def press(
    desk: Desk, word: str = "park", who: Principal = ALICE, box: str = "main/alice", **change: str | None
) -> Reply:
    """Send a form as our page would; ``change`` alters fields (None: left out)."""
    form = {"token": TOKEN, "once": "o1", "hours": "2", **change}
    return await send(desk, {name: value for name, value in form.items() if value is not None}, word, who, box)


async def send(
    desk: Desk,
    form: dict[str, str],
    word: str = "park",
    who: Principal = ALICE,
    box: str = "main/alice",
    headers: dict[str, str] = OURS,
) -> Reply:
    return await desk("POST", f"/dashboard/{box}/{word}", urlencode(form).encode(), who, headers)


def buttons(page: Reply) -> set[str]:
    return set(re.findall(r'(?:formaction|action)="/api/dashboard/([^"]+)"', page.text))


# -- what is shown -----------------------------------------------------------------------------------------


async def test_the_page_shows_hostile_texts_as_texts(desk: Desk) -> None:
    await desk.make(principal(f"eve{HOSTILE}"), reason=f"{HOSTILE} ' onload='x")
    assert (await desk.stack()).boxes
    page = await desk("GET", "/dashboard", who=principal(f"eve{HOSTILE}", "reader"))
    assert page.status == 200
    assert page.content_type.startswith("text/html")
    assert not re.search(r"<script(?! src=)", page.text)
    assert page.text.count("&lt;script&gt;alert(&#34;1&#34;)") >= 3
    assert "' onload='x" not in page.text


async def test_a_browser_may_run_and_load_nothing_but_our_own_files(desk: Desk) -> None:
    page = await desk("GET", "/dashboard")
    policy = dict(part.strip().partition(" ")[::2] for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        **dict.fromkeys(("style-src", "script-src", "img-src", "connect-src", "form-action"), "'self'"),
        **dict.fromkeys(("base-uri", "frame-ancestors"), "'none'"),
    }
    assert not re.search(r"<style|javascript:|\son\w+=|\sstyle=|@import|<base", page.text, re.IGNORECASE)
    loaded = re.findall(r'<(?:script|link|img)[^>]* (?:src|href)="([^"]+)"', page.text)
    assert loaded
    assert all(address.startswith("/api/static/") for address in loaded)
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "same-origin"


async def test_the_page_shows_live_boxes_and_what_they_cost(desk: Desk) -> None:
    await with_books(desk)
    text = (await desk("GET", "/dashboard")).text
    assert "main/alice" in text
    assert "bastion.basic" in text
    assert "no price" in text


@pytest.mark.parametrize("days", [7, 30, 90, 365])
@pytest.mark.parametrize("by", ["meter", "owner"])
async def test_the_page_shows_the_figures_of_the_api_for_the_period_it_names(days: int, by: str, desk: Desk) -> None:
    await with_books(desk, hours=24 * 40)
    text = (await desk("GET", f"/dashboard?days={days}")).text
    address = unescape(re.findall(r'href="/api(/costs\?[^"]+)"', text)[0])
    body = (await desk("GET", address.replace("by=meter", f"by={by}"))).body
    assert body["value"]
    for row in body["value"]:
        cells = text.split(f'data-key="{row["key"]}"')[1].split("</tr>")[0]
        assert f"{row['amount']:,.2f}" in cells or row["unpriced"]
    assert re.search(rf'data-figure="total">{body["total"]:,.2f} ', text)


async def test_of_many_stacks_those_in_trouble_and_ones_own_are_read_and_all_are_counted(desk: Desk) -> None:
    for number in range(30):
        stack = f"s{number:02}"
        await desk.make(ALICE if number == 28 else BOB, stack=stack, name="one")
        boxes = {name: box.value for name, box in (await desk.stack(stack)).boxes.items()}
        known = BoxStatus(boxes["one"].incarnation, Level.OPEN, Level.OPEN, "ready", "open")
        block = Block(Verb.PUT, "SkuNotAvailable", "not here", 2, MONDAY + timedelta(hours=1), shown=True)
        blocks = {"vm!one": block} if number == 29 else {}
        status = StackStatus(boxes={"one": known}, blocks=blocks, look_again_at=MONDAY + timedelta(hours=1))
        await desk.write_status(status, stack)
        await write_note(desk.tables, stack, note_of(boxes, status))
    await troubles.note(desk.tables, "s29", MONDAY)
    text = (await desk("GET", "/dashboard")).text
    assert re.findall("<h3>(s[0-9]+)/one</h3>", text) == ["s28", *[f"s{n:02}" for n in range(22)], "s29"]
    assert "s29/one: vm</strong> SkuNotAvailable" in text
    assert "and 6 more; <code>GET /api/jumpboxes</code>" in text
    assert "<strong>30</strong> of 30" in text
    mine = (await desk("GET", "/dashboard?whose=mine")).text
    assert re.findall("<h3>(s[0-9]+)/one</h3>", mine) == ["s28"]


async def test_without_boxes_the_page_says_how_to_ask_for_one(desk: Desk) -> None:
    text = (await desk("GET", "/dashboard", who=READER)).text
    assert "POST /api/jumpboxes" in text
    assert "Nothing has billed" in text


async def test_what_needs_a_person_comes_before_what_does_not(desk: Desk) -> None:
    await desk.make(ALICE)
    await desk.make(BOB)
    marks = {name: box.value.incarnation for name, box in (await desk.stack()).boxes.items()}
    block = Block(Verb.PUT, "SkuNotAvailable", f"not here {HOSTILE}", 2, MONDAY + timedelta(hours=1), shown=True)
    await desk.write_status(
        StackStatus(
            look_again_at=MONDAY - timedelta(hours=1),
            parts={"vnet": Seen("/vnet", Sighting.FOREIGN, MONDAY)},
            blocks={"vm!bob": block},
            boxes={
                "alice": BoxStatus(marks["alice"], Level.OPEN, Level.OPEN, "ready", "open"),
                "bob": BoxStatus(marks["bob"], phase="blocked", reason="SkuNotAvailable: not here"),
            },
        )
    )
    await tell(desk.tables, desk.memory, Notice("alert", "main", "", "operators", "a message failed", "t"), MONDAY)
    text = (await desk("GET", "/dashboard")).text
    order = [
        text.index(words)
        for words in (
            "main/bob: vm</strong> SkuNotAvailable: not here &lt;script&gt;",
            "main: vnet</strong> exists under the name",
            "nobody has looked at this stack",
            "a message failed",
            "<h3>main/bob</h3>",
            "<h3>main/alice</h3>",
        )
    ]
    assert order == sorted(order)


async def test_mine_are_the_viewers_own_boxes(desk: Desk) -> None:
    await desk.make(ALICE)
    await desk.make(BOB)
    text = (await desk("GET", "/dashboard?whose=mine", who=BOB)).text
    assert re.findall(r"<h3>(main/\w+)</h3>", text) == ["main/bob"]


async def test_the_part_about_now_comes_alone_for_who_freshens_it(desk: Desk) -> None:
    await desk.make()
    part = await desk("GET", "/dashboard?part=now")
    assert "main/alice" in part.text
    assert "<html" not in part.text
    assert "By person" not in part.text


@pytest.mark.parametrize("query", ["days=8", "days=", "whose=bob", "part=x", "colour=red"])
async def test_a_query_nobody_knows_is_refused(query: str, desk: Desk) -> None:
    assert (await desk("GET", f"/dashboard?{query}")).status == 400


async def test_no_link_can_put_words_of_its_own_on_the_page(desk: Desk) -> None:
    for query in ("said=call+0800&at=main/alice", "said=park&at=call+0800/now", "said=park&at=main"):
        text = (await desk("GET", f"/dashboard?{query}")).text
        assert "0800" not in text
        assert "Noted" not in text
    assert "Noted" in (await desk("GET", "/dashboard?said=park&at=main/alice")).text


# -- problems ----------------------------------------------------------------------------------------------


async def test_a_browser_gets_a_problem_as_a_page_and_anybody_else_as_a_problem(desk: Desk) -> None:
    for headers, kind in ((BROWSER, "text/html; charset=utf-8"), ({}, "application/problem+json")):
        answer = await desk.raw("GET", "/dashboard?days=8", who=ALICE, headers=headers)
        assert (answer.status, answer.content_type) == (400, kind)
        assert "must be one of 7, 30, 90, 365" in answer.text
    answer = await desk.raw("GET", "/dashboard", who=NOBODY, headers=BROWSER)
    assert answer.status == 401
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert (await desk("GET", "/jumpboxes", who=NOBODY, headers=BROWSER)).status == 401


# -- buttons -----------------------------------------------------------------------------------------------


async def test_buttons_are_for_who_may_press_them(desk: Desk) -> None:
    await desk.make(ALICE)
    every = {f"main/alice/{word}" for word in ("extend", "park", "retire")}
    assert buttons(await desk("GET", "/dashboard")) == every
    assert buttons(await desk("GET", "/dashboard", who=OPERATOR)) == every
    assert buttons(await desk("GET", "/dashboard", who=BOB)) == set()
    assert buttons(await desk("GET", "/dashboard", who=READER)) == set()


@pytest.mark.parametrize(("word", "field"), [("wake", "hold_until"), ("park", "parked_at"), ("retire", "retired_at")])
async def test_a_button_does_what_its_endpoint_does_and_leads_back(word: str, field: str, desk: Desk) -> None:
    await desk.make()
    reply = await press(desk, word)
    assert (reply.status, reply.headers["Location"]) == (303, f"/api/dashboard?said={word}&at=main/alice")
    assert getattr((await desk.stack()).boxes["alice"].value, field) is not None


async def test_a_form_sent_twice_counts_once(desk: Desk) -> None:
    await desk.make(hours=4)
    for _ in range(2):
        assert (await press(desk, "extend", hours="1.5")).status == 303
    assert (await desk.stack()).boxes["alice"].value.hours == 5.5
    await press(desk, "extend", hours="1.5", once="o2")
    assert (await desk.stack()).boxes["alice"].value.hours == 7


async def test_an_end_is_of_the_box_that_was_looked_at(desk: Desk) -> None:
    await desk.make()
    page = (await desk("GET", "/dashboard")).text
    version = unescape(re.findall(r'name="version" value="([^"]+)"', page)[0])
    await desk("POST", "/jumpboxes/main/alice/extend", {"hours": 1})
    assert (await press(desk, "retire", version=version, hours=None, once=None)).status == 412
    assert (await desk.stack()).boxes["alice"].value.retired_at is None


@pytest.mark.parametrize("who", [BOB, READER, NO_ROLE, NOBODY], ids=["another", "reader", "no role", "nobody"])
async def test_nobody_else_may_press_it(who: Principal, desk: Desk) -> None:
    await desk.make()
    before = await desk.everything()
    assert (await press(desk, who=who)).status in (401, 403)
    assert await desk.everything() == before


ELSEWHERE: dict[str, dict[str, str]] = {
    "another site": {**OURS, "sec-fetch-site": "cross-site"},
    "a sister site": {**OURS, "sec-fetch-site": "same-site"},
    "a typed address": {**OURS, "sec-fetch-site": "none"},
    "another origin": {**COOKIE, **FORM, "origin": "https://evil.example"},
    "another port": {**COOKIE, **FORM, "origin": "https://app.example:8443"},
    "a hidden origin": {**COOKIE, **FORM, "origin": "null"},
    "nowhere": {**COOKIE, **FORM},
    "a page of ours that said otherwise too": {**OURS, "sec-fetch-site": "cross-site", "origin": "https://app.example"},
    "no cookie": {**FORM, "sec-fetch-site": "same-origin"},
    "a broken cookie": {**FORM, "sec-fetch-site": "same-origin", "cookie": "__Host-jumpboxes-form=x"},
    "another cookie": {**FORM, "sec-fetch-site": "same-origin", "cookie": f"__Host-jumpboxes-form={'u' * 43}"},
    "a cookie that anybody could set": {
        **FORM,
        "sec-fetch-site": "same-origin",
        "cookie": f"jumpboxes-form={TOKEN}",
    },
}


@pytest.mark.parametrize("headers", ELSEWHERE.values(), ids=ELSEWHERE)
async def test_a_form_that_is_not_proved_to_be_ours_is_refused(headers: dict[str, str], desk: Desk) -> None:
    await desk.make()
    before = await desk.everything()
    assert (await send(desk, {"token": TOKEN}, headers=headers)).status == 403
    assert await desk.everything() == before


async def test_where_a_browser_does_not_say_the_site_its_origin_counts(desk: Desk) -> None:
    await desk.make()
    headers = {**COOKIE, **FORM, "origin": "https://app.example"}
    assert (await send(desk, {"token": TOKEN}, headers=headers)).status == 303


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({}, 403),
        ({"token": ""}, 403),
        ({"token": TOKEN, "colour": "red"}, 400),
        ({"token": TOKEN, "hours": "many"}, 400),
        ({"token": TOKEN, "hours": "nan"}, 400),
        ({"token": TOKEN, "hours": "-1"}, 400),
        ({"token": TOKEN, "hours": "1000"}, 422),
        ({"token": TOKEN, "hours": "2", "once": "x" * 9000}, 413),
    ],
)
async def test_a_form_that_breaks_a_rule_changes_nothing(form: dict[str, str], status: int, desk: Desk) -> None:
    await desk.make()
    before = await desk.everything()
    assert (await send(desk, form, "wake")).status == status
    assert await desk.everything() == before


@given(body=st.binary(max_size=200))
async def test_no_bytes_at_all_make_a_form_fail_unread(body: bytes) -> None:
    desk = Desk()
    assert (await desk("POST", "/dashboard/main/alice/park", body, ALICE, OURS)).status in (400, 403, 404)


@pytest.mark.parametrize(
    "path", ["/dashboard/main/alice/explode", "/dashboard/Main/alice/park", "/dashboard/main/x/park"]
)
async def test_what_does_not_exist_has_no_button(path: str, desk: Desk) -> None:
    await desk.make()
    assert (await desk("POST", path, urlencode({"token": TOKEN}).encode(), ALICE, OURS)).status == 404


async def test_the_token_is_kept_while_the_browser_has_it_and_out_of_reach_of_scripts_and_others(desk: Desk) -> None:
    await desk.make()
    first = await desk("GET", "/dashboard")
    name, _, rest = first.headers["Set-Cookie"].partition("=")
    token, *attributes = rest.split("; ")
    assert name == "__Host-jumpboxes-form"
    assert set(attributes) == {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"}
    assert f'name="token" value="{token}"' in first.text
    again = await desk("GET", "/dashboard", headers={"cookie": f"{name}={token}"})
    assert f'name="token" value="{token}"' in again.text
    assert token not in (await desk("GET", "/dashboard")).text


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_no_other_sites_page_may_change_anything_with_a_persons_cookie(site: str, desk: Desk) -> None:
    headers = {"sec-fetch-site": site, "content-type": "text/plain"}
    assert (await desk("POST", "/jumpboxes", {}, ALICE, headers)).status == 403
    assert await desk.everything() == []
    assert (await desk("GET", "/jumpboxes", headers=headers)).status == 200


# -- style and script --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
async def test_our_files_are_kept_for_good_under_their_version_and_asked_after_without(name: str, desk: Desk) -> None:
    page = (await desk("GET", "/dashboard")).text
    plain = await desk("GET", f"/static/{name}", who=NOBODY)
    assert (plain.status, plain.headers["Cache-Control"]) == (200, "no-cache")
    assert plain.text.encode() == (FOLDER / name).read_bytes()
    assert plain.headers["X-Content-Type-Options"] == "nosniff"
    for address in re.findall(rf'"/api(/static/{re.escape(name)}\?v=\w+)"', page):
        assert "immutable" in (await desk("GET", address)).headers["Cache-Control"]
    tag = {"if-none-match": f'"x", {plain.headers["ETag"]}'}
    again = await desk("GET", f"/static/{name}", headers=tag)
    assert (again.status, again.text) == (304, "")
    assert (await desk("GET", f"/static/{name}?v=old")).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["..%2Fpage.py", "dashboard.html", "page.css.map", "%2Fetc%2Fpasswd", "PAGE.CSS"])
async def test_nothing_else_of_the_folder_can_be_had(name: str, desk: Desk) -> None:
    assert (await desk("GET", f"/static/{name}", who=NOBODY)).status == 404


def test_every_file_of_the_folder_is_on_the_list() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(FILES)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("uplot.js", "dist/uPlot.iife.min.js"),
        ("uplot.css", "dist/uPlot.min.css"),
        ("uplot-license.txt", "LICENSE"),
    ],
)
def test_the_chart_library_is_the_one_of_the_lock_file_unchanged(name: str, source: str) -> None:
    package = ROOT / "node_modules" / "uplot"
    if not package.exists():
        pytest.skip("node_modules has no uplot: `make test` installs it")
    assert (FOLDER / name).read_bytes() == (package / source).read_bytes()
