"""Resource groups: create, show, list, and delete with all they hold."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import TYPE_CHECKING

from sandbox.arm import durations
from sandbox.arm.cloud import REGIONS, region_name
from sandbox.arm.errors import ArmError, group_not_found, invalid_request_content, subscription_not_found
from sandbox.arm.store import Group
from sandbox.arm.wire import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.arm.cloud import Cloud
    from sandbox.arm.kinds import Kind
    from sandbox.arm.wire import Json, Request

GROUP = "microsoft.resources/resourcegroups"


class Groups:
    """The resource groups of the subscriptions this Azure knows."""

    def __init__(self, cloud: Cloud, kinds: Mapping[str, Kind], subscriptions: list[str]) -> None:
        self.cloud = cloud
        self.kinds = kinds
        self.subscriptions = subscriptions
        self._jobs: dict[str, Group] = {}

    def create(self, subscription: str, name: str, location: str, tags: dict[str, str] | None = None) -> Group:
        """Make a group, without asking."""
        group = Group(subscription, name, location, tags)
        self.cloud.store.groups[group.key] = group
        return group

    def check_subscription(self, subscription: str) -> None:
        """Refuse a subscription that is not ours."""
        if subscription.lower() not in {known.lower() for known in self.subscriptions}:
            raise subscription_not_found(subscription)

    def found(self, subscription: str, name: str) -> Group:
        """The group of a name; raises the 404."""
        group = self.cloud.store.groups.get(Group(subscription, name, "").key)
        if group is None:
            raise group_not_found(name)
        return group

    def put(self, subscription: str, name: str, request: Request) -> Response:
        """Create or update a group, at once."""
        try:
            body = request.json()
        except ValueError as error:
            raise invalid_request_content(str(error)) from None
        location = region_name(str(body.get("location") or ""))
        if location not in REGIONS:
            raise ArmError(400, "LocationNotAvailableForResourceGroup", f"The location '{location}' is not available.")
        existing = self.cloud.store.groups.get(Group(subscription, name, "").key)
        if existing is not None and existing.location != location:
            raise ArmError(
                409,
                "InvalidResourceGroupLocation",
                f"Invalid resource group location '{location}'. The Resource group already exists in location "
                f"'{existing.location}'.",
            )
        tags = body.get("tags")
        if existing is not None:
            existing.tags = tags
            return json_response(200, shown(existing))
        return json_response(201, shown(self.create(subscription, name, location, tags)))

    def patch(self, group: Group, request: Request) -> Response:
        """Change a group's tags."""
        try:
            group.tags = request.json().get("tags", group.tags)
        except ValueError as error:
            raise invalid_request_content(str(error)) from None
        return json_response(200, shown(group))

    def listed(self, subscription: str) -> list[Json]:
        """All groups of a subscription."""
        wanted = subscription.lower()
        return [shown(each) for each in self.cloud.store.groups.values() if each.subscription.lower() == wanted]

    def delete(self, group: Group, request: Request) -> Response:
        """Begin to delete a group: 202 with a Location and no Azure-AsyncOperation, as recorded."""
        self.cloud.governance.check_role("DELETE", group.id)
        self.cloud.governance.check_group_lock("DELETE", group)
        if group.state != "Deleting":
            group.state = "Deleting"
            duration = durations.draw(self.cloud.rng, self.cloud.switches, GROUP, "delete")
            order = self._order()
            for place, kind in enumerate(order, start=1):
                due = self.cloud.now + duration * place / (len(order) + 1)
                self.cloud.timeline.at(due, partial(self._empty, group, kind))
            self.cloud.timeline.at(self.cloud.now + duration, lambda: self._gone(group))
        job = {"jobId": f"RESOURCEGROUPDELETIONJOB-{group.name.upper()}", "jobLocation": group.location}
        token = base64.urlsafe_b64encode(json.dumps(job, separators=(",", ":")).encode()).decode().rstrip("=")
        self._jobs[token.lower()] = group
        version = request.query.get("api-version", "")
        url = f"{request.base}/subscriptions/{group.subscription}/operationresults/{token}?api-version={version}"
        return Response(202, {"Location": url, "Retry-After": "15"})

    def poll(self, token: str, request: Request) -> Response:
        """Answer a poll of a group's deletion."""
        group = self._jobs.get(token.lower())
        if group is None:
            raise ArmError(404, "OperationIdNotFound", f"The operation id '{token}' could not be found.")
        if group.state == "Deleting" and self.cloud.store.groups.get(group.key) is group:
            return Response(202, {"Location": request.url, "Retry-After": "15"})
        return Response(200)

    def _gone(self, group: Group) -> None:
        for kind in self._order():
            self._empty(group, kind)
        self.cloud.store.groups.pop(group.key, None)

    def _order(self) -> list[Kind]:
        """The types that stand in a group on their own, networks last.

        What stands in them goes first, one type after the other while the group is still there (recorded: its
        machine and interface were gone when it was not).
        """
        located = [kind for kind in self.kinds.values() if kind.located]
        return sorted(located, key=lambda each: each.key.endswith("virtualnetworks"))

    def _empty(self, group: Group, kind: Kind) -> None:
        for resource in self.cloud.store.within(group.key, kind.key):
            if self.cloud.store.get(resource.key) is resource:
                kind.remove(resource)


def shown(group: Group) -> Json:
    """A group's body (recorded); no tags key when none were sent."""
    body: Json = {
        "id": group.id,
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
    }
    if group.tags is not None:
        body["tags"] = group.tags
    body["properties"] = {"provisioningState": group.state}
    return body
