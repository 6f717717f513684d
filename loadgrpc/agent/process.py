"""One runner's process: started, listened to, stopped, with everything it started.

Rule: when the runner is gone, or the agent is, so is everything that the runner started. A keeper
ensures it (`keeper.py`): it is the process that is started here, its standard input is a pipe
that closes with the agent, and it exits as the runner does. If the keeper itself may have been
killed, its work is done here: all its processes have a mark in their environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from loadgrpc.agent import keeper
from loadgrpc.agent.defects import log_defect
from loadgrpc.agent.launch import PLAIN, Launch
from loadgrpc.model import StopMode
from loadgrpc.protocol.ends import ended
from loadgrpc.protocol.printed import Printed, PrintedLine, safe_lines
from loadgrpc.secrets import NOTHING, RedactedStream, Redactor

TERMINATE_SLACK_S: Final = 1.0
"""The time a runner has for its last messages after the stop timeout, before SIGTERM."""
KILL_AFTER_S: Final = 3.5
"""From SIGTERM to SIGKILL."""
KEEPER_S: Final = 0.4
"""What the keeper has to kill all, before it is killed itself."""
LAST_WORDS_S: Final = 1.0
"""How long the output of a runner that has ended is read for; usually no time at all."""
STDERR_TAIL_BYTES: Final = 4_096
HEAD_BYTES: Final = 4_096
READ_BYTES: Final = 65_536

MARK_ENV: Final = "LOADGRPC_KEEPER"
"""Names the keeper to all that is below it."""

_output = logging.getLogger("loadgrpc.runner.output")
_output.setLevel(logging.INFO)  # what tests print is shown, however little of us is


@dataclass(frozen=True)
class Exit:
    """How a runner's process ended: status (negative: the signal), end of its standard error."""

    status: int
    stderr_tail: str
    head: str = ""
    """The first that it printed, to either stream."""


class RunnerProcess:
    """See the module. `RunnerProcess.of` makes one."""

    def __init__(
        self, process: subprocess.Popen[bytes], mark: str, run_id: str, redactor: Redactor = NOTHING
    ) -> None:
        self._process = process
        self._mark = mark
        self._run_id = run_id
        self._redactor = redactor
        self._escalation: asyncio.Task[None] | None = None
        self._ended = False
        _children.add(process.pid)
        self._tail = b""
        self._head = b""
        self.heard_s = asyncio.get_running_loop().time()
        """When it last printed something."""

    @classmethod
    def of(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        *keeps: int,
        cwd: Path | None = None,
        launch: Launch = PLAIN,
        redactor: Redactor = NOTHING,
    ) -> RunnerProcess:
        """Starts a command in a folder, with these variables besides those that it inherits.

        `cwd` None: in the folder of the agent. Its keeper holds the descriptors `keeps` open. What
        the redactor looks for is hidden in whatever it prints.

        Raises:
            OSError: the process could not be started.
        """
        mark = secrets.token_hex(8)
        words = launch.of_keeper()
        variables = {**launch.environment(os.environ), **environment, MARK_ENV: mark}
        own = variables
        account = launch.account
        with ExitStack() as stack:
            if account is not None:  # what clients say is not for a keeper that is root
                descriptor = _handed_on(variables, stack)
                keeps += (descriptor,)
                words += ["--environment", str(descriptor)]
                own = {MARK_ENV: mark}
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, *words, "--", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                pass_fds=keeps,
                cwd=cwd,
                env=own,
            )
        if account is not None:
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None  # noqa: S101 - it was asked for
                os.fchown(pipe.fileno(), account.uid, account.gid)  # who opens /dev/stderr may
        return cls(process, mark, environment.get("LOADGRPC_RUN_ID", ""), redactor)

    @property
    def pid(self) -> int:
        """That of its keeper: all that it has started is below."""
        return self._process.pid

    async def wait(self) -> Exit:
        """Waits for the end of the process and of what it left behind.

        Whatever holds its output open all the same: the end of the process counts.
        """
        listening = [
            asyncio.create_task(self._listen(self._process.stdout, keep=False)),
            asyncio.create_task(self._listen(self._process.stderr, keep=True)),
        ]
        for task in listening:
            task.add_done_callback(log_defect)
        status = await _exit_status(self._process)
        _children.discard(self._process.pid)
        self._ended = True
        if self._escalation is not None:
            self._escalation.cancel()
        if status < 0:
            await asyncio.to_thread(_end_marked, self._mark)
        if os.getpid() == 1:
            await asyncio.to_thread(_bury_adopted)
        await asyncio.wait(listening, timeout=LAST_WORDS_S)
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        self._kill()  # only the pipe is left
        head = self._head.decode(errors="replace")
        return Exit(status, self._tail.decode(errors="replace"), head)

    def stop(self, mode: StopMode, stop_timeout_s: float) -> None:
        """Ends the process: at once, or gracefully, escalating to SIGTERM and SIGKILL.

        Gracefully means that it was asked on its stream; it has `stop_timeout_s` for its users,
        then it gets SIGTERM, then SIGKILL.
        """
        if mode is StopMode.KILL:
            self._escalate((0.0, self._kill), (KEEPER_S, self._kill_keeper))
        elif self._escalation is None:
            patience_s = stop_timeout_s + TERMINATE_SLACK_S
            self._insist(patience_s)

    def terminate(self) -> None:
        """Asks the process to end its load and finish at once; insists after a while."""
        self._insist(0.0)

    def _insist(self, patience_s: float) -> None:
        self._escalate(
            (patience_s, self._terminate),
            (KILL_AFTER_S, self._kill),
            (KEEPER_S, self._kill_keeper),
        )

    def _escalate(self, *steps: tuple[float, Callable[[], None]]) -> None:
        """Waits and acts, step by step; what was planned before is not done."""
        if self._escalation is not None:
            self._escalation.cancel()
        if not self._ended:
            self._escalation = asyncio.create_task(self._carry_out(steps))
            self._escalation.add_done_callback(log_defect)

    async def _carry_out(self, steps: tuple[tuple[float, Callable[[], None]], ...]) -> None:
        for after_s, act in steps:
            await asyncio.sleep(after_s)
            act()

    def _terminate(self) -> None:
        if self._process.returncode is None:
            os.kill(self._process.pid, signal.SIGTERM)

    def _kill(self) -> None:
        """The keeper kills all when its standard input closes; it may have been stopped."""
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        self._process.stdin.close()
        if self._process.returncode is None:
            os.kill(self._process.pid, signal.SIGCONT)

    def _kill_keeper(self) -> None:
        if self._process.returncode is None:
            self._process.kill()

    async def _listen(self, pipe: IO[bytes] | None, *, keep: bool) -> None:
        """Logs what the runner prints; keeps the end of its standard error."""
        reader = asyncio.StreamReader(limit=READ_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        printed = Printed(asyncio.get_running_loop().time())
        redacted = RedactedStream(self._redactor)

        def take(data: bytes) -> None:
            self._show(printed.feed(data, asyncio.get_running_loop().time()))
            self._head += data[: HEAD_BYTES - len(self._head)]
            if keep:
                self._keep(data[-STDERR_TAIL_BYTES:])

        try:
            while data := await reader.read(READ_BYTES):
                self.heard_s = asyncio.get_running_loop().time()
                take(redacted.feed(data))
        finally:
            take(redacted.end())
            self._show(printed.end(asyncio.get_running_loop().time()))
            transport.close()

    def _show(self, lines: list[PrintedLine]) -> None:
        for line in safe_lines(lines):
            _output.info("%s", f"run {self._run_id}: {line}" if self._run_id else line)

    def _keep(self, data: bytes) -> None:
        """The end of it, from the beginning of a line."""
        whole = self._tail + data
        self._tail = whole[-STDERR_TAIL_BYTES:]
        if len(whole) > STDERR_TAIL_BYTES:
            self._tail = self._tail.partition(b"\n")[2] or self._tail


def _handed_on(variables: Mapping[str, str], stack: ExitStack) -> int:
    """A descriptor of a file with these variables, each followed by a NUL; `stack` closes it."""
    descriptor = os.memfd_create("environment", os.MFD_CLOEXEC)
    stack.callback(os.close, descriptor)
    data = b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in variables.items())
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


async def _exit_status(process: subprocess.Popen[bytes]) -> int:
    """Waits for the end of a process, whatever its children do; negative: the signal."""
    await ended(process.pid)
    return process.wait()  # at once


_children: set[int] = set()
"""Keepers that are waited for."""


def _bury_adopted() -> None:
    """Buries what has come down to this process as the first of its container, and has ended."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_bytes().rpartition(b") ")[2].split()[:2]
        except OSError:
            continue  # it has just ended
        pid = int(path.parent.name)
        if (state, int(parent)) == (b"Z", os.getpid()) and pid not in _children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _end_marked(mark: str) -> None:
    """Kills what a keeper that was killed has left behind, until nothing is."""
    deadline_s = time.monotonic() + keeper.KILL_WAIT_S
    while (alive := list(_marked(mark))) and time.monotonic() < deadline_s:
        for pid in alive:
            # It may have ended meanwhile.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(keeper.CHECK_EVERY_S)


def _marked(mark: str) -> Iterator[int]:
    """The running processes with a mark; the environment of zombies is empty."""
    word = f"{MARK_ENV}={mark}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue  # it has just ended, or is another user's
        if word in words:
            yield int(path.parent.name)
