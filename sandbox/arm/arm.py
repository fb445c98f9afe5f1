"""Azure Resource Manager, simulated: one request in, one response out, nothing else touched.

All doors (HTTP, HTTPS and the in-process transport) call `Arm.handle`. Before it answers, everything due by the
clock happens, each thing at its own instant.
"""

from __future__ import annotations

import re
from email.utils import format_datetime
from typing import TYPE_CHECKING

from sandbox.arm import entra, types
from sandbox.arm.cloud import Cloud
from sandbox.arm.errors import (
    ArmError,
    authentication_failed,
    invalid_api_version,
    missing_api_version,
)
from sandbox.arm.faults import Faults
from sandbox.arm.groups import Groups
from sandbox.arm.humans import Humans
from sandbox.arm.resources import Resources
from sandbox.arm.routes import Routes
from sandbox.arm.switches import Switches
from sandbox.arm.throttle import Throttle
from sandbox.arm.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sandbox.arm.cloud import TellsTime
    from sandbox.arm.wire import Request, Response

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
RESOURCE_GROUP = "rg-jumpboxes"

_API_VERSION = re.compile(r"^20\d{2}-\d{2}-\d{2}(-\w+)?$")
_BEARER = re.compile(r"^bearer\s+\S+", re.IGNORECASE)
_SUBSCRIPTION = re.compile(r"^/subscriptions/([^/]+)", re.IGNORECASE)
_OPEN = ("/metadata/endpoints", "/api/retail/prices")


class Arm:
    """One simulated Azure; everything random comes from `seed`, all time from `clock`."""

    def __init__(
        self,
        clock: TellsTime,
        seed: int = 0,
        switches: Switches | None = None,
        *,
        subscription: str = SUBSCRIPTION,
        resource_group: str = RESOURCE_GROUP,
        location: str = "westeurope",
        more_subscriptions: Iterable[str] = (),
    ) -> None:
        self.switches = switches or Switches()
        self.cloud = Cloud(clock, seed, self.switches)
        self.kinds = types.made(self.cloud)
        self.faults = Faults(self.cloud)
        self.traffic = Traffic()
        self.groups = Groups(self.cloud, self.kinds, [subscription, *more_subscriptions])
        self.groups.create(subscription, resource_group, location)
        self.resources = Resources(self.cloud, self.kinds)
        self.humans = Humans(self.cloud, self.kinds, self.resources)
        self._routes = Routes(self.cloud, self.kinds, self.groups, self.resources)
        self._throttle = Throttle()

    @property
    def now(self) -> datetime:
        """The instant up to which everything due has happened."""
        return self.cloud.now

    def catch_up(self) -> None:
        """Let everything due by the clock happen."""
        self.cloud.catch_up()

    def next_due_at(self, now: datetime) -> datetime | None:
        """The next instant at which something changes by itself; None when nothing will.

        Whatever is overdue at `now` counts as due at `now`.
        """
        next_at = self.cloud.timeline.next_at()
        return None if next_at is None else max(next_at, now)

    def clear_faults(self) -> None:
        """Ask for no faults any more; operations that were stuck fail now."""
        self.faults.clear()
        self.cloud.operations.let_go()

    def handle(self, request: Request) -> Response:
        """Answer one request; never raises for what a client may send."""
        signed_in = entra.answer(request)
        if signed_in is not None:
            return signed_in
        self.catch_up()
        sort, left = self._count(request)
        response = self.faults.strike(request, self.now)
        if response is None:
            response = self._answered(request, sort, left)
            if request.drop_reply:
                response.dropped, response.injected = "after", True
        self._dress(request, response, sort, left)
        self.traffic.record(self.now, request, response)
        return response

    def _answered(self, request: Request, sort: str, left: float) -> Response:
        try:
            self._check(request)
            if left < 0 and self.switches.throttling:
                raise self._throttle.refusal(sort)
            response = self._routes.answer(request)
        except ArmError as error:
            response = error.response()
        self.faults.remember(request, response)
        return response

    def _check(self, request: Request) -> None:
        if request.path.lower() in _OPEN:
            return
        if not _BEARER.match(request.headers.get("authorization", "")):
            raise authentication_failed()
        version = request.query.get("api-version")
        if not version:
            raise missing_api_version()
        if not _API_VERSION.match(version):
            raise invalid_api_version(version)
        found = _SUBSCRIPTION.match(request.path)
        if found is not None:
            self.groups.check_subscription(found[1])

    def _count(self, request: Request) -> tuple[str, float]:
        found = _SUBSCRIPTION.match(request.path)
        network = "/microsoft.network/" in request.path.lower()
        subscription = found[1].lower() if found is not None else ""
        return self._throttle.take(request.method, subscription, network=network, now=self.now)

    def _dress(self, request: Request, response: Response, sort: str, left: float) -> None:
        """Add the headers that every answer carries."""
        headers = response.headers
        path = request.path.lower()
        identity = self.cloud.guid()
        headers.setdefault("Date", format_datetime(self.now, usegmt=True))
        headers["Cache-Control"] = "no-cache"
        headers["x-ms-request-id"] = identity
        headers["x-ms-correlation-request-id"] = request.headers.get("x-ms-correlation-request-id", identity)
        headers["x-ms-routing-request-id"] = f"WESTEUROPE:{self.now:%Y%m%dT%H%M%SZ}:{identity}"
        headers[f"x-ms-ratelimit-remaining-subscription-{sort}"] = str(max(0, int(left)))
        if "/microsoft.network/" in path and "x-ms-failure-cause" not in headers:
            headers["x-ms-arm-service-request-id"] = identity
        if "/microsoft.compute/" in path and "x-ms-failure-cause" not in headers:
            bucket = "GetOperationResource" if "/operations/" in path else "LowCostGetResource"
            headers["x-ms-ratelimit-remaining-resource"] = f"Microsoft.Compute/{bucket};{max(0, int(left))}"
        if self.switches.retry_after == "absent" and not response.injected:
            headers.pop("Retry-After", None)
