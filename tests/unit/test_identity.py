"""Who is let in, and who is not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.people import Role
from lifecycle.web.identity import LARGEST_PRINCIPAL, Unauthenticated, caller_of
from sandbox.host.identity import Person as SandboxPerson

UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
ADA = ("preferred_username", "ada@example.com")


def encoded(principal: Any) -> str:
    return base64.b64encode(json.dumps(principal).encode()).decode()


def headers(*claims: tuple[str, str], **more: Any) -> dict[str, str]:
    principal = {"auth_typ": "aad", "claims": [{"typ": typ, "val": val} for typ, val in claims], **more}
    return {"X-MS-CLIENT-PRINCIPAL": encoded(principal)}


def refused(sent: dict[str, str], *, auth_enabled: bool = True) -> str:
    with pytest.raises(Unauthenticated) as refusal:
        caller_of(sent, auth_enabled=auth_enabled)
    return refusal.value.reason


def test_the_header_means_nothing_where_the_platform_does_not_authenticate() -> None:
    assert "off" in refused(headers(ADA, ("roles", "admin")), auth_enabled=False)


@pytest.mark.parametrize("role", ["reader", "user", "operator", "admin"])
def test_whom_the_sandbox_signs_in_the_app_knows(role: str) -> None:
    person = SandboxPerson("Ada", role)
    caller = caller_of(person.headers(), auth_enabled=True)
    assert (caller.name, caller.role) == ("ada", Role[role.upper()])
    assert caller.object_id == person.object_id
    assert caller.tenant


def test_the_header_is_found_in_any_case() -> None:
    sent = {name.lower(): value for name, value in headers(ADA).items()}
    assert caller_of(sent, auth_enabled=True).name == "ada@example.com"


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ([("name", "Ada L"), ADA], "ada@example.com"),
        ([("name", "Ada L"), (UPN, "Ada@Corp.example")], "ada@corp.example"),
        ([("name", "Ada L"), ("email", "a@b.example"), (UPN, "ada@corp.example")], "ada@corp.example"),
        ([("name", "Ada L")], "ada l"),
        ([ADA, ADA], "ada@example.com"),
    ],
)
def test_a_person_goes_by_the_best_name_there_is(claims: list[tuple[str, str]], name: str) -> None:
    assert caller_of(headers(*claims), auth_enabled=True).name == name


def test_the_types_that_the_principal_names_are_honoured() -> None:
    sent = headers(("called", "Ada"), ("part", "operator"), name_typ="called", role_typ="part")
    caller = caller_of(sent, auth_enabled=True)
    assert (caller.name, caller.role) == ("ada", Role.OPERATOR)


def test_the_greatest_of_several_roles_counts() -> None:
    caller = caller_of(headers(ADA, ("roles", "reader"), ("roles", "Operator"), ("roles", "king")), auth_enabled=True)
    assert caller.role is Role.OPERATOR
    assert caller.may(Role.USER)
    assert not caller.may(Role.ADMIN)


@pytest.mark.parametrize("claim", [("roles", "none"), ("roles", "king"), ("colour", "admin"), ("roles", "user,admin")])
def test_who_has_none_of_our_roles_is_known_and_may_nothing(claim: tuple[str, str]) -> None:
    caller = caller_of(headers(ADA, claim), auth_enabled=True)
    assert caller.role is Role.NONE
    assert not caller.may(Role.READER)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "not base64",
        "e30",  # no padding
        "e30=\n",
        "!".join(encoded({"claims": [{"typ": "name", "val": "ada"}]})),
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[" * 5000).decode(),
        encoded([]),
        encoded(None),
        encoded({}),
        encoded({"claims": {}}),
        encoded({"claims": ["admin"]}),
        encoded({"claims": [{"typ": "name"}]}),
        encoded({"claims": [{"typ": "name", "val": None}]}),
        encoded({"claims": [{"typ": 1, "val": "ada"}]}),
        encoded({"claims": [{"typ": ["name"], "val": "ada"}]}),
        base64.b64encode(b'{"claims": [], "claims": [{"typ": "name", "val": "ada"}]}').decode(),
    ],
)
def test_what_cannot_be_read_is_nobody(value: str) -> None:
    assert refused({"X-MS-CLIENT-PRINCIPAL": value})


def test_a_principal_beyond_any_size_is_nobody() -> None:
    assert "large" in refused(headers(ADA, ("x", "y" * LARGEST_PRINCIPAL)))


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00b", "a" * 255])
def test_a_name_that_is_none_is_nobody(name: str) -> None:
    assert refused(headers(("preferred_username", name)))


def test_claims_that_contradict_each_other_are_nobody() -> None:
    assert "contradict" in refused(headers(ADA, ("preferred_username", "bob@example.com")))
    assert "contradict" in refused(headers(ADA, ("oid", "1"), ("oid", "2")))


def test_two_headers_that_contradict_each_other_are_nobody() -> None:
    sent = headers(ADA) | {"x-ms-client-principal": headers(("name", "bob"))["X-MS-CLIENT-PRINCIPAL"]}
    assert "contradict" in refused(sent)


def test_no_header_is_nobody() -> None:
    assert refused({"X-MS-CLIENT-PRINCIPAL-NAME": "ada"})


@given(st.binary(max_size=300))
def test_any_bytes_give_a_caller_with_a_name_or_nobody(sent: bytes) -> None:
    for value in (sent.decode("latin-1"), base64.b64encode(sent).decode()):
        try:
            caller = caller_of({"x-ms-client-principal": value}, auth_enabled=True)
        except Unauthenticated:
            continue
        assert caller.name
