"""Managed disks: they bill while they exist, attached or not, running or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from sandbox.arm.compute import ComputeKind
from sandbox.arm.errors import ArmError
from sandbox.arm.ids import ResourceId
from sandbox.arm.kinds import Put, sent
from sandbox.arm.nics import VM
from sandbox.arm.store import Resource

if TYPE_CHECKING:
    from sandbox.arm.kinds import Kind
    from sandbox.arm.wire import Json

DISK = "microsoft.compute/disks"


class Disks(ComputeKind):
    """A managed disk; an OS disk is made by its machine's creation."""

    type: ClassVar[str] = "Microsoft.Compute/disks"
    operation_name: ClassVar[str] = "Disk"
    put_location: ClassVar[bool] = True

    @override
    def writing_state(self, *, created: bool) -> str:
        return "Updating"

    @override
    def check(self, put: Put) -> None:
        if put.current is None and not (put.properties.get("creationData") or {}).get("createOption"):
            raise ArmError(400, "InvalidParameter", "Required parameter 'creationData.createOption' is missing (null).")

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        body = sent(put)
        sku = {"name": "Standard_LRS", **(body.pop("sku", None) or {})}
        made = {
            "timeCreated": resource.created_at.isoformat(),
            "uniqueId": resource.private.setdefault("uniqueId", self.cloud.guid()),
            "diskState": "Unattached",
        }
        body["properties"] = {**body["properties"], **made}
        body["sku"] = {**sku, "tier": sku["name"].partition("_")[0].replace("SSD", "")}
        resource.body = body

    @override
    def accepted(self, put: Put, resource: Resource, *, created: bool) -> None:
        if created:
            self.cloud.meters.open(resource.id, disk_meter(resource), self.cloud.now)

    @override
    def succeeded(self, resource: Resource, *, created: bool) -> None:
        self.cloud.meters.settle(resource.id, self.cloud.now, disk_meter(resource))

    @override
    def check_delete(self, resource: Resource) -> None:
        for _, machine in self.cloud.store.users(resource, VM):
            raise ArmError(409, "OperationNotAllowed", f"Disk {resource.rid.name} is attached to VM {machine.id}.")

    @override
    def removed(self, resource: Resource) -> None:
        self.cloud.meters.close(resource.id, disk_meter(resource), self.cloud.now)

    @override
    def view(self, resource: Resource) -> Json:
        shown = super().view(resource)
        machines = [machine for _, machine in self.cloud.store.users(resource, VM)]
        properties = shown["properties"]
        properties["diskState"] = "Unattached"
        if machines:
            shown["managedBy"] = machines[0].id
            deallocated = machines[0].private.get("power") == "deallocated"
            properties["diskState"] = "Reserved" if deallocated else "Attached"
        return shown


def disk_meter(disk: Resource) -> str:
    """The meter of a disk's SKU."""
    return f"disk.{disk.body['sku']['name']}"


def make_os_disk(machines: Kind, machine: Resource) -> None:
    """Make the OS disk of a machine that has just come up, named as the service names them.

    It was asked for with its machine: where Azure bills from acceptance, it bills from then.
    """
    cloud = machines.cloud
    profile = machine.properties["storageProfile"]["osDisk"]
    name = profile.get("name") or f"{machine.rid.name}_OsDisk_1_{cloud.guid().replace('-', '')}"
    rid = ResourceId(machine.rid.subscription, machine.rid.group, Disks.type, (name,))
    body: Json = {
        "location": machine.location,
        "sku": {"name": profile["managedDisk"]["storageAccountType"]},
        "properties": {
            "osType": profile["osType"],
            "creationData": {"createOption": "FromImage"},
            "diskSizeGB": profile["diskSizeGB"],
        },
    }
    disks = machines.kinds[DISK]
    disk = Resource(rid, DISK, {}, cloud.now)
    put = Put(rid, body, None, "")
    disks.compose(put, disk)
    disks.touch(disk)
    cloud.store.add(disk)
    cloud.meters.open(disk.id, disk_meter(disk), machine.created_at)
    disks.succeeded(disk, created=True)
    profile["name"] = name
    profile["managedDisk"] = {**profile["managedDisk"], "id": disk.id}
