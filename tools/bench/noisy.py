"""A server whose answers take a while, and never equally long: GET /NAME/FACTOR.

    python -m bench.noisy

Times are lognormal around 20 ms (sigma 0.5), multiplied by the factor. What is noise beside that
is the noise of the machine: the server waits in one event loop for whoever asks.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
from typing import Final

MEDIAN_S: Final = 0.02
SIGMA: Final = 0.5
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def factor_of(head: bytes) -> float:
    """What the path of a request ends with."""
    path = head.split(b" ", 2)[1]
    return float(path.rpartition(b"/")[2])


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers the requests of a connection."""
    chance = random.Random()  # noqa: S311 - not for secrets
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            wait_s = MEDIAN_S * factor_of(head) * math.exp(chance.gauss(0, SIGMA))
            await asyncio.sleep(wait_s)
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # whoever asked is gone
    finally:
        writer.close()


async def main() -> None:
    """Serves on a free port of this machine, which it prints, until it is ended."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
