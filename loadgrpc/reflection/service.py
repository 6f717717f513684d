"""The reflection service, under both of its names.

Rule: an error is an answer, and the stream goes on. grpc.reflection.v1 and v1alpha are the
same on the wire, so one handler with v1alpha's messages serves both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from operator import methodcaller
from typing import Any, Final

import grpc
import grpc.aio

from loadgrpc.errors import InvalidRequest, NotFound
from loadgrpc.reflection.packaged import packaged
from loadgrpc.reflection.registry import Registry

SERVICES: Final = (
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
)

_CODES: Final = {
    NotFound: grpc.StatusCode.NOT_FOUND,
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
}
"""What a registry raises when it is asked. Answers carry a number, not a call's status."""


def add_reflection(
    server: grpc.aio.Server | grpc.Server,
    services: Sequence[str],
    registry: Callable[[], Registry] = packaged,
) -> None:
    """Makes `server` answer reflection.

    `services` are the full names of what else the server serves, health included; the two
    reflection services are listed besides. `registry` is called for each answer.
    """
    listed = sorted({*services, *SERVICES})

    async def serve(requests: AsyncIterator[Any], _: object) -> AsyncIterator[Any]:
        async for request in requests:
            yield answer(request, listed, registry())

    def serve_in_thread(requests: Iterator[Any], _: object) -> Iterator[Any]:
        for request in requests:
            yield answer(request, listed, registry())

    handler = grpc.stream_stream_rpc_method_handler(
        serve_in_thread if isinstance(server, grpc.Server) else serve,
        request_deserializer=_parse,
        response_serializer=methodcaller("SerializeToString"),
    )
    server.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": handler})
            for service in SERVICES
        )
    )


def answer(request: Any, services: Sequence[str], registry: Registry) -> Any:
    """The ServerReflectionResponse to a ServerReflectionRequest."""
    from grpc_reflection.v1alpha import reflection_pb2  # noqa: PLC0415 - see packaged.py

    response = reflection_pb2.ServerReflectionResponse(
        valid_host=request.host, original_request=request
    )
    files = response.file_descriptor_response.file_descriptor_proto
    try:
        match request.WhichOneof("message_request"):
            case "file_by_filename":
                files.extend(registry.file_by_name(request.file_by_filename))
            case "file_containing_symbol":
                files.extend(registry.file_containing_symbol(request.file_containing_symbol))
            case "file_containing_extension":
                asked = request.file_containing_extension
                files.extend(
                    registry.file_containing_extension(
                        asked.containing_type, asked.extension_number
                    )
                )
            case "all_extension_numbers_of_type":
                base_type = request.all_extension_numbers_of_type
                numbers = registry.all_extension_numbers(base_type)
                response.all_extension_numbers_response.base_type_name = base_type
                response.all_extension_numbers_response.extension_number.extend(numbers)
            case "list_services":
                for service in services:
                    response.list_services_response.service.add(name=service)
            case _:
                _refuse(response, grpc.StatusCode.UNIMPLEMENTED, "the request asks for nothing")
    except (NotFound, InvalidRequest) as error:
        _refuse(response, _CODES[type(error)], str(error))
    return response


def _refuse(response: Any, code: grpc.StatusCode, message: str) -> None:
    response.error_response.error_code = code.value[0]
    response.error_response.error_message = message


def _parse(request: bytes) -> Any:
    from grpc_reflection.v1alpha import reflection_pb2  # noqa: PLC0415 - see packaged.py

    return reflection_pb2.ServerReflectionRequest.FromString(request)
