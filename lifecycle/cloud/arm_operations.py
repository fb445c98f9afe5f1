"""Following a long-running operation one question at a time: changes when the SDK's pollers or tokens do."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, DecodeError
from azure.core.polling.base_polling import BadResponse, BadStatus, OperationFailed
from azure.mgmt.core.polling.async_arm_polling import AsyncARMPolling

from lifecycle.cloud.arm_faults import FORGOTTEN, azure_fault, error_of, fault_of_response, lost, wait_of
from lifecycle.faults import AzureFault, Fault, Meaning
from lifecycle.ports import Accepted, Progress

if TYPE_CHECKING:
    from lifecycle.cloud.endpoints import Origin

Call = Callable[..., Awaitable[Any]]
"""A call of the SDK that begins an operation, with everything bound but how to follow it."""

_ADDRESS_HEADERS = frozenset({"azure-asyncoperation", "location", "operation-location"})

_UNREADABLE = (AzureError, ValueError, KeyError, TypeError, AttributeError, BadStatus, BadResponse, OperationFailed)
"""What resuming raises for a token it cannot read. Resuming sends nothing, so it can mean nothing else."""


LARGEST_TOKEN_BYTES = 1024 * 1024
"""No real token comes near it; what claims to be larger is not unpacked."""


class OneQuestion(AsyncARMPolling):
    """ARM's polling method, asked by hand. It sleeps never and its last answer can be read."""

    @property
    def answer(self) -> Any:
        """The latest answer: the first one's, until a question has been asked."""
        return self._pipeline_response.http_response

    def ended_badly(self) -> bool:
        """Say whether the operation has ended and failed."""
        return self.finished() and self.status().lower() != "succeeded"


async def begin(call: Call, send_by: float) -> Accepted:
    """Send the mutation, ask nothing, and give the token of what it started."""
    polling = OneQuestion()
    poller = await call(polling=polling, send_by=send_by)
    if polling.finished():
        return Accepted(None)
    return Accepted(packed(poller.continuation_token()), wait_of(polling.answer.headers))


async def ask(call: Call, token: str, origin: Origin) -> Progress:
    """Ask once how the operation of a token goes.

    A token that cannot be read, leads elsewhere or is forgotten ends as LOST. Raises AzureFault where the
    question itself went wrong: the operation may still be running.
    """
    try:
        token = unpacked(token)
    except (ValueError, zlib.error):
        return Progress(running=False, fault=lost("the token cannot be read"))
    if not leads_to(origin, token):
        return Progress(running=False, fault=lost("the token is not one of this ARM endpoint's"))
    polling = OneQuestion()
    try:
        await call(polling=polling, continuation_token=token)
    except _UNREADABLE:
        return Progress(running=False, fault=lost("the token cannot be read"))
    try:
        await polling.update_status()
    except BadStatus:
        return _of_refusal(polling.answer)
    except (BadResponse, DecodeError):
        wait = wait_of(polling.answer.headers)
        unread = Fault("OperationUnread", "the operation's answer cannot be read", Meaning.RETRY, wait)
        raise AzureFault(unread) from None
    except AzureError as trouble:
        raise azure_fault(trouble) from None
    return _of_answer(polling)


def packed(token: str) -> str:
    """Make a token small enough for a string column, which takes 32 K characters.

    It holds the whole first answer: for a security group 37 K characters.
    """
    return base64.b64encode(zlib.compress(base64.b64decode(token))).decode()


def unpacked(token: str) -> str:
    """Undo ``packed``. Raises ValueError or zlib.error for what is no packed token."""
    expander = zlib.decompressobj()
    content = expander.decompress(base64.b64decode(token, validate=True), LARGEST_TOKEN_BYTES)
    if not expander.eof:
        raise ValueError("the token is cut short, or far too large")
    return base64.b64encode(content).decode()


def leads_to(origin: Origin, token: str) -> bool:
    """Say whether every address a token holds is the ARM endpoint's: each would be sent our bearer."""
    try:
        held = json.loads(base64.b64decode(token))["data"]
        addresses = [held["request"]["url"]]
        addresses += [text for name, text in held["response"]["headers"].items() if name.lower() in _ADDRESS_HEADERS]
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return all(isinstance(address, str) and origin.owns(address) for address in addresses)


def _of_refusal(answer: Any) -> Progress:
    fault = fault_of_response(answer)
    if answer.status_code in FORGOTTEN or fault.meaning is Meaning.LOST:
        return Progress(running=False, fault=lost(f"the operation is forgotten ({fault.code})"))
    raise AzureFault(fault)


def _of_answer(polling: OneQuestion) -> Progress:
    wait = wait_of(polling.answer.headers)
    if not polling.finished():
        return Progress(running=True, wait=wait)
    if not polling.ended_badly():
        return Progress(running=False)
    unnamed = Fault(f"Operation{polling.status().title()}", "Azure gives no reason", Meaning.RETRY)
    return Progress(running=False, fault=error_of(polling.answer.text()) or unnamed)
