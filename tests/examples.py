"""One example of each noun, to be varied by what a test is about: a Monday, a stack, a box, a policy, an estate."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from typing import Any

from lifecycle.blueprint import BoxWish, Part, blueprint
from lifecycle.estate import Estate
from lifecycle.model import (
    BoxIntent,
    BoxStatus,
    Level,
    Login,
    Outbound,
    Policy,
    Power,
    Seen,
    Sighting,
    Sku,
    StackIntent,
    Warned,
)
from lifecycle.schedule import Schedule, always, never, office
from lifecycle.settings import read
from lifecycle.sightings import digest_of

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def at(clock: str, day: int = 23) -> datetime:
    """Name an instant of November 2026 in UTC; the 23rd is a Monday."""
    hour, minute = clock.split(":")
    return datetime(2026, 11, day, int(hour), int(minute), tzinfo=UTC)


NOON = at("12:00")
POLICY = Policy()
OFFICE = office("Etc/UTC")
SCHEDULES: dict[str, Schedule] = {
    "always": always(),
    "never": never(),
    "office": OFFICE,
    "closing": replace(OFFICE, name="closing", stop_only=True),
}
ESTATE = Estate("11111111-2222-3333-4444-555555555555", "jumpboxes", "test")
ENVIRONMENT = {
    "AZURE_SUBSCRIPTION_ID": ESTATE.subscription_id,
    "RESOURCE_GROUP": ESTATE.resource_group,
    "LOCATION": "westeurope",
    "TIME_ZONE": "Europe/Berlin",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}
"""The least that must be set."""
SETTINGS = replace(read(ENVIRONMENT), address_pool=IPv4Network("10.64.0.0/20"))
STACK = StackIntent(
    region="westeurope",
    sku=Sku.BASIC,
    outbound=Outbound.DEFAULT,
    keep_public_ip=False,
    address_range="10.64.3.0/24",
    created_at=at("08:50"),
    created_by="alice",
)
BOX = BoxIntent(
    name="one",
    incarnation="first",
    owner="alice",
    requested_by="alice",
    requested_at=at("08:50"),
    reason="a look at the logs",
    hours=8.0,
    schedule="office",
    vm_size="Standard_D2s_v5",
    login=Login.KEY,
    ssh_public_key="ssh-ed25519 AAAA alice",
)
UNBUILT = BoxStatus("first")
READY = BoxStatus("first", level=Level.OPEN, first_ready_at=at("09:00"), ready_at=at("09:00"), last_open_at=at("09:00"))
"""Asked for at 08:50, ready at 09:00."""


def warned_of(known: BoxStatus, kind: str, deadline_at: datetime, told_at: datetime | None = None) -> BoxStatus:
    """Have people told of a deadline, by default exactly as early as the house promises."""
    told = Warned(deadline_at, told_at or deadline_at - POLICY.warning_lead)
    return replace(known, warned={**known.warned, kind: told})


def parts_of(
    *boxes: BoxIntent,
    stack: StackIntent = STACK,
    level: Level = Level.OPEN,
    built: bool = True,
    door: bool | None = None,
    closing: bool = False,
    net_at: datetime | None = None,
) -> dict[str, Part]:
    """Draw the blueprint of a stack whose boxes are all to be at one level."""
    wishes = [BoxWish(box, level, built, net_at) for box in boxes or (BOX,)]
    wanted = level is Level.OPEN if door is None else door
    return blueprint(ESTATE, "main", stack, wishes, door=wanted, closing=closing)


def seen_as(part: Part, sighting: Sighting = Sighting.SOUND, **more: Any) -> Seen:
    """See a part as it should be, in a given state."""
    return Seen(part.arm_id, sighting, at("09:00"), against=digest_of(part), **more)


def all_sound(parts: dict[str, Part]) -> dict[str, Seen]:
    """See a whole stack in order, its machines running and its frontend open to Bastion."""
    return {
        key: seen_as(
            part,
            power=Power.RUNNING if key.startswith("vm!") else None,
            drained=False if key == "nsg-frontend" else None,
        )
        for key, part in parts.items()
    }
