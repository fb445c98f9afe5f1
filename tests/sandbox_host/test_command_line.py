"""The host and the sandbox as commands: exit codes, what they print, and how soon they go."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from sandbox.__main__ import main as sandbox_main
from sandbox.child import ROOT, free_port
from tests.sandbox_host.conftest import until

WAITING_APP = """
import time
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("stuck")
def stuck(req: func.HttpRequest) -> str:
    open("entered", "w").close()
    time.sleep(60)
    return "late"
"""

BAD_SETTINGS_APP = """
class SettingsError(Exception):
    pass


class MissingSettings(SettingsError):
    pass


raise MissingSettings("these settings are missing: A, B")
"""


async def start_host(folder: Path, source: str, *options: str) -> asyncio.subprocess.Process:
    (folder / "an_app.py").write_text(source)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox.host", "--app", "an_app:app", *options),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=asyncio.subprocess.PIPE,
    )


async def test_wrong_settings_are_printed_once_without_a_traceback_and_exit_78(tmp_path: Path) -> None:
    host = await start_host(tmp_path, BAD_SETTINGS_APP)
    _, printed = await host.communicate()
    assert host.returncode == 78
    assert printed.decode() == "these settings are missing: A, B\n"


async def test_an_app_that_fails_to_load_shows_where_and_exits_1(tmp_path: Path) -> None:
    host = await start_host(tmp_path, "1 / 0")
    _, printed = await host.communicate()
    assert host.returncode == 1
    assert "ZeroDivisionError" in printed.decode()


async def test_a_stop_cuts_off_a_call_that_does_not_end_and_exits_0(tmp_path: Path) -> None:
    port = free_port()
    host = await start_host(tmp_path, WAITING_APP, "--port", str(port))
    async with aiohttp.ClientSession() as http:

        async def call() -> bool:
            try:
                async with http.get(f"http://127.0.0.1:{port}/api/stuck", timeout=aiohttp.ClientTimeout(total=0.5)):
                    return True
            except (aiohttp.ClientError, TimeoutError):
                return (tmp_path / "entered").exists()

        await until(call)
    host.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await host.wait() == 0


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as squatter:
        port = squatter.sockets[0].getsockname()[1]
        host = await start_host(tmp_path, WAITING_APP, "--port", str(port))
        _, printed = await host.communicate()
    assert host.returncode == 1
    assert f"port {port} cannot be listened on" in printed.decode()


@pytest.mark.parametrize(("name", "value"), [("SPEED", "fast"), ("PORT", "0"), ("START", "tomorrow"), ("SEED", "-1")])
def test_a_variable_that_cannot_be_read_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert sandbox_main(["--check-only"]) == 2
    assert f"{name}={value}" in capsys.readouterr().err


async def test_a_check_names_a_port_in_use_and_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as squatter:
        port = squatter.sockets[0].getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        assert sandbox_main(["--check-only"]) == 1
    assert f"port {port}, for the app, is in use: choose another with PORT=" in capsys.readouterr().err
