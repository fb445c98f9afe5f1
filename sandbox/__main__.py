"""The sandbox's command line: `python -m sandbox`, which `make run` calls."""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from sandbox import azurite
from sandbox.child import ROOT
from sandbox.supervisor import Over, Ports, Sandbox, working_morning

_PARENT_LOOK_SECONDS: Final = 1.0


class BadVariable(Exception):
    """An environment variable cannot be read; the message names it and what it takes."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person may choose through the environment."""

    speed: float
    start: datetime
    seed: int
    ports: Ports
    azurite_location: Path | None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables. Raises BadVariable."""
        location = environment.get("AZURITE_LOCATION")
        return cls(
            speed=_number(environment, "SPEED", 60.0, least=0.01, most=100_000),
            start=_instant(environment, "START"),
            seed=int(_number(environment, "SEED", 0, least=0, most=2**31)),
            ports=Ports(
                app=int(_number(environment, "PORT", 7071, least=1, most=65535)),
                arm=int(_number(environment, "ARM_PORT", 7081, least=1, most=65535)),
                azurite=int(_number(environment, "AZURITE_PORT", 10000, least=1, most=65533)),
                arm_tls=int(_number(environment, "ARM_TLS_PORT", 0, least=0, most=65535)) or None,
            ),
            azurite_location=Path(location) if location else None,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox until it is told to stop; give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Azurite, an Azure simulator and the app, on loopback. Environment: SPEED, START, SEED, "
        "PORT, ARM_PORT, ARM_TLS_PORT, AZURITE_PORT, AZURITE_LOCATION.",
    )
    parser.add_argument("--check-only", action="store_true", help="say whether it could start, and start nothing")
    options = parser.parse_args(arguments)
    try:
        choices = Choices.read(os.environ)
    except BadVariable as error:
        print(error, file=sys.stderr)
        return 2
    if options.check_only:
        troubles = _troubles(choices)
        print("\n".join(troubles) or "the sandbox can start", file=sys.stderr if troubles else sys.stdout)
        return 1 if troubles else 0
    return asyncio.run(_run(choices))


async def _run(choices: Choices) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # A supervisor under nohup is meant to outlive whoever started it.
    on_its_own = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    for number in (signal.SIGTERM, signal.SIGINT, *(() if on_its_own else (signal.SIGHUP,))):
        loop.add_signal_handler(number, stop.set)
    life = asyncio.create_task(_live(choices))
    ends: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait())]
    if not on_its_own:
        ends.append(asyncio.create_task(_until_orphaned()))
    await asyncio.wait([life, *ends], return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.cancel()
    if not life.done():
        _say("stopping")
        life.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        return await life
    return 0


async def _live(choices: Choices) -> int:
    sandbox = Sandbox(
        speed=choices.speed,
        start=choices.start,
        seed=choices.seed,
        ports=choices.ports,
        directory=ROOT / ".sandbox" / "logs",
        azurite_location=choices.azurite_location,
        tell=_say,
    )
    try:
        async with sandbox:
            _say(_welcome(sandbox))
            await sandbox.until_over()
    except Over as over:
        print(over, file=sys.stderr, flush=True)
        return over.exit_code
    return 0


async def _until_orphaned() -> None:
    """Wait until the process that started this one is gone."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel tells nobody but a real parent
        await asyncio.sleep(_PARENT_LOOK_SECONDS)


def _welcome(sandbox: Sandbox) -> str:
    sign_in = f"{sandbox.app_url}/.auth/login/sandbox?user=ada@example.com&role=operator"
    clock = f"from {sandbox.started_at:%a %d %b %Y %H:%M} UTC, {sandbox.speed:g} times real time"
    over_tls = f"\n  over HTTPS  {sandbox.arm_tls_url}, trusting {sandbox.authority}" if sandbox.arm_tls_url else ""
    return f"""
  app         {sandbox.app_url}/api
  dashboard   {sign_in}&post_login_redirect_uri=/api/dashboard
  Azure       {sandbox.arm_url}/sandbox/resources{over_tls}
  clock       {sandbox.arm_url}/sandbox/clock   {clock}
  storage     http://127.0.0.1:{sandbox.ports.azurite} (Azurite)
  logs        {sandbox.directory}

A first jump box:

  curl -i {sandbox.app_url}/api/jumpboxes \\
    -H 'Authorization: Bearer sandbox:ada@example.com' -H 'Content-Type: application/json' \\
    -d '{{"hours": 4, "reason": "a first look"}}'

  curl {sandbox.app_url}/api/jumpboxes -H 'Authorization: Bearer sandbox:ada@example.com'

Ctrl-C stops everything.
"""


def _troubles(choices: Choices) -> list[str]:
    troubles = choices.ports.in_use()
    if shutil.which("node") is None:
        troubles.append("Node 20 or newer is not installed: Azurite needs it")
    elif not azurite.installed():
        troubles.append("Azurite is not installed: `make node_modules/.stamp` installs it")
    return troubles


def _number(environment: Mapping[str, str], name: str, default: float, *, least: float, most: float) -> float:
    text = environment.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise BadVariable(f"{name}={text} is not a number from {least:g} to {most:g}")
    return value


def _instant(environment: Mapping[str, str], name: str) -> datetime:
    text = environment.get(name)
    if not text:
        return working_morning(datetime.now(UTC))
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise BadVariable(f"{name}={text} is not an ISO 8601 instant such as 2026-03-02T09:00:00Z") from None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def _say(text: str) -> None:
    # Line by line even into a pipe: whoever reads the app's pid may be a script.
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
