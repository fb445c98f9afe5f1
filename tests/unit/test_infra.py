"""The deployment, as far as reading it can tell: what the app may do, and with what it is set up."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lifecycle import settings
from lifecycle.model import Kind

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
BICEP = sorted(INFRA.rglob("*.bicep"))

READ_WRITE_DELETE = ("read", "write", "delete")
ALLOWED = {
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    *(
        f"{kind}/{verb}"
        for kind in (
            "Microsoft.Network/virtualNetworks",
            "Microsoft.Network/virtualNetworks/subnets",
            "Microsoft.Network/virtualNetworks/virtualNetworkPeerings",
            "Microsoft.Network/networkSecurityGroups",
            "Microsoft.Network/publicIPAddresses",
            "Microsoft.Network/natGateways",
            "Microsoft.Network/networkInterfaces",
            "Microsoft.Network/bastionHosts",
            "Microsoft.Compute/virtualMachines",
            "Microsoft.Compute/virtualMachines/extensions",
            "Microsoft.Compute/disks",
            "Microsoft.DevTestLab/schedules",
        )
        for verb in READ_WRITE_DELETE
    ),
    *(
        f"Microsoft.Network/{kind}/join/action"
        for kind in (
            "virtualNetworks/subnets",
            "networkSecurityGroups",
            "publicIPAddresses",
            "natGateways",
            "networkInterfaces",
        )
    ),
    "Microsoft.Network/virtualNetworks/peer/action",
    "Microsoft.Network/bastionHosts/getactivesessions/action",
    "Microsoft.Network/bastionHosts/disconnectactivesessions/action",
    "Microsoft.Compute/virtualMachines/start/action",
    "Microsoft.Compute/virtualMachines/deallocate/action",
    "Microsoft.Compute/virtualMachines/instanceView/read",
    "Microsoft.Insights/metrics/read",
    "Microsoft.Network/locations/operations/read",
    "Microsoft.Network/locations/operationResults/read",
    "Microsoft.Compute/locations/operations/read",
}


def role() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((INFRA / "role.json").read_text())
    return loaded


def code(path: Path) -> str:
    """Give a Bicep file without its comments."""
    return re.sub(r"(?m)^\s*//.*$", "", path.read_text())


def block(path: Path, name: str) -> list[str]:
    """Name the keys of an object literal whose values are on one line each."""
    found = re.search(rf"\b{name}: \{{\n(.*?)\n\s*\}}", code(path), re.DOTALL)
    assert found
    return re.findall(r"(?m)^\s*(\w+):", found[1])


def test_the_app_may_do_exactly_what_it_needs() -> None:
    actions = role()["actions"]
    assert set(actions) == ALLOWED
    assert len(actions) == len(ALLOWED)


@pytest.mark.parametrize(
    "forbidden",
    ["*", "roleassignments", "locks", "runcommand", "shareablelink", "keys", "poweroff", "elevateaccess", "password"],
)
def test_the_role_has_nothing_of_what_it_must_never_have(forbidden: str) -> None:
    assert not [action for action in role()["actions"] if forbidden in action.lower()]


@pytest.mark.parametrize("kind", Kind)
def test_the_app_may_make_see_and_remove_every_kind_of_part(kind: Kind) -> None:
    assert {f"{kind.value}/{verb}" for verb in READ_WRITE_DELETE} <= set(role()["actions"])


def test_the_role_is_made_from_that_list_and_scoped_to_the_boxes_resource_group() -> None:
    text = code(INFRA / "modules" / "boxes.bicep")
    assert "loadJsonContent('../role.json')" in text
    assert "actions: keeper.actions" in text
    assert "assignableScopes: [resourceGroup().id]" in text
    assert re.search(r"module boxes .*?scope: boxesGroup\b", code(INFRA / "main.bicep"), re.DOTALL)


@pytest.mark.parametrize(
    "setting",
    [
        "FUNCTIONS_WORKER_RUNTIME",
        "FUNCTIONS_EXTENSION_VERSION",
        "WEBSITE_RUN_FROM_PACKAGE",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "ENABLE_ORYX_BUILD",
        "WEBSITE_TIME_ZONE",
        "TZ",
        "WEBSITE_AUTH_ENABLED",
    ],
)
def test_nothing_sets_what_flex_consumption_refuses_or_the_platform_decides(setting: str) -> None:
    assert not [path.name for path in BICEP if re.search(rf"\b{setting}\b", code(path))]


def test_no_key_opens_the_storage_account() -> None:
    text = code(INFRA / "modules" / "storage.bicep")
    assert "allowSharedKeyAccess: false" in text
    assert not [path.name for path in BICEP if "listKeys" in code(path) or "AccountKey" in code(path)]


def test_people_must_sign_in_everywhere_but_where_what_is_sent_proves_itself_and_for_the_probe() -> None:
    text = code(INFRA / "modules" / "app.bicep")
    assert "requireAuthentication: true" in text
    assert "excludedPaths: ['/api/teams', '/api/alive', '/api/keep', '/api/static/page.css'" in text


def test_health_tells_operators_apart_only_where_the_platform_signs_people_in_on_its_path() -> None:
    text = code(INFRA / "modules" / "app.bicep")
    excluded = re.search(r"excludedPaths: \[(.*?)\]", text)
    assert excluded
    assert "HEALTH_DETAILS: 'true'" in text
    assert "'/api/health" not in excluded[1]


def test_the_app_starts_with_the_settings_it_is_given() -> None:
    given = [*block(INFRA / "main.bicep", "settings"), *block(INFRA / "main.bicep", "secretSettings")]
    values = {
        "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001",
        "RESOURCE_GROUP": "rg-some-boxes",
        "LOCATION": "westeurope",
        "REGIONS": "westeurope",
        "TIME_ZONE": "Europe/Berlin",
        "ADDRESS_POOL": "10.64.0.0/16",
        "EXTRA_TAGS": "{}",
        "TEAMS_TENANT": "t",
        "TEAMS_PEOPLE": "{}",
        "TEAMS": "{}",
        "BUDGETS": "{}",
        "AzureWebJobsStorage__accountName": "stsome",
    }
    environment = {name: values.get(name, "") for name in given}
    environment["AzureWebJobsStorage__accountName"] = values["AzureWebJobsStorage__accountName"]
    assert "AzureWebJobsStorage__accountName:" in code(INFRA / "modules" / "app.bicep")
    assert settings.read(environment).storage_account == "stsome"


def test_every_parameter_that_must_be_given_is() -> None:
    declared = re.findall(r"(?m)^param (\w+) \w+( =)?", code(INFRA / "main.bicep"))
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    assert {name for name, default in declared if not default} <= set(given) <= {name for name, _ in declared}


@pytest.mark.parametrize("path", BICEP, ids=lambda path: path.name)
def test_every_module_is_there_and_gets_the_parameters_it_asks_for(path: Path) -> None:
    for file, body in re.findall(r"(?ms)^module \w+ '([^']+)' = \{\n(.*?)^\}", code(path)):
        asked = set(re.findall(r"(?m)^param (\w+) ", code(path.parent / file)))
        params = re.search(r"(?ms)^  params: \{\n(.*?)^  \}", body)
        assert params
        assert set(re.findall(r"(?m)^    (\w+):", params[1])) == asked


@pytest.mark.parametrize("path", BICEP, ids=lambda path: path.name)
def test_brackets_of_every_file_close(path: Path) -> None:
    text = code(path)
    assert [text.count(left) - text.count(right) for left, right in ("{}", "[]", "()")] == [0, 0, 0]
