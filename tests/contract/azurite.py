"""A real Azurite for one test session: changes when the way to start it does."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).parents[2] / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_STARTS_WITHIN = 30.0


def missing() -> str | None:
    """Say what Azurite lacks here, None where it can be started."""
    if shutil.which("node") is None:
        return "node is not installed"
    return None if SCRIPT.exists() else "node_modules is missing: npm ci"


@contextmanager
def running(folder: Path, *, on_disk: bool = False) -> Iterator[str]:
    """Run Azurite on free ports; gives its connection string, and stops it in the end.

    In memory it now and then loses a message that is sent while it collects its garbage, which it does every minute:
    who counts messages for longer has it keep them in ``folder``.
    """
    ports = _free_ports(3)
    names = ("blob", "queue", "table")
    command = ["node", str(SCRIPT), "--skipApiVersionCheck", "--silent", "--disableTelemetry"]
    command += ["--location", str(folder)] if on_disk else ["--inMemoryPersistence"]
    for name, port in zip(names, ports, strict=True):
        command += [f"--{name}Host", "127.0.0.1", f"--{name}Port", str(port)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        for port in ports:
            _await_port(port, process)
        addresses = ";".join(
            f"{name.title()}Endpoint=http://127.0.0.1:{port}/devstoreaccount1"
            for name, port in zip(names, ports, strict=True)
        )
        yield f"AccountName=devstoreaccount1;AccountKey={_KEY};{addresses}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_ports(how_many: int) -> list[int]:
    with ExitStack() as sockets:
        opened = [sockets.enter_context(socket.socket()) for _ in range(how_many)]
        for each in opened:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in opened]


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"Azurite ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("Azurite does not listen")
