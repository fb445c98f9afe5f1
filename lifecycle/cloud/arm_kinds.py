"""Which call of the SDK a kind of resource needs: changes when we manage another kind or the SDK renames a call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from lifecycle.model import Kind, Verb


@dataclass(frozen=True, slots=True)
class Calls:
    """Where the SDK keeps the operations of a kind, and what changing its tags is called there."""

    client: Literal["network", "compute"]
    operations: str
    tag: Literal["begin_update", "update_tags"] = "update_tags"


CALLS: dict[Kind, Calls] = {
    Kind.VNET: Calls("network", "virtual_networks"),
    Kind.PEERING: Calls("network", "virtual_network_peerings"),
    Kind.NSG: Calls("network", "network_security_groups"),
    Kind.ADDRESS: Calls("network", "public_ip_addresses"),
    Kind.NAT: Calls("network", "nat_gateways"),
    Kind.NIC: Calls("network", "network_interfaces"),
    Kind.BASTION: Calls("network", "bastion_hosts", tag="begin_update"),
    Kind.VM: Calls("compute", "virtual_machines", tag="begin_update"),
    Kind.EXTENSION: Calls("compute", "virtual_machine_extensions", tag="begin_update"),
    Kind.DISK: Calls("compute", "disks", tag="begin_update"),
}
"""Every kind but the auto-shutdown schedules, for which there is no SDK here."""

NETWORK_API = "2026-03-01"
_COMPUTE_API = "2026-04-01"
API_VERSIONS: dict[Kind, str] = {
    **{kind: NETWORK_API if calls.client == "network" else _COMPUTE_API for kind, calls in CALLS.items()},
    Kind.DISK: "2026-03-02",
    Kind.SHUTDOWN: "2018-09-15",
}
"""The api-versions of what is sent without the SDK's own calls: the same as these would send."""


BORROWED = frozenset({Kind.BASTION, Kind.VNET})
"""What may be read outside the resource group: a hub's Bastion that is not ours, and its network."""


def ends_at_once(verb: Verb, kind: Kind) -> bool:
    """Say whether a call is over when it is answered, so that there is never anything to follow."""
    return kind is Kind.SHUTDOWN or (verb is Verb.TAG and CALLS[kind].tag == "update_tags")


_SCOPE_SEGMENTS = 7  # nothing, subscriptions, its id, resourceGroups, its name, providers, the provider


_NAME = re.compile(r"(?!\.+\Z)[\w.()-]+\Z", re.ASCII)
"""What a resource may be called: nothing that would end a path or climb in it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The one resource group the app works in; its role assignment ends there too."""

    subscription_id: str
    resource_group: str

    def names(self, kind: Kind, arm_id: str) -> tuple[str, ...]:
        """Take the resource's names, outermost first, from its ARM id (whose words ARM writes in any case).

        Raises ValueError for an id of another kind, subscription or group: such a request is a bug.
        """
        if not self.holds(arm_id):
            raise ValueError(f"not the id of a {kind} in {self.resource_group}: {arm_id}")
        return names_of(kind, arm_id)

    @property
    def path(self) -> str:
        """The group's own address, with a slash at its end."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}/"

    def holds(self, arm_id: str) -> bool:
        """Say whether an id lies in the resource group."""
        return arm_id.lower().startswith(self.path.lower())

    def collection(self, kind: Kind) -> str:
        """Name the address under which all of a kind are listed. Raises ValueError for one that lives in another."""
        if kind.value.count("/") > 1:
            raise ValueError(f"a {kind} is listed with its parent only")
        return f"{self.path}providers/{kind}"


def names_of(kind: Kind, arm_id: str) -> tuple[str, ...]:
    """Take a resource's names, outermost first, from an ARM id in any group. Raises ValueError for another kind's."""
    segments = arm_id.split("/")
    scope, rest = segments[:_SCOPE_SEGMENTS], segments[_SCOPE_SEGMENTS:]
    words = [word.lower() for word in scope[1:6:2]]
    found_kind = "/".join([*scope[-1:], *rest[::2]])
    names = tuple(rest[1::2])
    if (
        words != ["subscriptions", "resourcegroups", "providers"]
        or found_kind.lower() != kind.value.lower()
        or len(rest) != 2 * len(names)
        or not all(_NAME.match(name) for name in (scope[2], scope[4], *names))
    ):
        raise ValueError(f"not the id of a {kind}: {arm_id}")
    return names
