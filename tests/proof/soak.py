"""Lives through many seeds on all cores, with the other proofs beside them, and writes what came of it all.

``python -m tests.proof.soak --seeds 1000`` (``make soak SEEDS=1000``); ``--seed N`` replays one and shows its end.
Exit code 1 unless there are no violations, no orphans, and every planted bug was found.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter

from tests.proof import parts
from tests.proof.parts import Part, PartResult
from tests.proof.storm import Outcome, run

FEW_SEEDS = 50
"""With fewer, most of the other proofs are left out: somebody wants an answer soon."""
POLITE = 10
"""How much what runs on virtual time gives way to real processes, which have deadlines: as ``nice`` does."""
TIMES_TOLD = 20
"""How often a soak says how far it has come."""
TAIL = 60
REPORT = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- soak -->", "<!-- /soak -->"

CODES = (
    "InUseSubnetCannotBeDeleted",
    "PublicIPAddressCannotBeDeleted",
    "InUseNetworkSecurityGroupCannotBeDeleted",
    "NicInUse",
    "NicReservedForAnotherVm",
    "NetworkSecurityGroupNotCompliantForAzureBastionSubnet",
    "RetryableError",
    "RetryableErrorDueToAnotherOperation",
    "ReferencedResourceNotProvisioned",
    "AnotherOperationInProgress",
    "Conflict",
    "ResourceGroupBeingDeleted",
    "CanceledAndSupersededDueToAnotherOperation",
    "DeploymentActiveAndUneditable",
    "SkuNotAvailable",
    "AllocationFailed",
    "GatewayAllocationFailed",
    "OverconstrainedZonalAllocationRequest",
    "OperationNotAllowed",
    "ResourceQuotaExceeded",
    "PublicIPCountLimitReached",
    "RequestDisallowedByPolicy",
    "InvalidParameter",
    "LocationRequired",
    "PropertyChangeNotAllowed",
    "AuthorizationFailed",
    "LinkedAuthorizationFailed",
    "ScopeLocked",
    "MissingSubscriptionRegistration",
    "NoRegisteredProviderFound",
    "ExpiredAuthenticationToken",
    "InvalidAuthenticationToken",
    "ResourceNotFound",
    "NotFound",
    "ParentResourceNotFound",
    "ResourceGroupNotFound",
    "OperationIdNotFound",
)
"""Every error code whose meaning the app knows by name and Azure's documents or users report."""
ENOUGH_TIMES = 100


@dataclass
class Sum:
    """All outcomes together."""

    seeds: int = 0
    stack_days: int = 0
    events: int = 0
    mutations: int = 0
    orphans: int = 0
    cpu_seconds: float = 0.0
    longest: timedelta = timedelta()
    faults: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    switches: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[int, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Take in one seed."""
        self.seeds += 1
        self.stack_days += outcome.stack_days
        self.events += outcome.events
        self.mutations += outcome.mutations
        self.orphans += outcome.orphans
        self.cpu_seconds += outcome.cpu_seconds
        self.longest = max(self.longest, outcome.converged_after)
        self.faults += outcome.faults
        self.codes += outcome.codes
        self.crashes += outcome.crashes
        self.answers += outcome.answers
        self.switches.update(f"{name} = {value}" for name, value in outcome.switches.items())
        self.violations += [(outcome.seed, text) for text in outcome.violations]


def replay_command(seed: int, *, short: bool = False) -> str:
    """Write the one command that lives through a seed again."""
    return f".venv/bin/python -m tests.proof.soak --seed {seed}{' --short' if short else ''}"


def lived(seed: int, *, short: bool = False) -> Outcome:
    """Live through a seed in a process of a pool; a seed that breaks off is a violation like any other."""
    try:
        outcome, _ = run(seed, short=short)
    except Exception as bug:  # noqa: BLE001 -- one broken seed must not end the others
        text = f"the run broke off: {type(bug).__name__}: {bug}"
        empty: Counter[str] = Counter()
        return Outcome(seed, 0, 0, "", (text,), empty, empty, empty, empty, {}, 0, 0, timedelta(), 0.0)
    finally:
        gc.collect()
    return outcome


@dataclass(frozen=True, slots=True)
class Job:
    """A share of a proof, or a seed where ``proof`` is empty, to be had in a process of a pool."""

    proof: str
    work: Callable[[], Outcome | PartResult]


def done(job: Job) -> tuple[str, Outcome | PartResult]:
    """Do a job, and say whose it was."""
    return job.proof, job.work()


@dataclass
class Soak:
    """All of it: the seeds' outcomes together, and the other proofs' by name."""

    tell: Callable[[str], None]
    short: bool = False
    total: Sum = field(default_factory=Sum)
    proofs: dict[str, PartResult] = field(default_factory=dict)

    def go(self, seeds: Iterable[int], others: Iterable[Part], workers: int) -> None:
        """Live through seeds and shares of other proofs on so many cores, and beside them what only waits."""
        virtual = [job for part in others if not part.real for job in _jobs(part)]
        virtual += [Job("", partial(lived, seed, short=self.short)) for seed in seeds]
        real = [job for part in others if part.real for job in _jobs(part)]
        spawn = multiprocessing.get_context("spawn")
        with spawn.Pool(workers, os.nice, (POLITE,), maxtasksperchild=50) as pool, spawn.Pool(1) as waiting:
            waited = waiting.map_async(done, real, chunksize=1)
            for number, (name, result) in enumerate(pool.imap_unordered(done, virtual), start=1):
                self._take_in(name, result)
                if number * TIMES_TOLD // len(virtual) > (number - 1) * TIMES_TOLD // len(virtual):
                    self.tell(
                        f"{number} of {len(virtual)} done: {self.total.seeds} seeds, {self._violations()} violations"
                    )
            for name, result in waited.get():
                self._take_in(name, result)
        for name, proof in self.proofs.items():
            self.tell(f"{name}: {proof.told()}")

    def _take_in(self, name: str, result: Outcome | PartResult) -> None:
        if isinstance(result, PartResult):
            self.proofs[name] = self.proofs.get(name, PartResult()) + result
            return
        self.total.add(result)
        if result.violations:
            self.tell(f"seed {result.seed} failed; replay it: {replay_command(result.seed, short=self.short)}")
            for text in result.violations[:5]:
                self.tell(f"    {text[:400]}")

    def _violations(self) -> int:
        return len(self.total.violations) + sum(proof.violations for proof in self.proofs.values())


def _jobs(part: Part) -> list[Job]:
    return [Job(part.name, partial(parts.cautiously, share, _tell)) for share in part.shares]


def last_line(total: Sum, proofs: dict[str, PartResult]) -> str:
    """Say it all in one line."""
    killed = sum(each.mutants_killed for each in proofs.values())
    planted = sum(each.mutants_planted for each in proofs.values())
    violations = len(total.violations) + sum(each.violations for each in proofs.values())
    return (
        f"soak: seeds={total.seeds} stack_days={total.stack_days} events={total.events}"
        f" faults={sum(total.faults.values())} crashes={sum(total.crashes.values())} violations={violations}"
        f" mutants={killed}/{planted} orphans={total.orphans}"
    )


def held(total: Sum, proofs: dict[str, PartResult]) -> bool:
    """Whether nothing was violated, nothing was left, and every planted bug was found."""
    killed = sum(each.mutants_killed for each in proofs.values())
    planted = sum(each.mutants_planted for each in proofs.values())
    others = sum(each.violations for each in proofs.values())
    return not total.violations and not total.orphans and not others and killed == planted


def table(total: Sum, proofs: dict[str, PartResult], seed_from: int, took_seconds: float) -> str:
    """Write the table of the report, from a run that happened."""
    kills = sum(each.kills for each in proofs.values())
    killed = sum(each.mutants_killed for each in proofs.values())
    planted = sum(each.mutants_planted for each in proofs.values())
    rows = [
        ("commit", _commit()),
        ("date", f"{datetime.now(UTC):%Y-%m-%d}"),
        ("seeds", f"{total.seeds} ({seed_from} to {seed_from + total.seeds - 1})"),
        ("stack-days", f"{total.stack_days}"),
        ("events, each checked", f"{total.events}"),
        ("mutations of Azure", f"{total.mutations}"),
        ("faults", f"{sum(total.faults.values())}"),
        ("processes that died", f"{sum(total.crashes.values())}"),
        ("violations", f"{len(total.violations) + sum(each.violations for each in proofs.values())}"),
        ("mutants killed / planted", f"{killed}/{planted}" if planted else "not part of this run"),
        ("longest convergence", f"{total.longest}"),
        ("real processes killed and survived", f"{kills}" if kills else "not part of this run"),
        *((f"part `{name}`", proof.told()) for name, proof in sorted(proofs.items())),
        ("orphans", f"{total.orphans}"),
        ("stack-days a second and core", f"{total.stack_days / max(total.cpu_seconds, 1e-9):.2f}"),
        ("took", f"{timedelta(seconds=round(took_seconds))} on {os.cpu_count()} cores"),
    ]
    lines = ["| what | figure |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    lines += ["", "| fault | times |", "|---|---|"]
    lines += [f"| {name} | {count} |" for name, count in sorted(total.faults.items())]
    lines += [
        "",
        f"Error codes answered fewer than {ENOUGH_TIMES} times in it: {_few(total.codes, CODES)}.",
        "",
        "| error code | times |",
        "|---|---|",
        *(f"| {code} | {total.codes[code]} |" for code in CODES),
        "",
        "| switch | seeds |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in sorted(total.switches.items())),
    ]
    return "\n".join(lines)


def _few(counts: Counter[str], names: Iterable[str]) -> str:
    return ", ".join(name for name in names if counts[name] < ENOUGH_TIMES) or "none"


def _commit() -> str:
    git = ("git", "-C", str(REPORT.parent), "rev-parse", "--short", "HEAD")
    try:
        found = subprocess.run(git, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()


def write_report(text: str, report: Path = REPORT) -> None:
    """Put the table between the two marks of the report."""
    before, _, rest = report.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    report.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def replay(seed: int, tell: Callable[[str], None], *, short: bool = False) -> bool:
    """Live through one seed again and show the end of its trace."""
    outcome, tail = run(seed, TAIL, short=short)
    for line in tail:
        tell(line)
    for text in outcome.violations:
        tell(text)
    tell(f"seed {seed}: trace {outcome.trace}, {outcome.events} events, {len(outcome.violations)} violations")
    return not outcome.violations


def main(arguments: list[str]) -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof.soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, help="replay this one and show the end of its trace")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--seed-from", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--short", action="store_true", help="a day of two stacks of each seed instead of 21 stack-days"
    )
    parser.add_argument("--no-report", action="store_true", help="leave docs/reliability.md as it is, as few seeds do")
    asked = parser.parse_args(arguments)
    if asked.seed is not None:
        return 0 if replay(asked.seed, _tell, short=asked.short) else 1
    began = perf_counter()
    few = asked.seeds < FEW_SEEDS
    if few:
        left_out = ", ".join(sorted({part.name for part in parts.EVERY} - {part.name for part in parts.QUICK}))
        _tell(f"fewer than {FEW_SEEDS} seeds: {left_out} and the slower mutants are left out")
    soak = Soak(_tell, asked.short)
    soak.go(range(asked.seed_from, asked.seed_from + asked.seeds), parts.QUICK if few else parts.EVERY, asked.workers)
    text = table(soak.total, soak.proofs, asked.seed_from, perf_counter() - began)
    if not asked.no_report and not few:
        write_report(text)
    _tell(text)
    _tell(last_line(soak.total, soak.proofs))
    return 0 if held(soak.total, soak.proofs) else 1


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
