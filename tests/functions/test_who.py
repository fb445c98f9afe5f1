"""Who is let in, and who may what: changes when a role's rights do."""

from __future__ import annotations

import base64
import json

import pytest

from lifecycle.model import OpenSession, StackStatus
from lifecycle.web.identity import LARGEST_PRINCIPAL
from lifecycle.web.openapi import ROUTES
from tests.functions.desk import (
    ADMIN,
    ALICE,
    BOB,
    MONDAY,
    NO_ROLE,
    NOBODY,
    OPERATOR,
    PRINCIPAL,
    READER,
    Desk,
    Principal,
    principal,
)

OPEN_TO_ALL = {"alive", "health", "keep_page", "openapi", "static_file", "teams", "use_link"}
WEEK = {"timeZone": "UTC", "weekly": [{"days": ["mon"], "from": "09:00", "to": "17:00"}]}
BODIES = {
    "extend_jumpbox": {"hours": 1},
    "create_jumpbox": {},
    "put_schedule": WEEK,
    "exempt_stack": {"hours": 1},
    "follow_schedule": {"schedule": "always", "hours": 1},
    "lift_bound": {"hours": 1},
}
OPERATORS = ("put_schedule", "delete_schedule", "exempt_stack", "lift_bound")
READS = [route for route in ROUTES if route[1] == "get" and route[0] not in OPEN_TO_ALL]
WRITES = [route for route in ROUTES if route[1] != "get" and route[0] not in OPEN_TO_ALL]
ids = [route[0] for route in READS + WRITES]


def at(path: str) -> str:
    filled = (
        path.replace("{stack}", "main")
        .replace("{name}", "alice")
        .replace("{session_id}", "s1")
        .replace("{word}", "park")
    )
    return f"{filled}?stack=main" if path == "/audit" else filled


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


UNREADABLE = {
    "missing": NOBODY,
    "empty": {PRINCIPAL: ""},
    "not base64": {PRINCIPAL: "{}"},
    "not JSON": {PRINCIPAL: base64.b64encode(b"alice").decode()},
    "a list": {PRINCIPAL: encoded([])},
    "without claims": {PRINCIPAL: encoded({"user": "alice", "roles": ["admin"]})},
    "without a name": {PRINCIPAL: encoded({"claims": [{"typ": "roles", "val": "admin"}]})},
    "too large": principal("alice", "x" * LARGEST_PRINCIPAL),
    "a mere name": {"x-ms-client-principal-name": "alice", "x-ms-client-principal-id": "1"},
    "a token of the sandbox": {"authorization": "Bearer sandbox:alice:admin"},
}


async def with_session(desk: Desk) -> None:
    """Have two boxes, of two people, and a session on alice's."""
    await desk.make(ALICE)
    await desk.make(BOB)
    session = OpenSession("alice", "alice", "SSH", MONDAY, MONDAY)
    await desk.write_status(StackStatus(sessions={"s1": session}, sessions_at=MONDAY))


@pytest.mark.parametrize("who", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("route", READS + WRITES, ids=ids)
async def test_who_cannot_be_told_is_let_in_nowhere(route: tuple[str, str, str], who: Principal, desk: Desk) -> None:
    function, verb, path, *_ = route
    reply = await desk(verb.upper(), at(path), BODIES.get(function), who)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"]
    assert await desk.everything() == []
    assert desk.rung() == []


@pytest.mark.parametrize("enabled", ["", "false", "1", "yes"])
@pytest.mark.parametrize("route", READS + WRITES, ids=ids)
async def test_where_the_platform_does_not_authenticate_the_best_principal_is_worth_nothing(
    route: tuple[str, str, str], enabled: str
) -> None:
    desk = Desk({"WEBSITE_AUTH_ENABLED": enabled})
    function, verb, path, *_ = route
    assert (await desk(verb.upper(), at(path), BODIES.get(function), ADMIN)).status == 401
    assert await desk.everything() == []
    assert desk.rung() == []


@pytest.mark.parametrize("route", READS + WRITES, ids=ids)
async def test_who_is_signed_in_without_a_role_may_nothing(route: tuple[str, str, str], desk: Desk) -> None:
    function, verb, path, *_ = route
    before = await desk.everything()
    assert (await desk(verb.upper(), at(path), BODIES.get(function), NO_ROLE)).status == 403
    assert await desk.everything() == before == []


@pytest.mark.parametrize("route", READS, ids=[route[0] for route in READS])
async def test_a_reader_may_read_everything(route: tuple[str, str, str], desk: Desk) -> None:
    await with_session(desk)
    await desk("PUT", "/schedules/alice", WEEK, OPERATOR)
    assert (await desk("GET", at(route[2]), who=READER)).status == 200


@pytest.mark.parametrize("route", WRITES, ids=[route[0] for route in WRITES])
async def test_a_reader_may_write_nothing(route: tuple[str, str, str], desk: Desk) -> None:
    await with_session(desk)
    before, rung = await desk.everything(), desk.rung()
    function, verb, path, *_ = route
    assert (await desk(verb.upper(), at(path), BODIES.get(function), READER)).status == 403
    assert (await desk.everything(), desk.rung()) == (before, rung)


OWN = [route for route in WRITES if route[0] not in ("create_jumpbox", "press_button", *OPERATORS)]
"""A button takes a form and no JSON: test_page.py presses it."""


@pytest.mark.parametrize("route", OWN, ids=[route[0] for route in OWN])
async def test_a_user_may_act_on_own_boxes_only(route: tuple[str, str, str], desk: Desk) -> None:
    await with_session(desk)
    function, verb, path, *_ = route
    before, rung = await desk.everything(), desk.rung()
    reply = await desk(verb.upper(), at(path), BODIES.get(function), BOB)
    assert reply.status == 403
    assert "alice" in reply.body["detail"]
    assert (await desk.everything(), desk.rung()) == (before, rung)
    assert (await desk(verb.upper(), at(path), BODIES.get(function), ALICE)).status == 202


@pytest.mark.parametrize("who", [OPERATOR, ADMIN], ids=["operator", "admin"])
@pytest.mark.parametrize("route", OWN, ids=[route[0] for route in OWN])
async def test_operators_and_admins_may_act_on_the_boxes_of_others(
    route: tuple[str, str, str], who: Principal, desk: Desk
) -> None:
    await with_session(desk)
    function, verb, path, *_ = route
    assert (await desk(verb.upper(), at(path), BODIES.get(function), who)).status == 202


async def test_a_user_may_not_name_another_owner(desk: Desk) -> None:
    reply = await desk("POST", "/jumpboxes", {"owner": "bob"})
    assert reply.status == 403
    assert await desk.everything() == []
    assert desk.rung() == []


async def test_a_user_may_say_that_they_own_their_box_in_any_case_of_letters(desk: Desk) -> None:
    assert (await desk.make(owner="Alice")).body["owner"] == "alice"


@pytest.mark.parametrize("who", [OPERATOR, ADMIN], ids=["operator", "admin"])
async def test_operators_and_admins_may_ask_for_another(who: Principal, desk: Desk) -> None:
    made = await desk.make(who, owner="Bob@Example.com")
    assert (made.body["owner"], made.body["name"]) == ("bob@example.com", "bob")
    assert (await desk("POST", "/jumpboxes/main/bob/park", who=principal("bob@example.com"))).status == 202


@pytest.mark.parametrize("function", OPERATORS)
async def test_a_user_may_not_do_what_is_for_operators(function: str, desk: Desk) -> None:
    await with_session(desk)
    before = await desk.everything()
    _, verb, path, *_ = next(route for route in WRITES if route[0] == function)
    assert (await desk(verb.upper(), at(path), BODIES.get(function))).status == 403
    assert await desk.everything() == before


async def test_names_differ_by_more_than_the_case_of_their_letters(desk: Desk) -> None:
    await desk.make(principal("Alice"))
    assert (await desk("POST", "/jumpboxes/main/alice/park", who=principal("ALICE"))).status == 202


async def test_two_principals_at_odds_are_nobody(desk: Desk) -> None:
    claims = [{"typ": "preferred_username", "val": name} for name in ("alice", "bob")]
    assert (await desk("GET", "/jumpboxes", who={PRINCIPAL: encoded({"claims": claims})})).status == 401
