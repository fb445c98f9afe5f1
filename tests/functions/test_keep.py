"""The link in a warning, as whoever has it meets it: they may read, and use it once, and nothing else."""

from __future__ import annotations

import base64
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from lifecycle.links import Keep
from lifecycle.ports import Table
from tests.functions.desk import ADMIN, MONDAY, NOBODY, OPERATOR, Desk, Reply

SECRET = b"thirty-two bytes, and not one less"
SIGNED = {"LINK_SECRET": base64.b64encode(SECRET).decode(), "PUBLIC_URL": "https://jump.example"}
FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "text/html"}
PAGE = {"accept": "text/html"}


@pytest.fixture
def desk() -> Desk:
    return Desk(SIGNED)


async def token_for(desk: Desk, kind: str = "lease", minutes: float = 15, **change: str) -> str:
    box = (await desk.stack()).boxes["alice"].value
    said = {"stack": "main", "box": "alice", "incarnation": box.incarnation, "kind": kind, **change}
    return Keep(**said, until=desk.clock.at + timedelta(minutes=minutes)).token(SECRET)


async def look(desk: Desk, token: str) -> Reply:
    return await desk.raw("GET", f"/keep?{urlencode({'token': token})}", who=NOBODY, headers=PAGE)


async def use(desk: Desk, token: str) -> Reply:
    return await desk.raw("POST", "/keep", urlencode({"token": token}).encode(), NOBODY, FORM)


async def hours(desk: Desk) -> float:
    return (await desk.stack()).boxes["alice"].value.hours


async def test_who_has_a_link_may_read_what_would_happen_without_signing_in_and_reading_changes_nothing(
    desk: Desk,
) -> None:
    await desk.make(hours=4, reason="incident <b>42</b>")
    before = await desk.everything()
    page = await look(desk, await token_for(desk))
    assert page.status == 200
    assert "2026-11-23 09:15 UTC" in page.text
    assert "incident &lt;b&gt;42&lt;/b&gt;" in page.text
    assert 'method="post"' in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert await desk.everything() == before


async def test_a_link_lengthens_the_lease_once(desk: Desk) -> None:
    await desk.make(hours=4)
    token = await token_for(desk)
    kept = await use(desk, token)
    assert kept.status == 200
    assert "6 hours long" in kept.text
    again = await use(desk, token)
    assert again.status == 409
    assert "used already" in again.text
    assert await hours(desk) == 6
    assert "used already" in (await look(desk, token)).text


async def test_a_link_holds_a_box_over_its_closing(desk: Desk) -> None:
    await desk.make()
    await use(desk, await token_for(desk, "cut"))
    held = (await desk.stack()).boxes["alice"].value.hold_until
    assert held == MONDAY + timedelta(hours=2, minutes=15)


async def test_using_a_link_is_on_record_and_its_token_is_nowhere(desk: Desk) -> None:
    await desk.make()
    token = await token_for(desk)
    await use(desk, token)
    rows = await desk.everything()
    assert any(table == Table.AUDIT and row.values.get("action") == "keep" for table, row in rows)
    assert all(token not in str(row.values) and token.partition(".")[2] not in str(row.values) for _, row in rows)


@pytest.mark.parametrize("token", ["", "x", "a.b", "é.é", "x" * 5000])
async def test_a_link_that_is_none_is_not_found_and_changes_nothing(token: str, desk: Desk) -> None:
    await desk.make()
    before = await desk.everything()
    assert (await look(desk, token)).status == 404
    assert (await use(desk, token)).status in (404, 413)
    assert await desk.everything() == before


async def test_a_link_ends_with_its_deadline(desk: Desk) -> None:
    await desk.make()
    token = await token_for(desk)
    desk.later(minutes=15)
    assert (await look(desk, token)).status == 404
    assert (await use(desk, token)).status == 404


async def test_a_link_is_for_the_very_box_it_was_made_for(desk: Desk) -> None:
    await desk.make(hours=4)
    assert (await use(desk, await token_for(desk, incarnation="another"))).status == 409
    assert await hours(desk) == 4


async def test_a_retired_box_is_not_brought_back_by_a_link(desk: Desk) -> None:
    await desk.make(hours=4)
    token = await token_for(desk)
    await desk("DELETE", "/jumpboxes/main/alice")
    assert (await use(desk, token)).status == 409
    assert await hours(desk) == 4


async def test_a_lease_of_the_greatest_length_grows_by_no_link(desk: Desk) -> None:
    await desk.make(hours=48)
    assert (await use(desk, await token_for(desk))).status == 422


async def test_a_forged_principal_beside_a_bad_link_opens_nothing(desk: Desk) -> None:
    await desk.make()
    for who in (ADMIN, OPERATOR):
        assert (await desk.raw("POST", "/keep", b"token=forged", who, FORM)).status == 404


async def test_where_no_secret_is_set_there_are_no_links() -> None:
    desk = Desk()
    await desk.make()
    assert (await look(desk, await token_for(desk))).status == 404
