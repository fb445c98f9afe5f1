"""Fixed scenes from the life of boxes, each with named checks: what a wrong design would get wrong in them.

A scene draws nothing and passes on the product as it is. ``Broken`` names the check that did not hold.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle import ledger
from lifecycle.costs import report
from lifecycle.model import BOXES_PER_STACK
from lifecycle.ports import Change, Insert, Queue, Remove, Table
from lifecycle.prices import DEFAULT_BOOK
from lifecycle.refusals import Forbidden, Taken
from sandbox.arm.admission import NotAdmitted
from sandbox.arm.switches import Switches
from tests.proof.perils import effect_of
from tests.proof.stage import (
    ADDRESS,
    ALICES,
    BASTION,
    BOB,
    BOBS,
    DISK,
    LOST,
    NIC,
    VM,
    Broken,
    asked_well,
    at_call,
    bill_holds,
    comes_to,
    holds,
    id_of,
    leaves_nothing,
    ready,
)
from tests.proof.walk import judge_audit
from tests.proof.walked import Walked
from tests.proof.wire import Sort, silence
from tests.world.harness import ALICE, OPERATOR

MOST_SWEEPS = 60


# -- whole lives --------------------------------------------------------------------------------------------------


async def a_life() -> None:
    """A box is made, left idle, woken and retired, and nothing goes wrong."""
    world = await ready(Walked(switches=Switches(public_ip_lingers_seconds=0)))
    world.connect(ALICES, minutes=5)
    await comes_to("an idle door is shut", world, ALICES, "warm", hours=2)
    await world.pass_by(minutes=15)
    asked_well(world)
    holds("an idle door is gone", BASTION not in world.resources())
    await world.commands.wake(ALICE, ALICES, 1, "", match=None, key=None)
    await comes_to("who wakes a box can get in again", world, ALICES, "ready", hours=1)
    try:
        world.connect(ALICES, minutes=5)
    except NotAdmitted as why:
        raise Broken("who wakes a box can get in again", why) from None
    await world.pass_by(minutes=10)
    await leaves_nothing(world)
    asked_well(world)
    await bill_holds("the truth lies between the brackets", world)
    try:
        await judge_audit(world)
    except AssertionError as why:
        raise Broken("every mutation has its intent and its outcome", why) from None


async def a_steady_day() -> None:
    """Nothing happens to a warm box for hours, under a policy that adds tags of its own."""
    world = await ready(Walked(switches=Switches(added_tags={"costCenter": "policy"})), schedule="always")
    await comes_to("an idle door is shut", world, ALICES, "warm", hours=2)
    await world.pass_by(hours=1)
    before, passes = len(world.mutations()), world.passes
    for _ in range(5):
        await world.bell.ring(Queue.RECONCILE, "main")
    await world.pass_by(hours=4)
    sent = world.mutations()[before:]
    holds("a steady stack makes no mutation", not sent, sent)
    holds("doubled messages die out", world.passes - passes < 25, world.passes - passes)


async def a_life_by_sweeps_alone() -> None:
    """Every message is lost but those that the sweep has just sent."""
    world = Walked(timers=False)
    await world.ask()
    for phase in ("ready", "gone"):
        if phase == "gone":
            await world.commands.retire(ALICE, ALICES, "", match=None)
        sweeps = 0
        while await world.phase(ALICES) != phase:
            sweeps += 1
            holds("a lost message costs a sweep and no more", sweeps < MOST_SWEEPS, await world.phase(ALICES))
            world.bell.rings.clear()
            await world.pass_by(minutes=5)
            await world.sweeps.sweep()
            await world._deliver()


async def a_sweep_in_the_midst_of_each_save() -> None:
    """Passes take a minute, a sweep comes by as each is about to store its status, and all but its rings are lost."""
    world = Walked(timers=False)
    commit = world.tables.commit

    async def watched(table: Table, partition: str, changes: Sequence[Change]) -> dict[str, str]:
        if effect_of(table, changes) == "save":
            world.clock.advance_to(world.now + timedelta(minutes=1))
            await world.sweeps.sweep()
        return await commit(table, partition, changes)

    world.tables.commit = watched  # type: ignore[method-assign]
    await world.ask(hours=48)
    for _ in range(MOST_SWEEPS):
        world.bell.rings.clear()
        await world.pass_by(minutes=5)
        await world.sweeps.sweep()
        await world._deliver()
        if await world.phase(ALICES) == "ready":
            return
    holds("a sweep leaves what a pass relies on", False, await world.phase(ALICES))


async def a_machine_stopped_by_the_clock() -> None:
    """After hours the machine is deallocated, and bills no more."""
    world = await ready()
    await world.pass_until(world.start.replace(hour=20))
    before = world.truth()["vm.Standard_D2s_v5"]
    await world.pass_by(hours=3)
    holds("a parked machine costs nothing", world.truth()["vm.Standard_D2s_v5"] == before)
    await bill_holds("the books say that a parked machine costs nothing", world)


# -- time ---------------------------------------------------------------------------------------------------------


async def a_closing_that_nobody_saw() -> None:
    """Nothing runs from an hour before closing until two hours after it."""
    world = await ready()
    await world.pass_until(world.start.replace(hour=17, minute=30))
    world.clock.advance_to(world.start.replace(hour=20, minute=30))
    await comes_to("a closing that was missed is made up for", world, ALICES, "parked", minutes=40)


async def a_day_in_new_york() -> None:
    """The office closes at half past six by its own clocks."""
    world = Walked({"TIME_ZONE": "America/New_York"}, start=datetime(2026, 11, 23, 15, 0, tzinfo=UTC))
    await ready(world)
    await world.pass_until(world.start.replace(hour=23))
    holds("hours are those of the schedule's zone", await world.phase(ALICES) == "warm", await world.phase(ALICES))
    await world.pass_by(minutes=50)
    holds("hours are those of the schedule's zone", await world.phase(ALICES) == "parked", await world.phase(ALICES))


async def a_wake_of_what_is_open() -> None:
    """Somebody wakes a box that is open already, and nobody comes."""
    world = await ready()
    await world.pass_by(minutes=10)
    await world.commands.wake(ALICE, ALICES, 1, "", match=None, key=None)
    await world.pass_by(minutes=75)
    holds("what was shut is not opened again by itself", BASTION not in world.resources())


async def a_lease_that_ends_unseen() -> None:
    """Nothing runs while a lease comes to its end; who is inside is told first, and has the whole lead."""
    world = await ready(schedule="always", hours=2)
    known = await world.box(ALICES)
    assert known is not None
    assert known.lease_until is not None
    holds(
        "a lease counts from ready",
        known.ready_at is not None and known.lease_until >= known.ready_at + timedelta(hours=2),
        known.lease_until,
    )
    session = world.connect(ALICES, minutes=600)
    world.clock.advance_to(known.lease_until + timedelta(minutes=3))
    woken_at = world.now
    await world.pass_by(minutes=40)
    holds(
        "the limit comes no earlier than warning and lead",
        session.ended_at is None or session.ended_at >= woken_at + world.settings.policy.warning_lead,
        session.ended_at,
    )
    holds("an announced limit is kept", session.ended_at is not None)


# -- people inside ------------------------------------------------------------------------------------------------


async def somebody_inside_at_closing() -> None:
    """Somebody works on past the hours; the limit was announced for half past eight."""
    world = await ready()
    await world.pass_until(world.start.replace(hour=18))
    await world.commands.wake(ALICE, ALICES, 0.4, "", match=None, key=None)
    await comes_to("who wakes a box can get in again", world, ALICES, "ready", hours=1)
    session = world.connect(ALICES, minutes=300)
    await world.pass_until(world.start.replace(hour=20, minute=25))
    holds("nobody is cut off before the announced limit", session.ended_at is None, session.ended_at)
    await world.pass_until(world.start.replace(hour=21, minute=5))
    holds("an announced limit is kept", session.ended_at is not None)


async def a_silent_session_list() -> None:
    """Somebody is connected, and neither the session list nor the metric tells."""
    world = await ready(Walked(switches=Switches(session_metric="empty")))
    session = world.connect(ALICES, minutes=120)
    world.arm.faults.add("sessions-error", "getActiveSessions", times=None)
    await world.pass_by(minutes=100)
    holds("unknown is never idle", session.ended_at is None, session.ended_at)
    try:
        world.connect(ALICES, minutes=5)
    except NotAdmitted as why:
        raise Broken("unknown is never idle", why) from None


async def a_session_list_that_is_not_found() -> None:
    """Somebody is connected, and the session list answers 404 for a while though the host stands."""
    world = await ready()
    session = world.connect(ALICES, minutes=120)
    world.arm.faults.add("refuse:ResourceNotFound", "POST .*getActiveSessions", times=None)
    await world.pass_by(minutes=100)
    holds("a 404 on a list is no absence", session.ended_at is None, session.ended_at)


async def somebody_who_comes_as_the_door_is_shut() -> None:
    """Somebody comes between the last reading of the sessions and the deletion of the host."""
    world = await ready()
    came: list[Any] = []

    def come() -> None:
        try:
            came.append(world.connect(ALICES, minutes=60))
        except NotAdmitted:
            return

    at_call(world, Sort.CHANGE, "DELETE bastionHosts", come)
    await world.pass_by(minutes=60)
    holds("the door is shut", BASTION not in world.resources())
    holds("who is let in is not cut off", not came)


async def two_boxes_and_one_retires() -> None:
    """Two people share a stack; one of them is done."""
    world = await ready()
    await world.ask(BOB, hours=48)
    await comes_to("a box that is asked for gets ready", world, BOBS, "ready")
    session = world.connect(BOBS, minutes=60, user="bob")
    await world.commands.retire(ALICE, ALICES, "", match=None)
    await world.pass_by(minutes=30)
    holds("a door that another needs stays", BASTION in world.resources() and session.ended_at is None)
    holds("a box that is retired goes", VM not in world.resources())


async def a_hold_past_the_net() -> None:
    """A box is held through the night, past the hour at which Azure's own auto-shutdown was set."""
    world = await ready()
    await world.pass_until(world.start.replace(hour=18, minute=10))
    await world.commands.wake(ALICE, ALICES, 12, "", match=None, key=None)
    await comes_to("who wakes a box can get in again", world, ALICES, "ready", hours=1)
    session = world.connect(ALICES, minutes=11 * 60)
    await world.pass_until(world.start.replace(hour=23, minute=50))
    holds("a hold outlasts Azure's auto-shutdown", session.ended_at is None, session.ended_at)


# -- workers ------------------------------------------------------------------------------------------------------


async def two_workers_on_one_stack() -> None:
    """Every message is taken by two workers at once, one of whom is slow."""
    world = Walked()
    other = world.worker()
    await world.ask(hours=48)
    for _ in range(60):
        if world.bell.take(Queue.RECONCILE, world.now):
            await asyncio.gather(world.reconciler.reconcile("main"), other.reconcile("main"))
        await world.pass_by(seconds=15)
        if await world.phase(ALICES) == "ready":
            break
    puts = Counter(each for each in world.mutations() if each.startswith("PUT") and not each.endswith("nsg"))
    holds("two workers begin nothing twice", all(times == 1 for times in puts.values()), puts)
    holds("a box that is asked for gets ready", await world.phase(ALICES) == "ready")


async def a_second_worker_between_claim_and_act() -> None:
    """Another worker has its pass after a claim and before what was claimed is begun."""
    world = Walked()
    other = world.worker()
    azure: Any = world.reconciler.azure
    came: list[datetime] = []
    begin = azure.begin

    async def slow(*arguments: Any) -> Any:
        if not came:
            came.append(world.now)
            world.clock.advance_to(world.now + timedelta(seconds=5))
            await other.reconcile("main")
        return await begin(*arguments)

    azure.begin = slow
    await world.ask(hours=48)
    await world.pass_by(seconds=50)
    puts = Counter(each for each in world.mutations() if each.startswith("PUT"))
    holds("what is claimed is its claimer's alone", all(times == 1 for times in puts.values()), puts)


async def a_worker_that_stalls_after_its_claim() -> None:
    """A worker is frozen for ten minutes between its first claim and its requests."""
    world = Walked()
    azure: Any = world.reconciler.azure
    sent: list[str] = []
    begin = azure.begin

    async def frozen(verb: Any, kind: Any, arm_id: str, body: Any, age: float) -> Any:
        before = len(world.mutations())
        try:
            return await begin(verb, kind, arm_id, body, age + LOST.total_seconds())
        finally:
            sent.extend(world.mutations()[before:])
            azure.begin = begin

    azure.begin = frozen
    await world.ask(hours=48)
    await world.pass_by(minutes=2)
    holds("a mutation is not sent long after its claim", not sent, sent)


async def a_status_that_is_read_as_its_bell_rings() -> None:
    """Messages without a delay arrive the moment they are sent, and no timer runs."""
    world = Walked(timers=False)
    await world.ask(hours=48)
    other, ring = world.worker(), world.bell.ring

    async def eager(queue: Queue, name: str, after: timedelta = timedelta()) -> None:
        if queue is Queue.RECONCILE and after <= timedelta():
            await other.reconcile(name)
        else:
            await ring(queue, name, after)

    world.bell.ring = eager  # type: ignore[method-assign]
    await comes_to("no wake-up is rung before what it is for is stored", world, ALICES, "ready", hours=1)


async def two_words_at_once() -> None:
    """Two people speak to one box in the same moment."""
    world = await ready()
    await asyncio.gather(
        world.commands.extend(ALICE, ALICES, 5, "", match=None, key=None),
        world.commands.park(OPERATOR, ALICES, "", match=None),
    )
    box = (await world.stack()).boxes["alice"].value
    holds("no acknowledged word is lost", box.hours == 53 and box.parked_at is not None, (box.hours, box.parked_at))


async def a_stack_that_fills_up() -> None:
    """More ask for a box in a stack than it may have."""
    world = Walked()
    refused = 0
    for number in range(BOXES_PER_STACK + 2):
        try:
            await world.ask(stack="main", name=f"b{number}")
        except Taken:
            refused += 1
    boxes = (await world.stack()).boxes
    holds("no stack has more boxes than it may", len(boxes) == BOXES_PER_STACK and refused == 2, len(boxes))


async def a_request_that_is_sent_again() -> None:
    """The last free place goes to a request whose answer is lost; it is sent again with its key."""
    world = Walked()
    for number in range(BOXES_PER_STACK - 1):
        await world.ask(stack="main", name=f"b{number}")
    wish = world.wish(hours=8)
    first = await world.commands.ask(ALICE, wish, key="once")
    again = await world.commands.ask(ALICE, wish, key="once")
    holds("one key gives one box", first == again, (first, again))


async def another_persons_box() -> None:
    """Bob would retire what is Alice's."""
    world = Walked()
    await world.ask(hours=48)
    try:
        await world.commands.retire(BOB, ALICES, "", match=None)
    except Forbidden:
        return
    raise Broken("nobody retires another person's box")


async def two_stacks_at_once() -> None:
    """Two stacks are founded at once, in a pool that holds two; both begin their search at the same place."""
    world = Walked({"ADDRESS_POOL": "10.64.0.0/23"})
    await asyncio.gather(world.ask(stack="ops"), world.ask(stack="web"))
    ranges = [(await world.stack(name)).intent for name in ("ops", "web")]
    found = {stored.value.address_range for stored in ranges if stored}
    holds("no two stacks have the same addresses", len(found) == 2, found)


# -- Azure --------------------------------------------------------------------------------------------------------


async def an_operation_that_azure_forgets() -> None:
    """The address of every operation answers 404 after its first minutes."""
    world = Walked()
    world.arm.faults.add("operation-expired", times=None)
    await world.ask(hours=48)
    await comes_to("a token that is of no use is dropped", world, ALICES, "ready", minutes=45)


async def a_deletion_that_fails_later() -> None:
    """The last deletions are accepted, and fail later."""
    world = await ready()
    world.arm.faults.add("late-failed:InternalServerError", "DELETE .*networkSecurityGroups", times=8)
    await leaves_nothing(world, "gone is what a look has shown")


async def a_refusal_with_a_wait() -> None:
    """A request is throttled, with a Retry-After."""
    world = Walked()
    transport: Any = world.reconciler.azure
    slept: list[float] = []

    async def sleep(duration: float) -> None:
        slept.append(duration)

    transport._transport.sleep = sleep
    world.arm.faults.add("throttled-seconds", "PUT .*networkSecurityGroups", times=2)
    await world.ask(hours=48)
    await comes_to("a box that is asked for gets ready", world, ALICES, "ready", hours=1)
    holds("nobody sleeps inside an invocation", not slept, slept)


async def a_refusal_of_all_that_needs_the_network() -> None:
    """Neither the door nor the machine's card can be had at first, so that the network is not kept for them."""
    world = Walked()
    world.arm.faults.add("refuse:ResourceQuotaExceeded", "PUT .*bastionHosts")
    world.arm.faults.add("refuse:RequestDisallowedByPolicy", "PUT .*networkInterfaces")
    await world.ask(schedule="always", hours=24)
    await comes_to("a refusal is told", world, ALICES, "blocked", hours=1)
    await comes_to("what was refused is tried again", world, ALICES, "ready", hours=6)


async def a_page_that_says_404() -> None:
    """For a while every look at the machine ends at a proxy that answers 404, in words that are not ARM's."""
    world = await ready()
    world.connect(ALICES, minutes=100)
    world.arm.faults.add("refuse:OperationIdNotFound", "GET .*virtualMachines/[^/]+$", minutes=90, times=None)
    await world.pass_by(minutes=80)
    machine = (await world.stack()).status.value.parts["vm!alice"]
    holds("only ARM's own 404 is an absence", machine.stands, machine)
    await world.pass_by(hours=1)
    await bill_holds("the truth lies between the brackets", world)


async def something_of_others() -> None:
    """A public IP of somebody else's stands under the name that ours would have."""
    world = Walked()
    place = world.settings.estate
    target = (
        f"/subscriptions/{place.subscription_id}/resourceGroups/{place.resource_group}"
        "/providers/Microsoft.Network/publicIPAddresses/jb-main-bastion-ip"
    )
    body: dict[str, Any] = {
        "location": "westeurope",
        "tags": {"owner": "somebody"},
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    world.arm.humans.add(target, body)
    await world.pass_by(minutes=1)
    await world.ask(hours=2)
    await world.pass_by(hours=5)
    touched = [each for each in world.mutations() if each.endswith("jb-main-bastion-ip")]
    holds("what is not ours is never touched", not touched and ADDRESS in world.resources(), touched)


async def a_part_that_changes_hands() -> None:
    """Somebody takes our tags off the host just when its deletion has been claimed."""
    world = await ready()
    commit, host = world.tables.commit, id_of(world, BASTION)

    async def watched(table: Table, partition: str, changes: Sequence[Change]) -> dict[str, str]:
        etags = await commit(table, partition, changes)
        if any(isinstance(change, Insert) and change.row.key == "op!bastion" for change in changes):
            world.arm.humans.retag(host, {"owner": "somebody"})
        return etags

    world.tables.commit = watched  # type: ignore[method-assign]
    await world.commands.retire(ALICE, ALICES, "", match=None)
    await world.pass_by(minutes=30)
    deleted = [each for each in world.mutations() if each.startswith("DELETE") and each.endswith("bastion")]
    holds("the tags that count are read under the claim", not deleted, deleted)
    holds("the tags that count are read under the claim", world.resources()[BASTION]["tags"] == {"owner": "somebody"})


async def a_machine_deleted_in_the_portal() -> None:
    """Somebody deletes the machine; what it was made with goes along."""
    world = await ready()
    world.arm.humans.delete(id_of(world, VM))
    left = [name for name in (DISK, NIC) if name in world.resources()]
    holds("a machine takes its disk and its interface along", not left, left)


async def an_operation_that_never_ends() -> None:
    """Azure is at work on the network for an hour and longer."""
    world = Walked()
    world.arm.faults.add("stuck", "PUT .*virtualNetworks")
    await world.ask(hours=48)
    await world.pass_by(minutes=1)
    for _ in range(20):
        await world.bell.ring(Queue.RECONCILE, "main")
    await world.pass_by(minutes=3)
    coming = [each for each in world.bell.rings if each.queue is Queue.RECONCILE]
    holds("doubled messages die out while Azure is at work", len(coming) <= 3, coming)


# -- money --------------------------------------------------------------------------------------------------------


async def a_machine_that_fails() -> None:
    """Its making fails after Azure has taken it; it stands for an hour before it is tried again, and costs nothing."""
    world = Walked(switches=Switches(billing_start="accepted"))
    world.arm.faults.add("allocation-failed", "PUT .*virtualMachines/[^/]+$")
    await world.ask()
    await world.pass_by(minutes=50)
    await bill_holds("the truth lies inside the books", world, start="accepted")
    await comes_to("a box that is asked for gets ready", world, ALICES, "ready", hours=3)
    await bill_holds("the truth lies inside the books", world, start="accepted")
    await leaves_nothing(world)


async def a_disk_that_goes_unseen() -> None:
    """Azure forgets how a machine's deletion goes; by the time anybody looks at its disk, that is gone with it."""
    world = await ready(schedule="always")
    await world.ask(BOB, hours=48, schedule="always")
    await comes_to("a box that is asked for gets ready", world, BOBS, "ready")
    world.arm.faults.add("operation-expired", "GET .*compute/locations/.*operations", times=None, minutes=120)
    await world.commands.retire(ALICE, ALICES, "", match=None)
    await comes_to("a box that is retired goes", world, ALICES, "gone")
    await world.pass_by(hours=5)
    await bill_holds("what is gone bills no more", world)
    disks = [each for each in (await ledger.read(world.tables)).meters if each.part == "disk!alice"]
    holds("what is gone bills no more", disks and all(each.closed_absent_at for each in disks), disks)


async def a_start_that_nobody_heard_of() -> None:
    """The answer to a start is lost, Azure is out of reach, and what it began with that fails before anybody looks."""
    world = await ready(Walked(switches=Switches(billing_start="accepted", billing_quantum="hour")), schedule="always")
    await world.commands.park(ALICE, ALICES, "", match=None)
    await comes_to("a box is parked", world, ALICES, "parked")
    for trouble in ("late-failed:InternalServerError", "lost-reply"):
        world.arm.faults.add(trouble, "POST .*/start")
    at_call(world, Sort.CHANGE, "start", lambda: world.arm.faults.add("server-error", "GET ", times=None, minutes=3))
    await world.commands.wake(ALICE, ALICES, 1, "", match=None, key=None)
    await comes_to("a box wakes", world, ALICES, "ready")
    most = (await world.bill("hour", "accepted"))["vm.Standard_D2s_v5"][1]
    holds("the bill is not below the truth", most >= world.truth()["vm.Standard_D2s_v5"], most)


async def two_owners_one_after_the_other() -> None:
    """Alice has the stack to herself for hours before Bob comes."""
    world = await ready(schedule="always")
    world.connect(ALICES, minutes=170)
    await world.pass_by(hours=3)
    await world.ask(BOB, hours=48, schedule="always")
    await world.pass_by(hours=1)
    since_at = world.start - timedelta(days=1)
    books = await ledger.facts(world.tables, since_at)
    rows: Mapping[str, float] = {
        row.key: float(row.amount)
        for row in report(
            books.meters,
            books.tenancies,
            DEFAULT_BOOK,
            since_at,
            world.now,
            "owner",
            world.now,
            "second",
            zone=UTC,
            connections=books.connections,
        )
    }
    holds("who had it bears it", rows.get("alice", 0) > rows.get("bob", 0), rows)


async def a_poisoned_stack() -> None:
    """A stack's messages fail until they are poison; then storage is well again, and no timer runs."""
    world = Walked(timers=False)
    await world.ask(hours=48)
    reconcile, well_at = world.reconciler, world.now + timedelta(minutes=5)
    passing = reconcile.reconcile

    async def ill(stack: str) -> None:
        if world.now < well_at:
            raise silence("everything")
        await passing(stack)

    world.reconciler.reconcile = ill  # type: ignore[method-assign]
    await world.pass_by(minutes=40)
    holds("a stack outlives its poisoned message", await world.phase(ALICES) == "ready", world.poison)
    holds("operators hear of poison", await world.notices("alert"))


async def a_night_of_storage() -> None:
    """Messages are lost, and timers stand still for three hours; then the timers tick again."""
    world = Walked()
    await world.ask(hours=48)
    world.bell.take(Queue.RECONCILE, world.now)
    world.clock.advance_to(world.now + timedelta(hours=3))
    await comes_to("what was due long ago is still rung for", world, ALICES, "ready", minutes=30)


async def a_hub_whose_guest_is_lost() -> None:
    """The rows of a stack that uses a hub's door are lost, its need in the hub's partition is not."""
    world = Walked({"STACKS": '{"spoke": {"hub": "main"}}'})
    where = await world.ask(stack="spoke", hours=48, schedule="always")
    await comes_to("a box that is asked for gets ready", world, where, "ready")
    rows = await world.tables.query(Table.STACKS, "spoke")
    await world.tables.commit(Table.STACKS, "spoke", [Remove(row.key) for row in rows])
    await world.pass_by(hours=4)
    holds("a need that nobody renews lapses", BASTION not in world.resources())


# -- caution ------------------------------------------------------------------------------------------------------


async def a_bound_on_deletions() -> None:
    """Two boxes are retired within an hour in which one deletion is allowed."""
    world = Walked({"DELETIONS_PER_HOUR": "1"})
    await ready(world)
    await world.ask(BOB, hours=48)
    await comes_to("a box that is asked for gets ready", world, BOBS, "ready")
    for person, where in ((ALICE, ALICES), (BOB, BOBS)):
        await world.commands.retire(person, where, "", match=None)
    await world.pass_by(minutes=25)
    lost = [each for each in world.mutations() if each.startswith("DELETE") and ("-vm" in each or "bastionH" in each)]
    machines = [each for each in lost if not each.endswith("AADSSHLoginForLinux") and "schedules" not in each]
    holds("no more is deleted in an hour than is allowed", len(machines) <= 1, machines)


async def a_dry_run() -> None:
    """Under a dry run an ask changes nothing in Azure."""
    world = Walked({"DRY_RUN": "true"})
    await world.ask(hours=48)
    await world.pass_by(minutes=20)
    holds("a dry run changes nothing in Azure", not world.mutations(), world.mutations())


SCENARIOS: tuple[Callable[[], Awaitable[None]], ...] = (
    a_life,
    a_steady_day,
    a_machine_stopped_by_the_clock,
    a_closing_that_nobody_saw,
    a_day_in_new_york,
    a_lease_that_ends_unseen,
    somebody_inside_at_closing,
    a_silent_session_list,
    a_session_list_that_is_not_found,
    somebody_who_comes_as_the_door_is_shut,
    two_boxes_and_one_retires,
    a_hold_past_the_net,
    two_workers_on_one_stack,
    a_second_worker_between_claim_and_act,
    a_worker_that_stalls_after_its_claim,
    a_status_that_is_read_as_its_bell_rings,
    two_words_at_once,
    a_stack_that_fills_up,
    a_request_that_is_sent_again,
    another_persons_box,
    two_stacks_at_once,
    an_operation_that_azure_forgets,
    a_deletion_that_fails_later,
    a_refusal_with_a_wait,
    a_page_that_says_404,
    something_of_others,
    a_part_that_changes_hands,
    a_machine_deleted_in_the_portal,
    an_operation_that_never_ends,
    two_owners_one_after_the_other,
    a_poisoned_stack,
    a_night_of_storage,
    a_hub_whose_guest_is_lost,
    a_bound_on_deletions,
    a_dry_run,
)
