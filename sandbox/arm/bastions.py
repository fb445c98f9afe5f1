"""Bastion hosts: what each SKU takes, one per network, and the list of who is inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from sandbox.arm import addressing
from sandbox.arm.addresses import PublicIps
from sandbox.arm.errors import ArmError, bad_request, invalid_parameter, reference_not_found
from sandbox.arm.firewall import check_bastion_rules
from sandbox.arm.ids import parse_id
from sandbox.arm.kinds import Kind, Put, reference, sent
from sandbox.arm.nsgs import rules_of
from sandbox.arm.operations import Operation
from sandbox.arm.store import region_scope
from sandbox.arm.vnets import BASTION_SUBNET
from sandbox.arm.wire import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sandbox.arm.ids import ResourceId
    from sandbox.arm.store import Resource, Use
    from sandbox.arm.wire import Json, Request

BASTION = "microsoft.network/bastionhosts"
SKUS = ("Developer", "Basic", "Standard", "Premium")
FIXED_UNITS, MOST_UNITS = 2, 50
_SMALLEST_PREFIX = 26

# What a SKU below Standard does not have (azure.md section 1); private-only and recording need Premium.
_STANDARD_FEATURES = ("enableTunneling", "enableIpConnect", "enableFileCopy", "enableShareableLink")
_PREMIUM_FEATURES = ("enableSessionRecording", "enablePrivateOnlyBastion")


class BastionHosts(Kind):
    """A Bastion host; it bills from the accepted create to the completed delete, failed or not."""

    type: ClassVar[str] = "Microsoft.Network/bastionHosts"
    operation_name: ClassVar[str] = "BastionHost"
    put_retry: ClassVar[int] = 10
    put_polls: ClassVar[tuple[int, ...]] = (10, 20, 20, 40, 40, 80, 160, 100)
    patch_is_long: ClassVar[bool] = True
    delete_polls: ClassVar[tuple[int, ...]] = (10, 20, 20, 40, 40, 80, 160, 100)

    @override
    def uses(self, rid: ResourceId, body: Json) -> Iterable[Use]:
        for configuration in _configurations(body):
            part = f"{rid}/bastionHostIpConfigurations/{configuration.get('name')}"
            for name in ("subnet", "publicIPAddress"):
                target = reference(configuration.get("properties"), name)
                if target:
                    yield part, target
        network = reference(body.get("properties"), "virtualNetwork")
        if network:
            yield str(rid), network

    @override
    def check(self, put: Put) -> None:
        sku = _sku(put.body)
        if sku not in SKUS:
            raise invalid_parameter(f"The SKU {sku} of BastionHost {put.rid} is not one of {', '.join(SKUS)}.")
        self._check_change_of_sku(put, sku)
        self._check_features(put, sku)
        if put.current is None:
            self._check_quota(put)
        if sku == "Developer":
            self._check_developer(put)
        else:
            self._check_placed(put, sku)

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        body = sent(put)
        properties = body["properties"]
        properties.pop("dnsName", None)
        configurations = properties.pop("ipConfigurations", None) or []
        properties.setdefault("scaleUnits", FIXED_UNITS)
        if "dnsName" in resource.private:
            properties = {"dnsName": resource.private["dnsName"], **properties}
        properties["ipConfigurations"] = [self._configuration(resource, each) for each in configurations]
        body["properties"] = properties
        body["sku"] = {"name": _sku(put.body)}
        resource.body = body

    @override
    def accepted(self, put: Put, resource: Resource, *, created: bool) -> None:
        changed = created or resource.private.get("scaleUnits") != resource.properties["scaleUnits"]
        if changed and put.current is not None:
            self.cloud.sessions.end_where("bastion", resource.key, "the bastion was scaled")
        resource.private["scaleUnits"] = resource.properties["scaleUnits"]
        self._run_meters(resource)

    @override
    def succeeded(self, resource: Resource, *, created: bool) -> None:
        resource.private.setdefault("dnsName", f"bst-{self.cloud.guid()}.bastion.azure.com")
        resource.body["properties"] = {"dnsName": resource.private["dnsName"], **resource.properties}
        self.failed(resource, created=created)

    @override
    def failed(self, resource: Resource, *, created: bool) -> None:
        self.cloud.meters.settle(resource.id, self.cloud.now, *_METERS)

    @override
    def delete_accepted(self, resource: Resource) -> None:
        self.cloud.sessions.end_where("bastion", resource.key, "the bastion was deleted")

    @override
    def removed(self, resource: Resource) -> None:
        self.cloud.sessions.end_where("bastion", resource.key, "the bastion was deleted")
        for meter in _METERS:
            self.cloud.meters.close(resource.id, meter, self.cloud.now)
        addresses = self.kinds["microsoft.network/publicipaddresses"]
        for configuration in resource.properties.get("ipConfigurations", []):
            address = self.cloud.store.get(reference(configuration["properties"], "publicIPAddress"))
            if address is not None and isinstance(addresses, PublicIps):
                addresses.linger(address, configuration["id"])

    @override
    def view(self, resource: Resource) -> Json:
        shown = super().view(resource)
        for configuration in shown["properties"]["ipConfigurations"]:
            configuration["etag"] = resource.etag
        return shown

    @override
    def actions(self) -> Mapping[str, Callable[[Resource, Request], Response]]:
        return {
            "getactivesessions": self._list_sessions,
            "disconnectactivesessions": self._disconnect_sessions,
        }

    def network_key(self, body: Json) -> str:
        """The key of the network a host stands in, or serves as Developer."""
        network = reference(body.get("properties"), "virtualNetwork")
        for configuration in _configurations(body):
            subnet = parse_id(reference(configuration.get("properties"), "subnet"))
            if subnet is not None and subnet.parent is not None:
                return subnet.parent.key
        return network.lower()

    # Rules.

    def _check_change_of_sku(self, put: Put, sku: str) -> None:
        if put.current is None:
            return
        before = put.current.body["sku"]["name"]
        if SKUS.index(sku) < SKUS.index(before):
            raise invalid_parameter(
                f"BastionHost {put.rid} cannot be downgraded from {before} to {sku}: delete it and create it again."
            )

    def _check_features(self, put: Put, sku: str) -> None:
        units = put.properties.get("scaleUnits", FIXED_UNITS)
        least = SKUS.index("Standard")
        if not isinstance(units, int) or not FIXED_UNITS <= units <= MOST_UNITS:
            raise invalid_parameter(f"scaleUnits of BastionHost {put.rid} is between 2 and 50, not {units}.")
        if units != FIXED_UNITS and SKUS.index(sku) < least:
            raise invalid_parameter(f"BastionHost {put.rid} with SKU {sku} has 2 scale units, not {units}.")
        for name in (*_STANDARD_FEATURES, *_PREMIUM_FEATURES):
            needed = "Premium" if name in _PREMIUM_FEATURES else "Standard"
            if put.properties.get(name) and SKUS.index(sku) < SKUS.index(needed):
                if sku == "Developer":
                    raise _not_for_developer(name)
                raise invalid_parameter(f"{name} of BastionHost {put.rid} needs the {needed} SKU.")

    def _check_developer(self, put: Put) -> None:
        if put.location not in self.cloud.switches.developer_regions:
            raise invalid_parameter(f"The Developer SKU of Bastion is not available in {put.location}.")
        if _configurations(put.body):
            raise _not_for_developer("ipConfigurations")
        network = reference(put.properties, "virtualNetwork")
        if not network:
            raise bad_request(
                "BastionHostVnetIdNotProvided",
                "Virtual Network Id is a mandatory field for Developer BastionHost SKU.",
            )
        self._check_alone(put, network.lower())

    def _check_placed(self, put: Put, sku: str) -> None:
        configurations = _configurations(put.body)
        if len(configurations) != 1:
            raise bad_request(
                "BastionHostMustHaveMaximumOneHostIpConfiguration",
                f"BastionHost {put.rid} must contain 1 IP Configuration. It currently contains {len(configurations)}.",
            )
        properties = configurations[0].get("properties") or {}
        subnet = self.cloud.store.get(reference(properties, "subnet"))
        if subnet is None:
            raise reference_not_found(reference(properties, "subnet") or "(no subnet)", str(put.rid))
        self._check_subnet(put, subnet)
        private_only = bool(put.properties.get("enablePrivateOnlyBastion")) and sku == "Premium"
        if not private_only:
            self._check_address(put, reference(properties, "publicIPAddress"))
        self._check_alone(put, self.network_key(put.body))

    def _check_subnet(self, put: Put, subnet: Resource) -> None:
        if subnet.rid.name != BASTION_SUBNET:
            raise invalid_parameter(f"The subnet of BastionHost {put.rid} is named AzureBastionSubnet, exactly.")
        if subnet.rid.group.lower() != put.rid.group.lower():
            raise invalid_parameter("A Bastion host is in the resource group of its virtual network.")
        for prefix in addressing.subnet_prefixes(subnet.properties):
            if prefix.version == 4 and prefix.prefixlen > _SMALLEST_PREFIX:  # noqa: PLR2004 - IPv4
                raise invalid_parameter(f"Subnet {subnet.id} is smaller than /26; Azure Bastion needs /26 or larger.")
        group = self.cloud.store.get(reference(subnet.properties, "networkSecurityGroup"))
        if group is not None:
            check_bastion_rules(group.rid.name, [rule.body for rule in rules_of(self.cloud, group)])

    def _check_address(self, put: Put, address_id: str) -> None:
        address = self.cloud.store.get(address_id)
        if address is None:
            raise invalid_parameter(f"BastionHost {put.rid} needs a public IP address.")
        right = (
            address.body["sku"]["name"] == "Standard"
            and address.properties["publicIPAllocationMethod"] == "Static"
            and address.properties["publicIPAddressVersion"] == "IPv4"
            and address.location == put.location
        )
        if not right:
            raise invalid_parameter(
                f"The public IP address of BastionHost {put.rid} is Standard, Static, IPv4 and in its region."
            )
        for part, user in self.cloud.store.users(address):
            if user.key != put.rid.key:
                raise bad_request(
                    "PublicIPAddressInUse",
                    f"Resource {put.rid} is referencing public IP address {address.id} that is already "
                    f"allocated to resource {part}.",
                )

    def _check_alone(self, put: Put, network_key: str) -> None:
        network = self.cloud.store.get(network_key)
        if network is None:
            return
        hosts = [host for _, host in self.cloud.store.users(network, BASTION)]
        subnet = self.cloud.store.get(f"{network_key}/subnets/{BASTION_SUBNET}")
        if subnet is not None:
            hosts += [host for _, host in self.cloud.store.users(subnet, BASTION)]
        for host in hosts:
            if host.key != put.rid.key:
                raise invalid_parameter(f"Virtual network {network.id} already has the BastionHost {host.id}.")

    def _check_quota(self, put: Put) -> None:
        limit = self.cloud.switches.bastions_per_region
        if self.cloud.store.count(region_scope(put.rid.subscription, put.location), self.key) >= limit:
            raise ArmError(
                400,
                "ResourceQuotaExceeded",
                f"The quota of {limit} Bastion hosts of this subscription in {put.location} is used up.",
                details=[],
            )

    # Meters and sessions.

    def _run_meters(self, resource: Resource) -> None:
        sku = resource.body["sku"]["name"].lower()
        for meter in _METERS[:3]:
            if meter != f"bastion.{sku}":
                self.cloud.meters.close(resource.id, meter, self.cloud.now)
        if sku != "developer":
            self.cloud.meters.open(resource.id, f"bastion.{sku}", self.cloud.now)
        extra = int(resource.properties["scaleUnits"]) - FIXED_UNITS
        if extra > 0:
            self.cloud.meters.open(resource.id, "bastion.unit", self.cloud.now, units=extra)
        else:
            self.cloud.meters.close(resource.id, "bastion.unit", self.cloud.now)

    def _configuration(self, resource: Resource, configuration: Json) -> Json:
        properties = dict(configuration.get("properties") or {})
        properties.pop("provisioningState", None)
        return {
            "name": configuration.get("name"),
            "id": f"{resource.id}/bastionHostIpConfigurations/{configuration.get('name')}",
            "etag": resource.etag,
            "type": f"{self.type}/bastionHostIpConfigurations",
            "properties": {
                "provisioningState": "Succeeded",
                "privateIPAllocationMethod": "Dynamic",
                **properties,
            },
        }

    def _list_sessions(self, resource: Resource, request: Request) -> Response:
        """202 with a Location that answers with the list at its first poll.

        Its readiness is a matter of polls, not of clock time: a client polls in real time while the clock
        may stand still.
        """
        operation = Operation(
            id=self.cloud.guid(),
            provider=self.provider,
            name="GetActiveSessions",
            verb="post",
            resource=resource.id,
            location=resource.location,
            api_version=request.query["api-version"],
            base=request.base,
            started_at=self.cloud.now,
        )
        shape = request.reply_shape or self.cloud.switches.session_reply
        if shape == "error":
            operation.error = ArmError(500, "InternalServerError", "An error occurred.", details=[])
        else:
            operation.result = self.cloud.sessions.reply(resource, shape)
        operations = self.cloud.operations
        operations.end(operations.begin(operation, None))
        headers = {"Location": operations.result_url(operation), "Retry-After": "1"}
        return Response(202, headers)

    def _disconnect_sessions(self, resource: Resource, request: Request) -> Response:
        body = request.json()
        states = []
        for wanted in body.get("sessionIds") or []:
            found = self.cloud.sessions.disconnect(resource.key, str(wanted))
            states.append(
                {
                    "sessionId": str(wanted),
                    "message": "" if found else "The session was not found.",
                    "state": "Disconnected" if found else "NotFound",
                }
            )
        return json_response(200, {"value": states})


_METERS = ("bastion.basic", "bastion.standard", "bastion.premium", "bastion.unit")


def _not_for_developer(name: str) -> ArmError:
    return bad_request(
        "FeatureNotSupportedForDeveloperBastionSku", f"{name} is not supported for Developer BastionHost SKU."
    )


def _sku(body: Json) -> str:
    """The SKU that was sent; the API's default is Standard (azure.md section 1)."""
    return str((body.get("sku") or {}).get("name") or "Standard")


def _configurations(body: Json) -> list[Json]:
    return list(body.get("properties", {}).get("ipConfigurations") or [])
