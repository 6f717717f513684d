"""Users as threads: nothing is lost or counted twice, and every one of them ends or is left."""

import socket
import threading
import time
import unittest

import pytest

from loadgrpc.case import TestCase as LoadgrpcCase
from loadgrpc.clock import SystemClock
from loadgrpc.model import Cycle, DataMode, DataUse, GeneratorState, HitError
from loadgrpc.model import TestOutcome as Outcome
from loadgrpc.protocol.batches import decode
from loadgrpc.runner import pool as pool_module
from loadgrpc.runner.hit import Hit
from loadgrpc.runner.judge import CutOff
from loadgrpc.runner.loader import LoadedTest
from loadgrpc.runner.pool import Pool
from loadgrpc.runner.threads import LockedRecorder, Threads
from loadgrpc.runner.watch import Watch
from loadgrpc.testing import plan_of
from loadgrpc.v1 import runner_pb2

LONG_S = 20.0
"""Longer than anything here takes; whoever waits for it has failed."""


@pytest.fixture
def threads():
    """Users as threads."""
    return Threads()


def decoded(recorder):
    """All that was recorded, as a broker reads it."""
    frames = recorder.take(1 << 20)
    batches = [runner_pb2.EventBatch.FromString(frame.payload) for frame in frames]
    return [decode(batch, arrival_ns=1) for batch in batches], sum(f.events for f in frames)


def test_whichever_is_ready_first_ends_the_waiting(threads):
    """The end of all threads, or an event, or the time."""
    go, other = threading.Event(), threads.event()
    strands = [threads.spawn(go.wait, LONG_S) for _ in range(3)]
    everybody = threads.everybody(strands)
    began_s = time.monotonic()
    threads.wait([everybody, other], 0.01)
    assert not everybody.ready()
    threading.Timer(0.01, other.set).start()
    threads.wait([everybody, other], LONG_S)
    assert other.ready()
    go.set()
    threads.wait([everybody], None)
    assert everybody.ready()
    threads.wait([other], LONG_S)
    assert time.monotonic() - began_s < LONG_S


def busy(_):
    """Holds the interpreter until it is interrupted."""
    while True:
        pass


def receive(connection):
    """Waits for what never comes, outside of Python."""
    connection.recv(1)
    time.sleep(0)


@pytest.fixture
def connection():
    """An end of a connection whose other end says nothing."""
    here, there = socket.socketpair()
    with here, there:
        yield here


@pytest.mark.parametrize("work", [busy, receive])
def test_a_thread_is_cut_off(threads, work, connection):
    """Where it computes, and where it receives: its socket is shut down."""
    raised, began = [], threading.Event()

    def run():
        began.set()
        try:
            work(connection)
        except CutOff as error:
            raised.append(error)

    strand = threads.spawn(run)
    assert began.wait(LONG_S)
    for _ in range(20):
        threads.cut_off([strand])
        threads.wait([threads.everybody([strand])], 0.2)
        if strand.ready():
            break
    assert strand.ready()
    assert len(raised) == 1


def test_nothing_is_lost_between_threads():
    """Eight threads record while another takes: every event comes out once."""
    recorder = LockedRecorder(SystemClock(), "t")
    recorder.begin_cycle(1, 8, 0)
    taken, over = [], threading.Event()

    def take():
        while not over.is_set():
            taken.append(decoded(recorder))

    def record(user):
        for at in range(1, 501):
            hit = Hit(f"n{at % 7}", "", "GET", 200, HitError.NONE, "", at, 1, 0, 0, 0, 0)
            recorder.hit(hit, user, at)
            recorder.iteration(
                outcome=Outcome.SUCCESS, exception=None, start_ns=at, elapsed_ns=1, user=user,
                iteration=at,
            )  # fmt: skip
            recorder.counter("c", 1, user, at)
            recorder.socket("w", "").sent(3)
        recorder.data(DataUse("a.csv", DataMode.ONCE, 1, taken=1))
        recorder.generator(GeneratorState(elapsed_ns=1))

    taking = threading.Thread(target=take)
    users = [threading.Thread(target=record, args=(user,)) for user in range(1, 9)]
    for each in (taking, *users):
        each.start()
    for each in users:
        each.join(LONG_S)
    over.set()
    taking.join(LONG_S)
    taken.append(decoded(recorder))
    batches = [batch for found, _ in taken for batch in found]
    assert sum(batch.hit_count for batch in batches) == 8 * 500
    assert sum(len(each.label) for batch in batches for each in batch.iterations) == 8 * 500
    assert sum(len(batch.counters) for batch in batches) == 8 * 500
    assert sum(len(batch.data) + len(batch.generator) for batch in batches) == 16
    sockets = [each.stats for batch in batches for each in batch.sockets]
    assert sum(each.messages_sent for each in sockets) == 8 * 500
    assert sum(events for _, events in taken) == recorder.produced_events
    assert recorder.produced_events == 8 * 1_502 + len(sockets)


def run_cycle(threads, case_class, users=4, meanwhile=None, **cycle):
    """Outcomes by name, of a cycle that has ended; its pool and its recorder."""
    clock = SystemClock()
    recorder = LockedRecorder(clock, "t")
    pool = Pool(LoadedTest(case_class, "test_it"), recorder, clock, threads)
    if meanwhile:
        threading.Thread(target=meanwhile, args=(pool,), daemon=True).start()
    pool.run_cycle(plan_of(), Cycle(users=users, **cycle), range(1, users + 1))
    return outcomes(recorder), pool, recorder


def outcomes(recorder):
    """How iterations ended that were recorded since this was last asked."""
    found = {}
    for batch in decoded(recorder)[0]:
        for block in batch.iterations:
            for place in block.label.tolist():
                name = block.labels[place].outcome.name
                found[name] = found.get(name, 0) + 1
    return found


def test_users_make_their_iterations_side_by_side(threads):
    """Each is a thread; all are alive at the same time, and are counted."""
    together = threading.Barrier(4, timeout=LONG_S)

    class Together(LoadgrpcCase):
        def test_it(self):
            together.wait()
            assert threading.current_thread() is not threading.main_thread()

    found, pool, _ = run_cycle(threads, Together, iterations=5)
    assert found == {"SUCCESS": 20}
    assert (pool.active_users, pool.started_users) == (0, 4)


def test_users_end_with_their_time(threads):
    """They finish the iteration they are in."""

    class Short(LoadgrpcCase):
        def test_it(self):
            time.sleep(0.01)

    found, pool, _ = run_cycle(threads, Short, duration_s=1.0)
    assert found.keys() == {"SUCCESS"}
    assert pool.active_users == 0


def test_what_cannot_be_cut_off_is_abandoned(threads, monkeypatch):
    """Its iteration counts as interrupted, once; what it does later is not recorded."""
    monkeypatch.setattr(pool_module, "CUT_OFF_WAIT_S", 0.01)
    wake, woke = threading.Event(), threading.Event()
    hold = wake.wait  # in C, where no exception reaches it
    begun = threading.Semaphore(0)

    class Holds(LoadgrpcCase):
        def test_it(self):
            begun.release()
            try:
                hold(LONG_S)
            except BaseException:  # noqa: BLE001 - it swallows its end, too
                self.incr_counter("later")
            finally:
                woke.set()

    def stop(pool):
        for _ in range(3):
            assert begun.acquire(timeout=LONG_S)
        pool.stop(0.01)

    found, pool, recorder = run_cycle(threads, Holds, 3, meanwhile=stop, iterations=1)
    assert found == {"INTERRUPTED": 3}
    assert pool.active_users == 0
    wake.set()
    assert woke.wait(LONG_S)
    assert decoded(recorder)[1] == 0
    assert pool.active_users == 0


def test_asyncio_is_pythons_own(threads):
    """Each thread has a loop, run by the parts in C."""

    class Awaits(LoadgrpcCase, unittest.IsolatedAsyncioTestCase):
        async def test_it(self):
            import asyncio

            await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(3)))
            assert type(asyncio.current_task()).__module__ == "_asyncio"

    assert run_cycle(threads, Awaits, iterations=2)[0] == {"SUCCESS": 8}


def test_a_process_watches_itself(threads):
    """Ticks wake up a thread; a second with a busy neighbour has lags."""
    states = []
    clock = SystemClock()
    watch = Watch(clock, states.append, process=1)
    watch.begin()
    with threads.watching(watch, clock):
        until_s = time.monotonic() + 0.2
        while time.monotonic() < until_s:
            pass
    watch.end()
    assert sum(len(state.lags_ns) for state in states) >= 10
