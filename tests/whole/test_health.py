"""What nobody knows is found by the deployed app's own timer, queue and clients, and shown to operators only."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.arm.arm import RESOURCE_GROUP, SUBSCRIPTION
from tests.whole.conftest import Town

pytestmark = pytest.mark.sandbox

LEFT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers/Microsoft.Network/publicIPAddresses"


async def test_the_nightly_round_finds_an_orphan_and_operators_read_of_it(town: Town) -> None:
    body = {
        "location": "westeurope",
        "tags": {"managed-by": "jumpbox-lifecycle", "stack": "lost", "deployment": "sandbox"},
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    await town.control("POST", "humans", {"act": "add", "id": f"{LEFT}/jb-lost-bastion-ip", "body": body})
    _, before, _ = await town.say("GET", "health", who="olga:operator")
    assert before["status"] == "ok"
    async with town.http.post(f"{town.sandbox.app_url}/admin/functions/nightly", json={}) as rung:
        assert rung.status == 202
    for _ in range(100):
        _, health, _ = await town.say("GET", "health", who="olga:operator")
        if health["status"] == "trouble":
            break
        await asyncio.sleep(0.2)
    assert [each["what"] for each in health["orphan"]] == ["lost: jb-lost-bastion-ip"]
    for who in (None, "rita:reader"):
        assert (await town.say("GET", "health", who=who))[1] == {"status": "ok"}
