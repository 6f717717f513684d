"""The machine's clock."""

import time

from loadgrpc.clock import SystemClock


def test_both_faces_go_together():
    """Wall time is the monotonic clock with one anchor: it does not jump, and is about right."""
    clock = SystemClock()
    readings = [(clock.monotonic_ns(), clock.wall_ns()) for _ in range(100)]
    offsets = {wall - monotonic for monotonic, wall in readings}

    assert max(offsets) - min(offsets) < 50_000_000  # between two readings, not of the anchor
    assert readings == sorted(readings)
    assert abs(clock.wall_ns() - time.time_ns()) < 1_000_000_000
