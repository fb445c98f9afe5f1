"""Reading the recordings of live ARM traffic: what was asked, what was answered, what nobody read."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("SHARED_DIR") or ROOT.parent / "shared")
FOLDER = SHARED / "recordings"


@dataclass(frozen=True)
class Recorded:
    """One exchange of a recording; header names in lower case, bodies as JSON values."""

    recording: str
    number: int
    method: str
    path: str
    query: str
    api_version: str
    request_body: Any
    status: int | None
    headers: dict[str, Any]
    body: Any
    times: int

    @property
    def label(self) -> str:
        """Where it stands."""
        return f"{self.recording} n={self.number}"

    @property
    def operation(self) -> str:
        """The id of the operation whose status or result it asks for, else empty."""
        parts = self.path.split("/")
        return parts[-1] if len(parts) > 1 and parts[-2].lower() in ("operations", "operationresults") else ""

    @property
    def accepted(self) -> bool:
        """Whether it is a write that was not refused."""
        return self.method != "GET" and self.status in (200, 201, 202)

    @property
    def monitors(self) -> bool:
        """Whether it asks for an operation's result, not its status."""
        return "/operationresults/" in self.path.lower() or "monitor=true" in self.query.lower()

    @property
    def starts(self) -> str:
        """The id of the operation that its answer names, else empty."""
        url = self.headers.get("azure-asyncoperation")
        return url.partition("?")[0].rpartition("/")[2] if isinstance(url, str) else ""


def recordings() -> list[str]:
    """The names of all recordings there are."""
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def read(name: str) -> list[Recorded]:
    """All exchanges of a recording, in order."""
    lines = (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [_recorded(name, json.loads(line)) for line in lines]


def _recorded(name: str, line: dict[str, Any]) -> Recorded:
    path, _, query = line["path"].partition("?")
    asked = str(line.get("query", ""))
    query = query or ("" if "signed" in asked else asked)
    return Recorded(
        recording=name,
        number=line["n"],
        method=line["method"],
        path=path,
        query=query,
        api_version=line["api_version"],
        request_body=line["request_body"],
        status=line["status"],
        headers=line["headers"],
        body=line["response_body"] or None,
        times=line.get("repeat", 1),
    )
