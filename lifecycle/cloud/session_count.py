"""The Session Count metric of a Bastion host, the second witness: changes when the way metrics are told does.

Azure Monitor's metrics call, for which there is no SDK here. The metric is called ``sessions`` there, in intervals of
five minutes. An interval without a number is no witness: Azure leaves numbers out, late or for good.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from azure.core.rest import HttpRequest

from lifecycle.cloud.arm_faults import fault_of_response
from lifecycle.faults import AzureFault, Fault, Meaning
from lifecycle.model import Count

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

API_VERSION = "2023-10-01"
INTERVAL = timedelta(minutes=5)
AGGREGATIONS = ("maximum", "total", "average")
"""Which of these the metric carries is not documented for certain: all are asked for, and the largest counts."""


async def session_counts(
    host_url: str, send: Callable[..., Awaitable[Any]], from_at: datetime, until_at: datetime
) -> tuple[Count, ...]:
    """Read the metric between two instants (aware UTC); raises AzureFault for anything but a well-formed answer."""
    query = {
        "api-version": API_VERSION,
        "metricnames": "sessions",
        "interval": "PT5M",
        "aggregation": ",".join(name.capitalize() for name in AGGREGATIONS),
        "timespan": f"{_text(from_at)}/{_text(until_at)}",
    }
    answer = await send(HttpRequest("GET", f"{host_url}/providers/Microsoft.Insights/metrics", params=query))
    if answer.status_code != HTTPStatus.OK:
        raise AzureFault(fault_of_response(answer))
    try:
        return tuple(_counts(answer.json()))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise AzureFault(Fault("CountUnknown", "the answer is no metric", Meaning.RETRY)) from None


def _counts(body: Any) -> list[Count]:
    """Sum up the series, one per host instance where they are told apart, interval by interval."""
    found: dict[datetime, int] = {}
    for metric in body["value"]:
        for series in metric["timeseries"]:
            for point in series["data"]:
                numbers = [float(point[name]) for name in AGGREGATIONS if point.get(name) is not None]
                if numbers:
                    begins_at = datetime.fromisoformat(point["timeStamp"])
                    found[begins_at] = found.get(begins_at, 0) + _people(max(numbers))
    return [Count(begins_at, begins_at + INTERVAL, most) for begins_at, most in sorted(found.items())]


def _people(number: float) -> int:
    """Round up: half a session on average is somebody."""
    return -int(-number // 1)


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
