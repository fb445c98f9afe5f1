"""What exists: resources by id, and indexes by scope and by use, so that nothing is ever scanned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.arm.ids import group_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from sandbox.arm.ids import ResourceId
    from sandbox.arm.operations import Operation
    from sandbox.arm.wire import Json

Use = tuple[str, str]
"""Who uses what: the id of the using part, and the id of the resource it uses."""


@dataclass(slots=True, eq=False)
class Resource:
    """One resource: its stored body and what the service knows and never shows (`private`)."""

    rid: ResourceId
    kind: str
    body: Json
    created_at: datetime
    etag: str = ""
    state: str = "Succeeded"
    operation: Operation | None = None
    last_operation: str = ""
    private: Json = field(default_factory=dict)
    id: str = field(init=False)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = str(self.rid)
        self.key = self.id.lower()

    @property
    def properties(self) -> Json:
        """The body's properties."""
        found: Json = self.body.setdefault("properties", {})
        return found

    @property
    def location(self) -> str:
        """The region, or empty for a child."""
        return str(self.body.get("location", ""))


@dataclass(slots=True)
class Group:
    """One resource group."""

    subscription: str
    name: str
    location: str
    tags: dict[str, str] | None = None
    state: str = "Succeeded"

    @property
    def id(self) -> str:
        """The group's id."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.name}"

    @property
    def key(self) -> str:
        """The group's look-up key."""
        return group_key(self.subscription, self.name)


class Store:
    """Resource groups and resources, each found by dictionary look-ups alone."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self._by_key: dict[str, Resource] = {}
        self._by_scope: dict[tuple[str, str], dict[str, Resource]] = {}
        self._users: dict[str, dict[str, tuple[str, Resource]]] = {}
        self._uses: dict[str, list[tuple[str, str]]] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Resource]:
        return iter(list(self._by_key.values()))

    def get(self, id_or_key: str) -> Resource | None:
        """Find a resource by its id in any letter case."""
        return self._by_key.get(id_or_key.lower())

    def add(self, resource: Resource) -> None:
        """Take in a new resource."""
        self._by_key[resource.key] = resource
        for scope in _scopes(resource):
            self._by_scope.setdefault((scope, resource.kind), {})[resource.key] = resource

    def remove(self, resource: Resource) -> None:
        """Forget a resource and its uses of others."""
        self._by_key.pop(resource.key, None)
        for scope in _scopes(resource):
            self._by_scope.get((scope, resource.kind), {}).pop(resource.key, None)
        self.use(resource, ())

    def within(self, scope: str, kind: str) -> list[Resource]:
        """All resources of a type (lower case) in a subscription, group or parent, oldest first."""
        return list(self._by_scope.get((scope.lower(), kind), {}).values())

    def count(self, scope: str, kind: str) -> int:
        """How many resources of a type are in a scope."""
        return len(self._by_scope.get((scope.lower(), kind), {}))

    def use(self, user: Resource, uses: Iterable[Use]) -> None:
        """Record which resources a resource now uses, replacing what was recorded."""
        for target, part in self._uses.pop(user.key, []):
            self._users.get(target, {}).pop(part, None)
        recorded = []
        for part_id, target_id in uses:
            target, part = target_id.lower(), part_id.lower()
            self._users.setdefault(target, {})[part] = (part_id, user)
            recorded.append((target, part))
        if recorded:
            self._uses[user.key] = recorded

    def users(self, target: Resource, kind: str = "") -> list[tuple[str, Resource]]:
        """Who uses a resource: the using part's id and its resource, of one type (lower case) or all."""
        found = self._users.get(target.key, {}).values()
        return [each for each in found if not kind or each[1].kind == kind]


def _scopes(resource: Resource) -> tuple[str, ...]:
    """Where a resource is found: its subscription, its region there, its group; a child, in its parent."""
    parent = resource.rid.parent
    if parent is not None:
        return (parent.key,)
    subscription = f"/subscriptions/{resource.rid.subscription}".lower()
    region = region_scope(resource.rid.subscription, resource.location)
    return (subscription, region, resource.rid.group_key)


def region_scope(subscription: str, location: str) -> str:
    """The scope of all resources of a subscription in a region."""
    return f"/subscriptions/{subscription}/locations/{location}".lower()
