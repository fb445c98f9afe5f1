"""Virtual networks, their subnets and their peerings."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from sandbox.arm import addressing
from sandbox.arm.errors import bad_request, check_name, invalid_parameter, reference_not_found
from sandbox.arm.firewall import check_bastion_rules
from sandbox.arm.ids import ResourceId, parent_key
from sandbox.arm.kinds import Kind, Put, kept, reference, sent
from sandbox.arm.nsgs import rules_of
from sandbox.arm.store import Resource
from sandbox.arm.vintage import POLICIES_DISABLED, SUBNET_NOTIFIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.arm.addressing import Network
    from sandbox.arm.store import Use
    from sandbox.arm.wire import Json

VNET = "microsoft.network/virtualnetworks"
SUBNET = "microsoft.network/virtualnetworks/subnets"
PEERING = "microsoft.network/virtualnetworks/virtualnetworkpeerings"
BASTION_SUBNET = "AzureBastionSubnet"

# From this api-version on a subnet that does not say otherwise is private (azure.md section 2).
_PRIVATE_BY_DEFAULT = "2025-07-01"


class VirtualNetworks(Kind):
    """A network with its subnets inside; a PUT that leaves out a subnet deletes that subnet."""

    type: ClassVar[str] = "Microsoft.Network/virtualNetworks"
    operation_name: ClassVar[str] = "VirtualNetwork"
    children: ClassVar[tuple[str, ...]] = (SUBNET, PEERING)
    put_polls: ClassVar[tuple[int, ...]] = (10,)

    @override
    def uses(self, rid: ResourceId, body: Json) -> Iterable[Use]:
        for subnet in _subnets_in(body):
            yield from subnet_uses(f"{rid}/subnets/{subnet.get('name')}", subnet.get("properties", {}))

    @override
    def check(self, put: Put) -> None:
        space = addressing.address_space(put.properties, str(put.rid))
        if not space:
            raise bad_request("InvalidRequestFormat", f"The address space of virtual network {put.rid.name} is empty.")
        siblings: list[tuple[str, Network]] = []
        for subnet in _subnets_in(put.body):
            check_name(str(subnet.get("name") or ""))
            rid = _subnet_id(put.rid, str(subnet.get("name")))
            properties = subnet.setdefault("properties", {})
            check_subnet(self, rid, properties, space, siblings)
            siblings += [(rid.name, each) for each in addressing.subnet_prefixes(properties)]
        if put.current is not None:
            for left_out in self._left_out(put.current, put.body):
                self.kinds[SUBNET].check_delete(left_out)

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        guid = kept(put, resource, "resourceGuid", self.cloud.guid)
        body = sent(put)
        properties = body["properties"]
        for name in ("subnets", "virtualNetworkPeerings", "enableVmProtection"):
            properties.pop(name, None)
        body["properties"] = {"resourceGuid": guid, "enableDdosProtection": False, **properties}
        resource.body = body

    @override
    def accepted(self, put: Put, resource: Resource, *, created: bool) -> None:
        for subnet in self._left_out(resource, put.body):
            self.cloud.store.remove(subnet)
        subnets = self.kinds[SUBNET]
        for wanted in _subnets_in(put.body):
            rid = _subnet_id(resource.rid, str(wanted["name"]))
            current = self.cloud.store.get(rid.key)
            inner = Put(rid, {"properties": wanted["properties"]}, current, put.api_version)
            subnet = current or Resource(rid, SUBNET, {}, self.cloud.now)
            subnets.compose(inner, subnet)
            subnet.state = resource.state
            subnet.last_operation = resource.last_operation
            self.cloud.store.add(subnet)
            self.cloud.store.use(subnet, subnets.uses(rid, subnet.body))

    @override
    def succeeded(self, resource: Resource, *, created: bool) -> None:
        self._settle_subnets(resource, "Succeeded")

    @override
    def failed(self, resource: Resource, *, created: bool) -> None:
        self._settle_subnets(resource, "Failed")

    @override
    def check_delete(self, resource: Resource) -> None:
        for subnet in self.cloud.store.within(resource.key, SUBNET):
            self.kinds[SUBNET].check_delete(subnet)
        for part, user in self.cloud.store.users(resource):
            if user.kind != PEERING:  # a Developer Bastion stands in no subnet; the code is a reported one
                raise bad_request(
                    "InUseVirtualNetworkCannotBeDeleted",
                    f"Virtual network {resource.id} is in use by {part} and cannot be deleted.",
                )

    @override
    def removed(self, resource: Resource) -> None:
        for _, peering in self.cloud.store.users(resource, PEERING):
            peering.body["properties"]["peeringState"] = "Disconnected"

    @override
    def view(self, resource: Resource) -> Json:
        shown = super().view(resource)
        for name, kind in (("subnets", SUBNET), ("virtualNetworkPeerings", PEERING)):
            inside = self.cloud.store.within(resource.key, kind)
            shown["properties"][name] = [self.kinds[kind].view(each) for each in inside]
        return shown

    def _settle_subnets(self, resource: Resource, state: str) -> None:
        for subnet in self.cloud.store.within(resource.key, SUBNET):
            if subnet.operation is None:
                subnet.state = state

    def _left_out(self, resource: Resource, body: Json) -> list[Resource]:
        named = {str(subnet.get("name", "")).lower() for subnet in _subnets_in(body)}
        inside = self.cloud.store.within(resource.key, SUBNET)
        return [subnet for subnet in inside if subnet.rid.name.lower() not in named]


class Subnets(Kind):
    """A subnet written on its own; it shares its network's etag and its one write at a time."""

    type: ClassVar[str] = "Microsoft.Network/virtualNetworks/subnets"
    operation_name: ClassVar[str] = "Subnet"
    located: ClassVar[bool] = False
    listed: ClassVar[bool] = False

    @override
    def notifies(self, verb: str, version: str) -> bool:
        return version >= SUBNET_NOTIFIES

    @override
    def family(self, rid: ResourceId) -> str:
        return rid.parent.key if rid.parent is not None else rid.key

    @override
    def uses(self, rid: ResourceId, body: Json) -> Iterable[Use]:
        return subnet_uses(str(rid), body.get("properties", {}))

    @override
    def check(self, put: Put) -> None:
        vnet = self._vnet(put.rid.key)
        siblings = [
            (each.rid.name, prefix)
            for each in self.cloud.store.within(vnet.key, SUBNET)
            if each.key != put.rid.key
            for prefix in addressing.subnet_prefixes(each.properties)
        ]
        space = addressing.address_space(vnet.properties, vnet.id)
        check_subnet(self, put.rid, put.properties, space, siblings)

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        properties = sent(put)["properties"]
        for name in ("ipConfigurations", "purpose"):
            properties.pop(name, None)
        before = resource.body.get("properties", {})
        if "defaultOutboundAccess" in before:
            properties.setdefault("defaultOutboundAccess", before["defaultOutboundAccess"])
        elif put.api_version >= _PRIVATE_BY_DEFAULT and not before:
            properties.setdefault("defaultOutboundAccess", False)
        older = put.api_version < POLICIES_DISABLED
        resource.body = {
            "properties": {
                "ipamPoolPrefixAllocations": [],
                "delegations": [],
                "privateEndpointNetworkPolicies": "Enabled" if older else "Disabled",
                "privateLinkServiceNetworkPolicies": "Enabled",
                **properties,
            }
        }

    @override
    def accepted(self, put: Put, resource: Resource, *, created: bool) -> None:
        self.touch(self._vnet(resource.key))

    @override
    def succeeded(self, resource: Resource, *, created: bool) -> None:
        self.touch(self._vnet(resource.key))

    @override
    def check_delete(self, resource: Resource) -> None:
        for part, _ in self.cloud.store.users(resource):
            raise bad_request(
                "InUseSubnetCannotBeDeleted",
                f"Subnet {resource.rid.name} is in use by {part} and cannot be deleted. In order to delete "
                "the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.",
            )

    @override
    def view(self, resource: Resource) -> Json:
        properties = {"provisioningState": resource.state, **resource.properties}
        users = [{"id": part} for part, _ in self.cloud.store.users(resource)]
        if users:
            properties["ipConfigurations"] = users
        etag = self._vnet(resource.key).etag
        shown: Json = {"name": resource.rid.name, "id": resource.id, "etag": etag}
        return {**shown, "properties": properties, "type": self.type}

    def _vnet(self, subnet_key: str) -> Resource:
        vnet = self.cloud.store.get(parent_key(subnet_key))
        if vnet is None:
            raise invalid_parameter(f"The virtual network of subnet {subnet_key} is gone.")
        return vnet


class Peerings(Kind):
    """One side of a peering: Initiated until the other side exists, Disconnected when that goes."""

    type: ClassVar[str] = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"
    operation_name: ClassVar[str] = "VirtualNetworkPeering"
    located: ClassVar[bool] = False
    notify: ClassVar[bool] = False

    @override
    def family(self, rid: ResourceId) -> str:
        return rid.parent.key if rid.parent is not None else rid.key

    @override
    def uses(self, rid: ResourceId, body: Json) -> Iterable[Use]:
        remote = reference(body.get("properties"), "remoteVirtualNetwork")
        return [(str(rid), remote)] if remote else []

    @override
    def check(self, put: Put) -> None:
        remote_id = reference(put.properties, "remoteVirtualNetwork")
        if not remote_id:
            raise invalid_parameter(f"Peering {put.rid.name} names no remote virtual network.")
        remote = self.cloud.store.get(remote_id)
        if remote is None:
            raise reference_not_found(remote_id, str(put.rid))
        before = reference(put.current.properties, "remoteVirtualNetwork") if put.current else remote_id
        if before.lower() != remote_id.lower():
            raise bad_request(
                "ChangingRemoteVirtualNetworkNotAllowed",
                f"Changing the remoteVirtualNetwork property is not allowed for an existing peering {put.rid}.",
            )
        self._check_spaces(put, remote)
        for other in self._facing(put.rid, remote_id):
            if other.properties["peeringState"] == "Disconnected":
                raise bad_request(
                    "RemotePeeringIsDisconnected",
                    f"Cannot create or update peering {put.rid} because remote peering {other.id} is in Disconnected "
                    "state. Update or re-create the remote peering to get it back to Initiated state.",
                )

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        body = sent(put)
        body["properties"] = {
            "allowVirtualNetworkAccess": True,
            "allowForwardedTraffic": False,
            "allowGatewayTransit": False,
            "useRemoteGateways": False,
            **body["properties"],
            "peeringState": "Initiated",
        }
        resource.body = body

    @override
    def succeeded(self, resource: Resource, *, created: bool) -> None:
        for other in self._other_side(resource):
            other.properties["peeringState"] = "Connected"
            resource.properties["peeringState"] = "Connected"

    @override
    def removed(self, resource: Resource) -> None:
        for other in self._other_side(resource):
            other.properties["peeringState"] = "Disconnected"

    @override
    def view(self, resource: Resource) -> Json:
        """Show a peering with the address space of the network on its other side, as recorded."""
        shown = super().view(resource)
        remote = self.cloud.store.get(reference(resource.properties, "remoteVirtualNetwork"))
        if remote is not None:
            shown["properties"]["remoteAddressSpace"] = remote.properties["addressSpace"]
        return shown

    def _check_spaces(self, put: Put, remote: Resource) -> None:
        """Refuse networks that overlap: the two of the peering, and those the near one is peered with already."""
        near = self.cloud.store.get(put.rid.parent.key) if put.rid.parent is not None else None
        if near is None:
            return
        others = [near]
        for peering in self.cloud.store.within(near.key, PEERING):
            peer = self.cloud.store.get(reference(peering.properties, "remoteVirtualNetwork"))
            if peer is not None and peer.key != remote.key and peering.key != put.rid.key:
                others.append(peer)
        there = addressing.address_space(remote.properties, remote.id)
        for other in others:
            here = addressing.address_space(other.properties, other.id)
            if any(one.version == two.version and one.overlaps(two) for one in here for two in there):
                raise bad_request(
                    "VnetAddressSpacesOverlap",
                    f"Cannot create or update peering {put.rid}. Virtual networks {other.id} and {remote.id} cannot "
                    "be peered because their address spaces overlap.",
                )

    def _other_side(self, resource: Resource) -> list[Resource]:
        return self._facing(resource.rid, reference(resource.properties, "remoteVirtualNetwork"))

    def _facing(self, rid: ResourceId, remote: str) -> list[Resource]:
        """The peerings of a remote network that lead back to the network of this one."""
        mine = rid.parent.key if rid.parent is not None else ""
        return [
            other
            for other in self.cloud.store.within(remote.lower(), PEERING)
            if reference(other.properties, "remoteVirtualNetwork").lower() == mine
        ]


def subnet_uses(subnet: str, properties: Json) -> Iterable[Use]:
    """What a subnet refers to."""
    for name in ("networkSecurityGroup", "routeTable", "natGateway"):
        target = reference(properties, name)
        if target:
            yield subnet, target


def check_subnet(
    kind: Kind, rid: ResourceId, properties: Json, space: list[Network], siblings: list[tuple[str, Network]]
) -> None:
    """Refuse a subnet outside its network, over a sibling, or against the Bastion subnet's rules."""
    vnet = rid.names[0]
    prefixes = addressing.subnet_prefixes(properties, str(rid))
    if not prefixes:
        raise bad_request("NetcfgInvalidSubnet", f"Subnet '{rid.name}' is not valid in virtual network '{vnet}'.")
    for prefix in prefixes:
        if not addressing.contains(space, prefix):
            raise bad_request(
                "NetcfgSubnetRangeOutsideVnet",
                f"Subnet '{rid.name}' is not valid because its IP address range is outside the IP address "
                f"range of virtual network '{vnet}'.",
            )
        for name, other in siblings:
            if prefix.version == other.version and prefix.overlaps(other):
                raise bad_request(
                    "NetcfgSubnetRangesOverlap",
                    f"Subnet '{rid.name}' is not valid because its IP address range overlaps with that of an "
                    f"existing subnet '{name}' in virtual network '{vnet}'.",
                )
    if rid.name.lower() == BASTION_SUBNET.lower():
        _check_bastion_subnet(kind, rid, properties)


def _check_bastion_subnet(kind: Kind, rid: ResourceId, properties: Json) -> None:
    if reference(properties, "routeTable"):
        raise bad_request(
            "RouteTableCannotBeAttachedForAzureBastionSubnet",
            f"Route table cannot be attached to subnet {rid} because it is an Azure Bastion subnet.",
        )
    nsg = kind.cloud.store.get(reference(properties, "networkSecurityGroup"))
    if nsg is not None:
        check_bastion_rules(nsg.rid.name, [each.body for each in rules_of(kind.cloud, nsg)])


def _subnets_in(body: Json) -> list[Json]:
    return list(body.get("properties", {}).get("subnets") or [])


def _subnet_id(vnet: ResourceId, name: str) -> ResourceId:
    return ResourceId(vnet.subscription, vnet.group, Subnets.type, (*vnet.names, name))
