"""When a process has ended, which its descriptor signals to an event loop.

Rule: this works whatever its children do. They may hold its pipes and sockets open, so that their
end says nothing.
"""

from __future__ import annotations

import asyncio
import os


async def ended(pid: int) -> None:
    """Waits until a child of ours has ended; it has yet to be waited for.

    Raises:
        ProcessLookupError: it was waited for already.
    """
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    descriptor = os.pidfd_open(pid)
    try:
        loop.add_reader(descriptor, over.set)
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
