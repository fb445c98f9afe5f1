"""Lists, plans, schedules, costs and the audit: changes when what people read does."""

from __future__ import annotations

import asyncio
import csv
import io
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from lifecycle.costs import GROUPINGS
from lifecycle.model import BoxStatus, StackStatus
from lifecycle.ports import Put, Table
from tests.functions.desk import (
    ALICE,
    BOB,
    ENVIRONMENT,
    OPERATOR,
    READER,
    STORAGE_KEY,
    TEAMS_SECRET,
    Desk,
    Reply,
    with_books,
)

WEEK: dict[str, Any] = {"timeZone": "Europe/Paris", "weekly": [{"days": ["mon"], "from": "09:00", "to": "17:00"}]}


async def follow(desk: Desk, path: str) -> list[dict[str, Any]]:
    """Read a list to its end, page by page."""
    found = []
    while path:
        body = (await desk("GET", path)).body
        found += body["value"]
        link = body["nextLink"]
        path = f"{urlsplit(link).path.removeprefix('/api')}?{urlsplit(link).query}" if link else ""
        assert len(found) < 1000
    return found


# -- lists -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 3, 7, 8, 100])
async def test_who_follows_the_links_sees_every_box_once(limit: int, desk: Desk) -> None:
    for stack in ("a", "a-b", "b"):
        for name in ("x", "x-y", "z")[: 3 if stack != "b" else 1]:
            await desk.make(stack=stack, name=name)
    found = [f"{box['stack']}/{box['name']}" for box in await follow(desk, f"/jumpboxes?limit={limit}")]
    assert sorted(found) == sorted(await desk.all_boxes())
    assert len(set(found)) == len(found) == 7


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_who_follows_the_links_sees_every_stack_once(limit: int, desk: Desk) -> None:
    names = ["a", "a-b", "a0", "b", "main"]
    for name in names:
        await desk.make(stack=name)
    assert [stack["name"] for stack in await follow(desk, f"/stacks?limit={limit}")] == sorted(names)


async def test_a_link_keeps_the_filters(desk: Desk) -> None:
    for number in range(5):
        await desk.make(ALICE, name=f"a{number}")
        await desk.make(BOB, name=f"b{number}")
    found = await follow(desk, "/jumpboxes?owner=alice&limit=2")
    assert [box["name"] for box in found] == [f"a{number}" for number in range(5)]


async def test_a_page_stays_in_step_while_boxes_come_and_go(desk: Desk) -> None:
    for name in ("b", "d", "f"):
        await desk.make(name=name)
    first = (await desk("GET", "/jumpboxes?limit=2")).body
    await desk.make(name="a")
    await desk.make(name="e")
    rest = await follow(desk, "/jumpboxes?" + urlsplit(first["nextLink"]).query)
    assert [box["name"] for box in rest] == ["e", "f"]


async def test_boxes_are_listed_by_owner_phase_and_stack(desk: Desk) -> None:
    await desk.make(ALICE, stack="main")
    await desk.make(BOB, stack="main")
    await desk.make(BOB, stack="other", name="late")
    gone = (await desk.stack("other")).boxes["late"].value.incarnation
    await desk.write_status(StackStatus(boxes={"late": BoxStatus(gone, phase="gone", reason="over")}), "other")

    async def names(query: str) -> set[str]:
        return {box["name"] for box in (await desk("GET", f"/jumpboxes{query}")).body["value"]}

    assert await names("") == {"alice", "bob"}
    assert await names("?owner=Bob") == {"bob"}
    assert await names("?phase=gone") == {"late"}
    assert await names("?phase=gone&owner=alice") == set()
    assert await names("?phase=building") == {"alice", "bob"}
    assert await names("?stack=other") == set()
    assert await names("?stack=main&owner=alice") == {"alice"}
    assert await names("?owner=") == {"alice", "bob"}


async def test_a_stack_and_its_plan_say_what_will_be_done_and_do_nothing(desk: Desk) -> None:
    await desk.make(reason="patching")
    before, rung = await desk.everything(), desk.rung()
    stack = (await desk("GET", "/stacks/main")).body
    assert (stack["name"], stack["boxes"], stack["region"], stack["sku"]) == ("main", ["alice"], "westeurope", "Basic")
    assert [stack["addressRange"]] == await desk.ranges()
    plan = (await desk("GET", "/stacks/main/plan")).body
    assert plan["next"][0]["box"] == "alice"
    assert plan["next"][0]["target"] == "open"
    assert plan["now"] or plan["waiting"]
    assert (await desk.everything(), desk.rung()) == (before, rung)


# -- schedules ---------------------------------------------------------------------------------------------


async def test_a_schedule_is_written_read_followed_and_deleted(desk: Desk) -> None:
    assert (await desk("PUT", "/schedules/paris", WEEK, OPERATOR)).status == 200
    read = await desk("GET", "/schedules/paris", who=READER)
    assert (read.body["name"], read.body["weekly"], read.body["timeZone"]) == ("paris", WEEK["weekly"], "Europe/Paris")
    assert read.headers["ETag"]
    names = [schedule["name"] for schedule in (await desk("GET", "/schedules")).body["value"]]
    assert names == ["always", "never", "office", "paris"]
    assert (await desk.make(schedule="paris")).body["schedule"] == "paris"
    followed = await desk("DELETE", "/schedules/paris", who=OPERATOR)
    assert (followed.status, followed.errors) == (409, {"name"})
    assert "main" in followed.body["detail"]
    await desk("DELETE", "/jumpboxes/main/alice")
    gone = (await desk.stack()).boxes["alice"].value.incarnation
    await desk.write_status(StackStatus(boxes={"alice": BoxStatus(gone, phase="gone", reason="over")}))
    assert (await desk("DELETE", "/schedules/paris", who=OPERATOR)).status == 200
    assert (await desk("GET", "/schedules/paris")).status == 404


async def test_whoever_follows_a_schedule_is_rung_when_it_changes(desk: Desk) -> None:
    await desk("PUT", "/schedules/paris", WEEK, OPERATOR)
    await desk.make(stack="one", schedule="paris")
    await desk.make(stack="two")
    desk.memory.rings.clear()
    desk.later(minutes=1)
    await desk("PUT", "/schedules/paris", {**WEEK, "stopOnly": True}, OPERATOR)
    assert desk.rung() == ["one"]


@pytest.mark.parametrize("verb", ["PUT", "DELETE"])
@pytest.mark.parametrize("name", ["always", "never"])
async def test_what_is_built_in_for_ever_cannot_be_changed(name: str, verb: str, desk: Desk) -> None:
    reply = await desk(verb, f"/schedules/{name}", WEEK, OPERATOR)
    assert (reply.status, reply.errors) == (422, {"name"})
    assert await desk.everything() == []


async def test_the_office_hours_may_be_changed_and_come_back_when_that_is_deleted(desk: Desk) -> None:
    await desk.make()
    before = (await desk("GET", "/schedules/office")).body
    await desk("PUT", "/schedules/office", WEEK, OPERATOR)
    assert (await desk("GET", "/schedules/office")).body["timeZone"] == "Europe/Paris"
    assert (await desk("DELETE", "/schedules/office", who=OPERATOR)).status == 200
    assert (await desk("GET", "/schedules/office")).body == before


async def test_a_schedule_changed_by_another_since_is_not_overwritten(desk: Desk) -> None:
    await desk("PUT", "/schedules/paris", WEEK, OPERATOR)
    tag = (await desk("GET", "/schedules/paris")).headers["ETag"]
    await desk("PUT", "/schedules/paris", {**WEEK, "stopOnly": True}, OPERATOR)
    for verb in ("PUT", "DELETE"):
        reply = await desk(verb, "/schedules/paris", WEEK, OPERATOR, {"If-Match": tag})
        assert (reply.status, reply.errors) == (412, {"If-Match"})
    tag = (await desk("GET", "/schedules/paris")).headers["ETag"]
    assert (await desk("PUT", "/schedules/paris", WEEK, OPERATOR, {"If-Match": tag})).status == 200
    assert (await desk("DELETE", "/schedules/paris", None, OPERATOR, {"If-Match": "*"})).status == 200


@pytest.mark.parametrize("name", ["paris", "office"])
async def test_of_two_who_change_one_version_of_a_schedule_at_once_one_is_refused(name: str, desk: Desk) -> None:
    if name == "paris":
        await desk("PUT", "/schedules/paris", WEEK, OPERATOR)
    tag = {"If-Match": (await desk("GET", f"/schedules/{name}")).headers["ETag"]}
    bodies = [{**WEEK, "timeZone": zone} for zone in ("Europe/Rome", "Europe/Madrid")]
    replies = await asyncio.gather(*(desk("PUT", f"/schedules/{name}", body, OPERATOR, tag) for body in bodies))
    assert sorted(reply.status for reply in replies) == [200, 412]
    winner = next(reply for reply in replies if reply.status == 200)
    assert (await desk("GET", f"/schedules/{name}")).body == winner.body


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "timeZone"),
        ({**WEEK, "timeZone": "Mars/Olympus"}, "timeZone"),
        ({**WEEK, "timeZone": "../etc/passwd"}, "timeZone"),
        ({**WEEK, "weekly": []}, "weekly"),
        ({**WEEK, "weekly": [{"days": ["mon"], "from": "09:00", "to": "09:00"}]}, "weekly[0].to"),
        ({**WEEK, "weekly": [*WEEK["weekly"], {"days": ["mon"], "from": "16:59", "to": "18:00"}]}, "weekly[1]"),
        ({**WEEK, "weekly": [{"days": ["mon"], "from": "9", "to": "17:00"}]}, "weekly[0].from"),
        ({**WEEK, "weekly": [{"days": ["monday"], "from": "09:00", "to": "17:00"}]}, "weekly[0].days"),
        ({**WEEK, "holidays": {"dates": ["2026-02-30"]}}, "holidays.dates[0]"),
        ({**WEEK, "holidays": {"country": "XX"}}, "holidays.country"),
        ({**WEEK, "stopOnly": "yes"}, "stopOnly"),
        ({**WEEK, "colour": "red"}, "colour"),
    ],
)
async def test_a_schedule_that_breaks_a_rule_is_refused_by_field(body: dict[str, Any], field: str, desk: Desk) -> None:
    reply = await desk("PUT", "/schedules/paris", body, OPERATOR)
    assert (reply.status, reply.errors) == (400, {field})
    assert await desk.everything() == []


async def test_a_stored_schedule_that_cannot_be_read_is_shown_with_its_trouble_and_can_be_written_anew(
    desk: Desk,
) -> None:
    await desk("PUT", "/schedules/paris", WEEK, OPERATOR)
    (row,) = [row async for row in desk.tables.scan(Table.SCHEDULES)]
    broken = replace(row, values={**row.values, "body": "{"})
    await desk.tables.commit(Table.SCHEDULES, row.partition, [Put(broken)])
    shown = (await desk("GET", "/schedules/paris")).body
    assert shown["weekly"] == WEEK["weekly"]
    assert "the last good one holds" in shown["trouble"]
    assert (await desk("PUT", "/schedules/paris", WEEK, OPERATOR)).status == 200
    assert "trouble" not in (await desk("GET", "/schedules/paris")).body


async def test_a_schedule_that_does_not_exist_is_not_found(desk: Desk) -> None:
    assert (await desk("GET", "/schedules/paris")).status == 404
    assert (await desk("DELETE", "/schedules/paris", who=OPERATOR)).status == 404
    reply = await desk("PUT", "/schedules/paris", WEEK, OPERATOR, {"If-Match": '"0000000000000000"'})
    assert reply.status == 412


# -- costs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", GROUPINGS)
async def test_costs_are_rows_of_hours_and_money_that_add_up(by: str, desk: Desk) -> None:
    await with_books(desk)
    body = (await desk("GET", f"/costs?from=2026-11-23&to=2026-11-24&by={by}")).body
    assert body["value"]
    for row in body["value"]:
        assert {"key", "hours", "amount", "currency"} <= set(row)
        assert row["currency"] == "USD"
        assert ("meter" in row) == (by == "meter")
    assert body["total"] == pytest.approx(3 * (0.19 + 0.111))
    assert sum(row["amount"] for row in body["value"]) == pytest.approx(body["total"], abs=1e-5)
    assert sum(row["hours"] for row in body["value"]) == pytest.approx(9)


async def test_costs_by_meter_name_the_meter_and_say_where_a_price_is_not_known(desk: Desk) -> None:
    await with_books(desk)
    rows = {row["meter"]: row for row in (await desk("GET", "/costs?by=meter")).body["value"]}
    assert set(rows) == {"bastion.basic", "vm.Standard_D2s_v5", "disk.odd"}
    assert [name for name, row in rows.items() if row["unpriced"]] == ["disk.odd"]


async def test_costs_of_a_period_count_that_period_in_days_of_the_apps_zone(desk: Desk) -> None:
    await with_books(desk, hours=24)

    async def hours(query: str) -> float:
        body = (await desk("GET", f"/costs?{query}")).body
        return sum(float(row["hours"]) for row in body["value"] if row["key"] == "bastion.basic")

    assert await hours("from=2026-11-23&to=2026-11-24") == pytest.approx(10)  # from midnight in Berlin
    assert await hours("from=2026-11-22&to=2026-11-23") == pytest.approx(14)
    assert await hours("from=2026-11-23T08:00:00Z&to=2026-11-23T08:30:00Z") == pytest.approx(0.5)
    assert await hours("") == pytest.approx(24)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("by=colour", "by"),
        ("by=", "by"),
        ("format=xml", "format"),
        ("from=yesterday", "from"),
        ("from=2026-11-31", "from"),
        ("from=", "from"),
        ("to=2026-11-23T00:00:00", "to"),
        ("from=2026-11-24&to=2026-11-23", "to"),
        ("from=2026-11-23&to=2026-11-23", "to"),
        ("from=2020-01-01&to=2026-11-23", "from"),
        ("from=0001-01-01", "from"),
        ("from=0001-01-01T00:00:00%2B14:00", "from"),
        ("to=9999-12-31T23:59:59-14:00", "to"),
        ("to=9999-12-31", "from"),
    ],
)
async def test_a_period_or_grouping_that_is_none_is_refused_by_field(query: str, field: str, desk: Desk) -> None:
    reply = await desk("GET", f"/costs?{query}")
    assert (reply.status, reply.errors) == (400, {field})


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
async def test_a_spreadsheet_runs_nothing_of_the_csv(start: str, desk: Desk) -> None:
    await with_books(desk, owner=f"{start}cmd|'/c calc'!a0,\"x")
    reply = await desk("GET", "/costs?by=owner&format=csv")
    assert reply.content_type.startswith("text/csv")
    assert reply.headers["Content-Disposition"].startswith("attachment")
    header, *rows = list(csv.reader(io.StringIO(reply.text)))
    assert header[:2] == ["key", "hours"]
    assert rows[0][0] == f"'{start}cmd|'/c calc'!a0,\"x"
    assert all(len(row) == len(header) for row in rows)


async def test_a_box_tells_what_it_has_cost(desk: Desk) -> None:
    await with_books(desk)
    cost = (await desk("GET", "/jumpboxes/main/alice")).body["cost"]
    assert cost["amount"] == pytest.approx(3 * (0.19 + 0.111), abs=1e-3)
    assert cost["currency"] == "USD"


# -- the audit ---------------------------------------------------------------------------------------------


async def test_the_audit_lists_who_said_what_in_order_and_chained(desk: Desk) -> None:
    await desk.make(reason="patching")
    await desk("POST", "/jumpboxes/main/alice/extend", {"hours": 1, "reason": "more"}, OPERATOR)
    await desk("POST", "/jumpboxes/main/alice/park")
    await desk("POST", "/jumpboxes/main/alice/wake")
    await desk("DELETE", "/jumpboxes/main/alice", {"reason": "done"})
    await desk("DELETE", "/jumpboxes/main/alice", who=BOB)
    entries = (await desk("GET", "/audit?stack=main", who=READER)).body["value"]
    assert [(entry["actor"], entry["action"], entry["reason"]) for entry in entries] == [
        ("alice", "ask", "patching"),
        ("olga", "extend", "more"),
        ("alice", "park", ""),
        ("alice", "wake", ""),
        ("alice", "retire", "done"),
    ]
    assert [entry["number"] for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry["previous"] for entry in entries] == ["", *(entry["digest"] for entry in entries[:-1])]
    assert (await desk("GET", "/audit?stack=main&day=2026-11-22")).body["value"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [("", "stack"), ("?stack=Main", "stack"), ("?stack=main!2026", "stack"), ("?stack=main&day=today", "day")],
)
async def test_the_audit_is_read_by_stack_and_day(query: str, field: str, desk: Desk) -> None:
    reply = await desk("GET", f"/audit{query}")
    assert (reply.status, reply.errors) == (400, {field})


# -- what nobody reads -------------------------------------------------------------------------------------


async def test_no_answer_tells_a_secret_or_is_kept_by_a_cache(desk: Desk) -> None:
    await with_books(desk)
    replies: list[Reply] = [
        await desk("GET", path)
        for path in (
            *("/jumpboxes", "/jumpboxes/main/alice", "/stacks", "/stacks/main", "/stacks/main/plan"),
            *("/stacks/main/sessions", "/schedules", "/schedules/office", "/costs", "/costs?format=csv"),
            *("/audit?stack=main", "/dashboard", "/openapi.json", "/health", "/jumpboxes/main/nobody"),
        )
    ]
    replies.append(await desk("POST", "/jumpboxes", {"hours": -1}))
    replies.append(await desk("POST", "/teams", {"text": "start"}))
    secrets = {TEAMS_SECRET, STORAGE_KEY, ENVIRONMENT["AzureWebJobsStorage"], *ALICE.values(), "AAAAB3NzaC1yc2E="}
    for reply in replies:
        told = reply.text + repr(dict(reply.headers))
        assert [secret for secret in secrets if secret in told] == []
        assert reply.headers["Cache-Control"] == "no-store"
