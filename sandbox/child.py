"""One child process of the sandbox: started in a group of its own, watched, and never left behind."""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

import aiohttp

_PR_SET_PDEATHSIG: Final = 1
# The project: where the app and the sandbox are imported from.
ROOT: Final = Path(__file__).resolve().parent.parent
_LOOK_SECONDS: Final = 0.05
_PORTS: Final = 65536
_PROBE: Final = aiohttp.ClientTimeout(total=2)


class CannotStart(Exception):
    """A part of the sandbox did not come up; the message is for the person at the terminal."""


class Child:
    """A process that dies with its parent.

    It leads its own process group, so that Ctrl-C reaches only the supervisor, which then stops its children in
    order. On Linux the kernel also tells it to stop when the supervisor dies without a word.
    """

    def __init__(
        self, label: str, command: Sequence[str], environment: Mapping[str, str], log: IO[bytes] | None
    ) -> None:
        """Describe the process; `log` takes what it prints, None lets it print to the terminal."""
        self.label = label
        self._command = command
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process id of the process started last. Raises CannotStart before the first start."""
        if self._process is None:
            raise CannotStart(f"{self.label} was not started")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs or before it was started."""
        return self._process.returncode if self._process is not None else None

    async def start(self) -> None:
        """Start the process. Raises CannotStart when the program is missing."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=dict(self._environment),
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
                preexec_fn=_dies_with(os.getpid()),
            )
        except FileNotFoundError as error:
            raise CannotStart(f"{self.label}: {self._command[0]} is not installed") from error

    async def until_exit(self) -> int:
        """Wait for the end of the process started last; give its exit code."""
        return await self._process.wait() if self._process is not None else 0

    async def until_ready(self, probe: Callable[[], Awaitable[bool]], limit_seconds: float) -> None:
        """Wait until the probe says yes. Raises CannotStart when the process ends first or time runs out."""
        deadline = asyncio.get_running_loop().time() + limit_seconds
        while not await probe():
            if self.exit_code is not None:
                raise CannotStart(f"{self.label} ended with exit code {self.exit_code} while starting")
            if asyncio.get_running_loop().time() > deadline:
                raise CannotStart(f"{self.label} is not ready after {limit_seconds:.0f} s")
            await asyncio.sleep(_LOOK_SECONDS)

    def kill(self) -> None:
        """Kill the process as `kill -9` would, without a chance to tidy up."""
        _signal_group(self.pid, signal.SIGKILL)

    async def stop(self, grace_seconds: float = 6.0) -> None:
        """Ask the whole group to end, and kill what does not within the grace."""
        process = self._process
        if process is None:
            return
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await process.wait()
        # What the process itself started may outlive it.
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()


def free_port(neighbours: int = 0) -> int:
    """Find a free port on loopback that is followed by that many more free ones.

    It is free when asked; nothing keeps it until it is listened on.
    """
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port + neighbours < _PORTS and all(is_free(port + offset) for offset in range(neighbours + 1)):
            return port


def is_free(port: int) -> bool:
    """Tell whether a port on loopback can be listened on."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections linger counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def answers(url: str, *, only_ok: bool = True) -> Callable[[], Awaitable[bool]]:
    """Make a probe that says yes when a GET is answered: with 200, or with anything at all."""

    async def probe() -> bool:
        try:
            async with aiohttp.ClientSession(timeout=_PROBE) as session, session.get(url) as response:
                return response.ok or not only_ok
        except (aiohttp.ClientError, TimeoutError):
            return False

    return probe


def _signal_group(leader: int, number: signal.Signals) -> None:
    # Gone already, or (as macOS puts it) not ours any more.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _dies_with(parent: int) -> Callable[[], None] | None:
    """Make the child ask the kernel for a SIGTERM at its parent's death; only Linux has such a call."""
    if not sys.platform.startswith("linux"):
        return None
    # Loaded before the fork: between fork and exec little may be done.
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the kernel was asked
            os.kill(os.getpid(), signal.SIGTERM)

    return ask
