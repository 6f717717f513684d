"""What viewers of the page cost a broker, and how far they are behind: `python -m bench.viewers`.

A broker with its page, an agent, and a run against the demo server at a given rate, all of them
processes of their own. Viewers are connections that read the event stream of the run, as browsers
do. The CPU time of the broker's process is read from /proc with none, with one and with many.

A window is of one second; it is behind by the time from its end to the message with it. The first
hits of it are a second older then.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench import process

TEST: Final = "loadgrpc.examples.demo.TestDemo.test_browse"
SETTLE_S: Final = 4.0
MEASURE_S: Final = 15.0


async def main() -> None:
    """Prints a line for each number of viewers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, nargs="*", default=[0, 1, 20])
    parser.add_argument("--rate", type=int, default=200, help="arrivals per second")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(
            process.background(
                [sys.executable, "-m", "loadgrpc.examples.server", "--port", "0"],
                log=folder / "server.log",
            )
        )
        url = process.wait_for_line(server, folder / "server.log", "listening on ").split()[-1]
        listen = ["--listen", "127.0.0.1:0", "--store", str(folder / "runs.db")]
        broker = stack.enter_context(
            process.background(
                [sys.executable, "-m", "loadgrpc", "broker", *listen, "--web", "127.0.0.1:0"],
                log=folder / "broker.log",
            )
        )
        page = process.wait_for_line(broker, folder / "broker.log", "the page is at").split()[-1]
        line = process.wait_for_line(broker, folder / "broker.log", "listening on")
        endpoint = re.findall(r"listening on ([\d.:]+)", line)[0]
        where = ["-b", endpoint, "--state-dir", str(folder / "agent")]
        agent = stack.enter_context(
            process.background(
                [sys.executable, "-m", "loadgrpc", "agent", *where],
                log=folder / "agent.log",
            )
        )
        process.wait_for_line(agent, folder / "agent.log", "connected")
        run_id = start(endpoint, url, asked.rate)
        await asyncio.sleep(SETTLE_S)
        for viewers in asked.viewers:
            used, behind = await cost(broker.pid, page, run_id, viewers)
            late = (
                f", behind {behind[0]:.2f} s (median), {behind[1]:.2f} s (most)" if behind else ""
            )
            print(f"{viewers:3} viewers: {100 * used:5.2f} % of a core{late}", flush=True)
        stop = [sys.executable, "-m", "loadgrpc", "stop", run_id, "-b", endpoint, "--kill"]
        await asyncio.to_thread(subprocess.run, stop, check=True, capture_output=True)


def start(endpoint: str, url: str, rate: int) -> str:
    """Starts the run; its id."""
    load = ["--load", f"{rate}/s for 30m", "--max-users", "200", "-H", url]
    command = [sys.executable, "-m", "loadgrpc", "run", TEST, *load, "-b", endpoint, "-a", "1"]
    found = subprocess.run([*command, "--detach"], check=True, capture_output=True, text=True)
    return found.stdout.strip()


async def cost(
    pid: int, page: str, run_id: str, viewers: int
) -> tuple[float, tuple[float, float] | None]:
    """CPU time of the broker per second while this many look, and how far they are behind."""
    behind: list[float] = []
    looking = [asyncio.create_task(look(page, run_id, behind)) for _ in range(viewers)]
    await asyncio.sleep(2.0)
    behind.clear()
    before, began = process.exact_cpu_s(pid), time.monotonic()
    await asyncio.sleep(MEASURE_S)
    used = (process.exact_cpu_s(pid) - before) / (time.monotonic() - began)
    for task in looking:
        task.cancel()
    await asyncio.gather(*looking, return_exceptions=True)
    return used, (statistics.median(behind), max(behind)) if behind else None


async def look(page: str, run_id: str, behind: list[float]) -> None:
    """A viewer: notes how old each window is, from its middle, when it comes."""
    async for document in stream(page, f"/api/runs/{run_id}/watch"):
        if (window := document.get("window")) is not None:
            start_s = time.mktime(time.strptime(window["start"][:19], "%Y-%m-%dT%H:%M:%S"))
            behind.append(time.time() - (start_s - time.timezone) - 1.0)


async def stream(page: str, path: str) -> AsyncIterator[dict[str, dict[str, str]]]:
    """The documents of an event stream."""
    where = urlsplit(page)
    reader, writer = await asyncio.open_connection(where.hostname, where.port, limit=1 << 22)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
    try:
        async for line in reader:
            if line.startswith(b"data: {"):
                yield json.loads(line[6:])
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(main())
