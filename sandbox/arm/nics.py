"""Network interfaces: provisioned at once, reserved for a while after a failed machine."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from sandbox.arm import addressing
from sandbox.arm.errors import bad_request, invalid_parameter
from sandbox.arm.kinds import Kind, Put, kept, reference, sent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.arm.ids import ResourceId
    from sandbox.arm.store import Resource, Use
    from sandbox.arm.wire import Json

NIC = "microsoft.network/networkinterfaces"
VM = "microsoft.compute/virtualmachines"

RESERVED_FOR = timedelta(seconds=180)
_SUFFIX = "internal.cloudapp.net"


class NetworkInterfaces(Kind):
    """An interface: its address is there in the first answer, already Succeeded (recorded)."""

    type: ClassVar[str] = "Microsoft.Network/networkInterfaces"
    operation_name: ClassVar[str] = "NetworkInterface"
    put_retry: ClassVar[int] = 0

    @override
    def uses(self, rid: ResourceId, body: Json) -> Iterable[Use]:
        properties = body.get("properties", {})
        for configuration in properties.get("ipConfigurations") or []:
            part = f"{rid}/ipConfigurations/{configuration.get('name')}"
            for name in ("subnet", "publicIPAddress"):
                target = reference(configuration.get("properties"), name)
                if target:
                    yield part, target
        group = reference(properties, "networkSecurityGroup")
        if group:
            yield str(rid), group

    @override
    def writing_state(self, *, created: bool) -> str:
        return "Succeeded"

    @override
    def check(self, put: Put) -> None:
        configurations = put.properties.get("ipConfigurations") or []
        if not configurations:
            raise bad_request(
                "NetworkInterfaceMustHaveAtLeastOneIpConfiguration",
                f"Network interface {put.rid} must have at least one ip configuration.",
            )
        for configuration in configurations:
            subnet_id = reference(configuration.get("properties"), "subnet")
            if subnet_id.lower().endswith("/subnets/azurebastionsubnet"):
                raise invalid_parameter("AzureBastionSubnet takes nothing but Azure Bastion.")
            if subnet_id and "/subnets/" not in subnet_id.lower():
                raise invalid_parameter(f"{subnet_id} is not the id of a subnet.")
            if not subnet_id:
                raise bad_request(
                    "SubnetNotSpecifiedInIpConfiguration",
                    f"IP configuration {configuration.get('name')} does not specify a subnet.",
                )

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        guid = kept(put, resource, "resourceGuid", self.cloud.guid)
        suffix = resource.private.setdefault("suffix", f"{self.cloud.guid().replace('-', '')[:26]}.ax.{_SUFFIX}")
        body = sent(put)
        properties = body["properties"]
        for name in ("virtualMachine", "macAddress", "primary"):
            properties.pop(name, None)
        sent_dns = dict(properties.pop("dnsSettings", None) or {})
        sent_dns.pop("internalFqdn", None)
        if sent_dns.get("internalDnsNameLabel"):
            sent_dns["internalFqdn"] = f"{sent_dns['internalDnsNameLabel']}.{suffix}"
        configurations = properties.pop("ipConfigurations")
        self._give_back(resource)
        body["properties"] = {
            "resourceGuid": guid,
            "ipConfigurations": [
                self._configuration(resource, each, primary=index == 0) for index, each in enumerate(configurations)
            ],
            "dnsSettings": {
                "dnsServers": [],
                "appliedDnsServers": [],
                **sent_dns,
                "internalDomainNameSuffix": suffix,
            },
            "enableAcceleratedNetworking": False,
            "vnetEncryptionSupported": False,
            "enableIPForwarding": False,
            "hostedWorkloads": [],
            "tapConfigurations": [],
            "nicType": "Standard",
            "disableTcpStateTracking": False,
            "allowPort25Out": True,
            "auxiliaryMode": "None",
            "auxiliarySku": "None",
            **properties,
        }
        body["kind"] = "Regular"
        resource.body = body

    @override
    def check_delete(self, resource: Resource) -> None:
        for _, machine in self.cloud.store.users(resource, VM):
            raise bad_request(
                "NicInUse",
                f"Network Interface {resource.id} is used by existing resource {machine.id}. In order to "
                "delete the network interface, it must be dissociated from the resource. To learn more, see "
                "aka.ms/deletenic.",
            )
        self.check_reservation(resource, "")

    def check_reservation(self, resource: Resource, machine: str) -> None:
        """Refuse an interface that is kept for a machine whose creation failed."""
        reserved = resource.private.get("reserved_for")
        if reserved is None or self.cloud.now >= resource.private["reserved_until"]:
            return
        if reserved.lower() != machine.lower():
            raise bad_request(
                "NicReservedForAnotherVm",
                "Nic(s) in request is reserved for another Virtual Machine for 180 seconds. Please provide "
                f"another nic(s) or retry after 180 seconds. Reserved VM: {reserved}",
            )

    def reserve(self, resource: Resource, machine: str) -> None:
        """Keep the interface for a machine whose creation failed."""
        resource.private["reserved_for"] = machine
        resource.private["reserved_until"] = self.cloud.now + RESERVED_FOR

    @override
    def removed(self, resource: Resource) -> None:
        self._give_back(resource)

    @override
    def view(self, resource: Resource) -> Json:
        shown = super().view(resource)
        properties = shown["properties"]
        for configuration in properties["ipConfigurations"]:
            configuration["etag"] = resource.etag
        for _, machine in self.cloud.store.users(resource, VM):
            mac = resource.private.setdefault("mac", f"00-0D-3A-{resource.etag[3:5].upper()}-00-01")
            properties.update(virtualMachine={"id": machine.id}, macAddress=mac, primary=True)
        return shown

    def _configuration(self, resource: Resource, configuration: Json, *, primary: bool) -> Json:
        properties = dict(configuration.get("properties") or {})
        properties.pop("provisioningState", None)
        asked = properties.pop("privateIPAddress", None)
        if properties.get("privateIPAllocationMethod") != "Static":
            asked = None
        address = self._take(resource, reference(properties, "subnet"), asked)
        return {
            "name": configuration.get("name"),
            "id": f"{resource.id}/ipConfigurations/{configuration.get('name')}",
            "etag": resource.etag,
            "type": f"{self.type}/ipConfigurations",
            "properties": {
                "provisioningState": "Succeeded",
                "privateIPAddress": address,
                "privateIPAllocationMethod": "Dynamic",
                "primary": primary,
                "privateIPAddressVersion": "IPv4",
                **properties,
            },
        }

    def _take(self, resource: Resource, subnet_id: str, asked: str | None) -> str:
        subnet = self.cloud.store.get(subnet_id)
        if subnet is None:
            raise invalid_parameter(f"Subnet {subnet_id} is gone.")
        taken: dict[str, str] = subnet.private.setdefault("taken", {})
        network = addressing.subnet_prefixes(subnet.properties)[0]
        address = asked or addressing.next_free(network, taken)
        if address is None:
            raise bad_request(
                "SubnetIsFull",
                f"Subnet {subnet.rid.name} with address prefix {network} does not have enough capacity for 1 "
                "IP addresses.",
            )
        if ipaddress.ip_address(address) not in network or taken.get(address, resource.key) != resource.key:
            raise bad_request(
                "PrivateIPAddressInUse",
                f"IP configuration is using the private IP address {address} which is already allocated or "
                f"outside of subnet {subnet.rid.name}.",
            )
        taken[address] = resource.key
        resource.private.setdefault("addresses", []).append((subnet.key, address))
        return address

    def _give_back(self, resource: Resource) -> None:
        for subnet_key, address in resource.private.pop("addresses", []):
            subnet = self.cloud.store.get(subnet_key)
            if subnet is not None:
                subnet.private.get("taken", {}).pop(address, None)
