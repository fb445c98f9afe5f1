"""Which addresses may be spoken to: changes when the rule for loopback or for trusted hosts does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_ODD = re.compile(r"[\\\x00-\x20]")
"""A backslash, a space or a control character: parsers differ on them."""


def is_loopback(host: str | None) -> bool:
    """Say whether a host name or address means this machine and nothing else."""
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def require_safe(url: str, setting: str) -> str:
    """Return the URL without a trailing slash.

    Raises ValueError, naming ``setting`` and never its value, unless it is https, or http on loopback: whatever
    is signed or authenticated must not cross a network in the clear.
    """
    parts = _split(url)
    if parts is None or parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"{setting} holds no http or https address")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(f"{setting} is an http address off this machine: only loopback may be spoken to in clear")
    return url.rstrip("/")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of the one service that our bearer may be shown to."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Take the origin of a URL; raises ValueError where it has none."""
        origin = _origin(url)
        if origin is None:
            raise ValueError("not an absolute http or https address")
        return origin

    def owns(self, url: str) -> bool:
        """Say whether a URL, which may come from anywhere, leads to this origin.

        Anything odd is a no: user information before the host, a backslash, a space or a control character (on
        which parsers differ), a relative address.
        """
        return _origin(url) == self


def _split(url: str) -> SplitResult | None:
    if _ODD.search(url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if not parts.hostname or "@" in parts.netloc:
        return None
    return parts


def _origin(url: str) -> Origin | None:
    parts = _split(url)
    if parts is None or parts.hostname is None or parts.scheme not in _DEFAULT_PORTS:
        return None
    return Origin(parts.scheme, parts.hostname.lower(), parts.port or _DEFAULT_PORTS[parts.scheme])
