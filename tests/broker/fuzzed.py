"""The processes of test_fuzz.py beside its own: a broker that is watched, and who asks it.

    python fuzzed.py serve STORE [LIMIT...]  a broker; tells of its longest turn when it ends
    python fuzzed.py ask HOST:PORT RUN_ID      GetRun all the time; tells how long each took

Each prints a line of JSON when it is ready and another when it is over, which it is when its
stdin ends. A turn is one callback of the event loop, in processor time of its thread: what else
the machine does is not in it.
"""

import asyncio
import contextlib
import json
import logging
import sys
import threading
import time
import traceback
from pathlib import Path

LONG_S = 0.05
"""A turn that takes so long is looked at, to tell what it does."""


class Turns:
    """Measures every turn of the event loop of the thread that makes it."""

    def __init__(self):
        self.longest_s, self.longest = 0.0, ""
        self._clock_id = time.pthread_getcpuclockid(threading.get_ident())
        self._thread_id = threading.get_ident()
        self._began_s = None
        self._seen = ""
        run = asyncio.Handle._run

        def timed(handle):
            began_s = self._began_s = time.thread_time()
            run(handle)
            took_s = time.thread_time() - began_s
            self._began_s = None
            if took_s > self.longest_s:
                self.longest_s = took_s
                self.longest = f"{getattr(handle._callback, '__self__', handle)!r}\n{self._seen}"
            self._seen = ""

        asyncio.Handle._run = timed
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self):
        while True:
            time.sleep(0.02)
            began_s = self._began_s
            if began_s is None or time.clock_gettime(self._clock_id) - began_s < LONG_S:
                continue
            frame = sys._current_frames().get(self._thread_id)
            self._seen = "".join(traceback.format_stack(frame)[-12:])


def tell(**words):
    """Prints a line of JSON."""
    print(json.dumps(words), flush=True)  # noqa: T201 - what this is for


def peak_mb():
    """The most memory that this process had."""
    with Path("/proc/self/status").open(encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def serve(store, *limits):
    """Serves until stdin ends, as `loadgrpc broker` does."""
    from loadgrpc.broker import server
    from loadgrpc.cli import service, values

    logging.basicConfig(level=logging.WARNING)
    turns = []

    def ready(endpoint):
        turns.append(Turns())
        tell(endpoint=endpoint)

    async def until_told(stop):
        config = server.BrokerConfig(
            listen="127.0.0.1:0", store=store, limits=dict(map(values.limit, limits))
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(config, on_ready=ready, stop=stop))
            await asyncio.to_thread(sys.stdin.read)
            stop.set()

    service.live(until_told)
    (seen,) = turns
    tell(longest_s=seen.longest_s, longest=seen.longest, peak_mb=peak_mb())


def ask(endpoint, run_id):
    """Asks for a run until stdin ends."""
    import grpc

    from loadgrpc.v1 import control_pb2, control_pb2_grpc

    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    waits_s = []
    with grpc.insecure_channel(endpoint) as channel:
        stub = control_pb2_grpc.ControlServiceStub(channel)
        tell(asks=run_id)
        while not over.wait(0.02):
            began_s = time.monotonic()
            with contextlib.suppress(grpc.RpcError):
                stub.GetRun(control_pb2.GetRunRequest(run_id=run_id), timeout=100)
            waits_s.append(time.monotonic() - began_s)
    waits_s.sort()
    tell(asked=len(waits_s), p99_s=waits_s[len(waits_s) * 99 // 100], worst_s=waits_s[-1])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", store, *limits]:
            serve(store, *limits)
        case ["ask", endpoint, run_id]:
            ask(endpoint, run_id)
