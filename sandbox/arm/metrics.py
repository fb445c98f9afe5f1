"""The Session Count metric of a Bastion, in bins of clock time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sandbox.arm.errors import ArmError
from sandbox.arm.wire import stamp

if TYPE_CHECKING:
    from sandbox.arm.cloud import Cloud
    from sandbox.arm.sessions import Session
    from sandbox.arm.store import Resource
    from sandbox.arm.wire import Json

_NAMES = ("sessions", "session count")
_BIN = timedelta(minutes=5)
_MOST_BINS = 1440


def session_count(cloud: Cloud, bastion: Resource, query: dict[str, str]) -> Json:
    """The body of a metrics query; `timespan` is `from/to` and defaults to the last hour."""
    if query.get("metricnames", "sessions").lower() not in _NAMES:
        raise ArmError(400, "BadRequest", f"Failed to find metric configuration for {query['metricnames']}.")
    if cloud.switches.session_metric == "error":
        raise ArmError(503, "ServiceUnavailable", "The metrics service is unavailable.")
    begins_at, ends_at = _timespan(query.get("timespan", ""), cloud.now)
    sessions = [each for each in cloud.sessions.all() if each.bastion.lower() == bastion.key]
    series: list[Json] = []
    if cloud.switches.session_metric == "counted":
        series = [{"metadatavalues": [], "data": _bins(sessions, begins_at, ends_at)}]
    return {
        "cost": 0,
        "timespan": f"{stamp(begins_at)}/{stamp(ends_at)}",
        "interval": "PT5M",
        "namespace": "Microsoft.Network/bastionHosts",
        "resourceregion": bastion.location,
        "value": [
            {
                "id": f"{bastion.id}/providers/Microsoft.Insights/metrics/sessions",
                "type": "Microsoft.Insights/metrics",
                "name": {"value": "sessions", "localizedValue": "Session Count"},
                "unit": "Count",
                "timeseries": series,
                "errorCode": "Success",
            }
        ],
    }


def _timespan(text: str, now: datetime) -> tuple[datetime, datetime]:
    if not text:
        return now - timedelta(hours=1), now
    # Azure CLI quotes the span twice, and both it and Cloud Custodian leave out the zone.
    begins, _, ends = unquote(text).partition("/")
    try:
        return _instant(begins), _instant(ends)
    except ValueError:
        raise ArmError(400, "BadRequest", f"Detected invalid time interval input: {text}") from None


def _instant(text: str) -> datetime:
    """An instant as clients write it: with a zone, whose plus may have become a space, or in UTC without one."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = datetime.fromisoformat(text.replace(" ", "+"))
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _bins(sessions: list[Session], begins_at: datetime, ends_at: datetime) -> list[Json]:
    bins: list[Json] = []
    at = begins_at
    while at < ends_at and len(bins) < _MOST_BINS:
        until = at + _BIN
        present = [
            each for each in sessions if each.started_at < until and (each.ended_at is None or each.ended_at > at)
        ]
        count = float(len(present))
        row = {"timeStamp": stamp(at), "total": count, "average": count, "maximum": count}
        bins.append(row)
        at = until
    return bins
