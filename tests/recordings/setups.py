"""What each recording takes for granted: made beforehand in stretches of it that nobody read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.recordings.recorded import read
from tests.recordings.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable

_TAGS = {"firsttag": "1", "secondtag": "2", "thirdtag": ""}


def ready(recording: str) -> Replay:
    """A simulator in the state in which a recording begins."""
    group, location, prepare = _BEFORE[recording]
    place = Replay(group, location, _tags(recording, group))
    prepare(place)
    return place


def _tags(recording: str, group: str) -> dict[str, str] | None:
    """The tags that the recorder gave the group before it began to record."""
    for each in read(recording):
        if each.status == 200 and each.path.lower().endswith(f"/resourcegroups/{group}"):
            return dict(each.body["tags"])
    return None


def between(place: Replay, recording: str, number: int) -> None:
    """Do what an unread stretch in the middle of a recording did, right before the exchange of this number."""
    done = _BETWEEN.get((recording, number))
    if done is not None:
        done(place)


def request_body(recording: str, number: int, recorded: Any) -> Any:
    """The body of a request, where the recording has none for want of reading."""
    return _REQUESTS.get((recording, number), recorded)


# Parts.


def _vnet(place: Replay, name: str, subnet: str, tags: dict[str, str], dhcp: dict[str, Any] | None = None) -> None:
    inside = {"name": subnet, "properties": {"addressPrefix": "10.0.0.0/24"}}
    body: dict[str, Any] = {
        "location": place.location,
        "tags": tags,
        "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [inside]},
    }
    if dhcp is not None:
        body["properties"]["dhcpOptions"] = dhcp
    place.make(place.id(f"Microsoft.Network/virtualNetworks/{name}"), "2021-05-01", body)


def _nsg(place: Replay, name: str, rules: list[Any], *, tags: dict[str, str] | None = None) -> None:
    body: dict[str, Any] = {"location": place.location, "properties": {"securityRules": rules}}
    if tags is not None:
        body["tags"] = tags
    place.make(place.id(f"Microsoft.Network/networkSecurityGroups/{name}"), "2021-05-01", body)


def _rule(name: str, ports: str, **more: Any) -> dict[str, Any]:
    properties = {
        "protocol": "Tcp",
        "sourcePortRange": "*",
        "destinationPortRange": ports,
        "sourceAddressPrefix": "*",
        "destinationAddressPrefix": "*",
        "access": "Allow",
        "direction": "Inbound",
        **more,
    }
    return {"name": name, "properties": properties}


def _address(place: Replay, name: str, sku: str, method: str, tags: dict[str, str] | None = None) -> None:
    body = {
        "location": place.location,
        "sku": {"name": sku},
        "tags": tags,
        "properties": {"publicIPAllocationMethod": method},
    }
    place.make(place.id(f"Microsoft.Network/publicIPAddresses/{name}"), "2022-01-01", body)


def _nic(
    place: Replay,
    name: str,
    *,
    configuration: str,
    subnet: str,
    nsg: str = "",
    address: str = "",
    tags: dict[str, str] | None = None,
    label: str = "",
    version: str = "2022-01-01",
) -> None:
    inside: dict[str, Any] = {"subnet": {"id": place.id(f"Microsoft.Network/virtualNetworks/{subnet}")}}
    if address:
        inside["publicIPAddress"] = {"id": place.id(f"Microsoft.Network/publicIPAddresses/{address}")}
    properties: dict[str, Any] = {"ipConfigurations": [{"name": configuration, "properties": inside}]}
    if nsg:
        properties["networkSecurityGroup"] = {"id": place.id(f"Microsoft.Network/networkSecurityGroups/{nsg}")}
    if label:
        properties["dnsSettings"] = {"internalDnsNameLabel": label}
    body = {"location": place.location, "tags": tags, "properties": properties}
    place.make(place.id(f"Microsoft.Network/networkInterfaces/{name}"), version, body)


def _machine(place: Replay, name: str, size: str, image: dict[str, str], admin: str, disk: Any, **more: Any) -> None:
    nic = {"id": place.id(f"Microsoft.Network/networkInterfaces/{name}VMNic")}
    body = {
        "location": place.location,
        "properties": {
            "hardwareProfile": {"vmSize": size},
            "storageProfile": {"imageReference": image, "osDisk": disk},
            "osProfile": {"computerName": name, "adminUsername": admin, "adminPassword": "Secret-1234567"},
            "networkProfile": {"networkInterfaces": [nic]},
        },
        **more,
    }
    place.make(place.id(f"Microsoft.Compute/virtualMachines/{name}"), "2021-11-01", body)


# Recordings.


def _nothing(place: Replay) -> None:
    del place


def _bastion_machine(place: Replay) -> None:
    """What the template deployment of n=22 makes."""
    _nsg(place, "vm-000005NSG", [_rule("default-allow-ssh", "22", priority=1000)], tags={})
    _address(place, "vm-000005PublicIP", "Standard", "Static", tags={})
    _nic(
        place,
        "vm-000005VMNic",
        configuration="ipconfigvm-000005",
        subnet="vnet-000002/subnets/subnet-000003",
        nsg="vm-000005NSG",
        address="vm-000005PublicIP",
        tags={},
    )
    image = {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "18.04-LTS", "version": "latest"}
    disk = {
        "createOption": "FromImage",
        "caching": "ReadWrite",
        "managedDisk": {"storageAccountType": "Premium_LRS"},
    }
    _machine(
        place, "vm-000005", "Standard_DS1_v2", image, "testadmin", disk, tags={}, identity={"type": "SystemAssigned"}
    )


def _vm_with_vhd(place: Replay, image: dict[str, str], size: str, admin: str, disk: str) -> None:
    place.make_group()
    _vnet(place, "myvnet", "vm-state-modSubnet", _TAGS)
    _nsg(place, "mynsg", [], tags=_TAGS)
    _address(place, "mypubip", "Basic", "Dynamic", tags=_TAGS)
    _nic(
        place,
        "vm-state-modVMNic",
        configuration="ipconfigvm-state-mod",
        subnet="myvnet/subnets/vm-state-modSubnet",
        nsg="mynsg",
        address="mypubip",
        tags=_TAGS,
        version="2018-01-01",
    )
    vhd = {"uri": f"https://clistorage000002.blob.core.windows.net/vhds/{disk}.vhd"}
    os_disk = {"createOption": "FromImage", "caching": "ReadWrite", "name": disk, "vhd": vhd}
    _machine(place, "vm-state-mod", size, image, admin, os_disk, tags=_TAGS)


def _vm_2022(place: Replay) -> None:
    image = {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "18.04-LTS", "version": "latest"}
    _vm_with_vhd(place, image, "Standard_DS1_v2", "ubuntu", "osdisk_db89332867")


def _vm_2025(place: Replay) -> None:
    image = {"publisher": "OpenLogic", "offer": "CentOS", "sku": "7.5", "version": "latest"}
    _vm_with_vhd(place, image, "Standard_B2s", "azureuser", "osdisk_8ab98dd145")
    extension = place.id("Microsoft.Compute/virtualMachines/vm-state-mod/extensions/enablevmaccess")
    properties = {"publisher": "Microsoft.OSTCExtensions", "type": "VMAccessForLinux", "typeHandlerVersion": "1.5"}
    body = {"location": place.location, "properties": {**properties, "settings": {}}}
    place.make(extension, "2022-11-01", body)


def _nsg_rules(place: Replay) -> None:
    said = "The first rule of networking is don't talk about networking"
    one = _rule("asotest-rule1-ulwxxe", "46-56", priority=100, sourcePortRange="23-45", description=said)
    two = _rule("asotest-rule2-bnaavb", "46-56", priority=200)
    _nsg(place, "asotest-nsg-hjxtex", [one, two])


def _nsg_2021(place: Replay) -> None:
    place.make_group()
    _vnet(place, "myvnet", "mysubnet", {}, dhcp={"dnsServers": []})


def _nsg_2022(place: Replay) -> None:
    place.make_group()
    web = _rule(
        "web",
        "1234-1235",
        priority=888,
        sourcePortRange="1234-1235",
        sourceAddressPrefix="111",
        destinationAddressPrefix="111",
        access="Deny",
        direction="Outbound",
        description="cool",
    )
    _nsg(place, "test-nsg1", [web])


def _nic_update(place: Replay) -> None:
    """The NSG, the address and the interface of the unread stretch, up to the answer of the last update."""
    _nsg(place, "myothernsg", [])
    _address(place, "publicip1", "Basic", "Dynamic")
    _nic(
        place,
        "cli-test-nic",
        configuration="ipconfig1",
        subnet="myvnet/subnets/mysubnet",
        nsg="myothernsg",
        address="publicip1",
        label="doodle",
        version="2022-11-01",
    )
    path = place.id("Microsoft.Network/networkInterfaces/cli-test-nic?api-version=2022-11-01")
    shown = place.send("GET", path).body
    place.follow("0f1c338f-71ba-4bc6-bff8-937ecced3662", place.send("PUT", path, shown))


def _subnet_delete(place: Replay) -> None:
    """The updates of the network, and a subnet that is deleted."""
    path = place.id("Microsoft.Network/virtualNetworks/vnet1")
    body = place.send("GET", f"{path}?api-version=2022-01-01").body
    body["properties"]["addressSpace"] = {"addressPrefixes": ["20.0.0.0/24", "10.0.0.0/16"]}
    body["properties"]["dhcpOptions"] = {"dnsServers": []}
    place.make(path, "2022-01-01", body)
    subnet = f"{path}/subnets/subnet1"
    place.make(subnet, "2023-09-01", {"properties": {"addressPrefix": "20.0.0.0/24"}})
    begun = place.send("DELETE", f"{subnet}?api-version=2023-09-01")
    place.follow("306b444e-cf15-48ef-906f-d79fd2c0ce76", begun)


_BEFORE: dict[str, tuple[str, str, Callable[[Replay], None]]] = {
    "aso_nsg_crud": ("asotest-rg-ytfqcd", "westus2", _nothing),
    "aso_vm_crud": ("asotest-rg-svitpw", "westus2", _nothing),
    "bastion_host_crud": ("cli_test_bastion_host_000001", "italynorth", Replay.make_group),
    "cli_network_nic_2024": ("cli_test_nic_scenario000001", "eastus2", Replay.make_group),
    "cli_network_vnet_2023": ("cli_vnet_test000001", "westus", Replay.make_group),
    "cli_nsg_create_2021": ("cli_test_nic_scenario000001", "eastus2", _nsg_2021),
    "cli_nsg_delete_2022": ("cli_test_nsg000001", "westus", _nsg_2022),
    "cli_public_ip_2021": ("cli_test_public_ip000001", "westus", Replay.make_group),
    "cli_vm_state_modifications_2022": ("cli_test_vm_state_mod000001", "eastus", _vm_2022),
    "cli_vm_state_modifications_2025": ("cli_test_vm_state_mod000001", "eastus", _vm_2025),
}

_BETWEEN: dict[tuple[str, int], Callable[[Replay], None]] = {
    ("aso_nsg_crud", 5): _nsg_rules,
    ("aso_vm_crud", 42): lambda place: place.until_gone(
        place.id("Microsoft.Network/networkInterfaces/asotest-nic-ehzbre")
    ),
    ("aso_vm_crud", 45): lambda place: place.until_gone(
        place.id("Microsoft.Network/virtualNetworks/asotest-vn-ulhmdn")
    ),
    ("bastion_host_crud", 28): _bastion_machine,
    ("cli_network_nic_2024", 5): _nic_update,
    ("cli_network_vnet_2023", 5): _subnet_delete,
}

_REQUESTS: dict[tuple[str, int], Any] = {
    ("cli_vm_state_modifications_2025", 6): {
        "location": "eastus",
        "tags": _TAGS,
        "properties": {"hardwareProfile": {"vmSize": "Standard_B2ms"}},
    },
}
