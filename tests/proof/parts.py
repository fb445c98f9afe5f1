"""The proofs beside the drawn seeds, cut into shares that may be had side by side, and what each of them comes to."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

from tests.contract.counting import CLIENTS, run_counting
from tests.contract.differential import run_differential
from tests.proof import kills, planting, walk
from tests.proof.mutants import FASTEST, MUTANTS

Tell = Callable[[str], None]
Share = Callable[[Tell], "PartResult"]
HISTORIES = 200
INCREMENTS = 2000
"""So many times each of the clients adds one to the same row."""
WALK_SHARES = 6


@dataclass(frozen=True, slots=True)
class PartResult:
    """What a proof, or a share of it, came to. ``counts`` are what it did, by name."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: int = 0
    mutants_killed: int = 0
    mutants_planted: int = 0
    kills: int = 0

    def __add__(self, other: PartResult) -> PartResult:
        """Lay two shares together."""
        return PartResult(
            self.counts + other.counts,
            self.violations + other.violations,
            self.mutants_killed + other.mutants_killed,
            self.mutants_planted + other.mutants_planted,
            self.kills + other.kills,
        )

    def told(self) -> str:
        """Say it in one line."""
        return ", ".join(f"{count} {what}" for what, count in (*self.counts.items(), ("violations", self.violations)))


def planted_bugs(scene: planting.Scene, names: Collection[str], tell: Tell) -> PartResult:
    """Play a scene with each of some bugs planted, by name, and once without any, which must pass."""
    trouble = planting.played(scene)
    if trouble:
        tell(f"{scene.__name__} fails with no bug planted: {trouble}")
    planted = [mutant for mutant in MUTANTS if mutant.scene is scene and mutant.name in names]
    alive = [mutant for mutant in planted if planting.unnoticed(mutant)]
    for mutant in alive:
        tell(f"survived: {mutant.name}; plant it again: .venv/bin/python -m tests.proof.mutants '{mutant.name}'")
    killed = len(planted) - len(alive)
    return PartResult(
        Counter({"planted bugs": len(planted), "of them noticed": killed}), int(bool(trouble)), killed, len(planted)
    )


def single_faults(word: str, index: int, tell: Tell) -> PartResult:
    """Fail each call of a share of a word's once with every kind."""
    walked = walk.run(word, walk.share(walk.every, index, WALK_SHARES), thorough=False)
    if walked.failures:
        tell(walked.told())
    return PartResult(Counter({"single faults": walked.cases.total()}), len(walked.failures))


def real_kills(tell: Tell) -> PartResult:
    """Kill and stop real processes."""
    tally = kills.run_all(tell=tell)
    for failure in tally.failures:
        tell(failure)
    counts = {
        "kills": tally.kills,
        "of them survived": tally.survived,
        "stopped workers": tally.stops,
        "outages": tally.outages,
    }
    return PartResult(Counter(counts), len(tally.failures), kills=tally.survived)


def real_storage(tell: Tell) -> PartResult:
    """Hold the twin of the tables and queues against Azurite, and count with eight clients."""
    lost = run_counting(INCREMENTS)
    counted = Counter({f"increments by {CLIENTS} clients": CLIENTS * INCREMENTS, "of them lost": lost})
    try:
        steps = run_differential(HISTORIES)
    except AssertionError:
        tell(traceback.format_exc())
        return PartResult(counted, 1 + bool(lost))
    return PartResult(counted + Counter({"steps alike on twin and Azurite": steps}), int(bool(lost)))


def cautiously(share: Share, tell: Tell) -> PartResult:
    """Have a share; one that breaks off is a violation like any other, and ends nothing else."""
    try:
        return share(tell)
    except Exception:  # noqa: BLE001 -- whatever it is, it is told
        tell(traceback.format_exc())
        return PartResult(violations=1)


@dataclass(frozen=True, slots=True)
class Part:
    """A proof, by the name that the soak tells it by. A ``real`` one mostly waits for real processes."""

    name: str
    shares: tuple[Share, ...]
    real: bool = False


def _mutants(names: Collection[str]) -> Part:
    scenes = dict.fromkeys(mutant.scene for mutant in MUTANTS if mutant.name in names)
    return Part("mutants", tuple(partial(planted_bugs, scene, names) for scene in scenes))


def _walk() -> Part:
    return Part(
        "walk", tuple(partial(single_faults, word, share) for word in walk.WORDS for share in range(WALK_SHARES))
    )


EVERY = (
    _walk(),
    _mutants([mutant.name for mutant in MUTANTS]),
    Part("kills", (real_kills,), real=True),
    Part("twins", (real_storage,), real=True),
)
QUICK = (_mutants(FASTEST),)
"""What is left of them for somebody who wants an answer soon."""
