"""Microsoft's OpenAPI files: which operation a request is, and where a `$ref` leads."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("SHARED_DIR") or ROOT.parent / "shared")
FOLDER = SHARED / "specs" / "specification"

# Operations on resources whatever their type: they would match everything and say nothing.
_TOO_GENERAL = ("{parentresourcepath}", "{resourceid}", "/providers/microsoft.resources/deployments")
_VERBS = ("get", "put", "patch", "post", "delete", "head")


@dataclass(frozen=True)
class Operation:
    """One operation as its document declares it."""

    document: Path
    path: str
    method: str
    said: dict[str, Any]

    @property
    def sdk(self) -> str:
        """The installed SDK that has models for it, or empty."""
        found = re.search(r"/Microsoft\.(Network|Compute)/", str(self.document))
        return f"azure.mgmt.{found[1].lower()}" if found is not None else ""

    @property
    def long_running(self) -> bool:
        """Whether it may answer before it is done."""
        return bool(self.said.get("x-ms-long-running-operation"))

    @property
    def declares_errors(self) -> bool:
        """Whether any of its declared answers is a refusal."""
        return any(status == "default" or status >= "400" for status in self.said["responses"])

    @property
    def final_state_via(self) -> str:
        """Which header leads to the outcome."""
        options = self.said.get("x-ms-long-running-operation-options") or {}
        return str(options.get("final-state-via", ""))

    @cached_property
    def request(self) -> Place | None:
        """The schema of the request's body."""
        for parameter in self.said.get("parameters", []):
            place = Place(self.document, parameter).resolved
            if place.said.get("in") == "body":
                return place.below(place.said["schema"])
        return None

    def response(self, status: int) -> tuple[bool, Place | None]:
        """Whether a status is declared, and the schema of its body."""
        declared = self.said["responses"].get(str(status))
        if declared is None and status >= 400:
            declared = self.said["responses"].get("default")
        if declared is None:
            return False, None
        place = Place(self.document, declared).resolved
        schema = place.said.get("schema")
        return True, place.below(schema) if schema is not None else None


@dataclass(frozen=True, eq=False)
class Place:
    """A part of a document; its references are relative to that document."""

    document: Path
    said: dict[str, Any]
    name: str = ""

    @property
    def resolved(self) -> Place:
        """What it refers to, if it is a reference, by the name of the definition."""
        place = self
        while "$ref" in place.said:
            place = _referred(place.document, place.said["$ref"])
        return place

    def below(self, said: dict[str, Any]) -> Place:
        """A part of it."""
        return Place(self.document, said)


def present() -> bool:
    """Whether the files are there."""
    return FOLDER.is_dir()


@cache
def document(path: Path) -> dict[str, Any]:
    """One file."""
    return dict(json.loads(path.read_text("utf-8")))


@cache
def _referred(origin: Path, reference: str) -> Place:
    file, _, pointer = reference.partition("#")
    target = (origin.parent / file).resolve() if file else origin
    said: Any = document(target)
    parts = pointer.strip("/").split("/")
    for part in parts:
        said = said[part]
    return Place(target, said, parts[-1])


@cache
def network_definition(name: str) -> Place:
    """A definition that all of Microsoft.Network shares."""
    path = next(FOLDER.rglob("Microsoft.Network/stable/*/network.json"))
    return Place(path, document(path)["definitions"][name], name)


@cache
def _operations() -> dict[tuple[str, int], list[tuple[re.Pattern[str], Operation]]]:
    """All operations by verb and number of segments; those with more words of their own come first."""
    found: list[tuple[int, str, str, Operation]] = []
    for file in FOLDER.rglob("*.json"):
        if "examples" in file.parts:
            continue
        for path, verbs in document(file).get("paths", {}).items():
            if any(part in path.lower() for part in _TOO_GENERAL):
                continue
            for verb in _VERBS:
                if verb in verbs:
                    words = sum(not part.startswith("{") for part in path.split("/"))
                    found.append((-words, path, verb, Operation(file, path, verb, verbs[verb])))
    indexed: dict[tuple[str, int], list[tuple[re.Pattern[str], Operation]]] = {}
    for _, path, verb, operation in sorted(found, key=lambda each: each[:3]):
        length = 0 if path.startswith("/{scope}") else path.count("/")
        indexed.setdefault((verb, length), []).append((_pattern(path), operation))
    return indexed


def _pattern(path: str) -> re.Pattern[str]:
    parts = [
        ".+" if part == "{scope}" else "[^/]+" if part.startswith("{") else re.escape(part)
        for part in path.strip("/").split("/")
    ]
    return re.compile("/" + "/".join(parts), re.IGNORECASE)


def operation(method: str, path: str) -> Operation | None:
    """The operation that a request is, or None when no file declares it."""
    verb = method.lower()
    for length in (path.count("/"), 0):
        for pattern, found in _operations().get((verb, length), ()):
            if pattern.fullmatch(path):
                return found
    return None
