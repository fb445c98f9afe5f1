"""The day is told by the real app, a real Azurite and the simulator, and it ends with a bill that agrees."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sandbox import azurite

A_WHILE = 240
"""Real seconds; it takes under a minute on a quiet machine, and nothing here says how busy this one is."""


@pytest.mark.sandbox
@pytest.mark.azurite
@pytest.mark.timeout(A_WHILE + 30)
@pytest.mark.skipif(not azurite.installed(), reason="Azurite is not installed: `make test` installs it")
def test_the_demo_tells_a_day_whose_bill_is_what_the_simulator_metered() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "sandbox.demo"], capture_output=True, text=True, timeout=A_WHILE, check=False
    )

    assert told.returncode == 0, told.stdout + told.stderr
    assert "always on" in told.stdout
    assert "What was told is what the simulator's meters say." in told.stdout
