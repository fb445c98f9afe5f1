"""What keeps a mistake small: a dry run, a bound on deletions, and stacks that are left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lifecycle.commands import Where
from lifecycle.dry_run import LookOnly
from lifecycle.faults import Overdue
from lifecycle.model import Kind, Verb
from lifecycle.ports import Table
from tests.world.harness import ALICE, OPERATOR, World

ALICES = Where("main", "alice")
BASTION = "bastionHosts/jb-main-bastion"


async def test_a_dry_run_says_what_it_would_do_and_changes_nothing_in_azure() -> None:
    world = World(environment={"DRY_RUN": "true"})
    await world.ask(hours=2)
    await world.pass_by(hours=8)
    assert world.resources() == {}
    assert world.mutations() == []
    said = [row async for row in world.tables.scan(Table.AUDIT) if row.values.get("outcome") == "dry run"]
    assert {str(row.values["subject"]).rpartition("/")[2] for row in said} >= {
        "jb-main-frontend-nsg",
        "jb-main-bastion-ip",
    }
    known = await world.box(ALICES)
    assert known is not None
    assert known.reason.startswith("dry run: ")
    assert world.passes < 40


async def test_a_dry_run_leaves_alone_what_stands_however_late_it_gets() -> None:
    world = World()
    await world.ask(hours=2)
    await world.until_phase(ALICES, "ready")
    world.turn_dry()
    before = world.mutations()
    await world.pass_by(hours=24)
    assert BASTION in world.resources()
    assert world.mutations() == before
    assert all("dry run" in str(row.values["text"]) for row in await world.notices("warning"))


async def test_nothing_can_be_sent_in_a_dry_run_even_by_mistake() -> None:
    world = World()
    azure = LookOnly(world.reconciler.azure)
    with pytest.raises(Overdue):
        await azure.disconnect("/subscriptions/x", ["1"])
    with pytest.raises(Overdue):
        await azure.begin(Verb.DELETE, Kind.BASTION, "/subscriptions/x", None, 0)
    assert world.mutations() == []


async def test_beyond_the_bound_nothing_is_deleted_operators_are_told_and_one_may_lift_it() -> None:
    world = World(environment={"DELETIONS_PER_HOUR": "1"})
    for stack in ("one", "two", "three"):
        await world.ask(OPERATOR, stack=stack, name="box", hours=24)
    for stack in ("one", "two", "three"):
        await world.until_phase(Where(stack, "box"), "ready")
    for stack in ("one", "two", "three"):
        await world.commands.retire(OPERATOR, Where(stack, "box"), "", match=None)
    await world.pass_until(world.now.replace(minute=0) + timedelta(minutes=59))
    assert sum(name.startswith("bastionHosts/") for name in world.resources()) == 2
    told = await world.notices("alert")
    assert told
    assert all("too many deletions" in str(row.values["text"]) for row in told)
    await world.commands.lift_bound(OPERATOR, 1, "an exercise")
    await world.pass_by(hours=1)
    assert world.resources() == {}


async def test_closing_time_is_not_held_up_by_the_bound() -> None:
    world = World(environment={"DELETIONS_PER_HOUR": "1", "IDLE_MINUTES": "1440"})
    for stack in ("one", "two", "three"):
        await world.ask(OPERATOR, stack=stack, name="box", hours=24)
    for stack in ("one", "two", "three"):
        await world.until_phase(Where(stack, "box"), "ready")
    await world.pass_until(world.start.replace(hour=19, minute=30))
    assert not any(name.startswith("bastionHosts/") for name in world.resources())
    assert await world.notices("alert") == []


async def test_an_exempt_stack_is_left_as_it_is_until_its_time() -> None:
    world = World()
    await world.ask(hours=3)
    await world.until_phase(ALICES, "ready")
    await world.commands.exempt(OPERATOR, "main", 30, "an audit runs")
    await world.pass_by(hours=29)
    assert BASTION in world.resources()
    known = await world.box(ALICES)
    assert known is not None
    assert "exempt until" in known.reason
    await world.pass_by(hours=3)
    assert world.resources() == {}


async def test_what_a_person_retires_goes_though_its_stack_is_exempt() -> None:
    world = World()
    await world.ask(hours=3)
    await world.until_phase(ALICES, "ready")
    await world.commands.exempt(OPERATOR, "main", 30, "")
    await world.commands.retire(ALICE, ALICES, "", match=None)
    await world.pass_by(hours=1)
    assert world.resources() == {}


async def test_an_exempt_machine_is_not_stopped_by_azures_own_shutdown() -> None:
    world = World()
    await world.ask(hours=100)
    await world.until_phase(ALICES, "ready")
    await world.commands.exempt(OPERATOR, "main", 60, "")
    await world.pass_by(hours=59)
    view = world.resources()["virtualMachines/jb-main_alice-vm"]
    assert view
    assert world.truth()["vm.Standard_D2s_v5"] > 58
