"""Network security groups and their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from sandbox.arm.errors import bad_request, entity_not_found, invalid_parameter
from sandbox.arm.firewall import DEFAULT_RULES, check_bastion_rules
from sandbox.arm.ids import ResourceId
from sandbox.arm.kinds import Kind, Put, kept, sent
from sandbox.arm.store import Resource

if TYPE_CHECKING:
    from sandbox.arm.cloud import Cloud
    from sandbox.arm.wire import Json

NSG = "microsoft.network/networksecuritygroups"
RULE = "microsoft.network/networksecuritygroups/securityrules"

_BASTION_SUBNET_TAIL = "/subnets/azurebastionsubnet"
_PRIORITIES = range(100, 4097)
_RULE_DEFAULTS: Json = {
    "sourcePortRanges": [],
    "destinationPortRanges": [],
    "sourceAddressPrefixes": [],
    "destinationAddressPrefixes": [],
}


def rules_of(cloud: Cloud, nsg: Resource) -> list[Resource]:
    """The rules a group holds, without the defaults."""
    return cloud.store.within(nsg.key, RULE)


class SecurityGroups(Kind):
    """A group whose rules come with it; on a Bastion subnet it must hold all that Bastion needs."""

    type: ClassVar[str] = "Microsoft.Network/networkSecurityGroups"
    operation_name: ClassVar[str] = "NetworkSecurityGroup"
    children: ClassVar[tuple[str, ...]] = (RULE,)

    @override
    def check(self, put: Put) -> None:
        rules = put.properties.get("securityRules") or []
        check_rules(rules)
        if put.current is not None:
            check_still_compliant(self.cloud, put.current, rules)

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        guid = kept(put, resource, "resourceGuid", self.cloud.guid)
        body = sent(put)
        for name in ("securityRules", "defaultSecurityRules", "subnets", "networkInterfaces"):
            body["properties"].pop(name, None)
        body["properties"] = {"resourceGuid": guid, **body["properties"]}
        resource.body = body

    @override
    def accepted(self, put: Put, resource: Resource, *, created: bool) -> None:
        for rule in rules_of(self.cloud, resource):
            self.cloud.store.remove(rule)
        for wanted in put.properties.get("securityRules") or []:
            rid = _rule_id(resource.rid, str(wanted["name"]))
            rule = Resource(rid, RULE, _rule_body(wanted), self.cloud.now, state=resource.state)
            self.cloud.store.add(rule)

    @override
    def succeeded(self, resource: Resource, *, created: bool) -> None:
        for rule in rules_of(self.cloud, resource):
            rule.state = "Succeeded"

    @override
    def check_delete(self, resource: Resource) -> None:
        users = [part for part, _ in self.cloud.store.users(resource)]
        if users:
            raise bad_request(
                "InUseNetworkSecurityGroupCannotBeDeleted",
                f"Network security group {resource.id} cannot be deleted because it is in use by the "
                f"following resources: {', '.join(users)}. In order to delete the Network security group, "
                "remove the association with the resource(s). To learn how to do this, see "
                "aka.ms/deletensg.",
            )

    @override
    def view(self, resource: Resource) -> Json:
        shown = super().view(resource)
        properties = shown["properties"]
        rules = self.kinds[RULE]
        properties["securityRules"] = [rules.view(rule) for rule in rules_of(self.cloud, resource)]
        properties["defaultSecurityRules"] = [
            {
                "name": rule["name"],
                "id": f"{resource.id}/defaultSecurityRules/{rule['name']}",
                "etag": resource.etag,
                "type": f"{self.type}/defaultSecurityRules",
                "properties": {"provisioningState": resource.state, **rule["properties"]},
            }
            for rule in DEFAULT_RULES
        ]
        for name, tail in (("subnets", "/subnets/"), ("networkInterfaces", "/networkinterfaces/")):
            users = [{"id": part} for part, _ in self.cloud.store.users(resource) if tail in part.lower()]
            if users:
                properties[name] = users
        return shown


class SecurityRules(Kind):
    """One rule written on its own."""

    type: ClassVar[str] = "Microsoft.Network/networkSecurityGroups/securityRules"
    operation_name: ClassVar[str] = "SecurityRule"
    located: ClassVar[bool] = False
    listed: ClassVar[bool] = False
    notify: ClassVar[bool] = False

    @override
    def family(self, rid: ResourceId) -> str:
        return rid.parent.key if rid.parent is not None else rid.key

    @override
    def check(self, put: Put) -> None:
        nsg = self._nsg(put.rid)
        own = {"name": put.rid.name, "properties": put.properties}
        others = self._bodies(nsg, without=put.rid.key)
        check_rules([*others, own])
        check_still_compliant(self.cloud, nsg, [*others, own])

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        resource.body = _rule_body({"name": put.rid.name, "properties": sent(put)["properties"]})

    @override
    def accepted(self, put: Put, resource: Resource, *, created: bool) -> None:
        self.touch(self._nsg(resource.rid))

    @override
    def check_delete(self, resource: Resource) -> None:
        nsg = self._nsg(resource.rid)
        check_still_compliant(self.cloud, nsg, self._bodies(nsg, without=resource.key))

    @override
    def view(self, resource: Resource) -> Json:
        shown: Json = {"name": resource.rid.name, "id": resource.id, "etag": self._nsg(resource.rid).etag}
        properties = {"provisioningState": resource.state, **resource.properties}
        return {**shown, "type": self.type, "properties": properties}

    def _bodies(self, nsg: Resource, *, without: str) -> list[Json]:
        return [rule.body for rule in rules_of(self.cloud, nsg) if rule.key != without]

    def _nsg(self, rid: ResourceId) -> Resource:
        nsg = self.cloud.store.get(rid.parent.key) if rid.parent is not None else None
        if nsg is None:
            raise entity_not_found(str(rid.parent))
        return nsg


def check_rules(rules: list[Json]) -> None:
    """Refuse rules without a name, with a priority out of range, or with one that is taken."""
    taken: dict[tuple[str, int], str] = {}
    for rule in rules:
        name, properties = str(rule.get("name") or ""), rule.get("properties") or {}
        priority = properties.get("priority")
        if not name or not isinstance(priority, int) or priority not in _PRIORITIES:
            raise bad_request(
                "SecurityRuleInvalidPriority",
                f"Security rule has invalid Priority. Value provided: {priority} Allowed range 100-4096.",
            )
        if not properties.get("access") or not properties.get("direction"):
            raise invalid_parameter(f"Security rule {name} needs access and direction.")
        key = (str(properties["direction"]).lower(), priority)
        if key in taken:
            raise bad_request(
                "SecurityRuleConflict",
                f"Security rule {name} conflicts with rule {taken[key]}. Rules cannot have the same Priority "
                "and Direction.",
            )
        taken[key] = name


def check_still_compliant(cloud: Cloud, nsg: Resource, rules: list[Json]) -> None:
    """Refuse to take from a group on a Bastion subnet what Bastion needs."""
    if any(part.lower().endswith(_BASTION_SUBNET_TAIL) for part, _ in cloud.store.users(nsg)):
        check_bastion_rules(nsg.rid.name, rules)


def _rule_body(rule: Json) -> Json:
    properties = {name: value for name, value in rule["properties"].items() if name != "provisioningState"}
    return {"name": rule["name"], "properties": {**_RULE_DEFAULTS, **properties}}


def _rule_id(nsg: ResourceId, name: str) -> ResourceId:
    return ResourceId(nsg.subscription, nsg.group, SecurityRules.type, (*nsg.names, name))
