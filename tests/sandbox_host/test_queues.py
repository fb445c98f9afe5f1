"""Queue triggers against a real Azurite: at least once, retried, and to the poison queue in the end."""

import asyncio
import base64
from datetime import timedelta

import pytest

from sandbox.host.dormancy import Laziness
from sandbox.host.hostjson import QueueSettings
from tests.sandbox_host.conftest import HostedApp, until

pytestmark = [pytest.mark.azurite, pytest.mark.asyncio(loop_scope="session")]


async def test_a_message_reaches_the_function_once_and_is_gone_when_it_returns(hosted: HostedApp) -> None:
    async with hosted() as app:
        await app.queue.send_message("hello")
        await until(lambda: bool(app.lines("work")))
        landing = await app.hop_to("2026-03-02T09:01:00Z")
        assert landing["quiet"] is True
        assert app.lines("work") == [{"function": "work", "body": "hello", "attempt": 1}]
        assert (await app.queue.get_queue_properties()).approximate_message_count == 0


async def test_a_message_whose_function_raises_comes_back(hosted: HostedApp) -> None:
    async with hosted() as app:
        await app.queue.send_message("fail once")
        await until(lambda: len(app.lines("work")) == 2)
        assert [line["attempt"] for line in app.lines("work")] == [1, 2]


async def test_a_message_that_raised_stays_hidden_for_the_visibility_timeout(hosted: HostedApp) -> None:
    settings = QueueSettings(base64=False, visibility_timeout=timedelta(hours=1))
    async with hosted(settings) as app:
        await app.queue.send_message("fail once")
        await until(lambda: bool(app.lines("work")))
        landing = await app.hop_to("2026-03-02T09:01:00Z")
        assert landing["quiet"] is True
        assert len(app.lines("work")) == 1
        assert await app.queue.peek_messages() == []
        assert (await app.queue.get_queue_properties()).approximate_message_count == 1


async def test_a_message_that_always_raises_is_buried_after_its_fifth_attempt(hosted: HostedApp) -> None:
    async with hosted() as app:
        await app.queue.send_message("fail")
        await until(lambda: bool(app.lines("bury")))
        assert [line["attempt"] for line in app.lines("work")] == [1, 2, 3, 4, 5]
        assert app.lines("bury") == [{"function": "bury", "body": "fail"}]
        assert (await app.queue.get_queue_properties()).approximate_message_count == 0


async def test_a_message_with_a_delay_is_not_waited_for(hosted: HostedApp) -> None:
    async with hosted() as app:
        await app.queue.send_message("later", visibility_timeout=3600)
        landing = await app.hop_to("2026-03-02T09:01:00Z")
        assert landing["quiet"] is True
        assert app.lines("work") == []


async def test_more_messages_than_a_batch_are_all_worked_off_in_one_hop(hosted: HostedApp) -> None:
    async with hosted(QueueSettings(base64=False, batch_size=4, new_batch_threshold=2)) as app:
        await asyncio.gather(*(app.queue.send_message(f"{number}") for number in range(40)))
        landing = await app.hop_to("2026-03-02T09:01:00Z")
        assert landing["quiet"] is True
        assert sorted(int(line["body"]) for line in app.lines("work")) == list(range(40))


async def test_base64_is_decoded_and_a_body_that_is_none_is_buried(hosted: HostedApp) -> None:
    async with hosted(QueueSettings(base64=True, max_dequeue_count=2)) as app:
        await app.queue.send_message(base64.b64encode("grüß".encode()).decode())
        await app.queue.send_message("not base64!")
        await until(lambda: bool(app.lines("work")))
        assert [line["body"] for line in app.lines("work")] == ["grüß"]

        async def emptied() -> bool:
            return not (await app.queue.get_queue_properties()).approximate_message_count

        await until(emptied)


async def test_a_lagging_pick_up_still_picks_up(hosted: HostedApp) -> None:
    async with hosted(laziness=Laziness(pickup_lag_seconds=(1, 10))) as app:
        await app.queue.send_message("hello")
        await until(lambda: bool(app.lines("work")))


async def test_an_app_scaled_to_zero_leaves_its_queue_alone_until_a_call_wakes_it(hosted: HostedApp) -> None:
    async with hosted(laziness=Laziness(scale_to_zero_after=timedelta(minutes=1))) as app:
        app.clock["now"] = "2026-03-02T09:02:00Z"
        await asyncio.sleep(0.6)
        await app.queue.send_message("hello")
        await asyncio.sleep(0.5)
        assert app.lines("work") == []
        async with app.http.get(f"{app.url}/api/echo/me") as answer:
            assert answer.status == 200
        await until(lambda: bool(app.lines("work")))


async def test_a_call_by_hand_gives_the_function_its_input(hosted: HostedApp) -> None:
    async with hosted() as app:
        async with app.http.post(f"{app.url}/admin/functions/work", json={"input": "by hand"}) as answer:
            assert answer.status == 202
        await until(lambda: bool(app.lines("work")))
        assert app.lines("work")[0]["body"] == "by hand"
