"""The Teams webhook: who may ask there, and what one message does. Changes when the bot's promise does."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from tests.functions.desk import ALICE, ALICES_ID, BOB, MONDAY, NOBODY, TEAMS_SECRET, TENANT, Desk, Reply


def activity(text: str = "<at>jumpbox</at>&nbsp;start", **change: Any) -> dict[str, Any]:
    said = {
        "type": "message",
        "id": "1485983408511",
        "timestamp": MONDAY.isoformat().replace("+00:00", ".1234567Z"),
        "from": {"id": "29:x", "name": "Alice", "aadObjectId": ALICES_ID.upper()},
        "conversation": {"id": "19:y", "tenantId": TENANT},
        "channelData": {"tenant": {"id": TENANT.upper()}},
        "text": text,
    }
    return said | change


def signature(body: bytes, secret: str = TEAMS_SECRET) -> dict[str, str]:
    digest = hmac.new(base64.b64decode(secret), body, hashlib.sha256).digest()
    return {"Authorization": "HMAC " + base64.b64encode(digest).decode()}


async def post(desk: Desk, said: dict[str, Any]) -> Reply:
    body = json.dumps(said).encode()
    return await desk("POST", "/teams", body, NOBODY, signature(body))


async def test_start_starts_a_box_for_the_person_who_wrote(desk: Desk) -> None:
    reply = await post(desk, activity("<at>jumpbox</at> start db for 3 hours because <b>patching</b> R&amp;D"))
    assert (reply.status, reply.body["type"]) == (200, "message")
    assert "main/db" in reply.body["text"]
    box = (await desk.stack()).boxes["db"].value
    assert (box.owner, box.hours, box.reason) == ("alice", 3, "patching R&D")
    assert desk.rung() == ["main"]


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "HMAC "},
        {"Authorization": "HMAC AAAA"},
        {"Authorization": "Bearer sandbox:alice"},
        signature(b"another body"),
        signature(json.dumps(activity()).encode(), base64.b64encode(b"another key").decode()),
        {"Authorization": "hmac é"},
    ],
)
async def test_a_message_that_our_teams_did_not_sign_starts_nothing(header: dict[str, str], desk: Desk) -> None:
    reply = await desk("POST", "/teams", json.dumps(activity()).encode(), ALICE, header)
    assert reply.status == 401
    assert await desk.everything() == []


@pytest.mark.parametrize("secret", ["", " ", "!", "="])
async def test_without_a_secret_that_is_one_no_signature_is_good(secret: str) -> None:
    desk = Desk({"TEAMS_SECRET": secret})
    body = json.dumps(activity()).encode()
    for key in (b"", secret.encode()):
        proof = "HMAC " + base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()
        reply = await desk("POST", "/teams", body, NOBODY, {"Authorization": proof})
        assert reply.status == 401
    assert await desk.everything() == []


@pytest.mark.parametrize(
    "change",
    [
        {"channelData": {"tenant": {"id": "cccccccc-0000-0000-0000-000000000003"}}},
        {"channelData": {}, "conversation": {"tenantId": "cccccccc-0000-0000-0000-000000000003"}},
        {"from": {"name": "alice", "aadObjectId": "dddddddd-0000-0000-0000-000000000004"}},
        {"from": {"name": "alice", "aadObjectId": ""}},
    ],
)
async def test_another_tenant_or_person_starts_nothing(change: dict[str, Any], desk: Desk) -> None:
    assert (await post(desk, activity(**change))).status == 403
    assert await desk.everything() == []


@pytest.mark.parametrize("minutes", [6, 60 * 24, -6])
async def test_a_recording_of_an_old_message_starts_nothing(minutes: float, desk: Desk) -> None:
    desk.later(minutes=minutes)
    assert (await post(desk, activity())).status == 401
    assert await desk.everything() == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"null", b"[" * 60_000, b'{"id": "1"}'], ids=range(7))
async def test_what_is_signed_and_no_message_starts_nothing(body: bytes, desk: Desk) -> None:
    assert (await desk("POST", "/teams", body, NOBODY, signature(body))).status == 401
    assert await desk.everything() == []


async def test_a_message_beyond_any_size_is_not_even_read(desk: Desk) -> None:
    assert (await post(desk, activity("a" * 70_000))).status == 413


async def test_a_message_delivered_again_is_the_same_box(desk: Desk) -> None:
    first = await post(desk, activity())
    again = [await post(desk, activity()), *await asyncio.gather(*(post(desk.restarted(), activity()) for _ in "abc"))]
    assert {reply.body["text"] for reply in again} == {first.body["text"]}
    assert await desk.all_boxes() == ["main/alice"]
    await post(desk, activity(id="another"))
    assert await desk.all_boxes() == ["main/alice", "main/alice-2"]


async def test_a_message_delivered_again_extends_once(desk: Desk) -> None:
    await desk.make()
    for _ in range(3):
        await post(desk, activity("extend main/alice by 2h"))
    assert (await desk.stack()).boxes["alice"].value.hours == 10


async def test_park_wake_list_and_retire_are_understood(desk: Desk) -> None:
    await desk.make()
    for number, text in enumerate(("park main/alice", "wake main/alice 2", "stop main/alice")):
        assert "Noted" in (await post(desk, activity(text, id=str(number)))).body["text"]
    assert (await desk.stack()).boxes["alice"].value.retired_at == MONDAY
    assert "main/alice" in (await post(desk, activity("list", id="9"))).body["text"]


async def test_whoever_writes_is_a_user_and_acts_on_own_boxes_only(desk: Desk) -> None:
    await desk.make(BOB)
    before = await desk.everything()
    reply = await post(desk, activity("retire main/bob"))
    assert "cannot be done" in reply.body["text"]
    assert await desk.everything() == before


@pytest.mark.parametrize("text", ["start for 900 hours", "extend main/nobody 2", "extend main/alice", "start x/y"])
async def test_what_cannot_be_done_is_said_and_not_done(text: str, desk: Desk) -> None:
    reply = await post(desk, activity(text))
    assert reply.status == 200
    assert reply.body["text"]
    assert await desk.everything() == []


async def test_an_answer_holds_no_markup_of_others(desk: Desk) -> None:
    await desk.make(name="a")
    reply = await post(desk, activity("help &lt;script&gt;alert(1)&lt;/script&gt;"))
    assert "<script" not in reply.body["text"]
    assert "extend &lt;stack&gt;" in reply.body["text"]
