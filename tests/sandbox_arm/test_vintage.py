"""What an answer shows depends on the api-version, and on what others recorded of it."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.arm.vintage import as_of
from tests.sandbox_arm.place import COMPUTE, LOCATION, NETWORK, SUBNET, Place, bastion_body, nic_body, vm_body

ADDRESS = f"{NETWORK}/publicIPAddresses/pip"
MACHINE = f"{COMPUTE}/virtualMachines/vm"


async def shown(place: Place, path: str, version: str) -> Any:
    return (await place.send("GET", path, version=version)).json()


async def test_older_versions_lack_what_came_later(place: Place) -> None:
    await place.box()

    assert "ddosSettings" in (await shown(place, ADDRESS, "2022-11-01"))["properties"]
    assert "ddosSettings" not in (await shown(place, ADDRESS, "2022-01-01"))["properties"]
    assert "tier" not in (await shown(place, ADDRESS, "2018-01-01"))["sku"]
    network = await shown(place, f"{NETWORK}/virtualNetworks/vnet", "2023-09-01")
    assert all("ipamPoolPrefixAllocations" not in each["properties"] for each in network["properties"]["subnets"])
    assert "ipamPoolPrefixAllocations" in (await shown(place, SUBNET, "2024-01-01"))["properties"]


async def test_an_older_view_takes_nothing_from_what_is_stored(place: Place) -> None:
    await place.box()

    old = await shown(place, MACHINE, "2020-12-01")
    new = await shown(place, MACHINE, "2024-07-01")

    assert "deleteOption" not in old["properties"]["storageProfile"]["osDisk"]
    assert "etag" not in old
    assert new["properties"]["storageProfile"]["osDisk"]["deleteOption"] == "Delete"
    assert new["properties"]["osProfile"]["linuxConfiguration"]["patchSettings"]["assessmentMode"] == "ImageDefault"


async def test_an_interface_shows_its_kind_where_it_was_recorded_and_not_where_no_file_has_it(place: Place) -> None:
    await place.ground()
    await place.nic()
    path = f"{NETWORK}/networkInterfaces/nic"

    kinds = {version: (await shown(place, path, version)).get("kind") for version in ("2020-11-01", "2022-01-01")}
    assert kinds == {"2020-11-01": None, "2022-01-01": "Regular"}
    assert "kind" not in await shown(place, path, "2024-03-01")


async def test_a_machines_etag_is_a_header_in_newer_versions_only(place: Place) -> None:
    await place.box()

    headers = {
        version: (await place.send("GET", MACHINE, version=version)).headers for version in ("2024-07-01", "2024-11-01")
    }
    assert "ETag" not in headers["2024-07-01"]
    assert headers["2024-11-01"]["ETag"] == (await shown(place, MACHINE, "2024-11-01"))["etag"]


async def test_power_actions_and_subnets_announce_a_notification_in_newer_versions_only(place: Place) -> None:
    await place.box()

    said = [
        (
            await place.send("PUT", SUBNET, {"properties": {"addressPrefix": "10.0.0.0/24"}}, version="2023-09-01")
        ).headers,
        (await place.send("POST", f"{MACHINE}/restart", version="2021-11-01")).headers,
    ]
    place.pass_(minutes=5)
    said += [
        (
            await place.send("PUT", SUBNET, {"properties": {"addressPrefix": "10.0.0.0/24"}}, version="2024-01-01")
        ).headers,
        (await place.send("POST", f"{MACHINE}/restart", version="2022-11-01")).headers,
    ]
    assert [each.get("Azure-AsyncNotification") for each in said] == [None, None, "Enabled", "Enabled"]


async def test_a_machine_just_deleted_is_not_found_by_its_provider_and_later_by_arm(place: Place) -> None:
    await place.box()
    await place.send("DELETE", MACHINE)
    due = place.arm.next_due_at(place.clock.now())
    while (await place.send("GET", MACHINE)).status_code == 200:
        assert due is not None
        place.clock.advance_to(due)
        due = place.arm.next_due_at(place.clock.now())

    async def code() -> Any:
        return (await place.send("GET", MACHINE)).json()["error"]["code"]

    assert await code() == "NotFound"
    place.pass_(minutes=2)
    assert await code() == "ResourceNotFound"


async def test_a_group_that_is_deleted_empties_before_it_is_gone(place: Place) -> None:
    await place.box()
    group = NETWORK.partition("/providers/")[0]
    await place.send("DELETE", group)

    seen = []
    while (await place.send("GET", group)).status_code == 200:
        seen.append(
            [(await place.send("GET", each)).status_code for each in (MACHINE, f"{NETWORK}/virtualNetworks/vnet")]
        )
        due = place.arm.next_due_at(place.clock.now())
        assert due is not None
        place.clock.advance_to(due)
    assert seen[0] == [200, 200]
    assert [404, 200] in seen
    assert seen[-1] == [404, 404]


@pytest.mark.parametrize(
    ("image", "generation", "release"),
    [
        ({"publisher": "Canonical", "offer": "UbuntuServer", "sku": "18.04-LTS"}, "V1", "18.04"),
        ({"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}, "V2", "24.04"),
        ({"publisher": "Canonical", "offer": "jammy", "sku": "22_04-lts-gen2"}, "V2", "22.04"),
    ],
)
async def test_an_image_says_what_the_agent_will(
    place: Place, image: dict[str, str], generation: str, release: str
) -> None:
    await place.ground()
    await place.nic()
    body = vm_body()
    body["properties"]["storageProfile"]["imageReference"] = {**image, "version": "latest"}
    await place.send("PUT", MACHINE, body)
    place.pass_(minutes=3)

    view = await shown(place, f"{MACHINE}/instanceView", "2024-07-01")
    assert (view["hyperVGeneration"], view["osName"], view["osVersion"]) == (generation, "ubuntu", release)


async def test_a_disk_in_a_storage_account_is_no_resource(place: Place) -> None:
    await place.ground()
    await place.nic()
    body = vm_body()
    body["properties"]["storageProfile"]["osDisk"] = {
        "createOption": "FromImage",
        "name": "os",
        "vhd": {"uri": "https://x.blob.core.windows.net/vhds/os.vhd"},
    }
    await place.send("PUT", MACHINE, body)
    place.pass_(minutes=3)

    assert "managedDisk" not in (await shown(place, MACHINE, "2024-07-01"))["properties"]["storageProfile"]["osDisk"]
    assert (await shown(place, f"{COMPUTE}/disks", "2024-03-02"))["value"] == []


async def test_a_disk_says_what_it_is_made_from(place: Place) -> None:
    refused = await place.send("PUT", f"{COMPUTE}/disks/data", {"location": LOCATION, "properties": {"diskSizeGB": 4}})

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "InvalidParameter")


async def test_a_dynamic_address_is_there_while_a_running_machine_has_it(place: Place) -> None:
    await place.ground()
    basic = f"{NETWORK}/publicIPAddresses/basic"
    await place.send("PUT", basic, {"location": LOCATION, "properties": {"publicIPAllocationMethod": "Dynamic"}})
    place.pass_(minutes=1)
    nic = nic_body()
    nic["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"] = {"id": basic}
    await place.send("PUT", f"{NETWORK}/networkInterfaces/nic", nic)
    assert "ipAddress" not in (await shown(place, basic, "2024-03-01"))["properties"]

    await place.vm()
    assert "ipAddress" in (await shown(place, basic, "2024-03-01"))["properties"]
    await place.done(place.compute.virtual_machines.begin_deallocate("rg-jumpboxes", "vm"))
    assert "ipAddress" not in (await shown(place, basic, "2024-03-01"))["properties"]


async def test_a_label_becomes_a_full_name(place: Place) -> None:
    body = {"location": LOCATION, "properties": {"dnsSettings": {"domainNameLabel": "ours"}}}
    made = (await place.send("PUT", f"{NETWORK}/publicIPAddresses/named", body)).json()

    assert made["properties"]["dnsSettings"]["fqdn"] == f"ours.{LOCATION}.cloudapp.azure.com"


async def test_a_bastion_is_the_same_in_every_version(place: Place) -> None:
    await place.ground()
    made = (await place.send("PUT", f"{NETWORK}/bastionHosts/bastion", bastion_body())).json()

    assert as_of("2018-01-01", "microsoft.network/bastionhosts", made) == made
