"""What Teams posts: proved by its signature, read into one message from one person."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

SCHEME = "HMAC "
MENTION = re.compile(r"<at\b[^>]*>.*?</at>", re.IGNORECASE | re.DOTALL)
TAG = re.compile(r"<[^>]*>")
FRESH = timedelta(minutes=5)
LONGEST_TEXT = 1000


class Forged(Exception):
    """The message was not signed by our Teams webhook, or is not one of its messages."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one person wrote. ``sent_at`` is Teams' own time, which is real time."""

    activity_id: str
    tenant: str
    object_id: str
    text: str
    sent_at: datetime


def verify(body: bytes, authorization: str | None, secret: str | None) -> None:
    """Check the signature over the raw body (Microsoft: add-outgoing-webhook). Raises Forged.

    An empty secret proves nothing, so it is refused.
    """
    try:
        key = base64.b64decode(secret or "", validate=True)
    except ValueError:
        key = b""
    if not key:
        raise Forged("no secret is configured for the Teams webhook")
    expected = SCHEME + base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest((authorization or "").encode(errors="replace"), expected.encode()):
        raise Forged("the signature is not that of our Teams webhook")


def read(body: bytes) -> Message:
    """Read a signed message. Raises Forged for what is none."""
    try:
        activity: Any = json.loads(body)
        sender = activity["from"]
        tenant = activity.get("channelData", {}).get("tenant", {}).get("id") or activity["conversation"]["tenantId"]
        sent_at = datetime.fromisoformat(activity["timestamp"])
        message = Message(
            str(activity["id"]),
            str(tenant).lower(),
            str(sender["aadObjectId"]).lower(),
            plain(str(activity.get("text", ""))[:LONGEST_TEXT]),
            sent_at,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Forged("this is no message of a Teams outgoing webhook") from None
    if sent_at.tzinfo is None:
        raise Forged("the message's timestamp has no zone")
    return message


def require_fresh(message: Message, *clocks: datetime) -> None:
    """Refuse a message that may be a recording of an old one. Raises Forged.

    ``clocks``: what time it is. In a sandbox that is two things, and whoever plays Teams there may go by either.
    """
    if all(abs(now - message.sent_at) > FRESH for now in clocks):
        raise Forged(f"the message is not from the last {FRESH.seconds // 60} minutes")


def plain(text: str) -> str:
    """Strip a Teams text, which is HTML, of mentions, tags, and whatever does not print (no-break spaces, too)."""
    bare = html.unescape(TAG.sub(" ", MENTION.sub(" ", text)))
    return " ".join("".join(char if char.isprintable() else " " for char in bare).split())
