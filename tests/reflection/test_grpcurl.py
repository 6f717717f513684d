"""What a stranger sees who has grpcurl and the address of a server.

Each test is asked of a server as it is, which grpcurl speaks v1 with, and of one without v1,
where it falls back to v1alpha.
"""

import subprocess
from pathlib import Path

import pytest
from grpc_tools import protoc

from loadgrpc.reflection import Catalog, packaged, read

PACKAGE = "loadgrpc.v1"


@pytest.fixture(params=["v1", "v1alpha"])
def grpcurl(live, tool, only_v1alpha, request):
    """Runs grpcurl with flags, the live server's address and arguments; returns what it printed."""
    program = tool("grpcurl")
    interceptors = [only_v1alpha] if request.param == "v1alpha" else []

    def run(*arguments, flags=(), registry=packaged):
        done = live(
            lambda target: subprocess.run(
                [program, "-plaintext", "-max-time", "20", *flags, target, *arguments],
                capture_output=True,
                text=True,
                check=False,
            ),
            registry=registry,
            interceptors=interceptors,
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
        "loadgrpc.v1.AccessService",
        "loadgrpc.v1.CampaignService",
        "loadgrpc.v1.ControlService",
        "loadgrpc.v1.FleetService",
        "loadgrpc.v1.RunnerService",
        "loadgrpc.v1.ScheduleService",
    ]


def test_list_methods(grpcurl):
    """`grpcurl list` of a service prints its methods."""
    assert grpcurl("list", f"{PACKAGE}.RunnerService").split() == [
        f"{PACKAGE}.RunnerService.GetAssignment",
        f"{PACKAGE}.RunnerService.PublishEvents",
    ]


def test_describe_everything(grpcurl, served):
    """`grpcurl describe` without a symbol describes every service, reflection v1 included."""
    printed = grpcurl("describe")
    for service in [*served, "grpc.reflection.v1.ServerReflection"]:
        assert f"{service} is a service:" in printed


DESCRIBED = {
    # symbol: what the first line says it is, and lines of what follows, comments among them
    "ControlService": (
        "a service",
        "// ControlService starts, watches and stops runs.",
        "// StartRun checks a plan",
        "rpc StartRun ( .loadgrpc.v1.StartRunRequest ) returns ( .loadgrpc.v1.StartRunResponse );",
    ),
    "FleetService": ("a service", "// Connect is the agent's one long-lived stream."),
    "RunnerService": ("a service", "rpc GetAssignment ( .loadgrpc.v1.GetAssignmentRequest )"),
    "ControlService.StartRun": (
        "a method",
        "// StartRun checks a plan",
        "rpc StartRun ( .loadgrpc.v1.StartRunRequest )",
    ),
    "RunnerService.PublishEvents": (
        "a method",
        "( stream .loadgrpc.v1.PublishEventsRequest )",
        "returns ( stream .loadgrpc.v1.PublishEventsResponse )",
    ),
    "StartRunRequest": ("a message", "// Asks for a run.", "message StartRunRequest {"),
    "RunSpec.test": ("a field", "//", "string test = "),
    "Run.state": ("a field", ".loadgrpc.v1.RunState state = "),
    "RunState": ("an enum", "//", "RUN_STATE_UNSPECIFIED = 0;"),
    "Event.event": ("a one-of", "oneof event {"),
}


@pytest.mark.parametrize("symbol", DESCRIBED)
def test_describe(grpcurl, symbol):
    """`grpcurl describe` knows symbols of every kind, and prints our comments."""
    kind, *lines = DESCRIBED[symbol]
    headline, *printed = grpcurl("describe", f"{PACKAGE}.{symbol}").splitlines()
    assert headline == f"{PACKAGE}.{symbol} is {kind}:"
    text = " ".join(" ".join(printed).split())
    for line in lines:
        assert line in text


def test_describe_enum_value(grpcurl):
    """An enum value is asked for beside its enum, as in C++, and printed below it."""
    printed = grpcurl("describe", f"{PACKAGE}.RUN_STATE_UNSPECIFIED").splitlines()
    assert printed[0] == f"{PACKAGE}.RunState.RUN_STATE_UNSPECIFIED is an enum value:"


@pytest.mark.parametrize("symbol", ["google.rpc.ErrorInfo", "google.rpc.BadRequest.FieldViolation"])
def test_describe_error_details(grpcurl, symbol):
    """What errors carry is described too."""
    assert grpcurl("describe", symbol).startswith(f"{symbol} is a message:\n")


def test_template(grpcurl):
    """`-msg-template` prints a request to fill in."""
    printed = grpcurl("describe", f"{PACKAGE}.StartRunRequest", flags=["-msg-template"])
    assert '"test": ""' in printed


def test_types_that_a_run_brings(grpcurl, tmp_path):
    """What a compiler wrote and a run brought is described, with its comments and its imports."""
    (tmp_path / "shop.proto").write_text("""
        syntax = "proto3";
        package shop;
        import "google/protobuf/timestamp.proto";
        // Sold is told for each sale.
        message Sold { google.protobuf.Timestamp at = 1; }
    """)
    compiled = tmp_path / "shop.binpb"
    bundled = Path(protoc.__file__).parent / "_proto"
    folders = [f"-I{tmp_path}", f"-I{bundled}"]
    what = ["--include_imports", "--include_source_info", f"-o{compiled}", "shop.proto"]
    assert protoc.main(["protoc", *folders, *what]) == 0
    catalog = Catalog()
    catalog.bring("r-1", [file.serialized for file in read(compiled)])

    printed = grpcurl("describe", "shop.Sold", registry=catalog.current)

    assert "// Sold is told for each sale." in printed
    assert ".google.protobuf.Timestamp at = 1;" in printed


def comments(text):
    """The lines of comments in a proto, without those before its package."""
    lines = (line.strip() for line in text.partition("\npackage ")[2].splitlines())
    return [line for line in lines if line.startswith("//")]


def test_export_protos(grpcurl, tmp_path, root):
    """`-proto-out-dir` hands out all that is served: it compiles, and has every comment of ours."""
    grpcurl("list", flags=["-proto-out-dir", str(tmp_path)])
    exported = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*.proto")}
    assert "grpc/reflection/v1/reflection.proto" in exported
    for source in (root / "protos").rglob("*.proto"):
        text = exported[str(source.relative_to(root / "protos"))].read_text()
        assert set(comments(source.read_text())) <= set(comments(text))
    compiled = str(tmp_path / "compiled.binpb")
    assert protoc.main(["protoc", f"-I{tmp_path}", f"-o{compiled}", *exported]) == 0
