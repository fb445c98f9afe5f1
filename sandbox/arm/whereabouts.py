"""Which region a request concerns, so that one region can fail while the others go on."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from sandbox.arm.cloud import region_name
from sandbox.arm.ids import parse_target

if TYPE_CHECKING:
    from sandbox.arm.ids import ResourceId
    from sandbox.arm.store import Store
    from sandbox.arm.wire import Request

_NAMED = re.compile(r"/locations/([^/]+)", re.IGNORECASE)


def region_of(store: Store, request: Request) -> str:
    """The region of the operation, the resource or its parent, or of the body; empty for lists, which span all."""
    named = _NAMED.search(request.path)
    if named is not None:
        return region_name(named[1])
    target = parse_target(request.path)
    step: ResourceId | None = target.id if target is not None else None
    while step is not None:
        resource = store.get(step.key)
        if resource is not None and resource.location:
            return resource.location
        step = step.parent
    return _asked_for(request)


def _asked_for(request: Request) -> str:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError:
        return ""
    return region_name(str(body.get("location") or "")) if isinstance(body, dict) else ""
