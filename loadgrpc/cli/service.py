"""Running as a service: serve until the first signal, leave at once at the second."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine

from loadgrpc import verdict
from loadgrpc.cli.failure import Failure
from loadgrpc.cli.interrupts import Interrupts
from loadgrpc.errors import LoadgrpcError

CUT_OFF = 130
"""The exit code after a second signal: what was going on was not finished."""
ALLOCATIONS = 10_000
"""Garbage is collected after this many more allocations than deallocations."""


def live(serve: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> int:
    """Run `serve(stop)` with `stop` set at the first SIGINT or SIGTERM; the exit code."""
    # What is loaded stays; to look through it again and again took a tenth of a busy broker.
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS)
    return asyncio.run(_live(serve))


async def _live(serve: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> int:
    stop = asyncio.Event()
    with Interrupts() as interrupts:
        interrupts.bear(2)

        async def set_stop() -> None:
            await interrupts.wait(1)
            stop.set()

        stopping = asyncio.create_task(set_stop())
        try:
            await serve(stop)
        except asyncio.CancelledError:
            return CUT_OFF
        except LoadgrpcError as error:
            # A service that cannot start was given something impossible.
            raise Failure(str(error)) from error
        finally:
            stopping.cancel()
    return verdict.PASSED
