"""The instance view of a machine: its power, its agent, its extensions (as recorded in 2022 and 2025)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.arm.cloud import Cloud
    from sandbox.arm.store import Resource
    from sandbox.arm.wire import Json

_EXTENSION = "microsoft.compute/virtualmachines/extensions"

_POWER_TEXT = {
    "running": "VM running",
    "stopped": "VM stopped",
    "deallocated": "VM deallocated",
    "starting": "VM starting",
    "stopping": "VM stopping",
    "deallocating": "VM deallocating",
}
_PROVISIONING_TEXT = {
    "Succeeded": "Provisioning succeeded",
    "Failed": "Provisioning failed",
    "Creating": "Creating",
    "Updating": "Updating",
    "Deleting": "Deleting",
}


def instance_view(cloud: Cloud, machine: Resource) -> Json:
    """What the machine looks like from inside; a deallocated one has neither agent nor extensions."""
    changed_at = machine.private.get("changed_at", machine.created_at).isoformat()
    state = {
        "code": f"ProvisioningState/{machine.state.lower()}",
        "level": "Info",
        "displayStatus": _PROVISIONING_TEXT[machine.state],
        "time": changed_at,
    }
    statuses: list[Json] = [state]
    power = str(machine.private.get("power", ""))
    if power in _POWER_TEXT:
        statuses.append({"code": f"PowerState/{power}", "level": "Info", "displayStatus": _POWER_TEXT[power]})
    shown: Json = {"disks": _disks(machine, changed_at), "hyperVGeneration": "V2", "statuses": statuses}
    if power in ("running", "stopped"):
        shown = {**_inside(cloud, machine, changed_at), **shown}
    return shown


def _inside(cloud: Cloud, machine: Resource, changed_at: str) -> Json:
    ready = {
        "code": "ProvisioningState/succeeded",
        "level": "Info",
        "displayStatus": "Ready",
        "message": "Guest Agent is running",
        "time": changed_at,
    }
    agent = {"vmAgentVersion": "2.15.0.1", "statuses": [ready], "extensionHandlers": []}
    name = machine.properties.get("osProfile", {}).get("computerName", machine.rid.name)
    extensions = cloud.store.within(machine.key, _EXTENSION)
    return {
        "computerName": name,
        "osName": "ubuntu",
        "osVersion": "22.04",
        "vmAgent": agent,
        "extensions": [_extension(each) for each in extensions],
    }


def _extension(extension: Resource) -> Json:
    properties = extension.properties
    return {
        "name": extension.rid.name,
        "type": f"{properties.get('publisher')}.{properties.get('type')}",
        "typeHandlerVersion": properties.get("typeHandlerVersion"),
        "statuses": [
            {
                "code": f"ProvisioningState/{extension.state.lower()}",
                "level": "Error" if extension.state == "Failed" else "Info",
                "displayStatus": _PROVISIONING_TEXT[extension.state],
            }
        ],
    }


def _disks(machine: Resource, changed_at: str) -> list[Json]:
    name = machine.properties.get("storageProfile", {}).get("osDisk", {}).get("name")
    if not name:
        return []
    status = {
        "code": "ProvisioningState/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
        "time": changed_at,
    }
    return [{"name": name, "statuses": [status]}]
