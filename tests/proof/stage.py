"""What scenes are played with: named checks, the people in them, and the box that most begin with."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from lifecycle.commands import Where
from lifecycle.people import Person, Role
from tests.proof.walked import Walked
from tests.proof.wire import Sort
from tests.world.harness import ALICE

ALICES, BOBS = Where("main", "alice"), Where("main", "bob")
BOB = Person("bob", Role.USER)
BASTION, ADDRESS = "bastionHosts/jb-main-bastion", "publicIPAddresses/jb-main-bastion-ip"
VM, DISK = "virtualMachines/jb-main_alice-vm", "disks/jb-main_alice-osdisk"
NIC, VNET = "networkInterfaces/jb-main_alice-nic", "virtualNetworks/jb-main-vnet"
LOST = timedelta(minutes=10)


class Broken(AssertionError):
    """A check did not hold; ``check`` is its name."""

    def __init__(self, check: str, seen: object = "") -> None:
        super().__init__(f"{check}: {seen}" if seen != "" else check)
        self.check = check


def holds(check: str, truth: object, seen: object = "") -> None:
    """Have a check hold, or say which one did not."""
    if not truth:
        raise Broken(check, seen)


async def comes_to(check: str, world: Walked, where: Where, phase: str, **within: float) -> None:
    """Have a box come to a phase in time."""
    try:
        await world.until_phase(where, phase, **within)
    except AssertionError as late:
        raise Broken(check, late) from None


async def bill_holds(check: str, world: Walked, start: str = "unknown") -> None:
    """Have the truth lie between the brackets of the books, meter by meter. ``start``: from when on Azure bills."""
    truth, bill = world.truth(), await world.bill(start=start)
    for meter, hours in truth.items():
        least, most = bill.get(meter, (0.0, 0.0))
        holds(check, least - 1e-6 <= hours <= most + 1e-6, f"{meter}: {hours} not in {least} to {most}")


def at_call(world: Walked, sort: Sort, name: str, act: Callable[[], Any]) -> None:
    """Do something at the next call of this sort and name, just before it."""

    def met(number: int, at: Sort, called: str) -> str:
        del number
        if at is sort and name in called:
            world.wire.open = False
            act()
        return ""

    world.wire.met, world.wire.open = met, True


def id_of(world: Walked, name: str) -> str:
    return str(world.resources()[name]["id"])


async def ready(world: Walked | None = None, **wish: Any) -> Walked:
    """Have alice's box made."""
    world = world or Walked()
    await world.ask(**{"hours": 48, **wish})
    await comes_to("a box that is asked for gets ready", world, ALICES, "ready")
    return world


async def leaves_nothing(world: Walked, check: str = "nothing of a retired box is left") -> None:
    await world.commands.retire(ALICE, ALICES, "", match=None)
    await comes_to(check, world, ALICES, "gone", hours=5)
    await world.pass_by(minutes=15)
    holds(check, not world.resources(), sorted(world.resources()))


def asked_well(world: Walked) -> None:
    """Have no mutation been refused."""
    refused = [
        f"{each['method']} {each['url'].partition('?')[0].rpartition('/')[2]} {each['status']}"
        for each in map(json.loads, world.arm.traffic.lines())
        if each["method"] != "GET" and each["status"] >= 400
    ]
    holds("nothing is asked of Azure that it must refuse", not refused, refused)
