"""What a runner that is not ours says of its hits is counted, stored and shown."""

from __future__ import annotations

import json
import shlex
import sys
import textwrap

import pytest

pytestmark = pytest.mark.system

RUNNER = textwrap.dedent(
    """
    import os, time
    import grpc
    from loadgrpc.v1 import event_pb2, runner_pb2, runner_pb2_grpc

    env = os.environ
    source = runner_pb2.SourceId(run_id=env["LOADGRPC_RUN_ID"], agent_id=env["LOADGRPC_AGENT_ID"],
                                 runner_id=env["LOADGRPC_RUNNER_ID"])
    now_ns = time.time_ns()

    def row(case, hit=None, **what):
        event = event_pb2.Event(hit=hit, **what)
        event.time.FromNanoseconds(now_ns)
        event.status.MergeFrom(event_pb2.LoadStatus(
            users=1, iterations=2, cycle=1, current_user=1, current_iteration=1, case=case))
        if hit is not None:
            event.hit.elapsed.FromMilliseconds(10)
        return event

    late = event_pb2.Hit(name="/shop.Cart/Add", protocol="grpc", failed=False, attempt=2)
    late.planned_start_time.FromNanoseconds(now_ns - 100_000_000)
    rows = [
        row("rainy", test_start={"test": "t"}),
        row("rainy", event_pb2.Hit(name="/gone", method="GET", status=500, failed=False)),
        row("rainy", event_pb2.Hit(name="/shop.Cart/Add", protocol="grpc", status=14, failed=True,
                                   attempt=1)),
        row("rainy", late),
        row("rainy", test_success={"test": "t"}),
        row("rainy", test_stop={"test": "t"}),
    ]
    hits = event_pb2.HitBlock(
        count=2, labels=[{"name": "/chat", "protocol": "websocket"}], elapsed_ns=bytes([200] * 2),
        delay_ns=(0).to_bytes(4, "little") + (5_000_000).to_bytes(4, "little"),
        attempt=bytes([1, 1]), cases=["fair"], case=bytes([1, 1]), user=bytes([1, 1]),
        iteration=bytes([2, 2]), status={"users": 1, "iterations": 2, "cycle": 1},
    )
    hits.base_time.FromNanoseconds(now_ns)
    tests = event_pb2.TestBlock(
        count=1, labels=[{"test": "t", "outcome": "TEST_OUTCOME_SUCCESS"}], cases=["fair"],
        case=bytes([1]), user=bytes([1]), iteration=bytes([2]),
        status={"users": 1, "iterations": 2, "cycle": 1},
    )
    tests.base_time.FromNanoseconds(now_ns)
    batch = runner_pb2.EventBatch(
        first_sequence=1, events=rows, hit_blocks=[hits], test_blocks=[tests])
    says = [
        runner_pb2.PublishEventsRequest(source=source, open=runner_pb2.OpenSource(epoch=1)),
        runner_pb2.PublishEventsRequest(batch=batch),
        runner_pb2.PublishEventsRequest(finish={"totals": {"events": 9, "hits": 5}}),
    ]
    stub = runner_pb2_grpc.RunnerServiceStub(grpc.insecure_channel(env["LOADGRPC_ENDPOINT"]))
    metadata = [("authorization", "Bearer " + env["LOADGRPC_TOKEN"])]
    for answer in stub.PublishEvents(iter(says), metadata=metadata):
        if answer.HasField("finished"):
            break
    """
)


def test_all_that_a_hit_says_is_counted_stored_and_shown(loadgrpc, cluster, folder):
    """In the summary, in the report, and among the events, of rows and of columns alike."""
    (folder / "own.py").write_text(RUNNER)
    command = f"{shlex.quote(sys.executable)} own.py {{test}}"
    begun = cluster(1)
    at = ("-b", begun.address)

    ran = loadgrpc(
        "run", "t", *at, "--test-runner", command, "-u", "1", "-i", "2", "--json", "--title", "Hits"
    )

    assert ran.code == 0, ran.stdout + ran.stderr
    assert int(ran.document["hits"]["count"]) == 5
    assert int(ran.document["hits"]["failed"]) == 1
    assert ran.document["hits"]["elapsed"]["max"] == "0.010s"
    assert ran.document["hits"]["response"]["max"] == "0.100s"
    names = {name["name"]: name for name in ran.document["names"]}
    assert {key: name["protocol"] for key, name in names.items()} == {
        "/gone": "",
        "/shop.Cart/Add": "grpc",
        "/chat": "websocket",
    }
    assert names["/gone"]["statuses"] == {"500": "1"}
    assert names["/gone"]["failedStatuses"] == {}
    assert names["/gone"]["hits"]["response"] is None
    assert names["/shop.Cart/Add"]["failedStatuses"] == {"14": "1"}

    shown = loadgrpc("show", ran.document["runId"], *at).stdout
    assert "grpc 14" in shown
    assert "websocket /chat" in shown
    assert "Response time" in shown
    said = loadgrpc("events", ran.document["runId"], *at, "-k", "hit").stdout.splitlines()
    assert [line.partition("user 1")[2].strip() for line in said] == [
        "GET /gone 500 in 10.0 ms, not failed, case rainy",
        "grpc /shop.Cart/Add 14 in 10.0 ms, failed, attempt 1, case rainy",
        "grpc /shop.Cart/Add 0 in 10.0 ms, planned 90.0 ms earlier, attempt 2, case rainy",
        "websocket /chat 0 in 200 ns, attempt 1, case fair",
        "websocket /chat 0 in 200 ns, planned 5.00 ms earlier, attempt 1, case fair",
    ]
    listed = loadgrpc("events", ran.document["runId"], *at, "--json").stdout.splitlines()
    cases = {
        (event["event"]["status"]["currentIteration"], event["event"]["status"]["case"])
        for event in map(json.loads, listed)
        if "currentIteration" in event["event"].get("status", {})
    }
    assert cases == {(1, "rainy"), (2, "fair")}
