"""Faults that can be asked for: what goes wrong, for which requests, how often.

Kinds (the part after a colon is optional):

=====================  =================================================================================
`lost-reply`           the request is done, its answer never arrives
`no-connection`        the request never arrives
`throttled-seconds`    429 with Retry-After in seconds; `throttled-date` with a date; `throttled` without
`server-error`         500; `html` a 502 with an HTML page
`refuse:CODE`          refused at once with an error code of azure.md section 4
`late-failed:CODE`     accepted; the operation ends Failed (default code `InternalServerError`)
`late-canceled:CODE`   accepted; the operation ends Canceled
`allocation-failed`    the same as `late-failed:AllocationFailed`
`stuck`                accepted; the operation never ends (it fails when the faults are cleared)
`operation-expired`    polls of an operation URL answer 404 OperationIdNotFound
`outage:REGION`        503 for all that concerns one region; without a region, for everything
`stale`                a GET or list answers what it answered the last time
`list-lag`             a list lacks what was created in the last ten minutes
`role-removed`         403 AuthorizationFailed
`locked`               409 ScopeLocked
`sessions-SHAPE`       the session list comes as `array`, `null`, `empty`, `error`, or `none` (wrongly)
=====================  =================================================================================
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

from sandbox.arm.cloud import REGIONS
from sandbox.arm.errors import ArmError
from sandbox.arm.governance import not_authorized, scope_locked
from sandbox.arm.whereabouts import region_of
from sandbox.arm.wire import Fate, Response, stamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sandbox.arm.cloud import Cloud
    from sandbox.arm.wire import Json, Request

_REMEMBERED, _MOST_BYTES = 2_000, 64 * 2**20

# The status each code of azure.md section 4 comes with when it is the first answer.
STATUSES = {
    "InUseSubnetCannotBeDeleted": 400,
    "PublicIPAddressCannotBeDeleted": 400,
    "InUseNetworkSecurityGroupCannotBeDeleted": 400,
    "NicInUse": 400,
    "NicReservedForAnotherVm": 400,
    "NetworkSecurityGroupNotCompliantForAzureBastionSubnet": 400,
    "RetryableError": 429,
    "AuthorizationFailed": 403,
    "LinkedAuthorizationFailed": 403,
    "RequestDisallowedByPolicy": 403,
    "ExpiredAuthenticationToken": 401,
    "InvalidAuthenticationToken": 401,
    "InvalidParameter": 400,
    "LocationRequired": 400,
    "PublicIPCountLimitReached": 400,
    "ResourceQuotaExceeded": 400,
    "ResourceNotFound": 404,
    "NotFound": 404,
    "ParentResourceNotFound": 404,
    "ResourceGroupNotFound": 404,
    "OperationIdNotFound": 404,
    "AnotherOperationInProgress": 409,
    "Conflict": 409,
    "ResourceGroupBeingDeleted": 409,
    "CanceledAndSupersededDueToAnotherOperation": 409,
    "DeploymentActiveAndUneditable": 409,
    "RetryableErrorDueToAnotherOperation": 429,
    "ReferencedResourceNotProvisioned": 429,
    "SkuNotAvailable": 409,
    "AllocationFailed": 409,
    "ZonalAllocationFailed": 409,
    "GatewayAllocationFailed": 409,
    "OverconstrainedZonalAllocationRequest": 409,
    "OperationNotAllowed": 409,
    "QuotaExceeded": 409,
    "PropertyChangeNotAllowed": 409,
    "ScopeLocked": 409,
    "MissingSubscriptionRegistration": 409,
    "NoRegisteredProviderFound": 400,
    "SubscriptionNotFound": 404,
    "RemotePeeringIsDisconnected": 400,
    "VnetAddressSpacesOverlap": 400,
    "VMExtensionProvisioningError": 409,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
}
_OTHERWISE = 409
_RETRY_SECONDS = 15
_LIST_LAG = timedelta(minutes=10)
_MOST_MINUTES = 366 * 24 * 60

_SHAPES = ("array", "null", "empty", "error", "none")


@dataclass(slots=True)
class Fault:
    """One fault: it hits requests whose "METHOD path" matches, `times` times (None: always), until `ends_at`."""

    kind: str
    match: re.Pattern[str]
    times: int | None = 1
    probability: float = 1.0
    ends_at: datetime | None = None
    hits: int = 0

    def is_over(self, now: datetime) -> bool:
        """Whether it will hit nothing any more."""
        return (self.times is not None and self.hits >= self.times) or (
            self.ends_at is not None and now >= self.ends_at
        )

    def shown(self) -> Json:
        """The fault as the control side shows it."""
        return {
            "kind": self.kind,
            "match": self.match.pattern,
            "times": self.times,
            "probability": self.probability,
            "endsAt": stamp(self.ends_at) if self.ends_at is not None else None,
            "hits": self.hits,
        }


class Faults:
    """All faults asked for, and what stale answers need to remember."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._all: list[Fault] = []
        self._live: list[Fault] = []
        self._last_seen: OrderedDict[str, Response] = OrderedDict()
        self._bytes = 0

    def add(
        self,
        kind: str,
        match: str = "",
        times: int | None = 1,
        probability: float = 1.0,
        minutes: float | None = None,
    ) -> Fault:
        """Ask for a fault; `minutes` of clock time end it. Raises ValueError for what makes no sense."""
        name, _, code = kind.partition(":")
        if name not in KINDS or (code and name not in _CODED):
            raise ValueError(f"there is no fault {kind}; there are {', '.join(sorted(KINDS))}")
        try:
            pattern = re.compile(match, re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"match is no regular expression: {error}") from None
        if not 0 <= probability <= 1:
            raise ValueError("probability is between 0 and 1")
        if name == "outage" and code and code not in REGIONS:
            raise ValueError(f"the regions that can fail are {', '.join(REGIONS)}, not {code}")
        if minutes is not None and not 0 < minutes <= _MOST_MINUTES:
            raise ValueError(f"minutes are above 0 and at most {_MOST_MINUTES}")
        ends_at = self._cloud.now + timedelta(minutes=minutes) if minutes is not None else None
        fault = Fault(kind, pattern, times, probability, ends_at)
        self._all.append(fault)
        self._live.append(fault)
        return fault

    def clear(self) -> None:
        """Ask for no faults any more."""
        self._all.clear()
        self._live.clear()

    def shown(self) -> list[Json]:
        """All faults asked for."""
        return [fault.shown() for fault in self._all]

    def strike(self, request: Request, now: datetime) -> Response | None:
        """Let the faults have their say: an answer instead of ARM's, or a mark on the request."""
        self._live = [fault for fault in self._live if not fault.is_over(now)]
        line = f"{request.method} {request.path}"
        for fault in self._live:
            if not self._hits(fault, request, line):
                continue
            fault.hits += 1
            name, _, code = fault.kind.partition(":")
            response = KINDS[name](self, request, code, now)
            if response is not None:
                response.injected = True
                return response
        return None

    def remember(self, request: Request, response: Response) -> None:
        """Remember what a GET answered, for a stale answer later."""
        if request.method != "GET" or "/operation" in request.path.lower():
            return
        key = _memory_key(request)
        before = self._last_seen.pop(key, None)
        self._last_seen[key] = response
        self._bytes += len(response.body) - (len(before.body) if before is not None else 0)
        while len(self._last_seen) > _REMEMBERED or (self._bytes > _MOST_BYTES and len(self._last_seen) > 1):
            self._bytes -= len(self._last_seen.popitem(last=False)[1].body)

    def stale(self, request: Request) -> Response | None:
        """The last answer to the same GET, when there is one."""
        found = self._last_seen.get(_memory_key(request))
        return Response(found.status, dict(found.headers), found.body) if found is not None else None

    def _hits(self, fault: Fault, request: Request, line: str) -> bool:
        name, _, code = fault.kind.partition(":")
        if not fault.match.search(line) or not _concerns(name, request):
            return False
        if name == "outage" and code and region_of(self._cloud.store, request) != code:
            return False
        return fault.probability >= 1 or self._cloud.rng.random() < fault.probability


def _concerns(name: str, request: Request) -> bool:
    """Whether a kind of fault can show on a request at all; if not, it keeps its times."""
    path = request.path.lower()
    polls = "/operations/" in path or "/operationresults/" in path
    if name.startswith("sessions-"):
        return path.endswith("/getactivesessions")
    shows = {
        "operation-expired": polls,
        "stale": request.method == "GET" and not polls,
        "list-lag": request.method == "GET" and path.strip("/").count("/") % 2 == 0,
        "role-removed": request.method != "GET",
        "locked": request.method != "GET",
        **dict.fromkeys(_LATE, request.method in ("PUT", "DELETE", "POST")),
    }
    return shows.get(name, True)


def failure(code: str) -> ArmError:
    """An error with a code of azure.md section 4 and the status it comes with."""
    details: list[Json] | None = []
    if code == "RetryableError":
        details = [{"code": "RetryableErrorDueToAnotherOperation", "message": "Injected."}]
    return ArmError(STATUSES.get(code, _OTHERWISE), code, f"Injected: {code}.", details=details)


def _dropped(when: str) -> Callable[[Faults, Request, str, datetime], Response | None]:
    def strike(faults: Faults, request: Request, code: str, now: datetime) -> Response | None:
        del faults, code, now
        if when == "before":
            return Response(503, dropped="before")
        request.drop_reply = True
        return None

    return strike


def _throttled(how: str) -> Callable[[Faults, Request, str, datetime], Response | None]:
    def strike(faults: Faults, request: Request, code: str, now: datetime) -> Response | None:
        del faults, request, code
        error = ArmError(429, "TooManyRequests", "The request is being throttled.", gateway=True)
        if how == "seconds":
            error.headers["Retry-After"] = str(_RETRY_SECONDS)
        elif how == "date":
            until_at = now + timedelta(seconds=_RETRY_SECONDS)
            error.headers["Retry-After"] = format_datetime(until_at, usegmt=True)
        return error.response()

    return strike


def _answers(status: int, body: bytes, content_type: str) -> Callable[[Faults, Request, str, datetime], Response]:
    def strike(faults: Faults, request: Request, code: str, now: datetime) -> Response:
        del faults, request, code, now
        return Response(status, {"Content-Type": content_type}, body)

    return strike


def _late(status: str, otherwise: str) -> Callable[[Faults, Request, str, datetime], None]:
    def strike(faults: Faults, request: Request, code: str, now: datetime) -> None:
        del faults, now
        request.fate = Fate(status, failure(code or otherwise))

    return strike


def _stuck(faults: Faults, request: Request, code: str, now: datetime) -> None:
    del faults, code, now
    request.fate = Fate(stuck=True)


def _refuse(faults: Faults, request: Request, code: str, now: datetime) -> Response:
    del faults, request, now
    return failure(code or "Conflict").response()


def _lag(faults: Faults, request: Request, code: str, now: datetime) -> None:
    del faults, code, now
    request.list_lag = _LIST_LAG


def _stale(faults: Faults, request: Request, code: str, now: datetime) -> Response | None:
    del code, now
    return faults.stale(request)


def _expired(faults: Faults, request: Request, code: str, now: datetime) -> Response:
    del faults, request, code, now
    return failure("OperationIdNotFound").response()


def _role_removed(faults: Faults, request: Request, code: str, now: datetime) -> Response:
    del faults, code, now
    return not_authorized(request.method, request.path).response()


def _locked(faults: Faults, request: Request, code: str, now: datetime) -> Response:
    del faults, code, now
    return scope_locked(request.method, request.path, request.path).response()


def _shaped(shape: str) -> Callable[[Faults, Request, str, datetime], None]:
    def strike(faults: Faults, request: Request, code: str, now: datetime) -> None:
        del faults, code, now
        request.reply_shape = shape

    return strike


_JSON_ERROR = b'{"error":{"code":"InternalServerError","message":"An error occurred."}}'
_OUTAGE = b'{"error":{"code":"ServiceUnavailable","message":"The service is unavailable."}}'
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"

KINDS: dict[str, Callable[[Faults, Request, str, datetime], Response | None]] = {
    "lost-reply": _dropped("after"),
    "no-connection": _dropped("before"),
    "throttled": _throttled("bare"),
    "throttled-seconds": _throttled("seconds"),
    "throttled-date": _throttled("date"),
    "server-error": _answers(500, _JSON_ERROR, "application/json"),
    "outage": _answers(503, _OUTAGE, "application/json"),
    "html": _answers(502, _HTML, "text/html"),
    "refuse": _refuse,
    "late-failed": _late("Failed", "InternalServerError"),
    "late-canceled": _late("Canceled", "Canceled"),
    "allocation-failed": _late("Failed", "AllocationFailed"),
    "stuck": _stuck,
    "operation-expired": _expired,
    "stale": _stale,
    "list-lag": _lag,
    "role-removed": _role_removed,
    "locked": _locked,
    **{f"sessions-{shape}": _shaped(shape) for shape in _SHAPES},
}
_LATE = ("late-failed", "late-canceled", "allocation-failed", "stuck")
_CODED = ("refuse", "late-failed", "late-canceled", "outage")


def _memory_key(request: Request) -> str:
    page = request.query.get("$skiptoken", "")
    return f"{request.path.lower()}?{request.query.get('$expand', '').lower()}&{page}"
