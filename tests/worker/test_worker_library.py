"""Microsoft's own worker library indexes the app and calls its functions: changes when the library's protocol does."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lifecycle.web.openapi import ROUTES
from sandbox.host.identity import Person
from tests.contract import azurite

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).parent / "drive.py"
LIBRARY = "azure-functions-runtime~=1.3"
ENVIRONMENT = ROOT / ".sandbox" / "py313"
"""Kept between runs: made anew when requirements.txt or the library's pin changes."""
SETTINGS = {
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001",
    "RESOURCE_GROUP": "rg-jumpboxes",
    "LOCATION": "westeurope",
    "TIME_ZONE": "Europe/Berlin",
    "ARM_ENDPOINT": "http://127.0.0.1:9",  # nobody listens there: none of these calls may need Azure
    "NIGHTLY": "0 30 3 * * *",
    "WEBSITE_AUTH_ENABLED": "true",
}
ALICE = Person("alice@example.com", "user").headers()
BOX = {"stack": "main", "name": "alice"}
URL = "https://app.example/api"
CALLS: dict[str, dict[str, Any]] = {
    "health": {"function": "health", "http": {"method": "GET", "url": f"{URL}/health"}},
    "nobody": {
        "function": "get_jumpbox",
        "http": {"method": "GET", "url": f"{URL}/jumpboxes/main/alice", "params": BOX},
    },
    "missing": {
        "function": "get_jumpbox",
        "http": {"method": "GET", "url": f"{URL}/jumpboxes/main/alice", "params": BOX, "headers": ALICE},
    },
    "asked": {
        "function": "create_jumpbox",
        "http": {
            "method": "POST",
            "url": f"{URL}/jumpboxes",
            "headers": {**ALICE, "Idempotency-Key": "one"},
            "body": json.dumps({"reason": "déjà vu"}),
        },
    },
    "there": {
        "function": "get_jumpbox",
        "http": {"method": "GET", "url": f"{URL}/jumpboxes/main/alice", "params": BOX, "headers": ALICE},
    },
    "costs": {
        "function": "get_costs",
        "http": {
            "method": "GET",
            "url": f"{URL}/costs?by=day&format=csv",
            "query": {"by": "day", "format": "csv"},
            "headers": ALICE,
        },
    },
    "page": {"function": "dashboard", "http": {"method": "GET", "url": f"{URL}/dashboard", "headers": ALICE}},
    "reconcile": {"function": "reconcile", "queue": "nobody-knows-it"},
    "notify": {"function": "notify", "queue": "nobody|knows-it"},
    "sweep": {"function": "sweep", "timer": {"IsPastDue": False, "Schedule": {}, "ScheduleStatus": None}},
    "nightly": {"function": "nightly", "timer": {"IsPastDue": True}},
}


@dataclass(frozen=True, slots=True)
class Told:
    """What the driver wrote."""

    bindings: dict[str, list[dict[str, Any]]]
    answers: dict[str, dict[str, Any]]


def python313() -> str | None:
    """Find a Python 3.13 that runs: named by PYTHON313, installed by pyenv, or on the PATH."""
    pyenv = sorted(str(each) for each in Path("~/.pyenv/versions").expanduser().glob("3.13*/bin/python"))
    candidates = [os.environ.get("PYTHON313"), *reversed(pyenv), shutil.which("python3.13")]
    return next((each for each in candidates if each and _is_313(each)), None)


def _is_313(python: str) -> bool:
    check = "import sys, venv; sys.exit(sys.version_info[:2] != (3, 13))"
    try:
        return subprocess.run([python, "-c", check], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def with_library(python: str) -> Path:
    """Make the environment that has the app's requirements and the library; a minute or two, the first time."""
    stamp = ENVIRONMENT / "stamp"
    wanted = hashlib.sha256((ROOT / "requirements.txt").read_bytes() + LIBRARY.encode()).hexdigest()
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    with (ENVIRONMENT.parent / "py313.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            subprocess.run([python, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
            install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"]
            subprocess.run([_bin(), *install, LIBRARY], check=True, cwd=ROOT)
            stamp.write_text(wanted)
    return _bin()


def _bin() -> Path:
    return ENVIRONMENT / "bin" / "python"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    python = python313()
    if python is None:
        pytest.skip("no Python 3.13 is here (PYTHON313, pyenv, PATH): the worker library needs it")
    if lacking := azurite.missing():
        pytest.skip(lacking)
    with azurite.running(tmp_path_factory.mktemp("azurite")) as storage:
        ran = subprocess.run(
            [with_library(python), str(DRIVER), str(ROOT)],
            env={"PATH": os.environ["PATH"], **SETTINGS, "AzureWebJobsStorage": storage},
            input=json.dumps(list(CALLS.values())),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=tmp_path_factory.mktemp("elsewhere"),
        )
        assert ran.returncode == 0, ran.stderr
        outcome = json.loads(ran.stdout.splitlines()[-1])
        assert outcome["started"]["ended"], outcome["started"]["trouble"]
        yield Told(outcome["bindings"], dict(zip(CALLS, outcome["answers"], strict=True)))


def trigger(told: Told, function: str) -> dict[str, Any]:
    return next(each for each in told.bindings[function] if each["type"].endswith("Trigger"))


def problem(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer["headers"]["content-type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(answer["body"])
    assert body["status"] == answer["status"]
    return body


def test_the_library_finds_every_route_of_the_interface(told: Told) -> None:
    found = {
        (name, method.lower(), "/" + each["route"])
        for name, bindings in told.bindings.items()
        for each in bindings
        if each["type"] == "httpTrigger"
        for method in each["methods"]
    }
    assert found == {(name, verb, path) for name, verb, path, *_ in ROUTES}


def test_the_library_finds_the_queues_and_the_timers(told: Told) -> None:
    queues = {"reconcile", "notify", "reconcile_poison", "notify_poison"}
    assert {trigger(told, name)["queueName"] for name in queues} == {name.replace("_", "-") for name in queues}
    assert trigger(told, "sweep")["schedule"] == "0 */5 * * * *"
    assert trigger(told, "nightly")["schedule"] == SETTINGS["NIGHTLY"]


def test_every_call_ends_well(told: Told) -> None:
    assert {name: answer["trouble"] for name, answer in told.answers.items() if not answer["ended"]} == {}


def test_an_http_function_answers_without_a_person_where_it_may(told: Told) -> None:
    assert told.answers["health"]["status"] == 200
    assert json.loads(told.answers["health"]["body"]) == {"status": "ok"}


def test_an_http_function_turns_away_who_is_not_signed_in(told: Told) -> None:
    assert told.answers["nobody"]["status"] == 401
    problem(told.answers["nobody"])


def test_route_parameters_reach_the_function(told: Told) -> None:
    assert told.answers["missing"]["status"] == 404
    assert "main/alice" in problem(told.answers["missing"])["detail"]


def test_a_body_and_headers_reach_the_function_and_its_own_come_back(told: Told) -> None:
    asked = told.answers["asked"]
    assert asked["status"] == 202
    assert asked["headers"]["location"] == "/api/jumpboxes/main/alice"
    assert json.loads(asked["body"])["purpose"] == "déjà vu"
    assert json.loads(told.answers["there"]["body"])["owner"] == "alice@example.com"
    assert told.answers["there"]["headers"]["etag"] == asked["headers"]["etag"]


def test_query_parameters_reach_the_function(told: Told) -> None:
    assert told.answers["costs"]["status"] == 200
    assert told.answers["costs"]["headers"]["content-type"].startswith("text/csv")


def test_the_pages_cookie_goes_to_the_host_as_one_and_not_as_a_header_too(told: Told) -> None:
    page = told.answers["page"]
    assert page["status"] == 200
    assert page["cookies"] == [
        {"name": "jumpboxes-form", "same_site": "Lax", "path": "/", "secure": False, "http_only": True}
    ]
    assert "set-cookie" not in page["headers"]


@pytest.mark.parametrize("name", ["reconcile", "notify", "sweep", "nightly"])
def test_queue_and_timer_functions_run(told: Told, name: str) -> None:
    assert told.answers[name] == {"ended": True, "trouble": None}
