"""Requests and answers without any web framework: what comes in, what goes out, and every error as a problem."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"
PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. ``headers`` are keyed in lower case; ``route`` holds the path's parameters."""

    method: str
    url: str
    route: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    text: str
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with JSON that no cache keeps."""
    return Answer(status, json.dumps(body), JSON, {"Cache-Control": "no-store", **(headers or {})})


def problem(status: int, title: str, detail: str, field: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with RFC 9457 problem details; ``errors`` names the field and the rule where there is one."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if field:
        body["errors"] = [{"field": field, "rule": detail}]
        body["detail"] = f"{field}: {detail}"
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return Answer(status, json.dumps(body), PROBLEM, kept)
