"""Nothing is lost and nothing keeps billing, whatever goes wrong: drawn runs of the whole app on virtual time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.soak import lived, replay_command

ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(1, 41)
CHUNKS = 20
TRACE = "from tests.proof.storm import run; print(run({seed}, short=True)[0].trace)"


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.timeout(900)
def test_every_invariant_holds_at_every_event_and_all_comes_to_its_place(chunk: int) -> None:
    failed = []
    for seed in SEEDS[chunk::CHUNKS]:
        outcome = lived(seed)
        failed += [f"{replay_command(seed)}: {text}" for text in outcome.violations]
        assert outcome.orphans == 0
    assert not failed, "\n".join(failed)


def test_the_same_seed_is_the_same_run_whatever_python_hashes_with() -> None:
    traces = set()
    for hash_seed in ("0", "1"):
        command = [sys.executable, "-c", TRACE.format(seed=15)]
        environment = {"PYTHONHASHSEED": hash_seed, "PATH": ""}
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        traces.add(ran.stdout.strip())
    assert len(traces) == 1
