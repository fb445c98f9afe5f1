"""What the compute provider's types share: its states, its Retry-After, its way with collisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from sandbox.arm.errors import ArmError
from sandbox.arm.kinds import COMPUTE, Kind

if TYPE_CHECKING:
    from sandbox.arm.ids import ResourceId
    from sandbox.arm.store import Resource
    from sandbox.arm.wire import Json


class ComputeKind(Kind):
    """A type of the compute provider: "Creating" while new, and 409 Conflict on a collision."""

    provider: ClassVar[str] = COMPUTE
    put_retry: ClassVar[int] = 0
    delete_polls: ClassVar[tuple[int, ...]] = ()
    patch_is_long: ClassVar[bool] = True

    @override
    def writing_state(self, *, created: bool) -> str:
        return "Creating" if created else "Updating"

    @override
    def check_free(self, rid: ResourceId) -> None:
        operation = self.cloud.busy.get(self.family(rid))
        if operation is None:
            return
        if operation.verb == "delete":
            raise ArmError(
                409,
                "OperationNotAllowed",
                f"Operation 'startTenantUpdate' is not allowed on VM '{rid.names[0]}' since the VM is marked "
                "for deletion. You can only retry the Delete operation (or wait for an ongoing one to "
                "complete).",
            )
        raise ArmError(
            409,
            "Conflict",
            "The request failed due to conflict with a concurrent request. To resolve it, please refer to "
            "https://aka.ms/activitylog to get more details on the conflicting requests.",
        )

    @override
    def touch(self, resource: Resource) -> None:
        """Count the etag up: the compute provider's are numbers (recorded in 2025)."""
        count = int(resource.private.get("etag", 0)) + 1
        resource.private["etag"] = count
        resource.etag = f'"{count}"'

    @override
    def view(self, resource: Resource) -> Json:
        body = resource.body
        shown: Json = {"name": resource.rid.name, "id": resource.id, "type": self.type}
        shown.update({name: value for name, value in body.items() if name != "properties"})
        shown["properties"] = {**body.get("properties", {}), "provisioningState": resource.state}
        return shown
