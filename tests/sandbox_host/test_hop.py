"""Timers and hops: what a leap of the clock lets happen, and what is due next."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.sandbox_host.conftest import HostedApp, until

pytestmark = [pytest.mark.azurite, pytest.mark.asyncio(loop_scope="session")]


async def test_a_hop_rings_sweep_once_and_names_the_next_tick_of_the_others(hosted: HostedApp) -> None:
    async with hosted() as app:
        landing = await app.hop_to("2026-03-02T09:02:00Z")
        assert landing == {"quiet": True, "nextDueAt": "2026-03-03T02:30:00Z"}
        assert app.lines("sweep") == [{"function": "sweep", "past_due": False}]
        assert app.lines("nightly") == []


async def test_ticks_passed_over_collapse_into_one_call_that_is_past_due(hosted: HostedApp) -> None:
    async with hosted() as app:
        landing = await app.hop_to("2026-03-05T12:00:00Z")
        assert landing == {"quiet": True, "nextDueAt": "2026-03-06T02:30:00Z"}
        assert app.lines("sweep") == [{"function": "sweep", "past_due": True}]
        assert app.lines("nightly") == [{"function": "nightly", "past_due": True}]


async def test_a_tick_missed_while_no_host_ran_is_made_up_for_once(hosted: HostedApp, tmp_path: Path) -> None:
    async with hosted(timer_status=tmp_path / "timers.json") as app:
        await app.hop_to("2026-03-03T02:00:00Z")
        assert app.lines("nightly") == []
    async with hosted(timer_status=tmp_path / "timers.json", start=datetime(2026, 3, 3, 3, tzinfo=UTC)) as app:
        await until(lambda: bool(app.lines("nightly")))
        landing = await app.hop_to("2026-03-03T03:01:00Z")
        assert landing["nextDueAt"] == "2026-03-04T02:30:00Z"
        assert app.lines("nightly") == [{"function": "nightly", "past_due": True}]


async def test_a_leap_that_nobody_announced_is_found_by_the_host_itself(hosted: HostedApp) -> None:
    async with hosted() as app:
        app.clock["now"] = "2026-03-03T03:00:00Z"
        await until(lambda: bool(app.lines("nightly")) and bool(app.lines("sweep")))
        assert app.lines("nightly") == [{"function": "nightly", "past_due": True}]
        assert app.lines("sweep") == [{"function": "sweep", "past_due": True}]


async def test_a_tick_in_its_time_is_not_past_due(hosted: HostedApp) -> None:
    async with hosted() as app:
        app.clock["now"] = "2026-03-02T09:04:50Z"
        app.clock["running"] = True
        await until(lambda: bool(app.lines("sweep")))
        app.clock["running"] = False
        assert app.lines("sweep")[0]["past_due"] is False


async def test_the_earliest_of_timers_and_the_due_source_is_next(hosted: HostedApp) -> None:
    asked: list[datetime] = []

    async def due(now: datetime) -> datetime | None:
        asked.append(now)
        return now + timedelta(minutes=7)

    async with hosted(due_source=due) as app:
        landing = await app.hop_to("2026-03-02T10:00:00Z")
        assert landing["nextDueAt"] == "2026-03-02T10:07:00Z"
        assert asked == [datetime(2026, 3, 2, 10, tzinfo=UTC)]


async def test_a_hop_waits_for_what_the_queue_holds(hosted: HostedApp) -> None:
    async with hosted() as app:
        await app.queue.send_message("slow")
        landing = await app.hop_to("2026-03-02T10:00:00Z")
        assert landing["quiet"] is True
        assert len(app.lines("work")) == 1


async def test_a_timer_rings_by_hand_and_a_stranger_does_not(hosted: HostedApp) -> None:
    async with hosted() as app:
        for name, status in [("nightly", 202), ("stranger", 404), ("echo", 400)]:
            async with app.http.post(f"{app.url}/admin/functions/{name}", json={}) as answer:
                assert answer.status == status
        await until(lambda: bool(app.lines("nightly")))
