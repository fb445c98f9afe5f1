"""What nobody knows about Azure, each as a named switch: a simulation may throw any of them."""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from sandbox.arm.wire import Json


@dataclass(slots=True)
class Switches:
    """The open questions of azure.md and the limits of a subscription, with their defaults.

    Their JSON names are the same in camelCase. Durations end in their unit and are clock time.
    """

    billing_quantum: str = "second"
    """Whether an interval bills to the second or rounds up to whole hours."""
    billing_start: str = "accepted"
    """Whether a meter runs from the accepted create or from its end."""
    retry_after: str = "recorded"
    """Whether Retry-After comes as recorded, or never."""
    long_operation_urls: bool = True
    """Operation URLs carry the ~3 KB signature that ARM hands out since late 2023."""
    operation_url_lifetime_minutes: float = 1440.0
    """How long an operation's URL answers after its end."""
    session_reply: str = "object"
    """The shape of the session list: {"value": []}, a bare array, null, or no body."""
    sessions_on_developer: bool = True
    """Whether the Developer SKU lists its sessions."""
    session_metric: str = "counted"
    """Whether the Session Count metric counts, has no data, or fails."""
    extension_without_outbound: str = "fails"
    """What the Entra login extension does on a machine without outbound."""
    concurrent_writes: str = "retryable"
    """Whether colliding writes answer 429 RetryableError or 409 AnotherOperationInProgress."""
    patches: str = "at-once"
    """Whether a PATCH of a Bastion host, machine, extension or disk is done at once, or an operation."""
    public_ip_lingers_seconds: float = 60.0
    """A public IP refuses deletion for up to this long after its Bastion is gone."""
    slow_tail: float = 0.0
    """The share of Bastion creations that take 10 to 35 minutes."""
    auto_shutdown: bool = True
    """Whether DevTestLab schedules fire."""
    role_lag_minutes: float = 0.0
    """For how long after the start writes are refused: role assignments lag."""
    required_tags: list[str] = field(default_factory=list)
    """A deny policy: resources without these tags are refused."""
    added_tags: dict[str, str] = field(default_factory=dict)
    """A modify policy: these tags are added to every resource written."""
    throttling: bool = False
    """Whether ARM's token buckets are enforced."""
    cores_per_region: int = 350
    public_ips_per_region: int = 1000
    bastions_per_region: int = 1000
    unavailable_sizes: list[str] = field(default_factory=list)
    """VM sizes that answer SkuNotAvailable, as `size` or `region/size`."""
    unregistered_providers: list[str] = field(default_factory=list)
    developer_regions: list[str] = field(default_factory=lambda: ["westeurope", "westus", "northeurope"])
    page_size: int = 1000

    def shown(self) -> Json:
        """All switches by their JSON names."""
        return {_camel(known.name): getattr(self, known.name) for known in fields(self)}

    def throw(self, changes: Json) -> None:
        """Set switches by their JSON names; all or none. Raises ValueError with what is wrong."""
        known = {_camel(each.name): each.name for each in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"there is no switch {name}; there are {', '.join(sorted(known))}")
            _check(known[name], getattr(self, known[name]), value)
        for name, value in changes.items():
            current = getattr(self, known[name])
            setattr(self, known[name], float(value) if isinstance(current, float) else copy(value))

    @classmethod
    def drawn(cls, rng: Random) -> Switches:
        """Draw every open question, for a simulation that must hold whichever way they fall."""
        drawn = cls()
        for name, choices in CHOICES.items():
            setattr(drawn, name, rng.choice(choices))
        drawn.sessions_on_developer = rng.random() < 0.5  # noqa: PLR2004 - an even chance
        drawn.operation_url_lifetime_minutes = rng.choice((5.0, 60.0, 1440.0))
        drawn.public_ip_lingers_seconds = rng.choice((0.0, 60.0, 300.0))
        drawn.slow_tail = rng.choice((0.0, 0.1))
        drawn.role_lag_minutes = rng.choice((0.0, 0.0, 30.0))
        drawn.added_tags = rng.choice(({}, {"costCenter": "policy"}))
        return drawn


CHOICES: dict[str, tuple[str, ...]] = {
    "billing_quantum": ("second", "hour"),
    "billing_start": ("accepted", "succeeded"),
    "retry_after": ("recorded", "absent"),
    "session_reply": ("object", "array", "null", "empty"),
    "session_metric": ("counted", "empty", "error"),
    "extension_without_outbound": ("fails", "succeeds"),
    "concurrent_writes": ("retryable", "conflict"),
    "patches": ("at-once", "operation"),
}


def _check(name: str, current: object, value: object) -> None:
    shown = _camel(name)
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise ValueError(f"{shown} is one of {', '.join(CHOICES[name])}")
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(current, bool) or not isinstance(current, int | float):
        right = isinstance(value, type(current))
    else:
        right = number and float(value) >= 0  # type: ignore[arg-type]
    if not right:
        raise ValueError(f"{shown} is a {type(current).__name__}, not {value!r}")


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
