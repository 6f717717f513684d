"""A cluster of real processes, and the command line as a person calls it."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

LOADGRPC = str(Path(sys.executable).parent / "loadgrpc")

EXAMPLE = """\
import time

from loadgrpc import TestCase


class TestWebSite(TestCase):
    def test_es(self):
        res = self.session.get(self.server_url)
        self.assertEqual(res.status_code, 200)

    def test_delay(self):
        self.session.get(self.server_url + "/delay/20")

    def test_hold(self):
        self.session.get(self.server_url + "/delay/300")

    def test_fail(self):
        self.assertEqual(self.session.get(self.server_url + "/status/500").status_code, 200)

    def test_boom(self):
        raise ValueError("boom")

    def test_for_ever(self):
        time.sleep(600)
"""


@dataclass
class Ran:
    """What a command did."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict:
        """The JSON document that it printed."""
        return json.loads(self.stdout)

    @property
    def last_line(self) -> str:
        """The last line on stdout."""
        return self.stdout.rstrip().splitlines()[-1]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with example.py, as a newcomer has it; agents keep their state beside it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    home = tmp_path / "home"
    home.mkdir()
    (home / "example.py").write_text(EXAMPLE)
    return home


@pytest.fixture
def loadgrpc(folder) -> Callable[..., Ran]:
    """`loadgrpc("run", "example.TestWebSite.test_es")` runs the command to its end."""

    def run(*arguments: str, within_s: float = 110.0, cwd: Path | None = None, **env: str) -> Ran:
        done = subprocess.run(
            [LOADGRPC, *arguments],
            cwd=cwd or folder,
            capture_output=True,
            text=True,
            timeout=within_s,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **env},
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@dataclass
class Cluster:
    """A broker and agents, each a process."""

    address: str
    store: Path
    broker: object
    start_agent: Callable[..., object]
    agents: list = field(default_factory=list)


@pytest.fixture
def cluster(start, folder, tmp_path) -> Callable[..., Cluster]:
    """`cluster(5)` starts a broker on a free port and so many agents, all connected."""

    def begin(agents: int = 0, *, store: Path | None = None) -> Cluster:
        store = store or tmp_path / "broker.db"
        broker = start(
            "loadgrpc", "broker", "--listen", "127.0.0.1:0", "--store", str(store), cwd=folder
        )
        address = broker.wait_for(r"listening on (\S+?),")[1]

        def start_agent(cwd: Path | None = None, **env: str):
            return start("loadgrpc", "agent", "--broker", address, cwd=cwd or folder, env=env)

        begun = Cluster(address, store, broker, start_agent)
        begun.agents = [start_agent() for _ in range(agents)]
        for agent in begun.agents:
            agent.wait_for("connected to", within_s=60.0)
        return begun

    return begin


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *command, cwd, env):
        self.output = b""
        self._seen = 0
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve(command[0], command, {**os.environ, **env, "TERM": "xterm"})  # noqa: S606

    def read_until(self, words, within_s=90.0):
        """Read until these words have come since the last ones, or the terminal is left."""
        deadline = time.monotonic() + within_s
        while words not in self.output[self._seen :] and time.monotonic() < deadline:
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.output += os.read(self.master, 65_536)
                except OSError:
                    break  # nobody has it open any more
        found = self.output.find(words, self._seen)
        if found >= 0:
            self._seen = found + len(words)
        return found >= 0

    def type(self, text):
        """Press keys."""
        os.write(self.master, text)

    def wait(self):
        """Its exit code."""
        pid, self.pid = self.pid, 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def on_terminal() -> Iterator[Callable[..., Terminal]]:
    """`on_terminal("run", "a.B.c", cwd=folder)`: a command of loadgrpc on a terminal."""
    begun = []

    def begin(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> Terminal:
        begun.append(Terminal(LOADGRPC, *arguments, cwd=cwd, env=env or {}))
        return begun[-1]

    yield begin
    for each in begun:
        if each.pid:
            os.kill(each.pid, signal.SIGKILL)
            each.wait()
        with suppress(OSError):
            os.close(each.master)
