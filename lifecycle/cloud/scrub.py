"""What may be said of a refusal: changes when a new kind of secret can turn up in an error text."""

from __future__ import annotations

import re

LONGEST_MESSAGE = 300

_QUERY = re.compile(r"(https?://[^\s'\"<>?]+)\?[^\s'\"<>]*", re.IGNORECASE)
_BEARER = re.compile(r"\b(Bearer|SharedKey|SharedKeyLite)\s+[^\s,;'\"]+", re.IGNORECASE)
_LONG_RUN = re.compile(r"[A-Za-z0-9+/_=-]{200,}")


def scrub(text: str) -> str:
    """Make a text fit for rows, logs and people: one line, short, without signatures, bearers or tokens.

    ARM signs its operation URLs in the query (``&t=&c=&s=&h=``), storage its SAS likewise, so every URL loses
    its query; a run of 200 base64 characters is a token whatever it is called.
    """
    plain = " ".join(text.split())
    plain = _QUERY.sub(r"\1?...", plain)
    plain = _BEARER.sub(r"\1 ...", plain)
    plain = _LONG_RUN.sub("...", plain)
    return plain if len(plain) <= LONGEST_MESSAGE else plain[: LONGEST_MESSAGE - 3] + "..."
