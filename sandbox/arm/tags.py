"""Tags: the tags API of a resource, and the tag filters of resource lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sandbox.arm.errors import invalid_request_content
from sandbox.arm.wire import json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.arm.kinds import Kind
    from sandbox.arm.store import Resource
    from sandbox.arm.wire import Json, Request, Response

_NAME = re.compile(r"tagName\s+eq\s+'([^']*)'", re.IGNORECASE)
_VALUE = re.compile(r"tagValue\s+eq\s+'([^']*)'", re.IGNORECASE)
_TYPE = re.compile(r"resourceType\s+eq\s+'([^']*)'", re.IGNORECASE)


def answer(kind: Kind, resource: Resource, request: Request) -> Response:
    """GET, PUT (replace) or PATCH (Merge, Replace, Delete) of a resource's tags."""
    if request.method != "GET":
        try:
            body = request.json()
        except ValueError as error:
            raise invalid_request_content(str(error)) from None
        properties = body.get("properties")
        sent = (properties.get("tags") or {}) if isinstance(properties, dict) else None
        if not isinstance(sent, dict):
            raise invalid_request_content("The tags are no JSON object.")
        how = str(body.get("operation", "Replace")) if request.method == "PATCH" else "Replace"
        resource.body["tags"] = _changed(resource.body.get("tags") or {}, sent, how)
        kind.touch(resource)
    shown: Json = {
        "id": f"{resource.id}/providers/Microsoft.Resources/tags/default",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": resource.body.get("tags") or {}},
    }
    return json_response(200, shown)


def wanted_by(text: str) -> Callable[[Resource, Kind], bool]:
    """The meaning of a list's $filter: by tag name and value, or by resource type."""
    name, value, kind_name = _NAME.search(text), _VALUE.search(text), _TYPE.search(text)

    def wanted(resource: Resource, kind: Kind) -> bool:
        tags = resource.body.get("tags") or {}
        if kind_name is not None and kind.key != kind_name[1].lower():
            return False
        if name is not None and name[1] not in tags:
            return False
        return value is None or name is None or tags[name[1]] == value[1]

    return wanted


def _changed(tags: dict[str, str], sent: dict[str, str], how: str) -> dict[str, str]:
    if how == "Merge":
        return {**tags, **sent}
    if how == "Delete":
        return {name: value for name, value in tags.items() if name not in sent}
    return sent
