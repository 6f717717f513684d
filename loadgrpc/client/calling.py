"""One call of a broker, and its errors as those of the house."""

from __future__ import annotations

from typing import Any, Final

import grpc.aio

from loadgrpc.protocol import status

CALL_TIMEOUT_S: Final = 30.0


async def called(method: Any, request: Any, *, timeout_s: float | None = CALL_TIMEOUT_S) -> Any:
    """The answer to a request.

    Raises:
        LoadgrpcError: the broker refuses, or cannot be reached.
    """
    try:
        return await method(request, timeout=timeout_s)
    except grpc.aio.AioRpcError as error:
        raise status.from_rpc_error(error) from error
