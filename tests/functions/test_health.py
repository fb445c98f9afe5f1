"""Anybody may know that the app runs; what is wrong is for operators whom the platform vouches for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle import due, troubles
from lifecycle.delivery import Delivery
from lifecycle.model import Block, Drift, Seen, Sighting, StackStatus, Verb
from lifecycle.ports import Put, Queue, Row, Table
from lifecycle.troubles import MISSING, ORPHAN, Finding
from tests.functions.desk import ADMIN, ALICE, MONDAY, NO_ROLE, NOBODY, OPERATOR, READER, Desk, Principal
from tests.unit.test_sweeps import CountingTables

HOUR = timedelta(hours=1)
SIGNED_IN = {"HEALTH_DETAILS": "true"}
BLOCK = Block(Verb.PUT, "SkuNotAvailable", "none here", 2, MONDAY + HOUR, shown=True, since_at=MONDAY)
NOTHING_BUT_THAT_IT_RUNS = {"status": "ok"}


class Nobody:
    async def send(self, message: object) -> None:
        del message


async def in_trouble(desk: Desk) -> None:
    """Have one of everything that somebody should look at."""
    await desk.make(ALICE, stack="main")
    await desk.make(ALICE, stack="late")
    parts = {"vnet": Seen("/vnet", Sighting.FOREIGN, MONDAY)}
    drifts = {"bastion": Drift("deleted", MONDAY), "nsg-frontend": Drift("tags", MONDAY, MONDAY + HOUR)}
    status = StackStatus(blocks={"vm!alice": BLOCK}, parts=parts, drifts=drifts)
    await desk.write_status(replace(status, look_again_at=MONDAY + 90 * HOUR))
    await troubles.note(desk.tables, "main", MONDAY)
    await desk.write_status(StackStatus(look_again_at=MONDAY - HOUR, passed_at=MONDAY - 2 * HOUR), "late")
    await due.note(desk.tables, due.Due(MONDAY - HOUR, "late"))
    await desk.tables.commit(Table.STACKS, "odd", [Put(Row("intent", {"schema": 99}))])
    await due.note(desk.tables, due.Due(MONDAY - HOUR, "odd"))
    left = Finding("/x/jb-main_bob-nic", "NIC", "main", "bob", MONDAY, "unproven", "left alone")
    await troubles.keep(desk.tables, ORPHAN, left)
    await troubles.keep(desk.tables, MISSING, replace(left, arm_id="/x/away", state="missing"))
    await Delivery(desk.tables, desk.memory, desk.clock, Nobody()).poisoned(Queue.RECONCILE, "main")


async def test_an_operator_reads_what_is_wrong() -> None:
    desk = Desk(SIGNED_IN)
    await in_trouble(desk)
    reply = await desk("GET", "/health", who=OPERATOR)
    assert (reply.status, reply.body["status"]) == (200, "trouble")
    assert reply.body["counts"] == dict.fromkeys(
        ("blocked", "orphan", "missing", "foreign", "overdue", "unreadable", "poison", "drift"), 1
    )
    assert reply.body["blocked"] == [
        {
            "what": "main/alice: vm",
            "text": "SkuNotAvailable: none here",
            "since": "2026-11-23T09:00:00Z",
            "triedAgainAt": "2026-11-23T10:00:00Z",
        }
    ]
    assert reply.body["overdue"][0]["what"] == "late"
    assert reply.body["unreadable"][0]["what"] == "odd"
    assert reply.body["orphan"][0]["what"] == "main/bob: jb-main_bob-nic"
    assert "left alone" in reply.body["orphan"][0]["text"]
    assert reply.body["drift"] == [
        {
            "what": "main: bastion",
            "text": "changed by somebody else: deleted",
            "since": "2026-11-23T09:00:00Z",
            "triedAgainAt": None,
        }
    ]
    assert reply.body["more"] is False


@pytest.mark.parametrize("who", [NOBODY, NO_ROLE, READER, ALICE], ids=["nobody", "no role", "reader", "user"])
async def test_everybody_else_reads_that_the_app_runs(who: Principal) -> None:
    desk = Desk(SIGNED_IN)
    await in_trouble(desk)
    reply = await desk("GET", "/health", who=who)
    assert (reply.status, reply.body) == (200, NOTHING_BUT_THAT_IT_RUNS)


@pytest.mark.parametrize("environment", [{}, {**SIGNED_IN, "WEBSITE_AUTH_ENABLED": "false"}], ids=["path", "app"])
async def test_a_principal_is_not_believed_where_the_platform_may_not_have_written_it(
    environment: dict[str, str],
) -> None:
    desk = Desk()
    await in_trouble(desk)
    desk = Desk(environment, desk.tables)
    assert (await desk("GET", "/health", who=ADMIN)).body == NOTHING_BUT_THAT_IT_RUNS


async def test_the_path_for_probes_never_reads_a_principal() -> None:
    desk = Desk(SIGNED_IN)
    await in_trouble(desk)
    assert (await desk("GET", "/alive", who=ADMIN)).body == NOTHING_BUT_THAT_IT_RUNS


async def test_a_house_in_order_is_well_whatever_the_index_still_names() -> None:
    desk = Desk(SIGNED_IN)
    await desk.make()
    await desk.write_status(StackStatus(look_again_at=MONDAY + HOUR))
    await troubles.note(desk.tables, "main", MONDAY)
    body = (await desk("GET", "/health", who=OPERATOR)).body
    assert body["status"] == "ok"
    assert set(body["counts"].values()) == {0}


async def test_reading_health_costs_what_trouble_there_is_and_not_what_stacks_there_are() -> None:
    tables = CountingTables()
    desk = Desk(SIGNED_IN, tables=tables)
    await in_trouble(desk)
    await desk("GET", "/health", who=OPERATOR)
    tables.handed_out = 0
    await desk("GET", "/health", who=OPERATOR)
    before = tables.handed_out
    for number in range(30):
        await desk.make(stack=f"fine-{number}")
        await desk.write_status(StackStatus(look_again_at=MONDAY + HOUR), f"fine-{number}")
    desk.clock.at = MONDAY
    for number in range(30):
        entry = due.Due(MONDAY, f"fine-{number}")
        await due.forget(desk.tables, entry)
    tables.handed_out = 0
    await desk("GET", "/health", who=OPERATOR)
    assert tables.handed_out <= before + 1


async def test_orphans_and_poison_are_on_the_page_before_what_people_can_wait_with() -> None:
    desk = Desk()
    await in_trouble(desk)
    text = (await desk("GET", "/dashboard")).text
    order = [
        text.index(f"is-{kind}") for kind in ("blocked", "orphan", "missing", "foreign", "overdue", "poison", "drift")
    ]
    assert order == sorted(order)


async def test_a_stack_tells_what_somebody_changed_and_when_it_was_in_order_again() -> None:
    desk = Desk()
    await in_trouble(desk)
    assert (await desk("GET", "/stacks/main")).body["drift"] == [
        {"part": "bastion", "what": "deleted", "seenAt": "2026-11-23T09:00:00Z", "mendedAt": None},
        {
            "part": "nsg-frontend",
            "what": "tags",
            "seenAt": "2026-11-23T09:00:00Z",
            "mendedAt": "2026-11-23T10:00:00Z",
        },
    ]


async def test_a_message_that_keeps_failing_is_one_trouble_and_is_sent_again_once_in_a_while() -> None:
    desk = Desk()
    delivery = Delivery(desk.tables, desk.memory, desk.clock, Nobody())
    for _ in range(12):
        await delivery.poisoned(Queue.RECONCILE, "main")
        desk.later(minutes=1)
    assert len(await troubles.read(desk.tables, troubles.POISON)) == 1
    assert desk.rung().count("main") == 2
    desk.later(days=2)
    await desk.sweeps.nightly()
    assert await troubles.read(desk.tables, troubles.POISON) == []
