"""A virtual environment for each client, so that its some 700 MB touch nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PLACE = ROOT / ".peers"


def ready(name: str) -> Path:
    """The programs of a client, installed as `peers/<name>.txt` says unless they already are.

    Raises subprocess.CalledProcessError when they cannot be; then nothing half-made is left.
    """
    wanted = Path(__file__).parent / f"{name}.txt"
    environment = _PLACE / name
    stamp = environment / wanted.name
    if not (stamp.exists() and stamp.read_text() == wanted.read_text()):
        print(f"installing {name} into {environment.relative_to(ROOT)}; this takes some minutes", flush=True)
        shutil.rmtree(environment, ignore_errors=True)
        try:
            _run(sys.executable, "-m", "venv", str(environment))
            pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            _run(*pip, "--disable-pip-version-check", "-r", str(wanted))
        except BaseException:
            shutil.rmtree(environment, ignore_errors=True)
            raise
        shutil.copy(wanted, stamp)
    return environment / "bin"


def _run(*command: str) -> None:
    # pip's complaints about absent indexes go to stderr; they are shown only when it fails.
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
    done.check_returncode()
