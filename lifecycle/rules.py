"""The rules that values from outside must keep, each stated once, so that a refusal can name field and rule."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
NAME_RULE = "must be 1 to 40 lower-case letters, digits and hyphens, beginning with a letter"

_LONGEST_SHOWN = 80


class Invalid(ValueError):
    """A value breaks a rule. ``field`` is its path (``weekly[0].from``), ``rule`` says what it must be."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


def name_rule(field: str, value: object) -> str:
    """Accept the name of a stack, box or schedule. Raises Invalid."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Invalid(field, NAME_RULE)
    return value


def text_rule(field: str, value: object, longest: int) -> str:
    """Accept one line of 1 to ``longest`` printable characters. Raises Invalid."""
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        raise Invalid(field, f"must be a text of 1 to {longest} printable characters")
    return value


def truth_rule(field: str, value: object) -> bool:
    """Accept true or false and nothing that merely looks like it. Raises Invalid."""
    if not isinstance(value, bool):
        raise Invalid(field, "must be true or false")
    return value


def list_rule(field: str, value: object, least: int, most: int) -> list[Any]:
    """Accept a list of ``least`` to ``most`` entries. Raises Invalid."""
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise Invalid(field, f"must be a list of {least} to {most} entries")
    return value


def object_rule(field: str, value: object, known: Collection[str], needed: Collection[str] = ()) -> Mapping[str, Any]:
    """Accept an object with no fields but ``known`` and all of ``needed``; an unknown field is named. Raises Invalid.

    ``field`` is empty for the outermost object.
    """
    if not isinstance(value, Mapping):
        raise Invalid(field or "body", "must be an object")
    for name in value:
        if name not in known:
            raise Invalid(_below(field, str(name)[:_LONGEST_SHOWN]), f"is not known; there are {', '.join(known)}")
    for name in needed:
        if name not in value:
            raise Invalid(_below(field, name), "is required")
    return value


def _below(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name
