"""What loadgrpc runs where its reporting is measured.

A user process that has this module times its flushes: each stretch for which one holds the
users, and the moment of its end, go to the file named by BENCH_FLUSHES as it leaves.
"""
# ruff: noqa: PT009 - unittest style is the subject

import json
import os
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from loadgrpc import TestCase
from loadgrpc.runner import process
from loadgrpc.runner.encoded_batch import EncodedBatch
from loadgrpc.runner.recorder import Recorder

BASE = os.environ["BENCH_BASE"]
NUMBERS = count()
HOLDS: list[tuple[float, int]] = []


class TimedRecorder(Recorder):
    """A recorder that notes for how long users wait while it is taken from."""

    def take(
        self, max_batch_bytes: int, *, rest: Callable[[], object] = lambda: None
    ) -> list[EncodedBatch]:
        """As a recorder."""
        began_ns = time.thread_time_ns()

        def held() -> None:
            HOLDS.append((time.monotonic(), time.thread_time_ns() - began_ns))

        def timed_rest() -> None:
            nonlocal began_ns
            held()
            rest()
            began_ns = time.thread_time_ns()

        frames = super().take(max_batch_bytes, rest=timed_rest)
        held()
        return frames


vars(process)["Recorder"] = TimedRecorder  # the user process makes one of it


class TestReporting(TestCase):
    """Much, little, and no name twice."""

    @classmethod
    def tearDownClass(cls) -> None:
        """Writes what was noted."""
        Path(os.environ["BENCH_FLUSHES"]).write_text(json.dumps(HOLDS))

    def test_much(self) -> None:
        """One request."""
        res = self.session.get(BASE + "/")
        self.assertEqual(res.status_code, 200)

    def test_little(self) -> None:
        """One request, then a second of nothing."""
        self.test_much()
        time.sleep(1)

    def test_unique_name(self) -> None:
        """No name twice: each is a URL of its own."""
        res = self.session.get(f"{BASE}/items/{next(NUMBERS)}")
        self.assertEqual(res.status_code, 200)
