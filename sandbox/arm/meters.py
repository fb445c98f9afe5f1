"""The bill as Azure would write it: for every meter, the true interval during which it ran."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.arm.wire import stamp

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.arm.switches import Switches
    from sandbox.arm.wire import Json

DATA = "bastion.data"
_SECONDS_PER_HOUR = 3600.0


@dataclass(slots=True)
class Interval:
    """One stretch during which a resource ran a meter; `units` is above 1 for scale units only.

    Data bills by what flows, not by the hour: its stretch has `gigabytes_per_hour`.
    """

    resource: str
    meter: str
    accepted_at: datetime
    settled_at: datetime | None = None
    ended_at: datetime | None = None
    units: int = 1
    gigabytes_per_hour: float = 0.0


class Meters:
    """Ground truth of what bills, from acceptance of a create to completion of a delete.

    When a meter starts and whether it rounds up to hours is not documented for all of them: switches.
    """

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._all: list[Interval] = []
        self._open: dict[tuple[str, str], Interval] = {}

    def open(self, resource: str, meter: str, now: datetime, units: int = 1) -> None:
        """Start a meter unless it runs with the same units already; other units end the old stretch."""
        key = (resource.lower(), meter)
        running = self._open.get(key)
        if running is not None:
            if running.units == units:
                return
            self.close(resource, meter, now)
        interval = Interval(resource, meter, now, units=units)
        if running is not None:
            interval.settled_at = now
        self._open[key] = interval
        self._all.append(interval)

    def settle(self, resource: str, now: datetime, *meters: str) -> None:
        """The create or start behind these meters has ended, well or badly: failures bill too."""
        for meter in meters:
            interval = self._open.get((resource.lower(), meter))
            if interval is not None and interval.settled_at is None:
                interval.settled_at = now

    def close(self, resource: str, meter: str, now: datetime) -> None:
        """Stop a meter, if it runs."""
        interval = self._open.pop((resource.lower(), meter), None)
        if interval is not None:
            interval.ended_at = now

    def flow(self, resource: str, now: datetime, gigabytes_per_hour: float) -> Interval:
        """Let data flow out of a Bastion; whoever lets it flow ends the stretch."""
        interval = Interval(resource, DATA, now, settled_at=now, gigabytes_per_hour=gigabytes_per_hour)
        self._all.append(interval)
        return interval

    def running(self, resource: str, meter: str) -> bool:
        """Whether a meter runs."""
        return (resource.lower(), meter) in self._open

    def shown(self, now: datetime) -> list[Json]:
        """Every stretch with its hours; an open one has no `to` and its hours up to now."""
        rows = (self._row(interval, now) for interval in self._all)
        return [row for row in rows if row is not None]

    def _row(self, interval: Interval, now: datetime) -> Json | None:
        began_at: datetime | None = interval.accepted_at
        if self._switches.billing_start == "succeeded":
            began_at = interval.settled_at
        ended_at = interval.ended_at or now
        if began_at is None or began_at > ended_at:
            return None
        hours = (ended_at - began_at).total_seconds() / _SECONDS_PER_HOUR
        flowed: Json = {}
        if interval.meter == DATA:
            flowed, hours = {"gigabytes": hours * interval.gigabytes_per_hour}, 0.0
        if self._switches.billing_quantum == "hour":
            hours = float(math.ceil(hours))
        return {
            "resource": interval.resource,
            "meter": interval.meter,
            "from": stamp(began_at),
            "to": stamp(interval.ended_at) if interval.ended_at is not None else None,
            "hours": hours * interval.units,
            **flowed,
        }
