"""The settings: defaults, and one refusal that lists everything."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from lifecycle.model import Sku
from lifecycle.settings import Settings, SettingsError, read
from tests.examples import ENVIRONMENT as LEAST

HOST = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/hub/providers/Microsoft.Network/bastionHosts/b"
)
SECRET = "cGFzc3dvcmQtb2YtdGVhbXM="


def given(**more: str) -> Settings:
    return read({**LEAST, **more})


def refused(**more: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        given(**more)
    return caught.value.troubles


def test_five_settings_are_enough_and_the_rest_is_as_promised() -> None:
    found = given()
    assert found.policy.idle_limit == timedelta(minutes=30)
    assert found.policy.warning_lead == timedelta(minutes=15)
    assert found.policy.closing_grace == timedelta(hours=2)
    assert (found.policy.lease_hours, found.policy.longest_lease_hours, found.policy.wake_hours) == (8, 14 * 24, 2)
    assert found.skus == tuple(Sku)
    assert found.regions == ("westeurope",)
    assert (str(found.address_pool), found.stack_prefix) == ("10.64.0.0/16", 24)
    assert (found.default_stack, found.estate.deployment, found.estate.extra_tags) == ("main", "main", {})
    assert (found.arm_endpoint, found.clock_url, found.local) == ("https://management.azure.com", None, False)
    assert (found.nightly, found.billing_quantum, found.auth_enabled) == ("0 0 2 * * *", "second", False)
    assert (found.teams_secret, found.teams_tenant, found.notify_url) == (None, None, None)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read({"AZURE_SUBSCRIPTION_ID": "mine", "IDLE_MINUTES": "1", "TIME_ZONE": "Mars/Olympus", "NIGHTLY": "daily"})
    message = str(caught.value)
    assert message.startswith(f"the app cannot start; {len(caught.value.troubles)} of its settings must be put right:")
    for name in ("AZURE_SUBSCRIPTION_ID", "RESOURCE_GROUP", "LOCATION", "TIME_ZONE", "AzureWebJobsStorage",
                 "IDLE_MINUTES", "NIGHTLY"):  # fmt: skip
        assert message.count(f"- {name} ") == 1


@pytest.mark.parametrize("name", sorted(LEAST))
def test_what_is_needed_and_missing_is_named(name: str) -> None:
    assert any(trouble == f"{name} is missing" for trouble in refused(**{name: " "}))


WRONG = [
    ("AZURE_SUBSCRIPTION_ID", "not-a-uuid", "a subscription's id (a UUID)"),
    ("TIME_ZONE", "CEST/Berlin", "an IANA zone"),
    ("IDLE_MINUTES", "4", "a number from 5 to 1440"),
    ("IDLE_MINUTES", "nan", "a number from 5 to 1440"),
    ("WARNING_MINUTES", "soon", "a number from 1 to 1440"),
    ("CLOSING_POLICY", "slam", "grace or cut"),
    ("CLOSING_GRACE_HOURS", "25", "a number from 0 to 24"),
    ("LEASE_HOURS", "0", "a number from 0.25 to 336"),
    ("ADDRESS_POOL", "10.64.0.1/16", "an IPv4 range"),
    ("STACK_PREFIX", "26", "a prefix length from 16 to 25"),
    ("BASTION_SKUS", "Basic,Developer", "some of Basic, Standard, Premium"),
    ("BILLING_QUANTUM", "day", "second or hour"),
    ("BILLING_START", "never", "unknown, accepted or succeeded"),
    ("CURRENCY", "euro", "a currency's code of three capitals"),
    ("EXCHANGE_RATE", "0", "a number above 0"),
    ("EXCHANGE_RATE", "NaN", "a number above 0"),
    ("PRICES_URL", "http://prices.example/", "https, or http on loopback"),
    ("BUDGETS", "[]", "a JSON object"),
    ("BUDGETS", '{"team/red": {"usd": 0}}', "a JSON object"),
    ("BUDGETS", '{"team/red": {"usd": true}}', "a JSON object"),
    ("BUDGETS", '{"red": {"usd": 5}}', "a JSON object"),
    ("BUDGETS", '{"team/red": {"usd": 5, "warnAt": [0]}}', "a JSON object"),
    ("BUDGETS", '{"team/red": {"usd": 5, "stop": "yes"}}', "a JSON object"),
    ("BUDGETS", '{"team/red": {"usd": 5, "colour": 1}}', "a JSON object"),
    ("NIGHTLY", "0 2 * * *", "six NCRONTAB fields"),
    ("ARM_ENDPOINT", "http://example.com", "https, or http on loopback"),
    ("ARM_ENDPOINT", "ftp://127.0.0.1", "https, or http on loopback"),
    ("ARM_ENDPOINT", "http://127.0.0.1.example.com", "https, or http on loopback"),
    ("CLOCK_URL", "http://10.0.0.1:7081", "an http address on loopback"),
    ("EXTRA_TAGS", '{"stack": "mine"}', "a JSON object of texts"),
    ("EXTRA_TAGS", '{"Managed-By": "me"}', "a JSON object of texts"),
    ("EXTRA_TAGS", '{"owner": "me"}', "a JSON object of texts"),
    ("EXTRA_TAGS", '{"a": 1}', "a JSON object of texts"),
    ("EXTRA_TAGS", '{"a/b": "1"}', "a JSON object of texts"),
    ("EXTRA_TAGS", '["a"]', "a JSON object of texts"),
    ("TEAMS_PEOPLE", '{"alice": "alice@example.com"}', "a JSON object from Entra object id to person"),
    ("NOTIFY_URL", "http://example.com/hook", "an https address"),
]


@pytest.mark.parametrize(("name", "value", "rule"), WRONG, ids=[f"{name}={value}" for name, value, _ in WRONG])
def test_a_malformed_setting_is_refused_with_its_rule(name: str, value: str, rule: str) -> None:
    (trouble,) = [each for each in refused(**{name: value}) if each.startswith(f"{name} ")]
    assert rule in trouble


@pytest.mark.parametrize(
    ("name", "value"),
    [("NOTIFY_URL", "http://example.com/hook?sig=abc"), ("TEAMS_PEOPLE", SECRET)],
)
def test_what_may_be_a_secret_is_not_repeated(name: str, value: str) -> None:
    (trouble,) = refused(**{name: value})
    assert trouble.endswith("it is not shown")
    assert value not in trouble


def test_no_refusal_repeats_a_secret_that_is_well_formed() -> None:
    storage = "AccountName=x;AccountKey=" + SECRET
    troubles = refused(TEAMS_SECRET=SECRET, IDLE_MINUTES="0", AzureWebJobsStorage=storage)
    assert len(troubles) == 2
    assert SECRET not in "".join(troubles)


TOGETHER = [
    ({"REGIONS": "northeurope"}, "REGIONS must contain LOCATION (westeurope)"),
    ({"LEASE_HOURS": "10", "LONGEST_LEASE_HOURS": "9"}, "LONGEST_LEASE_HOURS must not be below LEASE_HOURS"),
    ({"ADDRESS_POOL": "10.64.0.0/25", "STACK_PREFIX": "24"}, "ADDRESS_POOL must be at least as large"),
    ({"TEAMS_SECRET": SECRET}, "TEAMS_TENANT is missing"),
    ({"CURRENCY": "EUR"}, "EXCHANGE_RATE is missing"),
    ({"CLOCK_URL": "http://127.0.0.1:7081"}, "CLOCK_URL is for the sandbox only"),
]


@pytest.mark.parametrize(("more", "rule"), TOGETHER, ids=[rule for _, rule in TOGETHER])
def test_settings_that_do_not_go_together_are_refused(more: dict[str, str], rule: str) -> None:
    (trouble,) = refused(**more)
    assert trouble.startswith(rule)


def test_a_clock_that_can_be_moved_needs_a_sandbox() -> None:
    found = given(CLOCK_URL="http://127.0.0.1:7081", ARM_ENDPOINT="http://127.0.0.1:7081/")
    assert (found.clock_url, found.arm_endpoint, found.local) == (
        "http://127.0.0.1:7081", "http://127.0.0.1:7081", True
    )  # fmt: skip


def test_an_identity_needs_no_connection_string() -> None:
    named = {**LEAST, "AzureWebJobsStorage": "", "AzureWebJobsStorage__accountName": "store"}
    assert (read(named).storage, read(named).storage_account) == ("", "store")


def test_the_policy_cut_has_no_grace() -> None:
    assert given(CLOSING_POLICY="cut").policy.closing_grace == timedelta()


def test_the_tags_of_the_house_are_taken() -> None:
    assert given(EXTRA_TAGS='{"cost-center": "42"}').estate.extra_tags == {"cost-center": "42"}


def test_stacks_may_use_the_door_of_another_stack_or_of_a_bastion_that_is_not_ours() -> None:
    assert given().hubs == {}
    text = json.dumps({"a": {"hub": "shared"}, "b": {"hub": "main"}, "c": {"hub": HOST}, "shared": {}})
    assert given(STACKS=text).hubs == {"a": "shared", "b": "main", "c": HOST, "shared": None}


@pytest.mark.parametrize(
    ("stacks", "said"),
    [
        ({"a": {"hub": "typo"}}, "the hub typo of a is not known"),
        ({"a": {"hub": "a"}}, "a cannot be its own hub"),
        ({"a": {"hub": "b"}, "b": {"hub": "main"}}, "the hub b of a uses a hub itself"),
        ({"main": {"hub": HOST}, "b": {"hub": "main"}}, "the hub main of b uses a hub itself"),
        ({"a": {"hub": "/subscriptions/x/bastionHosts/b"}}, "must be a stack or the ARM id of a Bastion"),
        ({"a": {"hub": HOST.replace("bastionHosts", "virtualNetworks")}}, "must be a stack or the ARM id of a Bastion"),
        ({f"a{number}": {"hub": "main"} for number in range(51)}, "51 stacks use the hub main; at most 50 may"),
        ({"a": {"hbu": "main"}}, "must be a JSON object like"),
        ({"a": "main"}, "must be a JSON object like"),
        ({"A": {"hub": "main"}}, "must be a JSON object like"),
        ({"a": {"hub": 1}}, "must be a JSON object like"),
        ([], "must be a JSON object like"),
    ],
)
def test_a_hub_that_cannot_be_one_is_refused_with_its_name(stacks: object, said: str) -> None:
    (trouble,) = refused(STACKS=json.dumps(stacks))
    assert said in trouble


def test_a_stack_may_have_an_idle_limit_and_a_way_of_closing_of_its_own() -> None:
    stacks = {"lab": {"idleMinutes": 90, "closing": "cut"}, "ops": {"graceHours": 6}, "plain": {}}
    house = given(STACKS=json.dumps(stacks)).policy
    assert (house.of("lab").idle_limit, house.of("lab").closing_grace) == (timedelta(minutes=90), timedelta(0))
    assert (house.of("ops").idle_limit, house.of("ops").closing_grace) == (house.idle_limit, timedelta(hours=6))
    for name in ("plain", "other"):
        assert (house.of(name).idle_limit, house.of(name).closing_grace) == (house.idle_limit, house.closing_grace)


@pytest.mark.parametrize(
    "wish",
    [
        {"idleMinutes": 4},
        {"idleMinutes": "30"},
        {"idleMinutes": True},
        {"graceHours": 25},
        {"closing": "soon"},
        {"closing": "cut", "graceHours": 1},
        {"idle": 30},
    ],
)
def test_rules_of_a_stack_that_are_none_stop_the_app(wish: object) -> None:
    (trouble,) = refused(STACKS=json.dumps({"lab": wish}))
    assert "STACKS must be" in trouble
    assert "idleMinutes 5 to 1440" in trouble
