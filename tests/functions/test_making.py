"""Asking for boxes: one key, one box; many people, many boxes. Changes when what a request promises does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.faults import AzureFault, Fault, Meaning
from lifecycle.model import BOXES_PER_STACK, BoxStatus, StackStatus
from lifecycle.ports import Change, Queue, Row, Table
from lifecycle.web.fields import NAME
from tests.functions.desk import ALICE, BOB, OPERATOR, STORAGE_KEY, Desk, Reply, principal
from tests.world.bell import MemoryBell
from tests.world.tables import MemoryTables

ONE = {"Idempotency-Key": "one"}
SMALL_POOL = {"ADDRESS_POOL": "10.64.0.0/20"}  # sixteen ranges of a stack's size


class Killed(BaseException):
    """The process is gone: nothing after this runs, no answer is given."""


@dataclass
class MortalTables:
    """Tables whose process dies around one of its commits: before it takes effect, or right after."""

    real: MemoryTables
    dies_at: int
    after: bool
    count: int = 0

    async def get(self, table: Table, partition: str, key: str) -> Row | None:
        return await self.real.get(table, partition, key)

    async def query(
        self, table: Table, partition: str, first: str = "", before: str | None = None, limit: int | None = None
    ) -> list[Row]:
        return await self.real.query(table, partition, first, before, limit)

    def scan(self, table: Table, first: str = "", before: str | None = None) -> AsyncIterator[Row]:
        return self.real.scan(table, first, before)

    async def commit(self, table: Table, partition: str, changes: Sequence[Change]) -> dict[str, str]:
        self.count += 1
        if self.count == self.dies_at and not self.after:
            raise Killed
        etags = await self.real.commit(table, partition, changes)
        if self.count == self.dies_at:
            raise Killed
        return etags


@dataclass
class SilentTables(MemoryTables):
    """Tables that do not answer."""

    async def query(
        self, table: Table, partition: str, first: str = "", before: str | None = None, limit: int | None = None
    ) -> list[Row]:
        del table, partition, first, before, limit
        raise AzureFault(Fault("HTTP 503", f"AccountKey={STORAGE_KEY}", Meaning.RETRY))


@dataclass
class MortalBell(MemoryBell):
    """A bell whose process dies before it rings."""

    alive: bool = field(default=False)

    async def ring(self, queue: Queue, name: str, after: timedelta = timedelta()) -> None:
        del queue, name, after
        raise Killed


def where(reply: Reply) -> str:
    return f"{reply.body['stack']}/{reply.body['name']}"


async def ask(desk: Desk, wish: Mapping[str, object] | None = None, key: dict[str, str] | None = None) -> Reply:
    return await desk("POST", "/jumpboxes", wish or {}, headers=key)


# -- the answer --------------------------------------------------------------------------------------------


async def test_a_request_is_accepted_with_where_to_look_and_when(desk: Desk) -> None:
    reply = await desk.make(hours=3, reason="patching")
    assert reply.headers["Location"] == "/api/jumpboxes/main/alice"
    assert int(reply.headers["Retry-After"]) > 0
    assert re.fullmatch(r'"[0-9a-f]+"', reply.headers["ETag"])
    box = reply.body
    assert (box["owner"], box["purpose"], box["leaseHours"], box["phase"]) == ("alice", "patching", 3, "building")
    assert box["reason"]
    assert box["eta"] > box["requestedAt"]
    there = await desk("GET", reply.headers["Location"].removeprefix("/api"))
    assert there.status == 200
    assert there.headers["ETag"] == reply.headers["ETag"]
    assert {name: value for name, value in there.body.items() if name != "cost"} == box


async def test_an_accepted_request_is_on_record_due_and_rung(desk: Desk) -> None:
    await desk.make()
    assert await desk.all_boxes() == ["main/alice"]
    assert await desk.dues() == {"main"}
    assert desk.rung() == ["main"]


async def test_a_request_for_later_is_accepted_and_waits(desk: Desk) -> None:
    box = (await desk.make(startAt="2026-11-24T10:00:00+01:00")).body
    assert box["startAt"] == "2026-11-24T09:00:00Z"
    assert box["eta"] == box["startAt"]


async def test_storage_that_is_silent_is_no_bug_and_gives_nothing_away() -> None:
    desk = Desk(tables=SilentTables())
    reply = await ask(desk)
    assert reply.status == 503
    assert reply.headers["Retry-After"]
    assert STORAGE_KEY not in reply.text


# -- what stands in the way --------------------------------------------------------------------------------


async def test_the_same_name_twice_is_refused(desk: Desk) -> None:
    await desk.make(name="db")
    before = await desk.everything()
    for who in (ALICE, BOB):
        reply = await desk("POST", "/jumpboxes", {"stack": "main", "name": "db"}, who)
        assert (reply.status, reply.errors) == (409, {"name"})
    assert await desk.everything() == before


async def test_a_name_is_free_again_once_its_box_is_gone(desk: Desk) -> None:
    await desk.make(name="db")
    old = (await desk.stack()).boxes["db"].value.incarnation
    await desk.write_status(StackStatus(boxes={"db": BoxStatus(old, phase="gone", reason="retired")}))
    again = await desk.make(name="db")
    assert again.body["phase"] == "building"
    assert (await desk.stack()).boxes["db"].value.incarnation != old


@pytest.mark.parametrize(
    ("field", "value"),
    [("region", "northeurope"), ("sku", "Standard"), ("outbound", "nat"), ("keepPublicIp", True)],
)
async def test_a_stacks_choices_are_not_changed_by_the_next_who_asks(field: str, value: object, desk: Desk) -> None:
    await desk.make()
    before = await desk.everything()
    reply = await desk("POST", "/jumpboxes", {"stack": "main", "name": "b", field: value})
    assert (reply.status, reply.errors) == (409, {field})
    assert await desk.everything() == before


async def test_who_says_the_same_as_the_stack_or_nothing_is_welcome(desk: Desk) -> None:
    await desk.make(sku="Standard", outbound="nat", keepPublicIp=True, region="northeurope")
    await desk.make(stack="main", name="b", sku="Standard", outbound="nat", keepPublicIp=True, region="northeurope")
    await desk.make(stack="main", name="c")
    assert (await desk.stack()).boxes.keys() == {"alice", "b", "c"}


async def test_who_names_no_stack_gets_another_where_the_first_does_not_fit(desk: Desk) -> None:
    await desk.make()
    assert where(await desk.make(sku="Standard")) == "main-2/alice"
    assert where(await desk.make()) == "main/alice-2"


async def test_a_stack_has_sixteen_boxes_and_no_more(desk: Desk) -> None:
    for number in range(BOXES_PER_STACK):
        await desk.make(stack="team", name=f"b{number}")
    before = await desk.everything()
    reply = await desk("POST", "/jumpboxes", {"stack": "team", "name": "one-more"})
    assert (reply.status, reply.errors) == (409, {"stack"})
    assert await desk.everything() == before


async def test_the_seventeenth_who_names_no_stack_gets_the_next(desk: Desk) -> None:
    names = [where(await desk.make()) for _ in range(BOXES_PER_STACK + 1)]
    assert names[-2:] == ["main/alice-16", "main-2/alice"]


async def test_when_the_pool_is_used_up_a_stack_is_refused_and_nothing_is_half_done() -> None:
    desk = Desk(SMALL_POOL)
    for number in range(16):
        await desk.make(stack=f"s{number}")
    before, rung = await desk.everything(), desk.rung()
    reply = await desk("POST", "/jumpboxes", {"stack": "one-more"})
    assert (reply.status, reply.errors) == (409, {"stack"})
    assert "10.64.0.0/20" in reply.body["detail"]
    assert (await desk.everything(), desk.rung()) == (before, rung)
    await desk.make(stack="s3", name="b")


# -- one key, one box --------------------------------------------------------------------------------------


@pytest.mark.parametrize("wish", [{}, {"name": "db"}, {"stack": "team"}, {"stack": "team", "name": "db"}])
async def test_a_request_repeated_under_its_key_is_the_same_box(wish: dict[str, object], desk: Desk) -> None:
    replies = [await ask(desk, wish, ONE) for _ in range(3)]
    assert {reply.status for reply in replies} == {202}
    assert len({where(reply) for reply in replies}) == 1
    assert await desk.all_boxes() == [where(replies[0])]
    assert len(await desk.ranges()) == 1


async def test_a_request_repeated_on_another_instance_hours_later_is_the_same_box(desk: Desk) -> None:
    wish = {"startAt": "2026-11-23T10:00:00Z"}
    first = await ask(desk, wish, ONE)
    desk.later(hours=5)
    again = await ask(desk.restarted(), wish, ONE)
    assert again.status == 202, again.text
    assert where(again) == where(first)
    assert await desk.all_boxes() == [where(first)]


@pytest.mark.parametrize("wish", [{}, {"stack": "team", "name": "db"}])
async def test_eight_at_once_under_one_key_are_one_box(wish: dict[str, object], desk: Desk) -> None:
    replies = await asyncio.gather(*(ask(desk.restarted(), wish, ONE) for _ in range(8)))
    assert {reply.status for reply in replies} == {202}
    assert len({where(reply) for reply in replies}) == 1
    assert await desk.all_boxes() == [where(replies[0])]


async def test_a_key_used_for_another_request_is_refused(desk: Desk) -> None:
    await ask(desk, {"hours": 3}, ONE)
    before = await desk.everything()
    reply = await ask(desk, {"hours": 4}, ONE)
    assert (reply.status, reply.errors) == (422, {"Idempotency-Key"})
    extend = await desk("POST", "/jumpboxes/main/alice/extend", {"hours": 1}, headers=ONE)
    assert (extend.status, extend.errors) == (422, {"Idempotency-Key"})
    assert await desk.everything() == before


async def test_the_same_request_under_two_keys_is_two_boxes(desk: Desk) -> None:
    await ask(desk, {}, ONE)
    await ask(desk, {}, {"Idempotency-Key": "two"})
    assert await desk.all_boxes() == ["main/alice", "main/alice-2"]


async def test_eight_at_once_under_eight_keys_are_eight_boxes(desk: Desk) -> None:
    keys = [{"Idempotency-Key": f"key {number}"} for number in range(8)]
    replies = await asyncio.gather(*(ask(desk.restarted(), {}, key) for key in keys))
    assert {reply.status for reply in replies} == {202}
    again = [await ask(desk, {}, key) for key in keys]
    assert [where(reply) for reply in again] == [where(reply) for reply in replies]
    assert sorted(await desk.all_boxes()) == sorted(where(reply) for reply in replies)


async def test_keys_of_two_people_do_not_meet(desk: Desk) -> None:
    mine = await desk("POST", "/jumpboxes", {}, ALICE, ONE)
    theirs = await desk("POST", "/jumpboxes", {}, BOB, ONE)
    assert [where(mine), where(theirs)] == ["main/alice", "main/bob"]


async def test_a_request_repeated_after_somebody_took_the_name_is_not_their_box(desk: Desk) -> None:
    first = await ask(desk, {}, ONE)
    old = (await desk.stack()).boxes["alice"].value.incarnation
    await desk.write_status(StackStatus(boxes={"alice": BoxStatus(old, phase="gone", reason="retired")}))
    await desk.make(BOB, stack="main", name="alice")
    again = await ask(desk, {}, ONE)
    assert first.status == 202
    assert again.status == 409
    assert (await desk.stack()).boxes["alice"].value.owner == "bob"


async def commits_of_a_request(wish: dict[str, object]) -> int:
    desk = Desk()
    await ask(desk, wish, ONE)
    assert isinstance(desk.tables, MemoryTables)
    return desk.tables.commits


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("busy", [False, True], ids=["in a new stack", "in a busy stack"])
async def test_a_request_repeated_after_a_crash_at_any_write_is_one_box(busy: bool, after: bool) -> None:
    count = await commits_of_a_request({}) - busy  # a stack that stands has its range
    assert count > 3
    for number in range(1, count + 1):
        storage = MemoryTables()
        desk = Desk(tables=storage)
        others = [where(await desk.make(BOB, name="other"))] if busy else []
        dying = desk.restarted(MortalTables(storage, number, after))
        with pytest.raises(Killed):
            await ask(dying, {}, ONE)
        boxes = [box for box in await desk.all_boxes() if box not in others]
        assert not boxes or "main" in await desk.dues(), "a box stands that nothing would look at"
        replies = [await ask(desk.restarted(), {}, ONE) for _ in range(2)]
        assert [reply.status for reply in replies] == [202, 202]
        assert len({where(reply) for reply in replies}) == 1
        assert sorted(await desk.all_boxes()) == sorted([*others, where(replies[0])])


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_range_left_by_a_crash_is_free_again_after_a_night(after: bool) -> None:
    for number in range(1, await commits_of_a_request({}) + 1):
        storage = MemoryTables()
        desk = Desk(tables=storage)
        with pytest.raises(Killed):
            await ask(desk.restarted(MortalTables(storage, number, after)), {}, ONE)
        await ask(desk, {}, ONE)
        intent = (await desk.stack()).intent
        assert intent is not None
        assert intent.value.address_range in await desk.ranges()
        desk.later(hours=12)
        await desk.sweeps.nightly()
        assert await desk.ranges() == [intent.value.address_range]


async def test_a_request_whose_bell_never_rang_is_rung_by_the_sweep(desk: Desk) -> None:
    dying = Desk(tables=desk.tables, clock=desk.clock, bell=MortalBell(desk.clock.now))
    with pytest.raises(Killed):
        await ask(dying)
    assert desk.rung() == []
    assert await desk.sweeps.sweep() == 1
    assert desk.rung() == ["main"]


async def test_a_request_whose_bell_never_rang_is_rung_by_whoever_calls_later(desk: Desk) -> None:
    dying = Desk(tables=desk.tables, clock=desk.clock, bell=MortalBell(desk.clock.now))
    with pytest.raises(Killed):
        await ask(dying)
    desk.later(minutes=10)
    await desk("GET", "/schedules", who=BOB)
    assert desk.rung() == ["main"]


# -- two people at once ------------------------------------------------------------------------------------


async def test_eight_people_at_once_get_eight_boxes_of_their_own(desk: Desk) -> None:
    replies = await asyncio.gather(*(desk("POST", "/jumpboxes", {}, principal(f"p{n}")) for n in range(8)))
    assert {reply.status for reply in replies} == {202}
    assert sorted(await desk.all_boxes()) == sorted(where(reply) for reply in replies)
    assert {reply.body["owner"] for reply in replies} == {f"p{n}" for n in range(8)}


async def test_one_person_eight_times_at_once_gets_eight_names(desk: Desk) -> None:
    replies = await asyncio.gather(*(ask(desk.restarted()) for _ in range(8)))
    assert {reply.status for reply in replies} == {202}
    assert len({where(reply) for reply in replies}) == 8
    assert sorted(await desk.all_boxes()) == sorted(where(reply) for reply in replies)


async def test_of_eight_at_once_who_want_the_same_name_one_gets_it(desk: Desk) -> None:
    wish = {"stack": "main", "name": "db"}
    replies = await asyncio.gather(*(desk("POST", "/jumpboxes", wish, principal(f"p{n}")) for n in range(8)))
    assert sorted(reply.status for reply in replies) == [202, *[409] * 7]
    winner = next(reply for reply in replies if reply.status == 202)
    assert (await desk.stack()).boxes["db"].value.owner == winner.body["owner"]


async def test_the_last_place_of_a_stack_is_given_once(desk: Desk) -> None:
    for number in range(BOXES_PER_STACK - 1):
        await desk.make(stack="team", name=f"b{number}")
    wishes = [{"stack": "team", "name": f"last{n}"} for n in range(4)]
    replies = await asyncio.gather(*(ask(desk.restarted(), dict(wish)) for wish in wishes))
    assert sorted(reply.status for reply in replies) == [202, 409, 409, 409]
    assert len((await desk.stack("team")).boxes) == BOXES_PER_STACK


@pytest.mark.parametrize("many", [30])
async def test_who_is_not_accepted_in_a_crowd_left_nothing_and_nobody_meets_a_bug(many: int, desk: Desk) -> None:
    replies = await asyncio.gather(*(desk("POST", "/jumpboxes", {}, principal(f"p{n}")) for n in range(many)))
    assert {reply.status for reply in replies} <= {202, 409}
    assert sorted(await desk.all_boxes()) == sorted(where(reply) for reply in replies if reply.status == 202)


async def test_ranges_of_stacks_made_at_once_never_overlap() -> None:
    desk = Desk(SMALL_POOL)
    stacks = [f"team-{number}" for number in range(20)]
    replies = await asyncio.gather(*(desk.restarted()("POST", "/jumpboxes", {"stack": name}) for name in stacks))
    assert sorted(reply.status for reply in replies) == [202] * 16 + [409] * 4
    ranges = [IPv4Network(text) for text in await desk.ranges()]
    assert len(ranges) == 16
    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))
    made = [name for name, reply in zip(stacks, replies, strict=True) if reply.status == 202]
    intents = [(await desk.stack(name)).intent for name in made]
    assert {intent.value.address_range for intent in intents if intent} == set(await desk.ranges())
    assert {box.partition("/")[0] for box in await desk.all_boxes()} == set(made)


@given(st.sets(st.from_regex(NAME, fullmatch=True), max_size=12), st.sampled_from(["24", "22", "25"]))
async def test_whatever_stacks_are_called_their_ranges_lie_apart_in_the_pool(names: set[str], prefix: str) -> None:
    desk = Desk({"ADDRESS_POOL": "10.8.0.0/16", "STACK_PREFIX": prefix})
    await asyncio.gather(*(desk.make(stack=name) for name in sorted(names)))
    ranges = [IPv4Network(text) for text in await desk.ranges()]
    assert len(ranges) == len(names)
    assert all(found.subnet_of(IPv4Network("10.8.0.0/16")) and found.prefixlen == int(prefix) for found in ranges)
    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=60))
async def test_whatever_a_person_is_called_their_box_gets_a_name_that_is_one(person: str) -> None:
    desk = Desk()
    for _ in range(2):
        made = await desk("POST", "/jumpboxes", {}, principal(person))
        assert made.status == 202
        assert NAME.fullmatch(made.body["name"])
    assert len(await desk.all_boxes()) == 2


async def test_a_row_that_cannot_be_read_spoils_nobody_elses_request(desk: Desk) -> None:
    """Whoever calls rings for what is overdue; what is wrong with that is not theirs."""
    await desk.make(OPERATOR, stack="broken")
    assert isinstance(desk.tables, MemoryTables)
    rows = desk.tables.rows[Table.STACKS]
    rows["broken", "intent"] = replace(rows["broken", "intent"], values={"schema": 99})
    desk.later(minutes=10)
    assert where(await desk.make()) == "main/alice"
