"""Errors become statuses and back, and nothing falls through."""

import asyncio

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from loadgrpc import errors
from loadgrpc.protocol import status
from loadgrpc.protocol.transport import listen, new_channel, new_server
from loadgrpc.v1 import control_pb2, control_pb2_grpc


def tree(root=errors.LoadgrpcError):
    """The error tree of loadgrpc/errors.py below its root."""
    return [
        kind
        for child in root.__subclasses__()
        if child.__module__ == "loadgrpc.errors"
        for kind in (child, *tree(child))
    ]


class Raising(control_pb2_grpc.ControlServiceServicer):
    """Raises what it is given."""

    def __init__(self, error):
        self.error = error

    async def GetBroker(self, request, context):  # noqa: N802 - the name in the proto
        raise self.error

    async def WatchRun(self, request, context):  # noqa: N802
        yield control_pb2.WatchRunResponse(run={"run_id": "r"})
        raise self.error


def failing_call(error, *, streaming=False):
    """The gRPC error that a client sees when a servicer raises `error`."""

    async def main():
        server = await new_server(["loadgrpc.v1.ControlService"])
        control_pb2_grpc.add_ControlServiceServicer_to_server(Raising(error), server)
        endpoint = listen(server, "127.0.0.1:0")
        await server.start()
        async with new_channel(endpoint) as channel:
            stub = control_pb2_grpc.ControlServiceStub(channel)
            try:
                if streaming:
                    async for _ in stub.WatchRun(control_pb2.WatchRunRequest(run_id="r")):
                        pass
                else:
                    await stub.GetBroker(control_pb2.GetBrokerRequest())
            except grpc.aio.AioRpcError as caught:
                return caught
            finally:
                await server.stop(None)
        pytest.fail("no error came")

    return asyncio.run(main())


def details(rpc_error, kind):
    """The details of one kind that came with a status."""
    found = []
    for detail in rpc_status.from_call(rpc_error).details:
        message = kind()
        if detail.Unpack(message):
            found.append(message)
    return found


def test_the_table_is_total():
    """Each error of the tree has a status, and nothing else is in the table."""
    assert set(status.TABLE) == set(tree())


@pytest.mark.parametrize("kind", tree(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("streaming", [False, True])
def test_errors_survive_the_wire(kind, streaming):
    """What a servicer raises is what a client of ours raises, with its words and its reason."""
    caught = failing_call(kind("it is so"), streaming=streaming)
    back = status.from_rpc_error(caught)

    assert caught.code() is status.TABLE[kind]
    assert type(back) is kind
    assert str(back) == "it is so"
    (info,) = details(caught, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain) == (kind.reason, "loadgrpc")


def test_reasons_are_different():
    """No two errors have the same name on the wire, and names are in capitals."""
    reasons = [kind.reason for kind in tree()]

    assert len(set(reasons)) == len(reasons)
    assert all(reason == reason.upper() for reason in reasons)


def test_subclasses_have_the_status_of_their_parent():
    """An error that another room derives is answered as its parent is, with its own reason."""

    class StoreTrouble(errors.Unavailable):
        reason = "STORE_TROUBLE"

    caught = failing_call(StoreTrouble("full"))

    assert caught.code() is grpc.StatusCode.UNAVAILABLE
    assert details(caught, error_details_pb2.ErrorInfo)[0].reason == "STORE_TROUBLE"


def test_violations_survive_the_wire():
    """Fields that are wrong travel as BadRequest, and come back as they were."""
    violations = [errors.Violation("plan.users[0]", "must be 1"), errors.Violation("x", "no")]
    caught = failing_call(errors.InvalidRequest(violations))

    (bad_request,) = details(caught, error_details_pb2.BadRequest)
    assert [v.field for v in bad_request.field_violations] == ["plan.users[0]", "x"]
    assert status.from_rpc_error(caught).violations == tuple(violations)


def test_when_to_try_again_survives_the_wire():
    """What is over a limit travels with RetryInfo, which libraries know, and comes back with it."""
    caught = failing_call(errors.OverLimit("too fast", retry_s=1.2344))

    (retry,) = details(caught, error_details_pb2.RetryInfo)
    assert retry.retry_delay.ToMilliseconds() == 1_235
    assert status.from_rpc_error(caught).retry_s == 1.235


def test_many_violations_still_arrive():
    """A thousand wrong fields, in any script, are no reason to lose the status on the way."""
    violations = [errors.Violation(f"plan.users[{at}]", "ж" * 50) for at in range(1_000)]
    caught = failing_call(errors.InvalidRequest(violations))
    back = status.from_rpc_error(caught)

    assert caught.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert back.violations[0] == violations[0]
    told = len(back.violations) - 1
    assert back.violations[-1] == errors.Violation("plan.users", f"and {1_000 - told} more")


@pytest.mark.parametrize("letter", ["x", "ж", "%"])
@pytest.mark.parametrize("kind", [errors.NotFound, errors.InvalidRequest])
def test_long_words_still_arrive(kind, letter):
    """An error that quotes something endless is cut, and keeps its status."""
    error = kind(letter * 50_000)
    if kind is errors.InvalidRequest:
        error = kind([errors.Violation("plan.test", letter * 50_000)])
    back = status.from_rpc_error(failing_call(error))

    assert type(back) is kind
    assert str(back).endswith("...")


@pytest.mark.parametrize("streaming", [False, True])
def test_a_defect_is_logged_whole_and_shown_as_internal(streaming, caplog):
    """What is not ours leaves no details on the wire, and all of them in the log."""
    caught = failing_call(ZeroDivisionError("secret"), streaming=streaming)

    assert caught.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in caught.details()
    assert "ZeroDivisionError: secret" in caplog.text
    assert type(status.from_rpc_error(caught)) is errors.LoadgrpcError


@pytest.mark.parametrize("code", ["DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL"])
def test_calls_cut_off_are_unavailable(code):
    """A call that was not answered means that the other side could not be asked."""
    metadata = grpc.aio.Metadata()
    error = grpc.aio.AioRpcError(grpc.StatusCode[code], metadata, metadata, details="late")

    assert type(status.from_rpc_error(error)) is errors.Unavailable
