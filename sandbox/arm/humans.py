"""What people do behind everybody's back, as from the portal: at once, and without asking."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sandbox.arm.ids import parse_id
from sandbox.arm.locks import CAN_NOT_DELETE, LEVELS, Lock
from sandbox.arm.machines import VirtualMachines
from sandbox.arm.wire import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.arm.cloud import Cloud
    from sandbox.arm.kinds import Kind
    from sandbox.arm.resources import Resources
    from sandbox.arm.store import Resource
    from sandbox.arm.wire import Json

ACTS = ("delete", "retag", "recreate", "deallocate", "start", "add", "lock", "unlock")
_VERSION = "2024-03-01"


class Humans:
    """Acts straight in the simulated Azure; each raises ValueError when it makes no sense there."""

    def __init__(self, cloud: Cloud, kinds: Mapping[str, Kind], resources: Resources) -> None:
        self._cloud = cloud
        self._kinds = kinds
        self._resources = resources

    def act(self, body: Json) -> None:
        """Do an act given as JSON: {act, id, tags?, body?, level?}."""
        act, target = str(body.get("act")), str(body.get("id") or "")
        if act == "retag":
            self.retag(target, dict(body.get("tags") or {}))
        elif act == "add":
            self.add(target, dict(body.get("body") or {}))
        elif act == "lock":
            self.lock(target, str(body.get("level") or CAN_NOT_DELETE))
        elif act in ACTS:
            getattr(self, act)(target)
        else:
            raise ValueError(f"an act is one of {', '.join(ACTS)}, not {act}")

    def delete(self, target: str) -> None:
        """Take a resource away, whatever it is used by."""
        resource = self._found(target)
        self._kinds[resource.kind].remove(resource)

    def retag(self, target: str, tags: dict[str, str]) -> None:
        """Replace a resource's tags."""
        resource = self._found(target)
        resource.body["tags"] = dict(tags)
        self._kinds[resource.kind].touch(resource)

    def recreate(self, target: str) -> None:
        """Delete a resource and make one of the same name and body: other etag, other GUIDs, no tags."""
        resource = self._found(target)
        kind = self._kinds[resource.kind]
        body = json.loads(json.dumps(kind.view(resource)))
        body.pop("tags", None)
        if isinstance(kind, VirtualMachines):
            _keep_parts(resource.body, body)
        kind.remove(resource)
        self.add(resource.id, body)

    def add(self, target: str, body: Json) -> None:
        """Make a resource that is there at once; the type's own rules hold for people too."""
        rid = parse_id(target)
        kind = self._kinds.get(rid.type.lower()) if rid is not None else None
        if rid is None or kind is None:
            raise ValueError(f"{target} is not the id of a resource of a known type")
        self._resources.put(kind, rid, self._request("PUT", target, body))
        self._finish(target)

    def start(self, target: str) -> None:
        """Start a machine, at once."""
        self._power(target, "start")

    def deallocate(self, target: str) -> None:
        """Deallocate a machine, at once, whoever is on it."""
        self._power(target, "deallocate")

    def lock(self, target: str, level: str = CAN_NOT_DELETE) -> None:
        """Put a management lock on a scope: CanNotDelete or ReadOnly."""
        if level not in LEVELS:
            raise ValueError(f"a lock's level is one of {', '.join(LEVELS)}, not {level}")
        self._cloud.governance.locks.put(Lock(target, "by-hand", level))

    def unlock(self, target: str) -> None:
        """Take all locks off a scope."""
        self._cloud.governance.locks.take_all_off(target)

    def _power(self, target: str, action: str) -> None:
        machine = self._found(target)
        kind = self._kinds[machine.kind]
        if not isinstance(kind, VirtualMachines):
            raise ValueError(f"{target} is no machine")
        kind.switch_power(machine, action, self._request("POST", target, {}))
        self._finish(target)

    def _finish(self, target: str) -> None:
        operation = self._found(target).operation
        if operation is not None:
            self._cloud.operations.end(operation)

    def _found(self, target: str) -> Resource:
        resource = self._cloud.store.get(target)
        if resource is None:
            raise ValueError(f"there is no resource {target}")
        return resource

    def _request(self, method: str, target: str, body: Json) -> Request:
        url = f"https://management.azure.com{target}?api-version={_VERSION}"
        return Request(method, url, {}, json.dumps(body).encode())


def _keep_parts(old: Json, new: Json) -> None:
    """Let a machine's interface outlive it, and its successor have a disk of its own."""
    for each in old["properties"]["networkProfile"]["networkInterfaces"]:
        each.get("properties", {}).pop("deleteOption", None)
    disk = new["properties"]["storageProfile"]["osDisk"]
    disk.pop("name", None)
    disk["managedDisk"].pop("id", None)
