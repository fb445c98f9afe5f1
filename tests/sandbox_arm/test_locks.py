"""Management locks as the resource type that clients write: at a subscription, a group or a resource."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.arm import RESOURCE_GROUP, SUBSCRIPTION
from tests.sandbox_arm.place import GROUP, NETWORK, Place, code_of

SUB = f"/subscriptions/{SUBSCRIPTION}"
PIP = f"{NETWORK}/publicIPAddresses/pip"
VERSION = "2020-05-01"


async def lock(place: Place, scope: str, level: str = "CanNotDelete", name: str = "keep") -> Any:
    path = f"{scope}/providers/Microsoft.Authorization/locks/{name}"
    return await place.send("PUT", path, {"properties": {"level": level, "notes": "why"}}, VERSION)


@pytest.mark.parametrize("scope", [SUB, GROUP, PIP])
async def test_a_lock_at_any_scope_above_refuses_deletion_until_it_is_taken_off(place: Place, scope: str) -> None:
    await place.address()
    made = await lock(place, scope)
    assert made.status_code == 201
    assert (await lock(place, scope.upper().replace("/PROVIDERS", "/providers"))).status_code == 200
    addresses = place.network.public_ip_addresses
    assert await code_of(addresses.begin_delete(RESOURCE_GROUP, "pip")) == "ScopeLocked"
    await addresses.update_tags(RESOURCE_GROUP, "pip", {"tags": {"a": "b"}})
    path = f"{scope}/providers/Microsoft.Authorization/locks/keep"
    assert (await place.send("GET", path, version=VERSION)).json()["properties"] == {
        "level": "CanNotDelete",
        "notes": "why",
    }
    assert (await place.send("DELETE", path, version=VERSION)).status_code == 200
    assert (await place.send("DELETE", path, version=VERSION)).status_code == 204
    gone = await place.send("GET", path, version=VERSION)
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "LockNotFound")
    await addresses.begin_delete(RESOURCE_GROUP, "pip")


async def test_a_read_only_lock_refuses_every_write_and_no_read(place: Place) -> None:
    await place.box()
    await lock(place, GROUP, "ReadOnly")
    addresses, machines = place.network.public_ip_addresses, place.compute.virtual_machines
    assert await code_of(addresses.update_tags(RESOURCE_GROUP, "pip", {"tags": {}})) == "ScopeLocked"
    assert await code_of(machines.begin_deallocate(RESOURCE_GROUP, "vm")) == "ScopeLocked"
    assert await code_of(machines.begin_delete(RESOURCE_GROUP, "vm")) == "ScopeLocked"
    assert (await addresses.get(RESOURCE_GROUP, "pip")).name == "pip"


async def test_locks_are_listed_from_a_scope_down(place: Place) -> None:
    await place.address()
    for scope, name in ((SUB, "one"), (GROUP, "two"), (PIP, "three")):
        await lock(place, scope, name=name)
    for scope, names in ((SUB, ["one", "two", "three"]), (GROUP, ["two", "three"]), (PIP, ["three"])):
        path = f"{scope}/providers/Microsoft.Authorization/locks"
        rows = (await place.send("GET", path, version=VERSION)).json()["value"]
        assert [each["name"] for each in rows] == names


async def test_a_group_does_not_go_while_anything_in_it_is_locked(place: Place) -> None:
    await place.address()
    await lock(place, PIP)
    answer = await place.send("DELETE", GROUP)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ScopeLocked")


@pytest.mark.parametrize(
    ("scope", "level", "status", "code"),
    [
        (PIP, "CanNotDelete", 404, "ResourceNotFound"),
        (f"{SUB}/resourceGroups/nowhere", "CanNotDelete", 404, "ResourceGroupNotFound"),
        (f"{SUB}/nothing", "CanNotDelete", 404, "NotFound"),
        (GROUP, "Sometimes", 400, "InvalidLockLevel"),
    ],
)
async def test_a_lock_needs_a_scope_that_exists_and_a_level_that_is_known(
    place: Place, scope: str, level: str, status: int, code: str
) -> None:
    answer = await lock(place, scope, level)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_people_lock_and_unlock_as_clients_do(place: Place) -> None:
    place.arm.humans.lock(GROUP)
    path = f"{GROUP}/providers/Microsoft.Authorization/locks"
    assert len((await place.send("GET", path, version=VERSION)).json()["value"]) == 1
    place.arm.humans.unlock(GROUP)
    assert (await place.send("GET", path, version=VERSION)).json()["value"] == []
    with pytest.raises(ValueError, match="level"):
        place.arm.humans.lock(GROUP, "Sometimes")
