"""A cluster of real processes, and one run on it, by the commands that people use."""

from __future__ import annotations

import functools
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from bench import process

from faults.daemon import LOOK_EVERY_S, MARK, Broken, Daemon, family
from faults.evidence import Seen, read_seen
from faults.place import Place

HERE: Final = Path(__file__).resolve().parent
LOADS: Final = HERE / "loads"
TEST: Final = "visit.TestVisit"
LOADGRPC: Final = (sys.executable, "-m", "loadgrpc")
COMMAND_S: Final = 30.0
STOP_S: Final = 15.0
"""How long a broker or an agent may take to drain."""
RUN_ID: Final = r"\br-[0-9a-f]{10}\b"
CAMPAIGN_ID: Final = r"\bc-[0-9a-f]{10}\b"
FINAL: Final = ("RUN_STATE_FINISHED", "RUN_STATE_STOPPED", "RUN_STATE_FAILED")
DEFAULT_LEASE_S: Final = 60.0
ENDED: Final = ("run", "age", "bro", "ser")
"""How the logs are called of those that are ended first, second, …"""


@functools.cache
def has_lease_option() -> bool:
    """Whether a broker can be told its lease."""
    command = [*LOADGRPC, "broker", "--help"]
    return "--lease" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Agent:
    """An agent of the cluster."""

    def __init__(self, daemon: Daemon, agent_id: str) -> None:
        self.daemon = daemon
        self.agent_id = agent_id

    def runner(self) -> dict[str, int]:
        """The processes of its runner by what they are: keeper, link, user.

        Raises:
            Broken: it has none.
        """
        found = {}
        for pid, command in family(self.daemon.pid).items():
            if "keeper.py" in command:
                found["keeper"] = pid
            elif command.endswith("loadgrpc.runner.link"):
                found["link"] = pid
            elif command.endswith("loadgrpc.runner"):
                found["user"] = pid
        if len(found) < len(("keeper", "link", "user")):
            raise Broken(f"{self.agent_id} has no whole runner, only {found}")
        return found


class Cluster:
    """A broker, agents and the server that they load. Use it in `with`."""

    def __init__(self, place: Place, *, agents: int, lease_s: float, mark: str) -> None:
        self.place = place
        self.lease_s = lease_s if has_lease_option() else DEFAULT_LEASE_S
        self.run_id = ""
        self.campaign_id = ""
        self.users = 0
        """Of each agent, in the run."""
        self._mark = mark
        self._asked = agents
        self._drains: list[str] = []
        self._daemons: list[Daemon] = []
        self._report = place.folder / "report.sock"
        self.agents: list[Agent] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _start(self) -> None:
        command = [sys.executable, str(HERE / "server.py"), str(self._report)]
        self._server = self._daemon("server", [*self.place.inside, *command])
        self.url = self._server.wait_for(r"listening on (\S+)")[1]
        with socket.create_server((self.place.host, 0)) as probe:
            self.address = f"{self.place.host}:{probe.getsockname()[1]}"
        self.start_broker()
        started = [self._start_agent(at) for at in range(self._asked)]
        for daemon in started:
            agent_id = daemon.wait_for(r"agent (\S+) connected to")[1]
            self.agents.append(Agent(daemon, agent_id))

    def end(self) -> None:
        """Ends it in order; `drains` tells who would not."""
        for daemon in sorted(self._daemons, key=lambda one: ENDED.index(one.log.stem[:3])):
            if daemon.popen.poll() is None:
                daemon.signal(signal.SIGCONT)
                if daemon.end(STOP_S) is None:
                    self._drains.append(f"{daemon.log.stem} did not end {STOP_S:g} s after SIGTERM")

    @property
    def drains(self) -> Sequence[str]:
        """Who did not end when asked to, in words."""
        return self._drains

    def _daemon(self, name: str, command: Sequence[str]) -> Daemon:
        log = self.place.folder / f"{name}.log"
        daemon = Daemon(command, log=log, cwd=LOADS, mark=self._mark)
        self._daemons.append(daemon)
        return daemon

    def start_broker(self) -> None:
        """Starts the broker, for the first time or again, and waits until it serves."""
        command = [*LOADGRPC, "broker", "-v", "--listen", self.address]
        command += ["--store", self.place.store]
        if self.place.host != "127.0.0.1":
            command.append("--insecure")
        if has_lease_option():
            command += ["--lease", f"{self.lease_s:g}s"]
        self.broker = self._daemon("broker", command)
        self.broker.wait_for("listening on")

    def _start_agent(self, at: int) -> Daemon:
        where = ["-b", self.address, "--state-dir", str(self.place.states / f"agent-{at}")]
        command = [*self.place.inside, *LOADGRPC, "agent", "-v", *where]
        return self._daemon(f"agent-{at}", command)

    # Runs

    def start_run(self, method: str, *options: str, users: int) -> Daemon:
        """`loadgrpc run` on all agents; returns when the broker has the run."""
        self.users = users
        command = [*LOADGRPC, "run", f"{TEST}.{method}", "-u", str(users), *options]
        command += ["-b", self.address, "-a", str(len(self.agents)), "-H", self.url]
        running = self._daemon("run", command)
        self.run_id = running.wait_for(RUN_ID)[0]
        return running

    def start_campaign(self, file: str) -> Daemon:
        """`loadgrpc campaign run`; returns when the broker has the campaign."""
        running = self._daemon("run", [*LOADGRPC, "campaign", "run", file, "-b", self.address])
        self.campaign_id = running.wait_for(CAMPAIGN_ID)[0]
        return running

    def wait_for_load(self) -> None:
        """Waits until every agent sends requests.

        Raises:
            Broken: one does not.
        """
        deadline = time.monotonic() + COMMAND_S
        while not {agent.agent_id for agent in self.agents} <= self.seen().keys():
            if time.monotonic() > deadline:
                raise Broken(f"no load from every agent, only from {list(self.seen())}")
            time.sleep(LOOK_EVERY_S)

    def wait_for_end(self, running: Daemon, within_s: float) -> tuple[int, dict[str, Any]]:
        """The exit code of `loadgrpc run`, and the run's summary document.

        Raises:
            Broken: the run does not end.
        """
        deadline = time.monotonic() + within_s
        try:
            code = running.popen.wait(within_s)
        except subprocess.TimeoutExpired:
            raise Broken(
                f"loadgrpc run has not ended {within_s:g} s after the fault: {self.status()}"
            ) from None
        while True:
            document = self.summary()
            if document.get("state") in FINAL:
                return code, document
            if time.monotonic() > deadline:
                raise Broken(f"the run is still {document.get('state', 'unknown')}")
            time.sleep(10 * LOOK_EVERY_S)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a command against the broker, to its end."""
        return subprocess.run(
            [*LOADGRPC, *words, "-b", self.address],
            cwd=LOADS,
            env=process.environment({MARK: self._mark}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )

    def summary(self) -> dict[str, Any]:
        """The run's summary document; empty while the broker does not answer."""
        return self.document("show", self.run_id, "--json")

    def document(self, *words: str) -> dict[str, Any]:
        """What a command prints as JSON; empty while the broker does not answer."""
        shown = self.command(*words)
        document: dict[str, Any] = json.loads(shown.stdout) if shown.returncode == 0 else {}
        return document

    def status(self) -> str:
        """What `loadgrpc status` prints."""
        return re.sub(r"\s+", " ", self.command("status").stdout)

    def seen(self) -> dict[str, Seen]:
        """What the server has seen by now."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(COMMAND_S)
            asking.connect(str(self._report))
            told = b"".join(iter(lambda: asking.recv(65_536), b""))
        return read_seen(json.loads(told))
