"""A hit: one request or exchange of messages, measured, whatever its protocol.

Rule: the code that makes a hit fills in all of it before reporting it. The user and the iteration
are added where it is recorded.
"""

from __future__ import annotations

from typing import Final, Protocol

from loadgrpc.model import HitError

FIELDS: Final = (
    "attempt",
    "bytes_received",
    "bytes_sent",
    "case",
    "connect_ns",
    "elapsed_ns",
    "error",
    "error_message",
    "failed",
    "first_byte_ns",
    "method",
    "name",
    "planned_start_ns",
    "protocol",
    "start_ns",
    "status",
    "url",
)
"""What a hit consists of."""


class Hit:
    """See the module. `planned_start_ns` and `start_ns` are points in time, others durations."""

    __slots__ = FIELDS

    def __init__(  # noqa: PLR0917 - keywords cost time, once per request
        self,
        name: str,
        url: str,
        method: str,
        status: int,
        error: HitError,
        error_message: str,
        start_ns: int,
        elapsed_ns: int,
        first_byte_ns: int,
        connect_ns: int,
        bytes_sent: int,
        bytes_received: int,
        protocol: str = "",
        failed: bool | None = None,  # noqa: FBT001 - as above
        planned_start_ns: int = 0,
        attempt: int = 0,
        case: str = "",
    ) -> None:
        """The fields are those of the message Hit.

        Args:
            name: The name it is reported under.
            url: The full URL. Empty: the name is the URL.
            method: As the protocol calls it.
            status: The status of the answer; 0: there was no answer.
            error: Why there was no complete answer.
            error_message: The same as text.
            start_ns: When it started.
            elapsed_ns: From its start to its end.
            first_byte_ns: From its start to the first byte of the answer; 0: not measured.
            connect_ns: How long connecting took; 0: the connection was reused.
            bytes_sent: Bytes of the request.
            bytes_received: Bytes of the answer.
            protocol: Empty: http.
            failed: Whether it failed. None: its error and its status decide, as for HTTP.
            planned_start_ns: When it was planned to start; 0: at its start.
            attempt: Which attempt at the same request this is, from 1; 0 is the same as 1.
            case: The case that its iteration was fed with; empty: none.
        """
        self.name = name
        self.url = url
        self.method = method
        self.status = status
        self.error = error
        self.error_message = error_message
        self.start_ns = start_ns
        self.elapsed_ns = elapsed_ns
        self.first_byte_ns = first_byte_ns
        self.connect_ns = connect_ns
        self.bytes_sent = bytes_sent
        self.bytes_received = bytes_received
        self.protocol = protocol
        self.failed = failed
        self.planned_start_ns = planned_start_ns
        self.attempt = attempt
        self.case = case


class HitSink(Protocol):
    """The receiver of hits."""

    def hit(self, hit: Hit, /) -> None:
        """A hit ended."""

    def unmeasured(self) -> None:
        """A request was answered by something that does not measure: it is not a hit."""
