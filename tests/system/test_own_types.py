"""A third-party runner brings a type of its own, and grpcurl prints its events."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import sys

import grpc
import pytest
from google.protobuf import any_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from loadgrpc.v1 import runner_pb2, runner_pb2_grpc

pytestmark = pytest.mark.system

CONTROL = "loadgrpc.v1.ControlService"
RUNNER = "loadgrpc.v1.RunnerService"
PLAN = {"test": "example.TestWebSite.test_for_ever", "iterations": [1]}

OWN_RUNNER = """
import os
from pathlib import Path

import grpc
from google.protobuf import any_pb2
from loadgrpc.v1 import runner_pb2, runner_pb2_grpc

env = os.environ
source = runner_pb2.SourceId(run_id=env["LOADGRPC_RUN_ID"], agent_id=env["LOADGRPC_AGENT_ID"],
                             runner_id=env["LOADGRPC_RUNNER_ID"])
order = any_pb2.Any(type_url="type.googleapis.com/acme.Order", value=Path("order").read_bytes())
opening = runner_pb2.OpenSource(epoch=1, types=Path("order.binpb").read_bytes())
says = [
    runner_pb2.PublishEventsRequest(source=source, open=opening),
    runner_pb2.PublishEventsRequest(batch={"first_sequence": 1, "events": [{"custom": order}]}),
    runner_pb2.PublishEventsRequest(finish={"totals": {"events": 1}}),
]
stub = runner_pb2_grpc.RunnerServiceStub(grpc.insecure_channel(env["LOADGRPC_ENDPOINT"]))
metadata = [("authorization", "Bearer " + env["LOADGRPC_TOKEN"])]
for answer in stub.PublishEvents(iter(says), metadata=metadata):
    assert not answer.HasField("types_refused"), answer
    if answer.HasField("finished"):
        break
"""


@pytest.fixture
def grpcurl(tool):
    """`grpcurl("-d", data, address, method)` calls it; all documents that it printed."""
    program = tool("grpcurl")

    def call(*arguments: str, code: int = 0, lines: list[dict] | None = None) -> list[dict] | str:
        done = subprocess.run(
            [program, "-plaintext", *arguments],
            input="\n".join(map(json.dumps, lines)) if lines else None,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        if "-d" not in arguments or code:
            return done.stdout + done.stderr
        return documents(done.stdout)

    return call


def documents(text: str) -> list[dict]:
    """The JSON documents that follow one another in a text."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def report_unknown(address: str, run: dict) -> None:
    """A source that brings no types sends an event of one that nobody knows."""
    source = runner_pb2.SourceId(
        run_id=run["runId"], agent_id=run["agentIds"][0], runner_id="unknown"
    )
    custom = any_pb2.Any(type_url="type.googleapis.com/acme.Secret", value=b"secret")
    says = [
        runner_pb2.PublishEventsRequest(source=source, open=runner_pb2.OpenSource()),
        runner_pb2.PublishEventsRequest(batch={"events": [{"custom": custom}]}),
        runner_pb2.PublishEventsRequest(finish=runner_pb2.Finish()),
    ]
    with grpc.insecure_channel(address) as channel:
        stub = runner_pb2_grpc.RunnerServiceStub(channel)
        assert list(stub.PublishEvents(iter(says), timeout=20))[-1].finished.committed == 1


def test_types_of_a_third_party(grpcurl, cluster, loadgrpc, acme):
    """Described over v1 and v1alpha while its run is kept, decoded in every list of events."""
    begun = cluster(1)
    address = begun.address

    def control(method: str, **request: object) -> list[dict]:
        return grpcurl("-d", json.dumps(request), address, f"{CONTROL}/{method}")

    def report(runner_id: str, types: bytes, *items: dict) -> list[dict]:
        """All that a source is answered that brings types and sends events."""
        source = {"run_id": run["runId"], "agent_id": run["agentIds"][0], "runner_id": runner_id}
        return grpcurl(
            *("-d", "@", address, f"{RUNNER}/PublishEvents"),
            lines=[
                {"source": source, "open": {"types": base64.b64encode(types).decode()}},
                *({"batch": {"events": [{"custom": item}]}} for item in items),
                {"finish": {}},
            ],
        )

    def order(item: str) -> dict:
        return {"@type": "type.googleapis.com/acme.Order", "item": item, "colour": "red"}

    (started,) = control("StartRun", plan=PLAN)
    run = started["run"]

    # grpcurl itself has to know the type to send it: the first source brings it, the second sends.
    assert [*report("one", acme.types())[0]] == ["source", "opened"]
    answers = report("two", acme.types(), order("pear"), order("fig"))
    described = grpcurl(address, "describe", "acme.Order")
    with grpc.insecure_channel(address) as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        fields = [field.name for field in pool.FindMessageTypeByName("acme.Order").fields]

    assert answers[-1]["finished"]["committed"] == "2"
    assert "string item = 1;" in described
    assert fields == [*acme.NAMES]

    clashing = report("three", acme.types(message="loadgrpc.v1.Event"), order("plum"))
    rival = report("four", acme.types("sku"))

    for told in (clashing, rival):
        assert told[1]["typesRefused"]["reason"] == "ALREADY_EXISTS"
    assert clashing[-1]["finished"]["committed"] == "1"

    report_unknown(address, run)

    (listed,) = control("ListEvents", run_id=run["runId"], kinds=["custom"])
    events = listed["events"]
    printed = loadgrpc("events", run["runId"], "-b", address, "-k", "custom", "--json")
    lines = loadgrpc("events", run["runId"], "-b", address, "-k", "custom", "-n", "1")

    assert [event["event"]["custom"] for event in events[:-1]] == [
        *map(order, ("pear", "fig", "plum"))
    ]
    assert events[-1]["event"]["custom"]["@value"] == "c2VjcmV0"
    assert [(event["runnerId"], event["sequence"]) for event in events] == [
        *(("two", "1"), ("two", "2"), ("three", "1"), ("unknown", "1"))
    ]
    assert documents(printed.stdout) == events
    assert 'acme.Order {"item": "pear", "colour": "red"}' in lines.last_line

    control("StopRun", run_id=run["runId"], mode="STOP_MODE_KILL")
    control("WatchRun", run_id=run["runId"])
    assert "message Order" in grpcurl(address, "describe", "acme.Order")
    control("DeleteRun", run_id=run["runId"])
    assert "Symbol not found" in grpcurl(address, "describe", "acme.Order", code=1)


def test_types_of_runners_on_many_agents(grpcurl, cluster, loadgrpc, folder, acme):
    """Each brings the same through its agent; all their events are decoded."""
    begun = cluster(2)
    (folder / "own.py").write_text(OWN_RUNNER)
    (folder / "order").write_bytes(acme.order(item="pear").value)
    (folder / "order.binpb").write_bytes(acme.types())

    ran = loadgrpc(
        *("run", "http://localhost/", "--test-runner", f"{shlex.quote(sys.executable)} own.py"),
        *("-b", begun.address, "-a", "2", "-u", "2", "-i", "1", "--json"),
    )
    listed = loadgrpc("events", ran.document["runId"], "-b", begun.address, "-k", "custom")

    assert "string item = 1;" in grpcurl(begun.address, "describe", "acme.Order")
    found = [line.partition("acme.Order ")[2] for line in listed.stdout.splitlines()]
    assert found == ['{"item": "pear"}'] * 4
    assert int(ran.document["accounting"]["committed"]) == 4
