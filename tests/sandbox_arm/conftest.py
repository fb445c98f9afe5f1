from __future__ import annotations

import pytest

from tests.sandbox_arm.place import Place


@pytest.fixture
def place() -> Place:
    return Place()
