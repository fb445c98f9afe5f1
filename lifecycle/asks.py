"""What a request for a box may say, and the rules of the house it must keep."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.model import Login, Outbound, Sku
from lifecycle.refusals import Unwanted
from lifecycle.settings import Settings
from lifecycle.timetable import Timetable

FARTHEST_START = timedelta(days=90)
LATE_START = timedelta(minutes=5)
SHORTEST_LEASE = timedelta(minutes=15)
LONGEST_KEY = 8192
KEY_TYPES = ("ssh-rsa", "ssh-ed25519")
"""What Azure takes for Linux machines (Microsoft: virtual-machines/linux/ssh-from-windows)."""


@dataclass(frozen=True, slots=True)
class BoxAsk:
    """A request for a box; None where the person left the choice to the house."""

    stack: str | None = None
    name: str | None = None
    hours: float | None = None
    reason: str | None = None
    schedule: str | None = None
    sku: Sku | None = None
    vm_size: str | None = None
    region: str | None = None
    start_at: datetime | None = None
    until: datetime | None = None
    owner: str | None = None
    login: Login | None = None
    ssh_public_key: str | None = None
    outbound: Outbound | None = None
    keep_public_ip: bool | None = None


async def check(ask: BoxAsk, settings: Settings, timetable: Timetable, now: datetime) -> None:
    """Refuse what breaks a rule, naming field and rule. Raises Unwanted."""
    longest = settings.policy.longest_lease_hours
    if ask.hours is not None and ask.hours > longest:
        raise Unwanted(f"must not be more than {longest:g}, the longest lease of this deployment", "hours")
    if ask.schedule is not None and not await timetable.exists(ask.schedule):
        known = ", ".join(sorted(await timetable.every()))
        raise Unwanted(f"there is no schedule {ask.schedule}; there are {known}", "schedule")
    _one_of(ask.sku and ask.sku.value, [sku.value for sku in settings.skus], "sku")
    _one_of(ask.vm_size, settings.vm_sizes, "vmSize")
    _one_of(ask.region, settings.regions, "region")
    if ask.start_at and not now - LATE_START <= ask.start_at <= now + FARTHEST_START:
        raise Unwanted(f"must lie between now and {FARTHEST_START.days} days ahead", "startAt")
    if ask.until:
        _check_until(ask, ask.until, longest, now)
    _check_login(ask)


def _check_until(ask: BoxAsk, until: datetime, longest: float, now: datetime) -> None:
    if ask.hours is not None:
        raise Unwanted("goes without hours: one of the two says when the lease ends", "until")
    if not SHORTEST_LEASE <= until - (ask.start_at or now) <= timedelta(hours=longest):
        least = f"{SHORTEST_LEASE / timedelta(minutes=1):g} minutes"
        raise Unwanted(f"must lie at least {least} and at most {longest:g} hours after the start", "until")


def _one_of(value: str | None, allowed: list[str] | tuple[str, ...], field: str) -> None:
    if value is not None and value not in allowed:
        raise Unwanted(f"must be one of {', '.join(allowed)}, which this deployment allows", field)


def _check_login(ask: BoxAsk) -> None:
    if ask.login is Login.KEY and not ask.ssh_public_key:
        raise Unwanted("is required with login key: the public half of your SSH key", "sshPublicKey")
    if ask.login is Login.ENTRA and ask.ssh_public_key:
        raise Unwanted("goes with login key only", "sshPublicKey")
    if ask.ssh_public_key:
        _check_key(ask.ssh_public_key)
    elif ask.outbound is Outbound.NONE:
        raise Unwanted("none cuts Entra login off: its extension must reach the internet; use login key", "outbound")


def _check_key(key: str) -> None:
    """Refuse what is no OpenSSH public key; a private key pasted by mistake is refused without being repeated."""
    rule = f"must be one line of OpenSSH public key, {' or '.join(KEY_TYPES)}"
    words = key.split()
    kind, encoded = (*words, "", "")[:2]
    if len(key) > LONGEST_KEY or not key.strip().isprintable() or kind not in KEY_TYPES or not encoded:
        raise Unwanted(rule, "sshPublicKey")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except ValueError:  # binascii's error, or letters that are not ASCII
        raise Unwanted(rule, "sshPublicKey") from None
    if not blob.startswith(len(kind).to_bytes(4) + kind.encode()):
        raise Unwanted(rule, "sshPublicKey")
