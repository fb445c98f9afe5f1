"""What the adapter promises of lists: whole or not at all, and our bearer shown to nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lifecycle.faults import AzureFault
from lifecycle.model import Kind, Outbound
from sandbox.arm.switches import Switches
from tests.cloud.conftest import GROUP, SUBSCRIPTION
from tests.cloud.ids import id_of
from tests.world.harness import World

if TYPE_CHECKING:
    from lifecycle.cloud.arm import ArmAzure
    from tests.cloud.script import Script

CHILDREN = (Kind.EXTENSION, Kind.PEERING)
ALONE = [kind for kind in Kind if kind not in CHILDREN]


@pytest.mark.parametrize("kind", ALONE)
async def test_every_kind_is_listed_by_its_own_address_and_only_in_the_resource_group(
    azure: ArmAzure, script: Script, kind: Kind
) -> None:
    script.answer(200, {"value": [{"id": id_of(kind), "tags": {"a": "b"}}]})
    assert await azure.every(kind) == ({"id": id_of(kind), "tags": {"a": "b"}},)
    (asked,) = script.asked
    assert (asked.method, asked.path) == (
        "GET",
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/{kind}",
    )
    assert asked.headers["authorization"] == "Bearer a-bearer"


@pytest.mark.parametrize("kind", CHILDREN)
async def test_what_lives_in_another_resource_cannot_be_listed(azure: ArmAzure, script: Script, kind: Kind) -> None:
    with pytest.raises(ValueError, match="with its parent only"):
        await azure.every(kind)
    assert script.asked == []


async def test_all_pages_are_read(azure: ArmAzure, script: Script) -> None:
    script.answer(200, {"value": [{"id": "/1"}], "nextLink": f"{script.root}/more?page=2"})
    script.answer(200, {"value": [], "nextLink": f"{script.root}/more?page=3"})
    script.answer(200, {"value": [{"id": "/2"}]})
    assert [body["id"] for body in await azure.every(Kind.NIC)] == ["/1", "/2"]
    assert [asked.query.get("page") for asked in script.asked] == [None, "2", "3"]


@pytest.mark.parametrize("link", ["http://elsewhere.example/more", "//elsewhere.example", "/relative", 7])
async def test_a_next_page_elsewhere_is_never_asked_for(azure: ArmAzure, script: Script, link: Any) -> None:
    script.answer(200, {"value": [], "nextLink": link})
    with pytest.raises(AzureFault, match="not at this ARM endpoint"):
        await azure.every(Kind.NIC)
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, []),
        (200, {"value": None}),
        (200, {"value": [{"name": "no id"}]}),
        (200, "<html>"),
        (404, {"error": {"code": "ResourceGroupNotFound", "message": "gone"}}),
        (403, {"error": {"code": "AuthorizationFailed", "message": "no"}}),
        (502, "<html>"),
    ],
)
async def test_whatever_is_no_whole_list_is_a_fault_and_never_an_empty_one(
    azure: ArmAzure, script: Script, status: int, body: Any
) -> None:
    script.answer(200, {"value": [{"id": "/1"}], "nextLink": f"{script.root}/more"})
    script.answer(status, body)
    with pytest.raises(AzureFault):
        await azure.every(Kind.NIC)


async def test_a_list_without_end_is_given_up(azure: ArmAzure, script: Script) -> None:
    script.answer(200, {"value": [], "nextLink": f"{script.root}/more"})
    with pytest.raises(AzureFault, match="more than 100 pages"):
        await azure.every(Kind.NIC)
    assert len(script.asked) == 100


async def test_the_simulator_lists_every_kind_a_box_is_made_of_page_by_page() -> None:
    world = World(switches=Switches(page_size=1))
    where = await world.ask(outbound=Outbound.NAT)
    await world.until_phase(where, "ready")
    found = [body["id"].lower() for kind in ALONE for body in await world.inventory().every(kind)]
    parts = (await world.stack()).status.value.parts.items()
    assert sorted(found) == sorted(seen.arm_id.lower() for key, seen in parts if not key.startswith("login!"))
