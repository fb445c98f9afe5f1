"""The proofs beside the drawn seeds, as the soak calls them: each tells in one line what it came to."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass

from tests.contract.counting import run_counting
from tests.contract.differential import run_differential
from tests.proof import kills, mutants, walk

Tell = Callable[[str], None]
HISTORIES = 200


@dataclass(frozen=True, slots=True)
class PartResult:
    """What a proof came to. Numbers it does not count are zero."""

    summary: str
    violations: int = 0
    mutants_killed: int = 0
    mutants_planted: int = 0
    kills: int = 0


def every_mutant(tell: Tell) -> PartResult:
    """Plant every bug, each in its fixed scene, which must pass without it."""
    killed, planted, survivors = mutants.run_all()
    for name in survivors:
        tell(f"survived: {name}; plant it again: .venv/bin/python -m tests.proof.mutants '{name}'")
    return PartResult(f"{killed} of {planted} planted bugs were noticed", 0, killed, planted)


def every_fault(tell: Tell) -> PartResult:
    """Fail every single call of every word once with every kind."""
    whole = walk.run_all()
    if whole.failures:
        tell(whole.told())
    summary = f"{sum(whole.cases.values())} single faults at {whole.calls} calls, {len(whole.failures)} failures"
    return PartResult(summary, len(whole.failures))


def every_kill(tell: Tell) -> PartResult:
    """Kill and stop real processes."""
    tally = kills.run_all(tell=tell)
    for failure in tally.failures:
        tell(failure)
    summary = (
        f"{tally.survived} of {tally.kills} kills survived, {tally.stops} stopped workers, {tally.outages} outages,"
        f" {len(tally.failures)} failures"
    )
    return PartResult(summary, len(tally.failures), kills=tally.survived)


def twins(tell: Tell) -> PartResult:
    """Hold the twin of the tables and queues against Azurite, and count with eight clients."""
    lost = run_counting()
    try:
        steps = run_differential(HISTORIES)
    except AssertionError:
        tell(traceback.format_exc())
        return PartResult(f"twin and Azurite differ; {lost} increments lost", 1 + bool(lost))
    return PartResult(f"{steps} steps alike on twin and Azurite, {lost} increments lost", int(bool(lost)))


@dataclass(frozen=True, slots=True)
class Part:
    """A proof, by the name that the soak tells it by."""

    name: str
    prove: Callable[[Tell], PartResult]


PARTS = (
    Part("mutants", every_mutant),
    Part("walk", every_fault),
    Part("kills", every_kill),
    Part("twins", twins),
)
