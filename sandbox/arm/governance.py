"""What stands above providers: roles, locks, policies, registrations and quotas."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.arm.errors import ArmError
from sandbox.arm.locks import Locks

if TYPE_CHECKING:
    from sandbox.arm.cloud import Cloud
    from sandbox.arm.ids import ResourceId
    from sandbox.arm.store import Group
    from sandbox.arm.wire import Json

CORES = {
    "Standard_A1_v2": 1,
    "Standard_B1s": 1,
    "Standard_B1ms": 1,
    "Standard_B2s": 2,
    "Standard_B2ms": 2,
    "Standard_B4ms": 4,
    "Standard_B2s_v2": 2,
    "Standard_B2ls_v2": 2,
    "Standard_B2as_v2": 2,
    "Standard_DS1_v2": 1,
    "Standard_DS2_v2": 2,
    "Standard_D2s_v3": 2,
    "Standard_D4s_v3": 4,
    "Standard_D2s_v4": 2,
    "Standard_D2s_v5": 2,
    "Standard_D2as_v5": 2,
    "Standard_D2ds_v5": 2,
    "Standard_D2ls_v5": 2,
    "Standard_D4s_v5": 4,
    "Standard_D4as_v5": 4,
    "Standard_D8s_v5": 8,
    "Standard_D16s_v5": 16,
    "Standard_D2s_v6": 2,
    "Standard_E2s_v5": 2,
    "Standard_E4s_v5": 4,
    "Standard_F2s_v2": 2,
}
"""The sizes this simulator offers, with their vCPUs."""


class Governance:
    """Refuses what a role, a lock, a policy, a missing registration or a quota forbids."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._starts_at = cloud.now
        self._cores: dict[tuple[str, str], int] = {}
        self.locks = Locks()

    def check_role(self, method: str, scope: str) -> None:
        """Refuse writes while the role assignment has not arrived yet."""
        lag = timedelta(minutes=self._cloud.switches.role_lag_minutes)
        if method != "GET" and self._cloud.now < self._starts_at + lag:
            raise not_authorized(method, scope)

    def check_lock(self, method: str, rid: ResourceId) -> None:
        """Refuse what a lock on the resource, an ancestor, its group or the subscription forbids."""
        if not self.locks:
            return
        scopes = [f"/subscriptions/{rid.subscription}".lower(), rid.group_key]
        step: ResourceId | None = rid
        while step is not None:
            scopes.append(step.key)
            step = step.parent
        for scope in scopes:
            if self.locks.forbid(method, scope):
                raise scope_locked(method, str(rid), scope)

    def check_group_lock(self, method: str, group: Group) -> None:
        """Refuse what a lock on a group or its subscription forbids; nothing in a group that goes may be locked."""
        inside = [lock.scope for lock in self.locks.within(group.id)] if method == "DELETE" else []
        for scope in (f"/subscriptions/{group.subscription}".lower(), group.key, *inside):
            if scope in inside or self.locks.forbid(method, scope):
                raise scope_locked(method, group.id, scope)

    def check_registration(self, rid: ResourceId) -> None:
        """Refuse a provider that the subscription is not registered for."""
        provider = rid.type.partition("/")[0]
        missing = {each.lower() for each in self._cloud.switches.unregistered_providers}
        if provider.lower() in missing:
            raise ArmError(
                409,
                "MissingSubscriptionRegistration",
                f"The subscription is not registered to use namespace '{provider}'. See "
                "https://aka.ms/rps-not-found for how to register subscriptions.",
                gateway=True,
            )

    def apply_policies(self, rid: ResourceId, body: Json) -> None:
        """Deny a resource without the required tags; add the tags a modify policy adds."""
        tags = body.get("tags") or {}
        missing = [tag for tag in self._cloud.switches.required_tags if tag not in tags]
        if missing:
            raise ArmError(
                403,
                "RequestDisallowedByPolicy",
                f"Resource '{rid.name}' was disallowed by policy. Reasons: 'The tag "
                f"{missing[0]} is required.'. See error details for policy resource IDs.",
                gateway=True,
            )
        if self._cloud.switches.added_tags:
            body["tags"] = {**self._cloud.switches.added_tags, **tags}

    def take_cores(self, subscription: str, location: str, cores: int) -> None:
        """Count a machine's vCPUs; they count until it is deleted, also while it is deallocated."""
        key = (subscription.lower(), location)
        taken = self._cores.get(key, 0)
        limit = self._cloud.switches.cores_per_region
        if cores > 0 and taken + cores > limit:
            raise ArmError(
                409,
                "OperationNotAllowed",
                "Operation could not be completed as it results in exceeding approved Total Regional Cores "
                f"quota. Additional details - Deployment Model: Resource Manager, Location: {location}, "
                f"Current Limit: {limit}, Current Usage: {taken}, Additional Required: {cores}, "
                f"(Minimum) New Limit Required: {taken + cores}.",
            )
        self._cores[key] = taken + cores

    def cores_taken(self, subscription: str, location: str) -> int:
        """How many vCPUs a region of a subscription holds."""
        return self._cores.get((subscription.lower(), location), 0)


def not_authorized(method: str, scope: str) -> ArmError:
    """The caller has no role that allows this."""
    action = {"GET": "read", "DELETE": "delete"}.get(method, "write")
    return ArmError(
        403,
        "AuthorizationFailed",
        "The client 'sandbox' with object id '00000000-0000-0000-0000-00000000000a' does not have "
        f"authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If "
        "access was recently granted, please refresh your credentials.",
        gateway=True,
    )


def scope_locked(method: str, resource: str, scope: str) -> ArmError:
    """A management lock forbids it."""
    verb = "delete" if method == "DELETE" else "write"
    return ArmError(
        409,
        "ScopeLocked",
        f"The scope '{resource}' cannot perform {verb} operation because following scope(s) are locked: "
        f"'{scope}'. Please remove the lock and try again.",
        gateway=True,
    )
