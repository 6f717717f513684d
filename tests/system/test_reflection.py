"""Clients in other languages call a running broker, by reflection alone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import grpc
import pytest
import toolbox
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

pytestmark = pytest.mark.system

CONTROL = "loadgrpc.v1.ControlService"
SERVICES = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "loadgrpc.v1.AccessService",
    "loadgrpc.v1.CampaignService",
    CONTROL,
    "loadgrpc.v1.FleetService",
    "loadgrpc.v1.RunnerService",
    "loadgrpc.v1.ScheduleService",
]


def call(*command: str, env: dict[str, str] | None = None) -> dict:
    """The JSON document that a command prints; it has to succeed."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(env or {})},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_ghz(tool, cluster):
    """ghz, which asks for the symbol of the method, loads the broker by name."""
    ghz = tool("ghz")
    begun = cluster(0)

    report = call(
        *(ghz, "--insecure", "--call", f"{CONTROL}.ListRuns"),
        *("-d", '{"page_size": 3}', "-n", "20", "-c", "2", "-O", "json", begun.address),
    )

    assert report["count"] == 20
    assert report["statusCodeDistribution"] == {"OK": 20}


@pytest.fixture
def node_modules(lacks) -> Path:
    """Where packages of Node are; without one of them, see `lacks`."""
    modules = toolbox.node_modules()
    for package in ("@grpc/grpc-js", "@grpc/proto-loader"):
        if not (modules / package).is_dir():
            lacks(f"needs {package}, which `make tools` installs")
    return modules


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_grpc_js(tool, node_modules, cluster, version):
    """grpc-js, without generated code, lists services and calls a method by its name."""
    begun = cluster(1)
    script = str(Path(__file__).with_name("reflect.js"))

    seen = call(
        *(tool("node"), script, begun.address, version, f"{CONTROL}.ListAgents", "{}"),
        env={"NODE_PATH": str(node_modules)},
    )

    assert seen["services"] == SERVICES
    (agent,) = seen["response"]["agents"]
    assert agent["state"] == "AGENT_STATE_IDLE"


def test_grpcio(cluster):
    """So does grpcio, with the database of its reflection package."""
    begun = cluster(1)
    with grpc.insecure_channel(begun.address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        method = DescriptorPool(database).FindMethodByName(f"{CONTROL}.ListAgents")
        list_agents = channel.unary_unary(
            f"/{CONTROL}/ListAgents",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        response = list_agents(GetMessageClass(method.input_type)(), timeout=20)
        listed = list(database.get_services())

    assert listed == SERVICES
    assert len(response.agents) == 1


def test_list_is_what_is_registered(cluster):
    """Every method of every listed service can be called."""
    begun = cluster(0)
    with grpc.insecure_channel(begun.address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        methods = [
            f"/{service}/{method.name}"
            for service in database.get_services()
            for method in pool.FindServiceByName(service).methods
        ]
        # What is no protobuf gets as far as the method, if there is one, and ends there.
        codes = {name: code_of(channel, name, b"\xff") for name in [*methods, "/no.Service/Method"]}

    assert codes.pop("/no.Service/Method") is grpc.StatusCode.UNIMPLEMENTED
    assert len(codes) > len(SERVICES)
    assert grpc.StatusCode.UNIMPLEMENTED not in codes.values(), codes


def code_of(channel: grpc.Channel, method: str, request: bytes) -> grpc.StatusCode:
    """The code that a call with these bytes ends with."""
    answers = channel.stream_stream(method)(iter([request]), timeout=20)
    try:
        for _ in answers:
            pass
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK
