"""Ticks of the kernel, in a patched process."""

import json
import subprocess
import sys
import textwrap

import pytest

PRELUDE = """
from gevent import monkey
monkey.patch_all()
import gevent, json, os, time
from loadgrpc.runner.ticks import Ticks

MS = 1_000_000
"""


def scene(code):
    """What a scene printed; warnings are errors in it."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.system
def test_they_come_when_they_are_due_and_not_before():
    """The first call is at the first time or later, and greenlets go on meanwhile."""
    calls, late, others = scene(
        """
        called, seen = [], []
        gevent.spawn(seen.append, "another greenlet")
        due = time.monotonic_ns() + 5 * MS
        with Ticks(due, 10 * MS, lambda: called.append(time.monotonic_ns() - due)):
            while len(called) < 3:
                gevent.sleep(0.001)
        print(json.dumps([called, [at - n * 10 * MS for n, at in enumerate(called)], seen]))
        """
    )
    assert calls == sorted(calls)
    assert min(late) >= 0
    assert others == ["another greenlet"]


@pytest.mark.system
def test_times_that_passed_are_one_call():
    """After a block there is one call for all times in it, and then one for a time to come."""
    calls = scene(
        """
        calls = []
        due = time.monotonic_ns() + 200 * MS
        with Ticks(due, 200 * MS, lambda: calls.append((time.monotonic_ns() - due) // (200 * MS))):
            while time.monotonic_ns() < due + 500 * MS:
                pass  # holds up every greenlet
            while len(calls) < 2:
                gevent.sleep(0.001)
        print(json.dumps(calls))
        """
    )
    assert calls[0] >= 2
    assert calls[1] > calls[0]


@pytest.mark.system
def test_nothing_is_left_open():
    """At its end its descriptor is closed and nothing is called any more."""
    before, within, after, calls = scene(
        """
        def descriptors():
            gevent.sleep(0.001)  # gevent closes descriptors in the next turn of its loop
            return len(os.listdir("/proc/self/fd"))
        calls = []
        before = descriptors()
        with Ticks(time.monotonic_ns(), 50 * MS, lambda: calls.append(0)):
            within = descriptors()
        now = len(calls)
        gevent.sleep(0.1)
        print(json.dumps([before, within, descriptors(), len(calls) - now]))
        """
    )
    assert (within, after) == (before + 1, before)
    assert calls == 0
