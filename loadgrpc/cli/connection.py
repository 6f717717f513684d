"""Asking a broker: connect, ask, and say what is wrong when that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, TypeVar

from loadgrpc.cli import credential_options
from loadgrpc.cli.failure import failure_of
from loadgrpc.errors import LoadgrpcError

if TYPE_CHECKING:
    from loadgrpc.client import Client

T = TypeVar("T")


def connect(endpoint: str) -> AbstractAsyncContextManager[Client]:
    """A client of the broker at `endpoint`, connected when it is entered.

    Raises:
        Failure: certificates cannot be used.
    """
    from loadgrpc.client import Client  # noqa: PLC0415 - gRPC is heavy

    with credential_options.usable():
        return Client.connect(endpoint, credentials=credential_options.credentials())


def ask(broker: str, question: Callable[[Client], Awaitable[T]]) -> T:
    """Connects to the broker at this address, asks, and returns the answer.

    Raises:
        Failure: the broker could not be reached, or refused.
    """
    return asyncio.run(_ask(broker, question))


async def _ask(broker: str, question: Callable[[Client], Awaitable[T]]) -> T:
    try:
        async with connect(broker) as client:
            return await question(client)
    except LoadgrpcError as error:
        raise failure_of(error, broker) from error
