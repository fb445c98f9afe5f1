"""Every switch, thrown each way, by what the real SDK makes of it; a new one without its rows fails."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from random import Random
from typing import Any

import pytest

from sandbox.arm import RESOURCE_GROUP, SUBSCRIPTION, Switches
from sandbox.arm.switches import CHOICES
from tests.sandbox_arm.place import (
    COMPUTE,
    ENTRA,
    LOCATION,
    NETWORK,
    SUBNET,
    Place,
    bastion_body,
    code_of,
    vm_body,
)

ADDRESS: Any = {"location": LOCATION, "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
Claim = Callable[[Place], Awaitable[None]]


def put_address(place: Place, name: str = "pip", **more: Any) -> Any:
    return place.network.public_ip_addresses.begin_create_or_update(RESOURCE_GROUP, name, {**ADDRESS, **more})


def put_bastion(place: Place, name: str = "bastion") -> Any:
    return place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, name, bastion_body())


async def listed(place: Place) -> list[Any]:
    poller = await place.network.begin_get_active_sessions(RESOURCE_GROUP, "bastion")
    return [each async for each in await poller.result()]


def bastion_hours(*hours: float) -> Claim:
    """Bill what a Bastion bills that was created 61 minutes ago and took less than 11 of them."""

    async def claim(place: Place) -> None:
        await place.ground()
        await put_bastion(place)
        place.pass_(minutes=61)
        assert place.hours("bastion.basic") == [round(each, 6) for each in hours]

    return claim


async def bills_from_its_end(place: Place) -> None:
    await place.ground()
    await put_bastion(place)
    assert place.hours("bastion.basic") == []
    place.pass_(minutes=61)
    (hours,) = place.hours("bastion.basic")
    assert 51 / 60 <= hours <= 55 / 60


def waits(*, told: bool) -> Claim:
    async def claim(place: Place) -> None:
        await place.nsgs()
        answer = await place.send("PUT", f"{NETWORK}/publicIPAddresses/pip", ADDRESS)
        assert ("Retry-After" in answer.headers) is told

    return claim


def token_is(least: int, most: int) -> Claim:
    async def claim(place: Place) -> None:
        poller = await put_address(place)
        assert least < len(poller.continuation_token()) < most
        assert json.loads(base64.b64decode(poller.continuation_token()))

    return claim


def url_answers(*, code: str) -> Claim:
    async def claim(place: Place) -> None:
        poller = await put_address(place)
        place.pass_(minutes=10)
        if code:
            assert await code_of(poller.result()) == code
        else:
            assert (await poller.result()).provisioning_state == "Succeeded"

    return claim


def list_is(*, readable: bool) -> Claim:
    async def claim(place: Place) -> None:
        await place.box()
        place.session()
        if readable:
            assert [each.user_name for each in await listed(place)] == ["ada"]
        else:
            with pytest.raises((AttributeError, TypeError)):
                await listed(place)

    return claim


def developer_lists(count: int) -> Claim:
    async def claim(place: Place) -> None:
        await place.nsgs()
        await place.vnet(networkSecurityGroup=None)
        properties = {"virtualNetwork": {"id": f"{NETWORK}/virtualNetworks/vnet"}}
        body: Any = {"location": LOCATION, "sku": {"name": "Developer"}, "properties": properties}
        await place.done(place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", body))
        await place.nic()
        await place.vm()
        place.session()
        assert len(await listed(place)) == count

    return claim


def metric_answers(status: int, *, series: int) -> Claim:
    async def claim(place: Place) -> None:
        await place.ground()
        await place.bastion()
        path = f"{NETWORK}/bastionHosts/bastion/providers/Microsoft.Insights/metrics?metricnames=sessions"
        answer = await place.send("GET", path, version="2018-01-01")
        assert answer.status_code == status
        if status == 200:
            assert len(answer.json()["value"][0]["timeseries"]) == series

    return claim


def login_ends(code: str) -> Claim:
    async def claim(place: Place) -> None:
        await place.nsgs()
        await place.vnet(defaultOutboundAccess=False)
        await place.nic()
        await place.vm()
        extensions = place.compute.virtual_machine_extensions
        poller = await extensions.begin_create_or_update(RESOURCE_GROUP, "vm", "login", ENTRA)
        place.pass_(minutes=10)
        if code:
            assert await code_of(poller.result()) == code
        else:
            assert (await poller.result()).provisioning_state == "Succeeded"

    return claim


def collision_is(code: str) -> Claim:
    async def claim(place: Place) -> None:
        await place.ground()
        subnets = place.network.subnets
        one: Any = {"properties": {"addressPrefix": "10.0.2.0/24"}}
        two: Any = {"properties": {"addressPrefix": "10.0.3.0/24"}}
        await subnets.begin_create_or_update(RESOURCE_GROUP, "vnet", "one", one)
        assert await code_of(subnets.begin_create_or_update(RESOURCE_GROUP, "vnet", "two", two)) == code

    return claim


def patched(state: str) -> Claim:
    async def claim(place: Place) -> None:
        await place.box()
        tags: Any = {"tags": {"a": "b"}}
        disk = place.arm.cloud.store.within(COMPUTE.rpartition("/providers")[0], "microsoft.compute/disks")[0]
        for kind, call in (
            (
                f"{NETWORK}/bastionHosts/bastion",
                place.network.bastion_hosts.begin_update(RESOURCE_GROUP, "bastion", tags),
            ),
            (f"{COMPUTE}/virtualMachines/vm", place.compute.virtual_machines.begin_update(RESOURCE_GROUP, "vm", tags)),
            (disk.id, place.compute.disks.begin_update(RESOURCE_GROUP, disk.rid.name, tags)),
        ):
            poller = await call
            resource = place.arm.cloud.store.get(kind)
            assert resource is not None
            assert resource.state == state
            place.pass_(minutes=1)
            assert (await poller.result()).tags == {"a": "b"}
            assert resource.state == "Succeeded"
        # What OpenAPI does not call long-running is done at once either way.
        networks = place.network.virtual_networks
        assert (await networks.update_tags(RESOURCE_GROUP, "vnet", tags)).provisioning_state == "Succeeded"

    return claim


def address_is_free(*, at_once: bool) -> Claim:
    async def claim(place: Place) -> None:
        await place.ground()
        await place.bastion()
        await place.network.bastion_hosts.begin_delete(RESOURCE_GROUP, "bastion")
        while place.arm.cloud.store.get(f"{NETWORK}/bastionHosts/bastion"):
            place.pass_(seconds=1)
        attempt = place.network.public_ip_addresses.begin_delete(RESOURCE_GROUP, "pip")
        if at_once:
            await attempt
        else:
            assert await code_of(attempt) == "PublicIPAddressCannotBeDeleted"

    return claim


def creation_takes(least: float, most: float) -> Claim:
    async def claim(place: Place) -> None:
        await place.ground()
        await put_bastion(place)
        due_at = place.arm.next_due_at(place.clock.now())
        assert due_at is not None
        assert least <= (due_at - place.clock.now()).total_seconds() / 60 <= most

    return claim


def schedule_leaves(power: str) -> Claim:
    async def claim(place: Place) -> None:
        await place.ground()
        await place.nic()
        await place.vm()
        properties = {
            "status": "Enabled",
            "taskType": "ComputeVmShutdownTask",
            "dailyRecurrence": {"time": "1900"},
            "timeZoneId": "UTC",
            "targetResourceId": f"{COMPUTE}/virtualMachines/vm",
        }
        path = f"{COMPUTE.replace('Compute', 'DevTestLab')}/schedules/shutdown-computevm-vm"
        made = await place.send("PUT", path, {"location": LOCATION, "properties": properties}, "2018-09-15")
        assert made.status_code == 201
        place.pass_(hours=12)
        view = await place.compute.virtual_machines.instance_view(RESOURCE_GROUP, "vm")
        assert view.statuses[-1].code == f"PowerState/{power}"

    return claim


def first_write(code: str) -> Claim:
    """Write an address; with a code, it is refused at first and taken 31 minutes later."""

    async def claim(place: Place) -> None:
        if code:
            assert await code_of(put_address(place)) == code
            place.pass_(minutes=31)
        await put_address(place)

    return claim


async def untagged_is_refused(place: Place) -> None:
    assert await code_of(put_address(place)) == "RequestDisallowedByPolicy"
    made = await place.done(put_address(place, tags={"owner": "ada"}), minutes=1)
    without: Any = {"tags": {}}
    update = place.network.public_ip_addresses.update_tags(RESOURCE_GROUP, "pip", without)
    assert await code_of(update) == "RequestDisallowedByPolicy"
    assert made.tags == {"owner": "ada"}


def tags_end_as(tags: dict[str, str]) -> Claim:
    async def claim(place: Place) -> None:
        made = await place.done(put_address(place, tags={"owner": "ada"}), minutes=1)
        assert made.tags == tags

    return claim


def many_reads(refused: int) -> Claim:
    async def claim(place: Place) -> None:
        addresses = place.network.public_ip_addresses
        codes = [await code_of(addresses.get(RESOURCE_GROUP, "pip")) for _ in range(260)]
        assert codes.count("SubscriptionRequestsThrottled") == refused

    return claim


def second_machine(code: str) -> Claim:
    async def claim(place: Place) -> None:
        await place.ground()
        for name in ("nic", "nic2"):
            await place.nic(name)
        await place.vm()
        machines = place.compute.virtual_machines
        attempt = machines.begin_create_or_update(RESOURCE_GROUP, "vm2", vm_body("nic2"))
        if code:
            assert await code_of(attempt) == code
            await place.done(machines.begin_delete(RESOURCE_GROUP, "vm"))
            attempt = machines.begin_create_or_update(RESOURCE_GROUP, "vm2", vm_body("nic2"))
        await attempt

    return claim


def second_address(code: str) -> Claim:
    async def claim(place: Place) -> None:
        await place.address()
        if not code:
            await put_address(place, "second")
            return
        assert await code_of(put_address(place, "second")) == code
        await put_address(place, "second", location="northeurope")

    return claim


def a_bastion(code: str) -> Claim:
    async def claim(place: Place) -> None:
        await place.ground()
        if code:
            assert await code_of(put_bastion(place)) == code
        else:
            await put_bastion(place)

    return claim


def a_machine(code: str) -> Claim:
    async def claim(place: Place) -> None:
        await place.ground()
        await place.nic()
        attempt = place.compute.virtual_machines.begin_create_or_update(RESOURCE_GROUP, "vm", vm_body())
        if code:
            assert await code_of(attempt) == code
        else:
            await attempt

    return claim


async def a_machine_of_an_unregistered_provider(place: Place) -> None:
    """The SDK tries to register a provider by itself; where it may not, it says what ARM said."""
    await place.ground()
    await place.nic()
    place.arm.faults.add("role-removed", "POST .*register")
    machines = place.compute.virtual_machines
    refused = machines.begin_create_or_update(RESOURCE_GROUP, "vm", vm_body())
    assert await code_of(refused) == "MissingSubscriptionRegistration"
    await place.send("POST", f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/register")
    await machines.begin_create_or_update(RESOURCE_GROUP, "vm", vm_body())


def a_developer_bastion(code: str) -> Claim:
    async def claim(place: Place) -> None:
        await place.nsgs()
        await place.vnet()
        properties = {"virtualNetwork": {"id": SUBNET.partition("/subnets")[0]}}
        body: Any = {"location": LOCATION, "sku": {"name": "Developer"}, "properties": properties}
        attempt = place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", body)
        if code:
            assert await code_of(attempt) == code
        else:
            assert (await place.done(attempt)).sku.name == "Developer"

    return claim


def pages(count: int) -> Claim:
    async def claim(place: Place) -> None:
        for index in range(3):
            await put_address(place, f"pip{index}")
        found = [page async for page in place.network.public_ip_addresses.list_all().by_page()]
        assert len(found) == count

    return claim


@dataclass(frozen=True)
class Row:
    """One way of a switch, by its JSON name, and how it shows; None stands for its default."""

    switch: str
    value: Any
    shows: Claim


ROWS = [
    Row("billingQuantum", "second", bastion_hours(61 / 60)),
    Row("billingQuantum", "hour", bastion_hours(2)),
    Row("billingStart", "accepted", bastion_hours(61 / 60)),
    Row("billingStart", "succeeded", bills_from_its_end),
    Row("retryAfter", "recorded", waits(told=True)),
    Row("retryAfter", "absent", waits(told=False)),
    Row("longOperationUrls", True, token_is(6_000, 12_000)),
    Row("longOperationUrls", False, token_is(100, 5_000)),
    Row("operationUrlLifetimeMinutes", 5, url_answers(code="OperationIdNotFound")),
    Row("operationUrlLifetimeMinutes", 60, url_answers(code="")),
    Row("sessionReply", "object", list_is(readable=True)),
    *(Row("sessionReply", shape, list_is(readable=False)) for shape in ("array", "null", "empty")),
    Row("sessionsOnDeveloper", True, developer_lists(1)),
    Row("sessionsOnDeveloper", False, developer_lists(0)),
    Row("sessionMetric", "counted", metric_answers(200, series=1)),
    Row("sessionMetric", "empty", metric_answers(200, series=0)),
    Row("sessionMetric", "error", metric_answers(503, series=0)),
    Row("extensionWithoutOutbound", "fails", login_ends("VMExtensionProvisioningError")),
    Row("extensionWithoutOutbound", "succeeds", login_ends("")),
    Row("concurrentWrites", "retryable", collision_is("RetryableError")),
    Row("concurrentWrites", "conflict", collision_is("AnotherOperationInProgress")),
    Row("patches", "at-once", patched("Succeeded")),
    Row("patches", "operation", patched("Updating")),
    Row("publicIpLingersSeconds", 0, address_is_free(at_once=True)),
    Row("publicIpLingersSeconds", 3600, address_is_free(at_once=False)),
    Row("slowTail", 0, creation_takes(6, 10)),
    Row("slowTail", 1, creation_takes(10, 35)),
    Row("autoShutdown", True, schedule_leaves("deallocated")),
    Row("autoShutdown", False, schedule_leaves("running")),
    Row("roleLagMinutes", 0, first_write("")),
    Row("roleLagMinutes", 30, first_write("AuthorizationFailed")),
    Row("requiredTags", [], first_write("")),
    Row("requiredTags", ["owner"], untagged_is_refused),
    Row("addedTags", {}, tags_end_as({"owner": "ada"})),
    Row("addedTags", {"costCenter": "42"}, tags_end_as({"owner": "ada", "costCenter": "42"})),
    Row("throttling", True, many_reads(10)),
    Row("throttling", False, many_reads(0)),
    Row("coresPerRegion", 350, second_machine("")),
    Row("coresPerRegion", 3, second_machine("OperationNotAllowed")),
    Row("publicIpsPerRegion", 1000, second_address("")),
    Row("publicIpsPerRegion", 1, second_address("PublicIPCountLimitReached")),
    Row("bastionsPerRegion", 1000, a_bastion("")),
    Row("bastionsPerRegion", 0, a_bastion("ResourceQuotaExceeded")),
    Row("unavailableSizes", [], a_machine("")),
    Row("unavailableSizes", ["Standard_D2s_v5"], a_machine("SkuNotAvailable")),
    Row("unavailableSizes", ["northeurope/Standard_D2s_v5"], a_machine("")),
    Row("unregisteredProviders", [], a_machine("")),
    Row("unregisteredProviders", ["microsoft.compute"], a_machine_of_an_unregistered_provider),
    Row("developerRegions", ["westeurope"], a_developer_bastion("")),
    Row("developerRegions", [], a_developer_bastion("InvalidParameter")),
    Row("pageSize", 1000, pages(1)),
    Row("pageSize", 2, pages(2)),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.switch}={json.dumps(row.value)}")
async def test_a_switch_shows_through_the_sdk_each_way(row: Row) -> None:
    await row.shows(Place(**{row.switch: row.value}))


def test_every_switch_has_rows_for_each_of_its_ways() -> None:
    ways: dict[str, list[Any]] = {}
    for row in ROWS:
        ways.setdefault(row.switch, []).append(row.value)
    assert set(ways) == set(Switches().shown())
    names = dict(zip((each.name for each in fields(Switches)), Switches().shown(), strict=True))
    for name, choices in CHOICES.items():
        assert set(ways[names[name]]) == set(choices), name
    for switch, values in ways.items():
        assert len({json.dumps(each) for each in values}) > 1, f"{switch} is shown one way only"


def test_seeds_draw_every_switch_with_choices_each_way() -> None:
    drawn = [Switches.drawn(Random(seed)) for seed in range(60)]
    for name, choices in CHOICES.items():
        assert {getattr(each, name) for each in drawn} == set(choices)


def test_what_was_thrown_is_the_simulators_own() -> None:
    asked = {"unregisteredProviders": ["microsoft.compute"], "addedTags": {"a": "b"}}
    switches = Switches()
    switches.throw(asked)
    switches.unregistered_providers.clear()
    switches.added_tags.clear()
    assert asked == {"unregisteredProviders": ["microsoft.compute"], "addedTags": {"a": "b"}}
