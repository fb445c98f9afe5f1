"""Long-running operations: the first answers, one poll at a time, tokens, expiry."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta

import pytest
from azure.core.exceptions import ResourceNotFoundError

from sandbox.arm import RESOURCE_GROUP
from tests.sandbox_arm.place import COMPUTE, NETWORK, START, Place, bastion_body, code_of, nic_body, vm_body, vnet_body


async def test_a_put_of_a_new_network_answers_201_updating_and_names_its_operation(place: Place) -> None:
    answer = await place.send(
        "PUT", f"{NETWORK}/virtualNetworks/vnet", vnet_body(bastion_nsg=None, networkSecurityGroup=None)
    )
    assert answer.status_code == 201
    assert answer.headers["Azure-AsyncOperation"].startswith("https://management.azure.com/subscriptions/")
    assert answer.headers["Azure-AsyncNotification"] == "Enabled"
    assert "Location" not in answer.headers
    assert answer.headers["Retry-After"] == "3"
    properties = answer.json()["properties"]
    assert properties["provisioningState"] == "Updating"
    assert [subnet["properties"]["provisioningState"] for subnet in properties["subnets"]] == ["Updating"] * 2


async def test_an_update_answers_200_with_the_new_values_and_an_operation(place: Place) -> None:
    await place.address()
    body = {"location": "westeurope", "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
    answer = await place.send("PUT", f"{NETWORK}/publicIPAddresses/pip", {**body, "tags": {"a": "b"}})
    assert answer.status_code == 200
    assert answer.json()["tags"] == {"a": "b"}
    assert "Azure-AsyncOperation" in answer.headers


async def test_an_interface_is_succeeded_in_the_first_answer_and_keeps_its_etag(place: Place) -> None:
    await place.ground()
    answer = await place.send("PUT", f"{NETWORK}/networkInterfaces/nic", nic_body())
    assert answer.status_code == 201
    assert answer.json()["properties"]["provisioningState"] == "Succeeded"
    assert "Retry-After" not in answer.headers
    place.pass_(minutes=1)
    got = await place.send("GET", f"{NETWORK}/networkInterfaces/nic")
    assert got.headers["ETag"] == got.json()["etag"] == answer.json()["etag"]


async def test_the_etag_of_a_put_differs_from_that_after_success(place: Place) -> None:
    await place.nsgs()
    answer = await place.send("PUT", f"{NETWORK}/virtualNetworks/vnet", vnet_body())
    place.pass_(minutes=1)
    got = await place.send("GET", f"{NETWORK}/virtualNetworks/vnet")
    assert "ETag" not in answer.headers
    assert got.json()["etag"] != answer.json()["etag"]
    assert {subnet["etag"] for subnet in got.json()["properties"]["subnets"]} == {got.headers["ETag"]}


async def test_a_bastion_polls_as_recorded_and_shows_its_name_only_after_success(place: Place) -> None:
    await place.ground()
    answer = await place.send("PUT", f"{NETWORK}/bastionHosts/bastion", bastion_body())
    assert answer.json()["properties"]["provisioningState"] == "Updating"
    assert "dnsName" not in answer.json()["properties"]
    url = answer.headers["Azure-AsyncOperation"].removeprefix("https://management.azure.com")
    waits = []
    for _ in range(8):
        poll = await place.send("GET", url)
        assert poll.json() == {"status": "InProgress"}
        waits.append(int(poll.headers["Retry-After"]))
    assert waits == [10, 20, 20, 40, 40, 80, 160, 100]
    place.pass_(minutes=11)
    assert (await place.send("GET", url)).json() == {"status": "Succeeded"}
    got = await place.send("GET", f"{NETWORK}/bastionHosts/bastion")
    assert got.json()["properties"]["dnsName"].endswith(".bastion.azure.com")


async def test_a_network_delete_ends_in_one_204_at_its_location(place: Place) -> None:
    await place.address()
    answer = await place.send("DELETE", f"{NETWORK}/publicIPAddresses/pip")
    assert (answer.status_code, await answer.read()) == (202, b"")
    assert answer.headers["Retry-After"] == "10"
    location = answer.headers["Location"].removeprefix("https://management.azure.com")
    assert "/operationResults/" in location
    got = await place.send("GET", f"{NETWORK}/publicIPAddresses/pip")
    assert got.json()["properties"]["provisioningState"] == "Deleting"
    place.pass_(minutes=1)
    last = await place.send("GET", location)
    assert last.status_code == 204
    assert {"Azure-AsyncOperation", "Location"} <= set(last.headers)


async def test_deleting_what_is_not_there_answers_204(place: Place) -> None:
    answer = await place.send("DELETE", f"{NETWORK}/bastionHosts/nobody")
    assert answer.status_code == 204
    assert "Azure-AsyncOperation" not in answer.headers


async def test_compute_operations_tell_start_and_end_and_have_a_monitor(place: Place) -> None:
    await place.ground()
    await place.nic()
    answer = await place.send("PUT", f"{COMPUTE}/virtualMachines/vm", vm_body())
    assert answer.json()["properties"]["provisioningState"] == "Creating"
    assert answer.headers["Retry-After"] == "10"
    url = answer.headers["Azure-AsyncOperation"].removeprefix("https://management.azure.com")
    first = await place.send("GET", url)
    assert first.headers["Retry-After"] == "35"
    assert first.json()["status"] == "InProgress"
    place.pass_(minutes=3)
    assert set((await place.send("GET", url)).json()) == {"startTime", "endTime", "status", "name"}

    deallocate = await place.send("POST", f"{COMPUTE}/virtualMachines/vm/deallocate")
    assert deallocate.status_code == 202
    monitor = deallocate.headers["Location"].removeprefix("https://management.azure.com")
    assert "monitor=true" in monitor
    assert (await place.send("GET", monitor)).status_code == 202
    place.pass_(minutes=3)
    assert (await place.send("GET", monitor)).status_code == 200


async def test_a_token_is_large_and_resumes_in_a_new_client_one_poll_at_a_time(place: Place) -> None:
    await place.ground()
    hosts = place.network.bastion_hosts
    poller = await hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body())
    token = poller.continuation_token()
    assert 8_000 < len(token) < 12_000
    sent = len(place.arm.traffic)

    resumed = await hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body(), continuation_token=token)
    assert len(place.arm.traffic) == sent
    method = resumed.polling_method()
    await method.update_status()
    assert not method.finished()
    place.pass_(minutes=11)
    await method.update_status()
    assert method.finished()
    assert (await resumed.result()).provisioning_state == "Succeeded"


async def test_short_operation_urls_are_a_switch() -> None:
    place = Place(longOperationUrls=False)
    poller = await place.network.public_ip_addresses.begin_create_or_update(
        RESOURCE_GROUP, "pip", {"location": "westeurope", "properties": {}}
    )
    token = json.loads(base64.b64decode(poller.continuation_token()))
    assert len(json.dumps(token)) < 4_000


async def test_an_operation_url_expires_after_its_lifetime() -> None:
    place = Place(operationUrlLifetimeMinutes=5)
    poller = await place.network.public_ip_addresses.begin_create_or_update(
        RESOURCE_GROUP, "pip", {"location": "westeurope", "properties": {}}
    )
    place.pass_(minutes=10)
    assert await code_of(poller.result()) == "OperationIdNotFound"


async def test_retry_after_can_be_absent_everywhere() -> None:
    place = Place(retryAfter="absent")
    await place.box()
    headers = [response.headers for response in (each.response for each in place.arm.traffic._kept)]
    assert not [each for each in headers if "Retry-After" in each]


async def test_results_come_at_their_own_instant_however_late_one_looks(place: Place) -> None:
    await place.ground()
    await place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body())
    due_at = place.arm.next_due_at(place.clock.now())
    assert due_at is not None
    assert timedelta(minutes=6) <= due_at - place.clock.now() <= timedelta(minutes=10)
    place.pass_(hours=20)
    await place.network.bastion_hosts.begin_delete(RESOURCE_GROUP, "bastion")
    place.pass_(hours=1)
    assert place.arm.next_due_at(place.clock.now()) is None


async def test_the_same_seed_draws_the_same_instants() -> None:
    async def due_at(seed: int) -> datetime | None:
        place = Place(seed)
        await place.ground()
        await place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body())
        return place.arm.next_due_at(START)

    assert await due_at(7) == await due_at(7)
    assert await due_at(7) != await due_at(8)


async def test_a_machines_delete_preempts_its_creation(place: Place) -> None:
    await place.ground()
    await place.nic()
    create = await place.compute.virtual_machines.begin_create_or_update(RESOURCE_GROUP, "vm", vm_body())
    await place.done(place.compute.virtual_machines.begin_delete(RESOURCE_GROUP, "vm"), minutes=3)
    assert await code_of(create.result()) == "OperationPreempted"
    with pytest.raises(ResourceNotFoundError):
        await place.compute.virtual_machines.get(RESOURCE_GROUP, "vm")
    assert place.arm.cloud.busy == {}
