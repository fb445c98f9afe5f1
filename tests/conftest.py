"""What holds for all tests."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("timeless", deadline=None)
settings.load_profile("timeless")


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that start whole sandboxes on one worker: two at once would race for free ports."""
    for item in items:
        if item.get_closest_marker("sandbox"):
            item.add_marker(pytest.mark.xdist_group("sandbox"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, where it is seen, that nobody has looked at the page in a browser."""
    unseen = [report for report in terminalreporter.stats.get("skipped", []) if "browser" in report.keywords]
    if unseen:
        terminalreporter.write_line(f"{len(unseen)} BROWSER TESTS WERE SKIPPED: {unseen[0].longrepr[-1]}", yellow=True)
