"""Keeps a runner and everything it starts, and leaves nothing of it behind.

    python -I -S keeper.py COMMAND [ARGUMENT...]

Rule: every process that the runner has started, in whichever session or group, is gone before
this process is. Orphans are adopted, so all of them are below this process. It ends the runner
when its own standard input closes, which happens when the agent dies or asks for it; it passes
SIGTERM on. It exits as the runner did.

This file is run by itself and imports only the standard library: it starts for each runner, and
must start quickly.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
import time
from typing import Final, NoReturn

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
CANNOT_START: Final = 127
CHECK_EVERY_S: Final = 0.005
KILL_WAIT_S: Final = 3.0
"""How long processes that were killed are waited for; the kernel may hold one back."""


def keep(command: list[str]) -> NoReturn:
    """Runs a command to its end, and exits as it does."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    woken, waking = os.pipe()
    for end in (woken, waking):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(waking)
    terminated: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: terminated.append(number))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        runner = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # ends with this process, so that a runner can notice
            process_group=0,
            preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),  # noqa: PLW1509 - there is one thread
        )
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(CANNOT_START)
    look = select.poll()
    look.register(woken, select.POLLIN)
    look.register(sys.stdin.fileno(), select.POLLHUP)
    status: int | None = None
    while status is None:
        events = dict(look.poll())
        if woken in events:
            os.read(woken, 512)
        if sys.stdin.fileno() in events:
            look.unregister(sys.stdin.fileno())
            _end_all()
        elif terminated:
            terminated.clear()
            _signal_group(runner.pid, signal.SIGTERM)
        status = _reap(runner.pid)
    _end_all()
    _bury_all()
    _exit_as(status)


def _reap(wanted: int) -> int | None:
    """Buries those who have ended; the wait status of the wanted one, if it is among them."""
    status = None
    while True:
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == wanted:
            status = ended


def _end_all() -> None:
    """Kills all processes below this one until none is left.

    The runner itself is left to be reaped: its status is asked for.
    """
    deadline = time.monotonic() + KILL_WAIT_S
    while (alive := _descendants()) and time.monotonic() < deadline:
        for pid in alive:
            _kill(pid)
        time.sleep(CHECK_EVERY_S)


def _bury_all() -> None:
    """Reaps all that is left, so that nobody else has to, such as a container's PID 1."""
    deadline = time.monotonic() + KILL_WAIT_S
    while time.monotonic() < deadline:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            time.sleep(CHECK_EVERY_S)


def _descendants() -> list[int]:
    """The running processes below this one; zombies are not counted."""
    children: dict[int, list[int]] = {}
    ended = set()
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib takes its time to load
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - as above
                state, parent = file.read().rpartition(b") ")[2].split()[:2]
        except OSError:
            continue  # it has just ended
        children.setdefault(int(parent), []).append(int(name))
        if state in (b"Z", b"X"):
            ended.add(int(name))
    below, todo = [], [os.getpid()]
    while todo:
        found = children.get(todo.pop(), [])
        below += found
        todo += found
    return [pid for pid in below if pid not in ended]


def _kill(pid: int) -> None:
    # It may be gone, or have become another user's: then nothing can be done from here.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _exit_as(status: int) -> NoReturn:
    """Ends this process in the way that a wait status describes."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    keep(sys.argv[1:])
