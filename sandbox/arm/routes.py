"""Which path leads where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from sandbox.arm import catalog, costs, endpoints, locks, metrics, prices, tags
from sandbox.arm.cloud import region_name
from sandbox.arm.errors import (
    ArmError,
    invalid_resource_type,
    method_not_allowed,
    resource_not_found,
)
from sandbox.arm.ids import ResourceId, parse_id, parse_target
from sandbox.arm.wire import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.arm.cloud import Cloud
    from sandbox.arm.groups import Groups
    from sandbox.arm.ids import Target
    from sandbox.arm.kinds import Kind
    from sandbox.arm.resources import Resources
    from sandbox.arm.store import Resource
    from sandbox.arm.wire import Json, Request

_SUB = r"^/subscriptions/(?P<sub>[^/]+)"
_LOCKS = r"^(?P<id>/subscriptions/.+?)/providers/microsoft.authorization/locks"
_GROUP = _SUB + r"/resourcegroups/(?P<group>[^/]+)"
_IN_A_GROUP = re.compile(r"/resourcegroups/[^/]+/providers/", re.IGNORECASE)


class Routes:
    """Finds what answers a request: a table of paths first, then resources by their type."""

    def __init__(self, cloud: Cloud, kinds: Mapping[str, Kind], groups: Groups, resources: Resources) -> None:
        self._cloud = cloud
        self._kinds = kinds
        self._groups = groups
        self._resources = resources
        self._table: list[tuple[str, re.Pattern[str], Callable[[Request, Mapping[str, str]], Response]]] = [
            (method, re.compile(pattern, re.IGNORECASE), answer) for method, pattern, answer in self._paths()
        ]
        self._at_resources = [row for row in self._table if row[1].pattern.startswith("^(?P<")]
        """Those of them that lead to something at a resource."""

    def answer(self, request: Request) -> Response:
        """Answer a request whose caller and version have been checked."""
        allowed = True
        for method, pattern, answer in self._at_resources if _IN_A_GROUP.search(request.path) else self._table:
            found = pattern.match(request.path)
            if found is not None:
                if method == request.method:
                    return answer(request, found.groupdict())
                allowed = False
        if not allowed:
            raise method_not_allowed(request.method)
        return self._resource(request)

    def _paths(self) -> list[tuple[str, str, Callable[[Request, Mapping[str, str]], Response]]]:
        locations = _SUB + r"/providers/(?P<provider>[^/]+)/locations/(?P<region>[^/]+)"
        return [
            ("GET", r"^/api/retail/prices$", self._prices),
            ("GET", r"^/metadata/endpoints$", lambda request, _: endpoints.answer(request)),
            ("GET", r"^/tenants$", lambda *_: _value(catalog.tenants())),
            ("GET", r"^/subscriptions$", self._subscriptions),
            ("GET", _SUB + "$", lambda _, at: json_response(200, catalog.subscription(at["sub"]))),
            ("GET", _SUB + "/locations$", lambda _, at: _value(catalog.locations(at["sub"]))),
            ("GET", _SUB + "/providers$", self._providers),
            ("GET", _SUB + r"/providers/(?P<provider>[^/]+)$", self._provider),
            ("POST", _SUB + r"/providers/(?P<provider>[^/]+)/register$", self._register),
            ("GET", _SUB + "/resourcegroups$", self._list_groups),
            ("GET", _SUB + "/resources$", self._list_everything),
            ("GET", _SUB + r"/operationresults/(?P<token>[^/]+)$", self._poll_group),
            ("GET", _GROUP + "$", self._get_group),
            ("HEAD", _GROUP + "$", self._head_group),
            ("PUT", _GROUP + "$", lambda request, at: self._groups.put(at["sub"], at["group"], request)),
            ("PATCH", _GROUP + "$", self._patch_group),
            ("DELETE", _GROUP + "$", self._delete_group),
            ("GET", _GROUP + "/resources$", self._list_everything),
            ("GET", locations + r"/operations/(?P<id>[^/]+)$", self._poll_operation),
            ("GET", locations + r"/operationresults/(?P<id>[^/]+)$", self._poll_result),
            ("GET", locations + "/usages$", self._usages),
            ("GET", locations + "/vmsizes$", lambda _, at: _value(catalog.sizes(at["region"]))),
            ("GET", _SUB + "/providers/microsoft.compute/skus$", self._skus),
            ("POST", r"^(?P<scope>/subscriptions/.*)/providers/microsoft.costmanagement/query$", self._costs),
            ("GET", r"^(?P<id>/subscriptions/.*)/providers/microsoft.insights/metrics$", self._metrics),
            ("GET", r"^(?P<id>/subscriptions/.*)/providers/microsoft.resources/tags/default$", self._tags),
            ("PUT", r"^(?P<id>/subscriptions/.*)/providers/microsoft.resources/tags/default$", self._tags),
            ("PATCH", r"^(?P<id>/subscriptions/.*)/providers/microsoft.resources/tags/default$", self._tags),
            *((method, _LOCKS + r"/(?P<name>[^/]+)$", self._locks) for method in ("GET", "PUT", "DELETE")),
            ("GET", _LOCKS + "$", self._locks),
            ("GET", _SUB + r"/providers/(?P<provider>[^/]+)/(?P<type>[^/]+)$", self._list_in_subscription),
        ]

    # Resources.

    def _resource(self, request: Request) -> Response:
        target = parse_target(request.path)
        if target is None:
            raise ArmError(404, "NotFound", f"No route leads to {request.path}.", gateway=True)
        if target.id is not None and not target.tail:
            return self._one(request, self._kind(target.type), target.id)
        if request.method == "POST" and target.id is not None:
            kind = self._kind(target.id.type)
            return self._resources.act(kind, target.id, target.tail, request)
        if request.method == "GET":
            return self._below(request, target)
        raise method_not_allowed(request.method)

    def _one(self, request: Request, kind: Kind, rid: ResourceId) -> Response:
        verbs: dict[str, Callable[[Kind, ResourceId, Request], Response]] = {
            "GET": self._resources.get,
            "PUT": self._resources.put,
            "PATCH": self._resources.patch,
            "DELETE": self._resources.delete,
        }
        if request.method == "HEAD":
            self._resources.found(kind, rid)
            return Response(204)
        if request.method not in verbs:
            raise method_not_allowed(request.method)
        return verbs[request.method](kind, rid, request)

    def _below(self, request: Request, target: Target) -> Response:
        """A collection in a group or in a resource; or a view that is read with GET."""
        if target.id is not None and target.tail.lower() == "instanceview":
            return self._resources.act(self._kind(target.id.type), target.id, target.tail, request)
        kind = self._kind(target.type)
        self._groups.found(target.subscription, target.group)
        if target.id is None:
            scope = f"/subscriptions/{target.subscription}/resourcegroups/{target.group}"
        else:
            owner = self._cloud.store.get(target.id.key)
            if owner is None:
                raise resource_not_found(target.id)
            scope = owner.key
        return self._page(request, self._cloud.store.within(scope, kind.key))

    def _kind(self, name: str) -> Kind:
        kind = self._kinds.get(name.lower())
        if kind is None:
            provider, _, rest = name.partition("/")
            raise invalid_resource_type(rest, provider)
        return kind

    def _page(self, request: Request, resources: list[Resource], *, brief: bool = False) -> Response:
        if request.list_lag:
            resources = [each for each in resources if each.created_at <= self._cloud.now - request.list_lag]
        text = request.query.get("$skiptoken", "0")
        skip = int(text) if text.isdigit() else 0
        size = self._cloud.switches.page_size
        top = request.query.get("$top", "")
        size = min(size, int(top)) if top.isdigit() and int(top) > 0 else size
        page = resources[skip : skip + size]
        version = request.query["api-version"]
        shown = [self._kinds[each.kind].shown(each, version) for each in page]
        if brief:
            keys = ("id", "name", "type", "location", "tags", "sku", "managedBy", "identity")
            shown = [{key: each[key] for key in keys if key in each} for each in shown]
        body: Json = {"value": shown}
        if skip + size < len(resources):
            rest = "".join(
                f"&{name}={quote(request.query[name])}" for name in ("$top", "$filter") if name in request.query
            )
            body["nextLink"] = (
                f"{request.base}{quote(request.path)}?api-version={version}{rest}&$skiptoken={skip + size}"
            )
        return json_response(200, body)

    def _list_in_subscription(self, request: Request, at: Mapping[str, str]) -> Response:
        kind = self._kind(f"{at['provider']}/{at['type']}")
        return self._page(request, self._cloud.store.within(f"/subscriptions/{at['sub']}", kind.key))

    def _list_everything(self, request: Request, at: Mapping[str, str]) -> Response:
        scope = f"/subscriptions/{at['sub']}"
        if "group" in at:
            scope = self._groups.found(at["sub"], at["group"]).key
        wanted = tags.wanted_by(request.query.get("$filter", ""))
        found = [
            each
            for kind in self._kinds.values()
            if kind.listed and kind.located
            for each in self._cloud.store.within(scope, kind.key)
            if wanted(each, kind)
        ]
        return self._page(request, found, brief=True)

    # Operations.

    def _poll_operation(self, request: Request, at: Mapping[str, str]) -> Response:
        operation = self._cloud.operations.find(at["id"])
        if request.query.get("monitor") == "true":
            return self._cloud.operations.poll_result(operation)
        return self._cloud.operations.poll(operation)

    def _poll_result(self, request: Request, at: Mapping[str, str]) -> Response:
        del request
        return self._cloud.operations.poll_result(self._cloud.operations.find(at["id"]))

    def _poll_group(self, request: Request, at: Mapping[str, str]) -> Response:
        return self._groups.poll(at["token"], request)

    # Groups, subscriptions, providers.

    def _get_group(self, request: Request, at: Mapping[str, str]) -> Response:
        del request
        group = self._groups.found(at["sub"], at["group"])
        return json_response(200, next(row for row in self._groups.listed(at["sub"]) if row["id"] == group.id))

    def _head_group(self, request: Request, at: Mapping[str, str]) -> Response:
        del request
        self._groups.found(at["sub"], at["group"])
        return Response(204)

    def _patch_group(self, request: Request, at: Mapping[str, str]) -> Response:
        return self._groups.patch(self._groups.found(at["sub"], at["group"]), request)

    def _delete_group(self, request: Request, at: Mapping[str, str]) -> Response:
        return self._groups.delete(self._groups.found(at["sub"], at["group"]), request)

    def _list_groups(self, request: Request, at: Mapping[str, str]) -> Response:
        del request
        return _value(self._groups.listed(at["sub"]))

    def _subscriptions(self, request: Request, at: Mapping[str, str]) -> Response:
        del request, at
        return _value([catalog.subscription(each) for each in self._groups.subscriptions])

    def _providers(self, request: Request, at: Mapping[str, str]) -> Response:
        del request
        return _value(catalog.providers(self._cloud, self._kinds, at["sub"]))

    def _provider(self, request: Request, at: Mapping[str, str]) -> Response:
        del request
        for provider in catalog.providers(self._cloud, self._kinds, at["sub"]):
            if provider["namespace"].lower() == at["provider"].lower():
                return json_response(200, provider)
        raise ArmError(
            404,
            "InvalidResourceNamespace",
            f"The resource namespace '{at['provider']}' is invalid.",
            gateway=True,
        )

    def _register(self, request: Request, at: Mapping[str, str]) -> Response:
        missing = self._cloud.switches.unregistered_providers
        missing[:] = [each for each in missing if each.lower() != at["provider"].lower()]
        return self._provider(request, at)

    # Figures.

    def _usages(self, request: Request, at: Mapping[str, str]) -> Response:
        del request
        region = region_name(at["region"])
        if at["provider"].lower() == "microsoft.network":
            return _value(catalog.network_usages(self._cloud, at["sub"], region))
        return _value(catalog.compute_usages(self._cloud, at["sub"], region))

    def _skus(self, request: Request, at: Mapping[str, str]) -> Response:
        del request, at
        return _value(catalog.compute_skus(self._cloud))

    def _prices(self, request: Request, at: Mapping[str, str]) -> Response:
        del at
        return json_response(200, prices.retail_prices(request.query, request.base, request.path))

    def _costs(self, request: Request, at: Mapping[str, str]) -> Response:
        subscription = request.path.split("/")[2]
        del request
        return json_response(200, costs.actual_cost(self._cloud, at["scope"].lower(), subscription))

    def _metrics(self, request: Request, at: Mapping[str, str]) -> Response:
        resource = self._found(at["id"])
        return json_response(200, metrics.session_count(self._cloud, resource, request.query))

    def _tags(self, request: Request, at: Mapping[str, str]) -> Response:
        resource = self._found(at["id"])
        if not self._kinds[resource.kind].located:
            raise method_not_allowed(request.method)
        if request.method != "GET":
            self._cloud.governance.check_role(request.method, resource.id)
            self._cloud.governance.check_lock("PATCH", resource.rid)
        return tags.answer(self._kinds[resource.kind], resource, request)

    def _locks(self, request: Request, at: Mapping[str, str]) -> Response:
        """Locks of a subscription, a group or a resource, whose own lock does not guard them."""
        parts = at["id"].split("/")
        if len(parts) > len(("", "subscriptions", "sub")):
            scope = self._found(at["id"]).id if "providers" in at["id"].lower() else self._group_id(parts)
        else:
            scope = at["id"]
        if request.method != "GET":
            self._cloud.governance.check_role(request.method, scope)
        return locks.answer(self._cloud.governance.locks, request, scope, at.get("name", ""))

    def _group_id(self, parts: list[str]) -> str:
        if len(parts) != len(("", "subscriptions", "sub", "resourceGroups", "group")):
            raise ArmError(404, "NotFound", f"No route leads to {'/'.join(parts)}.", gateway=True)
        return self._groups.found(parts[2], parts[4]).id

    def _found(self, text: str) -> Resource:
        rid = parse_id(text)
        if rid is None:
            raise ArmError(404, "NotFound", f"No route leads to {text}.", gateway=True)
        return self._resources.found(self._kind(rid.type), rid)


def _value(rows: list[Json]) -> Response:
    return json_response(200, {"value": rows})
