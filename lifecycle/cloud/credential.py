"""Who we are to Azure: changes when the way the app proves its identity does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, SansIOHTTPPolicy

from lifecycle.cloud.endpoints import is_loopback, require_safe

if TYPE_CHECKING:
    from types import TracebackType

    from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.pipeline import PipelineRequest
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

ARM_SCOPE = "https://management.azure.com/.default"


class Identity:
    """An async token credential that imports ``azure.identity`` only when a token is first asked for.

    That import costs a cold start a good part of a second, and paths that never sign a call must not pay it.
    ``managed`` True asks the platform's managed identity alone, as in Azure; False tries what a developer's
    machine offers too. ``client_id`` picks a user-assigned identity.
    """

    def __init__(self, client_id: str | None = None, *, managed: bool = True) -> None:
        self._client_id = client_id
        self._managed = managed
        self._real: DefaultAzureCredential | ManagedIdentityCredential | None = None

    async def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, **kwargs: Any
    ) -> AccessToken:
        """Get a token for these scopes; raises ClientAuthenticationError where there is none to be had."""
        return await self._credential().get_token(*scopes, claims=claims, tenant_id=tenant_id, **kwargs)

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Get a token with what is known of its life; raises ClientAuthenticationError likewise."""
        return await self._credential().get_token_info(*scopes, options=options)

    async def close(self) -> None:
        """Close the connections to the token endpoint."""
        if self._real is not None:
            await self._real.close()
            self._real = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()

    def _credential(self) -> DefaultAzureCredential | ManagedIdentityCredential:
        if self._real is None:
            from azure.identity import aio  # noqa: PLC0415 -- costly, see the class

            if self._managed:
                self._real = aio.ManagedIdentityCredential(client_id=self._client_id)
            else:
                self._real = aio.DefaultAzureCredential(managed_identity_client_id=self._client_id)
        return self._real


class StaticBearer(SansIOHTTPPolicy[Any, Any]):
    """Signs with a fixed bearer, for an Azure that runs on this machine.

    azure-core's own bearer policy refuses http, and the placeholder it offers instead sends no Authorization.
    Raises ValueError for an endpoint off loopback, and refuses to sign a request that would leave the machine.
    """

    def __init__(self, token: str, endpoint: str) -> None:
        super().__init__()
        if not is_loopback(_host(require_safe(endpoint, "the ARM endpoint"))):
            raise ValueError("a fixed bearer is for an endpoint on this machine only")
        self._authorization = f"Bearer {token}"

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Add the header."""
        if not is_loopback(_host(request.http_request.url)):
            raise ValueError("a fixed bearer must not leave this machine")
        request.http_request.headers["Authorization"] = self._authorization


ArmAuthentication = StaticBearer | AsyncBearerTokenCredentialPolicy[Any, Any]


def arm_authentication(identity: AsyncTokenCredential | str, endpoint: str) -> ArmAuthentication:
    """Make the policy that signs ARM calls: with an identity's tokens, or with a fixed bearer on loopback.

    A 401 makes the policy forget its token, so the next call brings a fresh one.
    """
    if isinstance(identity, str):
        return StaticBearer(identity, endpoint)
    return AsyncBearerTokenCredentialPolicy(identity, ARM_SCOPE)


def _host(url: str) -> str | None:
    return urlsplit(url).hostname
