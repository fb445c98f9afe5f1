"""The functions there are, and the document that describes them: changes when a route comes or goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lifecycle.web import fields
from lifecycle.web.openapi import ROUTES, document
from tests.functions.desk import ENVIRONMENT, NOBODY, Desk

ROOT = Path(__file__).parents[2]
LIST_FUNCTIONS = """
import json, function_app
print(json.dumps([
    [function.get_function_name(), [json.loads(raw) for raw in function.get_raw_bindings()]]
    for function in function_app.app.get_functions()
]))
"""
Bindings = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def functions() -> Bindings:
    """Index the app in a process of its own: the library refuses to do it twice."""
    ran = subprocess.run(
        [sys.executable, "-c", LIST_FUNCTIONS],
        env={"PATH": os.environ["PATH"], **ENVIRONMENT, "NIGHTLY": "0 30 3 * * *"},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(json.loads(ran.stdout))


def triggers(functions: Bindings, kind: str) -> dict[str, dict[str, Any]]:
    return {name: each for name, bindings in functions.items() for each in bindings if each["type"] == kind}


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {(verb, path): said for path, verbs in document()["paths"].items() for verb, said in verbs.items()}


def test_the_document_and_the_app_have_the_same_routes_and_verbs(functions: Bindings) -> None:
    served = {
        (method.lower(), f"/api/{each['route']}"): name
        for name, each in triggers(functions, "httpTrigger").items()
        for method in each["methods"]
    }
    assert served == {at: operation["operationId"] for at, operation in operations().items()}


def test_no_two_functions_answer_the_same_call(functions: Bindings) -> None:
    calls = [
        (method, each["route"]) for each in triggers(functions, "httpTrigger").values() for method in each["methods"]
    ]
    assert len(calls) == len(set(calls))


def test_no_route_asks_for_a_key_since_the_app_itself_tells_people_apart(functions: Bindings) -> None:
    assert {each["authLevel"].lower() for each in triggers(functions, "httpTrigger").values()} == {"anonymous"}


def test_the_queues_are_those_of_the_design_with_their_poison_queues(functions: Bindings) -> None:
    found = triggers(functions, "queueTrigger")
    assert {name: each["queueName"] for name, each in found.items()} == {
        "reconcile": "reconcile",
        "notify": "notify",
        "chores": "chores",
        "chores_poison": "chores-poison",
        "reconcile_poison": "reconcile-poison",
        "notify_poison": "notify-poison",
    }
    assert {each["connection"] for each in found.values()} == {"AzureWebJobsStorage"}


def test_the_sweep_comes_every_five_minutes_and_the_night_when_the_setting_says(functions: Bindings) -> None:
    found = triggers(functions, "timerTrigger")
    assert found["sweep"]["schedule"] == "0 */5 * * * *"
    assert found["refresh_prices"]["schedule"] == "0 23 3 * * *"
    assert found["nightly"]["schedule"] == "0 30 3 * * *"
    assert not any(each["runOnStartup"] for each in found.values())


def test_the_site_answers_every_http_function(functions: Bindings, desk: Desk) -> None:
    answered = set(desk.site.acts) | {"alive", "health", "keep_page", "openapi", "static_file", "teams", "use_link"}
    assert answered == set(triggers(functions, "httpTrigger"))


async def test_the_document_is_served_to_anybody(desk: Desk) -> None:
    reply = await desk("GET", "/openapi.json", who=NOBODY)
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert reply.body == document()


def test_the_document_has_the_shape_of_openapi_3_1() -> None:
    text = document()
    assert text["openapi"].startswith("3.1.")
    assert text["info"]["title"]
    assert text["info"]["version"]
    assert set(text) <= {"openapi", "info", "servers", "paths", "components", "security", "tags"}
    names = [operation["operationId"] for operation in operations().values()]
    assert len(names) == len(set(names))
    for (_, path), operation in operations().items():
        assert set(operation) <= {"operationId", "summary", "parameters", "requestBody", "responses", "security"}
        assert all(code == "default" or 200 <= int(code) <= 599 for code in operation["responses"])
        assert all(response["description"] for response in operation["responses"].values())
        for scheme in operation["security"]:
            assert set(scheme) <= set(text["components"]["securitySchemes"])
        in_path = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert in_path == {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert all(each["required"] for each in operation["parameters"] if each["in"] == "path")


def test_every_reference_of_the_document_leads_somewhere() -> None:
    text = document()

    def check(value: object) -> None:
        if isinstance(value, dict):
            target = value.get("$ref")
            if target is not None:
                found: Any = text
                for step in target.removeprefix("#/").split("/"):
                    found = found[step]
            for below in value.values():
                check(below)
        elif isinstance(value, list):
            for below in value:
                check(below)

    check(text)


@pytest.mark.parametrize(
    ("function", "known"),
    [
        ("create_jumpbox", fields.BOX_ASK),
        ("extend_jumpbox", fields.WORD),
        ("wake_jumpbox", fields.WORD),
        ("follow_schedule", fields.FOLLOW),
        ("park_jumpbox", fields.REASON),
    ],
)
def test_the_document_names_the_very_fields_that_are_read(function: str, known: dict[str, Any]) -> None:
    body = next(route[5] for route in ROUTES if route[0] == function)
    assert body is not None
    assert set(body) == set(known)


async def test_health_says_that_the_app_runs_and_nothing_else(desk: Desk) -> None:
    reply = await desk("GET", "/health", who=NOBODY)
    assert (reply.status, reply.body) == (200, {"status": "ok"})
