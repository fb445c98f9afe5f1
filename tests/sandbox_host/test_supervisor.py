"""The sandbox as real processes: it comes up, mends its app, says what is wrong, and leaves nothing behind."""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from azure.storage.queue.aio import QueueClient

from sandbox import azurite
from sandbox.child import ROOT, free_port
from sandbox.supervisor import BAD_SETTINGS, Over, Ports, Recipe, Sandbox, working_morning
from tests.sandbox_host.conftest import until


@pytest.fixture(autouse=True)
def _needs_azurite(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("sandbox") and not azurite.installed():
        pytest.skip("Azurite is not installed: make node_modules/.stamp")


def recipe(folder: Path, **settings: str) -> Recipe:
    (folder / "host.json").write_text(json.dumps({"extensions": {"queues": {"messageEncoding": "none"}}}))
    (folder / "sample.json").write_text(json.dumps({"Values": {"NIGHTLY_SCHEDULE": "0 30 2 * * *", "OTHER": "sample"}}))
    return Recipe(
        app="tests.sandbox_host.sample_app:app",
        host_json=folder / "host.json",
        sample_settings=folder / "sample.json",
        due_source=None,
        simulator=("-m", "tests.sandbox_host.stand_in_clock"),
        settings={"WORK_QUEUE": "work", "SAMPLE_JOURNAL": str(folder / "journal"), **settings},
    )


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie is no longer a process that does anything; whoever adopted it has yet to notice.
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.sandbox
async def test_a_killed_app_is_started_again_and_what_was_queued_is_not_lost(tmp_path: Path) -> None:
    async with Sandbox(speed=60, recipe=recipe(tmp_path), directory=tmp_path) as sandbox:
        first = sandbox.app_pid
        sandbox.kill_app()
        async with QueueClient.from_connection_string(sandbox.connection_string, "work") as queue:
            await queue.send_message("sent while the app was dead")
        await sandbox.until_app_is_back(first)
        second = sandbox.app_pid
        assert second != first
        journal = tmp_path / "journal"
        await until(lambda: journal.exists() and "while the app was dead" in journal.read_text())
        await sandbox.restart_app()
        assert sandbox.app_pid not in {first, second}
        pids = [sandbox.app_pid, first, second]
    assert not any(is_alive(pid) for pid in pids)


@pytest.mark.sandbox
async def test_settings_that_no_restart_mends_end_the_sandbox_with_their_own_message(tmp_path: Path) -> None:
    broken = recipe(tmp_path)
    (tmp_path / "sample.json").write_text("{}")
    with pytest.raises(Over) as over:
        async with Sandbox(recipe=broken, directory=tmp_path):
            pytest.fail("it started")
    assert over.value.exit_code == BAD_SETTINGS
    assert "nightly: the setting NIGHTLY_SCHEDULE has no value" in str(over.value)
    assert "Traceback" not in str(over.value)


@pytest.mark.sandbox
async def test_a_port_in_use_is_named_with_the_variable_that_moves_it(tmp_path: Path) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        ports = Ports(app=free_port(), arm=taken, azurite=free_port(neighbours=2))
        with pytest.raises(Over, match=f"port {taken}, for the Azure simulator, is in use.*ARM_PORT="):
            async with Sandbox(recipe=recipe(tmp_path), ports=ports, directory=tmp_path):
                pytest.fail("it started")


@pytest.mark.sandbox
async def test_azure_answers_over_https_too_when_a_port_is_given_for_it(tmp_path: Path) -> None:
    ports = Ports(app=free_port(), arm=free_port(), azurite=free_port(neighbours=2), arm_tls=free_port())
    real = replace(recipe(tmp_path), simulator=("-m", "sandbox.arm"))
    async with Sandbox(recipe=real, ports=ports, directory=tmp_path) as sandbox:
        trusting = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(sandbox.authority)))
        url = f"{sandbox.arm_tls_url}/sandbox/health"
        async with aiohttp.ClientSession(connector=trusting) as http, http.get(url) as answer:
            assert (await answer.json())["status"] == "ok"
        assert any("ARM_TLS_PORT=" in each for each in ports.in_use())


@pytest.mark.sandbox
async def test_a_part_that_dies_ends_the_sandbox_but_storage_may_be_restarted(tmp_path: Path) -> None:
    disk = tmp_path / "azurite"
    async with Sandbox(recipe=recipe(tmp_path), directory=tmp_path, azurite_location=disk) as sandbox:
        before = sandbox.azurite_pid
        async with QueueClient.from_connection_string(sandbox.connection_string, "kept") as queue:
            await queue.create_queue()
            await queue.send_message("on the disk")
            await sandbox.restart_azurite()
            assert [message.content for message in await queue.peek_messages()] == ["on the disk"]
        assert sandbox.azurite_pid != before
        async with aiohttp.ClientSession() as http, http.get(f"{sandbox.arm_url}/sandbox/clock") as answer:
            assert (await answer.json())["speed"] == 60
        os.kill(sandbox.arm_pid, signal.SIGKILL)
        with pytest.raises(Over, match="the Azure simulator ended"):
            await sandbox.until_over()


SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from sandbox.supervisor import Sandbox
from tests.sandbox_host.test_supervisor import recipe

async def main() -> None:
    folder = Path(sys.argv[1])
    async with Sandbox(recipe=recipe(folder), directory=folder) as sandbox:
        print(sandbox.app_pid, sandbox.arm_pid, sandbox.azurite_pid, flush=True)
        await sandbox.until_over()

asyncio.run(main())
"""


@pytest.mark.sandbox
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
async def test_nothing_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUPERVISOR, str(tmp_path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert supervisor.stdout is not None
    pids = [int(word) for word in (await supervisor.stdout.readline()).split()]
    assert len(pids) == 3
    assert all(is_alive(pid) for pid in pids)
    supervisor.kill()
    await supervisor.wait()
    await until(lambda: not any(is_alive(pid) for pid in pids))


@pytest.mark.parametrize(
    ("now", "morning"),
    [
        ("2026-03-02T23:59:00Z", "2026-03-02T09:00:00Z"),
        ("2026-03-06T01:00:00Z", "2026-03-06T09:00:00Z"),
        ("2026-03-07T08:00:00Z", "2026-03-09T09:00:00Z"),
        ("2026-03-08T20:00:00Z", "2026-03-09T09:00:00Z"),
    ],
)
def test_a_newcomer_begins_on_a_working_morning(now: str, morning: str) -> None:
    assert working_morning(datetime.fromisoformat(now)) == datetime.fromisoformat(morning)


def test_the_apps_settings_come_from_the_sample_below_the_environment_below_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER", "mine")
    monkeypatch.setenv("ARM_ENDPOINT", "https://management.azure.com")
    sandbox = Sandbox(recipe=recipe(tmp_path), directory=tmp_path, start=datetime(2026, 3, 2, tzinfo=UTC))
    environment = sandbox.app_environment()
    assert environment["OTHER"] == "mine"
    assert environment["NIGHTLY_SCHEDULE"] == "0 30 2 * * *"
    assert environment["ARM_ENDPOINT"] == sandbox.arm_url
    assert environment["WEBSITE_AUTH_ENABLED"] == "true"
