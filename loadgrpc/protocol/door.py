"""The door of a server: every call of every service comes in and goes out here.

Rule: bytes that cannot be parsed, and messages over their bound, never reach a servicer; an
exception of a servicer becomes a status here and nowhere else. So no client ever sees UNKNOWN,
and INTERNAL only for a defect of ours, which is logged whole. Who may call what is decided here,
too, once for each call: by whoever a server has for that, and before anything of a request counts.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from loadgrpc.errors import InvalidRequest, LoadgrpcError
from loadgrpc.protocol import bounds, raw, status, wire
from loadgrpc.protocol.bounds import MAX_REQUEST_BYTES, REQUEST_BYTES

_log = logging.getLogger(__name__)

Admission: TypeAlias = Callable[[str, Any], AbstractAsyncContextManager[None]]
"""Called with the path of a method and the context of a call, which lasts as long as what it
returns is entered. Raises NotAllowed, Forbidden or OverLimit."""
Enter: TypeAlias = Callable[[Any], AbstractAsyncContextManager[None]]
"""The same, of one method."""
Taken: TypeAlias = Callable[[AsyncIterator[Any]], Awaitable[Any]]
"""From the messages of a call to what its method takes."""
REQUEST_S: Final = 10.0
"""How long a call may take to send its only request."""
_EVERYBODY: Final = nullcontext()


@dataclass(frozen=True)
class Unreadable:
    """What came instead of a message."""

    error: InvalidRequest


class Gone(logging.Filter):
    """Logs in one line what gRPC logs with a traceback: a client left before its answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record of gRPC's is to be logged as it is."""
        error = record.exc_info[1] if record.exc_info else None
        if type(error).__name__ != "ExecuteBatchError":
            return True
        _log.debug("a client left before it had its answer")
        return False


_GONE: Final = Gone()


class Door(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # no types are published
    """See the module."""

    def __init__(self, admission: Admission | None = None) -> None:
        self._admission = admission
        logging.getLogger("grpc._cython.cygrpc").addFilter(_GONE)

    async def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        """See grpc.aio."""
        handler = await continuation(details)
        return handler and _guarded(handler, details.method, self._admission)


def _guarded(handler: Any, method: str, admission: Admission | None) -> Any:
    """A handler of a method that never sees what cannot be read, nor who may not call it."""
    enter = _everybody if admission is None else functools.partial(admission, method)
    read = handler.request_deserializer
    if read is not None and method == f"/{raw.SERVICE}/PublishEvents":
        read = functools.partial(_caught, raw.read)
    elif read is not None:
        most_bytes = REQUEST_BYTES.get(method, MAX_REQUEST_BYTES)
        read = functools.partial(_caught, functools.partial(_read, read, most_bytes))
    codec = {
        "request_deserializer": read,
        "response_serializer": handler.response_serializer,
    }
    # gRPC would wait for the only request of a call for as long as the client likes, and ask us
    # only then. So all requests are streams to it: a call is entered first, and waits here.
    taken = _streamed if handler.request_streaming else _only
    if not handler.response_streaming:
        one = _one(handler.stream_unary or handler.unary_unary, taken, enter)
        return grpc.stream_unary_rpc_method_handler(one, **codec)
    many = _many(handler.stream_stream or handler.unary_stream, taken, enter)
    return grpc.stream_stream_rpc_method_handler(many, **codec)


def _everybody(_context: Any) -> AbstractAsyncContextManager[None]:
    return _EVERYBODY


def _caught(read: Callable[[bytes], Any], data: bytes) -> Any:
    """What is read, or what is wrong with it: gRPC would answer UNKNOWN to whatever is raised."""
    try:
        return read(data)
    except InvalidRequest as error:
        return Unreadable(error)


def _read(read: Callable[[bytes], Any], most_bytes: int, data: bytes) -> Any:
    """A message within its bounds.

    Raises:
        InvalidRequest: the bytes are none, or it is not.
    """
    kind = getattr(read, "__self__", None)
    name = "request" if kind is None else kind.DESCRIPTOR.name
    whole = data
    if len(data) > most_bytes and kind is not None:
        whole = wire.shortened(kind, data) or data
    if len(whole) > most_bytes:
        raise InvalidRequest(f"a {name} has {len(data):,} bytes, more than {most_bytes:,}")
    try:
        message = read(whole)
    except DecodeError as error:
        if kind is not None:
            raise wire.unreadable(kind, whole) from None
        raise InvalidRequest(f"the bytes cannot be parsed as {name}: {error}") from None
    bounds.check(message)
    return message


def _one(
    method: Callable[[Any, Any], Any], taken: Taken, enter: Enter = _everybody
) -> Callable[[Any, Any], Any]:
    """A method with one answer, whose errors are statuses."""

    async def answered(requests: AsyncIterator[Any], context: Any) -> Any:
        try:
            async with enter(context):
                return await method(await taken(requests), context)
        except Exception as error:  # noqa: BLE001 - logged and answered
            await _abort(context, error)

    return answered


def _many(
    method: Callable[[Any, Any], Any], taken: Taken, enter: Enter = _everybody
) -> Callable[[Any, Any], Any]:
    """As above, of a method with a stream of answers: a generator, or one that writes them."""

    async def written(requests: AsyncIterator[Any], context: Any) -> None:
        try:
            async with enter(context):
                await method(await taken(requests), context)
        except Exception as error:  # noqa: BLE001 - logged and answered
            await _abort(context, error)

    async def streamed(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        try:
            async with enter(context):
                async for response in method(await taken(requests), context):
                    yield response
        except Exception as error:  # noqa: BLE001 - logged and answered
            await _abort(context, error)

    return streamed if inspect.isasyncgenfunction(method) else written


async def _only(requests: AsyncIterator[Any]) -> Any:
    """The request of a call that has one.

    Raises:
        InvalidRequest: it cannot be read; or none came, or not in time.
    """
    try:
        async with asyncio.timeout(REQUEST_S):
            request = await anext(aiter(requests), None)
    except TimeoutError:
        raise InvalidRequest(f"no request came within {REQUEST_S:g} s") from None
    if request is None:
        raise InvalidRequest("there is no request")
    if isinstance(request, Unreadable):
        raise request.error
    return request


async def _streamed(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The requests of a call that has several; raises what is wrong with one."""
    return _each_readable(requests)


async def _each_readable(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        if isinstance(request, Unreadable):
            raise request.error
        yield request


async def _abort(context: Any, error: Exception) -> NoReturn:
    try:
        await _tell(context, error)
    except grpc.aio.InternalError:
        # The caller has just gone. gRPC would log a traceback; it does not for a cancelled call.
        raise asyncio.CancelledError from None
    raise AssertionError("abort returned")


async def _tell(context: Any, error: Exception) -> None:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, LoadgrpcError):
        from grpc_status import rpc_status  # noqa: PLC0415 - a run without errors does not need it

        await context.abort_with_status(rpc_status.to_status(status.to_status(error)))
    else:
        _log.error("a defect of loadgrpc: please report it", exc_info=error)
        await context.abort(grpc.StatusCode.INTERNAL, status.DEFECT)
