"""A small jump box: the ids of its parts, and their bodies as ARM takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.arm import SUBSCRIPTION

if TYPE_CHECKING:
    from sandbox.arm.wire import Json

GROUP_NAME = "rg-peers"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP_NAME}"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
LOCATION = "westeurope"
VNET = f"{NETWORK}/virtualNetworks/vnet"


def vnet() -> Json:
    """A network with a subnet for machines and one for the Bastion."""
    subnets = {"boxes": "10.7.1.0/24", "AzureBastionSubnet": "10.7.0.0/26"}
    return {
        "location": LOCATION,
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.7.0.0/16"]},
            "subnets": [{"name": name, "properties": {"addressPrefix": prefix}} for name, prefix in subnets.items()],
        },
    }


def address() -> Json:
    """A public address as a Bastion wants it."""
    return {
        "location": LOCATION,
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }


def bastion() -> Json:
    """A Bastion of the Standard SKU: it can tell its sessions and end them."""
    configuration = {
        "subnet": {"id": f"{VNET}/subnets/AzureBastionSubnet"},
        "publicIPAddress": {"id": f"{NETWORK}/publicIPAddresses/pip"},
    }
    return {
        "location": LOCATION,
        "sku": {"name": "Standard"},
        "properties": {"ipConfigurations": [{"name": "ip", "properties": configuration}]},
    }


def interface() -> Json:
    """A network interface among the machines."""
    configuration = {"name": "ip", "properties": {"subnet": {"id": f"{VNET}/subnets/boxes"}}}
    return {"location": LOCATION, "properties": {"ipConfigurations": [configuration]}}


def machine(nic: str) -> Json:
    """A small Linux machine that takes its disk with it."""
    keys = {"publicKeys": [{"path": "/home/ada/.ssh/authorized_keys", "keyData": "ssh-ed25519 AAAA"}]}
    return {
        "location": LOCATION,
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_B2s"},
            "storageProfile": {
                "imageReference": {
                    "publisher": "Canonical",
                    "offer": "ubuntu-24_04-lts",
                    "sku": "server",
                    "version": "latest",
                },
                "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"},
            },
            "osProfile": {
                "computerName": "box",
                "adminUsername": "ada",
                "linuxConfiguration": {"disablePasswordAuthentication": True, "ssh": keys},
            },
            "networkProfile": {"networkInterfaces": [{"id": f"{NETWORK}/networkInterfaces/{nic}"}]},
        },
    }
