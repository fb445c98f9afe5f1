"""Holding a JSON value against a schema: each place where it does not fit, in words.

A property is unknown, and a value of an enum wrong, only if neither the OpenAPI files nor the SDK's models have it.
Null stands for "not there".
"""

from __future__ import annotations

import re
import types
from datetime import datetime
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from tests.specs import sdk
from tests.specs.openapi import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Check = Callable[[str, Any], Iterator[str]]

_INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$")
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
# An enum that says of itself that it is no longer kept up: the sizes of machines are asked of the service.
_OPEN = ("VirtualMachineSizeTypes",)
# What live answers have (recordings of 2022 to 2024) and no file knows.
_RECORDED = {"NetworkInterface": {"kind": "string"}, "NetworkInterfacePropertiesFormat": {"allowPort25Out": "boolean"}}
_PLAIN: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


class Shapes:
    """The schemas of one SDK's documents, in one direction, each read once."""

    def __init__(self, sdk_name: str, *, request: bool) -> None:
        self._sdk = sdk_name
        self._request = request
        self._checks: dict[int, tuple[Place, Check]] = {}

    def check(self, place: Place) -> Check:
        """A function that yields what is wrong with a value, given the JSON path where it stands."""
        resolved = place.resolved
        key = id(resolved.said)
        if key not in self._checks:

            def later(path: str, value: Any) -> Iterator[str]:
                return self._checks[key][1](path, value)

            # A schema may hold itself, so there has to be a check of it before it is made.
            self._checks[key] = (resolved, later)
            self._checks[key] = (resolved, self._made(resolved))
        return self._checks[key][1]

    def _made(self, place: Place) -> Check:
        said = place.said
        kind = said.get("type") or ("object" if "properties" in said or "allOf" in said else "")
        if kind == "object":
            return self._object(place)
        if kind == "array":
            return _array(self.check(place.below(said.get("items", {}))))
        if "enum" in said:
            named = str((said.get("x-ms-enum") or {}).get("name", ""))
            if named in _OPEN:
                return _plain(kind)
            allowed = frozenset(map(str, said["enum"])) | sdk.values(self._sdk, named)
            return _enum(allowed)
        if said.get("format") == "date-time":
            return _instant
        return _plain(kind) if kind else _anything

    def _object(self, place: Place) -> Check:
        known: dict[str, Check] = {}
        required: set[str] = set()
        rest: Check | None = None
        bare = True
        names: list[str] = []
        for part in _parts(place):
            names.append(part.name)
            bare = bare and not part.said.get("properties")
            for name, said in part.said.get("properties", {}).items():
                known[name] = self.check(part.below(said))
            required |= {name for name in part.said.get("required", ()) if self._is_required(part, name)}
            more = part.said.get("additionalProperties")
            if more:
                rest = self.check(part.below(more)) if isinstance(more, dict) else _anything
        if bare and rest is None:
            rest = _anything
        return _object(known, frozenset(required), rest, lambda: self._of_sdk(tuple(names)))

    def _is_required(self, place: Place, name: str) -> bool:
        """Whether it still is (the SDK may know better), and is not the service's to give."""
        said = place.said["properties"].get(name, {})
        given = said.get("readOnly") or place.below(said).resolved.said.get("readOnly")
        hint = sdk.fields(self._sdk, place.name).get(name)
        return not (self._request and given) and type(None) not in get_args(hint)

    def _of_sdk(self, names: tuple[str, ...]) -> dict[str, Check]:
        found: dict[str, Check] = {}
        for name in names:
            found.update({key: _plain(kind) for key, kind in _RECORDED.get(name, {}).items()})
            found.update({key: of_hint(hint) for key, hint in sdk.fields(self._sdk, name).items()})
        return found


def _parts(place: Place) -> Iterator[Place]:
    """A definition and all that it is made of."""
    yield place
    for each in place.said.get("allOf", ()):
        yield from _parts(place.below(each).resolved)


def _object(
    known: dict[str, Check], required: frozenset[str], rest: Check | None, more: Callable[[], dict[str, Check]]
) -> Check:
    younger: dict[str, Check] | None = None

    def check(path: str, value: Any) -> Iterator[str]:
        nonlocal younger
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is no object"
            return
        for name, inner in value.items():
            found = known.get(name)
            if found is None:
                if younger is None:
                    younger = more()
                found = younger.get(name, rest)
            if found is None:
                yield f"{path}.{name}: nobody knows this property"
            elif inner is not None:
                yield from found(f"{path}.{name}", inner)
        for name in required:
            if value.get(name) is None:
                yield f"{path}.{name}: this is required"

    return check


def _array(inside: Check) -> Check:
    def check(path: str, value: Any) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path}: {value!r} is no list"
            return
        for index, each in enumerate(value):
            yield from inside(f"{path}[{index}]", each)

    return check


def _enum(allowed: frozenset[str]) -> Check:
    def check(path: str, value: Any) -> Iterator[str]:
        if str(value) not in allowed:
            yield f"{path}: {value!r} is none of {', '.join(sorted(allowed))}"

    return check


def _plain(kind: str) -> Check:
    kinds = _KINDS.get(kind, (object,))

    def check(path: str, value: Any) -> Iterator[str]:
        if not isinstance(value, kinds) or (isinstance(value, bool) and kind in ("integer", "number")):
            yield f"{path}: {value!r} is no {kind}"

    return check


def _instant(path: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str) or not _INSTANT.match(value):
        yield f"{path}: {value!r} is no instant"


def _anything(path: str, value: Any) -> Iterator[str]:
    del path, value
    return iter(())


@cache
def of_hint(hint: Any) -> Check:
    """The check of a type in the SDK's models; what cannot be told from it is let through."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _of_union([each for each in arguments if each is not type(None)])
    if origin is list:
        return _array(of_hint(arguments[0]))
    if origin is Literal:
        return _enum(frozenset(map(str, arguments)))
    return _of_class(hint) if isinstance(hint, type) else _anything


def _of_class(hint: type) -> Check:
    if hint in _PLAIN:
        return _plain(_PLAIN[hint])
    if hint is datetime:
        return _instant
    if not sdk.fields_of(hint):
        return _anything
    return _object({}, frozenset(), None, lambda: {name: of_hint(each) for name, each in sdk.fields_of(hint).items()})


def _of_union(members: list[Any]) -> Check:
    enums = [each for each in members if isinstance(each, type) and issubclass(each, Enum)]
    if enums:
        return _enum(frozenset(str(value.value) for each in enums for value in each))
    return of_hint(members[0]) if len(members) == 1 else _anything
