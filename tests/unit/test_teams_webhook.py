"""What is taken for a message of our Teams webhook, and what is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.teams.webhook import FRESH, LONGEST_TEXT, Forged, plain, read, require_fresh, verify

SECRET = base64.b64encode(b"a key of thirty-two bytes, truly").decode()
ACTIVITY: dict[str, Any] = {
    "type": "message",
    "id": "1485983408511",
    "timestamp": "2026-11-23T10:00:00.1234567Z",
    "from": {"id": "29:x", "name": "Ada", "aadObjectId": "AAAAAAAA-0000-0000-0000-000000000001"},
    "conversation": {"id": "19:y", "tenantId": "BBBBBBBB-0000-0000-0000-000000000002"},
    "channelData": {"tenant": {"id": "BBBBBBBB-0000-0000-0000-000000000002"}},
    "text": "<at>jumpbox</at>&nbsp;start  for 2h\n",
}


def signed(body: bytes, secret: str = SECRET) -> str:
    digest = hmac.new(base64.b64decode(secret), body, hashlib.sha256).digest()
    return "HMAC " + base64.b64encode(digest).decode()


def encoded(**change: Any) -> bytes:
    return json.dumps(ACTIVITY | change).encode()


def test_a_signed_body_is_taken() -> None:
    verify(b"{}", signed(b"{}"), SECRET)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "HMAC ",
        signed(b"{} "),
        signed(b"{}").removeprefix("HMAC "),
        signed(b"{}").lower(),
        signed(b"{}") + " ",
        signed(b"{}", base64.b64encode(b"another").decode()),
        "Bearer sandbox:ada:admin",
        "HMAC \udcff\udcfe",  # bytes that are no UTF-8, as HTTP servers pass them on
        "HMAC ä",
    ],
)
def test_any_other_signature_is_forged(authorization: str | None) -> None:
    with pytest.raises(Forged):
        verify(b"{}", authorization, SECRET)


@pytest.mark.parametrize("secret", [None, "", "not base64!", "äöü"])
def test_without_a_usable_secret_nothing_is_believed(secret: str | None) -> None:
    empty_key = "HMAC " + base64.b64encode(hmac.new(b"", b"{}", hashlib.sha256).digest()).decode()
    with pytest.raises(Forged, match="no secret"):
        verify(b"{}", empty_key, secret)


def test_a_message_is_read() -> None:
    message = read(encoded())
    assert message.activity_id == "1485983408511"
    assert message.tenant == "bbbbbbbb-0000-0000-0000-000000000002"
    assert message.object_id == "aaaaaaaa-0000-0000-0000-000000000001"
    assert message.text == "start for 2h"
    assert message.sent_at == datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        encoded(timestamp="yesterday"),
        encoded(timestamp="2026-11-23T10:00:00"),
        encoded(timestamp=5),
        encoded(**{"from": {"name": "Ada"}}),
        encoded(**{"from": None}),
        encoded(channelData={}, conversation={}),
    ],
)
def test_what_is_no_message_of_a_person_is_forged(body: bytes) -> None:
    with pytest.raises(Forged):
        read(body)


@pytest.mark.parametrize("off", [timedelta(), FRESH, -FRESH])
def test_a_message_is_fresh_for_five_minutes_either_way(off: timedelta) -> None:
    message = read(encoded())
    require_fresh(message, message.sent_at + off)


@pytest.mark.parametrize("off", [FRESH, -FRESH, timedelta(days=365)])
def test_a_message_from_another_time_is_forged(off: timedelta) -> None:
    message = read(encoded())
    with pytest.raises(Forged):
        require_fresh(message, message.sent_at + off * 1.001)


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("<AT id='0'>jump\nbox</AT> <b>list</b>", "list"),
        ("a&nbsp;b\u00a0c", "a b c"),
        ("1 &lt; 2 &amp;amp; 3", "1 < 2 &amp; 3"),
        ("<script>alert(1)</script>", "alert(1)"),
        ("zero\u200bwidth \u202eturned\u0000", "zero width turned"),
        ("<at>never closed", "never closed"),
    ],
)
def test_a_text_loses_its_markup_and_keeps_its_words(sent: str, text: str) -> None:
    assert plain(sent) == text


@given(st.text(alphabet=st.sampled_from("<>/at &;\u00a0\u200bnbsp"), max_size=LONGEST_TEXT))
def test_any_text_becomes_one_line_that_prints(sent: str) -> None:
    found = plain(sent)
    assert found.isprintable()
    assert found == found.strip()
