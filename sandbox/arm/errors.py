"""ARM's error answers: status, code and text as the service words them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sandbox.arm.wire import Response, json_response

if TYPE_CHECKING:
    from sandbox.arm.ids import ResourceId
    from sandbox.arm.wire import Json


_NAME = re.compile(r"^\w([\w.-]{0,78}\w)?$", re.ASCII)


class ArmError(Exception):
    """A request that ARM or a provider refuses; becomes the error envelope.

    `gateway` marks what ARM itself answers without reaching a provider: compact, without `details`, with
    `x-ms-failure-cause: gateway` (recorded live, see the vm_network recordings).
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: list[Json] | None = None,
        gateway: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.gateway = gateway
        self.headers = headers or {}

    @property
    def body(self) -> Json:
        """The `error` object as it stands in the envelope and in a failed operation's status."""
        error: Json = {"code": self.code, "message": self.message}
        if self.details is not None:
            error["details"] = self.details
        return error

    def response(self) -> Response:
        """The answer on the wire."""
        headers = dict(self.headers)
        if self.gateway:
            headers["x-ms-failure-cause"] = "gateway"
        return json_response(self.status, {"error": self.body}, headers)


def bad_request(code: str, message: str) -> ArmError:
    """A 400 of a resource provider."""
    return ArmError(400, code, message, details=[])


def check_name(name: str) -> None:
    """Refuse a name that the network provider does not take, for a resource or a part with an id of its own."""
    if not _NAME.match(name):
        raise bad_request(
            "InvalidResourceName",
            f"Resource name {name} is invalid. The name can be up to 80 characters long. It must begin with a word "
            "character, and it must end with a word character or with '_'. The name may contain word characters or "
            "'.', '-', '_'.",
        )


def invalid_parameter(message: str) -> ArmError:
    """A 400 for a value the provider does not take.

    Also used where the rule is documented but the code the service answers with is not known to us.
    """
    return bad_request("InvalidParameter", message)


def authentication_failed() -> ArmError:
    """No bearer token was sent."""
    return ArmError(
        401,
        "AuthenticationFailed",
        "Authentication failed. The 'Authorization' header is missing.",
        gateway=True,
        headers={"WWW-Authenticate": 'Bearer authorization_uri="https://login.microsoftonline.com/common"'},
    )


def missing_api_version() -> ArmError:
    """The query lacks api-version."""
    return ArmError(
        400,
        "MissingApiVersionParameter",
        "The api-version query parameter (?api-version=) is required for all requests.",
        gateway=True,
    )


def invalid_api_version(text: str) -> ArmError:
    """The api-version is no date."""
    return ArmError(400, "InvalidApiVersionParameter", f"The api-version '{text}' is invalid.", gateway=True)


def subscription_not_found(subscription: str) -> ArmError:
    """The subscription is not one of ours."""
    message = f"The subscription '{subscription}' could not be found."
    return ArmError(404, "SubscriptionNotFound", message, gateway=True)


def group_not_found(group: str) -> ArmError:
    """The resource group does not exist (recorded)."""
    message = f"Resource group '{group}' could not be found."
    return ArmError(404, "ResourceGroupNotFound", message, gateway=True)


def resource_not_found(resource: ResourceId) -> ArmError:
    """The resource does not exist, as ARM's gateway says it (recorded)."""
    named = f"{resource.type}/{'/'.join(resource.names)}"
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{named}' under resource group '{resource.group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        gateway=True,
    )


def entity_not_found(resource: str) -> ArmError:
    """A child of a network resource does not exist (recorded)."""
    return ArmError(404, "NotFound", f"Resource {resource} not found.", details=[])


def parent_not_found(resource: ResourceId) -> ArmError:
    """A nested resource was asked to be written below a parent that is not there."""
    parent = resource.parent
    shown = "/".join(parent.names) if parent is not None else resource.group
    message = f"Can not perform requested operation on nested resource. Parent resource '{shown}' not found."
    return ArmError(404, "ParentResourceNotFound", message, gateway=True)


def invalid_resource_type(kind: str, provider: str) -> ArmError:
    """The provider has no such type in this simulator."""
    message = f"The resource type '{kind}' could not be found in the namespace '{provider}'."
    return ArmError(404, "InvalidResourceType", message, gateway=True)


def method_not_allowed(method: str) -> ArmError:
    """The type exists, but not this verb on it."""
    message = f"The requested resource does not support http method '{method}'."
    return ArmError(405, "HttpMethodNotAllowed", message, gateway=True)


def invalid_request_content(message: str) -> ArmError:
    """The body is no JSON object."""
    return ArmError(400, "InvalidRequestContent", message, gateway=True)


def reference_not_found(target: str, user: str) -> ArmError:
    """A body names a resource that does not exist."""
    return bad_request(
        "InvalidResourceReference",
        f"Resource {target} referenced by resource {user} was not found. Please make sure that the "
        "referenced resource exists, and that both resources are in the same region.",
    )


def retryable(code: str, message: str) -> ArmError:
    """The network provider's 429 that means state, not rate (terraform-provider-azurerm#21293)."""
    return ArmError(429, "RetryableError", "A retryable error occurred.", details=[{"code": code, "message": message}])


def not_provisioned(target: str, user: str, state: str, last_operation: str) -> ArmError:
    """A referenced resource is still being written (terraform-provider-azurerm#21293)."""
    return retryable(
        "ReferencedResourceNotProvisioned",
        f"Cannot proceed with operation because resource {target} used by resource {user} is not in "
        f"Succeeded state. Resource is in {state} state and the last operation that updated/is updating "
        f"the resource is {last_operation}.",
    )


def another_operation(resource: str, operation_uri: str, *, as_conflict: bool) -> ArmError:
    """A write collides with one in flight; which of the two answers is a switch (azure.md section 2)."""
    if as_conflict:
        return ArmError(
            409,
            "AnotherOperationInProgress",
            "Another operation on this or dependent resource is in progress. To retrieve status of the "
            f"operation use uri: {operation_uri}.",
            details=[],
        )
    return retryable(
        "RetryableErrorDueToAnotherOperation",
        f"Operation on resource {resource} cannot proceed because another operation on this or a "
        "dependent resource is in progress.",
    )


def preempted() -> ArmError:
    """An operation was overtaken by a deletion."""
    return ArmError(
        409,
        "OperationPreempted",
        "Operation execution has been preempted by a more recent operation.",
    )
