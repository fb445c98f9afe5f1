"""Where everything of a deployment lives, what is written on it, and what it is called.

Names are made from the names of stack and box alone, so that a part is found again from an intent, and the stack
and box of a machine from its id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from lifecycle.model import Kind

MANAGED_BY = "jumpbox-lifecycle"
OWNERSHIP_TAGS = ("managed-by", "stack", "deployment")
RESERVED_TAGS = (*OWNERSHIP_TAGS, "box", "owner")
LONGEST_VM_NAME = 64
"""Azure's limit for a Linux VM's name; two names of 40 do not fit beside each other."""


@dataclass(frozen=True, slots=True)
class Estate:
    """Where everything lives and what is written on it; from the settings."""

    subscription_id: str
    resource_group: str
    deployment: str
    extra_tags: Mapping[str, str] = field(default_factory=dict)

    def arm_id(self, kind: Kind, *names: str) -> str:
        """Compose an ARM id; a child kind takes its parent's name first."""
        provider, *types = kind.value.split("/")
        path = "/".join(f"{part}/{name}" for part, name in zip(types, names, strict=True))
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/{provider}/{path}"

    def ownership(self, stack: str) -> dict[str, str]:
        """Name the tags without which nothing is ours."""
        return {"managed-by": MANAGED_BY, "stack": stack, "deployment": self.deployment}


def box_stem(stack: str, box: str) -> str:
    """Begin the names of a box's parts. The underscore occurs in neither name, so no two boxes share one."""
    stem = f"jb-{stack}_{box}"
    longest = LONGEST_VM_NAME - len("-vm")
    if len(stem) <= longest:
        return stem
    digest = hashlib.sha256(stem.encode()).hexdigest()[:10]
    return f"{stem[: longest - 11].rstrip('-_')}-{digest}"


def vm_name(stack: str, box: str) -> str:
    """Name a box's VM."""
    return f"{box_stem(stack, box)}-vm"


def bastion_name(stack: str) -> str:
    """Name a stack's Bastion host."""
    return f"jb-{stack}-bastion"


def vnet_id(estate: Estate, stack: str) -> str:
    """Compose the ARM id of a stack's network."""
    return estate.arm_id(Kind.VNET, vnet_name(stack))


def vnet_name(stack: str) -> str:
    """Name a stack's network."""
    return f"jb-{stack}-vnet"


def bastion_id(estate: Estate, stack: str) -> str:
    """Compose the ARM id of a stack's Bastion host."""
    return estate.arm_id(Kind.BASTION, bastion_name(stack))


def guest_of(machine_id: str, estate: Estate) -> tuple[str, str] | None:
    """Say which stack and box of this estate a machine belongs to, by its id alone; None for any other machine."""
    prefix = estate.arm_id(Kind.VM, "jb-")
    stack, found, rest = machine_id[len(prefix) :].partition("_")
    if not machine_id.lower().startswith(prefix.lower()) or not found:
        return None
    return stack.lower(), rest.removesuffix("-vm")
