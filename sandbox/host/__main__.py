"""The host's command line: `python -m sandbox.host --app function_app:app --port 7071`."""

import argparse
import asyncio
import importlib
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from sandbox.host.dormancy import Laziness
from sandbox.host.hop import DueSource
from sandbox.host.hosting import Host, HostOptions, Unreachable
from sandbox.host.hostjson import HostJson
from sandbox.host.indexing import index, load

# EX_CONFIG of sysexits.h: the settings are wrong, starting again cannot help.
BAD_SETTINGS: Final = 78


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the app and serve it; give the exit code: 0 stopped, 1 failed, 78 wrong settings."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=options.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s %(message)s"
    )
    # Every request of the storage SDK is several lines at INFO.
    logging.getLogger("azure").setLevel(logging.WARNING)
    if options.settings is not None and options.settings.exists():
        for name, value in json.loads(options.settings.read_text("utf-8")).get("Values", {}).items():
            os.environ.setdefault(name, str(value))
    try:
        functions = index(load(options.app))
        host = Host(
            functions,
            HostOptions(
                port=options.port,
                host_json=HostJson.read(options.host_json),
                clock_url=options.clock_url,
                due_source=_due_source(options.due_source),
                laziness=Laziness(options.pickup_lag_seconds, options.scale_to_zero_minutes),
                seed=options.seed,
                timer_status=options.timer_status,
            ),
        )
    except Exception as error:  # noqa: BLE001 - an app may raise anything while it is imported
        if any(kind.__name__ == "SettingsError" for kind in type(error).__mro__):
            print(error, file=sys.stderr)
            return BAD_SETTINGS
        traceback.print_exc()
        return 1
    return _serve(host, options.port)


def _serve(host: Host, port: int) -> int:
    async def until_told() -> bool:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        return await host.run(stop)

    try:
        ended = asyncio.run(until_told())
    except OSError as error:
        print(f"port {port} cannot be listened on: {error.strerror}", file=sys.stderr)
        return 1
    except Unreachable as error:
        print(error, file=sys.stderr)
        return 1
    if not ended:
        # A synchronous function still sits in its thread; the interpreter would wait for it.
        sys.stderr.flush()
        os._exit(0)
    return 0


def _due_source(target: str | None) -> DueSource | None:
    if target is None:
        return None
    module, _, attribute = target.partition(":")
    source: DueSource = getattr(importlib.import_module(module), attribute)
    return source


def _lag(text: str) -> tuple[float, float]:
    least, colon, most = text.partition(":")
    bounds = (float(least), float(most if colon else least))
    if not 0 <= bounds[0] <= bounds[1]:
        raise argparse.ArgumentTypeError("MIN:MAX in seconds, MIN not above MAX")
    return bounds


def _minutes(text: str) -> timedelta:
    return timedelta(minutes=float(text))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.host", description=__doc__)
    parser.add_argument("--app", default="function_app:app", help="module:attribute of the app object")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--host-json", type=Path, default=Path("host.json"))
    parser.add_argument("--settings", type=Path, help="a local.settings.json whose Values fill what is not set")
    parser.add_argument("--clock-url", help="the sandbox's clock; without it, real time")
    parser.add_argument("--due-source", help="module:function, async (now) -> datetime | None, asked at each hop")
    parser.add_argument("--pickup-lag-seconds", type=_lag, default=(0.0, 0.0), metavar="MIN:MAX")
    parser.add_argument("--scale-to-zero-minutes", type=_minutes, metavar="N")
    parser.add_argument("--seed", type=int, default=0, help="of the lag and the cold starts")
    parser.add_argument("--timer-status", type=Path, metavar="FILE", help="keeps when each timer is due, over restarts")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    return parser


if __name__ == "__main__":
    sys.exit(main())
