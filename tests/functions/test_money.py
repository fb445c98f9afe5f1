"""Savings, budgets, zones, currencies and pages of the bill: changes when what finance reads does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lifecycle.bill import Bill
from lifecycle.ledger import Page, keep, meter_row, running, tenancy_row
from lifecycle.model import OpenMeter, StackStatus
from lifecycle.observation import MeterChange
from lifecycle.ports import Table
from tests.functions.desk import BOB, MONDAY, NO_ROLE, NOBODY, READER, Desk, principal

BUDGETS = {"team/red": {"usd": 1, "stop": True}, "stack/main": {"usd": 100}}
SPENT = {"BUDGETS": json.dumps(BUDGETS), "TEAMS": '{"alice": "red", "@blue.example": "blue"}'}


async def with_a_door(desk: Desk, hours: int = 10) -> None:
    await desk.make(name="alice")
    since = MONDAY - timedelta(hours=hours)
    box = replace((await desk.stack()).boxes["alice"].value, requested_at=since)
    open_meter = OpenMeter("bastion.basic", "/bastion", since, since, MONDAY)
    meters = {"bastion|bastion.basic": open_meter}
    rows = (tenancy_row(box, None), meter_row(MeterChange("bastion", open_meter), {}))
    await keep(
        desk.tables,
        Page("main", rows, (), running("main", "westeurope", StackStatus(meters=meters), {"alice": box}, ["alice"])),
    )


async def watched(desk: Desk) -> Desk:
    assert desk.bell is not None
    await Bill(desk.tables, desk.bell, desk.clock, desk.settings).watch_budgets()
    return desk


async def test_the_answer_says_how_old_its_prices_are_and_that_traffic_is_not_known(desk: Desk) -> None:
    await with_a_door(desk)
    body = (await desk("GET", "/costs")).body
    assert body["pricesAsOf"] == "2026-06-29"
    assert body["pricesAgeDays"] == 147
    assert body["dataTransfer"]["amount"] is None
    assert body["leastTotal"] <= body["total"] == body["totalUsd"]


async def test_a_day_begins_where_the_zone_says(desk: Desk) -> None:
    await with_a_door(desk)
    hours = {}
    for zone in ("Europe/Berlin", "Etc/UTC", "Asia/Tokyo"):
        body = (await desk("GET", f"/costs?by=day&from=2026-11-23&to=2026-11-24&zone={zone}")).body
        assert body["zone"] == zone
        hours[zone] = sum(row["hours"] for row in body["value"])
    assert hours == {"Europe/Berlin": 10, "Etc/UTC": 9, "Asia/Tokyo": 10}


async def test_another_currency_is_shown_beside_the_dollar_which_is_the_truth() -> None:
    desk = Desk({"CURRENCY": "EUR", "EXCHANGE_RATE": "0.9"})
    await with_a_door(desk)
    euro = (await desk("GET", "/costs")).body
    dollar = (await desk("GET", "/costs?currency=USD")).body
    assert (euro["currency"], dollar["currency"]) == ("EUR", "USD")
    assert {row["currency"] for row in euro["value"]} == {"EUR"}
    assert euro["total"] == pytest.approx(0.9 * dollar["total"])
    assert euro["totalUsd"] == dollar["total"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("zone=Mars/Olympus", "zone"),
        ("zone=", "zone"),
        ("zone=../etc/passwd", "zone"),
        ("currency=EUR", "currency"),
        ("currency=usd", "currency"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("limit=" + "9" * 5000, "limit"),
    ],
)
async def test_what_is_no_zone_currency_or_limit_is_refused_by_field(query: str, field: str, desk: Desk) -> None:
    reply = await desk("GET", f"/costs?{query}")
    assert (reply.status, reply.errors) == (400, {field})


async def test_pages_of_a_bill_hold_every_row_once(desk: Desk) -> None:
    await with_a_door(desk, hours=60)
    whole = (await desk("GET", "/costs?by=day")).body["value"]
    link, found = "/costs?by=day&limit=1", list[Any]()
    while link:
        body = (await desk("GET", link)).body
        found += body["value"]
        link = (body["nextLink"] or "").removeprefix("/api")
    assert found == whole
    assert len(found) == 4


async def test_savings_are_told_against_three_rivals(desk: Desk) -> None:
    await with_a_door(desk)
    body = (await desk("GET", "/costs/savings?from=2026-11-22&to=2026-11-24", who=READER)).body
    assert body["actual"] == pytest.approx(1.9)
    assert set(body["rivals"]) == set(body["saved"]) == {"alwaysOn", "runbook", "hub"}
    assert body["rivals"]["hub"] == pytest.approx(1.95)
    assert body["saved"]["hub"] == pytest.approx(0.05)
    assert (body["hoursOpen"], body["hoursUsed"], body["hoursIdleTail"]) == (10, 0, 10)


async def test_budgets_tell_what_is_spent_and_expected() -> None:
    desk = Desk(SPENT)
    await with_a_door(desk)
    main, red = (await desk("GET", "/budgets", who=READER)).body["value"]
    assert (main["scope"], main["name"], main["stopped"], main["reached"]) == ("stack", "main", False, [])
    assert (red["spent"], red["reached"], red["stopped"]) == (pytest.approx(1.9), [80, 100], True)
    assert red["forecast"] > red["spent"]


async def test_a_spent_budget_refuses_new_boxes_of_its_team_and_cuts_none() -> None:
    desk = Desk(SPENT)
    await with_a_door(desk)
    await watched(desk)
    reply = await desk("POST", "/jumpboxes", {"name": "more"})
    assert reply.status == 403
    assert "the budget of team red for 2026-11 is spent: 1.90 of 1.00 USD" in reply.body["detail"]
    assert (await desk("POST", "/jumpboxes", {"name": "bob"}, BOB)).status == 202
    assert (await desk("POST", "/jumpboxes/main/alice/extend", {"hours": 1})).status == 202
    assert (await desk("GET", "/jumpboxes/main/alice")).body["phase"] == "building"
    blue = principal("carol@blue.example")
    assert (await desk("POST", "/jumpboxes", {"name": "carol"}, blue)).status == 202


async def test_a_request_that_was_granted_before_is_granted_again() -> None:
    desk = Desk(SPENT)
    key = {"Idempotency-Key": "one"}
    first = await desk("POST", "/jumpboxes", {"name": "alice"}, headers=key)
    await with_nothing_but_a_spent_budget(desk)
    assert (await desk("POST", "/jumpboxes", {"name": "alice"}, headers=key)).headers == first.headers


async def with_nothing_but_a_spent_budget(desk: Desk) -> None:
    since = MONDAY - timedelta(hours=10)
    box = replace((await desk.stack()).boxes["alice"].value, requested_at=since)
    meters = {"bastion|bastion.basic": OpenMeter("bastion.basic", "/bastion", since, since, MONDAY)}
    runs = running("main", "westeurope", StackStatus(meters=meters), {"alice": box}, ["alice"])
    await keep(desk.tables, Page("main", (), (), runs))
    await watched(desk)
    assert [row async for row in desk.tables.scan(Table.OUTBOX)]


async def test_a_team_is_named_by_person_or_by_domain() -> None:
    desk = Desk(SPENT)
    await with_a_door(desk)
    assert [row["key"] for row in (await desk("GET", "/costs?by=team")).body["value"]] == ["red"]
    assert desk.settings.team_of("carol@blue.example") == "blue"
    assert desk.settings.team_of("dora@green.example") is None


@pytest.mark.parametrize("path", ["/costs/savings", "/budgets"])
async def test_money_is_shown_to_readers_only(path: str, desk: Desk) -> None:
    assert (await desk("GET", path, who=NOBODY)).status == 401
    assert (await desk("GET", path, who=NO_ROLE)).status == 403
