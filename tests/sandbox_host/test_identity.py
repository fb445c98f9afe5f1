"""App Service Authentication: who the app is told has called."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from sandbox.host.identity import Person, authenticate
from sandbox.host.signin import is_local_path


def principal(headers: CIMultiDict[str]) -> dict[str, Any] | None:
    encoded = headers.get("X-MS-CLIENT-PRINCIPAL")
    return json.loads(base64.b64decode(encoded)) if encoded else None


def seen(authorization: str, cookie: str | None = None) -> CIMultiDict[str]:
    return authenticate(CIMultiDict({"Authorization": authorization}), cookie)


def claim(headers: CIMultiDict[str], kind: str) -> str | None:
    found = principal(headers)
    assert found is not None
    return next((each["val"] for each in found["claims"] if each["typ"] == kind), None)


@pytest.mark.parametrize(
    ("bearer", "role"),
    [("ada@example.com", "user"), *((f"ada@example.com:{role}", role) for role in ("reader", "operator", "admin"))],
)
def test_a_sandbox_bearer_names_the_person_and_the_role(bearer: str, role: str) -> None:
    headers = seen(f"Bearer sandbox:{bearer}")
    assert headers["X-MS-CLIENT-PRINCIPAL-NAME"] == "ada@example.com"
    assert claim(headers, "preferred_username") == "ada@example.com"
    assert claim(headers, "roles") == role
    oid = claim(headers, "http://schemas.microsoft.com/identity/claims/objectidentifier")
    assert oid == headers["X-MS-CLIENT-PRINCIPAL-ID"]
    assert "Authorization" not in headers


@pytest.mark.parametrize("bearer", ["", "ada:owner", "ada:", "ada:admin:admin", "ada bob", "a" * 129, ":admin"])
def test_a_malformed_bearer_or_an_unknown_role_is_nobody(bearer: str) -> None:
    headers = seen(f"Bearer sandbox:{bearer}", "eve:admin")
    assert principal(headers) is None


@given(
    st.sampled_from(["X-MS-CLIENT-PRINCIPAL", "x-ms-client-principal-name", "X-Ms-Token-Aad-Id-Token"]),
    st.text(min_size=1, max_size=20),
)
def test_what_a_caller_says_about_himself_never_reaches_the_app(name: str, value: str) -> None:
    headers = authenticate(CIMultiDict({name: value, "X-Other": "kept"}), None)
    assert list(headers) == ["X-Other"]


def test_a_forged_header_does_not_stand_beside_the_real_one() -> None:
    headers = authenticate(
        CIMultiDict([("x-ms-client-principal", "forged"), ("Authorization", "bearer SANDBOX:ada")]), None
    )
    assert len(headers.getall("X-MS-CLIENT-PRINCIPAL")) == 1
    assert headers["X-MS-CLIENT-PRINCIPAL-NAME"] == "ada"


@pytest.mark.parametrize("authorization", ["HMAC c2ln", "Bearer eyJhbGciOi", "Basic YTpi"])
def test_any_other_authorization_is_the_apps_business(authorization: str) -> None:
    headers = seen(authorization)
    assert headers["Authorization"] == authorization
    assert principal(headers) is None


def test_a_cookie_signs_in_too_and_a_bearer_beats_it() -> None:
    assert authenticate(CIMultiDict(), "ada:operator")["X-MS-CLIENT-PRINCIPAL-NAME"] == "ada"
    assert seen("Bearer sandbox:bob", "ada:operator")["X-MS-CLIENT-PRINCIPAL-NAME"] == "bob"


def test_the_same_person_has_the_same_object_id_after_a_restart() -> None:
    assert Person("ada", "user").object_id == Person("ada", "admin").object_id != Person("bob", "user").object_id


@pytest.mark.parametrize(
    ("target", "local"),
    [
        ("/api/dashboard?a=1#top", True),
        ("/", True),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("https://evil.example", False),
        ("/a\r\nSet-Cookie: x=1", False),
        ("api", False),
        ("", False),
    ],
)
def test_a_sign_in_leads_to_a_path_on_this_host_only(target: str, *, local: bool) -> None:
    assert is_local_path(target) is local
