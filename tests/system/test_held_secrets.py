"""Secrets that a run was given: they reach its test, and are nowhere else.

Acceptance: a secret in each place where a user could put one, everything done that can be done with
the run, and then a search for all of them, in all forms, in all that is left of it.
"""

import itertools
import json
import os
import shlex
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from loadgrpc import cli
from loadgrpc.secrets import Redactor

pytestmark = pytest.mark.system

TOKEN, CARD = "tok-5ecret-of-a-variable", "card-5ecret-of-a-file"
TESTS = """\
import os
from loadgrpc import TestCase


class TestVault(TestCase):
    @classmethod
    def setUpClass(cls):
        print("the class has", cls.secret("token"))

    def test_it(self):
        self.session.headers["Authorization"] = f"Bearer {self.secret('token')}"
        self.assertNotIn("API_TOKEN", os.environ)
        answer = self.session.get(self.server_url + "/?card=" + self.secret("card"))
        self.assertEqual(answer.request.headers["Authorization"], "Bearer tok-5ecret-of-a-variable")
        print("it", "paid with", self.secret("card"))
        raise ValueError(self.secret("card"))

    def test_other(self):
        self.secret("key")
"""


def test_a_local_run_gets_its_secrets(loadgrpc, demo_server, folder, monkeypatch):
    """By a file and a variable; what it prints, raises and reports has `***` in their place."""
    (folder / "vault.py").write_text(TESTS)
    (folder / "card.txt").write_text(CARD + "\n")
    monkeypatch.setenv("API_TOKEN", TOKEN)
    given = ("--secret", "token=env:API_TOKEN", "--secret", "card=@card.txt")
    host = ("-H", demo_server.url)
    done = loadgrpc("run", "vault.TestVault.test_it", *given, *host, "--json-file", "s.json", "-v")
    assert done.code == 1, done.stderr
    told = done.stdout + done.stderr + (folder / "s.json").read_text()
    assert CARD not in told
    assert TOKEN not in told
    assert "ValueError: ***" in done.stdout
    assert "it paid with ***" in done.stderr
    assert "the class has ***" in done.stderr
    assert demo_server.requests() == 1
    missing = loadgrpc("run", "vault.TestVault.test_other", *given, *host)
    assert "was given no secret 'key': start it with --secret key=@FILE" in missing.stdout


# Acceptance

IN_PLAN = (
    *("printed", "stderr", "raised", "asserted", "path", "query"),
    *("basic", "websocket", "check", "tag", "state", "counter"),
    *("file", "transaction", "hit", "loop", "traceback"),
)
"""Secrets in the file of the plan, each for what the test does with it."""
OTHERS = (
    *("of_config", "of_option", "of_typed", "password", "of_url", "of_variable"),
    *("of_title", "of_external", "of_webhook", "of_hook_url", "of_client_token", "of_note"),
)
SECRETS = {
    name: f"zq{at:02d}{name[:3]}/x7+K{at * 7_919:06d}e"
    for at, name in enumerate((*IN_PLAN, *OTHERS))
}
EVERY_TEST = """
import sys
import time
from loadgrpc.case import Secret, TestCase


class TestVault(TestCase):
    typed: Secret[str] = ""
    password: str = ""

    @classmethod
    def setUpClass(cls):
        print("the class has", cls.secret("printed"))

    def step(self, use):
        try:
            use()
        except Exception as error:
            print("it failed:", repr(error))

    def test_it(self):
        s = self.secret
        print("prints", s("printed"), s("of_config"), s("of_option"), self.typed, self.password)
        sys.stdout.write("half of " + s("printed")[:9]), sys.stdout.flush()
        time.sleep(0.3)
        print(s("printed")[9:], flush=True)
        print("error", s("stderr"), file=sys.stderr)
        url = self.server_url
        with self.tag(customer=s("tag")), self.group("pays with " + s("transaction")):
            self.session.get(url + "/bytes/1/" + s("path"), params={"q": s("query")})
        self.session.get(url + "/echo", auth=("ann", s("basic")), name="as " + s("hit"))
        print("sent", self.session.get(url, auth=("ann", s("basic"))).request.headers)
        self.step(lambda: self.create_ws(url.replace("http", "ws") + "/ws?q=" + s("websocket")))
        self.step(lambda: open("/nowhere/" + s("file").replace("/", "_")))
        self.check(False, "is " + s("check"))
        self.update_state("pays", {"with": s("state")})
        self.incr_counter("paid with " + s("counter"))
        self.record("worth of " + s("counter"), 1.0)
        time.sleep(3)

    def test_raises(self):
        def deep(value):
            raise ValueError("no money on " + self.secret("raised"))
        self.subTest()
        time.sleep(0.2)
        deep(self.secret("traceback"))

    def test_asserts(self):
        time.sleep(0.2)
        self.assertEqual([self.secret("asserted")] * 2, [self.secret("loop")])
"""
RUNNER = """
import os, sys, grpc
from loadgrpc.v1 import event_pb2, runner_pb2, runner_pb2_grpc
env = os.environ
source = runner_pb2.SourceId(run_id=env["LOADGRPC_RUN_ID"], agent_id=env["LOADGRPC_AGENT_ID"],
                             runner_id=env["LOADGRPC_RUNNER_ID"])
metadata = [("authorization", "Bearer " + env["LOADGRPC_TOKEN"])]
stub = runner_pb2_grpc.RunnerServiceStub(grpc.insecure_channel(env["LOADGRPC_ENDPOINT"]))
asked = runner_pb2.GetAssignmentRequest(source=source)
given = stub.GetAssignment(asked, metadata=metadata).assignment.parameters
assert "LOADGRPC_PARAMETERS" not in env, "a secret is in the environment"
value = given["of_external"].value
print("the external runner has", sorted(given), "among them", value)
sys.stderr.write("half: " + value[:10]), sys.stderr.flush()
sys.stderr.write(value[10:] + chr(10)), sys.stderr.flush()
def say():
    yield runner_pb2.PublishEventsRequest(source=source, open=runner_pb2.OpenSource(epoch=1))
    raised = {"type": "E", "message": value}
    events = [event_pb2.Event(test_start={"test": "x"}),
              event_pb2.Event(test_error={"test": "x", "exception": raised}),
              event_pb2.Event(test_stop={"test": "x"})]
    batch = runner_pb2.EventBatch(first_sequence=1, events=events)
    yield runner_pb2.PublishEventsRequest(batch=batch)
    totals = runner_pb2.SourceTotals(events=3, hits=0)
    yield runner_pb2.PublishEventsRequest(finish=runner_pb2.Finish(totals=totals))
for answer in stub.PublishEvents(say(), metadata=metadata):
    if answer.HasField("finished"):
        break
"""


def _planted(folder, server_url):
    """The files of a user with secrets; the arguments of `loadgrpc run`."""
    (folder / "vault.py").write_text(EVERY_TEST)
    (folder / "own.py").write_text(RUNNER)
    held = folder / "held"
    held.mkdir()
    for name in (*IN_PLAN, "of_option", "of_external", "of_webhook"):
        (held / name).write_text(SECRETS[name] + "\n")
    (folder / "loadgrpc.ini").write_text("[loadgrpc]\nquiet = true\n")
    host = server_url.replace("://", f"://ann:{SECRETS['of_url'].replace('/', '%2F')}@")
    tests = [
        {"test": f"vault.TestVault.{name}"} for name in ("test_it", "test_raises", "test_asserts")
    ]
    ours = {
        "name": "ours",
        "tests": tests,
        "testOrder": "sequential",
        "iterations": 3,
        "server_url": host,
        "secrets": {name: f"@held/{name}" for name in IN_PLAN}
        | {"of_config": "env:CONFIGURED", "of_option": "@held/of_option"},
        "parameters": {"typed": {"value": SECRETS["of_typed"], "secret": True}, "password": None},
    }
    theirs = {
        "name": "theirs",
        "test": "x",
        "test_runner": f"{shlex.quote(sys.executable)} {shlex.quote(str(folder / 'own.py'))}",
        "runner_mode": "all-users",
        "secrets": {"of_external": "@held/of_external"},
    }
    plan = {
        "scenarios": [ours, theirs],
        "title": f"against http://ann:{quote(SECRETS['of_title'], safe='')}@host/",
        "env": {"API_TOKEN": None},
        "agents": 1,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    return ("run", "-f", "plan.json")


class Search:
    """What was found of secrets, in what is told and kept."""

    def __init__(self):
        self._each = {
            name: Redactor([value, value.replace("/", "%2F"), value.replace("/", "_")])
            for name, value in SECRETS.items()
        }
        self.places = 0
        self.found = []

    def add(self, name, value):
        """Looks for one more from now on."""
        self._each[name] = Redactor([value])

    def look(self, place, content, *allowed):
        """Looks for all secrets but those that may be there."""
        data = content if isinstance(content, bytes) else content.encode()
        self.places += 1
        self.found += [
            (name, place)
            for name, each in self._each.items()
            if name not in allowed and each.is_in(data)
        ]


def _processes(search, *marks):
    """Looks into command lines and environments of processes that have one of these; how many."""
    count = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            environ = (path / "environ").read_bytes()
            if not any(mark in environ for mark in marks) or int(path.name) == os.getpid():
                continue
            line = (path / "cmdline").read_bytes()
        except OSError:
            continue  # it has just ended
        runs = b"loadgrpc.runner" in line or b"own.py" in line
        search.look(f"command line of {line!r}", line)
        # A variable of --env is where its name says, in the environment of tests.
        search.look(f"environment of {line!r}", environ, *(["of_variable"] if runs else []))
        count += 1
    return count


@pytest.fixture
def told(capsys):
    """`told("show", run_id)`: what a command says, carried out in this process."""

    def call(*arguments):
        capsys.readouterr()
        cli.main(arguments)
        said = capsys.readouterr()
        return said.out + said.err

    return call


def _page(web, run_id):
    """What the page serves about a run."""
    run = f"api/runs/{run_id}"
    for path in (
        *("", "api/web", "api/broker", "api/agents", "api/runs", run, f"{run}/summary"),
        *(f"{run}/timeline", f"{run}/changes", f"{run}/events", f"{run}/check"),
        *(f"api/report?run={run_id}", f"{run}/report.md"),
    ):
        answer = requests.get(web + path, timeout=20)
        yield path, answer.content + repr(answer.headers).encode()


@dataclass
class Begun:
    """A broker with a page and an observer, and an agent."""

    broker: object
    agent: object
    address: str
    web: str


def _begun(start, folder, store, server_url):
    """Starts them; the secrets of the observer are in files."""
    held = folder / "held"
    hook = f"{server_url}/echo?token={quote(SECRETS['of_hook_url'], safe='')}"
    (held / "hook").write_text(hook)
    broker = start(
        *("loadgrpc", "broker", "--listen", "127.0.0.1:0", "--store", str(store)),
        *("--web", "127.0.0.1:0", "--observer", "webhook", "-v"),
        cwd=folder,
        env={
            "LOADGRPC_OBSERVER_WEBHOOK_SECRET_FILE": str(held / "of_webhook"),
            "LOADGRPC_OBSERVER_WEBHOOK_URL_FILE": str(held / "hook"),
        },
    )
    address = broker.wait_for(r"listening on (\S+?),")[1]
    web = broker.wait_for(r"(http://127\.0\.0\.1:\d+/)")[1]
    agent = start("loadgrpc", "agent", "-b", address, "-v", cwd=folder)
    agent.wait_for("connected to", within_s=60.0)
    return Begun(broker, agent, address, web)


def _asked(search, told, begun, run_id, folder):
    """Asks for all there is about a run while it is active, and again when it is over."""
    at = ("-b", begun.address)
    for _ in range(2):
        for command in (
            *(("show", run_id, "-v"), ("show", run_id, "--json"), ("show", run_id, "--timeline")),
            *(("events", run_id), ("events", run_id, "--json"), ("runs", "--json"), ("status",)),
        ):
            search.look(" ".join(command), told(*command, *at))
        for path, content in _page(begun.web, run_id):
            search.look(path, content)
        search.look("attach", told("attach", run_id, *at))
    kinds = ("html", "junit", "markdown", "json", "file")
    outputs = [("--output", f"{kind}={folder}/out.{kind}") for kind in kinds]
    outputs.append(("--output", f"csv={folder}/csv"))
    search.look("outputs", told("show", run_id, *at, *itertools.chain(*outputs)))
    for command in (("audit",), ("schedule", "list"), ("campaign", "list")):
        search.look(" ".join(command), told(*command, *at))


def _left(search, begun, tmp_path, *written):
    """Looks into logs and all files but those that the user wrote."""
    for each in (begun.broker, begun.agent):
        each.stop()
        search.look(f"log of {each.command}", each.output)
    for path in tmp_path.rglob("*"):
        own = "held" in path.parts or path.name in ("plan.json", "loadgrpc.ini", *written)
        if path.is_file() and not own:
            search.look(str(path), path.read_bytes())
    found = "\n".join(f"{name}: {place}" for name, place in sorted(set(search.found)))
    assert not found, found


def test_held_secrets(start, folder, demo_server, loadgrpc, told, monkeypatch, tmp_path):
    """29 of them, wherever a user could put one: nothing shown, logged or kept has one."""
    monkeypatch.chdir(folder)
    search, arguments = Search(), _planted(folder, demo_server.url)
    begun = _begun(start, folder, tmp_path / "broker.db", demo_server.url)
    at = ("-b", begun.address)
    given = {
        "CONFIGURED": SECRETS["of_config"],
        "API_TOKEN": SECRETS["of_variable"],
        "password": SECRETS["password"],
        "LOADGRPC_TOKEN": SECRETS["of_client_token"],
    }
    done = loadgrpc(*arguments, *at, "--detach", **given)
    assert done.code == 0, done.stderr
    run_id = done.stdout.split()[-1]
    search.look("run", done.stdout + done.stderr)
    begun.agent.wait_for("it failed:", within_s=60.0)  # the test goes on for some seconds
    note = f"see http://ann:{quote(SECRETS['of_note'], safe='')}@host/"
    assert "***" in told("note", run_id, note, *at) + told("show", run_id, *at)
    marks = f"LOADGRPC_TEST_ID={os.environ['LOADGRPC_TEST_ID']}", f"LOADGRPC_RUN_ID={run_id}"
    assert _processes(search, *map(str.encode, marks)) >= 5  # broker, agent, keeper, link, users
    _asked(search, told, begun, run_id, folder)
    refused = loadgrpc("schedule", "add", "n", "--cron", "@daily", "plan.json", *at, **given)
    assert "which no schedule can keep" in refused.stderr
    search.look("schedule", refused.stdout + refused.stderr)
    monkeypatch.setenv("LOADGRPC_SECRET", "a=@held/of_option")
    search.look("config", told("config", "show", "--json"))
    _left(search, begun, tmp_path)
    assert search.places > 60
    # It was all done, and not left out.
    log = begun.agent.output
    for words in (
        *("prints *** *** *** *** ***", "half of ***", "error ***", "the class has ***", "Basic "),
        *("the external runner has ['of_external'] among them ***", "half: ***"),
    ):
        assert words in log, words
    kept = (folder / "out.json").read_text()
    for words in ("no money on ***", "paid with ***", "is ***", "as ***", "pays with ***"):
        assert words in kept, words
    assert '"message": "***"' in kept  # what the external runner reported
    paths = demo_server.stats()["paths"]
    assert paths[f"/bytes/1/{SECRETS['path']}"] == 1
    assert paths["/echo"] == 2, paths  # one is the webhook


CAMPAIGN = """\
title = "against http://ann:{title}@host/"
[[steps]]
name = "a"
plan = {{ test = "vault.TestVault.test_raises", secrets = {secrets} }}
[[steps]]
name = "b"
after = {{ a = "over" }}
plan = {{ test = "vault.TestVault.test_asserts", server_url = "{host}", secrets = {secrets} }}
"""


@pytest.mark.long
def test_held_secrets_over_tls(issue, start, folder, loadgrpc, told, monkeypatch, tmp_path):
    """With certificates and a token, of a campaign, and of a run whose broker is killed first."""
    monkeypatch.chdir(folder)
    issued = issue()
    issued.caller("agent", "one")
    monkeypatch.setenv("LOADGRPC_TLS_DIR", str(issued.path))
    _planted(folder, "http://127.0.0.1:9")
    search, store = Search(), tmp_path / "broker.db"

    def begin(listen="127.0.0.1:0"):
        words = ("--listen", listen, "--listen-tokens", "127.0.0.1:0", "--store", str(store), "-v")
        broker = start("loadgrpc", "broker", *words, cwd=folder)
        return broker, broker.wait_for(r"listening on (\S+?),")[1]

    broker, address = begin()
    at = ("-b", address)
    made = loadgrpc("tokens", "create", "ci", "--role", "run", *at)
    token = made.stdout.strip()
    assert made.code == 0, made.stderr
    search.add("the token", token)
    search.look("tokens", told("tokens", "list", *at))
    named = "{ " + ", ".join(f'{each} = "@held/{each}"' for each in IN_PLAN) + " }"
    password = quote(SECRETS["of_url"], safe="")
    (folder / "loadgrpc.ini").write_text("[loadgrpc]\n")
    (folder / "campaign.toml").write_text(
        CAMPAIGN.format(
            title=quote(SECRETS["of_title"], safe=""),
            host=f"http://ann:{password}@127.0.0.1:9",
            secrets=named,
        )
    )
    given = ("--secret", "raised=@held/raised", "--secret", "traceback=@held/traceback")
    asked = ("run", "vault.TestVault.test_raises", *given, *at, "--detach", "--start-in", "20")
    waiting = loadgrpc(*asked, LOADGRPC_TOKEN=token)
    assert waiting.code == 0, waiting.stderr
    later = waiting.stdout.split()[-1]
    agent = start("loadgrpc", "agent", *at, "-v", cwd=folder)
    agent.wait_for("connected to", within_s=60.0)
    ran = loadgrpc("campaign", "campaign.toml", *at)
    search.look("campaign", ran.stdout + ran.stderr)
    assert "***" in agent.output
    broker.signal(signal.SIGKILL)
    broker.stop()
    again, address = begin(address)
    search.look("attach", told("attach", later, *at))
    shown = told("show", later, *at)
    assert "no longer has the secret raised, traceback" in shown
    for command in (
        *(("show", later, "--json"), ("runs", "--json"), ("audit",), ("campaign", "list")),
        *(("status",), ("events", later), ("agents", "--json")),
    ):
        search.look(" ".join(command), told(*command, *at))
    marks = f"LOADGRPC_TEST_ID={os.environ['LOADGRPC_TEST_ID']}".encode()
    assert _processes(search, marks) >= 2
    search.look("log of the first broker", broker.output)
    _left(search, Begun(again, agent, address, ""), tmp_path, "campaign.toml")
