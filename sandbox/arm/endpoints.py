"""Where everything of this cloud is, as /metadata/endpoints tells a client that has only ARM's address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.arm.wire import json_response

if TYPE_CHECKING:
    from sandbox.arm.wire import Json, Request, Response

NAME = "Sandbox"
_FIRST, _LISTED_FROM, _SINGLE_FROM = "2015-01-01", "2019-05-01", "2022-09-01"

# Services that are not simulated still need an address: ours, where they are answered with a 404.
_ABSENT = (
    "portal",
    "gallery",
    "graph",
    "graphAudience",
    "media",
    "batch",
    "sqlManagement",
    "activeDirectoryDataLake",
    "vmImageAliasDoc",
    "microsoftGraphResourceId",
    "appInsightsResourceId",
    "appInsightsTelemetryChannelResourceId",
    "appServiceResourceId",
    "attestationResourceId",
    "azmirrorStorageAccountResourceId",
    "logAnalyticsResourceId",
    "ossrdbmsResourceId",
    "synapseAnalyticsResourceId",
)
_SUFFIXES = (
    "acrLoginServer",
    "attestationEndpoint",
    "azureDataLakeAnalyticsCatalogAndJob",
    "azureDataLakeStoreFileSystem",
    "azureFrontDoorEndpointSuffix",
    "keyVaultDns",
    "mariadbServerEndpoint",
    "mhsmDns",
    "mysqlServerEndpoint",
    "postgresqlServerEndpoint",
    "sqlServerHostname",
    "storage",
    "storageSyncEndpointSuffix",
    "synapseAnalytics",
)
# A name that never resolves (RFC 6761): nothing that a client builds from it leaves the machine.
_NOWHERE = "sandbox.invalid"


def answer(request: Request) -> Response:
    """Tell the addresses, in the shape of the asked api-version; all lead back to the door that was asked.

    Up to 2019 a short object (read by msrestazure), then a list of clouds (by azure-ai-ml and azure-core's
    relatives), from 2022-09-01 one object (by Azure CLI and Terraform's provider).
    """
    version = request.query.get("api-version") or _FIRST
    if version >= _SINGLE_FROM:
        return json_response(200, _cloud(request.base))
    if version >= _LISTED_FROM:
        return json_response(200, [_cloud(request.base)])
    return json_response(200, _short(request.base))


def _cloud(base: str) -> Json:
    return {
        "name": NAME,
        "resourceManager": base,
        "authentication": {**_authentication(base), "tenant": "common", "identityProvider": "AAD"},
        **dict.fromkeys(_ABSENT, f"{base}/"),
        "suffixes": dict.fromkeys(_SUFFIXES, _NOWHERE),
    }


def _short(base: str) -> Json:
    return {
        "galleryEndpoint": f"{base}/",
        "graphEndpoint": f"{base}/",
        "portalEndpoint": f"{base}/",
        "authentication": _authentication(base),
    }


def _authentication(base: str) -> Json:
    return {"loginEndpoint": base, "audiences": [f"{base}/"]}
