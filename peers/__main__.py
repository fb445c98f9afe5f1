"""Run the peers against the simulator: `python -m peers`, or one of them: `python -m peers custodian`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from peers import azure_cli, custodian, environments
from peers.report import Missed, Report
from peers.simulator import Simulator

_LIVES = {"azure-cli": azure_cli.life, "custodian": custodian.life}
_SERVER_ERROR = 500
# What ARM answers for a path that leads nowhere in the simulator: a hole in its surface.
_HOLES = ("NotFound", "InvalidResourceType", "HttpMethodNotAllowed")


def main() -> int:
    """Run what was asked for; 0 when every step passed."""
    parser = argparse.ArgumentParser(prog="python -m peers", description=__doc__)
    parser.add_argument("peer", nargs="*", choices=[*_LIVES, []], help="all of them unless named")
    report = Report()
    for name in parser.parse_args().peer or _LIVES:
        programs = environments.ready(name)
        with tempfile.TemporaryDirectory(prefix="peers-") as place, Simulator(Path(place)) as simulator:
            _LIVES[name](programs, Path(place), simulator, report)
            with report.step(f"{name} met no server error and no hole in the simulator"):
                _check(simulator)
    return report.close()


def _check(simulator: Simulator) -> None:
    for each in simulator.exchanges():
        code = ((each["response_body"] or {}).get("error") or {}).get("code") if each["status"] else None
        if each["status"] >= _SERVER_ERROR or code in _HOLES:
            raise Missed(f"{each['method']} {each['url']} was answered {each['status']} {code}")


if __name__ == "__main__":
    raise SystemExit(main())
