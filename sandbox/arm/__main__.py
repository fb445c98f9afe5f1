"""Run the simulator: `python -m sandbox.arm --port 7081 --speed 60`, with HTTPS too: `--tls-port 7443`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from sandbox.arm import certificates
from sandbox.arm.arm import Arm
from sandbox.arm.server import application
from sandbox.arm.wire import parse_instant
from sandbox.clock import Clock

if TYPE_CHECKING:
    import ssl

    from sandbox.arm.traffic import Traffic

_LOOPBACK = "127.0.0.1"


def main() -> None:
    """Serve until Ctrl-C or SIGTERM; everything is in memory and gone after that."""
    options = _options()
    clock = Clock(options.start or datetime.now(UTC), options.speed)
    arm = Arm(clock, options.seed)
    doors = [_Door(f"http://{_LOOPBACK}:{options.port}", options.port)]
    if options.tls_port is not None:
        doors.append(_secure(options.tls_port, options.certificate_directory))
    try:
        asyncio.run(_serve(web.AppRunner(application(arm, clock, options.host_url)), doors))
    finally:
        if options.keep_traffic is not None:
            _keep(arm.traffic, options.keep_traffic)


def _keep(traffic: Traffic, folder: Path) -> None:
    """Leave the last exchanges behind, one line of JSON each, in a file that is whole or not there."""
    part = folder / f"traffic-{os.getpid()}.part"
    part.write_text("".join(f"{line}\n" for line in traffic.lines()), "utf-8")
    part.rename(part.with_suffix(".jsonl"))


@dataclass(frozen=True, slots=True)
class _Door:
    url: str
    port: int
    tls: ssl.SSLContext | None = None
    hint: str = ""


def _secure(port: int, directory: Path) -> _Door:
    made = certificates.make(directory)
    return _Door(f"https://localhost:{port}", port, made.context(), f", for whoever trusts {made.authority}")


async def _serve(runner: web.AppRunner, doors: list[_Door]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stopped.set)
    await runner.setup()
    try:
        for door in doors:
            await web.TCPSite(runner, _LOOPBACK, door.port, shutdown_timeout=1.0, ssl_context=door.tls).start()
            print(f"Azure is simulated at {door.url}{door.hint}; its control side is under /sandbox", flush=True)
        await stopped.wait()
    finally:
        await runner.cleanup()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.arm", description="A simulated Azure, on loopback.")
    parser.add_argument("--port", type=int, default=7081)
    parser.add_argument("--tls-port", type=int, help="serve HTTPS here as well")
    parser.add_argument(
        "--certificate-directory",
        type=Path,
        default=Path(".sandbox/certificate"),
        help="where the certificate is made; a client trusts its ca.pem",
    )
    parser.add_argument("--speed", type=float, default=60.0, help="simulated seconds per real second")
    parser.add_argument("--seed", type=int, default=0, help="where everything random comes from")
    parser.add_argument("--start", type=parse_instant, help="the first instant, ISO 8601 with a zone; default now")
    parser.add_argument(
        "--keep-traffic",
        type=Path,
        default=os.environ.get("SANDBOX_KEEP_TRAFFIC"),
        help="a folder to leave the last exchanges in, at the end; default $SANDBOX_KEEP_TRAFFIC, else nowhere",
    )
    parser.add_argument("--host-url", help="where the app's Functions host listens, to hop with the clock")
    return parser.parse_args()


if __name__ == "__main__":
    main()
