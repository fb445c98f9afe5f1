"""Whole lives on virtual time: they cover almost all of the app whatever they say, and take thrice as long watched."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep coverage out of the tests of this folder: what it reports is what tests of one thing cover."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.no_cover)
