"""Reads what people send: every field is known, has a type and a rule, and a refusal names both."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from lifecycle.asks import BoxAsk
from lifecycle.model import Login, Outbound, Sku
from lifecycle.refusals import Missing

LARGEST_BODY_BYTES = 64 * 1024
LONGEST_REASON = 200
LONGEST_PERSON = 254
MOST_HOURS = 100_000
LONGEST_SPAN_HOURS = 31 * 24.0
NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
NAME_RULE = "must be 1 to 40 lower-case letters, digits and hyphens, beginning with a letter"
PERSON = re.compile(r"[^\s<>\"'\\/\x00-\x1f]+")

Check = Callable[[Any], Any]


class Malformed(Exception):
    """What was sent cannot be read: ``field`` and ``rule`` say what and why."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class TooLarge(Exception):
    """The body is larger than this interface takes."""


def name(value: Any) -> str:
    """Read a stack's, box's or schedule's name."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError(NAME_RULE)
    return value


def name_in_path(route: Mapping[str, str], param: str) -> str:
    """Read a name from the path; what is no name does not exist. Raises Missing."""
    value = route[param]
    if not NAME.fullmatch(value):
        raise Missing(f"there is no {param} of this name: it {NAME_RULE}", param)
    return value


def hours(value: Any) -> float:
    """Read a number of hours; the policy's limits are checked where the policy is known."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST_HOURS:
        raise ValueError("must be a number of hours above 0")
    return float(value)


def span_hours(value: Any) -> float:
    """Read for how many hours something is to hold; 0 ends it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_SPAN_HOURS:
        raise ValueError(f"must be a number of hours from 0 to {LONGEST_SPAN_HOURS:g}")
    return float(value)


def reason(value: Any) -> str:
    """Read a line of prose."""
    if not isinstance(value, str) or len(value) > LONGEST_REASON or not value.isprintable():
        raise ValueError(f"must be one line of at most {LONGEST_REASON} printable characters")
    return value.strip()


def word(value: Any) -> str:
    """Read a short identifier."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_PERSON or not value.isprintable():
        raise ValueError("must be a short text")
    return value


def person(value: Any) -> str:
    """Read a person's sign-in name."""
    text = value if isinstance(value, str) else ""
    if len(text) > LONGEST_PERSON or not text.isprintable() or not PERSON.fullmatch(text):
        raise ValueError("must be a person's sign-in name")
    return text.lower()


def text(value: Any) -> str:
    """Read any text; what it must be is checked where it is used."""
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def truth(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def instant(value: Any) -> datetime:
    """Read an instant with its zone, as aware UTC."""
    rule = "must be an instant with a zone, e.g. 2026-11-23T09:00:00Z"
    if not isinstance(value, str):
        raise ValueError(rule)
    try:
        at = datetime.fromisoformat(value)
        there = at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):  # a zone may lead beyond the calendar
        there = None
    if there is None:
        raise ValueError(rule)
    return there


def one_of(kind: type[StrEnum]) -> Check:
    """Read one of an enumeration's words."""

    def check(value: Any) -> StrEnum:
        words = [member.value for member in kind]
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return kind(value)

    return check


BOX_ASK: Mapping[str, tuple[str, Check]] = {
    "stack": ("stack", name),
    "name": ("name", name),
    "hours": ("hours", hours),
    "reason": ("reason", reason),
    "schedule": ("schedule", name),
    "sku": ("sku", one_of(Sku)),
    "vmSize": ("vm_size", word),
    "region": ("region", word),
    "startAt": ("start_at", instant),
    "until": ("until", instant),
    "owner": ("owner", person),
    "login": ("login", one_of(Login)),
    "sshPublicKey": ("ssh_public_key", text),
    "outbound": ("outbound", one_of(Outbound)),
    "keepPublicIp": ("keep_public_ip", truth),
}
WORD: Mapping[str, tuple[str, Check]] = {"hours": ("hours", hours), "reason": ("reason", reason)}
SPAN: Mapping[str, tuple[str, Check]] = {"hours": ("hours", span_hours), "reason": ("reason", reason)}
FOLLOW: Mapping[str, tuple[str, Check]] = {"schedule": ("schedule", name), **SPAN}
REASON: Mapping[str, tuple[str, Check]] = {"reason": ("reason", reason)}


def box_ask(body: bytes) -> BoxAsk:
    """Read a request for a box."""
    return BoxAsk(**read(body, BOX_ASK))


def json_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object; an empty body is an empty one. Raises TooLarge, Malformed."""
    if len(body) > LARGEST_BODY_BYTES:
        raise TooLarge
    if not body.strip():
        return {}
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except (ValueError, RecursionError) as error:
        detail = str(error) if isinstance(error, _Unreadable) else "must be JSON in UTF-8"
        raise Malformed("body", detail) from None
    if not isinstance(value, dict):
        raise Malformed("body", "must be a JSON object")
    return value


def read(body: bytes, fields: Mapping[str, tuple[str, Check]]) -> dict[str, Any]:
    """Read a JSON object whose fields are all known; null means left out. Raises TooLarge, Malformed."""
    read_fields = {}
    for field, value in json_object(body).items():
        if field not in fields:
            raise Malformed(field[:80], f"is not known here; there are {', '.join(fields)}")
        if value is None:
            continue
        to, check = fields[field]
        try:
            read_fields[to] = check(value)
        except ValueError as error:
            raise Malformed(field, str(error)) from None
    return read_fields


def query(sent: Mapping[str, str], *names: str) -> dict[str, str]:
    """Refuse query parameters nobody knows: a mistyped filter must not show everything. Raises Malformed."""
    for name in sent:
        if name not in names:
            raise Malformed(name[:80], f"is not known here; there are {', '.join(names) or 'none'}")
    return dict(sent)


class _Unreadable(ValueError):
    """JSON that says something we do not take."""


def _no_constant(constant: str) -> float:
    raise _Unreadable(f"must not contain {constant}")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Unreadable("must not name a field twice")
    return found
