"""Network security groups and their rules."""

from __future__ import annotations

import json
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from sandbox.arm.errors import bad_request, check_name, entity_not_found, invalid_parameter
from sandbox.arm.firewall import DEFAULT_RULES, check_bastion_rules
from sandbox.arm.ids import ResourceId, parent_key
from sandbox.arm.kinds import Kind, Put, kept, sent
from sandbox.arm.store import Resource
from sandbox.arm.vintage import as_of
from sandbox.arm.wire import Written, json_text

if TYPE_CHECKING:
    from sandbox.arm.cloud import Cloud
    from sandbox.arm.wire import Json

NSG = "microsoft.network/networksecuritygroups"
RULE = "microsoft.network/networksecuritygroups/securityrules"

_BASTION_SUBNET_TAIL = "/subnets/azurebastionsubnet"
_BODIES_SHARED = 4096
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
        shown = self._shown(resource)
        rules = {name: value.read() for name, value in shown["properties"].items() if isinstance(value, Written)}
        shown["properties"].update(rules)
        return shown

    @override
    def shown(self, resource: Resource, version: str) -> Json:
        return as_of(version, self.key, self._shown(resource))

    def _shown(self, resource: Resource) -> Json:
        """The body with its rules as text: they are nine tenths of it, and nearly the same in every group."""
        shown = super().view(resource)
        properties = shown["properties"]
        rules = ",".join(written_rule(rule, resource.etag).text for rule in rules_of(self.cloud, resource))
        properties["securityRules"] = Written(f"[{rules}]")
        properties["defaultSecurityRules"] = _default_rules(resource)
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
        nsg = self._nsg(put.rid.key)
        own = {"name": put.rid.name, "properties": put.properties}
        others = self._bodies(nsg, without=put.rid.key)
        check_rules([*others, own])
        check_still_compliant(self.cloud, nsg, [*others, own])

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        resource.body = _rule_body({"name": put.rid.name, "properties": sent(put)["properties"]})

    @override
    def accepted(self, put: Put, resource: Resource, *, created: bool) -> None:
        self.touch(self._nsg(resource.key))

    @override
    def check_delete(self, resource: Resource) -> None:
        nsg = self._nsg(resource.key)
        check_still_compliant(self.cloud, nsg, self._bodies(nsg, without=resource.key))

    @override
    def view(self, resource: Resource) -> Json:
        shown: Json = written_rule(resource, self._nsg(resource.key).etag).read()
        return shown

    def _bodies(self, nsg: Resource, *, without: str) -> list[Json]:
        return [rule.body for rule in rules_of(self.cloud, nsg) if rule.key != without]

    def _nsg(self, rule_key: str) -> Resource:
        nsg = self.cloud.store.get(parent_key(rule_key))
        if nsg is None:
            raise entity_not_found(parent_key(rule_key))
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
        check_name(name)
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


class RuleBody(dict[str, Any]):
    """What a rule says, shared by all rules that say the same, so never changed; `text` is its properties' inside."""

    __slots__ = ("text",)

    def __init__(self, name: str, properties: Json) -> None:
        super().__init__(name=name, properties=properties)
        self.text = json_text(properties)[1:-1]


def written_rule(rule: Resource, etag: str) -> Written:
    """A rule as a group shows it, with the group's etag."""
    assert isinstance(rule.body, RuleBody)  # noqa: S101 - compose makes no other
    quoted = encode_basestring_ascii
    return Written(
        f'{{"name":{quoted(rule.rid.name)},"id":{quoted(rule.id)},"etag":{quoted(etag)},"type":"{SecurityRules.type}",'
        f'"properties":{{"provisioningState":"{rule.state}",{rule.body.text}}}}}'
    )


def _rule_body(rule: Json) -> RuleBody:
    properties = {name: value for name, value in rule["properties"].items() if name != "provisioningState"}
    return _shared_body(str(rule["name"]), json_text({**_RULE_DEFAULTS, **properties}))


@lru_cache(_BODIES_SHARED)
def _shared_body(name: str, properties: str) -> RuleBody:
    return RuleBody(name, json.loads(properties))


def _default_rules(nsg: Resource) -> Written:
    """The six rules that every group has, under this group's id."""
    own = encode_basestring_ascii(nsg.id)[1:-1], encode_basestring_ascii(nsg.etag)[1:-1], nsg.state
    return Written(_DEFAULT_TEXT % (own * len(DEFAULT_RULES)))


_DEFAULT_TEXT = json_text(
    [
        {
            "name": rule["name"],
            "id": f"%s/defaultSecurityRules/{rule['name']}",
            "etag": "%s",
            "type": f"{SecurityGroups.type}/defaultSecurityRules",
            "properties": {"provisioningState": "%s", **rule["properties"]},
        }
        for rule in DEFAULT_RULES
    ]
)


def _rule_id(nsg: ResourceId, name: str) -> ResourceId:
    return ResourceId(nsg.subscription, nsg.group, SecurityRules.type, (*nsg.names, name))
