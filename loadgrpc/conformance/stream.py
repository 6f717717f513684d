"""One stream of a runner, and the answers that wait to be sent on it."""

from __future__ import annotations

import asyncio
from typing import Final

from loadgrpc.protocol.transport import Context
from loadgrpc.v1 import runner_pb2

_UNKNOWN: Final = b"\xd2\x05\x07unknown"
"""Field 90 of an answer, which there is not."""


class Stream:
    """See the module."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.answers: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        """None: look again."""
        self.owed = 0
        """Answers that are held back."""
        self.open = False
        self.cut = False
        self.status = ""
        """How the home ended it."""

    def say(self, answer: bytes, after_s: float = 0.0) -> None:
        """Answers, after that time; not at all when the stream is cut by then."""
        self.owed += 1
        if after_s:
            asyncio.get_running_loop().call_later(after_s, self._say, answer)
        else:
            self._say(answer)

    def say_unknown(self, source: runner_pb2.SourceId) -> None:
        """Answers with a message of an unknown kind."""
        answer = runner_pb2.PublishEventsResponse(source=source).SerializeToString()
        self.answers.put_nowait(answer + _UNKNOWN)

    def _say(self, answer: bytes) -> None:
        self.owed -= 1
        self.answers.put_nowait(None if self.cut else answer)


def token_of(context: Context) -> str:
    """What the metadata `authorization` of a call has; empty: nothing."""
    found = (value for key, value in context.invocation_metadata() or () if key == "authorization")
    return next(found, "")
