"""Auto-shutdown schedules of DevTest Labs: written at once, they deallocate a machine every day."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

from typing_extensions import override

from sandbox.arm.errors import ArmError, invalid_parameter
from sandbox.arm.ids import last_segment
from sandbox.arm.kinds import Kind, Put, sent
from sandbox.arm.machines import VirtualMachines
from sandbox.arm.nics import VM
from sandbox.arm.wire import Request

if TYPE_CHECKING:
    from sandbox.arm.store import Resource
    from sandbox.arm.wire import Json

SCHEDULE = "microsoft.devtestlab/schedules"

# Windows time-zone ids, which this API takes, and the IANA zones they stand for (CLDR windowsZones).
WINDOWS_ZONES = {
    "UTC": "UTC",
    "W. Europe Standard Time": "Europe/Berlin",
    "Central Europe Standard Time": "Europe/Budapest",
    "Central European Standard Time": "Europe/Warsaw",
    "Romance Standard Time": "Europe/Paris",
    "GMT Standard Time": "Europe/London",
    "E. Europe Standard Time": "Europe/Chisinau",
    "FLE Standard Time": "Europe/Kiev",
    "GTB Standard Time": "Europe/Bucharest",
    "Turkey Standard Time": "Europe/Istanbul",
    "Russian Standard Time": "Europe/Moscow",
    "Eastern Standard Time": "America/New_York",
    "Central Standard Time": "America/Chicago",
    "Mountain Standard Time": "America/Denver",
    "Pacific Standard Time": "America/Los_Angeles",
    "E. South America Standard Time": "America/Sao_Paulo",
    "India Standard Time": "Asia/Kolkata",
    "Singapore Standard Time": "Asia/Singapore",
    "China Standard Time": "Asia/Shanghai",
    "Korea Standard Time": "Asia/Seoul",
    "Tokyo Standard Time": "Asia/Tokyo",
    "AUS Eastern Standard Time": "Australia/Sydney",
    "New Zealand Standard Time": "Pacific/Auckland",
}

_TIME = re.compile(r"^([01]\d|2[0-3])([0-5]\d)$")


class Schedules(Kind):
    """One auto-shutdown; it deallocates its machine, whoever is on it, and nothing else."""

    type: ClassVar[str] = "Microsoft.DevTestLab/schedules"
    operation_name: ClassVar[str] = "Schedule"
    provider: ClassVar[str] = "Microsoft.DevTestLab"
    synchronous: ClassVar[bool] = True

    @override
    def check(self, put: Put) -> None:
        properties = put.properties
        if properties.get("taskType") != "ComputeVmShutdownTask":
            raise invalid_parameter("taskType of an auto-shutdown schedule is ComputeVmShutdownTask.")
        if not _TIME.match(str((properties.get("dailyRecurrence") or {}).get("time", ""))):
            raise invalid_parameter("dailyRecurrence.time is four digits, HHmm.")
        if properties.get("timeZoneId", "UTC") not in WINDOWS_ZONES:
            raise invalid_parameter(f"The time zone id {properties.get('timeZoneId')} is not valid.")
        target = str(properties.get("targetResourceId", ""))
        if put.rid.name.lower() != f"shutdown-computevm-{last_segment(target)}".lower():
            raise invalid_parameter("An auto-shutdown schedule is named shutdown-computevm-<vm>.")
        if self.cloud.store.get(target) is None:
            raise invalid_parameter(f"The machine {target} was not found.")

    @override
    def compose(self, put: Put, resource: Resource) -> None:
        body = sent(put)
        body["properties"] = {
            "status": "Enabled",
            "timeZoneId": "UTC",
            "notificationSettings": {"status": "Disabled", "timeInMinutes": 30},
            **body["properties"],
            "createdDate": resource.created_at.isoformat(),
            "uniqueIdentifier": resource.private.setdefault("uniqueIdentifier", self.cloud.guid()),
        }
        resource.body = body

    @override
    def accepted(self, put: Put, resource: Resource, *, created: bool) -> None:
        self._call_off(resource)
        if resource.properties["status"] == "Enabled":
            self._plan(resource)

    @override
    def removed(self, resource: Resource) -> None:
        self._call_off(resource)

    @override
    def view(self, resource: Resource) -> Json:
        shown = super().view(resource)
        del shown["etag"]
        return shown

    def _call_off(self, resource: Resource) -> None:
        due = resource.private.pop("due", None)
        if due is not None:
            due.call_off()

    def _plan(self, resource: Resource) -> None:
        at = next_firing_at(resource.properties, self.cloud.now)
        resource.private["due"] = self.cloud.timeline.at(at, lambda: self._fire(resource))

    def _fire(self, resource: Resource) -> None:
        self._plan(resource)
        machine = self.cloud.store.get(str(resource.properties["targetResourceId"]))
        machines = self.kinds[VM]
        if machine is None or not self.cloud.switches.auto_shutdown:
            return
        if not isinstance(machines, VirtualMachines) or machine.private.get("power") != "running":
            return
        request = Request("POST", f"https://management.azure.com{machine.id}/deallocate?api-version=2024-07-01")
        try:
            machines.switch_power(machine, "deallocate", request)
        except ArmError:
            # A write is under way on the machine; the service gives up too, until the next day.
            return


def next_firing_at(properties: Json, now: datetime) -> datetime:
    """The next instant at which a schedule fires, in its own zone, strictly after `now`."""
    zone = ZoneInfo(WINDOWS_ZONES[properties["timeZoneId"]])
    text = str(properties["dailyRecurrence"]["time"])
    wall = time(int(text[:2]), int(text[2:]))
    day = now.astimezone(zone).date()
    at = datetime.combine(day, wall, zone).astimezone(UTC)
    if at <= now:
        at = datetime.combine(day + timedelta(days=1), wall, zone).astimezone(UTC)
    return at
