"""Forms that a browser sends with the platform's cookie: proof that our own page sent them, and what they say.

The platform's sign-in is a cookie, which a browser also sends along when another site's page posts to us. So a form is
taken only if the browser itself says that it comes from this origin (``Sec-Fetch-Site``, W3C Fetch Metadata; where it
is not sent, ``Origin``), and if it repeats a random token that this app set as a cookie and wrote into the form. A page
of another origin can read neither, and the ``__Host-`` prefix (RFC 6265bis) keeps sister domains from setting it.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlsplit

from lifecycle.refusals import Forbidden
from lifecycle.web.answers import Request
from lifecycle.web.fields import Malformed, TooLarge

TOKEN = re.compile(r"[A-Za-z0-9_-]{32,64}")
LARGEST_FORM_BYTES = 8 * 1024
MOST_FIELDS = 8
FORM_TYPE = "application/x-www-form-urlencoded"


class FormGuard:
    """Tells our own forms from those of others. ``plain``: over http, on loopback, where no cookie can be Secure."""

    def __init__(self, *, plain: bool) -> None:
        self.cookie = "jumpboxes-form" if plain else "__Host-jumpboxes-form"
        self.attributes = "Path=/; HttpOnly; SameSite=Lax" + ("" if plain else "; Secure")

    def token(self, request: Request) -> str:
        """Give the browser's token, or a new one for a browser that has none."""
        return self._sent(request) or secrets.token_urlsafe(32)

    def set_cookie(self, token: str) -> Mapping[str, str]:
        """Write the header that has the browser keep the token."""
        return {"Set-Cookie": f"{self.cookie}={token}; {self.attributes}"}

    def read(self, request: Request) -> dict[str, str]:
        """Read a form of ours. Raises Forbidden for anybody else's, Malformed, TooLarge."""
        must_be_same_origin(request)
        fields = _fields(request)
        kept, said = self._sent(request), fields.pop("token", "")
        if kept is None or not hmac.compare_digest(kept.encode(), said.encode()):
            raise Forbidden("this form was not made by this page for this browser; load the page again")
        return fields

    def _sent(self, request: Request) -> str | None:
        try:
            found = SimpleCookie(request.headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return None
        return found.value if found and TOKEN.fullmatch(found.value) else None


def must_be_same_origin(request: Request) -> None:
    """Refuse a form that the browser does not say to come from this very site. Raises Forbidden."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        ours = site == "same-origin"
    else:
        origin = urlsplit(request.headers.get("origin", ""))
        ours = bool(origin.netloc) and origin.netloc == urlsplit(request.url).netloc
    if not ours:
        raise Forbidden("this form comes from another site")


def must_not_be_cross_site(request: Request) -> None:
    """Refuse a change that a browser sends for another site's page; other clients do not say where they come from.

    Raises Forbidden.
    """
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise Forbidden("another site's page must not change anything here")


def _fields(request: Request) -> dict[str, str]:
    if len(request.body) > LARGEST_FORM_BYTES:
        raise TooLarge
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise Malformed("body", f"must be a form ({FORM_TYPE})")
    try:
        pairs = parse_qsl(
            request.body.decode(),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise Malformed("body", "cannot be read as a form") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Malformed("body", "must not name a field twice")
    return fields
