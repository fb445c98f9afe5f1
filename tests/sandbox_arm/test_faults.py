"""Faults and what people do behind everybody's back."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from sandbox.arm import RESOURCE_GROUP, Switches
from tests.sandbox_arm.place import COMPUTE, LOCATION, NETWORK, Place, bastion_body, code_of

ADDRESS: Any = {"location": LOCATION, "properties": {}}


def put_address(place: Place) -> Any:
    return place.network.public_ip_addresses.begin_create_or_update(RESOURCE_GROUP, "pip", ADDRESS)


async def listed(place: Place) -> list[Any]:
    poller = await place.network.begin_get_active_sessions(RESOURCE_GROUP, "bastion")
    return [each async for each in await poller.result()]


async def test_a_lost_reply_was_done_all_the_same(place: Place) -> None:
    place.arm.faults.add("lost-reply", "PUT .*publicIPAddresses")
    with pytest.raises(ServiceResponseError):
        await put_address(place)
    place.pass_(minutes=1)
    assert (await place.network.public_ip_addresses.get(RESOURCE_GROUP, "pip")).provisioning_state == "Succeeded"


async def test_without_a_connection_nothing_was_done(place: Place) -> None:
    place.arm.faults.add("no-connection", "PUT")
    with pytest.raises(ServiceRequestError):
        await put_address(place)
    assert len(place.arm.cloud.store) == 0


@pytest.mark.parametrize("kind", ["throttled-seconds", "throttled-date", "throttled"])
async def test_throttling_says_when_to_come_back_in_three_ways(place: Place, kind: str) -> None:
    place.arm.faults.add(kind, "PUT")
    with pytest.raises(HttpResponseError) as refused:
        await put_address(place)
    assert refused.value.status_code == 429
    answer: Any = refused.value.response
    after = answer.headers.get("Retry-After")
    if kind == "throttled":
        assert after is None
    elif kind == "throttled-seconds":
        assert after == "15"
    else:
        assert after is not None
        assert (parsedate_to_datetime(after) - place.clock.now()).total_seconds() == 15


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("server-error", 500, "InternalServerError"),
        ("outage", 503, "ServiceUnavailable"),
        ("role-removed", 403, "AuthorizationFailed"),
        ("locked", 409, "ScopeLocked"),
        ("refuse:AllocationFailed", 409, "AllocationFailed"),
        ("refuse:LinkedAuthorizationFailed", 403, "LinkedAuthorizationFailed"),
        ("refuse:ExpiredAuthenticationToken", 401, "ExpiredAuthenticationToken"),
        ("refuse:RetryableError", 429, "RetryableError"),
    ],
)
async def test_a_request_can_be_refused_with_any_code(place: Place, kind: str, status: int, code: str) -> None:
    place.arm.faults.add(kind, "PUT")
    with pytest.raises(HttpResponseError) as refused:
        await put_address(place)
    assert refused.value.status_code == status
    assert refused.value.error is not None
    assert refused.value.error.code == code
    await put_address(place)


async def test_an_html_error_page_has_no_code(place: Place) -> None:
    place.arm.faults.add("html", "PUT")
    with pytest.raises(HttpResponseError) as refused:
        await put_address(place)
    assert refused.value.status_code == 502


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("late-failed", "InternalServerError"),
        ("late-failed:OverconstrainedZonalAllocationRequest", "OverconstrainedZonalAllocationRequest"),
        (
            "late-canceled:CanceledAndSupersededDueToAnotherOperation",
            "CanceledAndSupersededDueToAnotherOperation",
        ),
    ],
)
async def test_an_accepted_write_can_end_badly(place: Place, kind: str, code: str) -> None:
    await place.ground()
    place.arm.faults.add(kind, "PUT .*bastionHosts")
    poller = await place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body())
    place.pass_(minutes=11)
    assert await code_of(poller.result()) == code
    assert (await place.network.bastion_hosts.get(RESOURCE_GROUP, "bastion")).provisioning_state == "Failed"
    await place.done(place.network.bastion_hosts.begin_delete(RESOURCE_GROUP, "bastion"))


@pytest.mark.parametrize("kind", ["late-failed", "late-canceled"])
async def test_a_machine_whose_stop_ends_badly_runs_on_and_can_be_stopped_again(place: Place, kind: str) -> None:
    await place.ground()
    await place.nic()
    await place.vm()
    machines = place.compute.virtual_machines
    place.arm.faults.add(kind, "POST .*deallocate")
    await machines.begin_deallocate(RESOURCE_GROUP, "vm")
    place.pass_(minutes=5)
    after = await machines.get(RESOURCE_GROUP, "vm", expand="instanceView")
    assert after.provisioning_state == "Failed"
    assert after.properties.instance_view.statuses[-1].code == "PowerState/running"
    await place.done(machines.begin_deallocate(RESOURCE_GROUP, "vm"))


async def test_an_accepted_delete_can_fail_and_leave_what_it_was_to_take(place: Place) -> None:
    await place.ground()
    await place.bastion()
    place.arm.faults.add("late-failed", "DELETE .*bastionHosts")
    poller = await place.network.bastion_hosts.begin_delete(RESOURCE_GROUP, "bastion")
    place.pass_(minutes=11)
    assert await code_of(poller.result()) == "InternalServerError"
    await place.network.bastion_hosts.get(RESOURCE_GROUP, "bastion")
    await place.done(place.network.bastion_hosts.begin_delete(RESOURCE_GROUP, "bastion"))


async def test_a_stuck_operation_lasts_until_the_faults_are_cleared(place: Place) -> None:
    await place.ground()
    place.arm.faults.add("stuck", "PUT .*bastionHosts")
    await place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body())
    place.pass_(hours=10)
    assert (await place.network.bastion_hosts.get(RESOURCE_GROUP, "bastion")).provisioning_state == "Updating"
    place.arm.clear_faults()
    assert (await place.network.bastion_hosts.get(RESOURCE_GROUP, "bastion")).provisioning_state == "Failed"
    await place.network.bastion_hosts.begin_delete(RESOURCE_GROUP, "bastion")


async def test_an_operation_url_can_be_gone_while_the_operation_goes_on(place: Place) -> None:
    place.arm.faults.add("operation-expired", times=None)
    poller = await put_address(place)
    assert await code_of(poller.result()) == "OperationIdNotFound"
    place.pass_(minutes=1)
    assert (await place.network.public_ip_addresses.get(RESOURCE_GROUP, "pip")).provisioning_state == "Succeeded"


async def test_a_get_and_a_list_can_be_stale(place: Place) -> None:
    await place.address()
    addresses = place.network.public_ip_addresses
    assert [each.name async for each in addresses.list(RESOURCE_GROUP)] == ["pip"]
    await addresses.get(RESOURCE_GROUP, "pip")
    await place.done(addresses.begin_delete(RESOURCE_GROUP, "pip"))
    place.arm.faults.add("stale", times=2)
    assert (await addresses.get(RESOURCE_GROUP, "pip")).name == "pip"
    assert [each.name async for each in addresses.list(RESOURCE_GROUP)] == ["pip"]
    assert [each.name async for each in addresses.list(RESOURCE_GROUP)] == []


@pytest.mark.parametrize("shape", ["array", "null", "empty", "error"])
async def test_the_session_list_can_come_in_shapes_the_sdk_cannot_read(place: Place, shape: str) -> None:
    await place.ground()
    await place.bastion()
    place.arm.faults.add(f"sessions-{shape}")
    with pytest.raises((AttributeError, TypeError, HttpResponseError)):
        await listed(place)
    assert await listed(place) == []


async def test_the_session_list_can_be_wrongly_empty(place: Place) -> None:
    await place.box()
    place.session()
    place.arm.faults.add("sessions-none")
    assert await listed(place) == []


def test_a_fault_strikes_as_often_as_asked(place: Place) -> None:
    place.arm.faults.add("server-error", "GET .*virtualNetworks", times=2)
    path = f"{NETWORK}/virtualNetworks?api-version=2024-03-01"
    assert [place.raw("GET", path).status for _ in range(3)] == [500, 500, 200]
    place.arm.faults.add("server-error", times=None, probability=0.5)
    struck = [place.raw("GET", path).status == 500 for _ in range(200)]
    assert 60 < sum(struck) < 140


@pytest.mark.parametrize(("kind", "match"), [("nothing", ""), ("outage", "("), ("stuck:Code", "")])
def test_a_fault_that_makes_no_sense_is_refused(place: Place, kind: str, match: str) -> None:
    with pytest.raises(ValueError, match=r"fault|regular"):
        place.arm.faults.add(kind, match)


async def test_token_buckets_refuse_when_they_are_empty_and_refill_with_the_clock() -> None:
    place = Place(throttling=True)
    path = f"{NETWORK}/publicIPAddresses/pip?api-version=2024-03-01"
    answers = [place.raw("DELETE", path) for _ in range(205)]
    assert [answer.status for answer in answers].count(429) == 5
    assert b'"SubscriptionRequestsThrottled"' in answers[-1].body
    assert answers[-1].headers["x-ms-ratelimit-remaining-subscription-deletes"] == "0"
    place.pass_(seconds=1)
    assert [place.raw("DELETE", path).status for _ in range(11)].count(429) == 1


async def test_people_delete_retag_recreate_and_park_behind_everybodys_back(place: Place) -> None:
    await place.box()
    humans, machine = place.arm.humans, f"{COMPUTE}/virtualMachines/vm"
    humans.retag(machine, {"whose": "mine"})
    before = await place.compute.virtual_machines.get(RESOURCE_GROUP, "vm")
    assert before.tags == {"whose": "mine"}
    humans.recreate(machine)
    after = await place.compute.virtual_machines.get(RESOURCE_GROUP, "vm")
    assert after.tags is None
    assert after.properties.vm_id != before.properties.vm_id
    humans.deallocate(machine)
    view = await place.compute.virtual_machines.instance_view(RESOURCE_GROUP, "vm")
    assert view.statuses[-1].code == "PowerState/deallocated"
    humans.delete(f"{NETWORK}/bastionHosts/bastion")
    (bill,) = [row for row in place.arm.cloud.meters.shown(place.arm.now) if row["meter"] == "bastion.basic"]
    assert bill["to"] is not None
    humans.add(f"{NETWORK}/publicIPAddresses/theirs", ADDRESS)
    assert (await place.network.public_ip_addresses.get(RESOURCE_GROUP, "theirs")).provisioning_state == "Succeeded"
    with pytest.raises(ValueError, match="no resource"):
        humans.delete(f"{NETWORK}/publicIPAddresses/nobody")


def test_switches_are_thrown_by_name_all_or_none() -> None:
    switches = Switches()
    switches.throw({"billingQuantum": "hour", "slowTail": 1})
    assert (switches.billing_quantum, switches.slow_tail) == ("hour", 1.0)
    for wrong in ({"nothing": 1}, {"billingQuantum": "day"}, {"slowTail": "much"}, {"throttling": 1}, {"pageSize": -1}):
        with pytest.raises(ValueError, match=r"switch|is "):
            switches.throw({"billingStart": "succeeded", **wrong})
    assert switches.billing_start == "accepted"


async def test_a_slow_tail_can_be_asked_for() -> None:
    place = Place(slowTail=1.0)
    await place.ground()
    await place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body())
    due_at = place.arm.next_due_at(place.clock.now())
    assert due_at is not None
    assert (due_at - place.clock.now()).total_seconds() >= 600


async def test_an_extension_may_succeed_without_outbound_when_switched_so() -> None:
    place = Place(extensionWithoutOutbound="succeeds", autoShutdown=False)
    await place.nsgs()
    await place.vnet(defaultOutboundAccess=False)
    await place.nic()
    await place.vm()
    extension: Any = {
        "location": LOCATION,
        "properties": {"publisher": "Microsoft.Azure.ActiveDirectory", "type": "AADSSHLoginForLinux"},
    }
    extensions = place.compute.virtual_machine_extensions
    made = await place.done(extensions.begin_create_or_update(RESOURCE_GROUP, "vm", "login", extension), minutes=2)
    assert made.provisioning_state == "Succeeded"
