"""What viewers of the page cost a broker, and how soon they see a hit: `python -m bench.viewers`.

A broker with its page, an agent, and a run at a given rate, all of them processes of their own,
against a server in this one, which notes when it answers. Viewers are connections that read the
event stream of the run, as browsers do. The CPU time of the broker's process is read from /proc
with none, with one and with many. With --browser a Chromium looks, too.

A hit is seen when the number of hits on the page first counts it: the time until then is from the
answer of the server to the message with that number, or, in a browser, to the text on the page.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bench import process

TEST: Final = """\
from loadgrpc import TestCase


class TestOne(TestCase):
    def test_one(self):
        self.session.get(self.server_url)
"""
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SETTLE_S: Final = 4.0
MEASURE_S: Final = 15.0
OBSERVE: Final = """() => {
  const figure = document.querySelector('[data-figure=hits]');
  new MutationObserver(() => window.seen(figure.textContent))
    .observe(figure, {childList: true, characterData: true, subtree: true});
}"""


@dataclass
class HitsSeen:
    """When hits were answered, and when viewers saw how many there were."""

    answered: list[float] = field(default_factory=list)
    looks: list[list[tuple[float, int]]] = field(default_factory=list)

    def forget(self) -> None:
        """Viewers begin again."""
        self.looks = []

    def delays(self) -> list[float]:
        """How long each hit took to be seen, by each viewer, from its second look on."""
        found = []
        for looks in self.looks:
            known = looks[0][1] if looks else 0
            for at, count in looks[1:]:
                found += [at - self.answered[each] for each in range(known, count)]
                known = max(known, count)
        return found


async def main() -> None:
    """Prints a line for each number of viewers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, nargs="*", default=[0, 1, 20])
    parser.add_argument("--rate", type=int, default=200, help="arrivals per second")
    parser.add_argument("--browser", action="store_true", help="measure in a Chromium, too")
    asked = parser.parse_args()
    seen = HitsSeen()
    server = await asyncio.start_server(partial(serve, seen), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with tempfile.TemporaryDirectory(prefix="bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "one.py").write_text(TEST)
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
                cwd=folder,
            )
        )
        process.wait_for_line(agent, folder / "agent.log", "connected")
        run_id = await asyncio.to_thread(start, folder, endpoint, url, asked.rate)
        await asyncio.sleep(SETTLE_S)
        for viewers in asked.viewers:
            used = await cost(broker.pid, page, run_id, viewers, seen)
            said = f"{viewers:3} viewers: {100 * used:5.2f} % of a core"
            print(f"{said}{told(seen.delays())}", flush=True)
        if asked.browser:
            await browse(page, run_id, seen)
            print(f"  1 browser{told(seen.delays())}", flush=True)
        stop = [sys.executable, "-m", "loadgrpc", "stop", run_id, "-b", endpoint, "--kill"]
        await asyncio.to_thread(subprocess.run, stop, check=True, capture_output=True)


def told(delays: list[float]) -> str:
    """How soon hits were seen."""
    if not delays:
        return ""
    return f", a hit is seen after {statistics.median(delays):.2f} s, {max(delays):.2f} s at most"


async def serve(seen: HitsSeen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The server: each request is answered at once."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(ANSWER)
            seen.answered.append(time.monotonic())
    writer.close()


def start(folder: Path, endpoint: str, url: str, rate: int) -> str:
    """Starts the run; its id."""
    load = ["--load", f"{rate}/s for 30m", "--max-users", "200", "-H", url]
    test = "one.TestOne.test_one"
    command = [sys.executable, "-m", "loadgrpc", "run", test, *load, "-b", endpoint, "-a", "1"]
    found = subprocess.run(
        [*command, "--detach"], check=True, capture_output=True, text=True, cwd=folder
    )
    return found.stdout.strip()


async def cost(pid: int, page: str, run_id: str, viewers: int, seen: HitsSeen) -> float:
    """CPU time of the broker per second while this many look."""
    seen.forget()
    looking = [asyncio.create_task(look(page, run_id, seen)) for _ in range(viewers)]
    await asyncio.sleep(2.0)
    before, began = process.exact_cpu_s(pid), time.monotonic()
    await asyncio.sleep(MEASURE_S)
    used = (process.exact_cpu_s(pid) - before) / (time.monotonic() - began)
    for task in looking:
        task.cancel()
    await asyncio.gather(*looking, return_exceptions=True)
    return used


async def look(page: str, run_id: str, seen: HitsSeen) -> None:
    """A viewer: notes how many hits there are whenever the stream says it."""
    own: list[tuple[float, int]] = []
    seen.looks.append(own)
    async for document in stream(page, f"/api/runs/{run_id}/watch"):
        now = time.monotonic()
        own += [(now, int(document["progress"]["hits"]))] if document.get("progress") else []


async def browse(page: str, run_id: str, seen: HitsSeen) -> None:
    """The same of a page in a browser: what stands on it."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - only for this

    seen.forget()
    own: list[tuple[float, int]] = []
    seen.looks.append(own)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = await browser.new_page()
        await tab.expose_function("seen", lambda text: own.append((time.monotonic(), int(text))))
        await tab.goto(f"{page}#/runs/{run_id}")
        await tab.wait_for_selector("[data-figure=hits]")
        await tab.evaluate(OBSERVE)
        await asyncio.sleep(MEASURE_S)
        await browser.close()


async def stream(page: str, path: str) -> AsyncIterator[dict[str, Any]]:
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
