"""Who calls, from what App Service Authentication says of them; whatever is odd about it, nobody does.

The platform authenticates, takes away the caller's own ``X-MS-CLIENT-PRINCIPAL`` and sets its own: base64 of a JSON
object with ``claims``, a list of ``{typ, val}``, and the types of the name and role claims as ``name_typ`` and
``role_typ`` (Microsoft: "Work with user identities in Azure App Service authentication"). Where the platform's
authentication is off, anybody can send that header, so then it is not even read.

For Microsoft Entra the platform has been seen to name one type as ``role_typ`` while app roles arrive as ``roles``
(MaximeRouiller.Azure.AppService.EasyAuth#4): both are read.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lifecycle.people import Person, Role

HEADER = "x-ms-client-principal"
LARGEST_PRINCIPAL = 64 * 1024
"""Characters of the header; with more, somebody plays."""
LONGEST_PERSON = 254

_XML = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_MICROSOFT = "http://schemas.microsoft.com/identity/claims/"
_SIGN_IN_NAMES = (
    ("preferred_username",),
    ("upn", f"{_XML}upn"),
    ("email", "emails", f"{_XML}emailaddress"),
)
"""Claims that name a person, best first; each with the types under which the platform passes it on."""
_PLAIN_NAMES = ("name", f"{_XML}name")
_ROLES = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")
_OBJECT_IDS = ("oid", f"{_MICROSOFT}objectidentifier")
_TENANTS = ("tid", f"{_MICROSOFT}tenantid")


class Unauthenticated(Exception):
    """Nobody is known to call; ``reason`` says why, and repeats nothing of what was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Caller(Person):
    """A person who calls, with the greatest of their roles (NONE: signed in, and may do nothing)."""

    tenant: str | None = None
    object_id: str | None = None

    def may(self, role: Role) -> bool:
        """Say whether the caller has at least this role."""
        return self.role >= role


def caller_of(headers: Mapping[str, str], *, auth_enabled: bool) -> Caller:
    """Read who calls from the headers of a request, named in any case. Raises Unauthenticated.

    ``auth_enabled`` is the platform's WEBSITE_AUTH_ENABLED: without it the header is anybody's.
    """
    if not auth_enabled:
        raise Unauthenticated("App Service Authentication is off, so nobody can be told from anybody else")
    principal = _decoded(_header(headers))
    claims = _claims(principal)
    return Caller(
        _person(claims, principal.get("name_typ")),
        _greatest(_values(claims, (*_ROLES, principal.get("role_typ")))),
        _single(claims, _TENANTS),
        _single(claims, _OBJECT_IDS),
    )


def _header(headers: Mapping[str, str]) -> str:
    found = {value for name, value in headers.items() if name.lower() == HEADER}
    if len(found) != 1:
        raise Unauthenticated("the request is not signed in" if not found else "two principals contradict each other")
    value = found.pop()
    if len(value) > LARGEST_PRINCIPAL:
        raise Unauthenticated("the principal is too large")
    return value


def _decoded(text: str) -> Mapping[str, Any]:
    try:
        principal = json.loads(base64.b64decode(text, validate=True), object_pairs_hook=_no_doubles)
    except (ValueError, binascii.Error, RecursionError):
        raise Unauthenticated("the principal cannot be read") from None
    if not isinstance(principal, dict):
        raise Unauthenticated("the principal is no object")
    return principal


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that says a thing twice: which one counts would depend on who reads it."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _claims(principal: Mapping[str, Any]) -> list[tuple[str, str]]:
    claims = principal.get("claims")
    if not isinstance(claims, list):
        raise Unauthenticated("the principal has no claims")
    return [_claim(claim) for claim in claims]


def _claim(claim: object) -> tuple[str, str]:
    if isinstance(claim, dict):
        kind, value = claim.get("typ"), claim.get("val")
        if isinstance(kind, str) and isinstance(value, str):
            return kind, value
    raise Unauthenticated("a claim cannot be read")


def _values(claims: Iterable[tuple[str, str]], kinds: Iterable[object]) -> set[str]:
    wanted = {kind for kind in kinds if isinstance(kind, str)}
    return {value for kind, value in claims if kind in wanted}


def _single(claims: Iterable[tuple[str, str]], kinds: Iterable[object]) -> str | None:
    """Read a claim that a person has once; said twice it must be the same. Upper and lower case do not differ."""
    found = {value.strip().lower() for value in _values(claims, kinds)} - {""}
    if len(found) > 1:
        raise Unauthenticated("two claims contradict each other")
    return found.pop() if found else None


def _person(claims: list[tuple[str, str]], name_type: object) -> str:
    for kinds in (*_SIGN_IN_NAMES, (name_type,), _PLAIN_NAMES):
        person = _single(claims, kinds)
        if person is not None:
            return _sound(person)
    raise Unauthenticated("the principal names no person")


def _sound(person: str) -> str:
    if len(person) > LONGEST_PERSON or not person.isprintable():
        raise Unauthenticated("the principal's name is none")
    return person


def _greatest(names: Iterable[str]) -> Role:
    ours = {role.name.lower(): role for role in Role}
    return max((ours[name.lower()] for name in names if name.lower() in ours), default=Role.NONE)
