"""What every part of the simulated Azure shares: time, chance, what exists, and what it costs."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING, Protocol

from sandbox.arm.governance import Governance
from sandbox.arm.meters import Meters
from sandbox.arm.operations import Operation, Operations
from sandbox.arm.sessions import Sessions
from sandbox.arm.store import Store
from sandbox.arm.timeline import Timeline

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.arm.switches import Switches

TENANT = "00000000-0000-0000-0000-0000000000aa"

REGIONS = {
    "westeurope": "West Europe",
    "northeurope": "North Europe",
    "germanywestcentral": "Germany West Central",
    "swedencentral": "Sweden Central",
    "switzerlandnorth": "Switzerland North",
    "francecentral": "France Central",
    "italynorth": "Italy North",
    "uksouth": "UK South",
    "eastus": "East US",
    "eastus2": "East US 2",
    "centralus": "Central US",
    "westus": "West US",
    "westus2": "West US 2",
    "westus3": "West US 3",
    "southeastasia": "Southeast Asia",
    "koreacentral": "Korea Central",
    "japaneast": "Japan East",
    "australiaeast": "Australia East",
}


class TellsTime(Protocol):
    """Anything that tells the present instant, aware and in UTC."""

    def now(self) -> datetime:
        """Tell the present instant."""
        ...


class Cloud:
    """The shared ground of all resource types; `now` is the instant being lived."""

    def __init__(self, clock: TellsTime, seed: int, switches: Switches) -> None:
        self.clock = clock
        self.rng = random.Random(seed)
        self.switches = switches
        self.timeline = Timeline(clock.now())
        self.store = Store()
        self.busy: dict[str, Operation] = {}
        self.operations = Operations(self)
        self.meters = Meters(switches)
        self.sessions = Sessions(self)
        self.governance = Governance(self)

    @property
    def now(self) -> datetime:
        """The instant being lived."""
        return self.timeline.now

    def catch_up(self) -> None:
        """Let everything due by the clock happen, each at its own instant."""
        self.timeline.live_until(self.clock.now())

    def guid(self) -> str:
        """Draw a GUID from the seeded generator."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))


def region_name(location: str) -> str:
    """A region's name as it stands in ids and bodies: "West Europe" is "westeurope"."""
    return location.replace(" ", "").lower()
