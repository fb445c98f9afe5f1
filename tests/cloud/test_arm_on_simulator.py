"""The adapter and the simulator of ARM understand each other: changes with either side of the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lifecycle.cloud.arm import ArmAzure
from lifecycle.faults import AzureFault, Meaning
from lifecycle.model import Kind, Verb
from sandbox.arm.arm import RESOURCE_GROUP, SUBSCRIPTION, Arm
from sandbox.arm.switches import Switches
from sandbox.arm.transport import InProcessTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lifecycle.ports import Body

NETWORK = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers/Microsoft.Network"
VNET = f"{NETWORK}/virtualNetworks/v"
ADDRESS = f"{NETWORK}/publicIPAddresses/a"
BASTION = f"{NETWORK}/bastionHosts/b"


@dataclass
class StandingClock:
    instant: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant


@dataclass
class Simulated:
    azure: ArmAzure
    arm: Arm
    clock: StandingClock

    async def finish(self, verb: Verb, kind: Kind, arm_id: str, body: Body | None = None) -> int:
        """Carry a mutation through, asking once a minute; says how many questions it took."""
        accepted = await self.azure.begin(verb, kind, arm_id, body, 0)
        questions = 0
        while accepted.token is not None:
            questions += 1
            assert questions < 100
            self.clock.instant += timedelta(minutes=1)
            progress = await self.azure.poll(verb, kind, arm_id, accepted.token)
            if not progress.running:
                assert progress.fault is None
                break
        return questions


@pytest.fixture(params=["object", "array"])
async def simulated(request: pytest.FixtureRequest) -> AsyncIterator[Simulated]:
    clock = StandingClock()
    arm = Arm(clock, switches=Switches(session_reply=request.param))
    azure = ArmAzure(
        "http://127.0.0.1:7081", SUBSCRIPTION, RESOURCE_GROUP, "sandbox", transport=InProcessTransport(arm)
    )
    yield Simulated(azure, arm, clock)
    await azure.close()


async def stand_bastion(simulated: Simulated) -> None:
    subnet = {"name": "AzureBastionSubnet", "properties": {"addressPrefix": "10.0.0.0/26"}}
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/24"]}, "subnets": [subnet]}
    bodies: list[tuple[Kind, str, dict[str, Any]]] = [
        (Kind.VNET, VNET, {"location": "westeurope", "properties": space}),
        (
            Kind.ADDRESS,
            ADDRESS,
            {
                "location": "westeurope",
                "sku": {"name": "Standard"},
                "properties": {"publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4"},
            },
        ),
        (
            Kind.BASTION,
            BASTION,
            {
                "location": "westeurope",
                "sku": {"name": "Basic"},
                "properties": {
                    "ipConfigurations": [
                        {
                            "name": "ip",
                            "properties": {
                                "subnet": {"id": f"{VNET}/subnets/AzureBastionSubnet"},
                                "publicIPAddress": {"id": ADDRESS},
                            },
                        }
                    ]
                },
            },
        ),
    ]
    for kind, arm_id, body in bodies:
        await simulated.finish(Verb.PUT, kind, arm_id, body)


async def test_a_bastion_comes_and_goes(simulated: Simulated) -> None:
    await stand_bastion(simulated)
    standing = await simulated.azure.look(Kind.BASTION, BASTION)
    assert standing is not None
    assert standing["properties"]["provisioningState"] == "Succeeded"
    assert await simulated.azure.sessions(BASTION) == ()
    assert await simulated.finish(Verb.DELETE, Kind.BASTION, BASTION) > 1
    assert await simulated.azure.look(Kind.BASTION, BASTION) is None
    assert await simulated.finish(Verb.DELETE, Kind.BASTION, BASTION) == 0


async def test_an_address_in_use_cannot_go_yet(simulated: Simulated) -> None:
    await stand_bastion(simulated)
    with pytest.raises(AzureFault) as refusal:
        await simulated.azure.begin(Verb.DELETE, Kind.ADDRESS, ADDRESS, None, 0)
    assert refusal.value.fault.meaning is Meaning.BUSY


async def test_sessions_of_a_host_that_is_not_there_are_unknown(simulated: Simulated) -> None:
    with pytest.raises(AzureFault):
        await simulated.azure.sessions(BASTION)
