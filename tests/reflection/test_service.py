"""What a client gets from a live server."""

import subprocess
import sys

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_reflection.v1alpha.reflection_pb2 import (
    ExtensionRequest,
    ServerReflectionRequest,
)

from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol.status import TABLE, to_status
from loadgrpc.reflection import packaged

V1 = "grpc.reflection.v1.ServerReflection"
V1ALPHA = "grpc.reflection.v1alpha.ServerReflection"


def test_list_services(ask, served):
    """The list is what the server serves and both reflection services, sorted."""
    (response,) = ask(ServerReflectionRequest(list_services="*"))
    listed = [service.name for service in response.list_services_response.service]
    assert listed == sorted([*served, V1, V1ALPHA])


def test_files(ask):
    """File, symbol and method each answer the file first, then all that it imports, once."""
    responses = ask(
        ServerReflectionRequest(file_by_filename="loadgrpc/v1/control.proto"),
        ServerReflectionRequest(file_containing_symbol="loadgrpc.v1.ControlService"),
        ServerReflectionRequest(file_containing_symbol="loadgrpc.v1.ControlService.StartRun"),
    )
    for response in responses:
        files = [
            FileDescriptorProto.FromString(serialized).name
            for serialized in response.file_descriptor_response.file_descriptor_proto
        ]
        assert files[0] == "loadgrpc/v1/control.proto"
        assert len(files) == len(set(files))
        assert {"loadgrpc/v1/run.proto", "google/protobuf/duration.proto"} < set(files)


def test_comments(ask):
    """The comment of a method comes back with its file."""
    (response,) = ask(
        ServerReflectionRequest(file_containing_symbol="loadgrpc.v1.ControlService.StartRun")
    )
    described = FileDescriptorProto.FromString(
        response.file_descriptor_response.file_descriptor_proto[0]
    )
    # The first method of the first service: service is field 6 of a file, method 2 of a service.
    assert described.service[0].method[0].name == "StartRun"
    (comment,) = (
        location.leading_comments
        for location in described.source_code_info.location
        if location.path == [6, 0, 2, 0]
    )
    assert comment.startswith(" StartRun checks a plan")


def test_errors_are_answers(ask):
    """Each wrong request gets its code in band, and the stream goes on."""
    extension = ExtensionRequest(containing_type="loadgrpc.v1.RunSpec", extension_number=7)
    expected = {
        "file_by_filename": ("no.proto", grpc.StatusCode.NOT_FOUND),
        "file_containing_symbol": ("no.Symbol", grpc.StatusCode.NOT_FOUND),
        "file_containing_extension": (extension, grpc.StatusCode.NOT_FOUND),
        "all_extension_numbers_of_type": ("no.Type", grpc.StatusCode.INVALID_ARGUMENT),
    }
    *refused, unset, last = ask(
        *(ServerReflectionRequest(**{field: value}) for field, (value, _) in expected.items()),
        ServerReflectionRequest(),
        ServerReflectionRequest(file_containing_symbol="google.rpc.BadRequest"),
    )
    codes = [response.error_response.error_code for response in refused]
    assert codes == [code.value[0] for _, code in expected.values()]
    assert refused[1].error_response.error_message == "no symbol no.Symbol"
    assert unset.error_response.error_code == grpc.StatusCode.UNIMPLEMENTED.value[0]
    assert last.HasField("file_descriptor_response")


def test_echo(ask):
    """Every answer, an error too, repeats the host and the whole request."""
    requests = [
        ServerReflectionRequest(host="example.org", list_services=""),
        ServerReflectionRequest(host="example.com", file_by_filename="no.proto"),
    ]
    responses = ask(*requests)
    assert [response.valid_host for response in responses] == ["example.org", "example.com"]
    assert [response.original_request for response in responses] == requests


def test_no_extension_numbers(ask):
    """A message without extensions is answered by its name and no numbers."""
    (response,) = ask(ServerReflectionRequest(all_extension_numbers_of_type="loadgrpc.v1.RunSpec"))
    assert response.HasField("all_extension_numbers_response")
    assert response.all_extension_numbers_response.base_type_name == "loadgrpc.v1.RunSpec"
    assert not response.all_extension_numbers_response.extension_number


def test_details_of_errors(ask):
    """Whatever our errors carry as Any can be looked up, so grpcurl prints it decoded."""
    invalid = InvalidRequest([Violation("plan.users", "too few")])
    statuses = [to_status(error) for error in [invalid, *(kind("no") for kind in TABLE)]]
    carried = {any_.TypeName() for status in statuses for any_ in status.details}
    assert {"google.rpc.BadRequest", "google.rpc.ErrorInfo"} <= carried
    for response in ask(*(ServerReflectionRequest(file_containing_symbol=t) for t in carried)):
        assert response.HasField("file_descriptor_response")


def test_threaded_server(live, live_in_threads, stream, version):
    """A server of gRPC's threaded kind gives the same answers, errors too."""
    requests = [
        ServerReflectionRequest(host="example.org", list_services=""),
        ServerReflectionRequest(file_by_filename="loadgrpc/v1/control.proto"),
        ServerReflectionRequest(file_containing_symbol="loadgrpc.v1.ControlService.StartRun"),
        ServerReflectionRequest(file_containing_symbol="no.Symbol"),
        ServerReflectionRequest(all_extension_numbers_of_type="loadgrpc.v1.RunSpec"),
        ServerReflectionRequest(),
    ]

    def use(target):
        return stream(target, version, requests)

    answers = live_in_threads(use)
    assert len(answers) == len(requests)
    assert answers == live(use)


def test_v1_messages(live, stream):
    """A client with v1's own messages is understood: they are what the server describes."""
    pool = DescriptorPool()
    for serialized in packaged().file_containing_symbol(V1):
        pool.AddSerializedFile(serialized)
    method = pool.FindServiceByName(V1).methods_by_name["ServerReflectionInfo"]
    request = GetMessageClass(method.input_type)(host="h", list_services="*")
    response_type = GetMessageClass(method.output_type)
    (response,) = live(lambda target: stream(target, V1, [request], response_type))
    assert response.valid_host == "h"
    assert response.original_request == request
    assert V1 in [service.name for service in response.list_services_response.service]


def test_client_of_grpcio(live, served):
    """The client of grpcio finds services, methods, error details and extension numbers."""

    def use(target):
        with grpc.insecure_channel(target) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            pool = DescriptorPool(database)
            assert set(served) < set(database.get_services())
            for service in database.get_services():
                assert pool.FindServiceByName(service).methods
            method = pool.FindMethodByName("loadgrpc.v1.ControlService.StartRun")
            assert method.input_type.full_name == "loadgrpc.v1.StartRunRequest"
            violations = pool.FindMessageTypeByName("google.rpc.BadRequest").fields[0]
            assert violations.name == "field_violations"
            assert list(database.FindAllExtensionNumbers("loadgrpc.v1.RunSpec")) == []

    live(use)


def test_import_is_light():
    """To import reflection and to add it to a server loads no descriptors but protobuf's own."""
    program = """if True:
        import asyncio, sys
        import grpc.aio
        from loadgrpc.reflection import add_reflection

        async def main():
            add_reflection(grpc.aio.server(), ["a.Service"])

        asyncio.run(main())
        print(*(name for name in sys.modules if name.endswith("_pb2")))
    """
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert printed.stdout.split() == ["google.protobuf.descriptor_pb2"]
