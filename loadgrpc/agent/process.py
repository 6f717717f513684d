"""One runner's process: started, listened to, stopped, with everything it started.

Rule: a runner has a process group of its own, and the whole group is gone when the runner
is. Its standard input is a pipe that closes with the agent, so that it can notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections import deque
from dataclasses import dataclass
from typing import Final

from loadgrpc.model import SourceId, StopMode

TERMINATE_SLACK_S: Final = 1.0
"""What a runner has for its last words after the stop time-out, before SIGTERM."""
KILL_AFTER_S: Final = 4.5
"""From SIGTERM to SIGKILL."""
STDERR_TAIL_BYTES: Final = 4_096
LINE_BYTES: Final = 65_536

_output = logging.getLogger("loadgrpc.runner.output")


@dataclass(frozen=True)
class Exit:
    """How a runner's process ended: status (negative: the signal), end of its standard error."""

    status: int
    stderr_tail: str


class RunnerProcess:
    """See the module. `RunnerProcess.start` makes one."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._escalation: asyncio.Task[None] | None = None
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0

    @classmethod
    async def start(cls, source: SourceId, *, endpoint: str, token: str) -> RunnerProcess:
        """Starts the Python runner.

        Raises:
            OSError: the process could not be started.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "loadgrpc.runner.link",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=LINE_BYTES,
            env={
                **os.environ,
                "PYTHONUNBUFFERED": "1",
                "LOADGRPC_ENDPOINT": endpoint,
                "LOADGRPC_TOKEN": token,
                "LOADGRPC_RUN_ID": source.run_id,
                "LOADGRPC_AGENT_ID": source.agent_id,
                "LOADGRPC_RUNNER_ID": source.runner_id,
            },
        )
        return cls(process)

    async def wait(self) -> Exit:
        """Waits for the end of the process, and ends what it left behind."""
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        assert self._process.stderr is not None  # noqa: S101
        listening = asyncio.gather(
            self._listen(self._process.stdout, keep=False),
            self._listen(self._process.stderr, keep=True),
        )
        status = await self._process.wait()
        if self._escalation is not None:
            self._escalation.cancel()
        self._signal(signal.SIGKILL)  # whoever is left in its group
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(listening, KILL_AFTER_S)
        return Exit(status, b"".join(self._tail).decode(errors="replace"))

    def stop(self, mode: StopMode, stop_timeout_s: float) -> None:
        """Ends the process: at once, or politely, with an end to the politeness.

        Politely means that it was told on its stream; it has `stop_timeout_s` for its users,
        then it gets SIGTERM, then SIGKILL.
        """
        if mode is StopMode.KILL:
            self._escalate((0.0, signal.SIGKILL))
        elif self._escalation is None:
            patience_s = stop_timeout_s + TERMINATE_SLACK_S
            self._escalate((patience_s, signal.SIGTERM), (KILL_AFTER_S, signal.SIGKILL))

    def terminate(self) -> None:
        """Asks the process to end its load and finish at once; insists after a while."""
        self._escalate((0.0, signal.SIGTERM), (KILL_AFTER_S, signal.SIGKILL))

    def _escalate(self, *steps: tuple[float, signal.Signals]) -> None:
        """Waits and signals, step by step; what was planned before is not done."""
        if self._escalation is not None:
            self._escalation.cancel()
        if self._process.returncode is None:
            self._escalation = asyncio.create_task(self._carry_out(steps))

    async def _carry_out(self, steps: tuple[tuple[float, signal.Signals], ...]) -> None:
        for after_s, number in steps:
            await asyncio.sleep(after_s)
            self._signal(number)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # the whole group is gone
            os.killpg(self._process.pid, number)

    async def _listen(self, stream: asyncio.StreamReader, *, keep: bool) -> None:
        """Logs what the runner prints; keeps the end of its standard error."""
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than LINE_BYTES: dropped by the reader
                continue
            if not line:
                return
            _output.info("%s", line.decode(errors="replace").rstrip())
            if keep:
                self._tail.append(line[-STDERR_TAIL_BYTES:])
                self._tail_bytes += len(self._tail[-1])
                while self._tail_bytes > STDERR_TAIL_BYTES:
                    self._tail_bytes -= len(self._tail.popleft())
