"""The command line of the demo server; see the package."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import signal
import sys
from typing import Final

from loadgrpc.examples.server.connection import Connection
from loadgrpc.examples.server.counts import SeenCounts

DEFAULT_PORT: Final = 9000
BACKLOG: Final = 4096


async def serve(host: str, port: int, *, while_stdin_is_open: bool = False) -> None:
    """Serves until SIGINT or SIGTERM, or until its standard input is closed."""
    counts = SeenCounts()
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if while_stdin_is_open:
        stdin = sys.stdin.fileno()
        loop.add_reader(stdin, lambda: None if os.read(stdin, 4096) else stop.set())
    server = await loop.create_server(lambda: Connection(counts), host, port, backlog=BACKLOG)
    where, bound = server.sockets[0].getsockname()[:2]
    print(f"listening on http://{f'[{where}]' if ':' in where else where}:{bound}", flush=True)
    await stop.wait()
    server.close()


def main() -> int:
    """The command line; see the package."""
    parser = argparse.ArgumentParser(
        prog="python -m loadgrpc.examples.server", description="The demo server of loadgrpc."
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: loopback)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0: a free one")
    parser.add_argument(
        "--while-stdin-is-open",
        action="store_true",
        help="end when standard input ends, so that a starter cannot leave it behind",
    )
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # the soft limit will have to do
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        asyncio.run(
            serve(options.host, options.port, while_stdin_is_open=options.while_stdin_is_open)
        )
    except OSError as problem:
        print(f"cannot listen on {options.host}:{options.port}: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
