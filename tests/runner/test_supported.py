"""Without a private part of a library, requests are measured all the same, and the log says how.

A newer version of a library renames what it never promised. So each test is a process of its own
in which one name is another one everywhere in the library, as it is loaded.
"""

import json
import os
import re
import subprocess
import sys

import pytest

from loadgrpc.runner.supported import GEVENT, TABLE, Feature, PrivatePart

HELPERS = """
import json, logging
logging.basicConfig(format="LOG %(message)s")
from loadgrpc.runner.multiprocess import Cooperative
Cooperative.install()
import multiprocessing
here, there = multiprocessing.Pipe()
here.send("through a pipe")
with multiprocessing.Lock():
    print(json.dumps(there.recv()))
"""

RENAME = """
import importlib.abc, importlib.machinery, re, sys

class Renamer(importlib.abc.MetaPathFinder):
    '''Loads the modules of some packages with one name replaced in their source.'''

    def __init__(self, packages, name):
        self.packages, self.name = packages, re.compile(rf"\\b(key_)?{name}\\b")

    def find_spec(self, module, path, target=None):
        if module.partition(".")[0] not in self.packages:
            return None
        spec = importlib.machinery.PathFinder.find_spec(module, path)
        loader = spec and spec.loader
        if isinstance(loader, importlib.machinery.SourceFileLoader):
            read = loader.get_data
            loader.get_code = lambda _: compile(
                self.name.sub(r"\\1renamed", read(loader.path).decode()), loader.path, "exec")
        return spec
"""

LIVE = """
import json, logging, os, socket, threading, unittest
logging.basicConfig(format="LOG %(message)s")
import loadgrpc.case
from loadgrpc.clock import SystemClock
from loadgrpc.runner.hit import FIELDS
from loadgrpc.runner.http.addresses import AddressBook
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.http.session import Session
from loadgrpc.runner.user import VirtualUser

server = socket.create_server(("127.0.0.1", 0))
certificate = os.environ.get("CERTIFICATE")
if certificate:
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, os.environ["KEY"])
    server = context.wrap_socket(server, server_side=True)
def serve():
    connection, _ = server.accept()
    read = connection.makefile("rb")
    while line := read.readline():
        while read.readline().strip():
            pass
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello")
threading.Thread(target=serve, daemon=True).start()
url = "http%s://127.0.0.1:%d/x" % ("s" if certificate else "", server.getsockname()[1])

class Sink(list):
    def hit(self, hit):
        self.append({name: getattr(hit, name) for name in FIELDS})
    def unmeasured(self):
        self.append("unmeasured")

class Case(loadgrpc.case.TestCase):
    def test(self):
        assert self.session.get(url, verify=certificate).text == "hello"

said = {}
sink = Sink()
session = Session()
session.trust_env = False
try:
    session.bind(sink, SystemClock(), AddressBook(1))
    said["texts"] = [session.get(url, verify=certificate).text for _ in range(4)]
    said["hits"] = [
        [hit[key] for key in ("url", "method", "status", "error", "bytes_received")]
        + [0 < hit["first_byte_ns"] <= hit["elapsed_ns"], bool(hit["connect_ns"])]
        for hit in sink]
    session.close()
    threading.Thread(target=serve, daemon=True).start()
    user = VirtualUser(Case, "test", Recorder(SystemClock(), "t"), SystemClock(), 1)
    said["outcomes"] = [user.run_iteration(i).name for i in (1, 2, 3)]
    said["lane"] = session._lane is not None
except RuntimeError as error:
    said["error"] = str(error)
print(json.dumps(said))
"""


def _run(begin, script=LIVE, **environ):
    done = subprocess.run(
        [sys.executable, "-c", begin + script],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, **environ},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), re.findall("^LOG (.*)", done.stderr, re.MULTILINE)


def _renaming(part, name):
    """What lets a process load libraries in which a part has another name."""
    package = part.module.partition(".")[0]
    if package == "_socket":  # in C: the standard library keeps it, and we do not find it
        return """
import _socket, socket, types
socket._socket = types.ModuleType("kept")
vars(socket._socket).update(vars(_socket))
del _socket.getaddrinfo
"""
    others = {"requests", "urllib3"} if package in ("http", "requests", "urllib3") else set()
    packages = {package} | others
    return f"""
{RENAME}
for module in list(sys.modules):
    if module.partition(".")[0] in {packages!r}:
        del sys.modules[module]
sys.meta_path.insert(0, Renamer({packages!r}, {name!r}))
"""


PATCH = "from loadgrpc.runner.patching import patch_all; patch_all()\n"


def _names(part):
    """The names by which a row may be lost: all that are private, of the others one."""
    what, _, names = part.shape.partition(" ")
    if what not in ("has", "uses"):
        return [re.search(r"(\w+)(\(\w*\))?$", part.path)[1]]
    found = names.split()
    return [name for name in found if name.startswith("_")] or found[:1]


ROWS = [
    pytest.param(part, name, id=f"{part.module}:{part.path}:{name}")
    for part in (*TABLE, *GEVENT)
    for name in _names(part)
    if part.feature not in (Feature.PIPES, Feature.SEMAPHORES)
]


def _check(said, bytes_received):
    """That all was measured, and the test did what it does."""
    hits = [hit[2:] for hit in said["hits"]]
    assert said["texts"] == ["hello"] * 4
    assert hits == [[200, 0, bytes_received, True, number == 0] for number in range(4)]
    assert said["outcomes"] == ["SUCCESS"] * 3


@pytest.mark.parametrize("begin", ["", PATCH], ids=["plain", "gevent"])
def test_with_everything_there_nothing_is_said(begin):
    """The versions that are installed have all of it: no line in the log, all features on."""
    said, log = _run(begin)

    _check(said, 43)
    assert said["lane"]
    assert log == []


@pytest.mark.parametrize(("part", "name"), ROWS)
def test_without_a_part_requests_are_measured_all_the_same(part, name, certificate):
    """Each part that is renamed costs its feature and one line; hits are what they were."""
    tls = part.feature is Feature.CONTEXTS or name == "_sslobj"
    environ = {"CERTIFICATE": certificate[0], "KEY": certificate[1]} if tls else {}
    begin = _renaming(part, name) + (PATCH if part in GEVENT else "")

    said, log = _run(begin, **environ)

    of_feature = [line for line in log if line.startswith(part.feature.value)]
    assert len(of_feature) == 1, log
    if part.feature is Feature.MEASURING:
        assert said["error"].startswith("requests cannot be measured: ")
        return
    _check(said, 43)
    assert said["lane"] == (part.feature is not Feature.LANE)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (part, name)
        for part in TABLE
        for name in _names(part)
        if part.feature in (Feature.PIPES, Feature.SEMAPHORES)
    ],
)
def test_without_a_part_of_multiprocessing_it_works_as_ever(part, name):
    """Pipes and locks are left alone when they are not as we know them, and the log says so."""
    said, log = _run(_renaming(part, name) + PATCH, HELPERS)

    assert said == "through a pipe"
    assert [line.partition(":")[0] for line in log] == [part.feature.value]


class Thing:
    def method(self, first, second):
        return first.used + second


@pytest.mark.parametrize(
    ("path", "shape", "there"),
    [
        ("Thing", "", True),
        ("Thing.method", "", True),
        ("Thing.method", "(self, first", True),
        ("Thing.method", "(self, second", False),
        ("Thing.method", "(self, first, second, third", False),
        ("Thing.method", "uses used", True),
        ("Thing.method", "uses other", False),
        ("Thing()", "has method", True),
        ("Thing()", "has method other", False),
        ("Thing()", "Thing", True),
        ("Thing()", "object", True),
        ("Thing()", "dict", False),
        ("Thing(argument)", "", False),
        ("Thing.other", "", False),
        ("other", "", False),
    ],
)
def test_a_part_has_a_shape(path, shape, there, monkeypatch):
    """Each kind of shape fits what has it, and nothing else."""
    monkeypatch.setitem(sys.modules, Thing.__module__, sys.modules.get(__name__) or _this())

    assert PrivatePart(Feature.LANE, Thing.__module__, path, shape).is_there() is there


def _this():
    module = type(sys)(Thing.__module__)
    module.Thing = Thing
    return module


def test_a_part_that_was_replaced_is_there():
    """A tracer's wrapper has no shape to compare; who has replaced something is asked elsewhere."""
    part = PrivatePart(Feature.LANE, "json", "dumps", "(self, what")
    assert not part.is_there()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("json.dumps", lambda *args: None)
        assert part.is_there()


def test_a_part_says_what_is_missing():
    """The line in the log names the library's version, the part, and what it should be."""
    said = str(PrivatePart(Feature.LANE, "requests.models", "Response()", "has _soul"))

    assert re.fullmatch(
        r"requests 2\.[\d.]+ has no requests\.models\.Response\(\) \(has _soul\)", said
    )
