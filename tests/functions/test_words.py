"""What people say about a box they have: extend, wake, park, retire, disconnect. Changes when a word's meaning does."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from lifecycle.model import BoxIntent, BoxStatus, OpenSession, StackStatus
from lifecycle.ports import Queue
from tests.functions.desk import ALICE, BOB, MONDAY, OPERATOR, Desk, Reply

BOX = "/jumpboxes/main/alice"
VERBS = ("extend", "wake", "park")


async def intent(desk: Desk) -> BoxIntent:
    return (await desk.stack()).boxes["alice"].value


async def say(desk: Desk, verb: str, body: object = None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if verb == "retire":
        return await desk("DELETE", BOX, body, headers=named)
    return await desk("POST", f"{BOX}/{verb}", body or ({"hours": 1} if verb == "extend" else None), headers=named)


@pytest.mark.parametrize("verb", [*VERBS, "retire"])
async def test_a_word_is_accepted_put_on_record_made_due_and_rung(verb: str, desk: Desk) -> None:
    made = await desk.make()
    desk.later(minutes=1)
    desk.memory.take(Queue.RECONCILE, desk.clock.at)
    reply = await say(desk, verb)
    assert reply.status == 202
    assert reply.headers["Location"] == f"/api{BOX}"
    assert reply.headers["Retry-After"]
    assert reply.headers["ETag"] != made.headers["ETag"]
    assert desk.rung() == ["main"]
    assert any(key.startswith("2026-11-23T09:01:00") for key in await due_keys(desk))


async def due_keys(desk: Desk) -> list[str]:
    return [row.key for table, row in await desk.everything() if table == "Due"]


async def test_extend_lengthens_the_lease_up_to_the_longest(desk: Desk) -> None:
    await desk.make(hours=8)
    assert (await say(desk, "extend", {"hours": 40})).body["leaseHours"] == 48
    refused = await say(desk, "extend", {"hours": 0.5})
    assert (refused.status, refused.errors) == (422, {"hours"})
    assert (await intent(desk)).hours == 48


async def test_wake_holds_a_box_for_the_hours_said(desk: Desk) -> None:
    await desk.make()
    await say(desk, "park")
    assert (await say(desk, "wake", {"hours": 3})).body["holdUntil"] == "2026-11-23T12:00:00Z"
    assert (await intent(desk)).parked_at is None


async def test_wake_without_hours_holds_until_closing(desk: Desk) -> None:
    await desk.make()
    assert (await say(desk, "wake")).body["holdUntil"] == "2026-11-23T17:30:00Z"  # 18:30 in Berlin


async def test_wake_outside_the_hours_holds_for_two(desk: Desk) -> None:
    await desk.make()
    desk.later(hours=12)
    assert (await say(desk, "wake")).body["holdUntil"] == "2026-11-23T23:00:00Z"


async def test_park_ends_a_hold(desk: Desk) -> None:
    await desk.make()
    await say(desk, "wake", {"hours": 3})
    assert (await say(desk, "park")).body["holdUntil"] is None
    assert (await intent(desk)).parked_at == MONDAY


async def test_retire_said_twice_is_the_same(desk: Desk) -> None:
    await desk.make()
    first = await say(desk, "retire")
    before = await desk.everything()
    desk.later(minutes=1)
    second = await say(desk, "retire")
    assert (first.status, second.status) == (202, 202)
    assert (second.headers["ETag"], (await intent(desk)).retired_at) == (first.headers["ETag"], MONDAY)
    assert await desk.everything() == before


@pytest.mark.parametrize("verb", VERBS)
async def test_a_box_that_is_retired_takes_no_other_word(verb: str, desk: Desk) -> None:
    await desk.make()
    await say(desk, "retire")
    before = await desk.everything()
    assert (await say(desk, verb)).status == 409
    assert await desk.everything() == before


@pytest.mark.parametrize("verb", VERBS)
async def test_a_box_that_is_gone_takes_no_word_and_may_be_retired_for_ever(verb: str, desk: Desk) -> None:
    await desk.make()
    gone = BoxStatus((await intent(desk)).incarnation, phase="gone", reason="its lease is over")
    await desk.write_status(StackStatus(boxes={"alice": gone}))
    assert (await say(desk, verb)).status == 409
    assert (await say(desk, "retire")).status == 202
    assert (await intent(desk)).retired_at is None


async def test_the_reason_given_is_kept_with_who_gave_it(desk: Desk) -> None:
    await desk.make()
    await desk("POST", f"{BOX}/park", {"reason": "lunch"}, OPERATOR)
    assert (await intent(desk)).word == "lunch (olga)"


# -- If-Match ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [*VERBS, "retire"])
@pytest.mark.parametrize("match", ['"0000000000000000"', "nonsense", "", 'W/"1"'])
async def test_a_word_on_another_version_is_refused(verb: str, match: str, desk: Desk) -> None:
    await desk.make()
    before = await desk.everything()
    reply = await say(desk, verb, If_Match=match)
    assert (reply.status, reply.errors) == (412, {"If-Match"})
    assert await desk.everything() == before


@pytest.mark.parametrize("verb", [*VERBS, "retire"])
async def test_a_word_on_the_version_that_was_read_or_on_any_passes(verb: str, desk: Desk) -> None:
    made = await desk.make()
    assert (await say(desk, "wake", If_Match="*")).status == 202
    assert (await say(desk, verb, If_Match=made.headers["ETag"])).status == 412
    read = await desk("GET", BOX)
    assert (await say(desk, verb, If_Match=read.headers["ETag"])).status == 202


async def test_of_two_words_at_once_on_one_version_one_passes(desk: Desk) -> None:
    tag = (await desk.make()).headers["ETag"]
    replies = await asyncio.gather(*(say(desk.restarted(), "extend", {"hours": n}, If_Match=tag) for n in (1, 2)))
    assert sorted(reply.status for reply in replies) == [202, 412]
    assert (await intent(desk)).hours in (9, 10)


# -- keys --------------------------------------------------------------------------------------------------


async def test_a_lease_until_an_instant_is_told_as_one_and_lengthened_like_any_other(desk: Desk) -> None:
    box = (await desk.make(until="2026-11-23T20:00:00+01:00")).body
    assert (box["leaseUntil"], box["leaseHours"]) == ("2026-11-23T19:00:00Z", 10)
    assert (await say(desk, "extend", {"hours": 38})).body["leaseUntil"] == "2026-11-25T09:00:00Z"
    assert (await say(desk, "extend", {"hours": 0.5})).errors == {"hours"}


async def test_a_box_follows_another_schedule_for_a_while_and_the_way_back_is_told(desk: Desk) -> None:
    await desk.make()
    box = (await say(desk, "schedule", {"schedule": "always", "hours": 30})).body
    assert (box["schedule"], box["otherSchedule"], box["otherScheduleUntil"]) == (
        "office", "always", "2026-11-24T15:00:00Z"
    )  # fmt: skip
    desk.later(hours=1)
    assert (await say(desk, "schedule", {"hours": 0})).body["otherScheduleUntil"] == "2026-11-23T10:00:00Z"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"hours": 4}, 422, "schedule"),
        ({"schedule": "lunch", "hours": 4}, 422, "schedule"),
        ({"schedule": "always"}, 400, "hours"),
        ({"schedule": "always", "hours": 745}, 400, "hours"),
        ({"schedule": "Always", "hours": 4}, 400, "schedule"),
    ],
)
async def test_another_schedule_is_one_that_exists_for_a_time_that_ends(
    body: dict[str, object], status: int, field: str, desk: Desk
) -> None:
    await desk.make()
    reply = await say(desk, "schedule", body)
    assert (reply.status, reply.errors) == (status, {field})


async def test_a_schedule_that_a_box_follows_for_a_while_cannot_be_deleted(desk: Desk) -> None:
    week = {"timeZone": "Europe/Paris", "weekly": [{"days": ["mon"], "from": "09:00", "to": "17:00"}]}
    await desk("PUT", "/schedules/paris", week, OPERATOR)
    await desk.make()
    await say(desk, "schedule", {"schedule": "paris", "hours": 4})
    assert (await desk("DELETE", "/schedules/paris", who=OPERATOR)).status == 409


async def test_to_extend_twice_under_one_key_counts_once(desk: Desk) -> None:
    await desk.make()
    for _ in range(3):
        assert (await say(desk, "extend", {"hours": 2}, Idempotency_Key="one")).body["leaseHours"] == 10
    assert (await say(desk, "extend", {"hours": 2}, Idempotency_Key="two")).body["leaseHours"] == 12


async def test_to_extend_eight_times_at_once_under_one_key_counts_once(desk: Desk) -> None:
    await desk.make()
    await asyncio.gather(*(say(desk.restarted(), "extend", {"hours": 2}, Idempotency_Key="one") for _ in range(8)))
    assert (await intent(desk)).hours == 10


async def test_to_extend_without_a_key_counts_each_time(desk: Desk) -> None:
    await desk.make()
    replies = await asyncio.gather(*(say(desk.restarted(), "extend", {"hours": 2}) for _ in range(3)))
    assert {reply.status for reply in replies} == {202}
    assert (await intent(desk)).hours == 14


async def test_two_who_extend_at_once_under_keys_of_their_own_are_both_heard(desk: Desk) -> None:
    await desk.make()
    await asyncio.gather(*(say(desk.restarted(), "extend", {"hours": 2}, Idempotency_Key=key) for key in "ab"))
    assert (await intent(desk)).hours == 12


async def test_a_wake_repeated_under_its_key_holds_no_longer(desk: Desk) -> None:
    await desk.make()
    first = await say(desk, "wake", {"hours": 2}, Idempotency_Key="one")
    desk.later(hours=1)
    again = await say(desk, "wake", {"hours": 2}, Idempotency_Key="one")
    assert again.body["holdUntil"] == first.body["holdUntil"] == "2026-11-23T11:00:00Z"


async def test_a_wake_repeated_under_its_key_does_not_undo_what_was_said_since(desk: Desk) -> None:
    await desk.make()
    await say(desk, "wake", {"hours": 2}, Idempotency_Key="one")
    desk.later(minutes=10)
    since = await say(desk, "wake", {"hours": 5}, Idempotency_Key="two")
    again = await say(desk, "wake", {"hours": 2}, Idempotency_Key="one")
    assert again.body["holdUntil"] == since.body["holdUntil"]


async def test_a_key_of_extend_means_nothing_else(desk: Desk) -> None:
    await desk.make()
    await say(desk, "extend", {"hours": 2}, Idempotency_Key="one")
    for reply in (
        await say(desk, "extend", {"hours": 3}, Idempotency_Key="one"),
        await say(desk, "wake", {"hours": 2}, Idempotency_Key="one"),
    ):
        assert (reply.status, reply.errors) == (422, {"Idempotency-Key"})
    assert (await intent(desk)).hours == 10


async def test_when_everybody_is_parked_at_once_all_are(desk: Desk) -> None:
    for number in range(16):
        await desk.make(name=f"b{number}")
    paths = [f"/jumpboxes/main/b{number}/park" for number in range(16)]
    replies = await asyncio.gather(*(desk.restarted()("POST", path) for path in paths))
    assert {reply.status for reply in replies} == {202}


# -- sessions ----------------------------------------------------------------------------------------------


async def test_to_end_a_session_is_a_word_like_any_other(desk: Desk) -> None:
    await desk.make()
    session = OpenSession("alice", "eve", "SSH", MONDAY - timedelta(minutes=5), MONDAY)
    await desk.write_status(StackStatus(sessions={"s1": session}, sessions_at=MONDAY))
    (shown,) = (await desk("GET", "/stacks/main/sessions", who=BOB)).body["value"]
    assert (shown["sessionId"], shown["box"], shown["user"]) == ("s1", "alice", "eve")
    desk.memory.take(Queue.RECONCILE, desk.clock.at)
    reply = await desk("DELETE", "/stacks/main/sessions/s1", {"reason": "lost laptop"}, ALICE)
    assert reply.status == 202
    assert reply.headers["Location"] == "/api/stacks/main/sessions"
    (row,) = (await desk.stack()).disconnects.values()
    assert (row.values["session_id"], row.values["by"], row.values["reason"]) == ("s1", "alice", "lost laptop")
    assert desk.rung() == ["main"]


async def test_an_operator_may_exempt_a_stack_for_a_while_and_end_it(desk: Desk) -> None:
    await desk.make()
    reply = await desk("POST", "/stacks/main/exempt", {"hours": 5, "reason": "an audit"}, OPERATOR)
    assert (reply.status, reply.body["exemptUntil"]) == (202, "2026-11-23T14:00:00Z")
    assert desk.rung() == ["main", "main"]
    ended = await desk("POST", "/stacks/main/exempt", {"hours": 0}, OPERATOR)
    assert ended.body["exemptUntil"] == "2026-11-23T09:00:00Z"


@pytest.mark.parametrize("body", [{}, {"hours": -1}, {"hours": 745}, {"hours": "5"}, {"hours": True}])
@pytest.mark.parametrize("path", ["/stacks/main/exempt", "/deletions"])
async def test_a_while_that_is_none_is_refused(path: str, body: object, desk: Desk) -> None:
    await desk.make()
    reply = await desk("POST", path, body, OPERATOR)
    assert (reply.status, reply.errors) == (400, {"hours"})


async def test_a_stack_that_is_not_there_cannot_be_exempted(desk: Desk) -> None:
    assert (await desk("POST", "/stacks/nowhere/exempt", {"hours": 5}, OPERATOR)).status == 404


async def test_the_bound_on_deletions_can_be_read_and_lifted(desk: Desk) -> None:
    bound = await desk("GET", "/deletions")
    assert bound.body == {"thisHour": 0, "limit": 60, "liftedUntil": None, "liftedBy": None}
    lifted = await desk("POST", "/deletions", {"hours": 2, "reason": "moving out"}, OPERATOR)
    assert (lifted.body["liftedUntil"], lifted.body["liftedBy"]) == ("2026-11-23T11:00:00Z", "olga")


async def test_a_dry_run_ends_no_session() -> None:
    desk = Desk({"DRY_RUN": "true"})
    await desk.make()
    session = OpenSession("alice", "alice", "SSH", MONDAY, MONDAY)
    await desk.write_status(StackStatus(sessions={"s1": session}, sessions_at=MONDAY))
    reply = await desk("DELETE", "/stacks/main/sessions/s1")
    assert reply.status == 409
    assert "dry run" in reply.body["detail"]


async def test_the_plans_of_all_stacks_are_one_answer_page_by_page(desk: Desk) -> None:
    for stack in ("one", "two", "three"):
        await desk.make(stack=stack)
    first = (await desk("GET", "/plan?limit=2")).body
    assert [plan["name"] for plan in first["value"]] == ["one", "three"]
    assert first["dryRun"] is False
    assert first["value"][0]["next"][0]["target"] == "open"
    rest = (await desk("GET", first["nextLink"].removeprefix("/api"))).body
    assert [plan["name"] for plan in rest["value"]] == ["two"]


@pytest.mark.parametrize("verb", [*VERBS, "retire"])
async def test_the_answer_to_a_word_does_not_repeat_what_was_so_before_it(verb: str, desk: Desk) -> None:
    await desk.make()
    incarnation = (await intent(desk)).incarnation
    warm = BoxStatus(incarnation, phase="warm", reason="nobody connected: wake it to go in")
    await desk.write_status(StackStatus(boxes={"alice": warm}))
    assert (await say(desk, verb)).body["reason"] == "asked for; its turn comes in a moment"
    assert (await desk("GET", BOX)).body["reason"] == "nobody connected: wake it to go in"
