"""What had been imported before gevent patched: each test is a process of its own."""

import subprocess
import sys

import pytest

BEFORE = {
    "nothing": "",
    "ssl": "import ssl",
    "what uses it": "import ssl, urllib3",
    "one that inherits": "import ssl\nclass Mine(ssl.SSLContext): pass",
}


def _run(before, after, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(before)
    script = f"from loadgrpc.runner.patching import patch_all; patch_all()\n{after}\nprint('good')"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": f"{tmp_path}:{':'.join(sys.path)}"},
    )


@pytest.mark.parametrize("before", BEFORE)
def test_f28_contexts_work_whatever_came_first(tmp_path, before):
    """A site hook that imports ssl, or what uses it, does not break TLS for a run's users."""
    after = (
        "from urllib3.util.ssl_ import create_urllib3_context\n"
        "import ssl\n"
        "assert type(create_urllib3_context()) is ssl.SSLContext\n"
        "assert ssl.SSLContext.__module__.startswith('gevent.')"
    )
    done = _run(BEFORE[before], after, tmp_path)
    assert (done.stdout, done.returncode) == ("good\n", 0), done.stderr


def test_f28_what_cannot_be_mended_says_what_to_do(tmp_path):
    """A class that inherits from the old one fails, with a sentence that says why."""
    before = "import builtins, ssl\nclass Mine(ssl.SSLContext): pass\nbuiltins.Mine = Mine"
    after = """
import socket
from loadgrpc.clock import SystemClock
from loadgrpc.runner.hit import FIELDS
from loadgrpc.runner.http.session import Session
from requests.adapters import HTTPAdapter
class Sink(list):
    def hit(self, hit): self.append({name: getattr(hit, name) for name in FIELDS})
    def unmeasured(self): pass
class Own(HTTPAdapter):
    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, ssl_context=None, **kwargs)
import urllib3.connection
urllib3.connection.create_urllib3_context = lambda **_: Mine(__import__("ssl").PROTOCOL_TLS_CLIENT)
session, sink = Session(), Sink()
session.bind(sink, SystemClock())
session.trust_env = False
listener = socket.create_server(("127.0.0.1", 0))
try:
    session.get("https://127.0.0.1:%d/" % listener.getsockname()[1], timeout=5)
except RecursionError as error:
    assert "sitecustomize" in str(error), error
    assert "sitecustomize" in sink[0]["error_message"], sink
else:
    raise AssertionError("it did not fail")
"""
    done = _run(before, after, tmp_path)
    assert (done.stdout, done.returncode) == ("good\n", 0), done.stderr
