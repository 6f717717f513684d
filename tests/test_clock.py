"""The machine's clock."""

import time
from unittest import mock

import pytest

from loadgrpc import clock as clock_module
from loadgrpc.clock import SystemClock


def test_both_faces_go_together():
    """Wall time is the monotonic clock with one anchor: it does not jump, and is about right."""
    clock = SystemClock()
    readings = [(clock.monotonic_ns(), clock.wall_ns()) for _ in range(100)]
    offsets = {wall - monotonic for monotonic, wall in readings}

    assert max(offsets) - min(offsets) < 50_000_000  # between two readings, not of the anchor
    assert readings == sorted(readings)
    assert abs(clock.wall_ns() - time.time_ns()) < 1_000_000_000


@pytest.mark.parametrize(
    "name", ["monotonic_ns", "monotonic", "time_ns", "time", "clock_gettime_ns", "perf_counter"]
)
def test_f05_a_clock_goes_on_when_a_test_mocks_time(name):
    """What a test puts in the place of a function of `time` does not reach the clock."""
    clock = SystemClock()
    before = [clock.monotonic_ns(), clock.wall_ns(), clock.real_ns()]

    with mock.patch(f"time.{name}", return_value=5):
        during = [clock.monotonic_ns(), clock.wall_ns(), clock.real_ns()]

    assert all(
        0 <= late - early < 10_000_000_000 for early, late in zip(before, during, strict=True)
    )


def test_f05_nothing_in_a_module_is_a_function_that_tells_the_time():
    """What freezegun does is look through the names of modules, and replace what it knows."""
    functions = [getattr(time, name) for name in dir(time) if callable(getattr(time, name))]
    found = [name for name, value in vars(clock_module).items() if value in functions]

    assert found == []
