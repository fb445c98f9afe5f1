"""What Azure CLI and Cloud Custodian send and the Azure SDK does not, as `make peers` found it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from sandbox.arm import SUBSCRIPTION
from tests.sandbox_arm.place import COMPUTE, LOCATION, NETWORK, START, Place, code_of

VM = f"{COMPUTE}/virtualMachines/vm"


async def seen(place: Place, path: str) -> Any:
    answer = await place.send("GET", path)
    assert answer.status_code == 200
    return answer.json()


async def with_machine(place: Place) -> None:
    await place.ground()
    await place.nic()
    await place.vm()


async def test_an_empty_segment_in_a_path_counts_for_nothing(place: Place) -> None:
    await place.address()
    doubled = NETWORK.replace("Microsoft.Network", "Microsoft.Network//publicIPAddresses/pip")
    assert (await seen(place, doubled))["name"] == "pip"


async def test_a_put_that_says_nothing_of_the_identity_leaves_it(place: Place) -> None:
    await with_machine(place)
    before = await seen(place, VM)
    again = {"location": before["location"], "properties": before["properties"]}
    await place.done(place.compute.virtual_machines.begin_create_or_update("rg-jumpboxes", "vm", again))
    assert (await seen(place, VM))["identity"] == before["identity"]


async def test_an_identity_of_type_none_goes_and_the_next_one_is_another_principal(place: Place) -> None:
    await with_machine(place)
    before = await seen(place, VM)
    await place.send("PATCH", VM, {"identity": {"type": "None"}})
    assert "identity" not in await seen(place, VM)
    await place.send("PATCH", VM, {"identity": {"type": "SystemAssigned"}})
    assert (await seen(place, VM))["identity"]["principalId"] != before["identity"]["principalId"]


async def test_a_patch_of_a_machines_size_takes_as_long_as_a_put_and_keeps_the_rest(place: Place) -> None:
    await with_machine(place)
    before = await seen(place, VM)
    change = {"properties": {"hardwareProfile": {"vmSize": "Standard_B1s"}}, "tags": {"team": "blue"}}
    poller = await place.compute.virtual_machines.begin_update("rg-jumpboxes", "vm", change)
    assert (await seen(place, VM))["properties"]["provisioningState"] == "Updating"
    place.pass_(minutes=5)
    await poller.polling_method().update_status()
    after = await seen(place, VM)
    assert after["properties"].pop("hardwareProfile") == {"vmSize": "Standard_B1s"}
    assert after["tags"] == {"team": "blue"}
    before["properties"].pop("hardwareProfile")
    assert after["properties"] == before["properties"]


async def test_a_patch_cannot_change_what_a_put_cannot(place: Place) -> None:
    await with_machine(place)
    change = {"properties": {"osProfile": {"adminUsername": "eve"}}}
    assert await code_of(place.compute.virtual_machines.begin_update("rg-jumpboxes", "vm", change)) == (
        "PropertyChangeNotAllowed"
    )


@pytest.mark.parametrize(
    "span",
    [
        "2026-11-23T08:00:00Z/2026-11-23T09:00:00Z",
        "2026-11-23T09:00:00 01:00/2026-11-23T10:00:00 01:00",
        "2026-11-23 08:00:00.000000/2026-11-23 09:00:00.000000",
        quote("2026-11-23T08:00:00/2026-11-23T09:00:00", safe=""),
    ],
)
async def test_a_metrics_span_is_read_as_clients_write_it(place: Place, span: str) -> None:
    await place.ground()
    await place.bastion()
    path = f"{NETWORK}/bastionHosts/bastion/providers/Microsoft.Insights/metrics"
    answer = place.raw("GET", f"{path}?api-version=2018-01-01&metricnames=sessions&timespan={quote(span)}")
    assert answer.status == 200
    assert json.loads(answer.body)["timespan"].endswith(f"/{START:%Y-%m-%dT%H:%M:%S}Z")


async def test_a_larger_size_takes_of_the_regions_cores_and_a_deletion_gives_all_of_them_back(place: Place) -> None:
    await with_machine(place)
    place.switches.cores_per_region = 4
    machines = place.compute.virtual_machines
    for size, refusal in (("Standard_D4s_v5", None), ("Standard_D8s_v5", "OperationNotAllowed")):
        change = {"properties": {"hardwareProfile": {"vmSize": size}}}
        if refusal is None:
            await place.done(machines.begin_update("rg-jumpboxes", "vm", change))
        else:
            assert await code_of(machines.begin_update("rg-jumpboxes", "vm", change)) == refusal
    await place.done(machines.begin_delete("rg-jumpboxes", "vm"))
    usages = await seen(place, f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/{LOCATION}/usages")
    assert usages["value"][0]["currentValue"] == 0
