"""A stranger drives runs with grpcurl, without proto files."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

pytestmark = pytest.mark.system

CONTROL = "loadgrpc.v1.ControlService"


@pytest.fixture
def grpcurl(tool):
    """`grpcurl(address, "-d", "{}", "Service/Method")` calls it; its exit code and output."""
    program = tool("grpcurl")

    def call(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [program, "-plaintext", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


def messages(text: str) -> list[dict]:
    """The JSON documents that follow one another in a text."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        document, at = decoder.raw_decode(text, at)
        found.append(document)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found


def test_services_are_discovered(grpcurl, cluster):
    """Listing and describing work on a running broker, with the comments of the protos."""
    begun = cluster(0)

    listed = grpcurl(begun.address, "list").stdout.split()
    described = grpcurl(begun.address, "describe", CONTROL).stdout

    assert {CONTROL, "loadgrpc.v1.FleetService", "loadgrpc.v1.RunnerService"} <= set(listed)
    assert {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"} <= set(listed)
    assert "rpc StartRun" in described
    assert "StartRun checks a plan" in described


def test_health(grpcurl, cluster):
    """Every server answers health checks."""
    begun = cluster(0)

    answer = grpcurl(
        "-d", f'{{"service": "{CONTROL}"}}', begun.address, "grpc.health.v1.Health/Check"
    )

    assert json.loads(answer.stdout) == {"status": "SERVING"}


def test_run_is_driven_from_a_shell(grpcurl, cluster, loadgrpc, counting_server, folder):
    """StartRun with a short JSON plan, WatchRun to its end, GetSummary equal to --json."""
    example = (folder / "example.py").read_text()
    (folder / "example.py").write_text(
        example.replace(
            "class TestWebSite(TestCase):",
            f"class TestWebSite(TestCase):\n    server_url = {counting_server.url!r}\n",
        )
    )
    begun = cluster(2)
    plan = (
        '{"plan": {"test": "example.TestWebSite.test_es", '
        '"users": [10], "iterations": [20], "agents": 2}}'
    )

    started = grpcurl("-d", plan, begun.address, f"{CONTROL}/StartRun")
    run = json.loads(started.stdout)["run"]
    asked = json.dumps({"run_id": run["runId"]})
    watched = messages(grpcurl("-d", asked, begun.address, f"{CONTROL}/WatchRun").stdout)
    summary = grpcurl("-emit-defaults", "-d", asked, begun.address, f"{CONTROL}/GetSummary")
    shown = loadgrpc("show", run["runId"], "-b", begun.address, "--json")

    assert run["state"] == "RUN_STATE_STARTING"
    assert watched[-1]["run"]["state"] == "RUN_STATE_FINISHED"
    document = json.loads(summary.stdout)["summary"]
    assert document["hits"]["count"] == "400"
    assert counting_server.requests() == 400
    assert document == shown.document


def test_malformed_plan_is_told_field_by_field(grpcurl, cluster):
    """INVALID_ARGUMENT with a violation for each field, which grpcurl prints in words."""
    begun = cluster(0)
    plan = '{"plan": {"test": "x", "users": [0], "iterations": [1], "duration": "5s"}}'

    refused = grpcurl("-d", plan, begun.address, f"{CONTROL}/StartRun")

    assert refused.returncode == 64 + 3
    assert "InvalidArgument" in refused.stderr
    for field in ("plan.test", "plan.users[0]", "plan.duration"):
        assert field in refused.stderr
    assert "google.rpc.BadRequest" in refused.stderr


def test_error_details_are_decoded(grpcurl, cluster):
    """What errors carry is printed field by field: reflection knows the types of the details."""
    begun = cluster(0)
    plan = '{"plan": {"test": "example.TestWebSite.test_es", "users": [0], "iterations": [1]}}'

    asked = ("-format-error", "-d", plan, begun.address, f"{CONTROL}/StartRun")
    status = json.loads(grpcurl(*asked).stderr)

    info, request = status["details"]
    assert info["@type"].endswith("/google.rpc.ErrorInfo")
    assert (info["reason"], info["domain"]) == ("INVALID_REQUEST", "loadgrpc")
    assert request["@type"].endswith("/google.rpc.BadRequest")
    assert [violation["field"] for violation in request["fieldViolations"]] == ["plan.users[0]"]


@pytest.mark.parametrize("method", ["GetRun", "WatchRun", "StopRun", "GetSummary"])
def test_unknown_run(grpcurl, cluster, method):
    """A run that is not there is NOT_FOUND, with an ErrorInfo."""
    begun = cluster(0)

    refused = grpcurl("-d", '{"run_id": "r-none"}', begun.address, f"{CONTROL}/{method}")

    assert refused.returncode == 64 + 5
    assert "r-none" in refused.stderr


def test_request_id_makes_one_run(grpcurl, cluster, loadgrpc):
    """The same request twice is one run; with another plan it is refused."""
    begun = cluster(1)
    once = '{"request_id": "mine", "plan": {"test": "example.TestWebSite.test_boom"}}'
    other = '{"request_id": "mine", "plan": {"test": "example.TestWebSite.test_es"}}'

    first = json.loads(grpcurl("-d", once, begun.address, f"{CONTROL}/StartRun").stdout)
    second = json.loads(grpcurl("-d", once, begun.address, f"{CONTROL}/StartRun").stdout)
    refused = grpcurl("-d", other, begun.address, f"{CONTROL}/StartRun")

    assert first["run"]["runId"] == second["run"]["runId"]
    assert refused.returncode == 64 + 6
    asked = json.dumps({"run_id": first["run"]["runId"]})
    grpcurl("-d", asked, begun.address, f"{CONTROL}/WatchRun")


@pytest.mark.alone
def test_idle_cluster_costs_nearly_nothing(cluster):
    """A broker with five idle agents uses at most a few percent of a core.

    It is 0.4 to 2 percent, as fast as the machine is; nine tenths of it are gRPC's.
    """
    begun = cluster(5)
    pid = begun.broker.pid
    time.sleep(2.0)  # what starting left to do is done

    before = cpu_seconds(pid)
    time.sleep(20.0)

    assert cpu_seconds(pid) - before <= 0.8


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used."""
    import os
    from pathlib import Path

    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
