"""Every exchange of every simulator of a test run, held against the specifications as it goes by."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.arm.traffic import Exchange
from tests.specs.validator import problems

# What is different in each exchange and decides nothing; two that are alike but for it are looked at once.
_MADE_UP = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d+")
_PROMISES = ("azure-asyncoperation", "location")


class Watch:
    """Collects what is wrong until somebody takes it; the same exchange is not looked at twice."""

    def __init__(self) -> None:
        self._seen: set[tuple[Any, ...]] = set()
        self._again: set[int] = set()
        self._wrong: list[str] = []

    def see(self, exchange: Exchange) -> None:
        """Look at an exchange, unless a fault made its answer."""
        request, response = exchange.request, exchange.response
        if response.injected or response.dropped:
            return
        promises = tuple(name in _PROMISES for name in map(str.lower, response.headers))
        again = hash((request.method, request.url, response.status, request.body, response.body, promises))
        if again in self._again:
            return
        self._again.add(again)
        likeness = (
            request.method,
            _MADE_UP.sub(b"", request.path.encode()),
            request.query.get("api-version"),
            response.status,
            promises,
            hash(_MADE_UP.sub(b"", request.body)),
            hash(_MADE_UP.sub(b"", response.body)),
        )
        if likeness not in self._seen:
            self._seen.add(likeness)
            self.judge([json.loads(exchange.line())])

    def judge(self, exchanges: Iterable[Mapping[str, Any]]) -> None:
        """Look at exchanges as `/sandbox/traffic` gives them."""
        for each in exchanges:
            if not each["injected"] and each["status"]:
                where = f"{each['method']} {each['url'][:200]} -> {each['status']}"
                self._wrong += [f"{where}: {words}" for words in problems(each)]

    def taken(self) -> list[str]:
        """What was wrong since the last time somebody asked, each thing once."""
        wrong, self._wrong = list(dict.fromkeys(self._wrong)), []
        return wrong
