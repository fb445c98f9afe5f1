"""A simulated Azure with the real SDK clients on it, and the bodies of a typical jump box."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import AsyncRetryPolicy
from azure.core.rest import HttpRequest
from azure.mgmt.compute.aio import ComputeManagementClient
from azure.mgmt.network.aio import NetworkManagementClient

from sandbox.arm import RESOURCE_GROUP, SUBSCRIPTION, Arm, Switches
from sandbox.arm.admission import admit
from sandbox.arm.transport import InProcessTransport
from sandbox.arm.wire import Request, Response
from sandbox.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sandbox.arm.sessions import Session
    from sandbox.arm.wire import Json

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LOCATION = "westeurope"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
SUBNET = f"{NETWORK}/virtualNetworks/vnet/subnets/boxes"
BASTION_SUBNET = f"{NETWORK}/virtualNetworks/vnet/subnets/AzureBastionSubnet"


class Credential:
    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        del scopes
        return AccessToken("any", int(time.time()) + 3600)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


class Place:
    """One simulated Azure, a clock that moves only when told, and the SDK's clients."""

    def __init__(self, seed: int = 0, **switches: Any) -> None:
        self.clock = VirtualClock(START)
        self.switches = Switches()
        self.switches.throw(switches)
        self.arm = Arm(self.clock, seed, self.switches)
        client: dict[str, Any] = {
            "base_url": "https://management.azure.com",
            "transport": InProcessTransport(self.arm),
            "retry_policy": AsyncRetryPolicy(retry_total=0),
            "polling_interval": 1,
        }
        credential: Any = Credential()
        self.network: Any = NetworkManagementClient(credential, SUBSCRIPTION, **client)
        self.compute: Any = ComputeManagementClient(credential, SUBSCRIPTION, **client)

    def pass_(self, **span: float) -> None:
        self.clock.advance_to(self.clock.now() + timedelta(**span))
        self.arm.catch_up()

    async def done(self, beginning: Awaitable[Any], minutes: float = 60) -> Any:
        """Begin, let time pass, poll once, and give the result."""
        poller = await beginning
        self.pass_(minutes=minutes)
        method = poller.polling_method()
        await method.update_status()
        assert method.finished()
        return await poller.result()

    async def send(self, method: str, path: str, body: Json | None = None, version: str = "2024-03-01") -> Any:
        glue = "&" if "?" in path else "?"
        return await self.network.send_request(
            HttpRequest(method, f"https://management.azure.com{path}{glue}api-version={version}", json=body)
        )

    def raw(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Any:
        sent = {"Authorization": "Bearer any"} if headers is None else headers
        return self.arm.handle(Request(method, f"https://management.azure.com{path}", sent, body))

    def raw_exchange(self, method: str, path: str) -> tuple[Request, Response]:
        request = Request(method, f"https://management.azure.com{path}", {"Authorization": "Bearer any"})
        return request, self.arm.handle(request)

    def session(
        self, user: str = "ada", minutes: float = 30, protocol: str = "SSH", vm: str = "vm", gigabytes: float = 0.0
    ) -> Session:
        return admit(self.arm.cloud, self.arm.kinds, "bastion", vm, user, protocol, minutes, gigabytes)

    def hours(self, meter: str) -> list[float]:
        return [round(row["hours"], 6) for row in self.arm.cloud.meters.shown(self.arm.now) if row["meter"] == meter]

    # A jump box, part by part.

    async def nsgs(self) -> None:
        groups = self.network.network_security_groups
        for name, rules in (("nsg-bastion", bastion_rules()), ("nsg-boxes", box_rules())):
            body = {"location": LOCATION, "properties": {"securityRules": rules}}
            await self.done(groups.begin_create_or_update(RESOURCE_GROUP, name, body), minutes=1)

    async def vnet(self, **changes: Any) -> None:
        await self.done(
            self.network.virtual_networks.begin_create_or_update(RESOURCE_GROUP, "vnet", vnet_body(**changes)),
            minutes=1,
        )

    async def address(self, name: str = "pip", **properties: Any) -> None:
        body = {
            "location": LOCATION,
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static", **properties},
        }
        await self.done(self.network.public_ip_addresses.begin_create_or_update(RESOURCE_GROUP, name, body), minutes=1)

    async def bastion(self, sku: str = "Basic", **properties: Any) -> Any:
        body = bastion_body(sku, **properties)
        return await self.done(
            self.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", body), minutes=11
        )

    async def nic(self, name: str = "nic", subnet: str = SUBNET) -> None:
        body = nic_body(subnet)
        await self.done(self.network.network_interfaces.begin_create_or_update(RESOURCE_GROUP, name, body), minutes=0)

    async def vm(self, name: str = "vm", nic: str = "nic", **changes: Any) -> Any:
        body = vm_body(nic, **changes)
        return await self.done(
            self.compute.virtual_machines.begin_create_or_update(RESOURCE_GROUP, name, body), minutes=3
        )

    async def ground(self, **vnet: Any) -> None:
        await self.nsgs()
        await self.vnet(**vnet)
        await self.address()

    async def box(self, sku: str = "Basic", **vnet: Any) -> None:
        await self.ground(**vnet)
        await self.bastion(sku)
        await self.nic()
        await self.vm()


async def code_of(attempt: Awaitable[Any]) -> str:
    """The error code that the SDK surfaces."""
    with pytest.raises(HttpResponseError) as refused:
        await attempt
    assert refused.value.error is not None
    return str(refused.value.error.code)


def rule(
    name: str, priority: int, direction: str, source: str, destination: str, *ports: str, access: str = "Allow"
) -> Json:
    return {
        "name": name,
        "properties": {
            "protocol": "Tcp",
            "sourcePortRange": "*",
            "sourceAddressPrefix": source,
            "destinationAddressPrefix": destination,
            "destinationPortRanges": list(ports),
            "access": access,
            "priority": priority,
            "direction": direction,
        },
    }


def bastion_rules() -> list[Json]:
    return [
        rule("in-internet", 100, "Inbound", "Internet", "*", "443"),
        rule("in-control", 110, "Inbound", "GatewayManager", "*", "443"),
        rule("in-balancer", 120, "Inbound", "AzureLoadBalancer", "*", "443"),
        rule("in-hosts", 130, "Inbound", "VirtualNetwork", "VirtualNetwork", "8080", "5701"),
        rule("out-ssh", 100, "Outbound", "*", "VirtualNetwork", "22", "3389"),
        rule("out-azure", 110, "Outbound", "*", "AzureCloud", "443"),
        rule("out-hosts", 120, "Outbound", "VirtualNetwork", "VirtualNetwork", "8080", "5701"),
        rule("out-sessions", 130, "Outbound", "*", "Internet", "80"),
    ]


def box_rules() -> list[Json]:
    return [
        rule("in-bastion", 100, "Inbound", "10.0.1.0/26", "*", "22", "3389"),
        rule("in-nobody", 4000, "Inbound", "VirtualNetwork", "*", "22", "3389", access="Deny"),
    ]


def vnet_body(bastion_prefix: str = "10.0.1.0/26", bastion_nsg: str | None = "nsg-bastion", **boxes: Any) -> Json:
    bastion: Json = {"addressPrefix": bastion_prefix}
    if bastion_nsg is not None:
        bastion["networkSecurityGroup"] = {"id": f"{NETWORK}/networkSecurityGroups/{bastion_nsg}"}
    inside = {
        "addressPrefix": "10.0.0.0/24",
        "defaultOutboundAccess": True,
        "networkSecurityGroup": {"id": f"{NETWORK}/networkSecurityGroups/nsg-boxes"},
        **boxes,
    }
    return {
        "location": LOCATION,
        "tags": {"stack": "one"},
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [
                {"name": "boxes", "properties": inside},
                {"name": "AzureBastionSubnet", "properties": bastion},
            ],
        },
    }


def bastion_body(sku: str = "Basic", **properties: Any) -> Json:
    configuration = {
        "name": "ip",
        "properties": {
            "subnet": {"id": BASTION_SUBNET},
            "publicIPAddress": {"id": f"{NETWORK}/publicIPAddresses/pip"},
        },
    }
    return {
        "location": LOCATION,
        "sku": {"name": sku},
        "tags": {"stack": "one"},
        "properties": {"ipConfigurations": [configuration], **properties},
    }


def nic_body(subnet: str = SUBNET) -> Json:
    configuration = {"name": "ip", "properties": {"subnet": {"id": subnet}}}
    return {"location": LOCATION, "properties": {"ipConfigurations": [configuration]}}


def vm_body(
    nic: str = "nic", size: str = "Standard_D2s_v5", *, delete: str = "Delete", keys: bool = True, **more: Any
) -> Json:
    linux: Json = {"disablePasswordAuthentication": keys}
    if keys:
        linux["ssh"] = {"publicKeys": [{"path": "/home/box/.ssh/authorized_keys", "keyData": "ssh-ed25519 AAAA"}]}
    profile = {"computerName": "vm", "adminUsername": "box", "linuxConfiguration": linux}
    if not keys:
        profile["adminPassword"] = "Secret-1234567"
    interface = {"id": f"{NETWORK}/networkInterfaces/{nic}", "properties": {"deleteOption": delete, "primary": True}}
    return {
        "location": LOCATION,
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "hardwareProfile": {"vmSize": size},
            "storageProfile": {
                "imageReference": {"publisher": "Canonical", "offer": "jammy", "sku": "22_04-lts", "version": "latest"},
                "osDisk": {
                    "createOption": "FromImage",
                    "deleteOption": delete,
                    "managedDisk": {"storageAccountType": "StandardSSD_LRS"},
                },
            },
            "osProfile": profile,
            "networkProfile": {"networkInterfaces": [interface]},
        },
        **more,
    }


ENTRA: Json = {
    "location": LOCATION,
    "properties": {
        "publisher": "Microsoft.Azure.ActiveDirectory",
        "type": "AADSSHLoginForLinux",
        "typeHandlerVersion": "1.0",
        "autoUpgradeMinorVersion": True,
    },
}
