"""One try to notify an observer: a process of its own, ended when it takes too long.

Rule: what an observer does stays in its process. A class of somebody else's may block, loop, leak
or crash; neither a run nor another observer waits for it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from loadgrpc.text import one_line

TRY_S: Final = 30.0
"""How long one may take: servers of IRC look up who connects for ten seconds and more."""
MAX_ANSWER_BYTES: Final = 64 << 10


@dataclass(frozen=True, kw_only=True)
class TryResult:
    """How a try went: see `observers/__main__.py`."""

    outcome: str
    reason: str = ""
    traceback: str = ""
    settings: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def delivered(self) -> bool:
        """Whether the observer took it."""
        return self.outcome == "delivered"

    @property
    def final(self) -> bool:
        """Whether another try would not help."""
        return self.outcome in {"refused", "unknown"}


async def attempt(asked: Mapping[str, Any], *, within_s: float = TRY_S) -> TryResult:
    """Starts a process, gives it what is asked for, and waits for what it answers."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "loadgrpc.observers"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        reason = f"its process could not be started: {error.strerror or error}"
        return TryResult(outcome="failed", reason=reason)
    try:
        async with asyncio.timeout(within_s):
            answered = await _talk(process, json.dumps(asked).encode())
            status = await process.wait()
    except TimeoutError:
        return TryResult(outcome="failed", reason=f"it took longer than {within_s:.0f} s")
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return _outcome(answered, status)


async def _talk(process: asyncio.subprocess.Process, asked: bytes) -> bytes:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with suppress(ConnectionError):
        process.stdin.write(asked)
        await process.stdin.drain()
    process.stdin.close()
    answered = b""
    while len(answered) <= MAX_ANSWER_BYTES and (
        read := await process.stdout.read(MAX_ANSWER_BYTES)
    ):
        answered += read
    return answered


def _outcome(answered: bytes, status: int) -> TryResult:
    if status:
        ended = signal.strsignal(-status) if status < 0 else f"status {status}"
        return TryResult(outcome="failed", reason=f"its process ended with {ended}")
    try:
        told = json.loads(answered)
        return TryResult(
            outcome=str(told["outcome"]),
            reason=one_line(str(told.get("reason", ""))),
            traceback=str(told.get("traceback", "")),
            settings=tuple(told.get("settings", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return TryResult(outcome="failed", reason="its process ended without an answer")
