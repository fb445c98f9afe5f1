"""Machine extensions, above all the one that lets people log in with Entra ID."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from sandbox.arm import durations
from sandbox.arm.compute import ComputeKind
from sandbox.arm.errors import ArmError, invalid_parameter
from sandbox.arm.kinds import Put, sent
from sandbox.arm.outbound import has_outbound

if TYPE_CHECKING:
    from datetime import timedelta

    from sandbox.arm.ids import ResourceId
    from sandbox.arm.operations import Operation
    from sandbox.arm.store import Resource
    from sandbox.arm.wire import Json

ENTRA_LOGIN = "AADSSHLoginForLinux"
ENTRA_PUBLISHER = "Microsoft.Azure.ActiveDirectory"


class Extensions(ComputeKind):
    """An extension; its secrets are never shown, and it can be changed on a running machine only."""

    type: ClassVar[str] = "Microsoft.Compute/virtualMachines/extensions"
    operation_name: ClassVar[str] = "Extension"

    @override
    def family(self, rid: ResourceId) -> str:
        return rid.parent.key if rid.parent is not None else rid.key

    @override
    def check(self, put: Put) -> None:
        for name in ("publisher", "type"):
            if not put.properties.get(name):
                raise invalid_parameter(f"Required parameter '{name}' is missing (null).")
        machine = self._machine(put.rid)
        if machine.private.get("power") != "running":
            raise ArmError(409, "OperationNotAllowed", "Cannot modify extensions in the VM when the VM is not running.")

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        body = sent(put)
        properties = body["properties"]
        properties.pop("protectedSettings", None)
        properties.pop("instanceView", None)
        body["properties"] = {"autoUpgradeMinorVersion": False, **properties}
        resource.body = body

    @override
    def put_duration(self, resource: Resource, *, created: bool) -> timedelta:
        if self._doomed(resource):
            return durations.draw_extension_failure(self.cloud.rng)
        return super().put_duration(resource, created=created)

    def fail_late(self, resource: Resource, operation: Operation) -> None:
        """Let an installation that cannot reach its packages end badly, as late as it really does."""
        if operation.error is None and self._doomed(resource):
            operation.fate = "Failed"
            operation.error = ArmError(
                409,
                "VMExtensionProvisioningError",
                f"VM has reported a failure when processing extension '{resource.rid.name}' (publisher "
                f"'{ENTRA_PUBLISHER}' and type '{ENTRA_LOGIN}'). Error message: 'Failed to connect to "
                "packages.microsoft.com port 443: Connection timed out'.",
            )

    @override
    def check_delete(self, resource: Resource) -> None:
        machine = self._machine(resource.rid)
        if machine.private.get("power") != "running":
            raise ArmError(409, "OperationNotAllowed", "Cannot modify extensions in the VM when the VM is not running.")

    @override
    def view(self, resource: Resource) -> Json:
        shown = super().view(resource)
        shown["location"] = self._machine(resource.rid).location
        return shown

    def _doomed(self, resource: Resource) -> bool:
        return (
            is_entra_login(resource)
            and self.cloud.switches.extension_without_outbound == "fails"
            and not has_outbound(self.cloud, self._machine(resource.rid))
        )

    def _machine(self, rid: ResourceId) -> Resource:
        machine = self.cloud.store.get(rid.parent.key) if rid.parent is not None else None
        if machine is None:
            raise invalid_parameter(f"The machine of extension {rid} is gone.")
        return machine


def is_entra_login(extension: Resource) -> bool:
    """Whether an extension is the Entra login of a Linux machine."""
    properties = extension.properties
    return properties.get("type") == ENTRA_LOGIN and properties.get("publisher") == ENTRA_PUBLISHER
