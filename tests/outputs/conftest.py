"""Results as a script."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.protobuf import json_format

from loadgrpc.model import (
    AgentFigures,
    AssignmentState,
    ElapsedFigures,
    ExceptionInfo,
    HitError,
    HitErrorGroup,
    HitFigures,
    IterationErrorGroup,
    IterationFigures,
    NameFigures,
    RunState,
    Summary,
    TimelineWindow,
    Verdict,
    WindowSeries,
)
from loadgrpc.testing import plan_of
from loadgrpc.v1.control_pb2 import ListedEvent

NS = 1_000_000_000
START_NS = 1_700_000_000 * NS
MS = 1_000_000


class Script:
    """Results that were made by hand."""

    def __init__(self, summary, windows=(), events=()) -> None:
        self.summary = summary
        self.asked: list[tuple[str, ...]] = []
        self._windows = windows
        self._events = events

    async def windows(self, resolution_s=1.0, **_) -> AsyncIterator[TimelineWindow]:
        for window in self._windows:
            yield window

    async def events(self, *kinds) -> AsyncIterator[ListedEvent]:
        self.asked.append(kinds)
        for event in self._events:
            if not kinds or event.event.WhichOneof("event") in kinds:
                yield event

    async def changes(self):
        return []

    def line(self, event) -> str:
        return json.dumps(json_format.MessageToDict(event))


@pytest.fixture
def script():
    """Makes such results."""
    return Script


@pytest.fixture(scope="session")
def golden():
    """The document of Loads, and how to compare it."""
    path = Path(__file__).with_name("golden.py")
    spec = importlib.util.spec_from_file_location("golden", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def times(ms: float) -> ElapsedFigures:
    """Figures around this many milliseconds."""
    ns = round(ms * MS)
    return ElapsedFigures(
        avg_ns=ns,
        min_ns=ns // 2,
        p50_ns=ns,
        p90_ns=2 * ns,
        p95_ns=3 * ns,
        p99_ns=4 * ns,
        max_ns=5 * ns,
    )


@pytest.fixture
def summary() -> Summary:
    """Ten iterations of a test, a hit each; three of them went wrong."""
    return Summary(
        run_id="r-0123456789",
        state=RunState.FINISHED,
        plan=plan_of(test="example.TestWebSite.test_es", users=(1, 2), iterations=(2,)),
        create_time_ns=START_NS,
        start_time_ns=START_NS,
        verdict=Verdict(exit_code=1, reason="3 of 10 iterations failed"),
        duration_ns=2 * NS,
        hits=HitFigures(
            count=10, failed=3, rate=5.0, elapsed=times(3), bytes_sent=100, bytes_received=1000
        ),
        iterations=IterationFigures(started=10, success=7, failure=2, error=1, planned=10),
        names=(
            NameFigures(
                name="/a",
                method="GET",
                hits=HitFigures(count=8, failed=2, rate=4.0, elapsed=times(2), bytes_received=1000),
                statuses={200: 6, 500: 2},
                failed_statuses={500: 2},
            ),
            NameFigures(name="/b", method="POST", hits=HitFigures(count=2, failed=1, rate=1.0)),
        ),
        failures=(
            IterationErrorGroup(
                count=2,
                test="example.TestWebSite.test_es",
                exception=ExceptionInfo(
                    type="AssertionError", message="500 != 200", traceback="Traceback\n  line\n"
                ),
            ),
        ),
        errors=(
            IterationErrorGroup(
                count=1,
                test="example.TestWebSite.test_es",
                exception=ExceptionInfo(type="ConnectionError", message="refused"),
            ),
        ),
        hit_errors=(
            HitErrorGroup(
                count=1,
                name="/b",
                method="POST",
                error=HitError.CONNECT,
                error_message="Connection refused",
            ),
        ),
        agents=(AgentFigures(agent_id="web-1", hostname="one", state=AssignmentState.FINISHED),),
    )


@pytest.fixture
def windows() -> list[TimelineWindow]:
    """The same by time."""
    return [
        TimelineWindow(
            start_ns=START_NS + at * NS,
            length_ns=NS,
            users=2,
            hits=HitFigures(
                count=count, failed=failed, rate=float(count), elapsed=times(ms), bytes_received=500
            ),
            series=(
                WindowSeries(
                    name="/a",
                    method="GET",
                    status_class=2,
                    hits=HitFigures(count=count - failed, rate=3.0, elapsed=times(ms)),
                ),
                WindowSeries(
                    name="/b", method="POST", hits=HitFigures(count=failed, failed=failed, rate=1.0)
                ),
            ),
        )
        for at, (count, failed, ms) in enumerate(((6, 1, 2), (4, 2, 4)))
    ]
