"""Azure's refusals put into our words: changes when Azure words one differently, or the SDK wraps it differently."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResponseNotReadError,
    StreamClosedError,
    StreamConsumedError,
)

from lifecycle.cloud.scrub import scrub
from lifecycle.faults import AzureFault, Fault, Meaning, fault

if TYPE_CHECKING:
    from collections.abc import Mapping

ABSENT_CODES = frozenset({"ResourceNotFound", "NotFound", "ParentResourceNotFound", "ResourceGroupNotFound"})
"""ARM's words for "it is not there". A 404 without one of them (a proxy's page) proves nothing."""

FORGOTTEN = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
"""Statuses of an operation's address that is remembered no more."""

_WRAPPERS = frozenset({"RetryableError"})
"""Codes that say nothing themselves: the first of their details does (terraform-provider-azurerm#21293)."""

_MEANING_OF_STATUS = {401: Meaning.TOKEN, 403: Meaning.ACCESS}

_NOT_ALLOWED_NOW = re.compile(r"Operation '.+?' is not allowed on VM", re.IGNORECASE)
"""``OperationNotAllowed`` is a quota's word, and also a VM's that is being changed or deleted (viya4-iac-azure#140)."""


def fault_of_response(response: Any) -> Fault:
    """Name what an answer with an error status means, whatever its body: ARM's JSON, a gateway's HTML, nothing."""
    status = int(response.status_code)
    retry_after = wait_of(response.headers)
    error = error_of(_text(response))
    if error is None:
        reason = scrub(str(getattr(response, "reason", "") or "no ARM error in the answer"))
        meaning = _MEANING_OF_STATUS.get(status, Meaning.RETRY)
        return Fault(f"HTTP {status}", reason, meaning, retry_after)
    return replace(error, retry_after=retry_after)


def error_of(text: str) -> Fault | None:
    """Find the ARM error in a body: ``{"error": {...}}`` or the bare ``{"code", "message"}``; None where none is."""
    try:
        body = json.loads(text)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    inner = body.get("error", body)
    return _fault_of_error(inner) if isinstance(inner, dict) else None


def fault_of(trouble: BaseException) -> Fault:
    """Name what an exception of the SDK means; never an URL with a signature, never a token."""
    if isinstance(trouble, HttpResponseError) and trouble.response is not None:
        named = fault_of_response(trouble.response)
        if (trouble.status_code or 0) < HTTPStatus.BAD_REQUEST:  # taken, yet not understood
            return Fault(type(trouble).__name__, scrub(str(trouble.message)), Meaning.RETRY, named.retry_after)
        return named
    message = scrub(str(trouble)) or "no answer"
    meaning = Meaning.TOKEN if isinstance(trouble, ClientAuthenticationError) else Meaning.RETRY
    return Fault(type(trouble).__name__, message, meaning)


def azure_fault(trouble: AzureError | TimeoutError) -> AzureFault:
    """Wrap an exception of the SDK; raise the result ``from None``, for its cause may quote a signed URL."""
    return AzureFault(fault_of(trouble))


def lost(why: str) -> Fault:
    """Say that an operation can no longer be followed: look at the resource instead."""
    return Fault("OperationLost", why, Meaning.LOST)


def is_absence(trouble: HttpResponseError) -> bool:
    """Say whether ARM itself says that the resource is not there."""
    return trouble.status_code == HTTPStatus.NOT_FOUND and fault_of(trouble).code in ABSENT_CODES


def wait_of(headers: Mapping[str, str]) -> timedelta | None:
    """Read Retry-After, in seconds or as an RFC 1123 date; absent, zero, past and unreadable are all None.

    A date is taken relative to the answer's own ``Date``, so that a skewed or simulated clock does not matter.
    """
    text = (headers.get("Retry-After") or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return _until(text, headers.get("Date"))
    return timedelta(seconds=seconds) if 0 < seconds < timedelta.max.total_seconds() else None


def _until(text: str, date: str | None) -> timedelta | None:
    until = _instant(text)
    if until is None:
        return None
    since = _instant(date or "") or datetime.now(UTC)
    return until - since if until > since else None


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def _fault_of_error(error: Mapping[str, Any]) -> Fault | None:
    code = error.get("code")
    if not isinstance(code, str) or not code:
        return None
    if code in _WRAPPERS:
        details = error.get("details")
        for detail in details if isinstance(details, list) else []:
            inner = _fault_of_error(detail) if isinstance(detail, dict) else None
            if inner is not None:
                return inner
    named = fault(code, scrub(str(error.get("message") or "")))
    if code == "OperationNotAllowed" and _NOT_ALLOWED_NOW.search(named.message):
        return replace(named, meaning=Meaning.BUSY)
    return named


def _text(response: Any) -> str:
    try:
        return str(response.text())
    except (ResponseNotReadError, StreamClosedError, StreamConsumedError, UnicodeDecodeError, LookupError):
        return ""
