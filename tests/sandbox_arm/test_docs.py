"""What docs/simulator.md lists is what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from sandbox.arm import Switches
from sandbox.arm.faults import KINDS

DOCS = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text("utf-8")


def rows(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, as cells."""
    section = DOCS.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_switch_is_listed_with_its_default_and_no_other() -> None:
    listed = {name.strip("`"): json.loads(_json(default.strip("`"))) for name, default, _ in rows("Switches")}
    assert listed == Switches().shown()


def test_every_fault_is_listed_and_no_other() -> None:
    kinds = {kind for names, _ in rows("Faults") for kind in re.findall(r"`([a-z-]+)(?::[A-Z]+)?`", names)}
    assert kinds == set(KINDS)


def _json(text: str) -> str:
    """A default as it is listed: texts go without quotation marks."""
    return text if re.match(r"^(true|false|[\d.]+|[\[{].*)$", text) else json.dumps(text)
