"""What a seed draws: how rough it is, how Azure is, how the house is set up, and how many stacks live how long."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from sandbox.arm.switches import Switches

STACK_DAYS = 21
SHAPES = ((3, 7), (3, 7), (3, 7), (7, 3), (1, 21))
"""Stacks and days; both together make STACK_DAYS."""

ZONES = (
    "Etc/UTC",
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Asia/Kolkata",
    "America/St_Johns",
)
TURNS = (
    ("Europe/London", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 5, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2026, 3, 22, tzinfo=UTC)),
)
"""Zones and days on which their clocks change."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often what happens: shares of the occasions, unless the name says otherwise."""

    slow: float
    """Of all scheduling points, those that take time."""
    slow_seconds: float
    stop: float
    """Of all scheduling points, those at which the process stops for 20 seconds to half an hour."""
    crash: float
    """Of all effects, those that a process does not survive, counted before and after."""
    table_refused: float
    table_silent: float
    table_conflict: float
    message_lost: float
    message_doubled: float
    message_late: float
    garbage_per_day: float
    timer_missed: float
    timer_doubled: float
    spells_per_day: float
    """Faults of Azure that begin, per day of the run."""
    humans_per_day: float
    """Acts in the portal, per stack and day."""
    words_per_day: float
    """What people ask, per stack and day."""
    visits_per_day: float
    """Sessions, per stack and day."""
    vintage_per_day: float
    """Rows that turn out to have been written by an older version, per day of the run."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Everything that a seed settles before its run begins."""

    seed: int
    stacks: tuple[str, ...]
    days: int
    start: datetime
    zone: str
    environment: dict[str, str]
    switches: Switches
    rates: Rates
    workers: int
    timers_stop_after: timedelta | None
    hub: bool
    skews: tuple[timedelta, ...] = field(default=())

    @property
    def stack_days(self) -> int:
        """How many days of how many stacks are lived through before the faults stop."""
        return len(self.stacks) * self.days


def brief(draw: Draw) -> Draw:
    """Cut a run to a day of two stacks at most: the same roughness, house and Azure, for where time is short."""
    return replace(draw, stacks=draw.stacks[:2], days=1)


def drawn(seed: int) -> Draw:
    """Draw a run. The same seed draws the same, whatever else changes in how runs go."""
    rng = Random(f"draw {seed}")
    count, days = rng.choice(SHAPES)
    zone, start = _when(rng)
    hub = count > 1 and rng.random() < 0.35
    names = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf")[:count]
    roughness = rng.choice((0.0, 0.3, 1.0, 1.0, 2.5))
    return Draw(
        seed,
        names,
        days,
        start,
        zone,
        _environment(rng, zone, names, hub=hub),
        _switches(rng),
        _rates(rng, roughness),
        workers=rng.choice((2, 2, 3)),
        timers_stop_after=timedelta(days=days * rng.random()) if rng.random() < 0.2 else None,
        hub=hub,
        skews=tuple(timedelta(seconds=rng.uniform(-5, 5) if roughness else 0) for _ in range(3)),
    )


def _when(rng: Random) -> tuple[str, datetime]:
    if rng.random() < 0.35:
        zone, turn = rng.choice(TURNS)
        start = turn - timedelta(days=rng.randint(1, 3))
    else:
        zone, start = rng.choice(ZONES), datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=rng.randrange(360))
    return zone, start + timedelta(minutes=rng.randrange(24 * 60))


def _environment(rng: Random, zone: str, names: tuple[str, ...], *, hub: bool) -> dict[str, str]:
    environment = {
        "TIME_ZONE": zone,
        "CLOSING_POLICY": rng.choice(("cut", "grace")),
        "CLOSING_GRACE_HOURS": rng.choice(("1", "2", "4")),
        "IDLE_MINUTES": rng.choice(("15", "30", "60", "60")),
        "WARNING_MINUTES": rng.choice(("5", "15", "30")),
        "BLIND_HOURS": rng.choice(("2", "6", "12")),
        "PREWARM": rng.choice(("true", "false")),
        "DELETIONS_PER_HOUR": rng.choice(("6", "20", "60")),
    }
    if hub:
        environment["STACKS"] = json.dumps({names[0]: {}} | {name: {"hub": names[0]} for name in names[1:]})
    return environment


def _switches(rng: Random) -> Switches:
    switches = Switches.drawn(rng)
    switches.long_operation_urls = rng.random() < 0.3
    switches.auto_shutdown = rng.random() < 0.7
    switches.throttling = rng.random() < 0.3
    switches.bastions_per_region = rng.choice((1000, 1000, 2))
    switches.cores_per_region = rng.choice((350, 350, 6))
    switches.public_ips_per_region = rng.choice((1000, 1000, 3))
    switches.unavailable_sizes = rng.choice(([], [], ["Standard_D4s_v5"]))
    switches.unregistered_providers = rng.choice(([], [], [], ["Microsoft.DevTestLab"]))
    switches.required_tags = rng.choice(([], [], ["cost-center"], ["nobody-sets-this"]))
    switches.developer_regions = rng.choice(([], ["westeurope"]))
    switches.page_size = rng.choice((2, 1000))
    return switches


def _rates(rng: Random, roughness: float) -> Rates:
    def some(most: float) -> float:
        return roughness * most * rng.random()

    return Rates(
        slow=rng.choice((0.02, 0.1)),
        slow_seconds=rng.choice((1.0, 5.0)),
        stop=some(0.0004),
        crash=some(0.008),
        table_refused=some(0.004),
        table_silent=some(0.006),
        table_conflict=some(0.006),
        message_lost=some(0.05),
        message_doubled=some(0.1),
        message_late=some(0.1),
        garbage_per_day=some(4),
        timer_missed=some(0.4),
        timer_doubled=some(0.2),
        spells_per_day=some(10),
        humans_per_day=some(0.8),
        words_per_day=rng.uniform(0.1, 0.5),
        visits_per_day=rng.uniform(0.2, 0.8),
        vintage_per_day=some(2),
    )
