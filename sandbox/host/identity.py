"""App Service Authentication, played: who calls, told to the app in the headers that the platform would set.

The platform removes the caller's own `X-MS-CLIENT-PRINCIPAL*` and `X-MS-TOKEN-*` headers and sets its own: base64 JSON
of claims, after its claims mapping (Microsoft, "Work with user identities in Azure App Service authentication"). For
Microsoft Entra it names the e-mail claim as the name's type and the WS-Federation role claim as the role's, while app
roles arrive as `roles` (NEasyAuthMiddleware#18, MaximeRouiller.Azure.AppService.EasyAuth#4): an app that trusts
`role_typ` finds no role there, and finds none here.
"""

import base64
import json
import re
import uuid
from dataclasses import dataclass
from typing import Final, Self

from multidict import CIMultiDict

ROLES: Final = ("reader", "user", "operator", "admin")
TENANT_ID: Final = "00000000-5a4d-b0c5-0000-000000000001"
COOKIE: Final = "AppServiceAuthSession"  # the platform's own name for it

_PEOPLE: Final = uuid.UUID("5a4db0c5-0000-4000-8000-000000000000")
_PERSON: Final = re.compile(r"[A-Za-z0-9@._-]{1,128}")
_BEARER: Final = "bearer sandbox:"
_FORGEABLE: Final = ("x-ms-client-principal", "x-ms-token-")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the sandbox lets in: a name and one role. There is no password; the sandbox listens on loopback only."""

    name: str
    role: str

    @classmethod
    def of(cls, name: str, role: str) -> Self | None:
        """Give the person, or None where the name or the role is none that the sandbox knows."""
        return cls(name, role) if _PERSON.fullmatch(name) and role in ROLES else None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `person` or `person:role`; no role means `user`."""
        name, colon, role = text.partition(":")
        return cls.of(name, role if colon else "user")

    @property
    def object_id(self) -> str:
        """The person's Entra object id: made from the name, so that it is the same after every restart."""
        return str(uuid.uuid5(_PEOPLE, self.name))

    def __str__(self) -> str:
        return f"{self.name}:{self.role}"

    def claims(self) -> list[dict[str, str]]:
        """List the claims as the platform maps them."""
        return [
            {"typ": "name", "val": self.name},
            {"typ": "preferred_username", "val": self.name},
            {"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": self.object_id},
            {"typ": "http://schemas.microsoft.com/identity/claims/tenantid", "val": TENANT_ID},
            {"typ": "roles", "val": self.role},
        ]

    def headers(self) -> dict[str, str]:
        """Give the headers that the platform sets for this person."""
        principal = {
            "auth_typ": "aad",
            "claims": self.claims(),
            "name_typ": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
            "role_typ": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
        }
        return {
            "X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(principal).encode()).decode(),
            "X-MS-CLIENT-PRINCIPAL-ID": self.object_id,
            "X-MS-CLIENT-PRINCIPAL-IDP": "aad",
            "X-MS-CLIENT-PRINCIPAL-NAME": self.name,
        }


def authenticate(headers: CIMultiDict[str], cookie: str | None) -> CIMultiDict[str]:
    """Give the headers the app may see: the caller's without anything forged, with the principal of who called.

    A `Bearer sandbox:` header is consumed and decides alone, even against a cookie; any other Authorization header
    (such as the HMAC of a Teams webhook) is the app's business and stays.
    """
    seen = CIMultiDict((name, value) for name, value in headers.items() if not name.lower().startswith(_FORGEABLE))
    authorization = seen.get("Authorization", "")
    if authorization.lower().startswith(_BEARER):
        del seen["Authorization"]
        person = Person.parse(authorization[len(_BEARER) :].strip())
    else:
        person = Person.parse(cookie) if cookie else None
    if person is not None:
        seen.update(person.headers())
    return seen
