"""What holds for all tests."""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from sandbox.arm.traffic import Traffic
from tests.specs import openapi
from tests.specs.watch import Watch

gc.freeze()  # whole lives make much that lasts, and collecting in vain is a tenth of their time
gc.set_threshold(100_000, 50, 100)
settings.register_profile("timeless", deadline=None)
settings.load_profile("timeless")

KEPT = "SANDBOX_KEEP_TRAFFIC"
WATCH = Watch()
WHOLE_LIVES = tuple(Path(__file__).parent / folder for folder in ("lifecycle", "proof"))


def pytest_configure(config: pytest.Config) -> None:
    """Look at all that any simulator answers, here or in a process that a test starts."""
    if openapi.present():
        Traffic.watchers.append(WATCH.see)
        folder = tempfile.TemporaryDirectory(prefix="traffic-")
        config.add_cleanup(folder.cleanup)
        os.environ[KEPT] = folder.name


@pytest.fixture(autouse=True)
def nothing_answered_but_what_microsoft_declares() -> Iterator[None]:
    """Fail a test whose simulator said what neither the OpenAPI files nor the SDK's models allow."""
    yield
    for file in Path(os.environ[KEPT]).glob("*.jsonl") if KEPT in os.environ else ():
        WATCH.judge(map(json.loads, file.read_text("utf-8").splitlines()))
        file.unlink()
    wrong = WATCH.taken()
    assert not wrong, "\n".join(wrong)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that start whole sandboxes on one worker: two at once would race for free ports.

    They come first, since they mostly wait: so there is something to do beside them.
    """
    for item in items:
        if item.get_closest_marker("sandbox"):
            item.add_marker(pytest.mark.xdist_group("sandbox"))
    items.sort(key=lambda item: item.get_closest_marker("sandbox") is None)


@pytest.hookimpl(wrapper=True, trylast=True)  # inside of what starts coverage for a test
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Keep coverage out of whole lives on virtual time and out of properties.

    They do the same a hundred times over, thrice as long when watched, and what is reported is to be what tests of
    one thing cover. The mark ``no_cover`` is not enough: in a worker of xdist a second collector goes on watching.
    """
    lives = any(item.path.is_relative_to(folder) for folder in WHOLE_LIVES)
    watcher = sys.gettrace()
    if lives or item.path.stem.endswith("_properties"):
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(watcher)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, where it is seen, that nobody has looked at the page in a browser."""
    unseen = [report for report in terminalreporter.stats.get("skipped", []) if "browser" in report.keywords]
    if unseen:
        terminalreporter.write_line(f"{len(unseen)} BROWSER TESTS WERE SKIPPED: {unseen[0].longrepr[-1]}", yellow=True)
