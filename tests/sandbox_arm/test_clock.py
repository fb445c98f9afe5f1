"""The sandbox's clock runs at its speed, stands still, and never goes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.clock import Clock, VirtualClock

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class RealTime:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_instants_pass_at_the_speed_and_go_on_from_where_it_changes() -> None:
    real = RealTime()
    clock = Clock(START, 60, monotonic=real)
    real.seconds += 2
    assert clock.now() == START + timedelta(minutes=2)
    clock.set_speed(1)
    real.seconds += 2
    assert clock.now() == START + timedelta(minutes=2, seconds=2)
    assert clock.speed == 1


def test_frozen_it_stands_still_but_can_be_advanced() -> None:
    real = RealTime()
    clock = Clock(START, 60, monotonic=real)
    with clock.freeze():
        real.seconds += 100
        assert (clock.now(), clock.running) == (START, False)
        clock.advance_to(START + timedelta(hours=1))
    assert clock.running
    real.seconds += 1
    assert clock.now() == START + timedelta(hours=1, minutes=1)


def test_it_goes_forward_only() -> None:
    clock = VirtualClock(START)
    clock.advance_to(START)
    with pytest.raises(ValueError, match="passed"):
        clock.advance_to(START - timedelta(seconds=1))


def test_a_virtual_clock_moves_only_when_told() -> None:
    clock = VirtualClock(START)
    clock.set_speed(1000)
    clock.thaw()
    assert clock.now() == START
    clock.advance_to(START + timedelta(days=1))
    assert clock.now() == START + timedelta(days=1)


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_is_above_zero(speed: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        Clock(START, speed)


def test_it_starts_at_an_aware_instant() -> None:
    with pytest.raises(ValueError, match="aware"):
        Clock(START.replace(tzinfo=None))
