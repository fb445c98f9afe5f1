"""Management locks: what stands at which scope, and the resource type Microsoft.Authorization/locks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.arm.errors import ArmError, invalid_request_content
from sandbox.arm.wire import Response, json_response

if TYPE_CHECKING:
    from sandbox.arm.wire import Json, Request

READ_ONLY, CAN_NOT_DELETE = "ReadOnly", "CanNotDelete"
LEVELS = (CAN_NOT_DELETE, READ_ONLY)
TYPE = "Microsoft.Authorization/locks"


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock: at a subscription, a group or a resource, whose id `scope` is as it was first written."""

    scope: str
    name: str
    level: str
    notes: str | None = None

    def shown(self) -> Json:
        """The lock's body."""
        notes = {"notes": self.notes} if self.notes is not None else {}
        return {
            "id": f"{self.scope}/providers/{TYPE}/{self.name}",
            "name": self.name,
            "type": TYPE,
            "properties": {"level": self.level, **notes},
        }


class Locks:
    """All locks, by scope and name, neither of which knows letter case."""

    def __init__(self) -> None:
        self._at: dict[str, dict[str, Lock]] = {}

    def __bool__(self) -> bool:
        return bool(self._at)

    def put(self, lock: Lock) -> bool:
        """Put a lock on; True when there was none of its name."""
        there = self._at.setdefault(lock.scope.lower(), {})
        new = lock.name.lower() not in there
        there[lock.name.lower()] = lock
        return new

    def get(self, scope: str, name: str) -> Lock | None:
        """The lock of a name at a scope."""
        return self._at.get(scope.lower(), {}).get(name.lower())

    def take_off(self, scope: str, name: str) -> bool:
        """Take one lock off; False when there is none of its name."""
        there = self._at.get(scope.lower(), {})
        gone = there.pop(name.lower(), None) is not None
        if not there:
            self._at.pop(scope.lower(), None)
        return gone

    def take_all_off(self, scope: str) -> None:
        """Take off whatever is at a scope."""
        self._at.pop(scope.lower(), None)

    def within(self, scope: str) -> list[Lock]:
        """The locks at a scope and below it."""
        key = scope.lower()
        return [
            lock for at, there in self._at.items() if at == key or at.startswith(f"{key}/") for lock in there.values()
        ]

    def forbid(self, method: str, scope: str) -> bool:
        """Whether a lock at just this scope forbids a write."""
        levels = {lock.level for lock in self._at.get(scope, {}).values()}
        return READ_ONLY in levels or (CAN_NOT_DELETE in levels and method == "DELETE")


def answer(locks: Locks, request: Request, scope: str, name: str) -> Response:
    """GET, PUT or DELETE of a lock at a scope; the list of a scope, and of all below it, without a name."""
    if not name:
        return json_response(200, {"value": [each.shown() for each in locks.within(scope)]})
    if request.method == "DELETE":
        return Response(200 if locks.take_off(scope, name) else 204)
    if request.method == "PUT":
        lock = _asked(request, scope, name)
        return json_response(201 if locks.put(lock) else 200, lock.shown())
    found = locks.get(scope, name)
    if found is None:
        raise ArmError(404, "LockNotFound", f"The lock '{name}' could not be found.", gateway=True)
    return json_response(200, found.shown())


def _asked(request: Request, scope: str, name: str) -> Lock:
    try:
        properties = request.json().get("properties")
    except ValueError as error:
        raise invalid_request_content(f"The request content was invalid: {error}") from None
    if not isinstance(properties, dict) or properties.get("level") not in LEVELS:
        raise ArmError(
            400, "InvalidLockLevel", f"The level of lock '{name}' is one of {', '.join(LEVELS)}.", gateway=True
        )
    notes = properties.get("notes")
    return Lock(scope, name, str(properties["level"]), str(notes) if notes is not None else None)
