"""A whole jump box through the real SDK: built, used, parked, taken down, and billed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.arm import RESOURCE_GROUP
from tests.sandbox_arm.place import ENTRA

if TYPE_CHECKING:
    from tests.sandbox_arm.place import Place


async def test_a_jump_box_can_be_built_used_and_taken_down(place: Place) -> None:
    await place.box()
    session = place.session(minutes=30)
    assert session.ended_at is None

    extension = place.compute.virtual_machine_extensions.begin_create_or_update(RESOURCE_GROUP, "vm", "login", ENTRA)
    assert (await place.done(extension, minutes=2)).provisioning_state == "Succeeded"

    poller = await place.network.begin_get_active_sessions(RESOURCE_GROUP, "bastion")
    listed = [each async for each in await poller.result()]
    assert [each.user_name for each in listed] == ["ada"]
    assert listed[0].target_ip_address == "10.0.0.4"

    await place.done(place.compute.virtual_machines.begin_deallocate(RESOURCE_GROUP, "vm"), minutes=3)
    assert session.ending == "the machine was told to deallocate"
    await place.done(place.network.bastion_hosts.begin_delete(RESOURCE_GROUP, "bastion"), minutes=9)
    await place.done(place.network.public_ip_addresses.begin_delete(RESOURCE_GROUP, "pip"), minutes=1)
    await place.done(place.compute.virtual_machines.begin_delete(RESOURCE_GROUP, "vm"), minutes=2)
    await place.done(place.network.virtual_networks.begin_delete(RESOURCE_GROUP, "vnet"), minutes=1)
    for name in ("nsg-bastion", "nsg-boxes"):
        await place.done(place.network.network_security_groups.begin_delete(RESOURCE_GROUP, name), minutes=1)

    assert list(place.arm.cloud.store) == []
    assert all(row["to"] for row in place.arm.cloud.meters.shown(place.arm.now))
