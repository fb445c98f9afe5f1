"""People on a Bastion: who is in, since when, and what ended it."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.arm.wire import stamp

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.arm.cloud import Cloud
    from sandbox.arm.meters import Interval
    from sandbox.arm.store import Resource
    from sandbox.arm.timeline import Due
    from sandbox.arm.wire import Json

_ENDED_KEPT = 10_000


@dataclass(slots=True, eq=False)
class Session:
    """One connection of one person to one machine; `protocol` is SSH or RDP."""

    id: str
    bastion: str
    machine: str
    user: str
    protocol: str
    address: str
    started_at: datetime
    due: Due
    ended_at: datetime | None = None
    ending: str | None = None
    data: Interval | None = None

    def shown(self) -> Json:
        """The session as the control side shows it."""
        return {
            "id": self.id,
            "bastion": self.bastion,
            "vm": self.machine,
            "user": self.user,
            "protocol": self.protocol,
            "startedAt": stamp(self.started_at),
            "endsAt": stamp(self.due.at),
            "endedAt": stamp(self.ended_at) if self.ended_at is not None else None,
            "ending": self.ending,
        }


class Sessions:
    """All sessions: open ones by Bastion and by machine, and the last ones that ended."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._open: dict[str, Session] = {}
        self._by_place: dict[tuple[str, str], dict[str, Session]] = {}
        self._ended: deque[Session] = deque(maxlen=_ENDED_KEPT)

    def open(
        self,
        bastion: Resource,
        machine: Resource,
        address: str,
        user: str,
        protocol: str,
        minutes: float,
        gigabytes: float = 0.0,
    ) -> Session:
        """Let a person in for so many minutes of clock time, during which so much data flows out."""
        session_id = self._cloud.guid()
        ends_at = self._cloud.now + timedelta(minutes=minutes)
        due = self._cloud.timeline.at(ends_at, lambda: self._run_out(session_id))
        session = Session(session_id, bastion.id, machine.id, user, protocol, address, self._cloud.now, due)
        if gigabytes:
            session.data = self._cloud.meters.flow(bastion.id, self._cloud.now, gigabytes * 60 / minutes)
        self._open[session_id] = session
        for place in _places(session):
            self._by_place.setdefault(place, {})[session_id] = session
        return session

    def end(self, session_id: str, ending: str) -> bool:
        """End a session; False when it is not open."""
        session = self._open.pop(session_id, None)
        if session is None:
            return False
        session.due.call_off()
        session.ended_at = self._cloud.now
        session.ending = ending
        if session.data is not None:
            session.data.ended_at = self._cloud.now
        for place in _places(session):
            self._by_place[place].pop(session_id, None)
        self._ended.append(session)
        return True

    def _run_out(self, session_id: str) -> None:
        self.end(session_id, "the person left")

    def end_where(self, place: str, key: str, ending: str) -> None:
        """End all sessions on a `bastion` or a `machine`."""
        for session_id in list(self._by_place.get((place, key), {})):
            self.end(session_id, ending)

    def disconnect(self, bastion_key: str, session_id: str) -> bool:
        """End one session of one Bastion; False when that Bastion has no such session."""
        known = session_id in self._by_place.get(("bastion", bastion_key), {})
        return known and self.end(session_id, "an operator disconnected it")

    def on_bastion(self, bastion_key: str) -> list[Session]:
        """The open sessions of a Bastion."""
        return list(self._by_place.get(("bastion", bastion_key), {}).values())

    def all(self) -> list[Session]:
        """The last ended sessions and all open ones, oldest first."""
        return [*self._ended, *self._open.values()]

    def reply(self, bastion: Resource, shape: str) -> bytes:
        """The body of the session list in one of the shapes that have been reported.

        `object`: as documented; `array`: bare (azure-sdk-for-js#25671); `null`; `empty`: no body at all;
        `none`: wrongly says that nobody is in.
        """
        listed = self._cloud.switches.sessions_on_developer or bastion.body["sku"]["name"] != "Developer"
        rows = [self._listed(each) for each in self.on_bastion(bastion.key) if listed]
        shapes: dict[str, object] = {"array": rows, "null": None, "none": {"value": []}}
        if shape == "empty":
            return b""
        return json.dumps(shapes.get(shape, {"value": rows})).encode()

    def _listed(self, session: Session) -> Json:
        minutes = (self._cloud.now - session.started_at).total_seconds() / 60
        _, _, subscription, _, group, *_, name = session.machine.split("/")
        return {
            "sessionId": session.id,
            "startTime": stamp(session.started_at),
            "targetSubscriptionId": subscription,
            "resourceType": "Microsoft.Compute/virtualMachines",
            "targetHostName": name,
            "targetResourceGroup": group,
            "userName": session.user,
            "targetIpAddress": session.address,
            "protocol": session.protocol,
            "targetResourceId": session.machine,
            "sessionDurationInMins": round(minutes, 2),
        }


def _places(session: Session) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("bastion", session.bastion.lower()), ("machine", session.machine.lower())
