"""Documents of a run as the page gets them, made with the protocol's own messages.

Rule: a pure function of its arguments, without a clock: the same figures in every test.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from loadgrpc.protocol.document import as_document
from loadgrpc.protocol.summary import summary_from_proto
from loadgrpc.protocol.timeline import page_from_proto
from loadgrpc.v1 import control_pb2, run_pb2

START_S = 1_893_456_000
"""When the run began: 2030-01-01 00:00:00 UTC."""
SECONDS = 120
MS = 1_000_000
FAILED_SPANS = ((5, 31, 2), (55, 58, 29))
"""When the first threshold failed: start and length in seconds, and windows."""
POINTS = ("avg", "min", "p50", "p90", "p95", "p99", "max")


def duration(ns: int) -> Duration:
    """A duration of the protocol."""
    found = Duration()
    found.FromNanoseconds(ns)
    return found


def timestamp(seconds: float) -> Timestamp:
    """A moment, so many seconds after the run began."""
    found = Timestamp()
    found.FromNanoseconds(round((START_S + seconds) * 1e9))
    return found


def elapsed(median_ms: float) -> run_pb2.ElapsedFigures:
    """Times around a median."""
    times = (1.1, 0.3, 1.0, 1.9, 2.4, 3.7, 6.0)
    return run_pb2.ElapsedFigures(
        **{
            point: duration(round(median_ms * each * MS))
            for point, each in zip(POINTS, times, strict=True)
        }
    )


def hits(count: int, failed: int, seconds: float, median_ms: float) -> run_pb2.HitFigures:
    """Figures of hits."""
    return run_pb2.HitFigures(
        count=count,
        failed=failed,
        rate=count / seconds,
        elapsed=elapsed(median_ms),
        bytes_sent=count * 180,
        bytes_received=count * 2_345,
    )


def name(at: int, *, path: str = "") -> run_pb2.NameFigures:
    """The figures of one name."""
    count, failed = 1_000 + 37 * at % 911, at % 5
    return run_pb2.NameFigures(
        name=path or f"http://shop.example:8000/item/{at}",
        method="POST" if at % 3 == 0 else "GET",
        hits=hits(count, failed, SECONDS, 5 + 17 * at % 83),
        statuses={200: count - failed, 503: failed} if failed else {200: count},
        failed_statuses={503: failed} if failed else {},
    )


def plan(**more: Any) -> run_pb2.RunSpec:
    """What was asked for."""
    return run_pb2.RunSpec(
        **{
            "test": "shop.TestShop.test_buy",
            "title": "Checkout",
            "users": [50],
            "duration": duration(SECONDS * 1_000 * MS),
            "labels": ["nightly", "eu"],
            "thresholds": ["p95(response) < 40ms over 30s", "rate(failed) < 1%"],
            **more,
        }
    )


def run(run_id: str = "r-0123456789", *, active: bool = False, **more: Any) -> run_pb2.Run:
    """A run that is over, or an active one."""
    found = run_pb2.Run(
        run_id=run_id,
        state=run_pb2.RUN_STATE_RUNNING if active else run_pb2.RUN_STATE_FINISHED,
        plan=plan(**more),
        create_time=timestamp(-2),
        start_time=timestamp(0),
        agent_ids=["agent-1", "agent-2"],
    )
    if not active:
        found.end_time.CopyFrom(timestamp(SECONDS))
        found.verdict.CopyFrom(
            run_pb2.Verdict(exit_code=99, reason="1 of 2 thresholds does not hold")
        )
    return found


def summary(names: int = 8, *, of: run_pb2.Run | None = None) -> run_pb2.RunSummary:
    """The summary of such a run, with something of everything."""
    whole = of or run()
    entries = [name(at) for at in range(names)]
    count = sum(each.hits.count for each in entries)
    failed = sum(each.hits.failed for each in entries) + 7
    state = run_pb2.ASSIGNMENT_STATE_FINISHED
    exception = {
        "type": "AssertionError",
        "message": "the basket is empty",
        "traceback": 'Traceback (most recent call last):\n  File "shop.py", line 12\nAssertion',
    }
    generator = run_pb2.GeneratorFigures(
        lag=elapsed(0.2),
        watched_time=duration(SECONDS * 1_000 * MS),
        cpu=0.4,
        worst_cpu=0.7,
        worst_lag=duration(3 * MS),
        worst_lag_time=timestamp(30),
    )
    return run_pb2.RunSummary(
        run_id=whole.run_id,
        state=whole.state,
        verdict=whole.verdict,
        plan=whole.plan,
        create_time=whole.create_time,
        start_time=whole.start_time,
        end_time=whole.end_time if whole.HasField("end_time") else None,
        duration=duration(round(SECONDS * 1_000 * MS * 0.998)),
        hits=hits(count, failed, SECONDS, 23.4),
        iterations={"started": 4_000, "success": 3_990, "failure": 8, "error": 2},
        users={"planned": 50, "started": 50},
        names=entries,
        failures=[{"count": 8, "test": "shop.TestShop.test_buy", "exception": exception}],
        errors=[{"count": 2, "test": "shop.TestShop.test_buy", "exception": exception}],
        hit_errors=[
            {
                "count": 7,
                "name": "http://shop.example:8000/item/1",
                "method": "GET",
                "error": "HIT_ERROR_CONNECT",
                "error_message": "refused",
            }
        ],
        agents=[
            {
                "agent_id": f"agent-{each}",
                "hostname": "host",
                "hits": count // 2,
                "iterations": 2_000,
                "state": state,
                "users": 25,
                "clock_offset": duration(each * 400 * MS),
                "generator": generator,
            }
            for each in (1, 2)
        ],
        counters={"orders": 3_210},
        accounting={"committed": count + 4_000, "duplicates": 12},
        generator=generator,
        checks=[{"name": "has a total", "passed": 3_000, "failed": 12}],
        transactions=[
            {"name": "checkout", "count": 900, "failed": 3, "rate": 7.5, "elapsed": elapsed(80)}
        ],
        measurements=[{"name": "basket size", "count": 900, "avg": 3.25, "p50": 3, "max": 11}],
        gauges=[{"name": "queue", "last": 4, "min": 0, "max": 17.5}],
        tags=[{"name": "region", "value": "eu", "hits": hits(400, 1, SECONDS, 30)}],
        thresholds=[
            {
                "threshold": "p95(response) < 40ms over 30s",
                "outcome": "THRESHOLD_OUTCOME_FAIL",
                "failed": True,
                "value": 0.0613,
                "limit": 0.04,
                "unit": "s",
                "count": 2_900,
                "window_start": timestamp(60),
                "window_length": duration(30_000 * MS),
                "windows": 90,
                "windows_failed": 31,
                "message": "p95 was 61.3 ms from 60 s to 90 s, on 2900 hits",
                "failed_spans": [
                    {"start": timestamp(at), "length": duration(length * 1_000 * MS), "windows": n}
                    for at, length, n in FAILED_SPANS
                ],
            },
            {
                "threshold": "rate(failed) < 1%",
                "outcome": "THRESHOLD_OUTCOME_PASS",
                "value": 0.2,
                "limit": 1,
                "unit": "%",
                "windows": 1,
                "message": "0.2 % of the hits failed",
            },
        ],
        attempt=1,
    )


def window(at: int) -> control_pb2.TimelineWindow:
    """The second that ends `at` seconds after the run began, in which times have a hump."""
    count = round(60 + 25 * math.sin(at / 9))
    median_ms = 20 + 30 * math.exp(-(((at - 75) / 12) ** 2))
    return control_pb2.TimelineWindow(
        start=timestamp(at - 1),
        length=duration(1_000 * MS),
        closed=True,
        hits=hits(count, 3 if 70 < at < 80 else 0, 1, median_ms),
        users=50 if at < SECONDS else 12,
        lag=elapsed(0.2),
        cpu={"avg": 0.3 + count / 400, "max": 0.4 + count / 300},
    )


def distribution(at: int) -> dict[str, Any]:
    """How the times of that second are distributed."""
    middle = round(8 * math.log2((20 + 30 * math.exp(-(((at - 75) / 12) ** 2))) * MS))
    counts = [str(round(20 * math.exp(-((each / 6) ** 2)))) for each in range(-10, 16)]
    return {"first": middle - 10, "counts": counts}


def timeline(seconds: int = SECONDS) -> dict[str, Any]:
    """GetTimelineResponse of the run."""
    windows = [
        {**as_document(window(at)), "distribution": distribution(at)}
        for at in range(1, seconds + 1)
    ]
    return {"windows": windows, "resolution": "1s", "nextPageToken": ""}


class Results:
    """The results of the run, as outputs read them, with a timeline that is a document."""

    def __init__(self, document: dict[str, Any]) -> None:
        found = json_format.ParseDict(document, control_pb2.GetTimelineResponse())
        self.page = page_from_proto(found)
        self.summary = summary_from_proto(summary())

    async def windows(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        """See loadgrpc.outputs.Results."""
        for each in self.page.windows:
            yield each

    async def changes(self) -> list[Any]:
        """See loadgrpc.outputs.Results."""
        return []


def changes() -> list[dict[str, Any]]:
    """The log of the run."""
    entries = [
        {"kind": "CHANGE_KIND_STATE", "state": "RUN_STATE_STARTING"},
        {"kind": "CHANGE_KIND_STATE", "state": "RUN_STATE_RUNNING"},
        {"kind": "CHANGE_KIND_NOTE", "reason": "the cache was switched off"},
        {"kind": "CHANGE_KIND_AGENT", "agent_id": "agent-2", "agent_event": "AGENT_EVENT_LOST"},
        {"kind": "CHANGE_KIND_STATE", "state": "RUN_STATE_FINISHED"},
    ]
    moments = (-1.5, 0, 64, 90, SECONDS)
    return [
        as_document(control_pb2.Change(sequence=at, time=timestamp(when), attempt=1, **entry))
        for at, (when, entry) in enumerate(zip(moments, entries, strict=True), 1)
    ]


def comparison(before: str, after: str) -> dict[str, Any]:
    """What can be said of two runs."""
    figures = [
        ("p50", 0.0234, 0.0229, -2.1, -3.0, 1.0, "SAME"),
        ("p95", 0.0560, 0.0781, 39.5, 30.1, 47.2, "WORSE"),
        ("rate", 71.2, 83.0, 16.6, 12.0, 21.0, "BETTER"),
        ("failed", 0.2, 0.4, 0.2, -0.6, 0.9, "CANNOT_TELL"),
    ]
    return as_document(
        control_pb2.RunComparison(
            before_id=before,
            after_id=after,
            figures=[
                {
                    "figure": figure,
                    "before": b,
                    "after": a,
                    "change": change,
                    "low": low,
                    "high": high,
                    "outcome": f"COMPARISON_OUTCOME_{outcome}",
                }
                for figure, b, a, change, low, high, outcome in figures
            ],
        )
    )


def broker() -> dict[str, Any]:
    """GetBrokerResponse."""
    return as_document(
        control_pb2.GetBrokerResponse(
            version="0.1.0",
            pid=4711,
            hostname="host",
            store="/var/lib/loadgrpc/runs.db",
            start_time=timestamp(-3_600),
            agents=2,
            active_runs=1,
            address="127.0.0.1:7979",
            store_bytes=12_345_678,
            lease=duration(15_000 * MS),
        )
    )


def agents() -> list[dict[str, Any]]:
    """The agents of the broker."""
    states = ("AGENT_STATE_BUSY", "AGENT_STATE_UNREACHABLE")
    return [
        as_document(
            control_pb2.Agent(
                agent_id=f"agent-{at}",
                hostname="host",
                pid=100 + at,
                version="0.1.0",
                cores=4,
                state=state,
                run_id="r-0123456789",
                last_seen_time=timestamp(SECONDS),
                troubles=["not heard from for 7 s"] if at > 1 else [],
                labels=["eu"],
            )
        )
        for at, state in enumerate(states, 1)
    ]
