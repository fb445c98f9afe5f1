"""Every fault that can be asked for, by what the real SDK makes of it; a new one without its row fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from lifecycle.faults import MEANINGS
from sandbox.arm import RESOURCE_GROUP
from sandbox.arm.faults import KINDS, STATUSES
from tests.sandbox_arm.place import LOCATION, NETWORK, Place, bastion_body, code_of, vm_body

ADDRESS: Any = {"location": LOCATION, "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
ELSEWHERE: Any = {**ADDRESS, "location": "northeurope"}


def put_address(place: Place, name: str = "pip", body: Any = ADDRESS) -> Any:
    return place.network.public_ip_addresses.begin_create_or_update(RESOURCE_GROUP, name, body)


async def sessions(place: Place) -> list[Any]:
    poller = await place.network.begin_get_active_sessions(RESOURCE_GROUP, "bastion")
    return [each async for each in await poller.result()]


async def refused(attempt: Awaitable[Any]) -> HttpResponseError:
    with pytest.raises(HttpResponseError) as error:
        await attempt
    return error.value


# What each kind does: a claim about one request, or one life, with the fault asked for.


async def lost_reply(place: Place) -> None:
    place.arm.faults.add("lost-reply", "PUT")
    with pytest.raises(ServiceResponseError):
        await put_address(place)
    place.pass_(minutes=1)
    assert (await place.network.public_ip_addresses.get(RESOURCE_GROUP, "pip")).provisioning_state == "Succeeded"


async def no_connection(place: Place) -> None:
    place.arm.faults.add("no-connection", "PUT")
    with pytest.raises(ServiceRequestError):
        await put_address(place)
    assert await code_of(place.network.public_ip_addresses.get(RESOURCE_GROUP, "pip")) == "ResourceNotFound"


def throttled(kind: str, seconds: float | None) -> Callable[[Place], Awaitable[None]]:
    async def claim(place: Place) -> None:
        place.arm.faults.add(kind, "PUT")
        error = await refused(put_address(place))
        assert error.error is not None
        assert (error.status_code, error.error.code) == (429, "TooManyRequests")
        answer: Any = error.response
        after = answer.headers.get("Retry-After")
        if kind == "throttled-date":
            assert after is not None
            assert (parsedate_to_datetime(after) - place.clock.now()).total_seconds() == seconds
        else:
            assert after == (None if seconds is None else f"{seconds:.0f}")

    return claim


def answers(kind: str, status: int, code: str | None) -> Callable[[Place], Awaitable[None]]:
    async def claim(place: Place) -> None:
        place.arm.faults.add(kind, "PUT")
        error = await refused(put_address(place))
        assert error.status_code == status
        assert (error.error.code if error.error is not None else None) == code
        await put_address(place)

    return claim


async def outage_of_a_region(place: Place) -> None:
    await place.address()
    await place.done(put_address(place, "far", ELSEWHERE))
    addresses = place.network.public_ip_addresses
    poller = await put_address(place, "far", ELSEWHERE)
    place.arm.faults.add("outage:northeurope", times=None, minutes=30)
    for attempt in (addresses.get(RESOURCE_GROUP, "far"), addresses.begin_delete(RESOURCE_GROUP, "far")):
        assert await code_of(attempt) == "ServiceUnavailable"
    assert await code_of(put_address(place, "new", ELSEWHERE)) == "ServiceUnavailable"
    assert await code_of(poller.result()) == "ServiceUnavailable"
    await addresses.get(RESOURCE_GROUP, "pip")
    assert len([each async for each in addresses.list(RESOURCE_GROUP)]) == 2
    place.pass_(minutes=30)
    await addresses.get(RESOURCE_GROUP, "far")


async def burst(place: Place) -> None:
    place.arm.faults.add("server-error", times=None, minutes=5)
    addresses = place.network.public_ip_addresses
    for _ in range(3):
        assert await code_of(addresses.get(RESOURCE_GROUP, "pip")) == "InternalServerError"
        place.pass_(minutes=1)
    place.pass_(minutes=2)
    assert await code_of(addresses.get(RESOURCE_GROUP, "pip")) == "ResourceNotFound"


def ends(kind: str, code: str) -> Callable[[Place], Awaitable[None]]:
    async def claim(place: Place) -> None:
        place.arm.faults.add(kind, "PUT")
        poller = await put_address(place)
        place.pass_(minutes=1)
        assert await code_of(poller.result()) == code
        got = await place.network.public_ip_addresses.get(RESOURCE_GROUP, "pip")
        assert got.provisioning_state == "Failed"
        place.arm.faults.add(kind, "DELETE")
        poller = await place.network.public_ip_addresses.begin_delete(RESOURCE_GROUP, "pip")
        place.pass_(minutes=1)
        assert await code_of(poller.result()) == code
        await place.network.public_ip_addresses.get(RESOURCE_GROUP, "pip")

    return claim


async def allocation_failed(place: Place) -> None:
    await place.ground()
    await place.nic()
    place.arm.faults.add("allocation-failed", "PUT .*virtualMachines")
    poller = await place.compute.virtual_machines.begin_create_or_update(RESOURCE_GROUP, "vm", vm_body())
    place.pass_(minutes=3)
    assert await code_of(poller.result()) == "AllocationFailed"


async def stuck(place: Place) -> None:
    place.arm.faults.add("stuck", "PUT")
    await put_address(place)
    place.pass_(hours=10)
    addresses = place.network.public_ip_addresses
    assert (await addresses.get(RESOURCE_GROUP, "pip")).provisioning_state == "Updating"
    assert await code_of(addresses.begin_delete(RESOURCE_GROUP, "pip")) == "RetryableError"
    place.arm.clear_faults()
    assert (await addresses.get(RESOURCE_GROUP, "pip")).provisioning_state == "Failed"


async def operation_expired(place: Place) -> None:
    place.arm.faults.add("operation-expired", times=None)
    poller = await put_address(place)
    assert await code_of(poller.result()) == "OperationIdNotFound"


async def stale(place: Place) -> None:
    await place.address()
    addresses = place.network.public_ip_addresses
    await addresses.get(RESOURCE_GROUP, "pip")
    await place.done(addresses.begin_delete(RESOURCE_GROUP, "pip"))
    place.arm.faults.add("stale")
    assert (await addresses.get(RESOURCE_GROUP, "pip")).name == "pip"
    assert await code_of(addresses.get(RESOURCE_GROUP, "pip")) == "ResourceNotFound"


async def list_lag(place: Place) -> None:
    await place.address("old")
    place.pass_(minutes=10)
    await place.address("new")
    place.arm.faults.add("list-lag", times=None)
    addresses = place.network.public_ip_addresses
    assert (await addresses.get(RESOURCE_GROUP, "new")).name == "new"
    for listed in (addresses.list(RESOURCE_GROUP), addresses.list_all()):
        assert [each.name async for each in listed] == ["old"]
    place.pass_(minutes=10)
    assert [each.name async for each in addresses.list_all()] == ["old", "new"]


def unreadable(shape: str) -> Callable[[Place], Awaitable[None]]:
    async def claim(place: Place) -> None:
        await place.box()
        place.session()
        place.arm.faults.add(f"sessions-{shape}")
        with pytest.raises((AttributeError, TypeError, HttpResponseError)):
            await sessions(place)
        assert len(await sessions(place)) == 1

    return claim


async def wrongly_empty(place: Place) -> None:
    await place.box()
    place.session()
    place.arm.faults.add("sessions-none")
    assert await sessions(place) == []
    assert len(await sessions(place)) == 1


@dataclass(frozen=True)
class Row:
    """One fault: its kind as it is asked for, what it means for a client, and how that shows."""

    kind: str
    claim: str
    shows: Callable[[Place], Awaitable[None]]


ROWS = [
    Row("lost-reply", "what was done though no answer came", lost_reply),
    Row("no-connection", "nothing was done", no_connection),
    Row("throttled", "429 does not say when", throttled("throttled", None)),
    Row("throttled-seconds", "429 says when in seconds", throttled("throttled-seconds", 15)),
    Row("throttled-date", "429 says when as a date", throttled("throttled-date", 15)),
    Row("server-error", "500", answers("server-error", 500, "InternalServerError")),
    Row("server-error", "a burst of 500 ends by the clock", burst),
    Row("outage", "503", answers("outage", 503, "ServiceUnavailable")),
    Row("outage:northeurope", "one region is out and the others are not", outage_of_a_region),
    Row("html", "an HTML page has no code", answers("html", 502, None)),
    Row("role-removed", "writes are forbidden", answers("role-removed", 403, "AuthorizationFailed")),
    Row("locked", "a lock is on", answers("locked", 409, "ScopeLocked")),
    Row("refuse", "refused at once", answers("refuse", 409, "Conflict")),
    Row("late-failed", "accepted and failed later, a DELETE too", ends("late-failed", "InternalServerError")),
    Row("late-canceled", "accepted and canceled later", ends("late-canceled", "Canceled")),
    Row("allocation-failed", "no machine is to be had after all", allocation_failed),
    Row("stuck", "an operation that never ends", stuck),
    Row("operation-expired", "the operation's URL is gone", operation_expired),
    Row("stale", "a GET from before", stale),
    Row("list-lag", "lists lag behind GETs", list_lag),
    *(
        Row(f"sessions-{shape}", f"the list comes as {shape}", unreadable(shape))
        for shape in ("array", "null", "empty")
    ),
    Row("sessions-error", "the list fails", unreadable("error")),
    Row("sessions-none", "the list is wrongly empty", wrongly_empty),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind}: {row.claim}")
async def test_a_fault_shows_through_the_sdk(place: Place, row: Row) -> None:
    await row.shows(place)


def test_every_fault_has_its_row() -> None:
    assert {row.kind.partition(":")[0] for row in ROWS} == set(KINDS)


# Every code, at once and late.


def test_every_code_that_means_something_to_the_app_can_be_asked_for_with_its_status() -> None:
    assert set(MEANINGS) <= set(STATUSES)


@pytest.mark.parametrize("code", sorted(STATUSES))
async def test_a_request_is_refused_with_every_code_and_its_status(place: Place, code: str) -> None:
    place.arm.faults.add(f"refuse:{code}", "PUT")
    error = await refused(put_address(place))
    assert error.error is not None
    assert (error.status_code, error.error.code) == (STATUSES[code], code)


@pytest.mark.parametrize("status", ["failed", "canceled"])
@pytest.mark.parametrize("code", sorted(STATUSES))
async def test_an_accepted_operation_ends_late_with_every_code(place: Place, code: str, status: str) -> None:
    place.arm.faults.add(f"late-{status}:{code}", "PUT")
    poller = await put_address(place)
    place.pass_(minutes=1)
    assert await code_of(poller.result()) == code


async def test_a_bastion_that_failed_late_is_deleted_and_made_again(place: Place) -> None:
    await place.ground()
    place.arm.faults.add("late-failed:GatewayAllocationFailed", "PUT .*bastionHosts")
    hosts = place.network.bastion_hosts
    poller = await hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body())
    place.pass_(minutes=11)
    assert await code_of(poller.result()) == "GatewayAllocationFailed"
    await place.done(hosts.begin_delete(RESOURCE_GROUP, "bastion"))
    assert (await place.bastion()).provisioning_state == "Succeeded"


@pytest.mark.parametrize(
    ("kind", "minutes"), [("outage:atlantis", None), ("server-error", 0.0), ("server-error", 1e9), ("html:x", None)]
)
def test_a_fault_that_cannot_be_is_refused_in_words(place: Place, kind: str, minutes: float | None) -> None:
    with pytest.raises(ValueError, match=r"region|minutes|no fault"):
        place.arm.faults.add(kind, minutes=minutes)


async def test_a_machine_that_never_came_up_is_provisioned_by_its_next_put(place: Place) -> None:
    await place.ground()
    await place.nic()
    place.arm.faults.add("late-canceled", "PUT .*virtualMachines")
    await place.compute.virtual_machines.begin_create_or_update(RESOURCE_GROUP, "vm", vm_body())
    place.pass_(minutes=3)
    refused_start = place.compute.virtual_machines.begin_start(RESOURCE_GROUP, "vm")
    assert await code_of(refused_start) == "OperationNotAllowed"
    made = await place.vm()
    assert made.properties.provisioning_state == "Succeeded"
    view = await place.compute.virtual_machines.instance_view(RESOURCE_GROUP, "vm")
    assert view.statuses[-1].code == "PowerState/running"
    place.pass_(hours=1)
    assert place.hours("vm.Standard_D2s_v5")[-1] > 1
    assert len(place.arm.cloud.store.within(f"{NETWORK.rpartition('/providers')[0]}", "microsoft.compute/disks")) == 1
