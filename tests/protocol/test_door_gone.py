"""Who calls and leaves while an error is on its way to them."""

import asyncio

import pytest
from grpc._cython import cygrpc

from loadgrpc.errors import NotFound
from loadgrpc.protocol import door


class Gone:
    """The context of a call whose caller has gone, of which gRPC does not know yet."""

    async def abort_with_status(self, _status):
        raise cygrpc.ExecuteBatchError("Failed")

    async def abort(self, _code, _words):
        raise cygrpc.ExecuteBatchError("Failed")


@pytest.mark.parametrize("error", [NotFound("no run"), ValueError("a defect")])
def test_who_has_gone_is_not_told_and_nothing_is_logged_of_that(error):
    """The call counts as cancelled: gRPC logs a traceback of anything else."""

    async def method(_request, _context):
        raise error

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(door._one(method, door._streamed)(None, Gone()))
