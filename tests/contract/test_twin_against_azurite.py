"""The twins and the real service do the same whatever they are asked."""

from __future__ import annotations

import pytest

from tests.contract.differential import differ


@pytest.mark.azurite
@pytest.mark.parametrize("seed", range(5))
async def test_a_random_history_is_the_same_on_both_sides(azurite_connection: str, seed: int) -> None:
    await differ(azurite_connection, seed)
