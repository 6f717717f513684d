"""A transcript as lines: which side said what, and when."""

from __future__ import annotations

from collections.abc import Iterator

from loadgrpc.conformance.transcript import Ended, Entry, MethodCall, RunnerMessage, Transcript
from loadgrpc.protocol import home
from loadgrpc.text import counted
from loadgrpc.v1 import runner_pb2

RUNNER, HOME = "runner", "home"


def lines(transcript: Transcript) -> Iterator[str]:
    """A line for each entry: seconds, stream, who, what."""
    for entry in transcript.entries:
        who, words = _words(entry)
        stream = f"stream {entry.stream}" if entry.stream else ""
        yield f"{entry.at_s:8.3f} s  {stream:<9}  {who:<6}  {words}"
    end = transcript.exit
    if end is not None:
        how = "was killed: it did not end" if transcript.timed_out else f"exited with {end.status}"
        yield f"{end.at_s:8.3f} s  {'':<9}  {RUNNER:<6}  {how}"


def _words(entry: Entry) -> tuple[str, str]:
    if isinstance(entry, MethodCall):
        return RUNNER, f"calls {entry.method}"
    if isinstance(entry, Ended):
        if entry.status:
            return HOME, f"ends the stream: {entry.status}"
        return RUNNER, "has ended the stream, or was asked to"
    if isinstance(entry, RunnerMessage):
        return RUNNER, _request(entry.request)
    kind = entry.answer.WhichOneof("message")
    return HOME, _fields(kind, getattr(entry.answer, kind)) if kind else "something unknown"


def _request(request: runner_pb2.PublishEventsRequest) -> str:
    kind = request.WhichOneof("message")
    if kind == "batch":
        batch = request.batch
        count = home.size(batch)
        first = batch.first_sequence
        numbers = f"{first} to {first + count - 1}" if first else "without numbers"
        return f"batch of {counted(count, 'event')}, {numbers}, {batch.ByteSize()} bytes"
    return _fields(kind, getattr(request, kind)) if kind else "something unknown"


def _fields(kind: str | None, message: object) -> str:
    return f"{kind} {' '.join(str(message).split())}".rstrip()
