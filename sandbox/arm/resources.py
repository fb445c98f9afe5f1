"""The life of every resource: how a PUT, PATCH, GET, list, DELETE or action goes, whatever its type."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.arm.cloud import REGIONS, region_name
from sandbox.arm.errors import (
    ArmError,
    check_name,
    entity_not_found,
    group_not_found,
    invalid_request_content,
    method_not_allowed,
    not_provisioned,
    parent_not_found,
    reference_not_found,
    resource_not_found,
)
from sandbox.arm.extensions import Extensions
from sandbox.arm.ids import ResourceId, group_key
from sandbox.arm.kinds import COMPUTE, NETWORK, Kind, Put
from sandbox.arm.machines import VirtualMachines
from sandbox.arm.shapes import check_shape, without_nulls
from sandbox.arm.store import Resource
from sandbox.arm.vintage import MACHINE_ETAG_HEADER
from sandbox.arm.wire import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.arm.cloud import Cloud
    from sandbox.arm.operations import Operation
    from sandbox.arm.store import Group
    from sandbox.arm.wire import Json, Request

# States in which a resource may be referred to: a failed one answers for itself later.
_USABLE = ("Succeeded", "Failed")
_PATCH_SECONDS = (1.0, 10.0)


class Resources:
    """One flow for all types: check what stands above, check the type's rules, store, begin, answer."""

    def __init__(self, cloud: Cloud, kinds: Mapping[str, Kind]) -> None:
        self.cloud = cloud
        self.kinds = kinds

    def put(self, kind: Kind, rid: ResourceId, request: Request) -> Response:
        """Create or update a resource."""
        put = self._checked_put(kind, rid, request)
        created = put.current is None
        resource = put.current or Resource(self._spelled(kind, rid), kind.key, {}, self.cloud.now)
        unborn = created or kind.unborn(resource)
        kind.compose(put, resource)
        kind.touch(resource)
        resource.state = "Succeeded" if kind.synchronous else kind.writing_state(created=created)
        self.cloud.store.add(resource)
        self.cloud.store.use(resource, kind.uses(resource.rid, resource.body))
        headers: dict[str, str] = {}
        if not kind.synchronous:
            operation = self._begin_put(kind, resource, request, created=unborn)
            headers = self.cloud.operations.headers(operation, location=kind.put_location)
            if kind.put_retry and (created or kind.provider != COMPUTE):
                headers["Retry-After"] = str(kind.put_retry)
        kind.accepted(put, resource, created=unborn)
        status = 202 if kind.put_location else 201 if created else 200
        shown = kind.shown(resource, put.api_version)
        if kind.provider == COMPUTE:
            headers.update(_etag(kind, shown, put.api_version))
        return json_response(status, shown, headers)

    def patch(self, kind: Kind, rid: ResourceId, request: Request) -> Response:
        """Change tags (and, on a machine, its identity); a machine's properties as a PUT would.

        Network parts change at once, but for Bastion hosts, which OpenAPI calls long-running as it does all of
        compute; whether those take their time is a switch. What carries no tags has no PATCH.
        """
        if not kind.located:
            raise method_not_allowed("PATCH")
        resource = self.found(kind, rid)
        self._check_governed("PATCH", rid)
        kind.check_free(rid)
        body = _body(request)
        check_shape(body)
        if body.get("properties") and isinstance(kind, VirtualMachines):
            whole = _merged(kind.view(resource), body)
            return self.put(kind, rid, replace(request, method="PUT", body=json.dumps(whole).encode()))
        kind.patch(resource, body)
        self.cloud.governance.apply_policies(rid, resource.body)
        kind.touch(resource)
        if kind.patch_is_long and self.cloud.switches.patches == "operation":
            return self._begin_patch(kind, resource, request)
        return self._shown(kind, resource, request)

    def get(self, kind: Kind, rid: ResourceId, request: Request) -> Response:
        """Show one resource."""
        resource = self.found(kind, rid)
        expand = request.query.get("$expand", "").lower()
        if expand == "instanceview" and isinstance(kind, VirtualMachines):
            return json_response(200, kind.expanded(resource, request.query["api-version"]))
        return self._shown(kind, resource, request)

    def delete(self, kind: Kind, rid: ResourceId, request: Request) -> Response:
        """Begin the deletion of a resource; 204 when there is none."""
        self._group(rid)
        self._check_governed("DELETE", rid)
        resource = self.cloud.store.get(rid.key)
        if resource is None:
            return Response(204)
        if kind.synchronous:
            kind.remove(resource)
            return Response(200)
        operation = resource.operation
        if operation is None or operation.verb != "delete":
            self._clear_way(kind, resource)
            kind.check_delete(resource)
            operation = self._begin_delete(kind, resource, request)
        headers = self.cloud.operations.headers(operation, location=True)
        headers["Retry-After"] = str(kind.delete_retry)
        return Response(202, headers)

    def act(self, kind: Kind, rid: ResourceId, action: str, request: Request) -> Response:
        """Run a POST action of a resource."""
        run = kind.actions().get(action.lower())
        if run is None:
            raise method_not_allowed("POST")
        resource = self.found(kind, rid)
        self._check_governed("POST", rid)
        try:
            return run(resource, request)
        except ValueError as error:
            raise invalid_request_content(f"The request content was invalid: {error}") from None

    def found(self, kind: Kind, rid: ResourceId) -> Resource:
        """The resource with an id; raises the 404 that its provider answers with."""
        self._group(rid)
        resource = self.cloud.store.get(rid.key)
        if resource is not None:
            return resource
        parent = rid.parent
        if parent is not None:
            if self.cloud.store.get(parent.key) is None:
                raise resource_not_found(parent)
            raise entity_not_found(str(self._spelled(kind, rid)))
        raise kind.absent(self._spelled(kind, rid))

    # The steps of a PUT.

    def _checked_put(self, kind: Kind, rid: ResourceId, request: Request) -> Put:
        group = self._group(rid)
        if group.state == "Deleting":
            raise ArmError(
                409,
                "ResourceGroupBeingDeleted",
                f"The resource group '{group.name}' is in deprovisioning state and cannot perform this operation.",
                gateway=True,
            )
        body = _body(request)
        check_shape(body)
        body = without_nulls(body)
        current = self.cloud.store.get(rid.key)
        if rid.parent is not None and self.cloud.store.get(rid.parent.key) is None:
            raise parent_not_found(rid)
        self._check_governed("PUT", rid)
        if kind.located:
            _check_location(kind, rid, body, current)
            self.cloud.governance.apply_policies(rid, body)
        _check_conditions(request, current)
        kind.check_free(rid)
        body["properties"] = body.get("properties") or {}
        self._check_references(kind, rid, body)
        spelled = current.rid if current is not None else self._spelled(kind, rid)
        if current is None and kind.provider == NETWORK:
            check_name(rid.name)
        put = Put(spelled, body, current, request.query.get("api-version", ""))
        kind.check(put)
        return put

    def _begin_put(self, kind: Kind, resource: Resource, request: Request, *, created: bool) -> Operation:
        def ended(operation: Operation) -> None:
            self._settle_put(kind, resource, operation, created=created)

        duration = kind.put_duration(resource, created=created)
        operation = kind.begin(resource, "put", request, duration, ended)
        operation.retry_polls = kind.put_polls if created or kind.provider != COMPUTE else ()
        if isinstance(kind, Extensions):
            kind.fail_late(resource, operation)
        return operation

    def _begin_patch(self, kind: Kind, resource: Resource, request: Request) -> Response:
        def ended(operation: Operation) -> None:
            if self.cloud.store.get(resource.key) is resource and resource.state != "Deleting":
                resource.state = "Succeeded" if operation.status == "Succeeded" else "Failed"

        resource.state = "Updating"
        duration = timedelta(seconds=self.cloud.rng.uniform(*_PATCH_SECONDS))
        operation = kind.begin(resource, "patch", request, duration, ended)
        headers = self.cloud.operations.headers(operation, location=kind.put_location)
        version = request.query["api-version"]
        return json_response(202 if kind.put_location else 200, kind.shown(resource, version), headers)

    def _settle_put(self, kind: Kind, resource: Resource, operation: Operation, *, created: bool) -> None:
        if self.cloud.store.get(resource.key) is not resource or resource.state == "Deleting":
            return
        settled_before = resource.state == "Succeeded"
        good = operation.status == "Succeeded"
        resource.state = "Succeeded" if good else "Failed"
        if not settled_before:
            kind.touch(resource)
        if good:
            kind.succeeded(resource, created=created)
        else:
            kind.failed(resource, created=created)

    def _check_references(self, kind: Kind, rid: ResourceId, body: Json) -> None:
        for part, target_id in kind.uses(rid, body):
            target = self.cloud.store.get(target_id)
            if target is None:
                raise reference_not_found(target_id, part)
            if target.state not in _USABLE:
                raise not_provisioned(target.id, part, target.state, target.last_operation)

    # The steps of a DELETE.

    def _clear_way(self, kind: Kind, resource: Resource) -> None:
        """A machine's deletion overtakes what is under way on it; elsewhere it has to wait."""
        if not isinstance(kind, VirtualMachines):
            kind.check_free(resource.rid)
            return
        operation = self.cloud.busy.get(resource.key)
        if operation is not None:
            error = ArmError(
                409,
                "OperationPreempted",
                "Operation execution has been preempted by a more recent operation.",
            )
            resource.state = "Deleting"
            self.cloud.operations.end(operation, "Canceled", error)

    def _begin_delete(self, kind: Kind, resource: Resource, request: Request) -> Operation:
        def ended(operation: Operation) -> None:
            if operation.status == "Succeeded":
                kind.remove(resource)
            elif resource.state == "Deleting":
                resource.state = "Failed"

        duration = kind.draw("delete", resource)
        operation = kind.begin(resource, "delete", request, duration, ended)
        operation.retry_polls = kind.delete_polls
        resource.state = "Deleting"
        kind.delete_accepted(resource)
        return operation

    # What stands above and around.

    def _check_governed(self, method: str, rid: ResourceId) -> None:
        governance = self.cloud.governance
        governance.check_role(method, str(rid))
        governance.check_registration(rid)
        governance.check_lock(method, rid)

    def _group(self, rid: ResourceId) -> Group:
        group = self.cloud.store.groups.get(group_key(rid.subscription, rid.group))
        if group is None:
            raise group_not_found(rid.group)
        return group

    def _spelled(self, kind: Kind, rid: ResourceId) -> ResourceId:
        """The id as the service spells it: its own type names, the group's name, the parent's names."""
        group = self._group(rid)
        names = rid.names
        parent = self.cloud.store.get(rid.parent.key) if rid.parent is not None else None
        if parent is not None:
            names = (*parent.rid.names, rid.name)
        return ResourceId(group.subscription, group.name, kind.type, names)

    def _shown(self, kind: Kind, resource: Resource, request: Request) -> Response:
        version = request.query["api-version"]
        shown = kind.shown(resource, version)
        return json_response(200, shown, _etag(kind, shown, version))


def _body(request: Request) -> Json:
    try:
        return request.json()
    except ValueError as error:
        raise invalid_request_content(f"The request content was invalid: {error}") from None


def _merged(whole: Json, change: Json) -> Json:
    """A body with a change laid over it, object by object; null takes a part out (RFC 7396)."""
    parts = {
        name: _merged(whole[name], value) if isinstance(value, dict) and isinstance(whole.get(name), dict) else value
        for name, value in change.items()
    }
    return {name: value for name, value in {**whole, **parts}.items() if value is not None}


def _etag(kind: Kind, shown: Json, version: str) -> dict[str, str]:
    """The etag header of a body: a machine has one in newer versions only."""
    etag = shown.get("etag")
    if not etag or (kind.provider == COMPUTE and version < MACHINE_ETAG_HEADER):
        return {}
    return {"ETag": str(etag)}


def _check_location(kind: Kind, rid: ResourceId, body: Json, current: Resource | None) -> None:
    location = region_name(str(body.get("location") or ""))
    if not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.", gateway=True)
    if location not in REGIONS:
        raise ArmError(
            400,
            "LocationNotAvailableForResourceType",
            f"The provided location '{location}' is not available for resource type '{kind.type}'. List of "
            f"available regions for the resource type is '{','.join(REGIONS)}'.",
            gateway=True,
        )
    if current is not None and current.location != location:
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{rid.name}' already exists in location '{current.location}' in resource group "
            f"'{rid.group}'. A resource with the same name cannot be created in location '{location}'. "
            "Please select a new resource name.",
            gateway=True,
        )
    body["location"] = location


def _check_conditions(request: Request, current: Resource | None) -> None:
    match, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    etag = current.etag if current is not None else None
    if (match and match not in ("*", etag)) or (match == "*" and etag is None):
        raise ArmError(
            412,
            "PreconditionFailed",
            f"Precondition failed: the etag of the resource is {etag}, not {match}.",
            details=[],
        )
    if none_match == "*" and etag is not None:
        raise ArmError(412, "PreconditionFailed", "Precondition failed: the resource exists.", details=[])
