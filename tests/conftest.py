"""What system tests share: real processes, servers that count for themselves, and no leftovers.

Fixtures, each told at its definition: `root`, `lacks`, `tool`, `acme`, `start`, `demo_server`,
`counting_server`, `postgres`, `postgres_server`, `issue`, `issued`, `packed`, `own_logging`, and
for every test marked `system`, unasked, `no_orphans`.
"""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
import requests
from google.protobuf import any_pb2
from google.protobuf.descriptor_pb2 import (
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))  # tools are run as scripts, and so are their parts

import toolbox  # noqa: E402
from faults import postgresql  # noqa: E402
from faults.postgresql import Server  # noqa: E402

from loadgrpc.certs import TlsFiles  # noqa: E402
from loadgrpc.certs.folder import CertsFolder  # noqa: E402
from loadgrpc.model import Role  # noqa: E402

# What a shell starts in the background ignores these, and so do its children; tests send them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes says more of the machine than of us.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

TEST_ID = "LOADGRPC_TEST_ID"
"""The environment variable by which processes started by a test are known."""
GRACE_S = 5.0
"""How long processes may take to end after their test."""
SETTLED_S = 0.2
"""An access log that did not grow for so long is complete."""


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def lacks() -> Callable[[str], NoReturn]:
    """`lacks("needs nginx")` skips a test, and says why; with CI=true it fails it.

    There all is to be installed, and nothing is skipped unseen.
    """

    def end(why: str) -> NoReturn:
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)

    return end


@pytest.fixture(scope="session")
def tool(lacks) -> Callable[[str], str]:
    """`tool("grpcurl")` is the path of a program that is not Python's; without it, see `lacks`."""

    def find(name: str) -> str:
        found = toolbox.find(name)
        if found is None:
            lacks(f"needs {name}, which `make tools` installs")
        return found

    return find


class Acme:
    """What a third party reports in a type of its own, acme.Order, made without a compiler."""

    NAMES = ("item", "quantity", "colour")

    def types(
        self,
        *fields: str,
        file: str = "acme/order.proto",
        message: str = "acme.Order",
        imports: Sequence[str] = (),
        pad: int = 0,
    ) -> bytes:
        """A serialised FileDescriptorSet with a message; `fields` are strings, numbered from 1.

        `pad` makes it larger by so many bytes.
        """
        package, _, name = message.rpartition(".")
        described = FileDescriptorProto(
            name=file, package=package, syntax="proto3", dependency=imports
        )
        order = described.message_type.add(name=name)
        for number, field_name in enumerate(fields or self.NAMES, 1):
            order.field.add(
                name=field_name,
                number=number,
                type=FieldDescriptorProto.TYPE_STRING,
                label=FieldDescriptorProto.LABEL_OPTIONAL,
            )
        if pad:
            described.source_code_info.location.add(leading_comments="x" * pad)
        return FileDescriptorSet(file=[described]).SerializeToString()

    def order(self, **fields: str) -> any_pb2.Any:
        """An acme.Order in an Any."""
        pool = DescriptorPool()
        pool.Add(FileDescriptorSet.FromString(self.types()).file[0])
        message = GetMessageClass(pool.FindMessageTypeByName("acme.Order"))(**fields)
        value = message.SerializeToString()
        return any_pb2.Any(type_url="type.googleapis.com/acme.Order", value=value)


@pytest.fixture(scope="session")
def acme() -> Acme:
    """A third party with a type of its own."""
    return Acme()


class Started:
    """A process that a test has started; its output is read as it comes."""

    def __init__(self, command: Sequence[str], cwd: Path | None, env: Mapping[str, str]) -> None:
        self.command = list(command)
        self.popen = subprocess.Popen(
            self.command,
            cwd=cwd,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.pid = self.popen.pid
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._closed = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout
        for line in self.popen.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._closed = True
            self._news.notify_all()

    @property
    def output(self) -> str:
        """Everything it has printed so far, on both streams."""
        return "\n".join(self.lines)

    def wait_for(self, pattern: str, within_s: float = 30.0) -> re.Match[str]:
        """The first line in which `pattern` is found, waiting for it; fails without it."""
        deadline = time.monotonic() + within_s
        seen = 0
        with self._news:
            while True:
                for line in self.lines[seen:]:
                    if match := re.search(pattern, line):
                        return match
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if self._closed or left <= 0:
                    why = "ended" if self._closed else f"took {within_s} s"
                    pytest.fail(f"{self.command} {why} without {pattern!r}:\n{self.output}")
                self._news.wait(left)

    def wait(self, within_s: float = 30.0) -> int:
        """Its exit code, waiting for its end; fails when it does not end."""
        try:
            code = self.popen.wait(within_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{self.command} still runs after {within_s} s:\n{self.output}")
        # A child of its own may still hold the pipe: that is for no_orphans to tell.
        self._reader.join(2.0)
        return code

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        self.popen.send_signal(number)

    def stop(self, within_s: float = 30.0) -> int:
        """Ends it by SIGTERM, and by SIGKILL when that does not help; its exit code."""
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(within_s)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        code = self.popen.wait()
        self._reader.join(2.0)
        if not self._reader.is_alive() and self.popen.stdout:
            self.popen.stdout.close()
        return code


@pytest.fixture
def start() -> Iterator[Callable[..., Started]]:
    """`start("prog", "arg", until="ready on (.*)")` runs a process until the test is over.

    With `until` it waits (`within_s`) for a line in which the pattern is found. The first
    word "python" is this Python, "loadgrpc" and "loadgrpc-…" a command beside it. `cwd` and
    `env` (on top of the test's own) as for Popen. What was started last is stopped first.
    """
    everyone: list[Started] = []

    def run(
        *command: str,
        until: str | None = None,
        within_s: float = 30.0,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Started:
        first, *rest = command
        if first == "python":
            first = sys.executable
        elif first.startswith("loadgrpc"):
            first = str(Path(sys.executable).parent / first)
        started = Started([first, *rest], cwd, env or {})
        everyone.append(started)
        if until is not None:
            started.wait_for(until, within_s)
        return started

    yield run
    for started in reversed(everyone):
        started.stop()


@dataclass(frozen=True)
class DemoServer:
    """The bundled server, running; see loadgrpc/examples/server/."""

    url: str
    pid: int

    def stats(self) -> dict[str, object]:
        """Its own counts: requests, max_concurrent, websockets, paths, timeline, …."""
        return requests.get(self.url + "/stats", timeout=10).json()

    def requests(self) -> int:
        """Requests that it has counted."""
        return int(str(self.stats()["requests"]))

    def max_concurrent(self) -> int:
        """The most requests that it answered at the same time."""
        return int(str(self.stats()["max_concurrent"]))

    def start_over(self) -> None:
        """Makes it forget what it has counted."""
        requests.delete(self.url + "/stats", timeout=10).raise_for_status()


@pytest.fixture
def demo_server(start: Callable[..., Started]) -> DemoServer:
    """The bundled server on a free port: counts, delays, and knows who is concurrent."""
    server = start("python", "-m", "loadgrpc.examples.server", "--port", "0")
    return DemoServer(server.wait_for(r"listening on (\S+)")[1], server.pid)


NGINX = """\
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    log_format short '$request_method $request_uri $status';
    access_log {folder}/access.log short;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    # A client must not lose a connection to the server's own housekeeping.
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        default_type text/plain;
        location / {{ return 200 "Hello\\n"; }}
        location = /status/404 {{ return 404; }}
        location = /status/500 {{ return 500; }}
        location = /status/503 {{ return 503; }}
    }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """An nginx that logs every request."""

    url: str
    pid: int
    log: Path
    before: list[int] = field(default_factory=lambda: [0])

    def lines(self) -> list[str]:
        """Its log since it started over, `METHOD URI STATUS` a line, once it does not grow."""
        size = -1
        while size != (size := self.log.stat().st_size):
            time.sleep(SETTLED_S)
        return self.log.read_text().splitlines()[self.before[0] :]

    def requests(self) -> int:
        """Requests that it has logged."""
        return len(self.lines())

    def start_over(self) -> None:
        """Forgets what it has logged."""
        self.before[0] += len(self.lines())


def _start_nginx(program: str, start: Callable[..., Started], folder: Path) -> Nginx:
    """A new nginx in `folder`. Its port is free when it is chosen, hence the tries."""
    for _ in range(5):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=port))
        log = folder / "error.log"
        server = start(program, "-p", str(folder), "-e", str(log), "-c", str(config))
        deadline = time.monotonic() + 10
        while server.popen.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return Nginx(f"http://127.0.0.1:{port}", server.pid, folder / "access.log")
        server.stop()
    pytest.fail(f"nginx does not start:\n{server.output}")


@pytest.fixture
def nginx(tool, start, tmp_path_factory) -> Nginx:
    """An nginx of its own with an access log, on a free port; answers everything with 200."""
    return _start_nginx(tool("nginx"), start, tmp_path_factory.mktemp("nginx"))


@pytest.fixture
def counting_server(request: pytest.FixtureRequest) -> Nginx | DemoServer:
    """A server that counts independently of us: nginx where there is one, or the bundled one.

    Either has `.url`, `.pid`, `.requests()` and `.start_over()`. For delays, cookies or
    concurrency ask for `demo_server`.
    """
    name = "nginx" if toolbox.find("nginx") else "demo_server"
    return request.getfixturevalue(name)


@contextmanager
def _postgres(lacks: Callable[[str], NoReturn], *, fsync: bool) -> Iterator[Server]:
    """A server that runs; where there is none, see `lacks`."""
    if words := postgresql.missing():
        lacks(words)
    with postgresql.served(fsync=fsync) as server:
        yield server


@pytest.fixture
def postgres(lacks) -> Iterator[Server]:
    """A PostgreSQL of the test's own, to be stopped and started."""
    with _postgres(lacks, fsync=True) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server(lacks) -> Iterator[Server]:
    """One PostgreSQL for all tests that want a database and leave the server alone."""
    with _postgres(lacks, fsync=False) as server:
        yield server


def _stat(pid: int) -> tuple[str, int] | None:
    """State and parent of a process, or None when it is gone."""
    try:
        rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return rest[0], int(rest[1])


def _bytes(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _pids() -> set[int]:
    return {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()}


@pytest.fixture(scope="session")
def processes_left() -> Callable[[str, set[int]], dict[int, str]]:
    """`processes_left(test_id, before)`: command line by pid of what a test has left behind.

    These are the descendants of this process, and all processes whose environment has the
    test's id (a child whose parent has ended is known by that only). Neither those in
    `before` count, nor the dead, nor Python's resource tracker, which stays by design.
    """

    def look(test_id: str, before: set[int]) -> dict[int, str]:
        alive = {pid: stat for pid in _pids() if (stat := _stat(pid)) and stat[0] not in "ZX"}
        ours = {os.getpid()}
        while grown := {pid for pid, (_, parent) in alive.items() if parent in ours} - ours:
            ours |= grown
        mark = f"{TEST_ID}={test_id}".encode()
        found = {}
        for pid in alive.keys() - before - {os.getpid()}:
            if pid in ours or mark in _bytes(pid, "environ").split(b"\0"):
                words = _bytes(pid, "cmdline").split(b"\0")
                command = b" ".join(words).decode(errors="replace").strip()
                if "resource_tracker" not in command:
                    found[pid] = command
        return found

    return look


@pytest.fixture(autouse=True)
def no_orphans(request, monkeypatch, processes_left) -> Iterator[None]:
    """For tests marked `system`: what they started has ended soon after they have.

    What has not is killed, by pid, and the test fails naming it.
    """
    if not request.node.get_closest_marker("system"):
        yield
        return
    test_id = uuid.uuid4().hex
    monkeypatch.setenv(TEST_ID, test_id)
    before = set(processes_left(test_id, set()))
    yield
    deadline = time.monotonic() + GRACE_S
    while (left := processes_left(test_id, before)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    if left:
        listed = "\n".join(f"  {pid}: {command}" for pid, command in sorted(left.items()))
        pytest.fail(f"left behind, {GRACE_S:g} s after the test:\n{listed}")


@pytest.fixture(scope="session")
def certificate(tool, tmp_path_factory):
    """A self-signed certificate for localhost and 127.0.0.1: (certificate, key)."""
    folder = tmp_path_factory.mktemp("tls")
    command = [tool("openssl"), "req", "-x509", "-nodes", "-days", "2"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]  # quick handshakes
    command += ["-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj"]
    command += ["/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


class Issued:
    """A folder of certificates: of a broker here, its admin, and whoever is asked for."""

    def __init__(self, path: Path) -> None:
        self.folder = CertsFolder(path)
        self.folder.begin((), self.now())
        self.path = path

    @staticmethod
    def now(days: int = 0) -> dt.datetime:
        """This many days from now."""
        return dt.datetime.now(dt.UTC) + dt.timedelta(days=days)

    @property
    def broker(self) -> TlsFiles:
        """What the broker uses."""
        return self.folder.files("broker")

    @property
    def admin(self) -> TlsFiles:
        """What its admin uses."""
        return self.folder.files("client")

    def caller(self, role: str, name: str = "ann", *, days: int = 0) -> TlsFiles:
        """What a client or an agent uses, issued this many days from now."""
        kind = "agent" if role == "agent" else "client"
        place = self.path / f"{kind}s" / name
        if not place.exists():
            self.folder.issue(name, Role[role.upper()], self.now(days))
        return CertsFolder(place).files(kind)


@pytest.fixture(scope="session")
def issue(lacks, tmp_path_factory) -> Callable[[], Issued]:
    """`issue()` makes an authority with certificates; without the library, see `lacks`."""
    try:
        import cryptography  # noqa: F401
    except ImportError:
        lacks("needs cryptography: pip install 'loadgrpc[tls]'")
    return lambda: Issued(tmp_path_factory.mktemp("issued"))


@pytest.fixture(scope="session")
def issued(issue) -> Issued:
    """One of them, for tests that leave it as it is."""
    return issue()


@pytest.fixture(scope="session")
def packed() -> Callable[[str], dict]:
    """`packed(page)` is what is packed into a page that is one file."""

    def unpack(page: str) -> dict:
        found = re.search(r'id="packed">([^<]*)</script>', page)
        assert found, "nothing is packed"
        return json.loads(gzip.decompress(base64.b64decode(found[1])))

    return unpack


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Commands set up logging for their process; in tests they share one, which is left as it was.

    What they have opened for it is closed.
    """
    root, ours = logging.getLogger(), logging.getLogger("loadgrpc")
    before, level = list(root.handlers), ours.level
    yield
    for handler in [each for each in root.handlers if each not in before]:
        root.removeHandler(handler)
        handler.close()
    ours.setLevel(level)
