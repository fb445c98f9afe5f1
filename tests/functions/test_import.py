"""What importing the app costs and demands: changes when a cold start or a setting does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functions.desk import ENVIRONMENT

ROOT = Path(__file__).parents[2]
LIST_MODULES = "import json, sys, function_app; print(json.dumps(sorted(sys.modules)))"
WRONG = {
    "AZURE_SUBSCRIPTION_ID": "mine",
    "LOCATION": "",
    "TIME_ZONE": "Mars/Olympus",
    "ADDRESS_POOL": "10.64.0.1/16",
    "EXTRA_TAGS": "[]",
    "LEASE_HOURS": "many",
    "LONGEST_LEASE_HOURS": "nan",
    "BASTION_SKUS": "Developer",
    "ARM_ENDPOINT": "http://management.azure.com",
    "CLOCK_URL": "http://clock.example",
    "NIGHTLY": "0 2 * * *",
    "BILLING_QUANTUM": "day",
    "TEAMS_PEOPLE": '{"alice": "alice"}',
    "NOTIFY_URL": "http://flows.example/?sig=c2VjcmV0LXVybA",
}
MISSING = ("RESOURCE_GROUP", "AzureWebJobsStorage")


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def modules() -> set[str]:
    ran = python("-c", LIST_MODULES, **ENVIRONMENT)
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout))


@pytest.mark.parametrize(
    "package", ["azure.mgmt", "azure.identity", "msal", "jinja2", "holidays", "cryptography", "sandbox", "tests"]
)
def test_the_import_loads_nothing_that_only_some_calls_need(package: str, modules: set[str]) -> None:
    assert [name for name in modules if name == package or name.startswith(f"{package}.")] == []


def test_the_import_loads_what_every_call_needs(modules: set[str]) -> None:
    assert {"azure.functions", "lifecycle.web.app"} <= modules


def test_wrong_settings_stop_the_import_with_one_message_that_lists_them_all() -> None:
    ran = python("-c", "import function_app", **WRONG)
    assert ran.returncode == 1
    lines = [line for line in ran.stderr.splitlines() if line.startswith("  - ")]
    for name in (*WRONG, *MISSING):
        assert any(line.startswith(f"  - {name} ") for line in lines), name
    assert ran.stderr.count("the app cannot start") == 1
    assert "c2VjcmV0LXVybA" not in ran.stderr


def test_no_settings_at_all_list_what_must_be_set() -> None:
    ran = python("-c", "import function_app")
    wanted = {"AZURE_SUBSCRIPTION_ID", "RESOURCE_GROUP", "LOCATION", "TIME_ZONE", "AzureWebJobsStorage"}
    assert {line.split()[1] for line in ran.stderr.splitlines() if line.startswith("  - ")} == wanted
    assert "5 of its settings" in ran.stderr


def test_the_host_ends_with_the_code_for_wrong_settings_and_the_message_alone() -> None:
    ran = python("-m", "sandbox.host", "--app", "function_app:app", **WRONG)
    assert ran.returncode == 78
    assert ran.stderr.startswith("the app cannot start")
    assert "Traceback" not in ran.stderr
    for name in (*WRONG, *MISSING):
        assert f"  - {name} " in ran.stderr
