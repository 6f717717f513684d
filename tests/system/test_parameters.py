"""Parameters, retries and states of a test, from whoever starts it to the runner and back."""

import asyncio
import io
import json
import logging
import sys

import pytest

import loadgrpc
from loadgrpc.client import Client
from loadgrpc.errors import InvalidRequest, NotFound, RunFailed, TooFewAgents
from loadgrpc.model import Parameter, RunState, Submission, plan_of
from loadgrpc.protocol import json_line
from loadgrpc.protocol.document import summary_json
from loadgrpc.testing import running_cluster

pytestmark = pytest.mark.system

CARD, WORD = "4111-2222-x3333", 'pa/ss "word"'
TESTS = """
from __future__ import annotations
from datetime import timedelta
from loadgrpc.case import Secret, TestCase, retry

class Needy(TestCase):
    account: int
    card: Secret[str]

    def test_pay(self):
        assert self.account and self.card

class Shop(TestCase):
    product: int = 7
    pause: timedelta = timedelta(seconds=1)
    card: Secret[str] = "none"
    password: str = ""

    def setUp(self):
        self.update_state("warming", {"pool": 3, "card": self.card})

    def test_buy(self):
        assert self.product == 9 and self.pause.total_seconds() == 0.25, self.config
        assert self.config["parameters"]["product"] == "9"
        self.update_state("buying", {"product": self.product})

    def test_leak(self):
        print("pays with", self.card)
        self.incr_counter(f"paid with {self.card}")
        self.session.get(self.server_url, params={"q": self.password, "c": self.card})
        raise ValueError(f"no money on {self.card!r} of {self.password!r}")

    @retry(on=AssertionError, max_retries=9, countdown=0.0)
    def fetch(self):
        answer = self.session.get(self.server_url + "/flaky/3", name="flaky")
        assert answer.status_code == 200

    def test_retry(self):
        self.fetch()
        self.session.get(self.server_url, name="steady")

    @retry(countdown=600.0)
    def test_waits(self):
        self.update_state("waiting")
        raise ConnectionError("nobody")
"""


@pytest.fixture(autouse=True)
def tests(tmp_path, monkeypatch):
    """A folder with the tests, which is the current one."""
    (tmp_path / "shop.py").write_text(TESTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("shop", None)


@pytest.fixture
def log():
    """What is logged in this process, by the broker and the agents."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(before)


def test_secrets_reach_the_runner_and_nobody_else(tmp_path, demo_server, log, capfd):
    """In the store, the log, the document, events, changes and listings `***` stands for them."""
    store = tmp_path / "runs.db"
    told = []

    async def main():
        cluster = running_cluster(store=str(store))
        async with cluster as endpoint, Client.connect(endpoint) as client:
            plan = plan_of(
                test="shop.Shop.test_leak",
                server_url=demo_server.url,
                parameters={"card": CARD, "password": WORD, "product": 1},
            )
            handle = await client.start(plan, request_id="once")
            async for news in handle.watch():
                told.append(repr(news))
            result = await handle.result()
            assert (await client.start(plan, request_id="once")).id == handle.id
            events = [event async for event in handle.events()]
            runs, _ = await client.list_runs()
            changes = await client.list_changes(handle.id)
            told.extend(map(repr, (runs, changes, events)))
            told.extend(map(str, map(json_line.json_line, events)))
            told.append(json.dumps(summary_json(result.summary)))
            return result

    result = asyncio.run(main())
    assert result.exit_code == 1, result.reason
    assert result.errors == ["ValueError: no money on '***' of '***' (once)"]
    assert result.counters == {"paid with ***": 1}
    assert [each.value for each in result.summary.plan.scenarios[0].parameters] == [
        *("***", "***", "1")
    ]
    assert demo_server.requests() == 1
    captured = capfd.readouterr()
    told += [log.getvalue(), captured.out, captured.err]
    kept = [path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("runs.db")]
    for secret in (CARD, WORD, "pa%2Fss", 'pa/ss \\"word', "pa%2Fss+%22word%22"):
        assert [text for text in told if secret in text] == []
        assert not any(secret.encode() in data for data in kept)
    assert "pays with ***" in "".join(told)


def test_parameters_are_compared_at_submit():
    """By the agents, for whoever starts a run: each field is named, and no load is made."""

    async def main():
        async with running_cluster() as endpoint, Client.connect(endpoint) as client:
            plan = plan_of(
                test="shop.Shop.test_buy",
                parameters={"prodct": 9, "product": "many", "card": "1234"},
            )
            for start in (client.start_run, client.start):  # the agents; the client itself
                with pytest.raises(InvalidRequest) as caught:
                    await start(plan)
                found = {each.field: each.description for each in caught.value.violations}
                assert found["plan.parameters['prodct']"].endswith("did you mean 'product'?")
                assert found["plan.parameters['product']"] == ("must be a whole number, not 'many'")
            assert "plan.parameters['card']" not in found  # the client has marked it
            runs, _ = await client.list_runs()
            assert [(run.state, run.verdict.exit_code) for run in runs] == [(RunState.FAILED, 107)]
            summary = await client.get_summary(runs[0].run_id)
            assert summary.iterations.started == 0
            with pytest.raises(InvalidRequest) as caught:  # none is given, and two are needed
                await client.start_run(plan_of(test="shop.Needy.test_pay"))
            assert {each.field: each.description for each in caught.value.violations} == {
                f"plan.parameters[{name!r}]": "is missing: the test declares it without a value"
                for name in ("account", "card")
            }

    asyncio.run(main())


def test_parameters_and_states_go_through():
    """Values from the plan are those of the test; its states are seen while it runs, and after."""

    async def main():
        async with running_cluster() as endpoint, Client.connect(endpoint) as client:
            given = (Parameter("card", "4111", secret=True), Parameter("pause", "250ms"))
            plan = plan_of(
                test="shop.Shop.test_buy", parameters=(*given, Parameter("product", "9"))
            )
            handle = await client.start(plan)
            news = [each async for each in handle.watch()]
            result = await handle.result(throw=True)
            (state,) = result.summary.custom_states
            assert str(state.state) == "buying (product=9)"
            assert state.agent_id == result.summary.agents[0].agent_id
            changes = [each.change for each in news if each.change and each.change.custom_state]
            assert changes[-1].reason == f"agent {state.agent_id}: buying (product=9)"
            (listed,) = [each async for each in handle.events("custom_state")]
            assert listed.event.custom_state.details["product"] == "9"

    asyncio.run(main())


def test_retries_are_counted_as_the_server_counts_requests(demo_server):
    """Of a server that fails one request in three: requests, hits, failures and retries agree."""
    result = loadgrpc.run(
        "shop.Shop.test_retry", users=4, iterations=25, server_url=demo_server.url, throw=True
    )
    hits = result.names["GET flaky"]
    assert demo_server.requests() == result.hits.count
    assert hits.count == demo_server.requests() - 100
    assert hits.failed == hits.count // 3  # each third request fails, whoever makes it
    assert result.retries == hits.failed  # each of which is tried again
    assert hits.count == 100 + result.retries
    (steady,) = [each for each in result.summary.names if each.name == "steady"]
    assert (steady.hits.count, steady.retries) == (100, 0)


def test_an_eager_run_returns_its_result_or_raises():
    """The method itself names the test; a wrong option or parameter raises in any case."""
    import shop

    result = loadgrpc.run(shop.Shop.test_buy, parameters={"product": 9, "pause": 0.25}, users=2)
    assert (result.successful, result.failed, result.iterations.success) == (True, False, 2)
    with pytest.raises(RunFailed, match="AssertionError"):
        loadgrpc.run("shop.Shop.test_buy", throw=True, timeout=60)
    with pytest.raises(InvalidRequest, match="no parameter of the test"):
        loadgrpc.run("shop.Shop.test_buy", parameters={"prodct": 9})
    with pytest.raises(TypeError, match="a plan has no 'user'"):
        loadgrpc.run("shop.Shop.test_buy", user=2)
    with pytest.raises(TypeError, match="is no method of a class"):
        loadgrpc.run(len)


def test_a_stop_ends_the_wait_of_a_retry():
    """The user is done at once, and its iteration was interrupted."""

    async def main():
        async with running_cluster() as endpoint, Client.connect(endpoint) as client:
            handle = await client.start(plan_of(test="shop.Shop.test_waits"))
            async for news in handle.watch():
                if news.change and news.change.custom_state:
                    await handle.stop()
            result = await handle.result(timeout=20)
            assert result.exit_code == 105
            assert result.iterations.interrupted == 1
            assert result.summary.duration_ns < 20e9

    asyncio.run(main())


def test_a_run_is_held_by_its_handle():
    """Blocking, from a thread without a loop; by its id from another client, too."""
    from loadgrpc.client.portal import portal

    cluster = running_cluster()
    endpoint = portal().call(cluster.__aenter__())
    try:
        with loadgrpc.Client(endpoint) as client, loadgrpc.Client(endpoint) as other:
            plan = plan_of(test="shop.Shop.test_buy", parameters={"product": 9, "pause": "0.25"})
            handle = client.start(plan)
            same = other.run_handle(handle.id)
            states = [news.update.state for news in same.watch() if news.update and news.change]
            assert states[-1] is RunState.FINISHED
            assert same.result(timeout=5).successful
            assert (handle.ready(), handle.successful(), handle.failed()) == (True, True, False)
            assert handle.state is handle.run.state is RunState.FINISHED
            assert handle.summary().iterations.success == 1
            assert [each.event.WhichOneof("event") for each in handle.events("test_start")]
            assert list(handle.timeline()) == list(same.timeline())
            assert [run.run_id for run in client.runs()] == [handle.id]
            assert len(client.agents()) == client.broker().agents == 1
            failed = client.start(plan_of(test="shop.Shop.test_buy"))
            with pytest.raises(RunFailed, match="AssertionError"):
                failed.result(throw=True)
            with pytest.raises(NotFound):
                client.run_handle("r-0000000000").ready()
            with pytest.raises(TooFewAgents):
                client.start(plan_of(test="shop.Shop.test_buy", agents=2))
    finally:
        portal().call(cluster.__aexit__(None, None, None))


def test_a_restarted_broker_does_not_have_secrets(tmp_path):
    """What waited in the queue fails, and says why; no server ever gets `***` as a password."""
    store = str(tmp_path / "runs.db")
    plan = plan_of(test="shop.Shop.test_buy", parameters={"password": WORD, "product": 9})

    async def main():
        nobody = running_cluster(agents=0, store=store)
        async with nobody as endpoint, Client.connect(endpoint) as client:
            handle = await client.start(plan, submission=Submission(queue=True))
            assert await handle.state() is RunState.QUEUED
        async with running_cluster(store=store) as endpoint, Client.connect(endpoint) as client:
            result = await client.run_handle(handle.id).result(30)
            assert result.state is RunState.FAILED
            assert result.iterations.started == 0
            assert "no longer has the secret password" in result.summary.agents[0].reason

    asyncio.run(main())
