"""`file`: all events, and nothing but events."""

import asyncio
import gzip
import json

import pytest

from loadgrpc.outputs import OutputError
from loadgrpc.outputs.event_file import EventFile
from loadgrpc.v1 import control_pb2, event_pb2


def events(hits, iterations):
    """Hits and iterations, a row for each, and something else."""
    kinds = [*["hit"] * hits, *["test_start"] * iterations, "state"]
    for sequence, kind in enumerate(kinds, 1):
        event = event_pb2.Event()
        getattr(event, kind).SetInParent()
        yield control_pb2.ListedEvent(sequence=sequence, event=event)


def write(path, results):
    """Writes the file."""
    asyncio.run(EventFile(str(path)).write(results))


@pytest.mark.parametrize("name", ["e.jsonl", "e.jsonl.gz"])
def test_d10_each_event_is_a_line_that_can_be_read(tmp_path, script, summary, name):
    """In the order in which they are listed; compressed by the suffix."""
    write(tmp_path / name, script(summary, events=list(events(10, 10))))
    raw = (tmp_path / name).read_bytes()
    text = gzip.decompress(raw) if name.endswith("gz") else raw
    found = [json.loads(line) for line in text.splitlines()]
    assert [each["sequence"] for each in found] == [str(number) for number in range(1, 22)]
    assert "state" in found[-1]["event"]


@pytest.mark.parametrize(
    ("hits", "iterations", "why"),
    [(9, 10, "it has 9 of 10 hits"), (10, 8, "it has 8 of 10 iterations")],
)
def test_what_is_missing_is_no_success(tmp_path, script, summary, hits, iterations, why):
    """Counts are those of the summary, or the output says which are not; what there is stays."""
    path = tmp_path / "e.jsonl"
    with pytest.raises(OutputError, match=why):
        write(path, script(summary, events=list(events(hits, iterations))))
    assert len(path.read_text().splitlines()) == hits + iterations + 1
