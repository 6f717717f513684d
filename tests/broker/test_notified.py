"""From a change to a receiver and back: real processes, and receivers that are ill."""

import asyncio
import http.server
import json
import threading

import pytest

from loadgrpc.broker import notifier
from loadgrpc.model import NotificationState, ObserverChoice, ObserverEvent, RunState
from loadgrpc.observers.config import ObserverConfig

START, END, LOST, *_ = ObserverEvent
PENDING, DELIVERED, GIVEN_UP = NotificationState

RAISES = """
from loadgrpc.observers import Observer

class Raises(Observer):
    def notify(self, notice):
        raise ValueError("a defect")
"""


@pytest.fixture
def receiver():
    """`receiver(503, 200)` answers so, in turn, the last one from then on; 0: not at all."""
    running = []

    def start(*statuses):
        got, release = [], threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                status = statuses[min(len(got), len(statuses)) - 1]
                if not status:
                    release.wait(60)
                    return
                self.send_response(status)
                self.end_headers()

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append((server, release))
        return f"http://127.0.0.1:{server.server_port}/", got

    yield start
    for server, release in running:
        release.set()
        server.shutdown()
        server.server_close()


def webhook(url, *events):
    """An observer of a plan."""
    return ObserverChoice(name="webhook", settings=(("url", url),), events=events or (END,))


async def finished(desk, **plan):
    """A run that went to its end."""
    run = await desk.start("a1", **plan)
    runner = await desk.runner(run)
    runner.ready(1)
    await desk.settled()
    await runner.publish(hits=3, passed=1)
    await runner.ends()
    assert (await desk.over(run)).state is RunState.FINISHED
    return run


async def stand(desk, run):
    """How its notifications stand, by observer."""
    found = (await desk.broker.get_summary(run.run_id)).notifications
    return {(each.observer, each.event): (each.state, each.tries, each.reason) for each in found}


async def until(desk, run, many):
    """The same, when so many are not pending."""
    while True:
        found = await stand(desk, run)
        if sum(state is not PENDING for state, _, _ in found.values()) == many:
            return found
        await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """No pause is long."""
    monkeypatch.setattr(notifier, "WAITS_S", (0.0, 0.0))
    monkeypatch.setitem(notifier.Notifier.__init__.__kwdefaults__, "waits_s", (0.0, 0.0))
    monkeypatch.setattr(notifier, "CLOSE_S", 0.1)


def test_a_receiver_that_fails_at_first(at_desk, receiver):
    """It gets what it did not take before, with the same id; then the end, with the figures."""
    url, got = receiver(503, 200)

    async def use(desk):
        run = await finished(desk, observers=(webhook(url, START, END),), title="nightly")
        found = await until(desk, run, 2)
        assert found == {
            ("webhook", START): (DELIVERED, 2, ""),
            ("webhook", END): (DELIVERED, 1, ""),
        }
        return run.run_id

    run_id = at_desk(use, observers=ObserverConfig(allowed=frozenset({"webhook"})), within_s=60)
    assert [each["type"] for each in got] == ["run.start", "run.start", "run.end"]
    assert got[0]["id"] == got[1]["id"] == f"{run_id}/2"
    data = got[2]["data"]
    assert (data["runId"], data["title"], data["state"]) == (run_id, "nightly", "FINISHED")
    assert data["verdict"] == {"exitCode": 0, "reason": "passed"}
    assert data["summary"]["hits"]["count"] == "3"
    assert data["text"].startswith("nightly: a.B.c: passed: 3 hits, ")
    assert data["text"].endswith(f"1 iterations, 0 failed; 0.0 s; run {run_id}")


def test_of_three_one_raises_and_one_hangs(at_desk, receiver, tmp_path, monkeypatch):
    """The third is notified, the run is over at once, and the broker can end."""
    (tmp_path / "ill.py").write_text(RAISES)
    monkeypatch.chdir(tmp_path)
    good, got = receiver(200)
    hanging, held = receiver(0)
    observers = (
        ObserverChoice(name="ill.Raises"),
        webhook(hanging),
        webhook(good),
    )

    async def use(desk):
        run = await finished(desk, observers=observers)
        found = await until(desk, run, 2)
        assert found["webhook (2)", END] == (DELIVERED, 1, "")
        assert found["ill.Raises", END] == (GIVEN_UP, 3, "ValueError: a defect")
        assert found["webhook", END][0] is PENDING
        assert held

    at_desk(use, observers=ObserverConfig(trusted=True), within_s=60)
    assert len(got) == 1


def test_the_loss_of_an_agent(at_desk, receiver):
    """With the agent, and before the end, which is no success."""
    url, got = receiver(200)

    async def use(desk):
        run = await desk.start("a1", observers=(webhook(url, LOST, END),))
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        desk.clock.advance(61)
        desk.broker.end_leases()
        await desk.settled()
        await until(desk, run, 2)

    at_desk(use, observers=ObserverConfig(trusted=True), within_s=60)
    assert [each["type"] for each in got] == ["run.agent-lost", "run.end"]
    assert got[0]["data"]["agentId"] == "a1"
    assert "lost agent a1: " in got[0]["data"]["text"]
    assert got[1]["data"]["verdict"]["exitCode"] == 3


def test_a_plan_that_may_not_is_refused_before_it_starts(at_desk, receiver):
    """By its field; no agent was taken for it."""
    from loadgrpc.errors import InvalidRequest

    url, got = receiver(200)

    async def use(desk):
        with pytest.raises(InvalidRequest, match=r"plan.observers\[0\]: webhook may not be given"):
            await desk.start("a1", observers=(webhook(url),))
        assert (await desk.broker.list_runs(0, "")).runs == []
        run = await finished(desk)
        assert await stand(desk, run) == {}

    at_desk(use)
    assert got == []
