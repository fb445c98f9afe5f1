"""What people may send, and how they hear that they may not: changes when a field's rule does."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.functions.desk import OPERATOR, Desk, Reply

DEEP = b'{"a":' * 5000
LARGEST = 64 * 1024
SURROGATE = "\ud800"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA alice@laptop"
NOT_NAMES = [
    "",
    "Alice",
    "1alice",
    "-alice",
    "a" * 41,
    "../etc",
    "a/b",
    "a\\b",
    "a.b",
    "a_b",
    "a b",
    "ålice",
    "ａlice",
    "alice\n",
    "alice\u0000",
    SURROGATE,
    "a%2fb",
]
WRONG_TYPES: dict[str, list[Any]] = {
    "stack": [1, True, [], {}, 1.5],
    "name": [1, False, ["a"], {"a": 1}],
    "hours": ["8", True, [8], {"hours": 8}, ""],
    "reason": [1, True, ["why"], {}],
    "schedule": [1, True, [], {}],
    "sku": [1, True, [], {}, "basic", ""],
    "vmSize": [1, True, [], {}, ""],
    "region": [1, True, [], {}, ""],
    "startAt": [1, True, [], {}, "", "tomorrow", "2026-11-24", "2026-11-24T09:00:00", "2026-13-01T00:00:00Z"],
    "until": [1, True, [], {}, "", "tonight", "2026-11-24", "2026-11-24T09:00:00", "2026-13-01T00:00:00Z"],
    "owner": [1, True, [], {}, "", "a b", "<b>", "a\nb", "a" * 255, SURROGATE, "a\u202eb"],
    "login": [1, True, [], {}, "password", ""],
    "sshPublicKey": [1, True, [], {}],
    "outbound": [1, True, [], {}, "all", ""],
    "keepPublicIp": [1, 0, "true", [], {}],
}
BEYOND_RULES: list[tuple[str, Any]] = [
    ("hours", 48.01),
    ("hours", 99_999),
    ("schedule", "lunch"),
    ("sku", "Premium"),
    ("region", "mars"),
    ("region", "WestEurope"),
    ("vmSize", "Standard_M416s_v2"),
    ("startAt", "2026-11-23T08:00:00Z"),
    ("startAt", "2027-11-23T09:00:00Z"),
    ("until", "2026-11-23T09:14:59Z"),
    ("until", "2026-11-25T09:00:01Z"),
    ("outbound", "none"),
]
UNREADABLE: dict[str, bytes] = {
    "broken": b'{"hours": 8',
    "trailing": b"{} {}",
    "a list": b"[]",
    "a text": b'"alice"',
    "a number": b"8",
    "null": b"null",
    "not UTF-8": b'{"reason": "\xff\xfe"}',
    "UTF-16": '{"reason": "why"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"reason": "why"}'.encode("utf-16-le"),
    "a doubled field": b'{"hours": 8, "hours": 9}',
    "a doubled field in other letters": b'{"hours": 8, "h\\u006furs": 9}',
    "NaN": b'{"hours": NaN}',
    "Infinity": b'{"hours": Infinity}',
    "minus Infinity": b'{"hours": -Infinity}',
    "deep": DEEP,
    "deep lists": b"[" * 60_000,
    "a number of thousands of digits": b'{"hours": ' + b"9" * 6000 + b"}",
    "a form": b"hours=8&reason=why",
}


async def refused(desk: Desk, body: object, status: int, field: str = "", method: str = "POST") -> Reply:
    """Ask for a box in vain: the problem names the field and the rule, and nothing is left behind."""
    reply = await desk(method, "/jumpboxes", body)
    assert reply.status == status, reply.text
    if field:
        (error,) = reply.body["errors"]
        assert error["field"] == field
        assert error["rule"]
        assert error["rule"] in reply.body["detail"]
    assert await desk.everything() == []
    assert desk.rung() == []
    return reply


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, them in WRONG_TYPES.items() for value in them])
async def test_a_field_of_the_wrong_type_or_form_is_named(field: str, value: object, desk: Desk) -> None:
    await refused(desk, {field: value}, 400, field)


@pytest.mark.parametrize("field", ["name", "stack", "schedule"])
@pytest.mark.parametrize("name", NOT_NAMES)
async def test_what_is_no_name_is_refused(field: str, name: str, desk: Desk) -> None:
    reply = await refused(desk, {field: name}, 400, field)
    assert "lower-case letters, digits and hyphens" in reply.body["detail"]


@pytest.mark.parametrize("hours", [0, -1, -0.0, 1e-400, 1e6, 10**400, 1e308])
async def test_hours_that_are_no_length_of_time_are_refused(hours: float, desk: Desk) -> None:
    await refused(desk, {"hours": hours}, 400, "hours")


async def test_hours_that_no_float_can_hold_are_refused(desk: Desk) -> None:
    await refused(desk, b'{"hours": 1e999}', 400, "hours")


@pytest.mark.parametrize(("field", "value"), BEYOND_RULES)
async def test_what_breaks_a_rule_of_the_house_is_named_with_the_rule(field: str, value: object, desk: Desk) -> None:
    await refused(desk, {field: value}, 422, field)


async def test_the_longest_lease_itself_is_granted(desk: Desk) -> None:
    assert (await desk.make(hours=48)).body["leaseHours"] == 48


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_start_beyond_the_calendar_is_refused(instant: str, desk: Desk) -> None:
    reply = await desk("POST", "/jumpboxes", {"startAt": instant})
    assert reply.status in (400, 422)
    assert reply.errors == {"startAt"}
    assert await desk.everything() == []


@pytest.mark.parametrize("reason", ["a" * 201, "two\nlines", "tab\there", "\u0000", SURROGATE, "right\u202eleft"])
async def test_a_reason_that_is_no_line_of_prose_is_refused(reason: str, desk: Desk) -> None:
    await refused(desk, {"reason": reason}, 400, "reason")


@pytest.mark.parametrize("reason", ["", "a" * 200, "déjà vu 🚪", "=cmd|' /C calc'!A0", "<script>"])
async def test_any_line_of_prose_is_a_reason(reason: str, desk: Desk) -> None:
    assert (await desk.make(reason=reason)).body["purpose"] == reason


@pytest.mark.parametrize("field", ["hour", "Hours", "vm_size", "__class__", "a" * 500, "", "é", SURROGATE])
async def test_a_field_that_nobody_knows_is_named_with_those_there_are(field: str, desk: Desk) -> None:
    reply = await refused(desk, {field: 1}, 400)
    assert "sshPublicKey" in reply.body["detail"]


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_body_that_is_no_json_object_is_refused(body: bytes, desk: Desk) -> None:
    assert (await refused(desk, body, 400)).errors & {"body", "hours"}


async def test_a_body_of_exactly_the_largest_size_is_read(desk: Desk) -> None:
    body = b'{"reason": "why"}'
    assert (await desk("POST", "/jumpboxes", body + b" " * (LARGEST - len(body)))).status == 202


async def test_a_body_of_one_byte_more_is_too_large(desk: Desk) -> None:
    body = b'{"reason": "why"}'
    reply = await refused(desk, body + b" " * (LARGEST + 1 - len(body)), 413)
    assert str(LARGEST) in reply.body["detail"]


async def test_a_mark_of_byte_order_before_utf_8_is_no_trouble(desk: Desk) -> None:
    assert (await desk("POST", "/jumpboxes", b'\xef\xbb\xbf{"reason": "why"}')).status == 202


async def test_no_body_is_a_request_that_leaves_all_to_the_house(desk: Desk) -> None:
    reply = await desk("POST", "/jumpboxes")
    assert reply.status == 202
    box = reply.body
    assert (box["stack"], box["name"], box["owner"], box["schedule"]) == ("main", "alice", "alice", "office")
    assert (box["leaseHours"], box["login"], box["vmSize"]) == (8, "entra", "Standard_D2s_v5")


async def test_null_is_the_same_as_left_out(desk: Desk) -> None:
    assert (await desk("POST", "/jumpboxes", dict.fromkeys(WRONG_TYPES))).status == 202


@pytest.mark.parametrize(
    ("field", "wish"),
    [
        ("sshPublicKey", {"login": "key"}),
        ("sshPublicKey", {"login": "key", "sshPublicKey": ""}),
        ("sshPublicKey", {"login": "entra", "sshPublicKey": KEY}),
        ("sshPublicKey", {"sshPublicKey": "ssh-rsa"}),
        ("sshPublicKey", {"sshPublicKey": "ssh-rsa not-base64!"}),
        ("sshPublicKey", {"sshPublicKey": "ssh-rsa ÄÄÄÄ"}),
        ("sshPublicKey", {"sshPublicKey": f"ssh-rsa {KEY.split()[1]}"}),
        ("sshPublicKey", {"sshPublicKey": f"{KEY}\n{KEY}"}),
        ("sshPublicKey", {"sshPublicKey": f"{KEY}\r{KEY}"}),
        ("sshPublicKey", {"sshPublicKey": f"{KEY} {SURROGATE}"}),
        ("sshPublicKey", {"sshPublicKey": f"{KEY}\u0000"}),
        ("sshPublicKey", {"sshPublicKey": f'command="rm" {KEY}'}),
        ("sshPublicKey", {"sshPublicKey": f"{KEY} {'a' * 8192}"}),
        ("outbound", {"login": "entra", "outbound": "none"}),
    ],
)
async def test_a_login_that_could_not_work_is_refused(field: str, wish: dict[str, Any], desk: Desk) -> None:
    await refused(desk, wish, 422, field)


async def test_a_private_key_pasted_by_mistake_is_not_repeated(desk: Desk) -> None:
    private = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----"
    reply = await refused(desk, {"login": "key", "sshPublicKey": private}, 422, "sshPublicKey")
    assert "c2VjcmV0" not in reply.text


async def test_a_public_key_is_a_login_of_its_own(desk: Desk) -> None:
    assert (await desk.make(sshPublicKey=KEY, outbound="none")).body["login"] == "key"


@pytest.mark.parametrize("verb", ["extend", "wake", "park"])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"hours": 0}, "hours"),
        ({"hours": -1}, "hours"),
        ({"hours": "2"}, "hours"),
        ({"reason": 1}, "reason"),
        ({"minutes": 3}, "minutes"),
        (b'{"hours": NaN}', "body"),
        (b"[]", "body"),
        (b"{", "body"),
    ],
)
async def test_a_word_about_a_box_is_read_as_strictly(verb: str, body: object, field: str, desk: Desk) -> None:
    await desk.make()
    before = await desk.everything()
    reply = await desk("POST", f"/jumpboxes/main/alice/{verb}", body)
    assert (reply.status, reply.errors) == (400, {field})
    assert await desk.everything() == before


@pytest.mark.parametrize(("verb", "hours"), [("extend", 41), ("wake", 49), ("wake", 99_999)])
async def test_a_word_beyond_the_longest_lease_is_refused(verb: str, hours: float, desk: Desk) -> None:
    await desk.make()
    before = await desk.everything()
    reply = await desk("POST", f"/jumpboxes/main/alice/{verb}", {"hours": hours})
    assert (reply.status, reply.errors) == (422, {"hours"})
    assert await desk.everything() == before


async def test_to_extend_one_says_by_how_much(desk: Desk) -> None:
    await desk.make()
    reply = await desk("POST", "/jumpboxes/main/alice/extend", {"reason": "more"})
    assert (reply.status, reply.errors) == (400, {"hours"})


@pytest.mark.parametrize("path", ["/jumpboxes/main/nobody", "/stacks/nowhere", "/stacks/nowhere/plan"])
async def test_what_does_not_exist_is_not_found(path: str, desk: Desk) -> None:
    await desk.make()
    assert (await desk("GET", path)).status == 404


@pytest.mark.parametrize("verb", ["extend", "wake", "park"])
async def test_nobody_can_say_a_word_about_a_box_that_does_not_exist(verb: str, desk: Desk) -> None:
    await desk.make()
    before = await desk.everything()
    for path in ("/jumpboxes/main/bob", "/jumpboxes/nowhere/alice"):
        assert (await desk("POST", f"{path}/{verb}", {"hours": 1} if verb == "extend" else None)).status == 404
        assert (await desk("DELETE", path)).status == 404
    assert await desk.everything() == before


@pytest.mark.parametrize("name", [name for name in NOT_NAMES if name and name != SURROGATE])
async def test_a_path_that_holds_no_name_leads_nowhere(name: str, desk: Desk) -> None:
    await desk.make()
    before = await desk.everything()
    part = quote(name, safe="")
    for method, path in (
        ("GET", f"/jumpboxes/{part}/alice"),
        ("GET", f"/jumpboxes/main/{part}"),
        ("DELETE", f"/jumpboxes/main/{part}"),
        ("POST", f"/jumpboxes/{part}/alice/park"),
        ("GET", f"/stacks/{part}"),
        ("GET", f"/stacks/{part}/plan"),
        ("GET", f"/stacks/{part}/sessions"),
        ("DELETE", f"/stacks/{part}/sessions/s1"),
    ):
        assert (await desk(method, path)).status == 404
    for method in ("GET", "DELETE", "PUT"):
        assert (await desk(method, f"/schedules/{part}", {}, OPERATOR)).status == 400
    assert await desk.everything() == before


@pytest.mark.parametrize("session", ["nobody", "a" * 300, "\u0001", "a/b", "é"])
async def test_a_session_that_does_not_exist_cannot_be_ended(session: str, desk: Desk) -> None:
    await desk.make()
    before = await desk.everything()
    reply = await desk("DELETE", f"/stacks/main/sessions/{quote(session, safe='')}")
    assert reply.status in (400, 404)
    assert await desk.everything() == before


@pytest.mark.parametrize("key", ["", "a" * 256, "a\nb", "\u0000"])
async def test_an_idempotency_key_that_is_none_is_refused(key: str, desk: Desk) -> None:
    reply = await desk("POST", "/jumpboxes", {}, headers={"Idempotency-Key": key})
    assert (reply.status, reply.errors) == (400, {"Idempotency-Key"})
    assert await desk.everything() == []


@pytest.mark.parametrize(
    "path",
    [
        "/jumpboxes?phases=ready",
        "/jumpboxes?Owner=alice",
        "/stacks?owner=alice",
        "/stacks/main/sessions?user=alice",
        "/schedules?zone=UTC",
        "/costs?group=day",
        "/audit?stack=main&date=2026-11-23",
    ],
)
async def test_a_query_parameter_that_nobody_knows_is_refused(path: str, desk: Desk) -> None:
    """A mistyped filter must not show everything."""
    await desk.make()
    reply = await desk("GET", path)
    assert reply.status == 400
    assert reply.errors <= {"phases", "Owner", "owner", "user", "zone", "group", "date"}


@pytest.mark.parametrize("limit", ["0", "-1", "101", "1.5", "many", "", "²", "1e1"])
async def test_a_page_has_one_to_a_hundred_entries(limit: str, desk: Desk) -> None:
    reply = await desk("GET", f"/jumpboxes?limit={quote(limit)}")
    assert (reply.status, reply.errors) == (400, {"limit"})


def test_this_table_knows_every_field_there_is() -> None:
    from lifecycle.web.fields import BOX_ASK

    assert set(WRONG_TYPES) == set(BOX_ASK)
