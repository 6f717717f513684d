"""Keeps a runner and everything it starts, and leaves nothing of it behind.

    python -I -S keeper.py [--user UID:GID:GID,...] [--limit RESOURCE:NUMBER]...
        [--environment DESCRIPTOR] -- COMMAND [ARGUMENT...]

Rule: every process that the runner has started, in whichever session or group, is gone before
this process is. Orphans are adopted, so all of them are below this process. It ends the runner
when its own standard input closes, which happens when the agent dies or asks for it; it passes
SIGTERM on. It exits as the runner did.

The runner may be another user's, and the kernel may bound what it takes. This process stays as the
agent is. So it must not be what a client says: then it has variables of its own, and those of the
runner, each followed by a NUL, are read from a descriptor.

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
from typing import Final, NamedTuple, NoReturn

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
CANNOT_START: Final = 127
CHECK_EVERY_S: Final = 0.005
KILL_WAIT_S: Final = 3.0
"""How long processes that were killed are waited for; the kernel may hold one back."""


class Beginning(NamedTuple):
    """How the runner begins."""

    uid: int | None = None
    """None: as this process."""
    gid: int | None = None
    groups: list[int] | None = None
    limits: tuple[tuple[int, int], ...] = ()
    """A resource of the kernel's, and how much of it each process may have."""
    environment: dict[bytes, bytes] | None = None
    """None: that of this process."""


def main(words: list[str]) -> NoReturn:
    """Reads the command line, and keeps what it says."""
    begins = Beginning()
    while (option := words.pop(0)) != "--":
        value = words.pop(0)
        if option == "--user":
            uid, gid, groups = value.split(":")
            of_groups = [int(each) for each in groups.split(",") if each]
            begins = begins._replace(uid=int(uid), gid=int(gid), groups=of_groups)
        elif option == "--limit":
            which, _, most = value.partition(":")
            begins = begins._replace(limits=(*begins.limits, (int(which), int(most))))
        elif option == "--environment":
            begins = begins._replace(environment=_read_environment(int(value)))
    keep(words, begins)


def keep(command: list[str], begins: Beginning) -> NoReturn:
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
        runner = _start(command, begins, libc)
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


def _start(command: list[str], begins: Beginning, libc: ctypes.CDLL) -> subprocess.Popen[bytes]:
    """Starts the runner."""

    def begin() -> None:
        """In the new process, which is its user's already: that undoes what was set before."""
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if begins.uid is not None:
            libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        for which, most in begins.limits:
            _, hard = resource.getrlimit(which)
            if hard == resource.RLIM_INFINITY or most < hard:
                resource.setrlimit(which, (most, most))

    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # ends with this process, so that a runner can notice
        process_group=0,
        preexec_fn=begin,  # noqa: PLW1509 - there is one thread
        env=begins.environment,
        user=begins.uid,
        group=begins.gid,
        extra_groups=begins.groups,
    )


def _read_environment(descriptor: int) -> dict[bytes, bytes]:
    """The variables in a file that is open."""
    with open(descriptor, "rb") as file:
        texts = file.read().split(b"\0")[:-1]
    found = {}
    for each in texts:
        name, _, value = each.partition(b"=")
        found[name] = value
    return found


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

    They are stopped first, until no new ones are found: who is stopped starts no others. The
    runner itself is left to be reaped: its status is asked for.
    """
    deadline = time.monotonic() + KILL_WAIT_S
    stopped: set[int] = set()
    while (alive := _descendants()) and time.monotonic() < deadline:
        new = set(alive) - stopped
        for pid in new or alive:
            _signal(pid, signal.SIGSTOP if new else signal.SIGKILL)
        stopped |= new
        if not new:
            time.sleep(CHECK_EVERY_S)
    for pid in alive:
        _signal(pid, signal.SIGKILL)


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


def _signal(pid: int, number: signal.Signals) -> None:
    # It may be gone, or have become another user's: then nothing can be done from here.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


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
    main(sys.argv[1:])
