"""Virtual machines: create, power, delete, and what goes with them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from sandbox.arm import machine_rules
from sandbox.arm.cloud import TENANT
from sandbox.arm.compute import ComputeKind
from sandbox.arm.disks import make_os_disk
from sandbox.arm.errors import ArmError
from sandbox.arm.governance import CORES
from sandbox.arm.instance_view import instance_view
from sandbox.arm.kinds import Put, sent
from sandbox.arm.nics import NIC, NetworkInterfaces
from sandbox.arm.vintage import POWER_NOTIFIES
from sandbox.arm.wire import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from sandbox.arm.cloud import Cloud
    from sandbox.arm.ids import ResourceId
    from sandbox.arm.kinds import Kind
    from sandbox.arm.operations import Operation
    from sandbox.arm.store import Resource, Use
    from sandbox.arm.wire import Json, Request

EXTENSION = "microsoft.compute/virtualmachines/extensions"
_RUNNING, _STOPPED, _DEALLOCATED = "running", "stopped", "deallocated"

# Action: the power state while it runs and after it, Retry-After on the 202 and on its polls (recorded).
_POWER: dict[str, tuple[str, str, int, tuple[int, ...]]] = {
    "start": ("starting", _RUNNING, 10, ()),
    "restart": ("running", _RUNNING, 0, ()),
    "redeploy": ("running", _RUNNING, 0, ()),
    "poweroff": ("stopping", _STOPPED, 0, ()),
    "deallocate": ("deallocating", _DEALLOCATED, 10, (35,)),
}

# Just after a machine was deleted the provider itself answers, later ARM does (recorded; for how long is not known).
_REMEMBERED = timedelta(seconds=60)


class VirtualMachines(ComputeKind):
    """A machine; it bills while it is allocated: stopped counts, deallocated does not."""

    type: ClassVar[str] = "Microsoft.Compute/virtualMachines"
    operation_name: ClassVar[str] = "VirtualMachine"
    children: ClassVar[tuple[str, ...]] = (EXTENSION,)
    put_retry: ClassVar[int] = 10
    put_polls: ClassVar[tuple[int, ...]] = (35,)

    def __init__(self, cloud: Cloud, kinds: Mapping[str, Kind]) -> None:
        super().__init__(cloud, kinds)
        self._gone_at: dict[str, datetime] = {}

    @override
    def uses(self, rid: ResourceId, body: Json) -> Iterable[Use]:
        properties = body.get("properties", {})
        for each in machine_rules.interfaces(properties):
            yield str(rid), str(each.get("id"))
        disk = properties.get("storageProfile", {}).get("osDisk", {}).get("managedDisk", {}).get("id")
        if disk:
            yield str(rid), str(disk)

    @override
    def check(self, put: Put) -> None:
        machine_rules.check_size(self.cloud, put)
        cores = CORES[machine_rules.size_of(put.properties)]
        if put.current is not None:
            machine_rules.check_unchanged(put, put.current)
            more = cores - CORES[machine_rules.size_of(put.current.properties)]
            self.cloud.governance.take_cores(put.rid.subscription, put.location, more)
            return
        machine_rules.check_login(put)
        for each in machine_rules.interfaces(put.properties):
            nic = self.cloud.store.get(str(each.get("id")))
            if nic is not None:
                machine_rules.check_interface(self.cloud, put, nic)
                self._nics().check_reservation(nic, str(put.rid))
        self.cloud.governance.take_cores(put.rid.subscription, put.location, cores)

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        body = sent(put)
        before = resource.body.get("properties", {})
        # A PUT that says nothing of the identity leaves it alone: `az vm resize` counts on it.
        if "identity" in resource.body:
            body.setdefault("identity", resource.body["identity"])
        resource.body = {
            **body,
            "properties": machine_rules.filled(self.cloud, resource, body["properties"], before),
        }
        self._identify(resource)

    @override
    def accepted(self, put: Put, resource: Resource, *, created: bool) -> None:
        if created:
            resource.private["power"] = "creating"
            self._run_meter(resource)
        elif resource.private.get("metered") not in (None, self._meter(resource)):
            self._stop_meter(resource)
            self._run_meter(resource)

    @override
    def unborn(self, resource: Resource) -> bool:
        return not resource.private.get("power")

    @override
    def succeeded(self, resource: Resource, *, created: bool) -> None:
        if created:
            if machine_rules.has_managed_disk(resource.properties):
                make_os_disk(self, resource)
            resource.private["power"] = _RUNNING
            resource.private["changed_at"] = self.cloud.now
            self.cloud.store.use(resource, self.uses(resource.rid, resource.body))
        self._settle_meter(resource)

    @override
    def failed(self, resource: Resource, *, created: bool) -> None:
        if not created:
            return
        resource.private["power"] = ""
        self._stop_meter(resource)
        for nic in self._interfaces(resource):
            self._nics().reserve(nic, resource.id)

    @override
    def delete_accepted(self, resource: Resource) -> None:
        self.cloud.sessions.end_where("machine", resource.key, "the machine was deleted")

    @override
    def absent(self, rid: ResourceId) -> ArmError:
        gone_at = self._gone_at.get(rid.key)
        if gone_at is not None and self.cloud.now < gone_at + _REMEMBERED:
            return ArmError(404, "NotFound", "The entity was not found in this Azure location.")
        return super().absent(rid)

    @override
    def removed(self, resource: Resource) -> None:
        self._remember(resource)
        self.cloud.sessions.end_where("machine", resource.key, "the machine was deleted")
        self._stop_meter(resource)
        cores = CORES[machine_rules.size_of(resource.properties)]
        self.cloud.governance.take_cores(resource.rid.subscription, resource.location, -cores)
        self.cloud.store.use(resource, ())
        for kind, doomed in machine_rules.deleted_along(self.cloud, resource):
            found = self.cloud.store.get(doomed)
            if found is not None:
                self.kinds[kind].remove(found)

    @override
    def view(self, resource: Resource) -> Json:
        shown = super().view(resource)
        extensions = self.kinds[EXTENSION]
        inside = self.cloud.store.within(resource.key, EXTENSION)
        if inside:
            shown["resources"] = [extensions.view(each) for each in inside]
        shown["etag"] = resource.etag
        return shown

    def expanded(self, resource: Resource, version: str) -> Json:
        """The body with `$expand=instanceView`."""
        shown = self.shown(resource, version)
        shown["properties"]["instanceView"] = instance_view(self.cloud, resource)
        return shown

    @override
    def patch(self, resource: Resource, body: Json) -> None:
        super().patch(resource, body)
        if "identity" in body:
            resource.body["identity"] = dict(body["identity"] or {})
            self._identify(resource)

    @override
    def notifies(self, verb: str, version: str) -> bool:
        return version >= POWER_NOTIFIES if verb in _POWER else self.notify

    @override
    def actions(self) -> Mapping[str, Callable[[Resource, Request], Response]]:
        powers = {name: self._power_action(name) for name in _POWER}
        return {**powers, "instanceview": self._show_instance}

    def switch_power(self, resource: Resource, action: str, request: Request) -> Operation:
        """Begin a power action; what cuts people off does so at once."""
        during, after, _, polls = _POWER[action]
        name = {"poweroff": "powerOff"}.get(action, action)
        machine_rules.check_power(resource, name)
        self.check_free(resource.rid)
        before = resource.private["power"]
        if action == "start" and before == _DEALLOCATED:
            self._run_meter(resource)
        if action != "start":
            self.cloud.sessions.end_where("machine", resource.key, f"the machine was told to {name}")
        resource.private["power"] = during
        resource.state = "Updating"

        def ended(operation: Operation) -> None:
            self._power_ended(resource, operation, before=before, after=after)

        duration = self._power_duration(resource, action, before)
        operation = self.begin(resource, action, request, duration, ended)
        operation.retry_polls = polls
        return operation

    def _power_action(self, action: str) -> Callable[[Resource, Request], Response]:
        retry = _POWER[action][2]

        def act(resource: Resource, request: Request) -> Response:
            operation = self.switch_power(resource, action, request)
            headers = self.cloud.operations.headers(operation, location=True)
            if retry:
                headers["Retry-After"] = str(retry)
            return Response(202, headers)

        return act

    def _power_duration(self, resource: Resource, action: str, before: str) -> timedelta:
        duration = self.draw(action, resource)
        # Starting what only was stopped took 4 s in the recording; from deallocated it takes longer.
        return duration / 5 if action == "start" and before != _DEALLOCATED else duration

    def _power_ended(self, resource: Resource, operation: Operation, *, before: str, after: str) -> None:
        if resource.state == "Deleting":
            return
        done = operation.status == "Succeeded"
        resource.private["power"] = after if done else before
        resource.private["changed_at"] = self.cloud.now
        resource.state = "Succeeded" if done else "Failed"
        self._settle_meter(resource)
        if resource.private["power"] == _DEALLOCATED:
            self._stop_meter(resource)
        self.touch(resource)

    def _show_instance(self, resource: Resource, request: Request) -> Response:
        del request
        return json_response(200, instance_view(self.cloud, resource))

    def _interfaces(self, resource: Resource) -> list[Resource]:
        found = [self.cloud.store.get(str(each.get("id"))) for each in machine_rules.interfaces(resource.properties)]
        return [nic for nic in found if nic is not None]

    def _remember(self, resource: Resource) -> None:
        self._gone_at.pop(resource.key, None)
        self._gone_at[resource.key] = self.cloud.now
        while self.cloud.now >= next(iter(self._gone_at.values())) + _REMEMBERED:
            del self._gone_at[next(iter(self._gone_at))]

    def _nics(self) -> NetworkInterfaces:
        kind = self.kinds[NIC]
        assert isinstance(kind, NetworkInterfaces)  # noqa: S101 - the table of types is ours
        return kind

    def _identify(self, resource: Resource) -> None:
        identity = resource.body.get("identity") or {}
        if "SystemAssigned" in str(identity.get("type", "")):
            principal = resource.private.setdefault("principalId", self.cloud.guid())
            resource.body["identity"] = {**identity, "principalId": principal, "tenantId": TENANT}
        elif identity.get("type") == "None":
            # A later one is another principal.
            del resource.body["identity"]
            resource.private.pop("principalId", None)

    def _meter(self, resource: Resource) -> str:
        return f"vm.{machine_rules.size_of(resource.properties)}"

    def _run_meter(self, resource: Resource) -> None:
        resource.private["metered"] = self._meter(resource)
        self.cloud.meters.open(resource.id, self._meter(resource), self.cloud.now)

    def _settle_meter(self, resource: Resource) -> None:
        self.cloud.meters.settle(resource.id, self.cloud.now, str(resource.private.get("metered")))

    def _stop_meter(self, resource: Resource) -> None:
        metered = resource.private.pop("metered", None)
        if metered is not None:
            self.cloud.meters.settle(resource.id, self.cloud.now, metered)
            self.cloud.meters.close(resource.id, metered, self.cloud.now)
