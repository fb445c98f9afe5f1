"""Finding the app's functions: what triggers each, read through the library's public API only.

The Python v2 model describes every binding as the JSON that function.json would hold; that form is the same in
azure-functions 1.x and 2.x, so it is what is read here.
"""

import importlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from sandbox.host.ncrontab import BadSchedule, Schedule


class SettingsError(Exception):
    """Settings are missing or wrong; the message is for the person who starts the app, and a restart cannot help."""


class IndexedFunction(Protocol):
    """What the library's `get_functions()` hands out, as far as a host needs it."""

    def get_function_name(self) -> str | None:
        """Name it, if it was given a name."""

    def get_user_function(self) -> Callable[..., Any]:
        """Hand out what is to be called."""

    def get_raw_bindings(self) -> list[str]:
        """Describe its bindings, each as the JSON of function.json."""


class FunctionsApp(Protocol):
    """The app object of the v2 programming model."""

    def get_functions(self) -> Iterable[IndexedFunction]:
        """List every function of the app."""


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """An HTTP function: its route below the prefix and its methods (none given means all)."""

    route: str
    methods: frozenset[str]


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """A queue function: the queue's name and its storage account's connection string."""

    queue: str
    connection_string: str


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """A timer function: its schedule in UTC and whether it also runs when the host starts."""

    expression: str
    schedule: Schedule
    run_on_startup: bool


Trigger: TypeAlias = HttpTrigger | QueueTrigger | TimerTrigger

ALL_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the app: its name, what starts it, and the argument that carries the trigger."""

    name: str
    call: Callable[..., Any]
    argument: str
    trigger: Trigger


def load(target: str) -> FunctionsApp:
    """Import `module:attribute`; whatever the import raises escapes, so that the caller can tell settings errors."""
    module, _, attribute = target.partition(":")
    app: FunctionsApp = getattr(importlib.import_module(module), attribute or "app")
    return app


def index(app: FunctionsApp, environment: Mapping[str, str] = os.environ) -> tuple[Function, ...]:
    """Read every function of the app, once (the library refuses a second `get_functions()`).

    Raises SettingsError when a `%SETTING%` or a connection has no value, or a schedule cannot be read, naming all.
    """
    found: list[Function] = []
    troubles: list[str] = []
    for indexed in app.get_functions():
        name = indexed.get_function_name() or indexed.get_user_function().__name__
        try:
            found.append(_function(name, indexed, environment))
        except (SettingsError, BadSchedule) as error:
            troubles.append(f"{name}: {error}")
    if troubles:
        raise SettingsError("The app's functions cannot be indexed:\n" + "\n".join(f"  {line}" for line in troubles))
    return tuple(found)


def resolve(text: str, environment: Mapping[str, str]) -> str:
    """Replace each `%SETTING%` by the setting's value, as the platform does in schedules, queue names and routes."""

    def value(match: re.Match[str]) -> str:
        try:
            return environment[match[1]]
        except KeyError:
            raise SettingsError(f"the setting {match[1]} has no value") from None

    return re.sub(r"%([^%\s]+)%", value, text)


def _function(name: str, indexed: IndexedFunction, environment: Mapping[str, str]) -> Function:
    bindings = [json.loads(raw) for raw in indexed.get_raw_bindings()]
    triggers = [binding for binding in bindings if binding["type"].lower().endswith("trigger")]
    others = [binding["type"] for binding in bindings if binding not in triggers and binding["type"] != "http"]
    if len(triggers) != 1:
        raise SettingsError("a function has exactly one trigger")
    if others:
        raise SettingsError(f"the sandbox's host offers no binding of type {', '.join(others)}")
    binding = triggers[0]
    return Function(name, indexed.get_user_function(), binding["name"], _trigger(name, binding, environment))


def _trigger(name: str, binding: Mapping[str, Any], environment: Mapping[str, str]) -> Trigger:
    match binding["type"]:
        case "httpTrigger":
            methods = frozenset(str(method).upper() for method in binding.get("methods") or ())
            return HttpTrigger(resolve(binding.get("route", name), environment).strip("/"), methods or ALL_METHODS)
        case "queueTrigger":
            setting = binding.get("connection") or "AzureWebJobsStorage"
            # A connection may be named with or without the platform's own prefix.
            connection = environment.get(setting) or environment.get(f"AzureWebJobs{setting}")
            if not connection:
                raise SettingsError(f"the setting {setting} has no connection string")
            return QueueTrigger(resolve(binding["queueName"], environment).lower(), connection)
        case "timerTrigger":
            expression = resolve(binding["schedule"], environment)
            return TimerTrigger(expression, Schedule.parse(expression), bool(binding.get("runOnStartup", False)))
        case other:
            raise SettingsError(f"the sandbox's host offers no trigger of type {other}")
