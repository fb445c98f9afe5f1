"""What a virtual machine's body must say, and what the service makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.arm import images
from sandbox.arm.disks import DISK
from sandbox.arm.errors import ArmError, bad_request, invalid_parameter
from sandbox.arm.governance import CORES
from sandbox.arm.nics import NIC, VM

if TYPE_CHECKING:
    from sandbox.arm.cloud import Cloud
    from sandbox.arm.kinds import Put
    from sandbox.arm.store import Resource
    from sandbox.arm.wire import Json

_SECRETS = ("adminPassword", "customData")
_FORBIDDEN_ADMINS = ("admin", "administrator", "root", "guest", "user", "test")
_FIXED = (("osProfile", "adminUsername"), ("osProfile", "computerName"), ("storageProfile", "imageReference"))


def size_of(properties: Json) -> str:
    """The VM size."""
    return str((properties.get("hardwareProfile") or {}).get("vmSize", ""))


def has_managed_disk(properties: Json) -> bool:
    """Whether the OS disk is a resource of its own, and not a blob in a storage account."""
    return not properties["storageProfile"]["osDisk"].get("vhd")


def interfaces(properties: Json) -> list[Json]:
    """The network interfaces a machine refers to."""
    return list((properties.get("networkProfile") or {}).get("networkInterfaces") or [])


def check_size(cloud: Cloud, put: Put) -> None:
    """Refuse a size that does not exist, or is not to be had in the region."""
    size = size_of(put.properties)
    if size not in CORES:
        raise ArmError(
            400,
            "InvalidParameter",
            f"The value {size} provided for the VM size is not valid. The valid sizes in the current region "
            f"are: {','.join(CORES)}. Find out more on the valid VM sizes in each region at "
            "https://aka.ms/azure-regionservices.",
        )
    if {size, f"{put.location}/{size}"} & set(cloud.switches.unavailable_sizes):
        raise ArmError(
            409,
            "SkuNotAvailable",
            f"The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: {size}' "
            f"is currently not available in location '{put.location}'. Please try another size or deploy to a "
            "different location or different zone. See https://aka.ms/azureskunotavailable for details.",
        )


def check_login(put: Put) -> None:
    """Refuse a machine without an administrator that could log in."""
    profile = put.properties.get("osProfile") or {}
    admin = str(profile.get("adminUsername") or "")
    if not admin:
        raise ArmError(400, "InvalidParameter", "Required parameter 'adminUsername' is missing (null).")
    if admin.lower() in _FORBIDDEN_ADMINS:
        raise ArmError(
            400,
            "InvalidParameter",
            "The Admin Username specified is not allowed.",
        )
    linux = profile.get("linuxConfiguration") or {}
    keys = (linux.get("ssh") or {}).get("publicKeys") or []
    if linux.get("disablePasswordAuthentication") and not keys:
        raise ArmError(
            400,
            "InvalidParameter",
            "Authentication using either SSH or by user name and password must be enabled in Linux profile.",
        )
    if not keys and not profile.get("adminPassword"):
        raise ArmError(400, "InvalidParameter", "Required parameter 'adminPassword' is missing (null).")
    if not interfaces(put.properties):
        raise ArmError(400, "InvalidParameter", "Required parameter 'networkProfile' is missing (null).")


def check_interface(cloud: Cloud, put: Put, nic: Resource) -> None:
    """Refuse an interface of another machine or another region."""
    for _, machine in cloud.store.users(nic, VM):
        if machine.key != put.rid.key:
            raise bad_request(
                "NicInUse",
                f"Network Interface {nic.id} is used by existing resource {machine.id}. In order to delete "
                "the network interface, it must be dissociated from the resource. To learn more, see "
                "aka.ms/deletenic.",
            )
    if nic.location != put.location:
        raise invalid_parameter(f"Network interface {nic.id} is not in {put.location}.")


def check_unchanged(put: Put, current: Resource) -> None:
    """Refuse to change what is fixed for the life of a machine."""
    for section, name in _FIXED:
        asked = (put.properties.get(section) or {}).get(name)
        has = (current.properties.get(section) or {}).get(name)
        if section == "storageProfile" and isinstance(asked, dict):
            has = {part: (has or {}).get(part) for part in asked}
        if asked is not None and asked != has:
            raise ArmError(
                409,
                "PropertyChangeNotAllowed",
                f"Changing property '{section[0].lower()}{section[1:]}.{name}' is not allowed.",
            )


def check_power(resource: Resource, action: str) -> None:
    """Refuse a power action on a machine that never came up."""
    if not resource.private.get("power"):
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"Operation '{action}' is not allowed on VM '{resource.rid.name}' since the VM is either failed or "
            "was never provisioned.",
        )


def filled(cloud: Cloud, resource: Resource, properties: Json, before: Json) -> Json:
    """The stored properties: what was sent without secrets, and what the service adds (recorded)."""
    hardware = properties.get("hardwareProfile") or before.get("hardwareProfile")
    shown: Json = {**before, **properties, "hardwareProfile": hardware}
    shown.pop("instanceView", None)
    shown["vmId"] = resource.private.setdefault("vmId", cloud.guid())
    shown["timeCreated"] = resource.private.setdefault("timeCreated", cloud.now.isoformat())
    shown["storageProfile"] = _storage(properties, before)
    shown["osProfile"] = _os_profile(properties.get("osProfile") or before.get("osProfile") or {}, before)
    return shown


def deleted_along(cloud: Cloud, resource: Resource) -> list[tuple[str, str]]:
    """What goes with the machine: interfaces and OS disk whose deleteOption is Delete, not the default."""
    doomed = [
        (NIC, str(each.get("id")))
        for each in interfaces(resource.properties)
        if (each.get("properties") or {}).get("deleteOption") == "Delete"
    ]
    disk = resource.properties.get("storageProfile", {}).get("osDisk", {})
    if disk.get("deleteOption") == "Delete" and disk.get("managedDisk", {}).get("id"):
        doomed.append((DISK, str(disk["managedDisk"]["id"])))
    return [(kind, each) for kind, each in doomed if cloud.store.get(each) is not None]


def _storage(properties: Json, before: Json) -> Json:
    storage = dict(properties.get("storageProfile") or {})
    had = before.get("storageProfile", {})
    image = dict(storage.get("imageReference") or had.get("imageReference") or {})
    if image and "exactVersion" not in image:
        version = image.get("version", "latest")
        image["exactVersion"] = f"{images.os_version(image)}.202601010" if version == "latest" else version
    asked, was = storage.get("osDisk") or {}, had.get("osDisk", {})
    disk = {
        "osType": "Linux",
        "createOption": "FromImage",
        "caching": "ReadWrite",
        "deleteOption": "Detach",
        "diskSizeGB": 30,
        **was,
        **asked,
    }
    if not disk.get("vhd"):
        disk["managedDisk"] = {
            "storageAccountType": "Standard_LRS",
            **was.get("managedDisk", {}),
            **(asked.get("managedDisk") or {}),
        }
    return {"dataDisks": [], **had, **storage, "imageReference": image, "osDisk": disk}


def _os_profile(profile: Json, before: Json) -> Json:
    shown = {name: value for name, value in profile.items() if name not in _SECRETS}
    had = before.get("osProfile", {})
    linux = {
        "disablePasswordAuthentication": False,
        "provisionVMAgent": True,
        "patchSettings": {"patchMode": "ImageDefault", "assessmentMode": "ImageDefault"},
        **had.get("linuxConfiguration", {}),
        **(shown.get("linuxConfiguration") or {}),
    }
    return {
        "secrets": [],
        "allowExtensionOperations": True,
        "requireGuestProvisionSignal": True,
        **had,
        **shown,
        "linuxConfiguration": linux,
    }
