"""What the ARM adapter promises, against an ARM that answers as told: changes with ``ports.Azure``."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lifecycle.cloud.arm_operations import LARGEST_TOKEN_BYTES, packed, unpacked
from lifecycle.faults import AzureFault, Meaning, Overdue
from lifecycle.model import Kind, Verb
from lifecycle.ports import Accepted
from tests.cloud.conftest import SUBSCRIPTION
from tests.cloud.ids import BASTION, VM, id_of

if TYPE_CHECKING:
    from lifecycle.cloud.arm import ArmAzure
    from lifecycle.ports import Body
    from tests.cloud.conftest import RealClock
    from tests.cloud.script import Script

OPERATION = "{root}/subscriptions/s/providers/Microsoft.Network/locations/x/operations/1?t=1&c=2&s=SIGNATURE&h=3"
PLACED = {"location": "x", "properties": {"provisioningState": "Updating"}}
RUNNING = {"status": "InProgress"}
SUCCEEDED = {"status": "Succeeded"}


async def begun(azure: ArmAzure, script: Script, verb: Verb = Verb.PUT, **headers: str) -> Accepted:
    status, body = (201, PLACED) if verb is Verb.PUT else (202, None)
    script.answer(status, body, **{"Azure_AsyncOperation": OPERATION, **headers})
    script.answers = script.answers[-1:]
    accepted = await azure.begin(verb, Kind.BASTION, BASTION, {"location": "x"}, 0)
    script.answers = []
    return accepted


async def token_of(azure: ArmAzure, script: Script) -> str:
    token = (await begun(azure, script)).token
    assert token is not None
    return token


@pytest.mark.parametrize("kind", Kind)
async def test_every_kind_is_looked_at_by_its_own_address(azure: ArmAzure, script: Script, kind: Kind) -> None:
    script.answer(200, {"id": id_of(kind), "properties": {"unknownToTheSdk": [1]}})
    assert await azure.look(kind, id_of(kind)) == {"id": id_of(kind), "properties": {"unknownToTheSdk": [1]}}
    (asked,) = script.asked
    assert (asked.method, asked.path) == ("GET", id_of(kind))
    assert asked.query.get("$expand") == ("instanceView" if kind is Kind.VM else None)
    assert asked.headers["authorization"] == "Bearer a-bearer"
    assert asked.headers["user-agent"].startswith("jumpbox-lifecycle/")
    assert asked.headers["x-ms-client-request-id"]


@pytest.mark.parametrize("kind", Kind)
async def test_every_kind_is_placed_and_deleted_by_its_own_address(azure: ArmAzure, script: Script, kind: Kind) -> None:
    body = {"location": "x", "tags": {"managed-by": "us"}, "properties": {"made": "up"}}
    script.answer(200, body)
    await azure.begin(Verb.PUT, kind, id_of(kind), body, 0)
    script.answers = []
    script.answer(204)
    assert await azure.begin(Verb.DELETE, kind, id_of(kind), None, 0) == Accepted(None)
    put, delete = script.asked
    assert (put.method, put.path, put.body) == ("PUT", id_of(kind), body)
    assert (delete.method, delete.path, delete.body) == ("DELETE", id_of(kind), None)


@pytest.mark.parametrize("kind", Kind)
async def test_a_look_asks_for_the_version_that_the_sdk_writes(azure: ArmAzure, script: Script, kind: Kind) -> None:
    script.answer(200, {"location": "x"})
    await azure.look(kind, id_of(kind))
    await azure.begin(Verb.PUT, kind, id_of(kind), {"location": "x"}, 0)
    looked, written = script.asked
    assert looked.query["api-version"] == written.query["api-version"]


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.PEERING])
async def test_every_kind_but_a_networks_child_can_be_tagged(azure: ArmAzure, script: Script, kind: Kind) -> None:
    script.answer(200, {"tags": {"a": "b"}})
    assert (await azure.begin(Verb.TAG, kind, id_of(kind), {"tags": {"a": "b"}}, 0)).token is None
    (asked,) = script.asked
    assert (asked.method, asked.path, asked.body) == ("PATCH", id_of(kind), {"tags": {"a": "b"}})


@pytest.mark.parametrize("kind", [Kind.BASTION, Kind.VNET])
async def test_a_hub_that_is_not_ours_is_read_where_it_is_and_never_written(
    azure: ArmAzure, script: Script, kind: Kind
) -> None:
    elsewhere = id_of(kind, "platform").replace(SUBSCRIPTION, "99999999-0000-0000-0000-000000000009")
    script.answer(200, {"id": elsewhere})
    assert await azure.look(kind, elsewhere) == {"id": elsewhere}
    assert [(asked.method, asked.path) for asked in script.asked] == [("GET", elsewhere)]
    for verb in (Verb.PUT, Verb.TAG, Verb.DELETE):
        with pytest.raises(ValueError, match="not the id"):
            await azure.begin(verb, kind, elsewhere, {}, 0)
    assert len(script.asked) == 1


async def test_nothing_but_a_hub_is_looked_at_outside_the_group(azure: ArmAzure, script: Script) -> None:
    for kind in set(Kind) - {Kind.BASTION, Kind.VNET}:
        with pytest.raises(ValueError, match="not the id"):
            await azure.look(kind, id_of(kind, "platform"))
    assert script.asked == []


async def test_the_sessions_of_a_hub_that_is_not_ours_are_read_and_never_ended(azure: ArmAzure, script: Script) -> None:
    elsewhere = id_of(Kind.BASTION, "platform")
    script.answer(200, {"value": []})
    assert await azure.sessions(elsewhere) == ()
    with pytest.raises(ValueError, match="not the id"):
        await azure.disconnect(elsewhere, ["s1"])


@pytest.mark.parametrize(("verb", "action"), [(Verb.START, "start"), (Verb.DEALLOCATE, "deallocate")])
async def test_a_machine_is_started_and_deallocated_by_post(
    azure: ArmAzure, script: Script, verb: Verb, action: str
) -> None:
    script.answer(202, None, Azure_AsyncOperation=OPERATION, Location=OPERATION)
    assert (await azure.begin(verb, Kind.VM, VM, None, 0)).token is not None
    assert [(asked.method, asked.path) for asked in script.asked] == [("POST", f"{VM}/{action}")]


@pytest.mark.parametrize("code", ["ResourceNotFound", "NotFound", "ParentResourceNotFound", "ResourceGroupNotFound"])
async def test_what_arm_says_is_not_there_is_none_and_needs_no_deleting(
    azure: ArmAzure, script: Script, code: str
) -> None:
    script.answer(404, {"error": {"code": code, "message": "no"}})
    assert await azure.look(Kind.VM, VM) is None
    assert await azure.begin(Verb.DELETE, Kind.VM, VM, None, 0) == Accepted(None)


@pytest.mark.parametrize("body", ["<html>no such page</html>", None, {"error": {"code": "InvalidResourceType"}}])
async def test_a_404_that_is_not_arms_own_proves_nothing(azure: ArmAzure, script: Script, body: Any) -> None:
    script.answer(404, body)
    with pytest.raises(AzureFault):
        await azure.look(Kind.VM, VM)
    with pytest.raises(AzureFault):
        await azure.begin(Verb.DELETE, Kind.VM, VM, None, 0)


@pytest.mark.parametrize("body", ["<html>hello</html>", [], "null", None, 17])
async def test_a_look_that_shows_no_resource_is_a_fault(azure: ArmAzure, script: Script, body: Any) -> None:
    script.answer(200, body)
    with pytest.raises(AzureFault):
        await azure.look(Kind.BASTION, BASTION)


async def test_beginning_polls_nothing_and_gives_a_token(azure: ArmAzure, script: Script) -> None:
    assert (await begun(azure, script)).token
    assert [asked.method for asked in script.asked] == ["PUT"]


@pytest.mark.parametrize(
    ("retry_after", "date", "wait"),
    [
        ("17", "", 17),
        ("0", "", None),
        ("-3", "", None),
        ("soon", "", None),
        ("Sun, 01 Mar 2026 08:01:30 GMT", "Sun, 01 Mar 2026 08:00:00 GMT", 90),
        ("Sun, 01 Mar 2026 07:00:00 GMT", "Sun, 01 Mar 2026 08:00:00 GMT", None),
    ],
)
@pytest.mark.parametrize("verb", [Verb.PUT, Verb.DELETE])
async def test_the_services_wish_to_be_left_alone_is_read_in_both_forms(
    azure: ArmAzure, script: Script, retry_after: str, date: str, wait: int | None, verb: Verb
) -> None:
    wished = None if wait is None else timedelta(seconds=wait)
    dated = {"Date": date} if date else {}
    accepted = await begun(azure, script, verb, Retry_After=retry_after, **dated)
    assert accepted.token is not None
    assert accepted.wait == wished
    script.answer(200, RUNNING, Retry_After=retry_after, **dated)
    assert (await azure.poll(verb, Kind.BASTION, BASTION, accepted.token)).wait == wished


async def test_one_poll_is_one_question(azure: ArmAzure, script: Script) -> None:
    token = await token_of(azure, script)
    script.answer(200, RUNNING)
    script.answer(200, SUCCEEDED)
    assert (await azure.poll(Verb.PUT, Kind.BASTION, BASTION, token)).running
    progress = await azure.poll(Verb.PUT, Kind.BASTION, BASTION, token)
    assert (progress.running, progress.fault) == (False, None)
    assert [asked.method for asked in script.asked] == ["PUT", "GET", "GET"]
    assert script.asked[-1].query["s"] == "SIGNATURE"


async def test_a_token_outlives_the_adapter_that_got_it(azure: ArmAzure, script: Script) -> None:
    token = await token_of(azure, script)
    await azure.close()
    script.answer(200, SUCCEEDED)
    assert not (await azure.poll(Verb.PUT, Kind.BASTION, BASTION, token)).running


@pytest.mark.parametrize(
    ("body", "code", "meaning"),
    [
        ({"status": "Failed", "error": {"code": "SkuNotAvailable", "message": "m"}}, "SkuNotAvailable", "capacity"),
        (
            {"status": "Canceled", "error": {"code": "CanceledAndSupersededDueToAnotherOperation"}},
            "CanceledAndSupersededDueToAnotherOperation",
            "busy",
        ),
        ({"status": "Failed"}, "OperationFailed", "retry"),
        ({"status": "canceled"}, "OperationCanceled", "retry"),
    ],
)
async def test_an_operation_that_ends_badly_says_why(
    azure: ArmAzure, script: Script, body: Any, code: str, meaning: str
) -> None:
    token = await token_of(azure, script)
    script.answer(200, body)
    progress = await azure.poll(Verb.PUT, Kind.BASTION, BASTION, token)
    assert not progress.running
    assert progress.fault is not None
    assert (progress.fault.code, progress.fault.meaning.value) == (code, meaning)


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, None), (410, "gone"), (404, {"error": {"code": "NotFound"}}), (400, {"code": "OperationIdNotFound"})],
)
async def test_a_forgotten_operation_is_lost(azure: ArmAzure, script: Script, status: int, body: Any) -> None:
    token = await token_of(azure, script)
    script.answer(status, body)
    progress = await azure.poll(Verb.PUT, Kind.BASTION, BASTION, token)
    assert progress.fault is not None
    assert (progress.running, progress.fault.meaning) == (False, Meaning.LOST)


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (503, "<html>busy</html>", Meaning.RETRY),
        (429, {"error": {"code": "TooManyRequests"}}, Meaning.RETRY),
        (401, {"error": {"code": "ExpiredAuthenticationToken"}}, Meaning.TOKEN),
        (200, "<html>hello</html>", Meaning.RETRY),
        (200, None, Meaning.RETRY),
        (200, {}, Meaning.RETRY),
    ],
)
async def test_a_poll_that_goes_wrong_does_not_end_the_operation(
    azure: ArmAzure, script: Script, status: int, body: Any, meaning: Meaning
) -> None:
    token = await token_of(azure, script)
    script.answer(status, body)
    with pytest.raises(AzureFault) as refusal:
        await azure.poll(Verb.PUT, Kind.BASTION, BASTION, token)
    assert refusal.value.fault.meaning is meaning


@pytest.mark.parametrize(("verb", "kind"), [(Verb.PUT, Kind.SHUTDOWN), (Verb.TAG, Kind.VNET)])
async def test_a_call_that_ends_at_once_has_nothing_to_follow(
    azure: ArmAzure, script: Script, verb: Verb, kind: Kind
) -> None:
    progress = await azure.poll(verb, kind, id_of(kind), "e30=")
    assert progress.fault is not None
    assert (progress.running, progress.fault.meaning) == (False, Meaning.LOST)
    assert script.asked == []


def moved(token: str, url: str, where: str) -> str:
    state = json.loads(base64.b64decode(unpacked(token)))
    if where == "request":
        state["data"]["request"]["url"] = url
    else:
        state["data"]["response"]["headers"][where] = url
    return packed(base64.b64encode(json.dumps(state).encode()).decode())


@pytest.mark.parametrize("where", ["request", "azure-asyncoperation", "AZURE-AsyncOperation", "Location"])
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/operations/1",
        "https://management.azure.com/operations/1",
        "http://127.0.0.1:1/operations/1",
        "{root}@evil.example/operations/1",
        "{root}\\@evil.example/",
        "{root}.evil.example/operations/1",
        "//evil.example/operations/1",
        "/operations/1",
        "file:///etc/passwd",
        "",
        17,
    ],
)
async def test_a_token_that_leads_elsewhere_is_lost_and_our_bearer_stays_here(
    azure: ArmAzure, script: Script, url: Any, where: str
) -> None:
    token = await token_of(azure, script)
    address = url.replace("{root}", script.root) if isinstance(url, str) else url
    progress = await azure.poll(Verb.PUT, Kind.BASTION, BASTION, moved(token, address, where))
    assert progress.fault is not None
    assert (progress.running, progress.fault.meaning) == (False, Meaning.LOST)
    assert len(script.asked) == 1


@pytest.mark.parametrize("tampering", ["", "x", "ÿ", "e30=", "bnVsbA==", "W10=", "gAWVBQA=", "cut", "version"])
async def test_a_token_that_cannot_be_read_is_lost(azure: ArmAzure, script: Script, tampering: str) -> None:
    token = await token_of(azure, script)
    state = json.loads(base64.b64decode(unpacked(token)))
    aged = packed(base64.b64encode(json.dumps({**state, "version": 99}).encode()).decode())
    broken = {"cut": token[: len(token) // 2], "version": aged}.get(tampering, tampering)
    progress = await azure.poll(Verb.PUT, Kind.BASTION, BASTION, broken)
    assert progress.fault is not None
    assert (progress.running, progress.fault.meaning) == (False, Meaning.LOST)


@pytest.mark.parametrize("verb", [Verb.PUT, Verb.DELETE, Verb.TAG, Verb.START, Verb.DEALLOCATE])
async def test_a_mutation_is_sent_until_its_claim_is_thirty_seconds_old_and_never_later(
    azure: ArmAzure, script: Script, clock: RealClock, verb: Verb
) -> None:
    script.answer(202, None, Location="{root}/there")
    body: Body | None = {"tags": {}} if verb in (Verb.PUT, Verb.TAG) else None
    with pytest.raises(Overdue):
        await azure.begin(verb, Kind.VM, VM, body, 30.1)
    clock.step = 31
    with pytest.raises(Overdue):
        await azure.begin(verb, Kind.VM, VM, body, 0)
    assert script.asked == []
    clock.step = 29
    script.answers = []
    script.answer(200, PLACED)
    await azure.begin(Verb.PUT, Kind.VM, VM, {"location": "x"}, 1)
    assert len(script.asked) == 1


async def test_a_schedule_is_subject_to_its_claim_too(azure: ArmAzure, script: Script) -> None:
    script.answer(200, {})
    with pytest.raises(Overdue):
        await azure.begin(Verb.PUT, Kind.SHUTDOWN, id_of(Kind.SHUTDOWN), {}, 31)
    assert script.asked == []


async def test_nothing_is_sent_again_by_itself(azure: ArmAzure, script: Script) -> None:
    script.answer(503, "<html>busy</html>", Retry_After="1")
    with pytest.raises(AzureFault):
        await azure.look(Kind.VM, VM)
    with pytest.raises(AzureFault) as refusal:
        await azure.begin(Verb.PUT, Kind.VM, VM, {"location": "x"}, 0)
    assert len(script.asked) == 2
    assert refusal.value.fault.retry_after == timedelta(seconds=1)


async def test_a_schedule_that_is_refused_is_a_fault(azure: ArmAzure, script: Script) -> None:
    script.answer(409, {"error": {"code": "MissingSubscriptionRegistration", "message": "m"}})
    with pytest.raises(AzureFault) as refusal:
        await azure.begin(Verb.PUT, Kind.SHUTDOWN, id_of(Kind.SHUTDOWN), {}, 0)
    assert refusal.value.fault.meaning is Meaning.OPERATOR


async def test_no_resource_provider_is_registered_on_the_side(azure: ArmAzure, script: Script) -> None:
    script.answer(409, {"error": {"code": "MissingSubscriptionRegistration", "message": "m"}})
    with pytest.raises(AzureFault):
        await azure.begin(Verb.PUT, Kind.VM, VM, {"location": "x"}, 0)
    assert len(script.asked) == 1


async def test_no_redirect_is_followed(azure: ArmAzure, script: Script) -> None:
    script.answer(307, None, Location="{root}/elsewhere")
    with pytest.raises(AzureFault):
        await azure.look(Kind.VM, VM)
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    "arm_id",
    [
        id_of(Kind.VM, group="somebody-elses"),
        BASTION,
        VM + "/extensions/x",
        VM.rpartition("/")[0],
        VM[1:],
        VM + "?api-version=1",
        VM.rpartition("/")[0] + "/..",
        "/subscriptions/other" + VM[len("/subscriptions/00000000-0000-0000-0000-000000000001") :],
        "",
    ],
)
async def test_an_id_of_another_kind_or_group_is_never_asked_for(azure: ArmAzure, script: Script, arm_id: str) -> None:
    with pytest.raises(ValueError, match="not the id"):
        await azure.begin(Verb.DELETE, Kind.VM, arm_id, None, 0)
    assert script.asked == []


async def test_an_id_may_be_written_in_any_case(azure: ArmAzure, script: Script) -> None:
    script.answer(204)
    assert await azure.begin(Verb.DELETE, Kind.VM, VM.replace("resourceGroups", "resourcegroups"), None, 0)
    assert len(script.asked) == 1


async def test_a_silent_arm_is_a_fault_to_retry(azure: ArmAzure, script: Script) -> None:
    script.root = ""
    silent = type(azure)("http://127.0.0.1:1", "s", "g", "a-bearer")
    with pytest.raises(AzureFault) as refusal:
        await silent.look(Kind.VM, "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v")
    await silent.close()
    assert refusal.value.fault.meaning is Meaning.RETRY


async def test_no_fault_quotes_a_signature(azure: ArmAzure, script: Script) -> None:
    secret = "https://management.azure.com/operations/1?t=1&s=SIGNATURE"
    script.answer(409, {"error": {"code": "AnotherOperationInProgress", "message": f"use uri: {secret}."}})
    with pytest.raises(AzureFault) as refusal:
        await azure.begin(Verb.PUT, Kind.VM, VM, {"location": "x"}, 0)
    assert refusal.value.fault.meaning is Meaning.BUSY
    assert "SIGNATURE" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


@pytest.mark.parametrize("endpoint", ["http://management.azure.com", "http://10.0.0.4:7081", "ftp://127.0.0.1", "x"])
async def test_clear_text_is_for_this_machine_only(endpoint: str) -> None:
    from lifecycle.cloud.arm import ArmAzure

    with pytest.raises(ValueError, match="ARM endpoint"):
        ArmAzure(endpoint, "s", "g", "a-bearer")


async def test_a_fixed_bearer_is_for_this_machine_only() -> None:
    from lifecycle.cloud.arm import PUBLIC_CLOUD, ArmAzure

    with pytest.raises(ValueError, match="this machine"):
        ArmAzure(PUBLIC_CLOUD, "s", "g", "a-bearer")


def test_a_token_as_large_as_a_security_groups_fits_a_column_when_packed() -> None:
    answer = {"data": {"response": {"content": "rule " * 6000, "headers": {"azure-asyncoperation": "x" * 3200}}}}
    token = base64.b64encode(json.dumps(answer).encode()).decode()
    assert len(token) > 32_768 > len(packed(token))
    assert unpacked(packed(token)) == token


def test_what_would_unpack_to_far_too_much_is_no_token() -> None:
    bomb = packed(base64.b64encode(b"0" * (LARGEST_TOKEN_BYTES + 1)).decode())
    with pytest.raises(ValueError, match="too large"):
        unpacked(bomb)
