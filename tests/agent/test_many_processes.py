"""10,000 processes of one user each in an hour, at an agent: what it costs does not grow.

The agent is the real one, with its relay, folders and reports; the broker is a stream that answers
at once, the processes only pass time, and the hour leaps from one event to the next.
"""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from loadgrpc.agent.agent import AgentProcess
from loadgrpc.agent.places import Places
from loadgrpc.agent.relay import Relay
from loadgrpc.agent.spool import SpoolRoom
from loadgrpc.protocol import assignments, times
from loadgrpc.testing import assignment_of
from loadgrpc.v1 import fleet_pb2

from .conftest import Passing, leaping

PROCESSES = 10_000
PLACES = 50
TAKES_S = 3_600 * PLACES / PROCESSES
MIB = 1 << 20
MOST_GROWTH = 10 * MIB
MEMORY = Path("/dev/shm")


class Stream:
    """The broker's end of Connect: it notes ends, begins cycles, and answers heartbeats."""

    def __init__(self, start, noted):
        self._answers = asyncio.Queue()
        self._start = start
        self._noted = noted
        self.heartbeats = 0

    async def write(self, request):
        """See StreamStreamCall."""
        kind = request.WhichOneof("message")
        if kind == "register":
            registered = fleet_pb2.Registered(
                heartbeat_interval=times.seconds_to_proto(1.0), lease=times.seconds_to_proto(60.0)
            )
            self._answer(registered=registered)
            if self._start is not None:
                self._answer(run=self._start)
        elif kind == "ready":
            ready = request.ready
            begun = fleet_pb2.AssignmentCycle(run_id=ready.run_id, cycle=ready.cycle)
            self._answer(start_cycle=begun)
        elif kind == "runner_exit":
            ended = request.runner_exit
            noted = fleet_pb2.RunnerExitNoted(run_id=ended.run_id, runner_id=ended.runner_id)
            self._answer(exit_noted=noted)
            self._noted(ended)
        elif kind == "heartbeat":
            self.heartbeats += 1
            self._answer(heartbeat=fleet_pb2.Heartbeat())
        elif kind == "goodbye":
            self._answers.put_nowait(None)

    def _answer(self, **message):
        self._answers.put_nowait(fleet_pb2.ConnectResponse(**message))

    async def __aiter__(self):
        while (answer := await self._answers.get()) is not None:
            if isinstance(answer, BaseException):
                raise answer
            yield answer

    async def done_writing(self):
        """See StreamStreamCall."""

    def cancel(self):
        """See StreamStreamCall: who reads it is cancelled."""
        self._answers.put_nowait(asyncio.CancelledError())

    def done(self):
        """See StreamStreamCall."""
        return False


class Ends:
    """The ends that the broker has noted, and what the agent had used by then."""

    def __init__(self):
        self.count = self.alive = self.most = 0
        self.over = asyncio.Event()
        self.began_s = asyncio.get_running_loop().time()
        self.samples = {}

    def start(self, *_, **__):
        """Starts a process."""
        self.alive += 1
        self.most = max(self.most, self.alive)
        return Passing(TAKES_S)

    def note(self, ended):
        """The broker has noted an end."""
        if ended.last:
            self.over.set()
            return
        self.alive -= 1
        self.count += 1
        if self.count % 1_000 == 0:
            gc.collect()
            self.samples[self.count] = (_memory(), len(gc.get_objects()), time.process_time())


async def _hour(folder):
    ends = Ends()
    relay = Relay(None)
    assignment = assignment_of(
        test="x", users=(PROCESSES // 2,) * 2, iterations=(1,), test_runner="./x {test}"
    )
    start = assignments.start_to_proto(assignment)
    agent = AgentProcess(
        SimpleNamespace(agent_id="a", folder=folder),
        SimpleNamespace(Connect=lambda: Stream(start, ends.note)),
        relay,
        SimpleNamespace(endpoint="unix:x", outside=_outside),
        room=SpoolRoom(1 << 20),
        places=Places(PLACES),
        start_process=ends.start,
    )
    running = asyncio.create_task(agent.run(lambda _: None))
    await ends.over.wait()
    took_s = asyncio.get_running_loop().time() - ends.began_s
    await agent.leave()
    await running
    await relay.close()
    return ends, took_s


async def _outside():
    return "127.0.0.1:1"


def _memory():
    """Resident bytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4_096


@pytest.mark.system
@pytest.mark.long
def test_ten_thousand_processes_cost_what_one_thousand_do(monkeypatch):
    """Memory is flat, and an exit costs the same, however many have been before."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.exists() else None) as folder:
        ends, took_s = leaping(_hour(Path(folder)))
        assert list((Path(folder) / "runners").iterdir()) == []

    assert ends.count == PROCESSES
    assert ends.most == PLACES
    assert 3_500 < took_s < 4_000
    first, last = ends.samples[2_000], ends.samples[PROCESSES]
    assert last[0] - first[0] <= MOST_GROWTH
    assert last[1] - first[1] <= 2_000
    early_s = ends.samples[3_000][2] - ends.samples[1_000][2]
    late_s = ends.samples[PROCESSES][2] - ends.samples[PROCESSES - 2_000][2]
    assert late_s < 2 * early_s
