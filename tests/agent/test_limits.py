"""What a run may take of an agent: which limit it reaches, and what the kernel is told."""

import os
import resource
import subprocess
import sys

import pytest

from loadgrpc.agent.limits import Usage, of_kernel, why_over
from loadgrpc.agent.usage import usage_below
from loadgrpc.model import Confinement, Limits

LIMITS = Limits(memory_bytes=10**9, processes=3, files=100, time_s=90.0)


@pytest.mark.parametrize(
    ("usage", "why"),
    [
        ({"memory_bytes": 10**9, "processes": 3, "files": 99, "time_s": 89.9}, ""),
        ({"time_s": 90.0}, "it has had 1m30s, which is its limit on this agent"),
        (
            {"memory_bytes": 2 * 10**9},
            "its processes had 2,000 MB of memory together; the limit on this agent is 1,000 MB",
        ),
        ({"processes": 4}, "it had 4 processes; the limit on this agent is 3"),
        ({"files": 100}, "a process had 100 files open, which is the limit on this agent"),
    ],
)
def test_a_run_that_reaches_a_limit_is_over_it(usage, why):
    """Which one is said; without limits there is none."""
    assert why_over(LIMITS, Usage(**usage)) == why
    assert why_over(Limits(), Usage(**usage)) == ""


def test_what_the_kernel_bounds():
    """Of processes only where nothing else has their user; time is none of its business."""
    files, memory = (resource.RLIMIT_NOFILE, 100), (resource.RLIMIT_DATA, 10**9 + (1 << 30))
    assert list(of_kernel(LIMITS, alone=False)) == [files, memory]
    assert list(of_kernel(LIMITS, alone=True)) == [files, memory, (resource.RLIMIT_NPROC, 192)]
    assert list(of_kernel(Limits(), alone=True)) == []


def test_what_is_below_a_process_is_counted():
    """With its memory and its open files, and what its children have; it itself is not."""
    code = (
        "import subprocess, sys; held = b'x' * 30_000_000;"
        " files = [open('/dev/null') for _ in range(40)];"
        " child = subprocess.Popen([sys.executable, '-S', '-c', 'input()'], stdin=0);"
        " print('up', flush=True); child.wait()"
    )
    before = usage_below([os.getpid()], files=True)
    child = subprocess.Popen(
        [sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout.readline() == b"up\n"
        found = usage_below([os.getpid()], files=True)
        assert found.processes == before.processes + 2
        assert found.memory_bytes >= before.memory_bytes + 30_000_000
        assert found.files >= 43
        assert usage_below([os.getpid()], files=False).files == 0
        assert usage_below([child.pid], files=False).processes == 1
    finally:
        child.communicate(b"\n")
    assert usage_below([child.pid], files=True) == Usage()


def test_confinement_is_told_in_a_line():
    """As `loadgrpc status` shows it."""
    said = Confinement(signed_only=True, run_as="load", limits=LIMITS)
    assert str(said) == (
        "signed only, as load, at most 1,000 MB, at most 3 processes, at most 100 open files, at"
        " most 90 s"
    )
    assert not Confinement()
    assert str(Confinement()) == ""
