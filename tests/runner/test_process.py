"""A user process, as its link sees it: a child at the other end of a socket."""

import json
import os
import socket
import subprocess
import sys
import textwrap

import pytest

from loadgrpc.runner import in_flight, pipe
from loadgrpc.runner.messages import (
    BeginCycle,
    CannotLoad,
    CycleDone,
    Farewell,
    Leave,
    Loaded,
    StopNow,
    UsersNow,
)
from loadgrpc.runner.share import WorkerShare
from loadgrpc.testing import assignment_of
from loadgrpc.v1 import runner_pb2

pytestmark = pytest.mark.system

TESTS = """
import asyncio, sys, time, unittest
from loadgrpc import TestCase

class Quiet(unittest.TestCase):
    def test_pass(self):
        pass
    def test_slow(self):
        time.sleep(60)
    def test_busy(self):
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            pass  # holds up every user
    def test_litter(self):
        for _ in range(3_000):
            cycle = []
            cycle.append(cycle)

class Classy(Quiet):
    log = []
    @classmethod
    def setUpClass(cls):
        cls.log.append("up")
    def test_pass(self):
        assert self.log == ["up"]

class Fixed(Quiet):
    server_url = "http://here"
    @classmethod
    def setUpClass(cls):
        assert cls.server_url == "http://there", cls.server_url
    def test_pass(self):
        assert self.server_url == "http://there", self.server_url

class NoUp(Quiet):
    @classmethod
    def setUpClass(cls):
        raise ValueError("no database")

class LeavesUp(Quiet):
    @classmethod
    def setUpClass(cls):
        sys.exit("no key")

def note(what):
    with open("cleaned", "a") as file:
        file.write(what + " ")

class Cleans(Quiet):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(note, "class")
        cls.addClassCleanup(sys.exit, 3)
        cls.addClassCleanup(lambda: 1 / 0)
        note("up")
        if cls.broken_up:
            raise RuntimeError("no database")
    @classmethod
    def tearDownClass(cls):
        note("down")
        if cls.broken_down:
            raise RuntimeError("no broom")
    broken_up = broken_down = False

class CleansAfterSetUp(Cleans):
    broken_up = True

class CleansAfterTearDown(Cleans):
    broken_down = True

class Async(TestCase, unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.addAsyncCleanup(asyncio.sleep, 0)
        self.ups = getattr(self, "ups", 0) + 1
    async def numbers(self):
        try:
            for number in range(5):
                await asyncio.sleep(0.001)
                yield number
        finally:
            asyncio.get_running_loop()
    async def test_pass(self):
        async def job(number):
            await asyncio.sleep(0.01)
            return number
        found = await asyncio.gather(*[job(number) for number in range(3)])
        self.assertEqual(found, [0, 1, 2])
        self.assertEqual(await asyncio.to_thread(lambda: 7), 7)
        async for number in self.numbers():
            if number == self.ups:
                break
    async def test_fail(self):
        await asyncio.sleep(0.01)
        self.assertEqual(1, 2)
    async def test_cancelled(self):
        await asyncio.sleep(0.01)
        raise asyncio.CancelledError
    async def test_returns(self):
        return asyncio.sleep(0)
    async def test_slow(self):
        await asyncio.sleep(60)

class Runs(unittest.TestCase):
    def test_run(self):
        asyncio.run(asyncio.sleep(0.01))
    def test_new_loop(self):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
    def test_slow(self):
        asyncio.run(asyncio.sleep(60))

class NoDown(Quiet):
    @classmethod
    def tearDownClass(cls):
        raise ValueError("no broom")
"""


class Child:
    """A user process, and the link's end of its socket."""

    def __init__(self, folder):
        (folder / "process_house_test.py").write_text(TESTS)
        ours, theirs = socket.socketpair()
        self.socket = ours
        self.socket.settimeout(20)
        slots = in_flight.create(4)
        environment = {
            **os.environ,
            pipe.SOCKET_FD_ENV: str(theirs.fileno()),
            in_flight.FD_ENV: str(slots),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "loadgrpc.runner"],
            pass_fds=[theirs.fileno(), slots],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        os.close(slots)
        self.reader = pipe.FrameReader()
        self.frames = []
        self.batches = []

    def order(self, order):
        """Sends an order."""
        self.socket.sendall(pipe.control(order))

    def load(
        self, test, *, users=(2,), iterations=(3,), module="process_house_test", first_user=1,
        processes=1, **options,
    ):  # fmt: skip
        """Sends the order that makes it load a test."""
        assignment = assignment_of(
            test=f"{module}.{test}",
            users=users,
            iterations=iterations,
            stop_timeout_s=5.0,
            **options,
        )
        self.order(WorkerShare(assignment, first_user, processes).order())

    def told(self, *kinds):
        """The next message of one of these kinds; batches on the way are kept."""
        while True:
            while self.frames:
                frame = self.frames.pop(0)
                if frame.kind is pipe.FrameKind.BATCH:
                    self.batches.append(frame)
                elif isinstance(message := frame.control(), kinds):
                    return message
            data = self.socket.recv(1 << 16)
            assert data, self.process.stderr.read()
            self.frames += self.reader.feed(data)

    def generator(self):
        """How it says that it kept up, in all batches so far."""
        batches = [runner_pb2.EventBatch.FromString(frame.body) for frame in self.batches]
        rows = [row for batch in batches for row in batch.events if row.HasField("generator")]
        return [row.generator for row in rows]

    def outcomes(self):
        """How iterations ended, in all batches so far, by the number of the outcome."""
        found = {}
        for frame in self.batches:
            batch = runner_pb2.EventBatch.FromString(frame.body)
            for block in batch.test_blocks:
                labels = block.label or bytes(block.count)
                width = len(labels) // block.count
                for at in range(block.count):
                    label = int.from_bytes(labels[at * width : (at + 1) * width], "little")
                    outcome = block.labels[label].outcome
                    found[outcome] = found.get(outcome, 0) + 1
        return found


@pytest.fixture
def child(tmp_path):
    """A user process that waits for orders."""
    child = Child(tmp_path)
    yield child
    child.socket.close()
    child.process.kill()
    child.process.wait()
    child.process.stderr.close()


def test_a_process_from_load_to_bye(child):
    """It loads, lives its cycles one order at a time, and says what it produced in all."""
    child.load("Quiet.test_pass", users=(2, 1))
    child.told(Loaded)
    for cycle, total in ((1, 6), (2, 9)):
        child.order(BeginCycle(cycle))
        assert child.told(CycleDone).cycle == cycle
        # What a cycle did is handed over before its end is told.
        assert sum(frame.events for frame in child.batches) == total + len(child.generator())
    child.order(Leave())
    bye = child.told(Farewell)
    assert (bye.events, bye.hits) == (9 + len(child.generator()), 0)
    assert child.outcomes() == {1: 9}
    assert child.process.wait(10) == 0


def test_f23_users_that_were_started_are_told_in_each_cycle(child):
    """Before the end of a cycle is told, also when nothing of it differs from the one before."""
    child.load("Quiet.test_pass", users=(2, 2), iterations=(1,))
    child.told(Loaded)
    for cycle in (1, 2):
        child.order(BeginCycle(cycle))
        last = child.told(UsersNow)
        while last.active:
            last = child.told(UsersNow)
        assert last.started == 2
        assert isinstance(child.told(UsersNow, CycleDone), CycleDone)


def test_a_process_watches_itself(child):
    """It says how late it was and what of the processor it used while its users lived."""
    child.load("Quiet.test_busy", users=(2, 2), iterations=(1,), first_user=1)
    child.told(Loaded)
    for cycle in (1, 2):
        child.order(BeginCycle(cycle))
        child.told(CycleDone)
        states = child.generator()
        assert sum(len(state.lags_ns) for state in states) >= 19 * cycle
        assert max(states[-1].lags_ns) >= 80_000_000
        assert states[-1].elapsed.ToNanoseconds() >= 200_000_000
        assert states[-1].cpu.ToNanoseconds() > 0
        assert states[-1].process == 1
    assert len(states) >= 2


def test_a_process_without_users_has_nothing_to_say(child):
    """In a cycle of fewer users than processes an idle one is not counted as one that kept up."""
    child.load("Quiet.test_pass", users=(1,), iterations=(1,), first_user=2, processes=2)
    child.told(Loaded)
    child.order(BeginCycle(1))
    child.told(CycleDone)
    assert child.generator() == []


def test_a_process_tells_of_its_garbage_collections(child):
    """Their number and how long they held up its users."""
    child.load("Quiet.test_litter")
    child.told(Loaded)
    child.order(BeginCycle(1))
    child.told(CycleDone)
    states = child.generator()
    assert sum(state.gc_pauses for state in states) > 0
    assert sum(state.gc_time.ToNanoseconds() for state in states) > 0
    assert all(state.gc_max.ToNanoseconds() <= state.gc_time.ToNanoseconds() for state in states)


def test_a_process_lives_its_share_of_the_users(child):
    """The second of three processes lives users 2 and 5 of five."""
    child.load("Quiet.test_pass", users=(5,), iterations=(1,), first_user=2, processes=3)
    child.told(Loaded)
    child.order(BeginCycle(1))
    child.told(CycleDone)
    batches = [runner_pb2.EventBatch.FromString(frame.body) for frame in child.batches]
    users = [user for batch in batches for block in batch.test_blocks for user in block.user]
    assert sorted(users) == [2, 5]


def test_a_test_that_cannot_be_loaded(child):
    """What is missing is told with its type, and the process ends."""
    child.load("Nobody.test_pass")
    failed = child.told(CannotLoad)
    assert failed.type == "TestNotLoaded"
    assert "Nobody" in failed.message
    assert child.process.wait(10) == 0


def test_a_class_that_cannot_be_set_up(child):
    """SetUpClass that raises is a test that cannot be loaded, with the place where it raised."""
    child.load("NoUp.test_pass")
    failed = child.told(CannotLoad)
    assert failed.type == "ValueError"
    assert "NoUp.setUpClass raised ValueError: no database" in failed.message
    assert "process_house_test.py" in failed.traceback


def test_a_class_is_set_up_once(child):
    """All users of a process share what setUpClass made."""
    child.load("Classy.test_pass")
    child.told(Loaded)
    child.order(BeginCycle(1))
    child.order(Leave())
    child.told(Farewell)
    assert child.outcomes() == {1: 6}


def test_a_class_that_cannot_be_torn_down(child):
    """TearDownClass that raises is an error in the results, and no loss of them."""
    child.load("NoDown.test_pass")
    child.told(Loaded)
    child.order(BeginCycle(1))
    child.order(Leave())
    bye = child.told(Farewell)
    assert child.outcomes() == {1: 6, 3: 1}
    assert bye.events == 7 + len(child.generator())
    assert child.process.wait(10) == 0


@pytest.mark.parametrize(
    ("test", "errors", "cleaned"),
    [("Cleans", 2, "up down class "), ("CleansAfterTearDown", 3, "up down class ")],
)
def test_f10_cleanups_of_a_class_are_run_and_judged(child, tmp_path, test, errors, cleaned):
    """Class cleanups all run, whatever raises; each that raises is an error in the results."""
    child.load(f"{test}.test_pass")
    child.told(Loaded)
    child.order(BeginCycle(1))
    child.order(Leave())
    child.told(Farewell)
    assert child.outcomes() == {1: 6, 3: errors}
    assert (tmp_path / "cleaned").read_text() == cleaned
    assert child.process.wait(10) == 0


def test_f10_a_class_that_cannot_be_set_up_is_cleaned_up(child, tmp_path):
    """Cleanups run when setUpClass raises; all that was raised is in the traceback."""
    child.load("CleansAfterSetUp.test_pass")
    failed = child.told(CannotLoad)
    assert "CleansAfterSetUp.setUpClass raised RuntimeError: no database" in failed.message
    assert "no database" in failed.traceback
    assert "ZeroDivisionError" in failed.traceback
    assert (tmp_path / "cleaned").read_text() == "up class "


def test_fixtures_of_a_class_see_the_server_of_the_run(child):
    """`cls.server_url` is what `-H` says, in setUpClass, too."""
    child.load("Fixed.test_pass", server_url="http://there")
    child.told(Loaded)
    child.order(BeginCycle(1))
    child.told(CycleDone)

    assert child.outcomes() == {1: 6}


def test_f10_a_class_that_leaves_cannot_be_loaded(child):
    """A SystemExit in setUpClass is a reason not to load it, and is told."""
    child.load("LeavesUp.test_pass")
    assert "LeavesUp.setUpClass raised SystemExit: no key" in child.told(CannotLoad).message
    assert child.process.wait(10) == 0


@pytest.mark.parametrize(
    ("test", "outcome"),
    [
        ("Async.test_pass", 1),
        ("Async.test_fail", 2),
        ("Async.test_cancelled", 3),
        ("Async.test_returns", 3),
        ("Runs.test_run", 1),
        ("Runs.test_new_loop", 1),
    ],
)
def test_f03_users_have_event_loops_of_their_own(child, test, outcome):
    """Tests may use asyncio as under unittest: every iteration of all users of a process."""
    child.load(test, users=(4,), iterations=(3,))
    child.told(Loaded)
    child.order(BeginCycle(1))
    child.told(CycleDone)
    child.order(Leave())
    child.told(Farewell)
    assert child.outcomes() == {outcome: 12}


@pytest.mark.parametrize("test", ["Async.test_slow", "Runs.test_slow"])
def test_f03_users_with_event_loops_are_cut_off(child, test):
    """A loop that waits is left when its user is cut off."""
    child.load(test, users=(3,), iterations=(1,))
    child.told(Loaded)
    child.order(BeginCycle(1))
    assert child.told(UsersNow).active == 3
    child.order(StopNow(0.0))
    child.told(CycleDone)
    assert child.outcomes() == {4: 3}


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="makes none for main threads either")
def test_f03_get_event_loop_makes_one(child, tmp_path):
    """The older way to run a coroutine works as it does in a main thread."""
    (tmp_path / "older.py").write_text(
        "import asyncio, unittest\n"
        "class T(unittest.TestCase):\n"
        "    def test(self):\n"
        "        asyncio.get_event_loop().run_until_complete(asyncio.sleep(0.01))\n"
    )
    child.load("T.test", module="older", users=(4,), iterations=(3,))
    child.told(Loaded)
    child.order(BeginCycle(1))
    child.told(CycleDone)
    assert child.outcomes() == {1: 12}


def test_users_are_told_as_they_come_and_go(child):
    """The link hears how many users live, and that none does when the cycle is over."""
    child.load("Quiet.test_slow", users=(3,), iterations=(1,))
    child.told(Loaded)
    child.order(BeginCycle(1))
    assert child.told(UsersNow).active == 3
    child.order(StopNow(0.0))
    assert child.told(UsersNow, CycleDone) == UsersNow(active=0, started=3)
    child.told(CycleDone)
    assert child.outcomes() == {4: 3}


def test_a_stop_while_the_test_is_loading(child):
    """A stop that comes before the test stands keeps every cycle empty."""
    child.order(StopNow(30.0))
    child.load("Quiet.test_slow", users=(3,), iterations=(1,))
    child.told(Loaded)
    child.order(BeginCycle(1))
    child.told(CycleDone)
    assert child.outcomes() == {}


def test_a_process_ends_with_its_link(child):
    """When the link is gone the process is, too, whatever its users do."""
    child.load("Quiet.test_slow")
    child.told(Loaded)
    child.order(BeginCycle(1))
    child.told(UsersNow)
    child.socket.shutdown(socket.SHUT_RDWR)
    assert child.process.wait(10) == 1


def test_what_the_link_does_not_take_is_counted():
    """A full queue drops batches, counts them, and says so in their place; messages always pass."""
    code = """
        from gevent import monkey
        monkey.patch_all()
        import json, socket, gevent
        from loadgrpc.runner.greenlets import Greenlets
        from loadgrpc.runner import pipe, process
        from loadgrpc.runner.messages import CycleDone
        process.OUTBOX_BYTES = 1_000
        ours, theirs = socket.socketpair()
        outbox = process.LinkOutbox(theirs, Greenlets())
        for at in range(5):
            outbox.put(b"x" * 400, events=10 + at, hits=at)
        outbox.say(CycleDone(7))
        outbox.put(b"y" * 2_000, events=100, hits=50)
        seen = []
        def read():
            reader = pipe.FrameReader()
            while data := ours.recv(65_536):
                for frame in reader.feed(data):
                    batch = frame.kind is pipe.FrameKind.BATCH
                    seen.append([frame.events, frame.hits] if batch else json.loads(frame.body))
        gevent.spawn(read)
        outbox.drain()
        outbox.put(b"z" * 400, events=1, hits=0)
        outbox.drain()
        gevent.sleep(0.05)
        print(json.dumps(seen))
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [
        [10, 0],
        [11, 1],
        {"BatchesDropped": {"events": 12 + 13 + 14, "hits": 2 + 3 + 4}},
        {"CycleDone": {"cycle": 7}},
        {"BatchesDropped": {"events": 100, "hits": 50}},
        [1, 0],
    ]
