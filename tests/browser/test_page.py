"""The page in a real browser: what people see, can reach and can press, with and without script."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lifecycle.web.figures import hours, money
from tests.browser.conftest import PHONE, Visit
from tests.browser.sample import ADA, HOSTILE

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
SEEN = """
addEventListener("securitypolicyviolation", (event) => {
  document.documentElement.dataset.violated = `${event.violatedDirective} ${event.blockedURI}`;
});
"""
FORM_ELSEWHERE = """(address) => {
  const form = document.createElementNS("http://www.w3.org/1999/xhtml", "form");
  form.method = "post";
  form.action = address;
  document.documentElement.append(form);
  form.submit();
}"""
WHERE = r"""(() => {
  const at = document.activeElement;
  const text = at.textContent.trim().split(/\s+/).join(" ");
  return {name: at.tagName, text, outline: getComputedStyle(at).outlineStyle};
})()"""
PAGES = ["/api/dashboard", "/api/dashboard?days=365&whose=mine", "/api/dashboard?said=park&at=main/ada"]


async def api(page: Page, path: str) -> Any:
    """Ask the API as the person who looks at the page."""
    answer = await page.request.get(f"{page.url.partition('/api')[0]}/api{path}")
    assert answer.ok, await answer.text()
    return await answer.json()


async def figure(page: Page, name: str) -> str:
    text = await page.locator(f"[data-figure={name}]").text_content()
    return (text or "").partition(" ")[0].strip()


async def rows(page: Page, table: str) -> dict[str, list[str]]:
    found = {}
    for row in await page.locator(f"[data-table={table}] tbody tr").all():
        cells = [" ".join(text.split()) for text in await row.locator("td").all_inner_texts()]
        found[str(await row.get_attribute("data-key"))] = cells
    return found


async def wait_for(page: Page, box: str, phase: str) -> None:
    await page.locator(f"[data-box='{box}'][data-phase='{phase}']").wait_for()


# -- the same facts as the API -----------------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("days", [7, 30])
async def test_the_page_shows_the_figures_of_the_api(script: bool, days: int, busy: Visit) -> None:
    page = await busy(f"/api/dashboard?days={days}", script=script)
    period = str(await page.get_by_role("link", name="JSON").get_attribute("href")).removeprefix("/api")
    for by, table in (("meter", "by-meter"), ("owner", "by-person")):
        body = await api(page, period.replace("by=meter", f"by={by}"))
        assert await figure(page, "total") == f"{body['total']:,.2f}"
        shown = await rows(page, table)
        assert list(shown) == [row["key"] for row in sorted(body["value"], key=lambda row: -row["amount"])]
        for row in body["value"]:
            assert shown[row["key"]] == [hours(Decimal(str(row["hours"]))), money(Decimal(str(row["amount"])))]
    by_day = await api(page, period.replace("by=meter", "by=day"))
    await page.get_by_text("Figures by day").click()
    for row in by_day["value"]:
        cells = await page.locator(f"tr[data-day='{row['key']}'] td").all_inner_texts()
        assert cells[-1] == money(Decimal(str(row["amount"])))
    assert await page.locator("[data-days] tbody tr").count() == days


async def test_the_page_shows_the_boxes_of_the_api_in_their_phases(busy: Visit) -> None:
    page = await busy()
    boxes = {f"{box['stack']}/{box['name']}": box for box in (await api(page, "/jumpboxes"))["value"]}
    assert {"ready", "warm", "parked", "building", "blocked"} <= {box["phase"] for box in boxes.values()}
    assert await page.locator("[data-box]").count() == len(boxes)
    for name, box in boxes.items():
        card = page.locator(f"[data-box='{name}']")
        text = await card.inner_text()
        assert await card.get_attribute("data-phase") == box["phase"]
        assert " ".join(box["reason"].split()) in " ".join(text.split())
        assert box["owner"].split("<", maxsplit=1)[0] in text
        instants = [await each.get_attribute("datetime") for each in await card.locator("time").all()]
        assert box["changesAt"] is None or box["changesAt"] in instants


async def test_without_boxes_the_page_says_how_to_ask_for_one(quiet: Visit) -> None:
    page = await quiet()
    assert await page.get_by_text("No boxes, and nothing that bills for one.").is_visible()
    assert await page.locator("svg[role=img]").count() == 0


# -- for everybody -----------------------------------------------------------------------------------------


async def test_every_chart_tells_in_words_what_it_shows(busy: Visit) -> None:
    page = await busy()
    charts = await page.locator("svg:not([aria-hidden=true])").all()
    assert charts
    for chart in charts:
        assert await chart.get_attribute("role") == "img"
        for name in str(await chart.get_attribute("aria-labelledby")).split():
            assert (await page.locator(f"#{name}").text_content() or "").strip()
    total = await figure(page, "total")
    assert f"In all {total} USD" in str(await page.locator("#days-desc").text_content())
    assert await page.locator("[data-days]").count() == 1


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", [PAGES[0], PAGES[2]], ids=["page", "confirmed"])
async def test_axe_finds_nothing_serious(dark: bool, path: str, busy: Visit) -> None:
    if not AXE.exists():
        pytest.skip("node_modules has no axe-core: `make test` installs it")
    page = await busy(path, f"{ADA.name}:operator", dark=dark)
    for summary in await page.locator("details > summary").all():
        await summary.click()
    assert await serious(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_axe_finds_nothing_serious_on_the_empty_page(dark: bool, quiet: Visit) -> None:
    if not AXE.exists():
        pytest.skip("node_modules has no axe-core: `make test` installs it")
    assert await serious(await quiet(dark=dark)) == []


async def serious(page: Page) -> list[str]:
    """Have axe-core look; it is put in by the test's own channel, which no policy of the page concerns."""
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {json.dumps([node['html'][:120] for node in each['nodes']][:5])}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("path", PAGES)
async def test_at_the_width_of_a_phone_nothing_sticks_out(path: str, script: bool, busy: Visit) -> None:
    page = await busy(path, f"{ADA.name}:operator", size=PHONE, script=script)
    for summary in await page.locator("details > summary").all():
        await summary.click()
    width = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1] == PHONE[0]


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(busy: Visit) -> None:
    page = await busy()
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to the boxes"
    await page.keyboard.press("Enter")
    reached = set()
    for _ in range(60):
        await page.keyboard.press("Tab")
        at = await page.evaluate(WHERE)
        if at["name"] == "BODY":
            break
        assert at["outline"] != "none", at
        reached.add(at["text"])
    assert {"Mine", "Keep open main/ada", "Extend the lease of main/ada", "Park main/ada", "Figures by day"} <= reached


# -- nothing but ours runs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
async def test_the_browser_has_nothing_to_report_against_the_policy(path: str, busy: Visit) -> None:
    page = await busy()
    await page.context.add_init_script(SEEN)
    await page.goto(f"{busy.address}{path}")
    await page.get_by_role("button", name="Look into the days").click()
    await page.locator(".u-legend").wait_for()
    assert await page.locator("html").get_attribute("data-violated") is None


async def test_what_people_write_is_text_wherever_it_stands(busy: Visit) -> None:
    page = await busy()
    card = page.locator("[data-box='main/eve']")
    assert HOSTILE in str(await card.text_content())
    assert HOSTILE in str(await page.locator(".troubles").text_content())
    assert HOSTILE in str(await page.locator("[data-table=by-person]").text_content())
    assert await page.locator("img[src=x], script:not([src])").count() == 0


# -- what the script adds ----------------------------------------------------------------------------------


async def test_the_days_can_be_looked_into_with_the_figures_of_the_table(busy: Visit) -> None:
    page = await busy()
    await page.get_by_role("button", name="Look into the days").click()
    chart = page.locator(".u-over")
    await chart.wait_for()
    await chart.scroll_into_view_if_needed()
    place = await chart.bounding_box()
    assert place
    await page.mouse.move(place["x"] + place["width"] - 1, place["y"] + 20)
    told = [text.strip() for text in await page.locator(".u-legend .u-value").all_inner_texts()]
    await page.get_by_text("Figures by day").click()
    cells = await page.locator("[data-days] tbody tr").first.locator("td").all_inner_texts()
    assert [text.replace("0.00", "–") for text in told[1:]] == cells[:-1]


# -- buttons -----------------------------------------------------------------------------------------------


async def test_a_reader_has_no_buttons_and_a_user_those_of_their_own_boxes(busy: Visit) -> None:
    assert await (await busy(who="rita:reader")).locator("form").count() == 0
    page = await busy()
    mine = await page.locator("[data-box]", has=page.locator("form")).evaluate_all("all => all.map(e => e.dataset.box)")
    assert mine == ["main/ada"]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_an_extension_is_pressed_and_confirmed(script: bool, busy: Visit) -> None:
    before = (await busy.world.stack("main")).boxes["ada"].value.hours
    page = await busy(script=script)
    card = page.locator("[data-box='main/ada']")
    await card.get_by_label("Hours").fill("1.5")
    await card.get_by_role("button", name="Extend").click()
    await page.get_by_text("Noted: extend the lease of main/ada").wait_for()
    assert (await busy.world.stack("main")).boxes["ada"].value.hours == before + 1.5


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_a_box_is_ended_only_after_a_second_look(script: bool, busy: Visit) -> None:
    name = f"short{'s' if script else 'n'}"
    where = await busy.world.ask(ADA, stack="main", name=name, hours=1)
    page = await busy(script=script)
    card = page.locator(f"[data-box='{where.stack}/{name}']")
    button = card.get_by_role("button", name=f"End main/{name} for good")
    assert not await button.is_visible()
    await card.get_by_text("End …").click()
    await button.click()
    await page.get_by_text(f"Noted: end main/{name}").wait_for()
    assert (await busy.world.stack("main")).boxes[name].value.retired_at is not None


async def test_a_refusal_is_a_page_that_says_why_and_leads_back(busy: Visit) -> None:
    page = await busy()
    card = page.locator("[data-box='main/ada']")
    await page.evaluate("document.querySelector('[data-box=\"main/ada\"] input[type=number]').max = 1e6")
    await card.get_by_label("Hours").fill("5000")
    await card.get_by_role("button", name="Extend").click()
    await page.get_by_role("heading", name="Not possible by the rules of this deployment").wait_for()
    busy.complaints[:] = [said for said in busy.complaints if "status of 422" not in said]
    await page.get_by_role("link", name="Back to the page").click()
    await page.locator("[data-box='main/ada']").wait_for()


async def test_another_sites_page_presses_nothing(busy: Visit) -> None:
    before = (await busy.world.stack("main")).boxes["ada"].value
    page = await busy()
    await page.goto(f"{busy.address.replace('127.0.0.1', 'localhost')}/api/static/icon.svg")
    async with page.expect_navigation():
        await page.evaluate(FORM_ELSEWHERE, f"{busy.address}/api/dashboard/main/ada/park")
    assert await page.get_by_text("another site's page must not change anything here").is_visible()
    busy.complaints[:] = [said for said in busy.complaints if "status of 40" not in said]  # refused; no favicon.ico
    assert (await busy.world.stack("main")).boxes["ada"].value == before
