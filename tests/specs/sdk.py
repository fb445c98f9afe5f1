"""What the installed SDK's models know: younger than the OpenAPI files, and generated from their successors."""

from __future__ import annotations

import importlib
from enum import Enum
from functools import cache
from typing import Any, get_type_hints


@cache
def _named(sdk: str) -> dict[str, Any]:
    """The models and enums of an SDK by their names in lower case: spelling has changed over the years."""
    module = importlib.import_module(f"{sdk}.models") if sdk else None
    return {name.lower(): found for name, found in vars(module).items() if isinstance(found, type)} if module else {}


def named(sdk: str, model: str) -> type:
    """A model; raises KeyError when there is none."""
    found: type = _named(sdk)[model.lower()]
    return found


@cache
def fields(sdk: str, model: str) -> dict[str, Any]:
    """The properties of a model by their names on the wire, each with its type; empty when there is none."""
    found = _named(sdk).get(model.lower())
    return fields_of(found) if found is not None else {}


@cache
def fields_of(model: type) -> dict[str, Any]:
    """The properties of a model that was found; empty for a class that is none."""
    if not hasattr(model, "_deserialize"):
        return {}
    module = importlib.import_module(model.__module__)
    package = importlib.import_module(model.__module__.rpartition(".")[0])
    types = get_type_hints(model, vars(module), {"_models": package})
    found: dict[str, Any] = {}
    for each in reversed(model.__mro__):
        for name, value in vars(each).items():
            if hasattr(value, "_rest_name_input"):
                found[value._rest_name_input or name] = types[name]
    return found


@cache
def values(sdk: str, enum: str) -> frozenset[str]:
    """The values of an enum."""
    found = _named(sdk).get(enum.lower())
    if isinstance(found, type) and issubclass(found, Enum):
        return frozenset(str(each.value) for each in found)
    return frozenset()
