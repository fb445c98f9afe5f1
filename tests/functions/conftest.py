"""One front desk per test."""

from __future__ import annotations

import pytest

from tests.functions.desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()
