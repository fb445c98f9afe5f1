"""The page's own style and script, served by name from a fixed list: nothing else of the folder can be asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from lifecycle.refusals import Missing
from lifecycle.web.answers import Answer, Request

FOLDER = Path(__file__).parent / "static"
FILES = MappingProxyType(
    {
        "page.css": "text/css; charset=utf-8",
        "page.js": "text/javascript; charset=utf-8",
        "uplot.css": "text/css; charset=utf-8",
        "uplot.js": "text/javascript; charset=utf-8",
        "uplot-license.txt": "text/plain; charset=utf-8",
        "icon.svg": "image/svg+xml",
    }
)
FOR_EVER = "public, max-age=31536000, immutable"


@cache
def _read(name: str) -> tuple[str, str]:
    """Read a file with the digest that names its version."""
    content = (FOLDER / name).read_bytes()
    return content.decode(), hashlib.sha256(content).hexdigest()[:16]


@cache
def addresses() -> Mapping[str, str]:
    """Name the address of each file, which changes with its content."""
    return MappingProxyType({name: f"/api/static/{name}?v={_read(name)[1]}" for name in FILES})


def static(request: Request) -> Answer:
    """GET /api/static/{name}. Raises Missing. Who names the version may keep the file for good."""
    name = request.route.get("name", "")
    if name not in FILES:
        raise Missing("there is no such file", "name")
    text, digest = _read(name)
    etag = f'"{digest}"'
    current = request.query.get("v") == digest
    headers = {"ETag": etag, "Cache-Control": FOR_EVER if current else "no-cache", "X-Content-Type-Options": "nosniff"}
    tags = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if etag in tags:
        return Answer(304, "", FILES[name], headers)
    return Answer(200, text, FILES[name], headers)
