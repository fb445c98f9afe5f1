"""What reading and ending Bastion sessions promises: changes with ``ports.Azure.sessions`` and ``disconnect``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import HttpRequest

from lifecycle.cloud.endpoints import Origin
from lifecycle.cloud.sessions import LONGEST_READ_SECONDS, BastionSessions
from lifecycle.faults import AzureFault
from lifecycle.model import SessionSeen
from tests.cloud.ids import BASTION, VM

if TYPE_CHECKING:
    from lifecycle.cloud.arm import ArmAzure
    from tests.cloud.script import Script

ONE = {
    "sessionId": "1",
    "startTime": "2026-03-01T08:00:00.1234567Z",
    "targetResourceId": VM,
    "userName": "ada",
    "protocol": "SSH",
    "sessionDurationInMins": 4.2,
}
ADA = SessionSeen("1", "ada", "SSH", VM, datetime(2026, 3, 1, 8, 0, 0, 123456, UTC))
RESULT = "{root}/subscriptions/s/providers/Microsoft.Network/locations/x/operationResults/1"
OPERATION = "{root}/subscriptions/s/providers/Microsoft.Network/locations/x/operations/1"


@pytest.mark.parametrize("body", [{"value": [ONE]}, [ONE]], ids=["object", "bare-array"])
async def test_both_shapes_of_a_list_are_read(azure: ArmAzure, script: Script, body: Any) -> None:
    script.answer(200, body)
    assert await azure.sessions(BASTION) == (ADA,)
    (asked,) = script.asked
    assert (asked.method, asked.path) == ("POST", f"{BASTION}/getActiveSessions")


@pytest.mark.parametrize("body", [{"value": []}, []], ids=["object", "bare-array"])
async def test_an_empty_list_means_nobody(azure: ArmAzure, script: Script, body: Any) -> None:
    script.answer(200, body)
    assert await azure.sessions(BASTION) == ()


@pytest.mark.parametrize(
    "entry",
    [{"sessionId": "1"}, {"sessionId": "1", "userName": None, "startTime": "whenever", "targetResourceId": None}],
)
async def test_a_session_counts_whatever_else_is_missing(azure: ArmAzure, script: Script, entry: Any) -> None:
    script.answer(200, [entry])
    assert await azure.sessions(BASTION) == (SessionSeen("1", "", "", "", None),)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, None),
        (200, "null"),
        (200, "<html>hello</html>"),
        (200, {}),
        (200, {"value": None}),
        (200, {"value": "x"}),
        (200, ["1"]),
        (200, [{"userName": "ada"}]),
        (200, [{"sessionId": ""}]),
        (200, [{"sessionId": 1}]),
        (202, None),
        (204, None),
        (404, {"error": {"code": "ResourceNotFound"}}),
        (429, {"error": {"code": "TooManyRequests"}}),
        (500, "<html>no</html>"),
    ],
)
async def test_anything_else_means_nobody_knows(azure: ArmAzure, script: Script, status: int, body: Any) -> None:
    script.answer(status, body)
    with pytest.raises(AzureFault):
        await azure.sessions(BASTION)


async def test_a_location_is_followed_to_the_list(azure: ArmAzure, script: Script) -> None:
    script.answer(202, None, Location=RESULT)
    script.answer(202, None, Location=RESULT + "?again")
    script.answer(200, [ONE])
    assert await azure.sessions(BASTION) == (ADA,)
    assert [asked.method for asked in script.asked] == ["POST", "GET", "GET"]


async def test_an_operation_is_asked_before_its_result_is_taken(azure: ArmAzure, script: Script) -> None:
    script.answer(202, None, Location=RESULT, Azure_AsyncOperation=OPERATION)
    script.answer(200, {"status": "InProgress"})
    script.answer(200, {"status": "Succeeded"})
    script.answer(200, {"value": [ONE]})
    assert await azure.sessions(BASTION) == (ADA,)
    assert [asked.path.split("/")[-2] for asked in script.asked[1:]] == ["operations", "operations", "operationResults"]


async def test_an_operation_that_fails_means_nobody_knows(azure: ArmAzure, script: Script) -> None:
    script.answer(202, None, Location=RESULT, Azure_AsyncOperation=OPERATION)
    script.answer(200, {"status": "Failed", "error": {"code": "InternalServerError", "message": "m"}})
    with pytest.raises(AzureFault, match="InternalServerError"):
        await azure.sessions(BASTION)


@pytest.mark.parametrize("header", ["Location", "Azure_AsyncOperation"])
async def test_our_bearer_does_not_follow_an_answer_elsewhere(azure: ArmAzure, script: Script, header: str) -> None:
    script.answer(202, None, **{header: "https://evil.example/1"})
    with pytest.raises(AzureFault):
        await azure.sessions(BASTION)
    assert len(script.asked) == 1


async def test_a_list_in_pages_is_read_whole(azure: ArmAzure, script: Script) -> None:
    script.answer(200, {"value": [ONE], "nextLink": script.root + "/more"})
    script.answer(200, {"value": [{"sessionId": "2"}]})
    assert [seen.session_id for seen in await azure.sessions(BASTION)] == ["1", "2"]


async def test_a_list_without_end_means_nobody_knows(azure: ArmAzure, script: Script) -> None:
    script.answer(200, {"value": [ONE], "nextLink": script.root + "/more"})
    with pytest.raises(AzureFault):
        await azure.sessions(BASTION)


async def test_an_answer_that_never_comes_is_given_up(script: Script) -> None:
    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    script.answer(202, None, Location=RESULT)
    async with AioHttpTransport() as transport:

        async def send(request: HttpRequest, **options: Any) -> Any:
            del options
            return await transport.send(request)

        reading = BastionSessions(script.root + BASTION, send, Origin.of(script.root), pause)
        with pytest.raises(AzureFault, match="no answer within"):
            await reading.read()
    assert 8 < sum(waited) <= LONGEST_READ_SECONDS
    assert waited[:2] == [0.0, 0.2]
    assert max(waited) == 1.0


async def test_sessions_are_ended_by_their_ids(azure: ArmAzure, script: Script) -> None:
    script.answer(
        200, {"value": [{"sessionId": "1", "state": "Disconnected"}, {"sessionId": "2", "state": "NotFound"}]}
    )
    await azure.disconnect(BASTION, ["1", "2"])
    (asked,) = script.asked
    assert (asked.path, asked.body) == (f"{BASTION}/disconnectActiveSessions", {"sessionIds": ["1", "2"]})


@pytest.mark.parametrize("body", [{"value": [{"sessionId": "1", "state": "Failed"}]}, {"value": []}, None, "null"])
async def test_a_session_that_is_not_said_to_have_ended_is_a_fault(azure: ArmAzure, script: Script, body: Any) -> None:
    script.answer(200, body)
    with pytest.raises(AzureFault):
        await azure.disconnect(BASTION, ["1"])
