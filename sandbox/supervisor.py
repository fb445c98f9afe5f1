"""The sandbox as a whole: storage, the Azure simulator and the app, started together, watched, stopped together.

Tests and the demo use it as `async with Sandbox(...) as sandbox:`; `python -m sandbox` runs the very same class.
"""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sandbox.azurite import Azurite
from sandbox.child import ROOT, CannotStart, Child, answers, free_port, is_free

# The host's exit code for settings that no restart can mend (EX_CONFIG of sysexits.h).
BAD_SETTINGS: Final = 78

_READY_SECONDS: Final = 60.0
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 5.0
# An app that ran this long before it died is started again at once.
_STEADY_SECONDS: Final = 10.0
_SATURDAY: Final = 5


class Over(Exception):
    """The sandbox cannot go on; the message says why and the code is what the command line exits with."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, on loopback. Azurite takes three in a row: blobs, queues, tables.

    `arm_tls` is where the Azure simulator speaks HTTPS as well; None: nowhere.
    """

    app: int = 7071
    arm: int = 7081
    azurite: int = 10000
    arm_tls: int | None = None

    @classmethod
    def free(cls) -> Self:
        """Pick ports nobody listens on, so that several sandboxes can run side by side."""
        return cls(app=free_port(), arm=free_port(), azurite=free_port(neighbours=2))

    def in_use(self) -> list[str]:
        """List the ports that somebody else holds, each with the variable that moves it."""
        wanted = [("the app", self.app, "PORT"), ("the Azure simulator", self.arm, "ARM_PORT")]
        if self.arm_tls is not None:
            wanted.append(("the Azure simulator's HTTPS", self.arm_tls, "ARM_TLS_PORT"))
        wanted += [("Azurite", self.azurite + offset, "AZURITE_PORT") for offset in range(3)]
        return [
            f"port {port}, for {who}, is in use: choose another with {variable}="
            for who, port, variable in wanted
            if not is_free(port)
        ]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the sandbox is made of. The defaults are this project; a test may name another app or simulator."""

    app: str = "function_app:app"
    host_json: Path = ROOT / "host.json"
    sample_settings: Path = ROOT / "local.settings.sample.json"
    due_source: str | None = "sandbox.due:next_due_at"
    simulator: Sequence[str] = ("-m", "sandbox.arm")
    # Settings of the app on top of all others.
    settings: Mapping[str, str] = field(default_factory=dict)
    # Further options of the host, such as --pickup-lag-seconds.
    host_options: Sequence[str] = ()


class Sandbox:
    """A running sandbox. The app is restarted when it dies; storage and simulator go on meanwhile."""

    def __init__(
        self,
        *,
        speed: float = 60,
        start: datetime | None = None,
        seed: int = 0,
        ports: Ports | None = None,
        recipe: Recipe | None = None,
        directory: Path | None = None,
        azurite_location: Path | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Describe the sandbox.

        `speed` is simulated seconds per real second, `start` the first instant on the clock (by default the coming
        working morning), `ports` free ones unless given, `directory` where the logs go (a new temporary one unless
        given), `azurite_location` where storage is kept (in memory unless given), and `tell` takes news for a person.
        """
        self.ports = ports or Ports.free()
        self.speed = speed
        self.started_at = start or working_morning(datetime.now(UTC))
        self.directory = directory or Path(tempfile.mkdtemp(prefix="sandbox-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self._recipe = recipe or Recipe()
        self._tell = tell
        self._logs = {name: (self.directory / f"{name}.log").open("ab") for name in ("azurite", "arm", "app")}
        self._log_start = 0
        self._timer_status = self.directory / "timers.json"
        self._azurite = Azurite(self.ports.azurite, location=azurite_location, log=self._logs["azurite"])
        self._arm = Child(
            "the Azure simulator",
            [
                *(sys.executable, *self._recipe.simulator, "--port", str(self.ports.arm), "--speed", str(speed)),
                *("--seed", str(seed), "--start", self.started_at.isoformat(), "--host-url", self.app_url),
                *self._tls_options(),
            ],
            {**os.environ, "PYTHONUNBUFFERED": "1"},
            self._logs["arm"],
        )
        self._app = Child("the app", self._app_command(seed), self.app_environment(), self._logs["app"])
        self._watch: asyncio.Task[None] | None = None
        self._storage_is_meant_to_run = asyncio.Event()
        self._storage_is_meant_to_run.set()

    @property
    def app_url(self) -> str:
        """Where the app answers, without a prefix."""
        return f"http://127.0.0.1:{self.ports.app}"

    @property
    def arm_url(self) -> str:
        """Where the Azure simulator answers: ARM at its root, the controls below /sandbox."""
        return f"http://127.0.0.1:{self.ports.arm}"

    @property
    def arm_tls_url(self) -> str | None:
        """Where the Azure simulator answers over HTTPS; None when it does not."""
        return None if self.ports.arm_tls is None else f"https://localhost:{self.ports.arm_tls}"

    @property
    def authority(self) -> Path:
        """The PEM file of the authority to trust over HTTPS."""
        return self.directory / "certificate" / "ca.pem"

    @property
    def connection_string(self) -> str:
        """The storage account's connection string."""
        return self._azurite.connection_string

    @property
    def app_pid(self) -> int:
        """The app's process id; another one after each restart."""
        return self._app.pid

    @property
    def arm_pid(self) -> int:
        """The simulator's process id."""
        return self._arm.pid

    @property
    def azurite_pid(self) -> int:
        """Azurite's process id."""
        return self._azurite.child.pid

    def app_environment(self) -> dict[str, str]:
        """Give the app's environment: the sample's settings, this process's, the sandbox's, the recipe's; last wins."""
        sample: dict[str, str] = {}
        if self._recipe.sample_settings.exists():
            values = json.loads(self._recipe.sample_settings.read_text("utf-8")).get("Values", {})
            sample = {name: str(value) for name, value in values.items()}
        return {
            **sample,
            **os.environ,
            "AzureWebJobsStorage": self.connection_string,
            "ARM_ENDPOINT": self.arm_url,
            "CLOCK_URL": f"{self.arm_url}/sandbox/clock",
            "PRICES_URL": f"{self.arm_url}/api/retail/prices",
            "WEBSITE_AUTH_ENABLED": "true",
            "HEALTH_DETAILS": "true",
            "PYTHONUNBUFFERED": "1",
            **self._recipe.settings,
        }

    async def __aenter__(self) -> Self:
        """Start everything at once and wait until all of it answers. Raises Over when a part does not come up."""
        if taken := self.ports.in_use():
            await self.close()
            raise Over("\n".join(taken))
        self._forget_the_last_run()
        try:
            async with asyncio.TaskGroup() as starts:
                for start in (self._azurite.start(), self._start_arm(), self._start_app()):
                    starts.create_task(start)
        except BaseException as error:
            await self.close()
            if isinstance(error, BaseExceptionGroup) and isinstance(first := error.exceptions[0], CannotStart):
                raise self._over(first) from first
            raise
        self._watch = asyncio.create_task(self._watch_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        await self.close()

    async def close(self) -> None:
        """Stop the app, then what it stands on; nothing is left running."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError, Over):
                await self._watch
        for child in (self._app, self._arm, self._azurite):
            await child.stop()
        for log in self._logs.values():
            log.close()

    async def until_over(self) -> None:
        """Wait for something that ends the sandbox from inside. Raises Over when it comes."""
        if self._watch is not None:
            await asyncio.shield(self._watch)

    def kill_app(self) -> None:
        """Kill the app as `kill -9` does; the supervisor starts it again."""
        self._app.kill()

    async def restart_app(self) -> None:
        """Stop the app as a deployment does, and wait until the next one answers."""
        before = self.app_pid
        await self._app.stop()
        await self.until_app_is_back(before)

    async def restart_azurite(self, away_seconds: float = 0) -> None:
        """Stop storage as a reboot does and start it again after a while; without a location it has forgotten all.

        Raises CannotStart when it does not come back.
        """
        self._storage_is_meant_to_run.clear()
        try:
            await self._azurite.stop()
            await asyncio.sleep(away_seconds)
            await self._azurite.start()
        finally:
            self._storage_is_meant_to_run.set()

    async def until_app_is_back(self, before: int, limit_seconds: float = _READY_SECONDS) -> None:
        """Wait until an app with another process id than `before` answers. Raises TimeoutError."""
        healthy = answers(f"{self.app_url}/admin/host/status")
        async with asyncio.timeout(limit_seconds):
            back = False
            while not back:
                await asyncio.sleep(0.05)
                back = self.app_pid != before and self._app.exit_code is None and await healthy()

    def _forget_the_last_run(self) -> None:
        """Begin new logs; and since the clock is new too, what an earlier run knew of its timers means nothing."""
        for log in self._logs.values():
            log.truncate(0)
        self._timer_status.unlink(missing_ok=True)

    async def _start_arm(self) -> None:
        await self._arm.start()
        await self._arm.until_ready(answers(f"{self.arm_url}/sandbox/health"), _READY_SECONDS)

    async def _start_app(self) -> None:
        await self._spawn_app()
        await self._app.until_ready(answers(f"{self.app_url}/admin/host/status"), _READY_SECONDS)

    async def _spawn_app(self) -> None:
        self._log_start = (self.directory / "app.log").stat().st_size
        await self._app.start()
        self._tell(f"app pid {self.app_pid}")

    async def _watch_all(self) -> None:
        """Keep the app alive; end when it cannot be, or when anything else dies. Raises Over."""
        watches = [
            asyncio.create_task(self._keep_app()),
            asyncio.create_task(self._end_with_azurite()),
            asyncio.create_task(self._end_with(self._arm)),
        ]
        try:
            await asyncio.gather(*watches)
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    async def _end_with_azurite(self) -> None:
        while self._azurite.child.exit_code is None:
            await self._azurite.child.until_exit()
            await self._storage_is_meant_to_run.wait()
        await self._end_with(self._azurite.child)

    async def _end_with(self, child: Child) -> None:
        code = await child.until_exit()
        raise Over(f"{child.label} ended with exit code {code}; its log is in {self.directory}")

    async def _keep_app(self) -> None:
        clock = asyncio.get_running_loop().time
        pause = _FIRST_PAUSE_SECONDS
        while True:
            started = clock()
            code = await self._app.until_exit()
            if code == BAD_SETTINGS:
                raise Over(self._last_words(), BAD_SETTINGS)
            self._tell(f"the app ended ({_exit(code)}) and is started again")
            pause = _FIRST_PAUSE_SECONDS if clock() - started > _STEADY_SECONDS else pause
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            await self._spawn_app()

    def _over(self, error: CannotStart) -> Over:
        """Say why the start failed; for wrong settings that is what the app itself printed."""
        if self._app.exit_code == BAD_SETTINGS:
            return Over(self._last_words(), BAD_SETTINGS)
        words = self._last_words() if self._app.exit_code not in {None, 0} else ""
        return Over(f"{error}; the logs are in {self.directory}\n{words}".rstrip())

    def _last_words(self) -> str:
        """Give what the app printed since it was last started."""
        with (self.directory / "app.log").open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace").strip()

    def _tls_options(self) -> list[str]:
        if self.ports.arm_tls is None:
            return []
        return ["--tls-port", str(self.ports.arm_tls), "--certificate-directory", str(self.authority.parent)]

    def _app_command(self, seed: int) -> list[str]:
        due_source = ["--due-source", self._recipe.due_source] if self._recipe.due_source else []
        return [
            *(sys.executable, "-m", "sandbox.host", "--app", self._recipe.app, "--port", str(self.ports.app)),
            *("--host-json", str(self._recipe.host_json), "--clock-url", f"{self.arm_url}/sandbox/clock"),
            *("--timer-status", str(self._timer_status), "--seed", str(seed), *due_source, *self._recipe.host_options),
        ]


def working_morning(now: datetime) -> datetime:
    """Give 09:00 UTC of today, or of the coming Monday at a weekend: a newcomer always begins on a working morning."""
    day = now.astimezone(UTC).replace(hour=9, minute=0, second=0, microsecond=0)
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return day


def _exit(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
