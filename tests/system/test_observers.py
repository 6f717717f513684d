"""Observers and real brokers: killed, restarted, and here only for as long as a run lasts."""

import http.server
import json
import signal
import threading

import pytest

pytestmark = pytest.mark.system

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TESTS = """\
from loadgrpc import TestCase


class TestNothing(TestCase):
    def test_it(self):
        self.assertEqual(1 + 1, 2)
"""


class Hook:
    """A receiver of webhooks."""

    def __init__(self):
        self.requests = []
        self.statuses = [200]
        self.came = threading.Event()
        self.hangs = False
        self.release = threading.Event()


@pytest.fixture
def hook():
    """A receiver that runs."""
    made = Hook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            made.requests.append((dict(self.headers), body))
            status = made.statuses[min(len(made.requests), len(made.statuses)) - 1]
            made.came.set()
            if made.hangs:
                made.release.wait(60)
                return
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield made
    made.release.set()
    server.shutdown()
    server.server_close()


def test_a_broker_that_was_killed_notifies_after_its_restart(
    start, folder, loadgrpc, tmp_path, hook
):
    """With the same id, signed; and the secret is neither in its store nor in its log."""
    (folder / "nothing.py").write_text(TESTS)
    store = tmp_path / "broker.db"

    def broker(listen):
        options = ("--observer", "webhook", "--observer-webhook-url", hook.url)
        begun = start(
            *("loadgrpc", "broker", "--listen", listen, "--store", str(store), *options),
            cwd=folder,
            env={"LOADGRPC_OBSERVER_WEBHOOK_SECRET": SECRET},
        )
        return begun, begun.wait_for(r"listening on (\S+?),", within_s=60.0)[1]

    hook.hangs = True
    killed, address = broker("127.0.0.1:0")
    agent = start("loadgrpc", "agent", "--broker", address, cwd=folder)
    agent.wait_for("connected to", within_s=60.0)
    done = loadgrpc("run", "nothing.TestNothing.test_it", "-b", address, "--title", "nightly")
    assert (done.code, done.last_line) == (0, "exit 0: passed")  # it waits for nobody
    assert hook.came.wait(30)
    agent.stop()
    killed.signal(signal.SIGKILL)
    killed.wait()
    hook.hangs = False
    hook.came.clear()
    again, _ = broker(address)
    assert hook.came.wait(30)
    again.wait_for(r"webhook \(broker\) was notified of end", within_s=60.0)
    (first, _), (second, body) = hook.requests
    assert first["webhook-id"] == second["webhook-id"] == body["id"]
    assert second["webhook-signature"].startswith("v1,")
    run_id = body["data"]["runId"]
    assert body["data"]["look"] == f"loadgrpc show {run_id} -b {address}"
    shown = loadgrpc("show", run_id, "-b", address).stdout
    assert "observers   webhook (broker): notified of end\n" in shown
    assert (
        "webhook (broker): notified of end, change "
        in loadgrpc("show", run_id, "-b", address, "--changes").stdout
    )
    assert SECRET not in killed.output + again.output + done.stdout + done.stderr
    again.stop()
    assert SECRET.encode() not in store.read_bytes()


def test_a_run_here_is_notified_of_before_it_ends(folder, loadgrpc, hook):
    """A receiver that fails at first is tried again; the report says how it went."""
    (folder / "nothing.py").write_text(TESTS)
    hook.statuses = [503, 200]
    done = loadgrpc(
        *("run", "nothing.TestNothing.test_it", "--observer", "webhook"),
        *("--observer-webhook-url", hook.url),
    )
    assert done.code == 0, done.stderr
    assert "observers   webhook: notified of end\n" in done.stdout
    assert [body["type"] for _, body in hook.requests] == ["run.end"] * 2
    assert hook.requests[1][1]["data"]["look"] == ""  # its broker is no more
