"""Why a person's wish is not granted: what they asked for, which rule stands against it, and nothing half done.

::

    Refusal
      Forbidden      who asks may not
      Missing        there is no such thing
      Taken          it is there already, or stands in the way
      Stale          it changed since the person looked (If-Match)
      Unwanted       a field's value breaks a rule of this house
"""

from __future__ import annotations


class Refusal(Exception):
    """A wish that is not granted. ``field`` names what it was about, ``rule`` says why, both for people."""

    def __init__(self, rule: str, field: str = "") -> None:
        super().__init__(f"{field}: {rule}" if field else rule)
        self.rule = rule
        self.field = field


class Forbidden(Refusal):
    """Who asks may not."""


class Missing(Refusal):
    """There is no such thing."""


class Taken(Refusal):
    """It is there already, or something stands in its way."""


class Stale(Refusal):
    """It changed since the person looked."""


class Unwanted(Refusal):
    """A field's value breaks a rule of this house."""
