"""The control side: what tests and people do to the simulated Azure, under /sandbox."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.arm.admission import NotAdmitted, admit
from sandbox.arm.errors import ArmError
from sandbox.arm.wire import Response, json_response, parse_instant, stamp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandbox.arm.advance import Advance
    from sandbox.arm.arm import Arm
    from sandbox.arm.wire import Json, Request
    from sandbox.clock import Clock

_LONGEST_ADVANCE = timedelta(days=366)


class Control:
    """Answers everything under /sandbox; bad input is a 400 with a message, never a 500."""

    def __init__(self, arm: Arm, clock: Clock, advance: Advance) -> None:
        self._arm = arm
        self._clock = clock
        self._advance = advance
        self._actions: dict[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {
            ("GET", "health"): self._health,
            ("GET", "clock"): self._show_clock,
            ("POST", "clock"): self._set_clock,
            ("GET", "resources"): self._resources,
            ("GET", "sessions"): self._list_sessions,
            ("POST", "sessions"): self._open_session,
            ("GET", "meters"): self._meters,
            ("GET", "faults"): self._show_faults,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "switches"): self._show_switches,
            ("POST", "switches"): self._throw_switches,
            ("GET", "traffic"): self._traffic,
            ("POST", "humans"): self._human,
        }

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        self._arm.catch_up()
        name = request.path.removeprefix("/sandbox").strip("/")
        if request.method == "DELETE" and name.startswith("sessions/"):
            return self._hang_up(name.removeprefix("sessions/"))
        action = self._actions.get((request.method, name))
        if action is None:
            known = any(name == each for _, each in self._actions)
            return _trouble(405 if known else 404, f"{request.method} {request.path} is nothing here")
        try:
            return await action(request)
        except ValueError as error:
            return _trouble(400, str(error))
        except ArmError as error:
            return _trouble(400, f"{error.code}: {error.message}")

    # The clock.

    async def _health(self, request: Request) -> Response:
        del request
        return json_response(200, {"status": "ok", "now": stamp(self._clock.now())})

    async def _show_clock(self, request: Request) -> Response:
        del request
        clock = self._clock
        return json_response(200, {"now": stamp(clock.now()), "speed": _plain(clock.speed), "running": clock.running})

    async def _set_clock(self, request: Request) -> Response:
        body = request.json()
        known = {"speed", "advanceMinutes", "now"} & set(body)
        if not known:
            raise ValueError("say speed, advanceMinutes or now")
        if {"advanceMinutes", "now"} <= known:
            raise ValueError("say advanceMinutes or now, not both")
        if "speed" in body:
            self._clock.set_speed(_number(body, "speed"))
        teleported = 0
        if "advanceMinutes" in body:
            minutes = _number(body, "advanceMinutes")
            if not timedelta() <= timedelta(minutes=minutes) <= _LONGEST_ADVANCE:
                raise ValueError("advanceMinutes goes forward, by a year at most")
            teleported = await self._advance.by(minutes)
        elif "now" in body:
            goal = parse_instant(str(body["now"]))
            if goal > self._clock.now() + _LONGEST_ADVANCE:
                raise ValueError("now is a year ahead at most")
            teleported = await self._advance.to(goal)
        clock = self._clock
        return json_response(200, {"now": stamp(clock.now()), "speed": _plain(clock.speed), "teleported": teleported})

    # What there is.

    async def _resources(self, request: Request) -> Response:
        del request
        kinds = self._arm.kinds
        shown = [kinds[each.kind].view(each) for each in self._arm.cloud.store if kinds[each.kind].listed]
        return json_response(200, {"value": shown})

    async def _meters(self, request: Request) -> Response:
        del request
        return json_response(200, {"value": self._arm.cloud.meters.shown(self._arm.now)})

    async def _traffic(self, request: Request) -> Response:
        del request
        text = "".join(f"{line}\n" for line in self._arm.traffic.lines())
        return Response(200, {"Content-Type": "application/x-ndjson"}, text.encode())

    # People.

    async def _list_sessions(self, request: Request) -> Response:
        sessions = self._arm.cloud.sessions.all()
        if request.query.get("all", "").lower() not in ("1", "true"):
            sessions = [each for each in sessions if each.ended_at is None]
        return json_response(200, {"value": [each.shown() for each in sessions]})

    async def _open_session(self, request: Request) -> Response:
        body = request.json()
        minutes = _number(body, "minutes") if "minutes" in body else 60.0
        if minutes <= 0:
            raise ValueError("minutes is above zero")
        gigabytes = _number(body, "gigabytes") if "gigabytes" in body else 0.0
        if gigabytes < 0:
            raise ValueError("gigabytes is not below zero")
        names = {name: str(body.get(name) or "") for name in ("bastion", "vm", "user")}
        protocol = str(body.get("protocol") or "SSH").upper()
        try:
            session = admit(
                self._arm.cloud,
                self._arm.kinds,
                names["bastion"],
                names["vm"],
                names["user"],
                protocol,
                minutes,
                gigabytes,
            )
        except NotAdmitted as reason:
            return json_response(403, {"error": {"code": "NotAdmitted", "message": str(reason)}, "reason": str(reason)})
        return json_response(201, session.shown())

    def _hang_up(self, session_id: str) -> Response:
        if not self._arm.cloud.sessions.end(session_id, "the person hung up"):
            return _trouble(404, f"there is no open session {session_id}")
        return Response(204)

    async def _human(self, request: Request) -> Response:
        self._arm.humans.act(request.json())
        return json_response(200, {"done": True})

    # Faults and switches.

    async def _show_faults(self, request: Request) -> Response:
        del request
        return json_response(200, {"value": self._arm.faults.shown()})

    async def _add_fault(self, request: Request) -> Response:
        body = request.json()
        times = body.get("times", 1)
        if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
            raise ValueError("times is a whole number above zero, or null for always")
        probability = _number(body, "probability") if "probability" in body else 1.0
        minutes = _number(body, "minutes") if body.get("minutes") is not None else None
        fault = self._arm.faults.add(str(body.get("kind")), str(body.get("match") or ""), times, probability, minutes)
        return json_response(201, fault.shown())

    async def _clear_faults(self, request: Request) -> Response:
        del request
        self._arm.clear_faults()
        return Response(204)

    async def _show_switches(self, request: Request) -> Response:
        del request
        return json_response(200, self._arm.switches.shown())

    async def _throw_switches(self, request: Request) -> Response:
        self._arm.switches.throw(request.json())
        return json_response(200, self._arm.switches.shown())


def too_large(limit: int) -> Response:
    """The answer to a body above the limit, in bytes."""
    return _trouble(413, f"a body has {limit} bytes at most")


def _trouble(status: int, message: str) -> Response:
    return json_response(status, {"error": {"code": "BadRequest" if status == 400 else "NotFound", "message": message}})  # noqa: PLR2004 - HTTP


def _number(body: Json, name: str) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is a number, not {json.dumps(value)}")
    return float(value)


def _plain(number: float) -> float | int:
    return int(number) if number.is_integer() else number
