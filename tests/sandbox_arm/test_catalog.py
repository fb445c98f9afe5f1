"""Groups, subscriptions, providers, sizes, usages, tags: what clients read besides resources."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.arm import SUBSCRIPTION
from tests.sandbox_arm.place import COMPUTE, GROUP, LOCATION, NETWORK, Place

SUB = f"/subscriptions/{SUBSCRIPTION}"


async def test_groups_are_made_shown_listed_tagged_and_deleted(place: Place) -> None:
    path = f"{SUB}/resourcegroups/rg-new"
    made = await place.send("PUT", path, {"location": LOCATION, "tags": {"a": "b"}})
    assert (made.status_code, made.json()["id"]) == (201, f"{SUB}/resourceGroups/rg-new")
    assert (await place.send("PUT", path, {"location": LOCATION})).status_code == 200
    assert (await place.send("PATCH", path, {"tags": {"c": "d"}})).json()["tags"] == {"c": "d"}
    assert (await place.send("HEAD", path)).status_code == 204
    names = [each["name"] for each in (await place.send("GET", f"{SUB}/resourcegroups")).json()["value"]]
    assert names == ["rg-jumpboxes", "rg-new"]
    gone = await place.send("DELETE", path)
    poll = gone.headers["Location"].removeprefix("https://management.azure.com").partition("?")[0]
    assert (await place.send("GET", poll)).status_code == 202
    place.pass_(minutes=6)
    assert (await place.send("GET", poll)).status_code == 200
    assert (await place.send("GET", path)).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/subscriptions",
        "/tenants",
        f"{SUB}/locations",
        f"{SUB}/providers",
        f"{SUB}/providers/Microsoft.Compute/skus",
        f"{SUB}/providers/Microsoft.Compute/locations/westeurope/usages",
        f"{SUB}/providers/Microsoft.Compute/locations/westeurope/vmSizes",
        f"{SUB}/providers/Microsoft.Network/locations/westeurope/usages",
    ],
)
async def test_lists_of_what_a_subscription_offers(place: Place, path: str) -> None:
    answer = await place.send("GET", path)
    assert answer.status_code == 200
    assert answer.json()["value"]


async def test_a_subscription_and_its_providers_are_shown(place: Place) -> None:
    assert (await place.send("GET", SUB)).json()["state"] == "Enabled"
    provider = await place.send("GET", f"{SUB}/providers/microsoft.network")
    assert "bastionHosts" in [each["resourceType"] for each in provider.json()["resourceTypes"]]
    unknown = await place.send("GET", f"{SUB}/providers/Microsoft.Nothing")
    assert unknown.json()["error"]["code"] == "InvalidResourceNamespace"


async def test_resources_of_a_group_are_listed_briefly_and_found_by_tag(place: Place) -> None:
    await place.box()
    everything = (await place.send("GET", f"{GROUP}/resources")).json()["value"]
    assert len(everything) == 8
    assert all("properties" not in each for each in everything)
    query = "$filter=tagName%20eq%20'stack'%20and%20tagValue%20eq%20'one'"
    tagged = (await place.send("GET", f"{GROUP}/resources?{query}")).json()["value"]
    assert sorted(each["name"] for each in tagged) == ["bastion", "vnet"]


async def test_tags_are_merged_replaced_and_removed(place: Place) -> None:
    await place.address()
    path = f"{NETWORK}/publicIPAddresses/pip/providers/Microsoft.Resources/tags/default"

    async def change(method: str, tags: dict[str, str], operation: str | None = None) -> Any:
        body: dict[str, Any] = {"properties": {"tags": tags}}
        if operation is not None:
            body["operation"] = operation
        return (await place.send(method, path, body)).json()["properties"]["tags"]

    assert await change("PUT", {"a": "1"}) == {"a": "1"}
    assert await change("PATCH", {"b": "2"}, "Merge") == {"a": "1", "b": "2"}
    assert await change("PATCH", {"a": "1"}, "Delete") == {"b": "2"}
    assert (await place.send("GET", path)).json()["properties"]["tags"] == {"b": "2"}


async def test_a_disk_can_be_made_tagged_and_deleted_on_its_own(place: Place) -> None:
    path = f"{COMPUTE}/disks/data"
    properties = {"diskSizeGB": 32, "creationData": {"createOption": "Empty"}}
    body = {"location": LOCATION, "sku": {"name": "Premium_LRS"}, "properties": properties}
    made = await place.send("PUT", path, body)
    assert made.status_code == 202
    assert {"Azure-AsyncOperation", "Location"} <= set(made.headers)
    place.pass_(minutes=1)
    assert (await place.send("PATCH", path, {"tags": {"a": "b"}})).json()["tags"] == {"a": "b"}
    assert place.hours("disk.Premium_LRS") == [round(1 / 60, 6)]
    assert (await place.send("DELETE", path)).status_code == 202
    place.pass_(minutes=1)
    assert (await place.send("GET", path)).status_code == 404


@pytest.mark.parametrize("path", [f"{SUB}/locations", f"{NETWORK}/bastionHosts/b/dance", f"{NETWORK}/bastionHosts"])
async def test_verbs_that_a_path_does_not_take_are_a_405(place: Place, path: str) -> None:
    answer = await place.send("POST", path, {})
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "HttpMethodNotAllowed")
