"""What a stranger sees who has grpcurl and the address of a server."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from grpc_tools import protoc


def installed():
    """The path of grpcurl, if it is there."""
    found = shutil.which("grpcurl")
    if not found and shutil.which("go"):
        gopath = subprocess.run(["go", "env", "GOPATH"], capture_output=True, text=True, check=True)
        found = shutil.which("grpcurl", path=Path(gopath.stdout.strip()) / "bin")
    return found


@pytest.fixture
def grpcurl(live):
    """Runs grpcurl with flags, the live server's address and arguments; returns what it printed."""
    command = installed()
    if not command:
        missing = "grpcurl is neither on PATH nor in `go env GOPATH`/bin"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)

    def run(*arguments, flags=()):
        done = live(
            lambda target: subprocess.run(
                [command, "-plaintext", "-max-time", "20", *flags, target, *arguments],
                capture_output=True,
                text=True,
                check=False,
            )
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_list(grpcurl):
    """`grpcurl list` prints every service of the server, sorted."""
    assert grpcurl("list").split() == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "loadgrpc.v1.ControlService",
        "loadgrpc.v1.FleetService",
        "loadgrpc.v1.RunnerService",
    ]


def test_describe_everything(grpcurl, served):
    """`grpcurl describe` without a symbol describes every service, reflection v1 included."""
    printed = grpcurl("describe")
    for service in [*served, "grpc.reflection.v1.ServerReflection"]:
        assert f"{service} is a service:" in printed


def test_describe_method(grpcurl):
    """`grpcurl describe` of a method prints its signature under its comment."""
    printed = grpcurl("describe", "loadgrpc.v1.ControlService.StartRun")
    assert "loadgrpc.v1.ControlService.StartRun is a method:" in printed
    assert "// StartRun checks a plan" in printed
    assert "rpc StartRun ( .loadgrpc.v1.StartRunRequest )" in printed


@pytest.mark.parametrize(
    ("symbol", "headline"),
    [
        ("loadgrpc.v1.RunSpec", "loadgrpc.v1.RunSpec is a message:"),
        ("loadgrpc.v1.RunSpec.test", "loadgrpc.v1.RunSpec.test is a field:"),
        ("loadgrpc.v1.Event.event", "loadgrpc.v1.Event.event is a one-of:"),
        ("loadgrpc.v1.RunState", "loadgrpc.v1.RunState is an enum:"),
        (
            # Asked for beside its enum, printed below it.
            "loadgrpc.v1.RUN_STATE_UNSPECIFIED",
            "loadgrpc.v1.RunState.RUN_STATE_UNSPECIFIED is an enum value:",
        ),
        ("google.rpc.BadRequest", "google.rpc.BadRequest is a message:"),
        (
            "google.rpc.BadRequest.FieldViolation",
            "google.rpc.BadRequest.FieldViolation is a message:",
        ),
    ],
)
def test_describe_every_kind(grpcurl, symbol, headline):
    """`grpcurl describe` knows symbols of every kind."""
    assert grpcurl("describe", symbol).splitlines()[0] == headline


def test_export_protos(grpcurl, tmp_path):
    """`grpcurl -proto-out-dir` hands out all that is served, with comments, and it compiles."""
    grpcurl("list", flags=["-proto-out-dir", str(tmp_path)])
    assert "// Asks for a run." in (tmp_path / "loadgrpc/v1/control.proto").read_text()
    exported = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.proto")]
    assert "grpc/reflection/v1/reflection.proto" in exported
    compiled = str(tmp_path / "compiled.binpb")
    assert protoc.main(["protoc", f"-I{tmp_path}", f"-o{compiled}", *exported]) == 0
