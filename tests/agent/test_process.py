"""A runner's process is stopped with everything it started, politely or not."""

import asyncio
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from loadgrpc.agent import process as module
from loadgrpc.agent.process import RunnerProcess
from loadgrpc.model import StopMode
from loadgrpc.secrets import Redactor

pytestmark = pytest.mark.system

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
SLEEP = "print('up', flush=True); time.sleep(60)"
SLEEP_ONLY = "import time; time.sleep(60)"
DAEMON = (
    "import os, sys, time\n"
    "ready, done = os.pipe()\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    "        os.write(done, str(os.getpid()).encode())\n"
    "        os.close(1), os.close(2)\n"
    "        time.sleep(60)\n"
    "    os._exit(0)\n"
    "os.wait()\n"
    "print('daemon', os.read(ready, 20).decode(), flush=True)\n"
    "print('runner', os.getpid(), flush=True)\n"
)
FAMILY = (
    STUBBORN
    + "import subprocess, sys; "
    + f"child = subprocess.Popen([sys.executable, '-c', {STUBBORN + SLEEP!r}]); "
    + "print('child', child.pid, flush=True); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Waits that are seconds in life are a moment here."""
    monkeypatch.setattr(module, "TERMINATE_SLACK_S", 0.05)
    monkeypatch.setattr(module, "KILL_AFTER_S", 0.2)


@pytest.fixture
def lines(monkeypatch):
    """The lines that processes have printed, as they are logged; `wait` for one."""

    class Lines(list):
        def __init__(self):
            super().__init__()
            self.queue = asyncio.Queue()

        def info(self, template, line):
            self.append(line)
            self.queue.put_nowait(line)

        async def wait(self, word):
            """The line that begins with a word."""
            while not (line := await self.queue.get()).startswith(word):
                pass
            return line

    seen = Lines()
    monkeypatch.setattr(module, "_output", seen)
    return seen


def started(code, **given):
    """A process of this code, as the agent starts its runners."""
    return RunnerProcess.of([sys.executable, "-c", code], {}, **given)


def run(use):
    """Runs a coroutine; nothing may take long."""

    async def main():
        async with asyncio.timeout(20):
            return await use

    return asyncio.run(main())


def ends(pid):
    """Whether a process, of whomever, has ended or does so now."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 5.0)[0])
    finally:
        os.close(descriptor)


def test_an_exit_has_a_status_and_last_words(lines):
    """The status is the process's own, with the end of what it said; all of it is logged."""

    async def use():
        process = started("import sys; print('out'); print('why', file=sys.stderr); sys.exit(7)")
        return await process.wait()

    ended = run(use())
    assert (ended.status, ended.stderr_tail) == (7, "why\n")
    assert sorted(lines) == ["out", "why"]


def test_last_words_are_bounded(lines):
    """Of much that is said the end is kept; a line without end does not stop the listening."""

    async def use():
        process = started(
            "import sys; w = sys.stderr.write; w('x' * 200_000 + '\\n'); "
            "[w(f'{at:099}\\n') for at in range(100)]"
        )
        return await process.wait()

    ended = run(use())
    assert len(ended.stderr_tail) == 4_000
    assert ended.stderr_tail.endswith("99\n")


@pytest.mark.parametrize("mode", StopMode)
def test_a_process_that_ignores_sigterm_dies_with_its_children(mode, lines):
    """Whoever swallows SIGTERM is killed a little later, and so is every process it started."""

    async def use():
        process = started(FAMILY)
        waiting = asyncio.create_task(process.wait())
        grandchild = int((await lines.wait("child")).split()[1])
        process.stop(mode, 0.0)
        return await waiting, grandchild

    ended, grandchild = run(use())
    assert ended.status == -signal.SIGKILL
    assert ends(grandchild)


def test_grandchildren_die_when_the_runner_ends_by_itself(lines):
    """A process that a runner left behind goes with it, though it ended well."""

    async def use():
        process = started(
            "import subprocess, sys; "
            f"child = subprocess.Popen([sys.executable, '-c', {STUBBORN + SLEEP!r}]); "
            "print('child', child.pid, flush=True)"
        )
        ended = await process.wait()
        return ended, int((await lines.wait("child")).split()[1])

    ended, grandchild = run(use())
    assert ended.status == 0
    assert ends(grandchild)


def test_a_daemon_goes_with_its_runner(lines):
    """A process in a session of its own, whose parent is gone, is ended all the same."""

    async def use():
        process = started(DAEMON + "print('over')")
        ended = await process.wait()
        return ended, int((await lines.wait("daemon")).split()[1])

    ended, daemon = run(use())
    assert ended.status == 0
    assert ends(daemon)


def test_nothing_outlives_the_agent(tmp_path):
    """When the agent's process is killed, all that its runner started is gone at once."""
    program = tmp_path / "agent.py"
    program.write_text(
        "import asyncio, logging, sys\n"
        "from loadgrpc.agent.process import RunnerProcess\n"
        "logging.basicConfig(level='INFO', format='%(message)s')\n"
        f"runner = [sys.executable, '-c', {DAEMON + STUBBORN + SLEEP!r}]\n"
        "async def main():\n"
        "    process = RunnerProcess.of(runner, {})\n"
        "    await process.wait()\n"
        "asyncio.run(main())\n"
    )
    agent = subprocess.Popen([sys.executable, str(program)], stderr=subprocess.PIPE, text=True)
    try:
        words = dict(line.split() for line in (agent.stderr.readline(), agent.stderr.readline()))
    finally:
        agent.kill()
        agent.wait()
        agent.stderr.close()
    assert ends(int(words["daemon"]))
    assert ends(int(words["runner"]))


def test_a_runner_does_not_outlive_its_keeper(lines):
    """Who kills the keeper kills the runner."""

    async def use():
        process = started(f"import os; print('runner', os.getpid(), flush=True); {SLEEP_ONLY}")
        waiting = asyncio.create_task(process.wait())
        runner = int((await lines.wait("runner")).split()[1])
        process._process.kill()
        return await waiting, runner

    ended, runner = run(use())
    assert ended.status == -signal.SIGKILL
    assert ends(runner)


def test_a_daemon_does_not_outlive_its_keeper(lines):
    """Nor does a process that has left the runner's session, and lost its parent."""

    async def use():
        process = started(DAEMON + SLEEP_ONLY)
        waiting = asyncio.create_task(process.wait())
        daemon = int((await lines.wait("daemon")).split()[1])
        await lines.wait("runner")
        process._process.kill()
        return await waiting, daemon

    ended, daemon = run(use())
    assert ended.status == -signal.SIGKILL
    assert ends(daemon)


def test_a_program_that_is_not_there(lines):
    """The exit says which."""

    async def use():
        return await RunnerProcess.of(["/nowhere/runner"], {}).wait()

    ended = run(use())
    assert (ended.status, ended.stderr_tail) == (
        127,
        "/nowhere/runner: No such file or directory\n",
    )


def test_a_polite_stop_waits_for_the_runner(lines):
    """Within its time-out a runner that was told to stop is left alone."""

    async def use():
        process = started("import time; print('up', flush=True); time.sleep(0.5)")
        waiting = asyncio.create_task(process.wait())
        await lines.wait("up")
        process.stop(StopMode.GRACEFUL, 60.0)
        process.stop(StopMode.GRACEFUL, 0.0)  # again: changes nothing
        return await waiting

    assert run(use()).status == 0


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_a_polite_stop_can_be_cut_short(how, lines):
    """A long time-out does not keep a kill, or the end of the agent, from coming at once."""

    async def use():
        process = started("import time; " + SLEEP)
        waiting = asyncio.create_task(process.wait())
        await lines.wait("up")
        process.stop(StopMode.GRACEFUL, 60.0)
        if how == "kill":
            process.stop(StopMode.KILL, 0.0)
        else:
            process.terminate()
        return await waiting

    began = time.monotonic()
    expected = {"kill": -signal.SIGKILL, "terminate": -signal.SIGTERM}
    assert run(use()).status == expected[how]
    assert time.monotonic() - began < 10


def test_terminating_a_stubborn_process_insists(lines):
    """SIGTERM that is ignored is followed by SIGKILL, although a long stop was under way."""

    async def use():
        process = started(STUBBORN + SLEEP)
        waiting = asyncio.create_task(process.wait())
        await lines.wait("up")
        process.stop(StopMode.GRACEFUL, 60.0)
        process.terminate()
        return await waiting

    assert run(use()).status == -signal.SIGKILL


def test_stopping_what_has_ended_is_nothing(lines):
    """A process that is gone is not signalled again: its number may be somebody else's."""

    async def use():
        process = started("pass")
        await process.wait()
        process.stop(StopMode.KILL, 0.0)
        process.terminate()
        return process._escalation

    assert run(use()) is None


def test_a_runner_that_cannot_be_started(monkeypatch):
    """A missing interpreter is an OSError, which the agent reports."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    async def use():
        with pytest.raises(OSError, match="nowhere"):
            RunnerProcess.of([sys.executable], {}, 2)

    run(use())


def _stats():
    """What /proc tells of each process, but of those that end meanwhile."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            yield path.read_text().rpartition(") ")[2].split()


def test_f21_a_keeper_leaves_no_zombies():
    """What the keeper has adopted it buries: nobody else finds it as its child, PID 1 say."""
    code = (
        "import subprocess; subprocess.run(['sh', '-c', '(sleep 30 & echo $!)']);"
        "subprocess.run(['sh', '-c', '(exit 0) & (sleep 0.01; exit 0) & exit 0'])"
    )
    here, me = ctypes.CDLL(None), str(os.getpid())
    assert here.prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER: this process is as PID 1
    try:

        async def use():
            return await started(code).wait()

        assert run(use()).status == 0
        assert not [parent for state, parent, *_ in _stats() if (state, parent) == ("Z", me)]
    finally:
        here.prctl(36, 0, 0, 0, 0)


def test_b5_a_keeper_that_was_stopped_ends_all_the_same(lines):
    """SIGSTOP of the keeper does not keep a runner from being killed."""

    async def use():
        process = started("import time; print('ready', flush=True); time.sleep(600)")
        waiting = asyncio.create_task(process.wait())
        await lines.wait("ready")
        os.kill(process._process.pid, signal.SIGSTOP)
        process.stop(StopMode.KILL, 0.0)
        return await waiting

    assert run(use()).status == -signal.SIGKILL


SAYS = """
import sys, time
for piece in {pieces!r}:
    sys.stdout.write(piece), sys.stdout.flush(), time.sleep(0.2)
    sys.stderr.write(piece), sys.stderr.flush(), time.sleep(0.2)
sys.exit(3)
"""


def test_what_is_printed_has_no_secrets(lines):
    """In lines, the head and the tail; of two reads, over the bound of a line, and at the end."""
    pieces = [
        "pays with se",
        "cret-1, and ",
        f"not\n{'x' * 1_995}secret-1\n",
        "in the end: secret",
        "-1",
    ]

    async def use():
        process = started(SAYS.format(pieces=pieces), redactor=Redactor(["secret-1"]))
        return await process.wait()

    ended = run(use())
    shown = "\n".join(lines)
    assert ended.status == 3
    for text in (shown, ended.head, ended.stderr_tail):
        assert "secret" not in text
        assert "cret-1" not in text
    assert lines.count("pays with ***, and not") == lines.count("in the end: ***") == 2
    assert ended.stderr_tail.endswith("in the end: ***")
    assert ended.head.startswith("pays with ")
    assert "***" in ended.head
