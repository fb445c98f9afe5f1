"""The bill: what runs which meter, from when to when, under each setting of the switches."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.arm import RESOURCE_GROUP
from tests.sandbox_arm.place import GROUP, LOCATION, NETWORK, START, Place, bastion_body, vm_body


async def test_a_bastion_bills_from_the_accepted_create_to_the_completed_delete(place: Place) -> None:
    await place.ground()
    began_at = place.clock.now()
    await place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body())
    place.pass_(hours=2)
    await place.network.bastion_hosts.begin_delete(RESOURCE_GROUP, "bastion")
    gone_at = place.arm.next_due_at(place.clock.now())
    place.pass_(hours=2)
    assert gone_at is not None
    assert place.hours("bastion.basic") == [round((gone_at - began_at).total_seconds() / 3600, 6)]


async def test_a_failed_bastion_bills_until_it_is_deleted(place: Place) -> None:
    await place.ground()
    place.arm.faults.add("late-failed:GatewayAllocationFailed", "PUT .*bastionHosts")
    await place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body())
    place.pass_(hours=3)
    got = await place.network.bastion_hosts.get(RESOURCE_GROUP, "bastion")
    assert got.provisioning_state == "Failed"
    assert place.hours("bastion.basic") == [3.0]


async def test_scale_units_beyond_two_are_a_meter_of_their_own(place: Place) -> None:
    await place.ground()
    for units in (4, 2):
        body = bastion_body("Standard", scaleUnits=units)
        await place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", body)
        place.pass_(hours=1)
    assert place.hours("bastion.unit") == [2.0]
    assert place.hours("bastion.standard") == [2.0]


async def test_an_upgrade_ends_one_meter_and_starts_another(place: Place) -> None:
    await place.ground()
    for sku in ("Basic", "Premium"):
        await place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body(sku))
        place.pass_(hours=1)
    assert (place.hours("bastion.basic"), place.hours("bastion.premium")) == ([1.0], [1.0])


async def test_a_machine_bills_while_it_is_allocated_and_its_disk_while_it_exists(place: Place) -> None:
    await place.ground()
    await place.nic()
    machines = place.compute.virtual_machines
    await machines.begin_create_or_update(RESOURCE_GROUP, "vm", vm_body())
    place.pass_(hours=1)
    await machines.begin_power_off(RESOURCE_GROUP, "vm")
    place.pass_(hours=1)
    await machines.begin_deallocate(RESOURCE_GROUP, "vm")
    stopped_at = place.arm.next_due_at(place.clock.now())
    assert stopped_at is not None
    seconds = (stopped_at - place.clock.now()).total_seconds()
    place.pass_(hours=1)
    await machines.begin_start(RESOURCE_GROUP, "vm")
    place.pass_(hours=1)
    assert place.hours("vm.Standard_D2s_v5") == [round(2 + seconds / 3600, 6), 1.0]
    assert place.hours("disk.StandardSSD_LRS") == [4.0], "from the acceptance of its machine on"


async def test_a_failed_start_leaves_no_running_meter(place: Place) -> None:
    await place.ground()
    await place.nic()
    place.arm.faults.add("allocation-failed", "PUT .*virtualMachines")
    await place.compute.virtual_machines.begin_create_or_update(RESOURCE_GROUP, "vm", vm_body())
    place.pass_(hours=1)
    (row,) = [each for each in place.arm.cloud.meters.shown(place.arm.now) if each["meter"].startswith("vm.")]
    assert row["to"] is not None


async def test_addresses_and_nat_gateways_bill_while_they_exist(place: Place) -> None:
    await place.address()
    nat: Any = {"location": LOCATION, "properties": {"publicIpAddresses": [{"id": f"{NETWORK}/publicIPAddresses/pip"}]}}
    await place.done(place.network.nat_gateways.begin_create_or_update(RESOURCE_GROUP, "nat", nat), minutes=60)
    assert place.hours("nat") == [1.0]
    assert place.hours("ip.standard") == [round(61 / 60, 6)]
    open_rows = place.arm.cloud.meters.shown(place.arm.now)
    assert {row["to"] for row in open_rows} == {None}
    assert {row["resource"].split("/")[-2] for row in open_rows} == {"natGateways", "publicIPAddresses"}


async def test_the_hourly_quantum_rounds_every_interval_up() -> None:
    place = Place(billingQuantum="hour")
    await place.ground()
    await place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body())
    place.pass_(minutes=61)
    assert place.hours("bastion.basic") == [2.0]


async def test_billing_may_start_only_when_the_create_has_ended() -> None:
    place = Place(billingStart="succeeded")
    await place.ground()
    await place.network.bastion_hosts.begin_create_or_update(RESOURCE_GROUP, "bastion", bastion_body())
    assert place.hours("bastion.basic") == []
    ready_at = place.arm.next_due_at(place.clock.now())
    assert ready_at is not None
    place.clock.advance_to(ready_at)
    place.pass_(hours=1)
    assert place.hours("bastion.basic") == [1.0]


@pytest.mark.parametrize("hours", [30])
async def test_actual_costs_add_up_to_the_meters(place: Place, hours: int) -> None:
    await place.ground()
    await place.bastion()
    place.pass_(hours=hours)
    path = f"{GROUP}/providers/Microsoft.CostManagement/query"
    answer = await place.send("POST", path, {"type": "ActualCost"}, "2023-11-01")
    rows = answer.json()["properties"]["rows"]
    assert {row[1] for row in rows} == {20261123, 20261124}
    (bastion,), (address,) = place.hours("bastion.basic"), place.hours("ip.standard")
    assert sum(row[0] for row in rows) == pytest.approx(bastion * 0.19 + address * 0.005, abs=1e-6)


def test_retail_prices_answer_equality_filters_without_a_token(place: Place) -> None:
    query = "$filter=serviceName eq 'Azure Bastion' and armRegionName eq 'westeurope' and meterName eq 'Basic Gateway'"
    answer = place.raw("GET", f"/api/retail/prices?{query.replace(' ', '%20')}", headers={})
    items = json.loads(answer.body)["Items"]
    assert [item["retailPrice"] for item in items] == [0.19]


async def test_an_auto_shutdown_deallocates_at_its_wall_clock_time_and_can_be_moved(place: Place) -> None:
    await place.ground()
    await place.nic()
    await place.vm()
    path = f"{GROUP}/providers/Microsoft.DevTestLab/schedules/shutdown-computevm-vm"

    def body(time: str) -> dict[str, Any]:
        return {
            "location": LOCATION,
            "properties": {
                "status": "Enabled",
                "taskType": "ComputeVmShutdownTask",
                "dailyRecurrence": {"time": time},
                "timeZoneId": "W. Europe Standard Time",
                "targetResourceId": f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm",
            },
        }

    made = await place.send("PUT", path, body("1900"), "2018-09-15")
    assert made.status_code == 201
    assert (await place.send("PUT", path, body("2000"), "2018-09-15")).status_code == 200
    due_at = place.arm.next_due_at(place.clock.now())
    assert due_at == START.replace(hour=19)
    place.clock.advance_to(due_at)
    place.pass_(minutes=3)
    view = await place.compute.virtual_machines.instance_view(RESOURCE_GROUP, "vm")
    assert view.statuses[-1].code == "PowerState/deallocated"
    wrong = path.replace("-vm", "-other")
    assert (await place.send("PUT", wrong, body("1900"), "2018-09-15")).status_code == 400
    assert (await place.send("DELETE", path, version="2018-09-15")).status_code == 200
    assert (await place.send("DELETE", path, version="2018-09-15")).status_code == 204
