"""ARM's token buckets per subscription, and the network provider's windows on top of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.arm.errors import ArmError

if TYPE_CHECKING:
    from datetime import datetime

# Size and refill per second of clock time (azure.md section 5).
_ARM = {"reads": (250.0, 25.0), "writes": (200.0, 10.0), "deletes": (200.0, 10.0)}
# The network provider allows so many per 5 minutes; kept as a bucket that refills over that time.
_NETWORK = {"reads": (10_000.0, 10_000 / 300), "writes": (1_000.0, 1_000 / 300), "deletes": (1_000.0, 1_000 / 300)}


@dataclass(slots=True)
class _Bucket:
    size: float
    refill: float
    tokens: float
    at: datetime

    def fill(self, now: datetime) -> None:
        seconds = (now - self.at).total_seconds()
        self.tokens = min(self.size, self.tokens + seconds * self.refill)
        self.at = now


class Throttle:
    """Counts requests always, so that the remaining-requests headers are true; refuses on demand."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str, str], _Bucket] = {}

    def take(self, method: str, subscription: str, *, network: bool, now: datetime) -> tuple[str, float]:
        """Take one token; returns the sort of request and the whole tokens left (below zero: refuse)."""
        sort = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(method, "writes")
        left = self._take(("arm", subscription, sort), _ARM[sort], now)
        if network:
            left = min(left, self._take(("network", subscription, sort), _NETWORK[sort], now))
        return sort, left

    def refusal(self, sort: str) -> ArmError:
        """The 429 of a subscription that asks too much."""
        seconds = 1 if sort == "reads" else 2
        return ArmError(
            429,
            "SubscriptionRequestsThrottled",
            f"Number of '{sort}' requests for subscription exceeded the limit. Please try again after "
            f"'{seconds}' seconds.",
            gateway=True,
            headers={"Retry-After": str(seconds)},
        )

    def _take(self, key: tuple[str, str, str], shape: tuple[float, float], now: datetime) -> float:
        size, refill = shape
        bucket = self._buckets.setdefault(key, _Bucket(size, refill, size, now))
        bucket.fill(now)
        if bucket.tokens < 1:
            return -1.0
        bucket.tokens -= 1
        return bucket.tokens
