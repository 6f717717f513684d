"""How the bytes of a bundle get to a broker, which may have some of them. Rule: as in `client`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import grpc
import grpc.aio

from loadgrpc.bundle.pack import Bundle
from loadgrpc.client.calling import CALL_TIMEOUT_S
from loadgrpc.errors import Unavailable
from loadgrpc.protocol import bounds, bundles, status
from loadgrpc.v1 import control_pb2, control_pb2_grpc


async def known_bundle(
    control: control_pb2_grpc.ControlServiceStub, sha256: str
) -> control_pb2.GetBundleResponse:
    """What the broker has of a bundle."""
    request = control_pb2.GetBundleRequest(sha256=sha256)
    try:
        response: control_pb2.GetBundleResponse = await control.GetBundle(
            request, timeout=CALL_TIMEOUT_S
        )
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            raise Unavailable(
                "the broker is too old to take the files of a test: update it, or send none"
                " (--no-ship)"
            ) from error
        raise status.from_rpc_error(error) from error
    return response


async def send_bundle(
    control: control_pb2_grpc.ControlServiceStub,
    bundle: Bundle,
    at: int,
    on_progress: Callable[[int], None],
) -> None:
    """Sends the bytes of a bundle from a place on."""
    call = control.UploadBundle()
    try:
        while True:  # also if only the check of all the bytes is missing
            on_progress(at)
            bundle.file.seek(at)
            chunk = bundle.file.read(bounds.MAX_CHUNK_BYTES)
            piece = bundles.Piece(bundle.sha256, bundle.size, at, chunk)
            await call.write(bundles.piece_to_proto(piece))
            at += len(chunk)
            if at >= bundle.size:
                break
        await call.done_writing()
    except (asyncio.InvalidStateError, grpc.aio.AioRpcError):
        pass  # it is over: its status says why
    try:
        await call
    except grpc.aio.AioRpcError as error:
        raise status.from_rpc_error(error) from error
    finally:
        call.cancel()
