"""The first call of a connection: whether a broker is there, and if not, why."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio

from loadgrpc.certs import TlsFiles
from loadgrpc.errors import Unavailable
from loadgrpc.protocol import handshake, status
from loadgrpc.v1 import control_pb2, control_pb2_grpc


async def greet(
    control: control_pb2_grpc.ControlServiceStub,
    endpoint: str,
    files: TlsFiles | None,
    within_s: float,
) -> None:
    """Waits for a connection while it comes and goes, but not for longer than asked.

    Raises:
        Unavailable: no broker answers in time, or another program does; says why, if that is known.
        NotAllowed: the broker does not know us.
    """
    try:
        request = control_pb2.GetBrokerRequest()
        await control.GetBroker(request, timeout=within_s, wait_for_ready=True)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            why = await asyncio.to_thread(handshake.trouble, endpoint, files)
            raise Unavailable(why or f"no broker answers at {endpoint}") from error
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            raise Unavailable(f"what answers at {endpoint} is not a broker") from error
        raise status.from_rpc_error(error) from error
