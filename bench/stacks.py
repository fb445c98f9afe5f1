"""The ARM bodies of one typical stack: two security groups, a network, an address, a Bastion, a box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.arm import RESOURCE_GROUP, SUBSCRIPTION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.arm.wire import Json

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
_NETWORK = f"{GROUP}/providers/Microsoft.Network"
_COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
_LOCATION = "westeurope"

WAVES = 4
"""How many waves of writes a stack takes; each refers only to what the waves before it made."""


def writes(number: int) -> Iterator[tuple[int, str, Json]]:
    """The writes of a stack, each as its wave, the resource's id and its body.

    The machine brings its OS disk, so seven writes make eight resources, subnets and rules not counted.
    """
    name = f"jb-{number:05}"
    bastion_prefix = f"10.{number >> 8 & 255}.{number & 255}.0/26"
    boxes_prefix = f"10.{number >> 8 & 255}.{number & 255}.64/26"
    tags = {"managed-by": "jumpbox-lifecycle", "stack": name, "deployment": "bench"}
    front, inner = f"{_NETWORK}/networkSecurityGroups/{name}-front", f"{_NETWORK}/networkSecurityGroups/{name}-boxes"
    network, address = f"{_NETWORK}/virtualNetworks/{name}", f"{_NETWORK}/publicIPAddresses/{name}"
    interface = f"{_NETWORK}/networkInterfaces/{name}"
    yield 0, front, _body(tags, securityRules=_bastion_rules())
    yield 0, inner, _body(tags, securityRules=_box_rules(bastion_prefix))
    subnets = [
        _subnet("AzureBastionSubnet", bastion_prefix, front),
        _subnet("boxes", boxes_prefix, inner),
    ]
    yield 1, network, _body(tags, addressSpace={"addressPrefixes": [bastion_prefix[:-2] + "24"]}, subnets=subnets)
    yield 1, address, {**_body(tags, publicIPAllocationMethod="Static"), "sku": {"name": "Standard"}}
    placed = [_placed(f"{network}/subnets/AzureBastionSubnet", publicIPAddress={"id": address})]
    yield 2, f"{_NETWORK}/bastionHosts/{name}", {**_body(tags, ipConfigurations=placed), "sku": {"name": "Basic"}}
    yield 2, interface, _body(tags, ipConfigurations=[_placed(f"{network}/subnets/boxes")])
    yield 3, f"{_COMPUTE}/virtualMachines/{name}", _machine(tags, interface)


def _body(tags: dict[str, str], **properties: object) -> Json:
    return {"location": _LOCATION, "tags": tags, "properties": properties}


def _subnet(name: str, prefix: str, group: str) -> Json:
    properties = {"addressPrefix": prefix, "networkSecurityGroup": {"id": group}, "defaultOutboundAccess": True}
    return {"name": name, "properties": properties}


def _placed(subnet: str, **more: Json) -> Json:
    return {"name": "ip", "properties": {"subnet": {"id": subnet}, **more}}


def _rule(name: str, priority: int, direction: str, source: str, destination: str, *ports: str) -> Json:
    return {
        "name": name,
        "properties": {
            "protocol": "Tcp",
            "sourcePortRange": "*",
            "sourceAddressPrefix": source,
            "destinationAddressPrefix": destination,
            "destinationPortRanges": list(ports),
            "access": "Allow",
            "priority": priority,
            "direction": direction,
        },
    }


def _bastion_rules() -> list[Json]:
    return [
        _rule("in-internet", 100, "Inbound", "Internet", "*", "443"),
        _rule("in-control", 110, "Inbound", "GatewayManager", "*", "443"),
        _rule("in-balancer", 120, "Inbound", "AzureLoadBalancer", "*", "443"),
        _rule("in-hosts", 130, "Inbound", "VirtualNetwork", "VirtualNetwork", "8080", "5701"),
        _rule("out-boxes", 100, "Outbound", "*", "VirtualNetwork", "22", "3389"),
        _rule("out-azure", 110, "Outbound", "*", "AzureCloud", "443"),
        _rule("out-hosts", 120, "Outbound", "VirtualNetwork", "VirtualNetwork", "8080", "5701"),
        _rule("out-sessions", 130, "Outbound", "*", "Internet", "80"),
    ]


def _box_rules(bastion_prefix: str) -> list[Json]:
    return [
        _rule("in-bastion", 100, "Inbound", bastion_prefix, "*", "22", "3389"),
        _rule("in-office", 110, "Inbound", "10.250.0.0/16", "*", "22", "3389"),
    ]


def _machine(tags: dict[str, str], interface: str) -> Json:
    key = {"path": "/home/box/.ssh/authorized_keys", "keyData": f"ssh-ed25519 {'A' * 68} box"}
    linux = {"disablePasswordAuthentication": True, "ssh": {"publicKeys": [key]}}
    disk = {
        "createOption": "FromImage",
        "deleteOption": "Delete",
        "managedDisk": {"storageAccountType": "StandardSSD_LRS"},
    }
    image = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
    body = _body(
        tags,
        hardwareProfile={"vmSize": "Standard_B2s"},
        storageProfile={"imageReference": image, "osDisk": disk},
        osProfile={"computerName": "box", "adminUsername": "box", "linuxConfiguration": linux},
        networkProfile={"networkInterfaces": [{"id": interface, "properties": {"deleteOption": "Delete"}}]},
    )
    return {**body, "identity": {"type": "SystemAssigned"}}
