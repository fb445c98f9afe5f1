"""What ARM is told of each part: the properties of its body, in the API's own words. See blueprint.py for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Network, ip_network
from typing import Any

from lifecycle.model import BoxIntent, Outbound, Sku, StackIntent

BASTION_SUBNET = "AzureBastionSubnet"
FRONTEND_SUBNET = "frontend"
BASTION_PREFIX = 26
"""Azure asks for a /26 or larger for Bastion (bastion-faq)."""
SMALLEST_RANGE_PREFIX = BASTION_PREFIX - 1
"""Half of a range is the frontend's, so a smaller one cannot hold both."""
ADMIN_USER = "jumper"
DISK_SKU = "StandardSSD_LRS"
DISK_GIB = 32
VM_IMAGE = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
DRAIN_RULE = "deny-new-from-bastion"
STATIC_ADDRESS = {"publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4"}
ADDRESS_SKU = {"name": "Standard", "tier": "Regional"}
ENTRA_LOGIN_TYPE = "AADSSHLoginForLinux"
ENTRA_LOGIN = {
    "publisher": "Microsoft.Azure.ActiveDirectory",
    "type": ENTRA_LOGIN_TYPE,
    "typeHandlerVersion": "1.0",
    "autoUpgradeMinorVersion": True,
}


@lru_cache(maxsize=1024)
def subnets(address_range: str) -> tuple[IPv4Network, IPv4Network]:
    """Cut a stack's range in two: the frontend (upper half), and AzureBastionSubnet (/26 at its beginning).

    Raises ValueError when the range is too small for both.
    """
    network = ip_network(address_range)
    if not isinstance(network, IPv4Network) or network.prefixlen > SMALLEST_RANGE_PREFIX:
        raise ValueError(
            f"address range {address_range} is too small: a stack needs a /{SMALLEST_RANGE_PREFIX} or larger"
        )
    lower, upper = network.subnets(prefixlen_diff=1)
    return upper, next(lower.subnets(new_prefix=BASTION_PREFIX))


def _rule(
    name: str,
    priority: int,
    direction: str,
    protocol: str,
    source: str,
    target: str,
    ports: Iterable[str],
    access: str = "Allow",
) -> dict[str, Any]:
    return {
        "name": name,
        "properties": {
            "priority": priority,
            "direction": direction,
            "access": access,
            "protocol": protocol,
            "sourceAddressPrefix": source,
            "sourcePortRange": "*",
            "destinationAddressPrefix": target,
            "destinationPortRanges": list(ports),
        },
    }


def bastion_rules() -> list[dict[str, Any]]:
    """All the rules Azure requires on AzureBastionSubnet, or it refuses the group (Microsoft: bastion-nsg)."""
    inner = ("8080", "5701")
    return [
        _rule("allow-https-in", 120, "Inbound", "Tcp", "Internet", "*", ("443",)),
        _rule("allow-gateway-manager-in", 130, "Inbound", "Tcp", "GatewayManager", "*", ("443",)),
        _rule("allow-load-balancer-in", 140, "Inbound", "Tcp", "AzureLoadBalancer", "*", ("443",)),
        _rule("allow-bastion-hosts-in", 150, "Inbound", "*", "VirtualNetwork", "VirtualNetwork", inner),
        _rule("allow-ssh-rdp-out", 100, "Outbound", "*", "*", "VirtualNetwork", ("22", "3389")),
        _rule("allow-azure-cloud-out", 110, "Outbound", "Tcp", "*", "AzureCloud", ("443",)),
        _rule("allow-bastion-hosts-out", 120, "Outbound", "*", "VirtualNetwork", "VirtualNetwork", inner),
        _rule("allow-session-facts-out", 130, "Outbound", "*", "*", "Internet", ("80",)),
    ]


def frontend_rules(bastion_prefix: str, *, drained: bool) -> list[dict[str, Any]]:
    """SSH and RDP from Bastion's subnet and from nowhere else; an empty prefix is that of a hub not known yet.

    ``drained`` keeps *new* connections from Bastion out: a security group's change meets new flows only, so
    nobody who is connected is cut off by it.
    """
    ports = ("22", "3389")
    rules = [_rule("deny-ssh-rdp-in", 300, "Inbound", "*", "*", "*", ports, access="Deny")]
    if bastion_prefix:
        rules.insert(0, _rule("allow-bastion-in", 200, "Inbound", "Tcp", bastion_prefix, "*", ports))
    if drained and bastion_prefix:
        rules.insert(0, _rule(DRAIN_RULE, 100, "Inbound", "*", bastion_prefix, "*", ports, access="Deny"))
    return rules


def network(intent: StackIntent, frontend_nsg: str, bastion_nsg: str | None, gateway_id: str | None) -> dict[str, Any]:
    """Write a network with its subnets inline; without a group for Bastion's subnet, it has no such subnet."""
    frontend, bastion = subnets(intent.address_range)
    open_properties: dict[str, Any] = {
        "addressPrefix": str(frontend),
        "networkSecurityGroup": {"id": frontend_nsg},
        "defaultOutboundAccess": intent.outbound is Outbound.DEFAULT,
    }
    if gateway_id:
        open_properties["natGateway"] = {"id": gateway_id}
    inner = [{"name": FRONTEND_SUBNET, "properties": open_properties}]
    if bastion_nsg:
        properties = {"addressPrefix": str(bastion), "networkSecurityGroup": {"id": bastion_nsg}}
        inner.append({"name": BASTION_SUBNET, "properties": properties})
    return {"addressSpace": {"addressPrefixes": [intent.address_range]}, "subnets": inner}


def nat_gateway(address_id: str) -> dict[str, Any]:
    """Write the way out that has an address of its own."""
    return {"publicIpAddresses": [{"id": address_id}], "idleTimeoutInMinutes": 4}


def peering(remote_id: str) -> dict[str, Any]:
    """Write one side of a peering through which Bastion reaches machines, and nothing is forwarded."""
    return {
        "remoteVirtualNetwork": {"id": remote_id},
        "allowVirtualNetworkAccess": True,
        "allowForwardedTraffic": False,
        "allowGatewayTransit": False,
        "useRemoteGateways": False,
    }


def bastion(network_id: str, address_id: str, sku: Sku) -> dict[str, Any]:
    """Write a Bastion host."""
    configuration = {
        "name": "door",
        "properties": {
            "subnet": {"id": f"{network_id}/subnets/{BASTION_SUBNET}"},
            "publicIPAddress": {"id": address_id},
            "privateIPAllocationMethod": "Dynamic",
        },
    }
    tunneling = {} if sku is Sku.BASIC else {"enableTunneling": True}
    return {"ipConfigurations": [configuration], **tunneling}


def nic(network_id: str) -> dict[str, Any]:
    """Write a machine's interface, which has a private address only."""
    properties = {
        "subnet": {"id": f"{network_id}/subnets/{FRONTEND_SUBNET}"},
        "privateIPAllocationMethod": "Dynamic",
        "primary": True,
    }
    return {"ipConfigurations": [{"name": "private", "properties": properties}]}


def machine(box: BoxIntent, nic_id: str, disk_name: str) -> dict[str, Any]:
    """Write a machine that nobody logs in to with a password, and whose disk and interface go with it."""
    return {
        "hardwareProfile": {"vmSize": box.vm_size},
        "storageProfile": {
            "imageReference": dict(VM_IMAGE),
            "osDisk": {
                "name": disk_name,
                "createOption": "FromImage",
                "deleteOption": "Delete",
                "diskSizeGB": DISK_GIB,
                "managedDisk": {"storageAccountType": DISK_SKU},
            },
        },
        "osProfile": {
            "computerName": box.name.rstrip("-"),
            "adminUsername": ADMIN_USER,
            "linuxConfiguration": {
                "disablePasswordAuthentication": True,
                "ssh": {
                    "publicKeys": [
                        {
                            "path": f"/home/{ADMIN_USER}/.ssh/authorized_keys",
                            "keyData": box.ssh_public_key or "",
                        }
                    ]
                },
            },
        },
        "securityProfile": {
            "securityType": "TrustedLaunch",
            "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
        },
        "networkProfile": {
            "networkInterfaces": [{"id": nic_id, "properties": {"primary": True, "deleteOption": "Delete"}}]
        },
    }


def safety_net(vm_id: str, net_at: datetime | None) -> dict[str, Any]:
    """Azure's own auto-shutdown: fires daily, so it is off while no time of day is safe (net_at None)."""
    properties: dict[str, Any] = {
        "status": "Enabled" if net_at else "Disabled",
        "taskType": "ComputeVmShutdownTask",
        "timeZoneId": "UTC",
        "targetResourceId": vm_id,
        "notificationSettings": {"status": "Disabled"},
    }
    properties["dailyRecurrence"] = {"time": net_at.strftime("%H%M") if net_at else "0000"}
    return properties
