"""The ways in for clients we did not write: HTTPS, the cloud's own description, signing in."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import stat
import sys
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from azure.identity.aio import ClientSecretCredential
from azure.mgmt.network.aio import NetworkManagementClient
from cryptography import x509

from sandbox.arm import RESOURCE_GROUP, SUBSCRIPTION, certificates
from sandbox.arm.cloud import TENANT
from sandbox.arm.server import application
from sandbox.arm.wire import Request
from sandbox.child import ROOT, free_port
from tests.sandbox_arm.place import LOCATION, Place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CLIENT = "11111111-1111-1111-1111-111111111111"
FORM = f"grant_type=client_credentials&client_id={CLIENT}&client_secret=hush"
BASE = "https://localhost:7443"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificate:
    return certificates.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
async def door(place: Place, made: certificates.Certificate) -> AsyncIterator[str]:
    """The HTTPS door's address."""
    server = TestServer(application(place.arm, place.clock), host="localhost", scheme="https")
    await server.start_server(ssl=made.context())
    yield f"https://localhost:{server.port}"
    await server.close()


async def read(url: str, trusted: Path | None = None) -> Any:
    context = ssl.create_default_context(cafile=str(trusted) if trusted else None)
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as answer:
        return await answer.json()


def ask(place: Place, method: str, path: str, form: str = "") -> tuple[int, Any]:
    """Ask over the in-process door, without a token."""
    answer = place.arm.handle(Request(method, f"{BASE}{path}", {}, form.encode()))
    return answer.status, json.loads(answer.body)


# The certificate.


async def test_a_client_that_trusts_the_made_authority_is_answered_over_https(
    door: str, made: certificates.Certificate
) -> None:
    assert (await read(f"{door}/sandbox/health", made.authority))["status"] == "ok"


async def test_a_client_that_does_not_is_not(door: str) -> None:
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await read(f"{door}/sandbox/health")


def test_the_certificate_names_loopback_alone_and_passes_strict_checking(made: certificates.Certificate) -> None:
    text = made.server.read_bytes()
    server = x509.load_pem_x509_certificate(text)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    server.verify_directly_issued_by(authority)


def test_only_its_owner_reads_the_servers_key_and_nobody_has_the_authoritys(tmp_path: Path) -> None:
    made = certificates.make(tmp_path / "new")
    assert stat.S_IMODE(made.server.stat().st_mode) == 0o600
    assert b"PRIVATE KEY" not in made.authority.read_bytes()
    assert made.server.read_bytes().count(b"BEGIN PRIVATE KEY") == 1


def test_a_second_certificate_in_the_same_place_replaces_the_first(tmp_path: Path) -> None:
    first = certificates.make(tmp_path).authority.read_bytes()
    assert certificates.make(tmp_path).authority.read_bytes() != first


# What a client is told of this cloud.


def test_azure_cli_and_terraform_are_told_of_one_cloud(place: Place) -> None:
    status, cloud = ask(place, "GET", "/metadata/endpoints?api-version=2022-09-01")
    assert status == 200
    assert cloud["name"] == "Sandbox"
    assert cloud["resourceManager"] == BASE
    assert cloud["authentication"]["loginEndpoint"] == BASE
    assert cloud["authentication"]["audiences"] == [f"{BASE}/"]


def test_clients_of_2019_are_told_of_a_list_of_clouds(place: Place) -> None:
    _, clouds = ask(place, "GET", "/metadata/endpoints?api-version=2019-05-01")
    assert [each["resourceManager"] for each in clouds] == [BASE]


def test_clients_of_2015_are_told_the_sign_in_service_and_the_audience(place: Place) -> None:
    _, cloud = ask(place, "GET", "/metadata/endpoints?api-version=2015-01-01")
    assert cloud["authentication"] == {"loginEndpoint": BASE, "audiences": [f"{BASE}/"]}


@pytest.mark.parametrize("version", ["2015-01-01", "2019-05-01", "2022-09-01"])
def test_no_address_leads_off_this_machine(place: Place, version: str) -> None:
    text = json.dumps(ask(place, "GET", f"/metadata/endpoints?api-version={version}")[1])
    assert "https://" not in text.replace(BASE, "")
    assert ".com" not in text
    assert ".net" not in text


# Discovery.


@pytest.mark.parametrize("version", ["", "/v2.0"])
def test_the_openid_document_leads_to_the_token_endpoint(place: Place, version: str) -> None:
    status, shown = ask(place, "GET", f"/{TENANT}{version}/.well-known/openid-configuration")
    assert status == 200
    assert shown["token_endpoint"] == f"{BASE}/{TENANT}/oauth2{version}/token"
    assert shown["issuer"].startswith(f"{BASE}/{TENANT}/")
    assert ask(place, "GET", shown["jwks_uri"].removeprefix(BASE)) == (200, {"keys": []})


def test_the_shared_tenants_document_leaves_the_tenant_open(place: Place) -> None:
    _, shown = ask(place, "GET", "/common/v2.0/.well-known/openid-configuration")
    assert shown["issuer"] == f"{BASE}/{{tenantid}}/v2.0"


def test_instance_discovery_knows_this_authority(place: Place) -> None:
    status, shown = ask(place, "GET", f"/common/discovery/instance?authorization_endpoint={BASE}/common/oauth2")
    assert status == 200
    assert shown["metadata"][0]["aliases"] == ["localhost:7443"]


def test_another_tenant_is_not_found(place: Place) -> None:
    status, shown = ask(place, "GET", "/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration")
    assert (status, shown["error"]) == (400, "invalid_tenant")


# Tokens.


def claims(token: str) -> Any:
    middle = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))


def test_a_token_is_for_the_asked_audience_and_expires_by_the_clients_clock(place: Place) -> None:
    status, shown = ask(place, "POST", f"/{TENANT}/oauth2/v2.0/token", f"{FORM}&scope={BASE}/.default")
    assert status == 200
    assert (shown["token_type"], shown["expires_in"]) == ("Bearer", 3600)
    told = claims(shown["access_token"])
    assert (told["aud"], told["appid"], told["tid"]) == (BASE, CLIENT, TENANT)
    assert abs(told["exp"] - time.time() - 3600) < 60


def test_the_older_endpoint_takes_a_resource_and_answers_in_texts(place: Place) -> None:
    status, shown = ask(place, "POST", f"/{TENANT}/oauth2/token", f"{FORM}&resource={BASE}/")
    assert status == 200
    assert (shown["resource"], shown["expires_in"]) == (f"{BASE}/", "3600")
    assert claims(shown["access_token"])["aud"] == f"{BASE}/"


@pytest.mark.parametrize(
    ("form", "status", "error", "number"),
    [
        ("", 400, "invalid_request", 900144),
        ("grant_type=password&client_id=x", 400, "unsupported_grant_type", 70003),
        ("grant_type=client_credentials", 400, "invalid_request", 900144),
        ("grant_type=client_credentials&client_id=x", 401, "invalid_client", 7000218),
        (FORM, 400, "invalid_request", 900144),
        (f"{FORM}&scope=%20", 400, "invalid_request", 900144),
    ],
)
def test_an_incomplete_demand_for_a_token_is_refused_by_number(
    place: Place, form: str, status: int, error: str, number: int
) -> None:
    answered, shown = ask(place, "POST", f"/{TENANT}/oauth2/v2.0/token", form)
    assert (answered, shown["error"], shown["error_codes"]) == (status, error, [number])
    assert f"AADSTS{number}" in shown["error_description"]


def test_a_token_is_posted_for(place: Place) -> None:
    assert ask(place, "GET", f"/{TENANT}/oauth2/v2.0/token")[0] == 405


def test_no_secret_is_kept_in_the_traffic(place: Place) -> None:
    ask(place, "POST", f"/{TENANT}/oauth2/v2.0/token", f"{FORM}&scope={BASE}/.default")
    assert not any("hush" in line for line in place.arm.traffic.lines())


async def test_the_azure_sdk_signs_in_by_client_secret_and_works_over_https(
    door: str, made: certificates.Certificate
) -> None:
    credential = ClientSecretCredential(
        TENANT,
        CLIENT,
        "hush",
        authority=door,
        disable_instance_discovery=True,
        connection_verify=str(made.authority),
    )
    client: Any = NetworkManagementClient(
        credential,
        SUBSCRIPTION,
        base_url=door,
        credential_scopes=[f"{door}/.default"],
        connection_verify=str(made.authority),
    )
    async with credential, client:
        groups = client.network_security_groups
        await groups.begin_create_or_update(RESOURCE_GROUP, "nsg", {"location": LOCATION}, polling=False)
        assert [each.name async for each in groups.list(RESOURCE_GROUP)] == ["nsg"]


@pytest.mark.sandbox
async def test_the_command_line_opens_both_doors(tmp_path: Path) -> None:
    port, tls_port = free_port(), free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox.arm", "--port", str(port), "--tls-port", str(tls_port)),
        *("--certificate-directory", str(tmp_path)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        told = [(await process.stdout.readline()).decode() for _ in range(2)]
        assert f"https://localhost:{tls_port}" in told[1]
        assert str(tmp_path / "ca.pem") in told[1]
        assert (await read(f"https://127.0.0.1:{tls_port}/sandbox/health", tmp_path / "ca.pem"))["status"] == "ok"
        assert (await read(f"http://127.0.0.1:{port}/sandbox/health"))["status"] == "ok"
    finally:
        process.terminate()
        await process.wait()
