"""Long-running operations: their URLs, their status bodies, and what clients are told while they run.

The shapes per verb and provider are those of the live recordings (vm_network.md, bastion_host_crud.md).
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.arm.errors import ArmError
from sandbox.arm.wire import JSON_TYPE, Response, json_response

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sandbox.arm.cloud import Cloud
    from sandbox.arm.timeline import Due
    from sandbox.arm.wire import Json

NETWORK = "Microsoft.Network"
COMPUTE = "Microsoft.Compute"

# .NET counts ticks of 100 ns from the year 1; the `t` of a signed URL is such a count.
_TICKS_PER_SECOND = 10_000_000
_TICKS_TO_UNIX = 621_355_968_000_000_000
_CERTIFICATE_CHARS = 2615
_SIGNATURE_CHARS = 342
_HASH_CHARS = 43


@dataclass(slots=True, eq=False)
class Operation:
    """One operation in flight or ended, as its URLs show it."""

    id: str
    provider: str
    name: str
    verb: str
    resource: str
    location: str
    api_version: str
    base: str
    started_at: datetime
    retry_polls: tuple[int, ...] = ()
    notify: bool = True
    status: str = "InProgress"
    ended_at: datetime | None = None
    error: ArmError | None = None
    fate: str = "Succeeded"
    injected: bool = False
    polls: int = 0
    result: bytes | None = None
    due: Due | None = None
    ends: list[Callable[[Operation], None]] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None


class Operations:
    """All operations whose URLs still answer."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._by_id: dict[str, Operation] = {}
        self._ended: deque[Operation] = deque()
        self._certificate = _filler("certificate", _CERTIFICATE_CHARS)
        self._signed = 0
        self._caller = cloud.guid()

    def begin(self, operation: Operation, duration: timedelta | None) -> Operation:
        """Start an operation that ends by itself after `duration`, or never when that is None."""
        self._prune()
        self._by_id[operation.id] = operation
        if duration is not None:
            at = self._cloud.now + duration
            operation.due = self._cloud.timeline.at(at, lambda: self.end(operation))
        return operation

    def end(self, operation: Operation, status: str = "", error: ArmError | None = None) -> None:
        """End an operation now: as its fate has it, unless another status is given."""
        if not operation.running:
            return
        if operation.due is not None:
            operation.due.call_off()
        operation.status = status or operation.fate
        operation.error = error or operation.error
        operation.ended_at = self._cloud.now
        self._ended.append(operation)
        for end in operation.ends:
            end(operation)
        # An ended operation answers for a day yet; what ended it need not be kept so long.
        operation.ends.clear()
        operation.due = None

    def let_go(self) -> None:
        """End what would never end: a stuck operation fails when its fault is taken away."""
        for operation in list(self._by_id.values()):
            if operation.running and operation.due is None:
                error = ArmError(500, "InternalServerError", "An error occurred.", details=[])
                self.end(operation, "Failed", error)

    def headers(self, operation: Operation, *, location: bool) -> dict[str, str]:
        """The headers of an answer that starts (or retells) an operation."""
        headers = {"Azure-AsyncOperation": self._url(operation, "operations")}
        if location:
            headers["Location"] = self.result_url(operation)
        if operation.notify:
            headers["Azure-AsyncNotification"] = "Enabled"
        return headers

    def uri(self, operation: Operation) -> str:
        """The unsigned address of an operation, as error texts quote it."""
        return (
            f"{operation.base}/subscriptions/{self._subscription(operation)}/providers/{operation.provider}"
            f"/locations/{operation.location}/operations/{operation.id}?api-version={operation.api_version}"
        )

    def result_url(self, operation: Operation) -> str:
        """The Location of an operation."""
        collection = "operationResults" if operation.provider == NETWORK else "operations"
        return self._url(operation, collection, monitor=operation.provider == COMPUTE)

    def find(self, operation_id: str) -> Operation:
        """Find an operation; raises the 404 of an unknown or expired one."""
        operation = self._by_id.get(operation_id.lower())
        if operation is None or self._expired(operation):
            raise ArmError(
                404,
                "OperationIdNotFound",
                f"The operation id '{operation_id}' could not be found.",
                details=[],
            )
        return operation

    def poll(self, operation: Operation) -> Response:
        """Answer one poll of the operation's status."""
        headers: dict[str, str] = {}
        if operation.running and operation.polls < len(operation.retry_polls):
            seconds = operation.retry_polls[operation.polls]
            if seconds:
                headers["Retry-After"] = str(seconds)
        operation.polls += 1
        response = json_response(200, self._status(operation), headers)
        response.injected = operation.injected
        return response

    def poll_result(self, operation: Operation) -> Response:
        """Answer one poll of the operation's Location."""
        if operation.result is not None:
            return Response(200, {"Content-Type": JSON_TYPE}, operation.result)
        if operation.running:
            return Response(202, {**self.headers(operation, location=True), "Retry-After": "10"})
        if operation.error is not None:
            raise operation.error
        if operation.provider == COMPUTE:
            return Response(200)
        headers = self.headers(operation, location=True)
        return Response(204, {**headers, "Content-Type": JSON_TYPE})

    def _status(self, operation: Operation) -> Json:
        body: Json = {"status": operation.status}
        if operation.provider == COMPUTE:
            body = {"startTime": operation.started_at.isoformat()}
            if operation.ended_at is not None:
                body["endTime"] = operation.ended_at.isoformat()
            body.update(status=operation.status, name=operation.id)
        if operation.error is not None and not operation.running:
            body["error"] = operation.error.body
        return body

    def _url(self, operation: Operation, collection: str, *, monitor: bool = False) -> str:
        query = f"api-version={operation.api_version}"
        if operation.provider == COMPUTE:
            query = f"p={self._caller}&{'monitor=true&' if monitor else ''}{query}"
        if self._cloud.switches.long_operation_urls:
            query += f"&{self._signature()}"
        return (
            f"{operation.base}/subscriptions/{self._subscription(operation)}/providers/{operation.provider}"
            f"/locations/{operation.location}/{collection}/{operation.id}?{query}"
        )

    def _signature(self) -> str:
        self._signed += 1
        ticks = int(self._cloud.now.timestamp() * _TICKS_PER_SECOND) + _TICKS_TO_UNIX
        signature = _filler(f"s{self._signed}", _SIGNATURE_CHARS)
        digest = _filler(f"h{self._signed}", _HASH_CHARS)
        return f"t={ticks}&c={self._certificate}&s={signature}&h={digest}"

    @staticmethod
    def _subscription(operation: Operation) -> str:
        return operation.resource.split("/")[2]

    def _expired(self, operation: Operation) -> bool:
        lifetime = timedelta(minutes=self._cloud.switches.operation_url_lifetime_minutes)
        return operation.ended_at is not None and self._cloud.now > operation.ended_at + lifetime

    def _prune(self) -> None:
        while self._ended and self._expired(self._ended[0]):
            self._by_id.pop(self._ended.popleft().id, None)


def _filler(seed: str, chars: int) -> str:
    """URL-safe characters that look like a signature and take nothing from the seeded generator."""
    blocks = -(-chars // 80)
    raw = b"".join(hashlib.sha512(f"{seed}/{block}".encode()).digest() for block in range(blocks))
    return base64.urlsafe_b64encode(raw).decode()[:chars]
