"""Where the simulator's answer is not what was recorded: status, headers, and every value of the body."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.recordings.recorded import Recorded
    from tests.recordings.replay import Answered

# What starts or retells an operation; their presence is compared, their signatures are anybody's.
_LONG_RUNNING = ("azure-asyncoperation", "location", "azure-asyncnotification")
# The azure-cli recorder deletes Retry-After; only Azure Service Operator's recordings keep it.
_KEEPS_RETRY_AFTER = "aso_"
# A GET's etag header is the network provider's way; what else the headers say is the transport's.
_OTHERS = ("etag", "x-ms-failure-cause")

# What is made up anew wherever it is made: nothing but its kind can be compared.
_OURS = re.compile(
    r"""
    ^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$         # a guid
    | ^W?/?\\?"[^"]*\\?"$                               # an etag
    | ^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$        # an instant
    | ^bst-[0-9a-f-]+\.bastion\.azure\.com$
    | ^([a-z]+\.)?[0-9a-z]+\.[a-z]{2,4}\.internal\.cloudapp\.net$
    | ^\d+\.\d+\.\d+(\.\d+)*$                          # the version of an image, an agent, a handler, or an address
    | ^([0-9A-F]{2}-){5}[0-9A-F]{2}$                    # a network card's address
    """,
    re.VERBOSE,
)
_INSIDE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=_OsDisk_1_)[0-9a-f]{32}")


def differences(recorded: Recorded, answered: Answered) -> Iterator[tuple[str, str]]:
    """Each place (a JSON path, `status`, or `header <name>`) with what differs there, in words."""
    if recorded.status is not None and recorded.status != answered.status:
        yield "status", f"{recorded.status} was recorded, the answer is {answered.status}"
    yield from _headers(recorded, answered)
    yield from _values("$", recorded.body, answered.body)


def _headers(recorded: Recorded, answered: Answered) -> Iterator[tuple[str, str]]:
    names = [*_LONG_RUNNING, *_OTHERS]
    for name in names:
        theirs, ours = recorded.headers.get(name), answered.headers.get(name)
        if (theirs is None) != (ours is None):
            yield f"header {name}", f"{theirs} was recorded, the answer has {ours}"
        elif theirs is not None and name in _LONG_RUNNING and _plain(theirs) != _plain(str(ours)):
            yield f"header {name}", f"{_plain(theirs)} was recorded, the answer has {_plain(str(ours))}"
    if recorded.recording.startswith(_KEEPS_RETRY_AFTER):
        theirs, ours = recorded.headers.get("retry-after"), answered.headers.get("retry-after")
        if theirs != ours:
            yield "header retry-after", f"{theirs} was recorded, the answer has {ours}"


def _plain(url: str) -> str:
    """An address without host and signature, and with its ids masked; the monitor's mark is kept."""
    path, _, query = re.sub(r"^https://[^/]+", "", url).partition("?")
    path = re.sub(r"/operationresults/[A-Za-z0-9_-]{40,}.*$", "/operationresults/{token}", path)
    kept = [part for part in query.split("&") if part == "monitor=true"]
    return "?".join([_INSIDE.sub("*", path), *kept])


def _values(path: str, theirs: Any, ours: Any) -> Iterator[tuple[str, str]]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted(theirs.keys() | ours.keys()):
            if name not in ours:
                yield f"{path}.{name}", f"{_short(theirs[name])} was recorded, the answer has no such key"
            elif name not in theirs:
                yield f"{path}.{name}", f"was not recorded, the answer has {_short(ours[name])}"
            else:
                yield from _values(f"{path}.{name}", theirs[name], ours[name])
    elif isinstance(theirs, list) and isinstance(ours, list):
        if len(theirs) != len(ours):
            yield path, f"{len(theirs)} items were recorded, the answer has {len(ours)}"
        for name, their, our in _pairs(theirs, ours):
            yield from _values(f"{path}[{name}]", their, our)
    elif not _same(theirs, ours):
        yield path, f"{_short(theirs)} was recorded, the answer has {_short(ours)}"


def _same(theirs: Any, ours: Any) -> bool:
    if isinstance(theirs, str) and isinstance(ours, str):
        if _OURS.match(theirs):
            return _OURS.match(ours) is not None
        return _INSIDE.sub("*", theirs) == _INSIDE.sub("*", ours)
    return type(theirs) is type(ours) and bool(theirs == ours)


def _pairs(theirs: list[Any], ours: list[Any]) -> Iterator[tuple[str, Any, Any]]:
    """What stands in both lists: paired by the name of the items where they have one, else by their place."""
    for key in ("name", "resourceType"):
        if all(isinstance(each, dict) and key in each for each in (*theirs, *ours)):
            named = {each[key]: each for each in ours}
            yield from ((each[key], each, named[each[key]]) for each in theirs if each[key] in named)
            return
    yield from ((str(index), *pair) for index, pair in enumerate(zip(theirs, ours, strict=False)))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 120 else f"{text[:117]}..."
