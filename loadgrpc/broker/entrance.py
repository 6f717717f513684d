"""How each call gets into a broker: it is known who calls, and they take no more than they may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from loadgrpc.broker.access import Access
from loadgrpc.broker.callers import taker_of
from loadgrpc.broker.quotas import Quotas
from loadgrpc.errors import LoadgrpcError, NotAllowed
from loadgrpc.protocol.transport import Context


class Entrance:
    """See the module. `access`: who may call what. None: nobody is asked."""

    def __init__(self, access: Access | None, quotas: Quotas) -> None:
        self._access = access
        self._quotas = quotas

    @asynccontextmanager
    async def admission(self, method: str, context: Context) -> AsyncIterator[None]:
        """See `protocol.door.Admission`."""
        try:
            with ExitStack() as stack:
                if self._access is not None:
                    await self._known(self._access, stack, method, context)
                taker = taker_of(context)
                if not taker:
                    yield
                    return
                async with self._quotas.call(method, taker):
                    yield
        except LoadgrpcError as error:
            self._quotas.failed(error)
            raise

    async def _known(self, access: Access, stack: ExitStack, method: str, context: Context) -> None:
        """Enters a call of somebody known.

        Raises:
            NotAllowed: it is not known who that is.
            OverLimit: the same, and the address has had more such calls than a caller may.
        """
        try:
            stack.enter_context(access.admission(method, context))
        except NotAllowed:
            async with self._quotas.call(method, taker_of(context)):
                raise
