"""The instance view of a machine: its power, its agent, its extensions (as recorded in 2022 and 2025)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.arm.images import generation, os_name, os_version

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
    shown: Json = {
        "disks": _disks(machine, changed_at),
        "hyperVGeneration": generation(_image(machine)),
        "statuses": statuses,
    }
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
    extensions = cloud.store.within(machine.key, _EXTENSION)
    handlers = [_handler(each) for each in extensions if each.state != "Creating"]
    agent = {"vmAgentVersion": "2.15.0.1", "statuses": [ready], "extensionHandlers": handlers}
    image = _image(machine)
    shown: Json = {
        "computerName": machine.properties.get("osProfile", {}).get("computerName", machine.rid.name),
        "osName": os_name(image),
        "osVersion": os_version(image),
        "vmAgent": agent,
    }
    if extensions:
        shown["extensions"] = [_extension(each) for each in extensions]
    return shown


def _image(machine: Resource) -> Json:
    return dict(machine.properties.get("storageProfile", {}).get("imageReference") or {})


def _installed(extension: Resource) -> str:
    """The handler's full version: of "1.5" that was asked for, what is installed is a release of it."""
    return f"{extension.properties.get('typeHandlerVersion')}.1"


def _handler(extension: Resource) -> Json:
    status = {
        "code": "ProvisioningState/succeeded",
        "level": "Info",
        "displayStatus": "Ready",
        "message": "Plugin enabled",
    }
    kind = f"{extension.properties.get('publisher')}.{extension.properties.get('type')}"
    return {"type": kind, "typeHandlerVersion": _installed(extension), "status": status}


def _extension(extension: Resource) -> Json:
    properties = extension.properties
    status: Json = {
        "code": f"ProvisioningState/{extension.state.lower()}",
        "level": "Error" if extension.state == "Failed" else "Info",
        "displayStatus": _PROVISIONING_TEXT[extension.state],
    }
    if extension.state == "Succeeded":
        status["message"] = "Enable succeeded."
    return {
        "name": extension.rid.name,
        "type": f"{properties.get('publisher')}.{properties.get('type')}",
        "typeHandlerVersion": _installed(extension),
        "statuses": [status],
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
