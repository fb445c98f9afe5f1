"""Public addresses, NAT gateways and route tables."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from sandbox.arm.errors import bad_request
from sandbox.arm.kinds import Kind, Put, kept, sent
from sandbox.arm.store import region_scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.arm.ids import ResourceId
    from sandbox.arm.store import Resource, Use
    from sandbox.arm.wire import Json

PUBLIC_IP = "microsoft.network/publicipaddresses"
NAT = "microsoft.network/natgateways"
ROUTES = "microsoft.network/routetables"


class PublicIps(Kind):
    """A public address: its number shows once it is provisioned; in use, it cannot be deleted."""

    type: ClassVar[str] = "Microsoft.Network/publicIPAddresses"
    operation_name: ClassVar[str] = "PublicIpAddress"
    put_retry: ClassVar[int] = 2

    @override
    def check(self, put: Put) -> None:
        sku = (put.body.get("sku") or {}).get("name", "Basic")
        method = put.properties.get("publicIPAllocationMethod", "Dynamic")
        if sku == "Standard" and method != "Static":
            raise bad_request(
                "StandardSkuPublicIPAddressMustHaveStaticAllocationMethod",
                f"Standard sku publicIp {put.rid} must have AllocationMethod set to Static.",
            )
        if put.current is None:
            self._check_quota(put)

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        guid = kept(put, resource, "resourceGuid", self.cloud.guid)
        body = sent(put)
        sku = {"name": "Basic", "tier": "Regional", **(body.pop("sku", None) or {})}
        properties = body["properties"]
        for name in ("ipConfiguration", "ipAddress"):
            properties.pop(name, None)
        label = (properties.get("dnsSettings") or {}).get("domainNameLabel")
        if label:
            fqdn = f"{label}.{resource.location or put.location}.cloudapp.azure.com"
            properties["dnsSettings"] = {**properties["dnsSettings"], "fqdn": fqdn}
        body["properties"] = {
            "resourceGuid": guid,
            "publicIPAddressVersion": "IPv4",
            "publicIPAllocationMethod": "Dynamic",
            "idleTimeoutInMinutes": 4,
            "ipTags": [],
            "ddosSettings": {"protectionMode": "VirtualNetworkInherited"},
            **properties,
        }
        body["sku"] = sku
        resource.body = body

    @override
    def accepted(self, put: Put, resource: Resource, *, created: bool) -> None:
        if resource.body["sku"]["name"] == "Standard":
            self.cloud.meters.open(resource.id, "ip.standard", self.cloud.now)

    @override
    def succeeded(self, resource: Resource, *, created: bool) -> None:
        known = "ipAddress" if resource.properties["publicIPAllocationMethod"] == "Static" else "dynamicAddress"
        if known not in resource.private:
            resource.private[known] = self._next_address()
        self.cloud.meters.settle(resource.id, self.cloud.now, "ip.standard")

    @override
    def failed(self, resource: Resource, *, created: bool) -> None:
        self.cloud.meters.settle(resource.id, self.cloud.now, "ip.standard")

    @override
    def check_delete(self, resource: Resource) -> None:
        held = resource.private.get("held_by")
        if held is not None and self.cloud.now >= resource.private["held_until"]:
            held = None
        users = [part for part, _ in self.cloud.store.users(resource)]
        if users or held:
            raise bad_request(
                "PublicIPAddressCannotBeDeleted",
                f"Public IP address {resource.id} can not be deleted since it is still allocated to resource "
                f"{users[0] if users else held}. In order to delete the public IP, disassociate/detach the "
                "Public IP address from the resource.  To learn how to do this, see aka.ms/deletepublicip.",
            )

    @override
    def removed(self, resource: Resource) -> None:
        self.cloud.meters.close(resource.id, "ip.standard", self.cloud.now)

    @override
    def view(self, resource: Resource) -> Json:
        shown = super().view(resource)
        if resource.properties["publicIPAllocationMethod"] == "Dynamic" and self._held(resource):
            shown["properties"]["ipAddress"] = resource.private["dynamicAddress"]
        if "ipAddress" in resource.private:
            shown["properties"]["ipAddress"] = resource.private["ipAddress"]
        for part, _ in self.cloud.store.users(resource):
            name = "natGateway" if "/natgateways/" in part.lower() else "ipConfiguration"
            shown["properties"][name] = {"id": part}
        return shown

    def _held(self, resource: Resource) -> bool:
        """Whether a dynamic address is held: by an interface of a machine that is not deallocated (recorded)."""
        machines = [
            machine for _, nic in self.cloud.store.users(resource) for _, machine in self.cloud.store.users(nic)
        ]
        return any(each.private.get("power") in ("running", "stopped") for each in machines)

    def linger(self, resource: Resource, part: str) -> None:
        """Go on refusing deletion for a while after the Bastion that held it is gone (reported)."""
        seconds = self.cloud.rng.uniform(0, self.cloud.switches.public_ip_lingers_seconds)
        resource.private["held_by"] = part
        resource.private["held_until"] = self.cloud.now + timedelta(seconds=seconds)

    def _check_quota(self, put: Put) -> None:
        limit = self.cloud.switches.public_ips_per_region
        taken = self.cloud.store.count(region_scope(put.rid.subscription, put.location), self.key)
        if taken >= limit:
            raise bad_request(
                "PublicIPCountLimitReached",
                f"Cannot create more than {limit} public IP addresses for this subscription in this region.",
            )

    def _next_address(self) -> str:
        draw = self.cloud.rng.getrandbits(24)
        return f"20.{draw >> 16}.{draw >> 8 & 255}.{draw & 255}"


class NatGateways(Kind):
    """A NAT gateway: gives its subnets outbound, and bills."""

    type: ClassVar[str] = "Microsoft.Network/natGateways"
    operation_name: ClassVar[str] = "NatGateway"

    @override
    def uses(self, rid: ResourceId, body: Json) -> Iterable[Use]:
        addresses = body.get("properties", {}).get("publicIpAddresses") or []
        return [(str(rid), str(each.get("id"))) for each in addresses]

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        guid = kept(put, resource, "resourceGuid", self.cloud.guid)
        body = sent(put)
        body["properties"].pop("subnets", None)
        body["properties"] = {"resourceGuid": guid, "idleTimeoutInMinutes": 4, **body["properties"]}
        body.setdefault("sku", {"name": "Standard"})
        resource.body = body

    @override
    def accepted(self, put: Put, resource: Resource, *, created: bool) -> None:
        self.cloud.meters.open(resource.id, "nat", self.cloud.now)

    @override
    def succeeded(self, resource: Resource, *, created: bool) -> None:
        self.cloud.meters.settle(resource.id, self.cloud.now, "nat")

    @override
    def failed(self, resource: Resource, *, created: bool) -> None:
        self.succeeded(resource, created=created)

    @override
    def check_delete(self, resource: Resource) -> None:
        users = self.cloud.store.users(resource)
        if users:
            raise bad_request(
                "CannotDeleteNatGatewayAssociatedToSubnet",
                f"NAT Gateway {resource.id} is still configured on {len(users)} subnets. Remove NAT Gateway "
                "from all referenced subnets and then delete NAT Gateway.",
            )

    @override
    def removed(self, resource: Resource) -> None:
        self.cloud.meters.close(resource.id, "nat", self.cloud.now)

    @override
    def view(self, resource: Resource) -> Json:
        shown = super().view(resource)
        users = [{"id": part} for part, _ in self.cloud.store.users(resource)]
        if users:
            shown["properties"]["subnets"] = users
        return shown


class RouteTables(Kind):
    """A route table; it may not be attached to a Bastion subnet."""

    type: ClassVar[str] = "Microsoft.Network/routeTables"
    operation_name: ClassVar[str] = "RouteTable"

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        guid = kept(put, resource, "resourceGuid", self.cloud.guid)
        body = sent(put)
        body["properties"].pop("subnets", None)
        body["properties"] = {
            "resourceGuid": guid,
            "disableBgpRoutePropagation": False,
            "routes": [],
            **body["properties"],
        }
        resource.body = body

    @override
    def check_delete(self, resource: Resource) -> None:
        users = [part for part, _ in self.cloud.store.users(resource)]
        if users:
            raise bad_request(
                "InUseRouteTableCannotBeDeleted",
                f"Route table {resource.rid.name} is in use and cannot be deleted. It is used by {', '.join(users)}.",
            )

    @override
    def view(self, resource: Resource) -> Json:
        shown = super().view(resource)
        users = [{"id": part} for part, _ in self.cloud.store.users(resource)]
        if users:
            shown["properties"]["subnets"] = users
        return shown
