"""What people are told: once, and never lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from lifecycle.delivery import POISON_PAUSE, Delivery, Links
from lifecycle.faults import AzureFault, fault
from lifecycle.links import Keep, read
from lifecycle.notices import Notice, tell
from lifecycle.ports import Queue, Row, Table
from tests.examples import HOUR, MINUTE, NOON
from tests.world.bell import MemoryBell
from tests.world.tables import MemoryTables

READY = Notice("ready", "main", "one", "alice", "you can go in", "2026-11-23T120000")


@dataclass
class Office:
    """An outbox, a bell, a clock and a letter box that can be shut."""

    now: datetime = NOON
    tables: MemoryTables = field(default_factory=MemoryTables)
    taken: list[dict[str, Any]] = field(default_factory=list)
    shut: bool = False

    def __post_init__(self) -> None:
        self.bell = MemoryBell(lambda: self.now)
        self.delivery = Delivery(self.tables, self.bell, self, self)

    async def read(self) -> datetime:
        return self.now

    async def send(self, message: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        if self.shut:
            raise AzureFault(fault("HTTP 503", "not now"))
        self.taken.append(message)

    async def tell(self, notice: Notice = READY) -> None:
        await tell(self.tables, self.bell, notice, self.now)

    async def alerts(self) -> list[Row]:
        return [row async for row in self.tables.scan(Table.OUTBOX) if row.values["kind"] == "alert"]


@pytest.fixture
def office() -> Office:
    return Office()


async def test_a_notice_is_sent_once_however_often_it_is_rung(office: Office) -> None:
    await office.tell()
    (name,) = office.bell.take(Queue.NOTIFY, NOON)
    for _ in range(3):
        await office.delivery.notify(name)
    (message,) = office.taken
    assert [block["text"] for block in message["attachments"][0]["content"]["body"]] == ["ready: main", "you can go in"]


async def test_the_same_notice_twice_is_one(office: Office) -> None:
    await office.tell()
    await office.tell()
    assert office.bell.take(Queue.NOTIFY, NOON) == ["main|ready!one!2026-11-23T120000"]


async def test_what_was_not_taken_stays_in_the_outbox(office: Office) -> None:
    await office.tell()
    (name,) = office.bell.take(Queue.NOTIFY, NOON)
    office.shut = True
    with pytest.raises(AzureFault):
        await office.delivery.notify(name)
    office.shut = False
    await office.delivery.notify(name)
    assert len(office.taken) == 1


async def test_a_name_of_nothing_is_passed_over(office: Office) -> None:
    await office.delivery.notify("main|never-written")
    await office.delivery.notify("nonsense")
    assert office.taken == []


async def test_two_who_deliver_at_once_lose_nothing(office: Office) -> None:
    await office.tell()
    (name,) = office.bell.take(Queue.NOTIFY, NOON)
    await asyncio.gather(office.delivery.notify(name), office.delivery.notify(name))
    assert office.taken
    before = len(office.taken)
    await office.delivery.notify(name)
    assert len(office.taken) == before


async def test_a_message_that_fails_for_ever_raises_one_alert_an_hour_and_wakes_its_stack(office: Office) -> None:
    for _ in range(4):
        await office.delivery.poisoned(Queue.RECONCILE, "main")
    assert len(await office.alerts()) == 1
    assert office.bell.take(Queue.RECONCILE, NOON + POISON_PAUSE - MINUTE) == []
    assert set(office.bell.take(Queue.RECONCILE, NOON + POISON_PAUSE)) == {"main"}
    office.now += HOUR
    await office.delivery.poisoned(Queue.RECONCILE, "main")
    assert len(await office.alerts()) == 2


async def test_a_notice_that_fails_for_ever_wakes_nobody(office: Office) -> None:
    await office.delivery.poisoned(Queue.NOTIFY, "main|ready!one!x")
    assert len(await office.alerts()) == 1
    assert office.bell.take(Queue.RECONCILE, NOON + HOUR) == []


@pytest.mark.parametrize("name", ["", "a/b\\c#d?e\n", "x" * 70_000, "{}", "é"])
async def test_whatever_stands_in_a_poisoned_message_becomes_an_alert(office: Office, name: str) -> None:
    await office.delivery.poisoned(Queue.CHORES, name)
    (alert,) = await office.alerts()
    assert len(str(alert.values["text"])) < 500


KEEP = Keep("main", "one", "first", "lease", NOON + 15 * MINUTE)
WARNING = Notice("warning", "main", "one", "alice", "its lease ends", "lease!2026", KEEP)
LINKS = Links("https://jump.example", b"thirty-two bytes, and not one less")


async def test_a_warning_carries_a_button_that_keeps_the_box(office: Office) -> None:
    office.delivery = Delivery(office.tables, office.bell, office, office, LINKS)
    await office.tell(WARNING)
    (name,) = office.bell.take(Queue.NOTIFY, NOON)
    await office.delivery.notify(name)
    (action,) = office.taken[0]["attachments"][0]["content"]["actions"]
    address, _, token = action["url"].partition("?token=")
    assert address == "https://jump.example/api/keep"
    assert read(token, LINKS.secret, NOON) == KEEP


async def test_a_link_stands_in_no_row(office: Office) -> None:
    office.delivery = Delivery(office.tables, office.bell, office, office, LINKS)
    await office.tell(WARNING)
    (name,) = office.bell.take(Queue.NOTIFY, NOON)
    await office.delivery.notify(name)
    token = KEEP.token(LINKS.secret)
    rows = [row async for row in office.tables.scan(Table.OUTBOX)]
    assert rows
    assert all(token.partition(".")[2] not in str(row.values) for row in rows)


async def test_where_nothing_is_signed_a_warning_has_no_button(office: Office) -> None:
    await office.tell(WARNING)
    (name,) = office.bell.take(Queue.NOTIFY, NOON)
    await office.delivery.notify(name)
    assert "actions" not in office.taken[0]["attachments"][0]["content"]
