"""The Python runner as its home sees it: the link and its user processes, on a real stream."""

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager

import pytest

from loadgrpc.protocol import assignments, batches, home
from loadgrpc.protocol.transport import listen, new_server
from loadgrpc.runner.link.link import EXIT_LOST, EXIT_NOT_LOADED, begins_in_ns, user_processes
from loadgrpc.testing import assignment_of
from loadgrpc.v1 import runner_pb2, runner_pb2_grpc

NS = 1_000_000_000
TESTS = """
import os, sys, time, unittest

print("loading", flush=True)

class TestIt(unittest.TestCase):
    done = 0
    def test_pass(self):
        pass
    def test_slow(self):
        time.sleep(60)
    def test_one_dies(self):
        try:
            os.close(os.open("mark", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            time.sleep(0.01)
        else:
            time.sleep(0.4)
            os._exit(9)
    def test_dies(self):
        type(self).done += 1
        if self.done == 4:
            time.sleep(0.6)
            os._exit(9)
    def test_dies_at_once(self):
        type(self).done += 1
        if self.done == 4:
            os.kill(os.getpid(), 9)
    def test_prints(self):
        print("from a user\\r")
        sys.stderr.write("half a line")
        type(self).tearDownClass = classmethod(lambda cls: print("at the end"))
    def test_hangs_at_its_end(self):
        type(self).tearDownClass = classmethod(lambda cls: time.sleep(600))
"""


LOAD = {"users": (2,), "iterations": (3,), "processes": 2}


class Home(runner_pb2_grpc.RunnerServiceServicer):
    """A home that acks everything, and otherwise says what its test says."""

    def __init__(self, assignment):
        self.assignment = assignment
        self.heard = asyncio.Queue()
        self.answers = None
        self.counted = 0
        self.iterations = 0
        self.first_ns = math.inf
        """When the first iteration started (wall clock)."""
        self.users = []
        self.started = {}
        """Users that were started, as it told last, by cycle."""
        self.outputs = []
        """What was printed."""
        self.skips = []
        self.tokens = set()

    async def GetAssignment(self, request, context):  # noqa: N802 - the name in the proto
        self.tokens |= {dict(context.invocation_metadata()).get("authorization")}
        message = assignments.assignment_to_proto(self.assignment)
        return runner_pb2.GetAssignmentResponse(assignment=message)

    async def PublishEvents(self, requests, context):  # noqa: N802
        self.tokens |= {dict(context.invocation_metadata()).get("authorization")}
        self.answers = asyncio.Queue()
        reading = asyncio.create_task(self._read(requests))
        try:
            while (answer := await self.answers.get()) is not None:
                yield answer
        finally:
            reading.cancel()

    async def _read(self, requests):
        async for request in requests:
            kind = request.WhichOneof("message")
            if kind == "open":
                limits = {"max_unacked_batches": 8, "max_unacked_bytes": 1 << 20}
                self.say(opened={"durable_sequence": self.counted, "limits": limits})
            elif kind == "batch":
                assert request.batch.first_sequence == self.counted + 1
                self.counted += home.size(request.batch)
                decoded = batches.decode(request.batch, arrival_ns=1)
                assert not decoded.violations
                self.iterations += sum(len(block.label) for block in decoded.iterations)
                starts = [int(block.start_ns.min()) for block in decoded.iterations]
                self.first_ns = min([self.first_ns, *starts])
                self.users += [told.active for told in decoded.users]
                self.started |= {told.cycle: told.started for told in decoded.users}
                self.outputs += [e.output for e in request.batch.events if e.HasField("output")]
                self.say(ack={"durable_sequence": self.counted})
            elif kind == "skip":
                assert request.skip.first_sequence == self.counted + 1
                self.counted += request.skip.count
                self.skips.append(request.skip)
                self.say(ack={"durable_sequence": self.counted})
            self.heard.put_nowait((kind, getattr(request, kind)))

    def say(self, **message):
        """Answers."""
        self.answers.put_nowait(runner_pb2.PublishEventsResponse(**message))

    async def hear(self, wanted):
        """The next message of a kind."""
        while True:
            kind, message = await self.heard.get()
            if kind == wanted:
                return message

    async def lead(self, cycles):
        """Leads the runner through its cycles to its end."""
        for cycle in range(1, cycles + 1):
            assert (await self.hear("ready")).cycle == cycle
            self.say(start_cycle={"cycle": cycle})
        finish = await self.hear("finish")
        self.say(finished={})
        return finish


@asynccontextmanager
async def running(home, **environ):
    """A runner process that reports to `home`; its standard error is kept."""
    server = await new_server([])
    runner_pb2_grpc.add_RunnerServiceServicer_to_server(home, server)
    endpoint = listen(server, "127.0.0.1:0")
    await server.start()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "loadgrpc.runner.link",
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={
            **os.environ,
            "LOADGRPC_ENDPOINT": endpoint,
            "LOADGRPC_TOKEN": "secret",
            "LOADGRPC_RUN_ID": "r",
            "LOADGRPC_AGENT_ID": "a",
            "LOADGRPC_RUNNER_ID": "x",
            **environ,
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()
        await server.stop(None)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`run(use, test, …)` runs a coroutine function with a Home and the runner's process."""
    (tmp_path / "link_house_test.py").write_text(TESTS)
    monkeypatch.chdir(tmp_path)

    def with_runner(use, test="test_pass", *, counting=True, **load):
        async def main():
            home = Home(assignment_of(test=f"link_house_test.TestIt.{test}", **{**LOAD, **load}))
            environ = {"LOADGRPC_RUN_DIR": str(tmp_path)} if counting else {}
            async with asyncio.timeout(30), running(home, **environ) as process:
                return await use(home, process)

        return asyncio.run(main())

    return with_runner


@pytest.mark.system
def test_a_runner_from_ready_to_finish(run):
    """It waits for each cycle, sends what its users did, finishes with totals, and exits with 0."""

    async def use(home, process):
        finish = await home.lead(2)
        assert home.iterations == 3 * 3 + 1 * 3
        assert finish.totals.events == home.counted
        assert finish.totals.hits == 0
        assert not finish.HasField("load_error")
        assert await process.wait() == 0
        assert home.tokens == {"Bearer secret"}

    run(use, users=(3, 1))


@pytest.mark.system
def test_c8_what_user_processes_print_is_published(run):
    """Every line, whole, with its process and stream, up to those of the very end."""

    async def use(home, process):
        finish = await home.lead(1)
        assert finish.totals.events == home.counted
        came = sorted((said.process, said.stream, said.text) for said in home.outputs)
        assert came == [
            (process, stream, text)
            for process in (1, 2)
            for stream, text in (
                (1, "at the end"),
                (1, "from a user"),
                (1, "loading"),
                (2, "half a line"),
            )
        ]
        assert await process.wait() == 0

    run(use, "test_prints", iterations=(1,))


@pytest.mark.system
def test_an_agent_without_users_goes_along(run):
    """With no user at all a runner still is ready, finishes, and exits with 0."""

    async def use(home, process):
        finish = await home.lead(2)
        assert (home.iterations, finish.totals.events) == (0, home.counted)
        assert await process.wait() == 0

    run(use, users=(0, 0))


@pytest.mark.system
def test_a_test_that_cannot_be_loaded(run):
    """The load error comes with `finish`, nothing was run, and the exit status is 107."""

    async def use(home, process):
        finish = await home.hear("finish")
        assert finish.load_error.type == "TestNotLoaded"
        assert "test_none" in finish.load_error.message
        assert finish.totals.events == len(home.outputs)  # what the module has printed
        home.say(finished={})
        assert await process.wait() == EXIT_NOT_LOADED

    run(use, "test_none")


@pytest.mark.parametrize(
    ("begin_ns", "in_ns"),
    [(None, 0), (7, -3), (2 * NS, 2 * NS - 10), (3 * NS, 0), (-4 * NS, -4 * NS - 10), (-6 * NS, 0)],
)
def test_a_load_begins_when_it_is_told_to(begin_ns, in_ns):
    """A begin that is late is kept to; one that only another clock can mean is no begin."""
    assert begins_in_ns(begin_ns, 10) == in_ns


@pytest.mark.system
def test_a_load_waits_for_its_begin(run):
    """No user starts before it."""

    async def use(home, process):
        await home.hear("ready")
        begin_ns = time.time_ns() + 600_000_000
        begin_time = {"seconds": begin_ns // NS, "nanos": begin_ns % NS}
        home.say(start_cycle={"cycle": 1, "begin_time": begin_time})
        await home.hear("finish")
        home.say(finished={})
        assert await process.wait() == 0
        assert home.iterations == 6
        assert begin_ns <= home.first_ns < begin_ns + 5 * NS

    run(use)


@pytest.mark.system
def test_users_of_all_processes_are_told_together(run):
    """The number of users is that of the runner, not of one of its processes."""

    async def use(home, process):
        await home.hear("ready")
        home.say(start_cycle={"cycle": 1})
        while 5 not in home.users:
            await home.hear("batch")
        assert max(home.users) == 5
        home.say(stop={})
        await home.hear("finish")
        home.say(finished={})
        assert await process.wait() == 0

    run(use, "test_slow", users=(5,), iterations=(1,))


@pytest.mark.system
@pytest.mark.parametrize(
    ("load", "started"),
    [({"iterations": (1,)}, {1: 5, 2: 5}), ({"iterations": (), "duration_s": 0.4}, {1: 2, 2: 2})],
)
def test_f23_started_users_are_told_by_cycle(run, load, started):
    """Each cycle ends with how many users it had, those included whom a rate left no time for."""

    async def use(home, process):
        await home.lead(2)
        assert home.started == started
        assert home.users[-1] == 0
        assert await process.wait() == 0

    run(use, users=(5, 5), spawn_rate=4.0, **load)


@pytest.mark.system
@pytest.mark.parametrize("when", ["waiting", "running"])
@pytest.mark.parametrize("how", ["stop", "SIGTERM"])
def test_a_runner_that_is_stopped_finishes(run, when, how):
    """A stop or a SIGTERM ends users and cycles; what they did is delivered, and all is well."""

    async def use(home, process):
        await home.hear("ready")
        if when == "running":
            home.say(start_cycle={"cycle": 1})
            while not home.users or not home.users[-1]:
                await home.hear("batch")
        if how == "stop":
            home.say(stop={"stop_timeout": {"nanos": 1_000_000}})
        else:
            process.send_signal(signal.SIGTERM)
        finish = await home.hear("finish")
        home.say(finished={})
        assert home.iterations == (2 if when == "running" else 0)
        assert finish.totals.events == home.counted
        assert await process.wait() == 0

    run(use, "test_slow", users=(2, 2), iterations=(1,))


@pytest.mark.system
def test_a_runner_whose_run_is_over_ends(run):
    """RUN_CLOSED ends the users at once, and the exit status says that it was no good end."""

    async def use(home, process):
        await home.hear("ready")
        home.say(start_cycle={"cycle": 1})
        await home.hear("batch")
        home.say(run_closed={})
        assert await process.wait() == EXIT_LOST
        assert b"the run is over" in await process.stderr.read()

    run(use, "test_slow")


@pytest.mark.system
def test_a_runner_ends_with_its_agent(run):
    """When nobody holds its standard input any more, a runner and its users are gone."""

    async def use(home, process):
        await home.hear("ready")
        home.say(start_cycle={"cycle": 1})
        await home.hear("batch")
        process.stdin.close()
        assert await process.wait() == EXIT_LOST

    run(use, "test_slow")


@pytest.mark.system
def test_what_a_dead_process_had_sent_is_delivered(run):
    """A user process that dies costs the part, but not what it handed over before.

    Without a folder nobody knows what it takes with it: the runner does not say that it is done.
    """

    async def use(home, process):
        await home.hear("ready")
        home.say(start_cycle={"cycle": 1})
        words = (await process.stderr.read()).decode().splitlines()
        assert await process.wait() == EXIT_LOST
        assert words[-1] == "user process 1 of 1 ended with status 9"
        assert home.iterations == 4  # with the one that was cut off
        while not home.heard.empty():
            assert home.heard.get_nowait()[0] != "finish"

    run(use, "test_dies", users=(1,), iterations=(10,), processes=1, counting=False)


@pytest.mark.system
def test_what_a_dead_process_takes_with_it_is_declared_lost(run):
    """What it had made and not handed over is skipped, exactly, with how it died."""

    async def use(home, process):
        finish = await home.lead(1)
        words = (await process.stderr.read()).decode().splitlines()
        assert await process.wait() == EXIT_LOST
        assert words[-1] == "user process 1 of 1 was killed by signal 9 (Killed)"
        assert finish.totals.events == home.counted
        lost = sum(skip.count for skip in home.skips)
        assert home.counted >= home.iterations + lost >= 3  # and what it said of its users
        assert {skip.reason for skip in home.skips} <= {words[-1]}

    run(use, "test_dies_at_once", users=(1,), iterations=(10,), processes=1)


@pytest.mark.system
def test_the_others_go_on_without_a_dead_process(run):
    """When one user process dies the others make their iterations; in the end it is told."""

    async def use(home, process):
        finish = await home.lead(1)
        words = (await process.stderr.read()).decode().splitlines()
        assert await process.wait() == EXIT_LOST
        assert "of 2 ended with status 9" in words[-1]
        assert home.iterations == 101  # with the one that was cut off
        assert finish.totals.events == home.counted

    run(use, "test_one_dies", iterations=(100,))


@pytest.mark.system
def test_a_runner_whose_processes_are_all_dead_finishes(run):
    """Nobody is left to make load: later cycles are not waited for."""

    async def use(home, process):
        await home.hear("ready")
        home.say(start_cycle={"cycle": 1})
        await home.hear("finish")
        home.say(finished={})
        assert await process.wait() == EXIT_LOST
        words = (await process.stderr.read()).decode().splitlines()
        assert words[-1].endswith("was killed by signal 9 (Killed) (and 1 more)")

    run(use, "test_dies_at_once", users=(2, 2), iterations=(10,))


@pytest.mark.system
def test_f02_a_class_that_hangs_at_its_end_is_not_waited_for(run):
    """Fixtures at the end of iterations, too, have the stop timeout; what users did is kept."""

    async def use(home, process):
        finish = await home.lead(1)
        words = (await process.stderr.read()).decode().splitlines()
        assert await process.wait() == EXIT_LOST
        assert "was killed, in tearDownClass or tearDownModule" in words[-1]
        assert home.iterations == 3
        assert finish.totals.events == home.counted

    run(use, "test_hangs_at_its_end", users=(1,), processes=1, stop_timeout_s=0.2)


@pytest.mark.system
def test_a_stream_that_breaks_costs_nothing(run):
    """The runner opens another stream, goes on after what is stored, and finishes there."""

    async def use(home, process):
        await home.hear("ready")
        home.answers.put_nowait(None)
        finish = await home.lead(1)
        assert home.iterations == 6
        assert finish.totals.events == home.counted
        assert await process.wait() == 0

    run(use)


@pytest.mark.parametrize(
    ("processes", "cores", "users", "expected"),
    [
        (0, 4, (10,), 4),
        (0, 4, (2,), 2),
        (3, 1, (10,), 3),
        (8, 2, (1, 5, 2), 5),
        (0, 4, (0,), 1),
        (2, 4, (0, 0), 1),
    ],
)
def test_how_many_processes(processes, cores, users, expected):
    """As asked, or one a core; never more than the users of the largest cycle; at least one."""
    assignment = assignment_of(test="t", users=tuple(users), iterations=(1,), processes=processes)

    assert user_processes(assignment, cores) == expected
