"""The pages under /.auth that App Service Authentication serves beside the app: sign in, sign out, who am I."""

import re
from typing import Any

from aiohttp import web

from sandbox.host.identity import COOKIE, ROLES, Person


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Sign a person in: `/.auth/login/sandbox?user=&role=`, then go to `post_login_redirect_uri`.

    Only a path on this host is followed: an open redirect would lend the sandbox's name to any page.
    """
    person = Person.of(request.query.get("user", ""), request.query.get("role", "user"))
    if person is None:
        return web.Response(status=400, text=f"user is a name (letters, digits, @ . - _); role is one of {ROLES}\n")
    response = _redirect(request.query.get("post_login_redirect_uri"))
    response.set_cookie(COOKIE, str(person), httponly=True, samesite="Lax", path="/")
    return response


async def sign_out(request: web.Request) -> web.StreamResponse:
    """Forget who is signed in: `/.auth/logout`."""
    response = _redirect(request.query.get("post_logout_redirect_uri"))
    response.del_cookie(COOKIE, path="/")
    return response


async def who_am_i(request: web.Request) -> web.StreamResponse:
    """List the signed-in identities as the platform's `/.auth/me` does; an empty list for nobody."""
    person = Person.parse(request.cookies.get(COOKIE, ""))
    body: list[dict[str, Any]] = []
    if person is not None:
        body.append({"provider_name": "aad", "user_id": person.name, "user_claims": person.claims()})
    return web.json_response(body)


def is_local_path(target: str) -> bool:
    """Tell whether a redirect target stays on this host: one leading slash, no scheme, no backslash, no control."""
    return re.fullmatch(r"/(?![/\\])[^\\\x00-\x20\x7f]*", target) is not None


def _redirect(target: str | None) -> web.Response:
    if not target:
        return web.Response(text="done\n")
    if not is_local_path(target):
        raise web.HTTPBadRequest(text="a redirect goes to a path on this host\n")
    return web.Response(status=302, headers={"Location": target})
