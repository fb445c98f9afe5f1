"""What host.json says that the sandbox's host honours: the route prefix and the queue trigger's settings."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from sandbox.host.indexing import SettingsError


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """`extensions.queues`, with the platform's defaults.

    Source: Microsoft's reference of host.json for the Storage queue trigger; the polling default is the deployed one
    (a minute), not the two seconds of local tools.
    """

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_polling_interval: timedelta = timedelta(minutes=1)
    visibility_timeout: timedelta = timedelta(0)
    max_dequeue_count: int = 5
    base64: bool = True


@dataclass(frozen=True, slots=True)
class HostJson:
    """The part of host.json that changes how the app runs here."""

    route_prefix: str = "api"
    queues: QueueSettings = field(default_factory=QueueSettings)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file; a missing file means the platform's defaults. Raises SettingsError for values out of range."""
        if not path.exists():
            return cls()
        try:
            document = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise SettingsError(f"{path.name} is not JSON: {error}") from error
        extensions = document.get("extensions", {})
        prefix = extensions.get("http", {}).get("routePrefix", "api")
        return cls(route_prefix=prefix.strip("/"), queues=_queues(extensions.get("queues", {})))


def _queues(values: Mapping[str, Any]) -> QueueSettings:
    batch_size = int(values.get("batchSize", 16))
    if not 1 <= batch_size <= 32:  # noqa: PLR2004 - the queue service hands out at most 32 messages at a time
        raise SettingsError("host.json: extensions.queues.batchSize must be from 1 to 32")
    encoding = str(values.get("messageEncoding", "base64")).lower()
    if encoding not in {"base64", "none"}:
        raise SettingsError("host.json: extensions.queues.messageEncoding must be base64 or none")
    return QueueSettings(
        batch_size=batch_size,
        new_batch_threshold=int(values.get("newBatchThreshold", batch_size // 2)),
        max_polling_interval=_span(values, "maxPollingInterval", timedelta(minutes=1)),
        visibility_timeout=_span(values, "visibilityTimeout", timedelta(0)),
        max_dequeue_count=int(values.get("maxDequeueCount", 5)),
        base64=encoding == "base64",
    )


def _span(values: Mapping[str, Any], name: str, default: timedelta) -> timedelta:
    """Read a .NET TimeSpan of the form [d.]hh:mm:ss[.fraction]."""
    text = values.get(name)
    if text is None:
        return default
    match = re.fullmatch(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d{1,7})?)", str(text))
    if match is None:
        raise SettingsError(f"host.json: extensions.queues.{name} must look like 00:00:05")
    days, hours, minutes, seconds = match.groups(default="0")
    return timedelta(days=int(days), hours=int(hours), minutes=int(minutes), seconds=float(seconds))
