"""What every resource type has in common; a type states what differs from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sandbox.arm import durations
from sandbox.arm.errors import another_operation, preempted, resource_not_found
from sandbox.arm.operations import COMPUTE, NETWORK, Operation
from sandbox.arm.vintage import as_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta

    from sandbox.arm.cloud import Cloud
    from sandbox.arm.errors import ArmError
    from sandbox.arm.ids import ResourceId
    from sandbox.arm.store import Resource, Use
    from sandbox.arm.wire import Json, Request, Response

_READ_ONLY = ("id", "name", "type", "etag", "systemData", "resources")


@dataclass(slots=True)
class Put:
    """A create or update as it was asked for."""

    rid: ResourceId
    body: Json
    current: Resource | None
    api_version: str

    @property
    def properties(self) -> Json:
        """The properties that were sent."""
        found: Json = self.body.setdefault("properties", {})
        return found

    @property
    def location(self) -> str:
        """The region that was sent."""
        return str(self.body.get("location", ""))


class Kind:
    """One resource type: its rules, what the service adds to it, and its side effects.

    The defaults are those of the network provider: "Updating" while written, never "Creating";
    Retry-After 3 on a PUT, 10 on a DELETE, as recorded.
    """

    type: ClassVar[str]
    operation_name: ClassVar[str]
    provider: ClassVar[str] = NETWORK
    located: ClassVar[bool] = True
    listed: ClassVar[bool] = True
    children: ClassVar[tuple[str, ...]] = ()
    notify: ClassVar[bool] = True
    put_retry: ClassVar[int] = 3
    put_polls: ClassVar[tuple[int, ...]] = ()
    delete_retry: ClassVar[int] = 10
    delete_polls: ClassVar[tuple[int, ...]] = (10,)
    synchronous: ClassVar[bool] = False
    put_location: ClassVar[bool] = False
    patch_is_long: ClassVar[bool] = False

    def __init__(self, cloud: Cloud, kinds: Mapping[str, Kind]) -> None:
        self.cloud = cloud
        self.kinds = kinds

    @property
    def key(self) -> str:
        """The type in lower case."""
        return self.type.lower()

    # What a type states about a write, in the order in which it is asked.

    def family(self, rid: ResourceId) -> str:
        """The key of what one write at a time may touch: the resource, or its topmost parent."""
        return rid.key

    def uses(self, rid: ResourceId, body: Json) -> Iterable[Use]:  # noqa: ARG002 - a hook
        """The resources a body refers to, each with the id of the part that refers."""
        return ()

    def check(self, put: Put) -> None:
        """Refuse a body that breaks a rule of the type."""

    def compose(self, put: Put, resource: Resource) -> None:
        """Set the stored body from what was sent; the default keeps what was sent."""
        resource.body = sent(put)

    def accepted(self, put: Put, resource: Resource, *, created: bool) -> None:
        """Do what happens at acceptance of a write."""

    def succeeded(self, resource: Resource, *, created: bool) -> None:
        """Do what happens when a write has succeeded."""

    def failed(self, resource: Resource, *, created: bool) -> None:
        """Do what happens when a write has failed after it was accepted."""

    def unborn(self, resource: Resource) -> bool:  # noqa: ARG002 - a hook
        """Whether a resource that exists was never provisioned, so that a PUT provisions it after all."""
        return False

    def put_duration(self, resource: Resource, *, created: bool) -> timedelta:
        """Draw how long a write takes."""
        return self.draw("create" if created else "update", resource)

    def writing_state(self, *, created: bool) -> str:  # noqa: ARG002 - a hook
        """The provisioningState while a write is under way."""
        return "Updating"

    # Deletion.

    def check_delete(self, resource: Resource) -> None:
        """Refuse the deletion of what is in use."""

    def delete_accepted(self, resource: Resource) -> None:
        """Do what happens at acceptance of a delete."""

    def removed(self, resource: Resource) -> None:
        """Do what happens when the resource is gone."""

    # Reading.

    def view(self, resource: Resource) -> Json:
        """The full body as a GET shows it."""
        body = resource.body
        shown: Json = {"name": resource.rid.name, "id": resource.id, "etag": resource.etag}
        shown["type"] = self.type
        shown.update({name: value for name, value in body.items() if name != "properties"})
        shown["properties"] = {"provisioningState": resource.state, **body.get("properties", {})}
        return shown

    def shown(self, resource: Resource, version: str) -> Json:
        """The body as an api-version shows it."""
        return as_of(version, self.key, self.view(resource))

    def notifies(self, verb: str, version: str) -> bool:  # noqa: ARG002 - a hook
        """Whether an operation announces Azure-AsyncNotification; the api-version may decide it."""
        return self.notify

    def absent(self, rid: ResourceId) -> ArmError:
        """The 404 of a resource that is not there."""
        return resource_not_found(rid)

    def patch(self, resource: Resource, body: Json) -> None:
        """Apply a PATCH: on the network side, tags alone."""
        if "tags" in body:
            resource.body["tags"] = dict(body["tags"] or {})

    def actions(self) -> Mapping[str, Callable[[Resource, Request], Response]]:
        """The POST actions of the type, by name in lower case."""
        return {}

    # What types use to do it.

    def draw(self, verb: str, resource: Resource) -> timedelta:
        """Draw the duration of an operation."""
        return durations.draw(self.cloud.rng, self.cloud.switches, resource.kind, verb)

    def touch(self, resource: Resource) -> None:
        """Give a resource a new etag: something about it has changed."""
        resource.etag = f'W/"{self.cloud.guid()}"'

    def child_kinds(self) -> list[Kind]:
        """The types of resources that live in this one."""
        return [self.kinds[child] for child in self.children]

    def check_free(self, rid: ResourceId) -> None:
        """Refuse a write while another one is under way on the resource or its family."""
        operation = self.cloud.busy.get(self.family(rid))
        if operation is not None:
            as_conflict = self.cloud.switches.concurrent_writes == "conflict"
            uri = self.cloud.operations.uri(operation)
            raise another_operation(str(rid), uri, as_conflict=as_conflict)

    def begin(
        self,
        resource: Resource,
        verb: str,
        request: Request,
        duration: timedelta,
        ended: Callable[[Operation], None],
    ) -> Operation:
        """Start an operation on a resource; a fate that a fault chose may change how it ends."""
        version = request.query.get("api-version", "")
        operation = Operation(
            id=self.cloud.guid(),
            provider=self.provider,
            name=f"{verb.capitalize()}{self.operation_name}Operation",
            verb=verb,
            resource=resource.id,
            location=self.location_of(resource),
            api_version=version,
            base=request.base,
            started_at=self.cloud.now,
            notify=self.notifies(verb, version),
        )
        family = self.family(resource.rid)
        resource.operation = operation
        resource.last_operation = operation.name
        self.cloud.busy[family] = operation
        operation.ends.append(lambda _: self._release(resource, family, operation))
        operation.ends.append(ended)
        fate = request.fate
        if fate is not None:
            operation.fate = fate.status
            operation.error = fate.error
            operation.injected = True
        return self.cloud.operations.begin(operation, None if fate and fate.stuck else duration)

    def remove(self, resource: Resource) -> None:
        """Take a resource and all that lives in it out of the world, now."""
        for child in self.child_kinds():
            for inside in self.cloud.store.within(resource.key, child.key):
                child.remove(inside)
        self.cloud.store.remove(resource)
        if resource.operation is not None and resource.operation.verb != "delete":
            self.cloud.operations.end(resource.operation, "Canceled", preempted())
        self.removed(resource)

    def location_of(self, resource: Resource) -> str:
        """The region a resource's operations are named by: its own, or its topmost parent's."""
        parent = resource.rid.parent
        while not resource.location and parent is not None:
            found = self.cloud.store.get(parent.key)
            if found is None:
                break
            resource, parent = found, parent.parent
        return resource.location or "westeurope"

    def _release(self, resource: Resource, family: str, operation: Operation) -> None:
        if self.cloud.busy.get(family) is operation:
            del self.cloud.busy[family]
        if resource.operation is operation:
            resource.operation = None


def sent(put: Put) -> Json:
    """What was sent, without what only the service writes."""
    body = {name: value for name, value in put.body.items() if name not in _READ_ONLY and value is not None}
    properties = {
        name: value for name, value in put.properties.items() if name != "provisioningState" and value is not None
    }
    body["properties"] = properties
    return body


def kept(put: Put, resource: Resource, name: str, made: Callable[[], str]) -> str:
    """A value the service makes once and keeps over updates, such as a resourceGuid."""
    value = resource.private.setdefault(name, None) or made()
    resource.private[name] = value
    put.properties.pop(name, None)
    return str(value)


def reference(holder: Json | None, name: str) -> str:
    """The id inside a sub-resource reference such as `{"subnet": {"id": ...}}`, or empty."""
    found = (holder or {}).get(name)
    return str(found.get("id") or "") if isinstance(found, dict) else ""


__all__ = ["COMPUTE", "NETWORK", "Kind", "Put", "kept", "reference", "sent"]
