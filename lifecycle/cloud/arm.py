"""Azure Resource Manager through Microsoft's clients: changes when the way we look, begin or ask does."""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, assert_never

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import HttpRequest

from lifecycle.cloud import arm_operations, inventory
from lifecycle.cloud.arm_faults import azure_fault, is_absence, lost
from lifecycle.cloud.arm_kinds import API_VERSIONS, BORROWED, CALLS, Scope, ends_at_once, names_of
from lifecycle.cloud.arm_pipeline import CLAIM_HOLDS_SECONDS, CONNECT_SECONDS, READ_SECONDS, policies
from lifecycle.cloud.credential import arm_authentication
from lifecycle.cloud.endpoints import Origin, require_safe
from lifecycle.cloud.session_count import session_counts
from lifecycle.cloud.sessions import BastionSessions
from lifecycle.faults import AzureFault, Fault, Meaning
from lifecycle.model import Kind, Verb
from lifecycle.ports import Accepted, Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from datetime import datetime

    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.pipeline.transport import AsyncHttpTransport
    from azure.mgmt.compute.aio import ComputeManagementClient
    from azure.mgmt.network.aio import NetworkManagementClient

    from lifecycle.model import Count, SessionSeen
    from lifecycle.ports import Body

PUBLIC_CLOUD = "https://management.azure.com"
"""The endpoint of ARM in Azure's public cloud."""


class ArmAzure:
    """``ports.Azure`` on the real aio clients. Every error is an AzureFault whose text holds no signed URL.

    ``identity`` is a token credential, or a fixed bearer for an ``endpoint`` on this machine (ValueError
    otherwise). ``transport`` is for tests and the in-process sandbox. ``real_clock`` counts real seconds, by
    which claims age. Microsoft's clients are imported at the first call: together they cost a cold start most
    of a second.
    """

    def __init__(
        self,
        endpoint: str,
        subscription_id: str,
        resource_group: str,
        identity: AsyncTokenCredential | str,
        transport: AsyncHttpTransport[Any, Any] | None = None,
        real_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = require_safe(endpoint, "the ARM endpoint")
        self._origin = Origin.of(self._endpoint)
        self._scope = Scope(subscription_id, resource_group)
        self._authentication = arm_authentication(identity, self._endpoint)
        self._transport = transport
        self._real_clock = real_clock
        self._opened: tuple[NetworkManagementClient, ComputeManagementClient] | None = None

    async def close(self) -> None:
        """Close the connections; the identity is its owner's to close."""
        if self._opened is not None:
            for client in self._opened:
                await client.close()
            self._opened = None

    async def look(self, kind: Kind, arm_id: str) -> Body | None:
        """GET one resource in its wire shape, a VM with its instance view; None where ARM says it is not there.

        A 404 that is not ARM's own (a proxy's page) is a fault: "gone" must be observed.
        """
        async with _arm_trouble():
            try:
                body = await self._get(kind, arm_id)
            except HttpResponseError as refusal:
                if is_absence(refusal):
                    return None
                raise
        if not isinstance(body, dict):
            raise AzureFault(Fault("BodyUnread", f"{kind}: the answer is no resource", Meaning.RETRY))
        return body

    async def every(self, kind: Kind) -> tuple[Body, ...]:
        """List all of one type in the resource group; see ``ports.Inventory``."""
        async with _arm_trouble():
            network, _ = self._clients()
            collection = f"{self._endpoint}{self._scope.collection(kind)}"
            return await inventory.every(collection, kind, network.send_request, self._origin)

    async def begin(self, verb: Verb, kind: Kind, arm_id: str, body: Body | None, claim_age: float) -> Accepted:
        """Send one mutation and ask nothing; see ``ports.Azure``. Raises Overdue rather than send it late."""
        send_by = self._real_clock() + CLAIM_HOLDS_SECONDS - claim_age
        async with _arm_trouble():
            try:
                return await self._begin(verb, kind, arm_id, body, send_by)
            except HttpResponseError as refusal:
                if verb is Verb.DELETE and is_absence(refusal):
                    return Accepted(None)
                raise

    async def poll(self, verb: Verb, kind: Kind, arm_id: str, token: str) -> Progress:
        """Ask once how the operation goes; see ``ports.Azure``."""
        if ends_at_once(verb, kind):
            return Progress(running=False, fault=lost("such a call leaves nothing to follow"))
        return await arm_operations.ask(self._call(verb, kind, arm_id, {}), token, self._origin)

    async def sessions(self, bastion_id: str) -> tuple[SessionSeen, ...]:
        """Read who is connected, within 10 real seconds; an AzureFault means nobody knows."""
        async with _arm_trouble():
            return await self._bastion(bastion_id).read()

    async def counts(self, bastion_id: str, from_at: datetime, until_at: datetime) -> tuple[Count, ...]:
        """Read the Session Count metric; see ``ports.Azure``."""
        async with _arm_trouble():
            names_of(Kind.BASTION, bastion_id)
            network, _ = self._clients()
            return await session_counts(f"{self._endpoint}{bastion_id}", network.send_request, from_at, until_at)

    async def disconnect(self, bastion_id: str, session_ids: Sequence[str]) -> None:
        """End these sessions; one that is over already counts as ended."""
        self._scope.names(Kind.BASTION, bastion_id)
        async with _arm_trouble():
            await self._bastion(bastion_id).disconnect(session_ids)

    async def _get(self, kind: Kind, arm_id: str) -> Any:
        """Read a resource as it is on the wire: the SDK's own call makes a model first, which nobody would look at."""
        if kind in BORROWED:
            names_of(kind, arm_id)
        else:
            self._scope.names(kind, arm_id)
        expand = {"$expand": "instanceView"} if kind is Kind.VM else {}
        return (await self._send("GET", kind, arm_id, expand)).json()

    async def _begin(self, verb: Verb, kind: Kind, arm_id: str, body: Body | None, send_by: float) -> Accepted:
        if kind is Kind.SHUTDOWN:
            self._scope.names(kind, arm_id)
            method = {Verb.PUT: "PUT", Verb.TAG: "PATCH", Verb.DELETE: "DELETE"}[verb]
            await self._send(method, kind, arm_id, {}, body, send_by=send_by)
            return Accepted(None)
        call = self._call(verb, kind, arm_id, body)
        if ends_at_once(verb, kind):
            await call(send_by=send_by)
            return Accepted(None)
        return await arm_operations.begin(call, send_by)

    def _call(self, verb: Verb, kind: Kind, arm_id: str, body: Body | None) -> arm_operations.Call:
        operations = self._operations(kind)
        names = (self._scope.resource_group, *self._scope.names(kind, arm_id))
        match verb:
            case Verb.PUT:
                return partial(operations.begin_create_or_update, *names, body)
            case Verb.TAG:
                return partial(getattr(operations, CALLS[kind].tag), *names, body)
            case Verb.DELETE:
                return partial(operations.begin_delete, *names)
            case Verb.START:
                return partial(operations.begin_start, *names)
            case Verb.DEALLOCATE:
                return partial(operations.begin_deallocate, *names)
            case _:
                assert_never(verb)

    async def _send(
        self, method: str, kind: Kind, arm_id: str, query: Mapping[str, str], body: Body | None = None, **options: Any
    ) -> Any:
        """Send a request that is over when it is answered; raises HttpResponseError where it is refused."""
        url, params = f"{self._endpoint}{arm_id}", {"api-version": API_VERSIONS[kind], **query}
        network, _ = self._clients()
        response = await network.send_request(HttpRequest(method, url, params=params, json=body), **options)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            raise HttpResponseError(response=response)
        return response

    def _bastion(self, bastion_id: str) -> BastionSessions:
        names_of(Kind.BASTION, bastion_id)
        network, _ = self._clients()
        return BastionSessions(f"{self._endpoint}{bastion_id}", network.send_request, self._origin)

    def _operations(self, kind: Kind) -> Any:
        network, compute = self._clients()
        calls = CALLS[kind]
        return getattr(network if calls.client == "network" else compute, calls.operations)

    def _clients(self) -> tuple[NetworkManagementClient, ComputeManagementClient]:
        if self._opened is None:
            from azure.mgmt.compute.aio import ComputeManagementClient  # noqa: PLC0415 -- costly, see the class
            from azure.mgmt.network.aio import NetworkManagementClient  # noqa: PLC0415 -- likewise

            transport = self._transport or AioHttpTransport(
                connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS
            )
            common: dict[str, Any] = {
                "credential": self._authentication,
                "subscription_id": self._scope.subscription_id,
                "base_url": self._endpoint,
                "authentication_policy": self._authentication,
                "policies": policies(self._authentication, self._real_clock),
                "transport": transport,
            }
            self._opened = NetworkManagementClient(**common), ComputeManagementClient(**common)
        return self._opened


@asynccontextmanager
async def _arm_trouble() -> AsyncIterator[None]:
    """Turn what the SDK raises into AzureFault, without the cause: that may quote a signed URL."""
    try:
        yield
    except AzureError as trouble:
        raise azure_fault(trouble) from None
    except json.JSONDecodeError:
        raise AzureFault(Fault("BodyUnread", "the answer is no JSON", Meaning.RETRY)) from None
