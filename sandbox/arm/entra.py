"""The sign-in service next door to ARM: discovery documents, and tokens for whoever has a client id and a secret.

It stands apart from ARM as the real one does: no fault strikes it, nothing counts its calls, and no record of
traffic holds its requests, which carry secrets. It keeps nothing: any client id and any secret will do.
"""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from sandbox.arm.cloud import TENANT
from sandbox.arm.wire import json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.arm.wire import Json, Request, Response

LIFETIME_SECONDS = 3600
_SHARED = ("common", "organizations")


class SignInError(Exception):
    """A refusal with the number under which Entra documents it (AADSTS...)."""

    def __init__(self, status: int, error: str, number: int, message: str) -> None:
        super().__init__(f"AADSTS{number}: {message}")
        self.status = status
        self.error = error
        self.number = number

    def response(self) -> Response:
        """The answer on the wire."""
        body = {"error": self.error, "error_description": str(self), "error_codes": [self.number]}
        return json_response(self.status, body)


def answer(request: Request) -> Response | None:
    """Answer what belongs to the sign-in service; None for everything else, which is ARM's."""
    for pattern, respond in _PATHS:
        found = pattern.match(request.path)
        if found is not None:
            try:
                return respond(request, found.groupdict())
            except SignInError as error:
                return error.response()
    return None


def _openid(request: Request, at: dict[str, str]) -> Response:
    tenant = _tenant(at["tenant"])
    # Shared tenants answer with the placeholder that a client is to fill in.
    issued_for = "{tenantid}" if tenant in _SHARED else tenant
    here = f"{request.base}/{tenant}"
    version = at["version"] or ""
    return json_response(
        200,
        {
            "issuer": f"{request.base}/{issued_for}/v2.0" if version else f"{request.base}/{issued_for}/",
            "authorization_endpoint": f"{here}/oauth2{version}/authorize",
            "token_endpoint": f"{here}/oauth2{version}/token",
            "jwks_uri": f"{here}/discovery{version}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid"],
            "tenant_region_scope": None,
        },
    )


def _instance(request: Request, at: dict[str, str]) -> Response:
    del at
    host = request.base.partition("://")[2]
    return json_response(
        200,
        {
            "tenant_discovery_endpoint": f"{request.base}/{TENANT}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        },
    )


def _keys(request: Request, at: dict[str, str]) -> Response:
    del request
    _tenant(at["tenant"])
    return json_response(200, {"keys": []})


def _token(request: Request, at: dict[str, str]) -> Response:
    _tenant(at["tenant"])
    if request.method != "POST":
        message = f"The endpoint only accepts POST requests. Received a {request.method} request."
        raise SignInError(405, "invalid_request", 900561, message)
    sent = {name: values[-1] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
    if _wanted(sent, "grant_type") != "client_credentials":
        raise SignInError(400, "unsupported_grant_type", 70003, "Only client_credentials are granted here.")
    client = _wanted(sent, "client_id")
    if not (sent.get("client_secret") or sent.get("client_assertion")):
        message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        raise SignInError(401, "invalid_client", 7000218, message)
    if at["version"]:
        audience = _wanted(sent, "scope").split()[0].removesuffix("/.default")
    else:
        audience = _wanted(sent, "resource")
    # A client holds a token's instants against its own clock, so these are real time and not the simulation's.
    now = int(time.time())
    token = _jwt(
        {
            "aud": audience,
            "iss": f"{request.base}/{TENANT}/",
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME_SECONDS,
            "appid": client,
            "idtyp": "app",
            "oid": str(uuid.uuid5(uuid.NAMESPACE_URL, client)),
            "tid": TENANT,
            "ver": "1.0",
        }
    )
    shown: Json = {"token_type": "Bearer", "access_token": token}
    if at["version"]:
        shown |= {"expires_in": LIFETIME_SECONDS, "ext_expires_in": LIFETIME_SECONDS}
    else:
        shown |= {
            "expires_in": str(LIFETIME_SECONDS),
            "expires_on": str(now + LIFETIME_SECONDS),
            "not_before": str(now),
            "resource": audience,
        }
    return json_response(200, shown)


def _tenant(name: str) -> str:
    if name.lower() not in (TENANT, *_SHARED):
        raise SignInError(400, "invalid_tenant", 90002, f"Tenant '{name}' not found; here it is {TENANT}.")
    return name.lower()


def _wanted(sent: dict[str, str], name: str) -> str:
    value = sent.get(name, "").strip()
    if not value:
        message = f"The request body must contain the following parameter: '{name}'."
        raise SignInError(400, "invalid_request", 900144, message)
    return value


def _jwt(claims: Json) -> str:
    """A token of a JWT's shape; it is signed by nobody, as nobody here checks one."""
    parts = [{"typ": "JWT", "alg": "none"}, claims]
    texts = [json.dumps(part, separators=(",", ":")).encode() for part in parts]
    return ".".join(base64.urlsafe_b64encode(text).decode().rstrip("=") for text in (*texts, b"sandbox"))


_PATHS: tuple[tuple[re.Pattern[str], Callable[[Request, dict[str, str]], Response]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), respond)
    for pattern, respond in (
        (r"^/(?P<tenant>[^/]+)(?P<version>/v2\.0)?/\.well-known/openid-configuration$", _openid),
        (r"^/common/discovery/instance$", _instance),
        (r"^/(?P<tenant>[^/]+)/discovery(?P<version>/v2\.0)?/keys$", _keys),
        (r"^/(?P<tenant>[^/]+)/oauth2(?P<version>/v2\.0)?/token$", _token),
    )
)
