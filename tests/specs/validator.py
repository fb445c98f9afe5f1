"""Whether an exchange is one that Microsoft's OpenAPI allows; what it does not cover, the SDK's models decide."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.specs import sdk
from tests.specs.openapi import network_definition, operation
from tests.specs.shape import Shapes, of_hint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.specs.openapi import Operation

# Where no OpenAPI file declares an operation but the SDK has a model of its answer.
_MODELS = (
    (r"GET /subscriptions/[^/]+/providers/microsoft\.compute/skus", "azure.mgmt.compute", "ResourceSku"),
    (r"GET /subscriptions/[^/]+/providers/microsoft\.network/locations/[^/]+/usages", "azure.mgmt.network", "Usage"),
)
# What neither the files nor the SDKs here describe; of these, refusals alone can be checked.
NOT_DESCRIBED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"HEAD /subscriptions/.*",
        r"GET /tenants",
        r"GET /subscriptions(/[^/]+)?",
        r"GET /subscriptions/[^/]+/locations",
        r"GET /subscriptions/[^/]+/operationresults/[^/]+",
        r"GET /subscriptions/[^/]+/providers/[^/]+/locations/[^/]+/operation(s|results)/[^/]+",
        r"\w+ /subscriptions/.*/providers/microsoft\.devtestlab/schedules(/[^/]+)?",
        r"\w+ /subscriptions/.*/providers/microsoft\.authorization/locks(/[^/]+)?",
        r"GET /subscriptions/.*/providers/microsoft\.insights/metrics",
        r"POST /subscriptions/.*/providers/microsoft\.costmanagement/query",
        r"GET /api/retail/prices",
        r"\w+ /metadata/.*",
        r"\w+ /[^/]+(/v2\.0)?/(oauth2|\.well-known|discovery)/.*",
    )
)
_OPERATION = re.compile(r"/providers/microsoft\.network/locations/[^/]+/operations/[^/]+", re.IGNORECASE)
_ACCEPTED, _ERRORS = (201, 202), 400
_OVER = ("Succeeded", "Failed", "Canceled", None)


def problems(exchange: Mapping[str, Any]) -> list[str]:
    """What is wrong with an exchange, shaped as `/sandbox/traffic` gives it; empty when nothing is."""
    return list(_problems(exchange))


def _problems(exchange: Mapping[str, Any]) -> Iterator[str]:
    method, status, body = exchange["method"], exchange["status"], exchange["response_body"]
    path = re.sub(r"^\w+://[^/]+", "", exchange["url"]).partition("?")[0].rstrip("/")
    # Empty segments count for nothing.
    path = re.sub("//+", "/", path)
    found = operation(method, path)
    if found is not None:
        yield from _declared(found, exchange)
    elif status >= _ERRORS:
        yield from _shapes("", request=False).check(network_definition("CloudError"))("$", body or {})
    elif _OPERATION.search(path):
        yield from _shapes("azure.mgmt.network", request=False).check(network_definition("AzureAsyncOperationResult"))(
            "$", body or {}
        )
    else:
        yield from _undeclared(f"{method} {path}", body)


def _declared(found: Operation, exchange: Mapping[str, Any]) -> Iterator[str]:
    status, sent, body = exchange["status"], exchange["request_body"], exchange["response_body"]
    declared, schema = found.response(status)
    if not declared and status >= _ERRORS and not found.declares_errors:
        # Some files declare no answers but the good ones; a refusal has the envelope of all refusals there too.
        schema = network_definition("CloudError")
    elif not declared:
        yield f"status: {status} is not declared by {found.said.get('operationId')}"
    if schema is not None and found.method != "head":
        if body is None:
            yield "$: there is no body"
        else:
            yield from _shapes(found.sdk, request=False).check(schema)("$", body)
    if status >= _ERRORS:
        return
    if found.request is not None and sent is not None:
        yield from (f"request {words}" for words in _shapes(found.sdk, request=True).check(found.request)("$", sent))
    if found.long_running:
        yield from _promised(found, status, body, exchange["response_headers"])


def _promised(found: Operation, status: int, body: Any, headers: Mapping[str, str]) -> Iterator[str]:
    """An answer before the end says where the end can be seen."""
    state = (body.get("properties") or {}).get("provisioningState") if isinstance(body, dict) else None
    if status not in _ACCEPTED and state in _OVER:
        return
    if status == 202 and found.final_state_via == "location" and "location" not in headers:
        yield "header location: a long-running operation answers 202 without it"
    elif not {"azure-asyncoperation", "location"} & headers.keys() and not (status == 201 and state == "Succeeded"):
        yield "header azure-asyncoperation: a long-running operation answers without it"


def _undeclared(asked: str, body: Any) -> Iterator[str]:
    for pattern, module, model in _MODELS:
        if re.fullmatch(pattern, asked, re.IGNORECASE):
            check = of_hint(sdk.named(module, model))
            for index, each in enumerate(body["value"]):
                yield from check(f"$.value[{index}]", each)
            return
    if not any(pattern.fullmatch(asked) for pattern in NOT_DESCRIBED):
        yield f"path: neither the OpenAPI files nor a model know {asked}"


@cache
def _shapes(sdk_name: str, *, request: bool) -> Shapes:
    return Shapes(sdk_name, request=request)
