"""Floods of connections, streams, headers and frames: others are served, and memory returns.

The broker, whoever floods it, and this process, which asks for a run all the time, are a process
each. Short by default; with LOADGRPC_FLOOD=5000 there are as many idle connections, and each kind
lasts for ten seconds.
"""

import importlib.util
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest

from loadgrpc.v1 import control_pb2, control_pb2_grpc

_spec = importlib.util.spec_from_file_location("flooding", Path(__file__).with_name("flooding.py"))
flooding = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(flooding)

CONNECTIONS = int(os.environ.get("LOADGRPC_FLOOD", "200"))
LONG = CONNECTIONS >= 1_000
SECONDS = 10.0 if LONG else 0.7
SLOW = 500 if LONG else 50
"""Those that read, or write, slowly."""
BUSY = 20 if LONG else 5
"""Connections of a flood that does harm by what it sends."""
MAX_P99_S = 0.5 if LONG else 3.0
"""Of GetRun meanwhile; a short flood shares its machine with other tests."""
MAX_GROWTH_MB = 100
"""What of the broker's memory may not be given back: pages of arenas, and what is loaded once."""
BACK_S = 20.0


class Asked:
    """A client that asks for a run all the time, from one end of the context to the other."""

    def __init__(self, endpoint, run_id):
        self._channel = grpc.insecure_channel(
            endpoint, options=[("grpc.use_local_subchannel_pool", 1)]
        )
        self._stub = control_pb2_grpc.ControlServiceStub(self._channel)
        self._request = control_pb2.GetRunRequest(run_id=run_id)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.waits_s = []
        self.failed = []

    def _ask(self):
        while not self._over.wait(0.02):
            began_s = time.monotonic()
            try:
                self._stub.GetRun(self._request, timeout=30)
            except grpc.RpcError as error:
                self.failed.append((error.code(), error.details()))
            self.waits_s.append(time.monotonic() - began_s)

    def __enter__(self):
        self._stub.GetRun(self._request, timeout=30)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self._channel.close()

    @property
    def p99_s(self):
        """Ninety-nine of a hundred waited no longer."""
        return sorted(self.waits_s)[len(self.waits_s) * 99 // 100]


def memory_mb(pid):
    """The memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def open_files(pid):
    """The descriptors of a process."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def flood(kind, endpoint, run_id):
    """Floods; what that did."""
    connections = CONNECTIONS if kind in ("idle", "silent") else SLOW
    if kind not in flooding.LONG_LIVED:
        connections = BUSY
    command = [sys.executable, flooding.__file__, kind, endpoint, SECONDS, connections, run_id]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.timeout(900)
def test_others_are_served_in_a_flood_and_memory_returns(tmp_path, capsys, beside, run_by_hand):
    """Whatever comes: GetRun of others is answered, all of it ends, and nothing stays."""
    log = tmp_path / "broker.log"
    broker = beside("serve", str(tmp_path / "store.db"), log=log)
    endpoint, pid = broker.first["endpoint"], broker.pid
    run_id, leave = run_by_hand(endpoint)
    found, first_mb, served_mb = {}, memory_mb(pid), 0.0
    try:
        for kind in flooding.KINDS:
            files, before_mb = open_files(pid), memory_mb(pid)
            with Asked(endpoint, run_id) as asked:
                did = flood(kind, endpoint, run_id)
            until_s = time.monotonic() + BACK_S
            while open_files(pid) > files + 5 and time.monotonic() < until_s:
                time.sleep(0.05)
            grown_mb = memory_mb(pid) - before_mb
            served_mb = max(served_mb, memory_mb(pid))
            found[kind] = (asked.p99_s, asked.failed, open_files(pid) - files, grown_mb)
            with capsys.disabled():
                print(  # noqa: T201 - what this is for
                    f"\n{kind}: p99 {asked.p99_s * 1e3:.0f} ms of {len(asked.waits_s)},"
                    f" {grown_mb:+.0f} MB; {did}"
                )
        until_s = time.monotonic() + BACK_S
        while memory_mb(pid) - first_mb > MAX_GROWTH_MB and time.monotonic() < until_s:
            time.sleep(0.1)
        stays_mb = memory_mb(pid) - first_mb
    finally:
        leave()
        ended = broker.end()
    assert {kind: failed for kind, (_, failed, _, _) in found.items() if failed} == {}
    assert {kind: p99_s for kind, (p99_s, *_) in found.items() if p99_s > MAX_P99_S} == {}
    assert {kind: files for kind, (*_, files, _) in found.items() if files > 5} == {}
    assert stays_mb <= MAX_GROWTH_MB
    assert "Traceback" not in log.read_text(), log.read_text()[-5_000:]
    with capsys.disabled():
        print(  # noqa: T201 - what this is for
            f"at most {ended['peak_mb']:.0f} MB, after a flood {served_mb:.0f} MB;"
            f" {stays_mb:+.0f} MB stay"
        )
