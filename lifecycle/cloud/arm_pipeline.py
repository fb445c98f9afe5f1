"""Everything a request to ARM passes on its way out: changes when a rule for all of them does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from azure.core.pipeline.policies import (
    AsyncHTTPPolicy,
    ContentDecodePolicy,
    HeadersPolicy,
    RequestIdPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)

from lifecycle.cloud.arm_faults import wait_of
from lifecycle.faults import Overdue

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.pipeline import PipelineRequest, PipelineResponse

    from lifecycle.cloud.credential import ArmAuthentication

USER_AGENT = "jumpbox-lifecycle/0.1.0"

CONNECT_SECONDS = 10
READ_SECONDS = 20
"""Real seconds; the SDK's own read time-out is 300."""

CLAIM_HOLDS_SECONDS = 30.0
"""How old, in real seconds, a claim may be when its mutation leaves.

A claim without token is doubted after 60: a mutation that leaves by 30 is answered, or given up, by then.
"""

SEND_BY = "send_by"
"""The request option that says until when, on the real clock, a mutation may leave."""

WHENEVER = math.inf
"""For the two POSTs that need no claim: they read, or end, sessions."""

_READS = frozenset({"GET", "HEAD"})


class Deadline(AsyncHTTPPolicy[Any, Any]):
    """Keeps a stalled worker from acting late; must stand last, so that nothing can delay a request after it.

    A process can be frozen for minutes between its claim and its request, and another worker will have judged
    the claim dead by then. Raises Overdue instead of sending a mutation late, and for one that names no time:
    what has no claim is not to be sent.
    """

    def __init__(self, real_clock: Callable[[], float]) -> None:
        super().__init__()
        self._real_clock = real_clock

    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Pass the request on if it is in time."""
        context = request.context
        # A request that is signed anew after a 401 comes by again: its time is kept where options are not lost.
        context[SEND_BY] = send_by = context.options.pop(SEND_BY, context.get(SEND_BY))
        method = request.http_request.method
        if method not in _READS:
            if send_by is None:
                raise Overdue(f"{method} without a claim was not sent")
            if self._real_clock() > send_by:
                raise Overdue(f"{method} was not sent: its claim is over {CLAIM_HOLDS_SECONDS:.0f} s old")
        return await self.next.send(request)


class RetryAfterInSeconds(SansIOHTTPPolicy[Any, Any]):
    """Puts Retry-After into whole seconds, for the SDK reads it as a number.

    A date, which HTTP allows and ARM sends at times, makes the SDK raise after the mutation has been taken.
    """

    def on_response(self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> None:
        """Rewrite the header, or take it away where it says nothing."""
        del request
        headers = response.http_response.headers
        if "Retry-After" not in headers:
            return
        wait = wait_of(headers)
        if wait is None:
            del headers["Retry-After"]
        else:
            headers["Retry-After"] = str(math.ceil(wait.total_seconds()))


def policies(authentication: ArmAuthentication, real_clock: Callable[[], float]) -> list[Any]:
    """Make the whole pipeline, in place of the SDK's.

    Left out on purpose: retries (azure-core repeats any status >= 400 with a Retry-After and sleeps uncapped;
    only the outer loop retries), redirects (they would carry our bearer along), the registration of resource
    providers (a right the app does not have, and it waits inside the call), and logs of requests (operation
    URLs are signed).
    """
    return [
        RequestIdPolicy(),
        HeadersPolicy(),
        UserAgentPolicy(user_agent=USER_AGENT),
        ContentDecodePolicy(),
        authentication,
        RetryAfterInSeconds(),
        Deadline(real_clock),
    ]
