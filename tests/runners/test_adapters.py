"""k6 and vegeta as runners: what their lines mean, and real runs that count as the tool does."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path

import pytest
import toolbox

from loadgrpc.v1 import event_pb2, runner_pb2

ADAPTERS = Path(__file__).resolve().parents[2] / "tools/runners/adapters"
SAMPLES = Path(__file__).with_name("samples")

SCRIPT = """\
import http from 'k6/http';
import { check } from 'k6';
import { Counter } from 'k6/metrics';
import exec from 'k6/execution';

const kettles = new Counter('kettles');

export function setup() {
  http.get(`${__ENV.LOADGRPC_SERVER_URL}/?setup`);
}

export default function () {
  const res = http.get(`${__ENV.LOADGRPC_SERVER_URL}/?a=${__ITER}`);
  check(res, { 'status is 200': (r) => r.status === 200 });
  kettles.add(2);
  const nth = exec.scenario.iterationInTest;
  if (nth === 2) check(null, { never: false });
  if (nth === 4) throw new TypeError('boom');
  if (__ENV.LOADGRPC_TOKEN) throw new Error('it can see the token');
}

export const options = { thresholds: { kettles: ['count<1'] } };
"""


@pytest.fixture(scope="module")
def adapters():
    """A module of the adapters; they are run as scripts, so their folder is on the path."""
    sys.path.insert(0, str(ADAPTERS))
    yield importlib.import_module
    sys.path.remove(str(ADAPTERS))


class Clock:
    """A clock that stands."""

    ns = 0

    def __call__(self) -> int:
        return self.ns


class K6:
    """What a Points makes of lines; its clock is at the end of the recorded run."""

    def __init__(self, adapters) -> None:
        self.columns = adapters("columns")
        self.clock = Clock()
        self.clock.ns = adapters("moments").nanoseconds("2026-11-22T10:48:53.4Z")
        self.entries = []
        self.points = adapters("k6_points").Points(self.entries.append, self.clock)

    def read(self, lines) -> None:
        for line in lines:
            self.points.line(line)

    @property
    def hits(self):
        return [one for one in self.entries if isinstance(one, self.columns.Hit)]

    @property
    def iterations(self):
        return [one for one in self.entries if isinstance(one, self.columns.Iteration)]

    @property
    def counters(self):
        rows = [one for one in self.entries if isinstance(one, event_pb2.Event)]
        return {row.counter.name: row.counter.increment for row in rows if row.counter.name}


@pytest.fixture
def k6(adapters) -> K6:
    """What k6's lines make."""
    return K6(adapters)


RECORDED = (SAMPLES / "k6.jsonl").read_text().splitlines()
"""Two iterations of one user, as k6 1.8 wrote them, three requests each."""


def raised(text: str) -> str:
    """A line of k6's log about an exception."""
    return json.dumps({"level": "error", "msg": text, "source": "stacktrace"})


def test_points_of_a_request_are_one_hit(k6):
    """Blocked and duration together are the hit's time; k6's iterations are counted from 0."""
    k6.read(RECORDED)

    first = k6.hits[0]
    assert (first.user, first.iteration) == (1, 1)
    assert first.elapsed_ns == 4_217_358 + 95_370_593
    assert first.connect_ns == 4_040_044
    assert first.first_byte_ns == first.elapsed_ns - 745_297
    assert first.end_ns % 1_000_000_000 == 318_818_811
    assert (first.method, first.status) == ("GET", 200)


def test_hits_are_as_many_as_http_reqs(k6):
    """Each `http_reqs` is a hit, each `iterations` an iteration."""
    k6.read(RECORDED)
    k6.points.end(0)

    assert len(k6.hits) == sum('"metric":"http_reqs","type":"Point"' in each for each in RECORDED)
    assert len(k6.iterations) == 2
    assert {one.outcome for one in k6.iterations} == {event_pb2.TEST_OUTCOME_SUCCESS}


def test_names_and_errors(k6):
    """A hit has the name the script gives, else its URL without query; answers are no errors."""
    k6.read(RECORDED)

    answered, failed, refused = k6.hits[:3]
    assert answered.name == "http://127.0.0.1:9555/delay/20"
    assert answered.url == "http://127.0.0.1:9555/delay/20?a=0"
    assert (failed.name, failed.status, failed.error) == ("broken", 500, 0)
    assert (refused.status, refused.error) == (0, event_pb2.HIT_ERROR_CONNECT)
    assert (refused.error_message, refused.first_byte_ns) == ("dial: connection refused", 0)


def test_counters_are_counted(k6):
    """Counters of the script and of k6 are told as they grow; checks are counted by name."""
    k6.read(RECORDED)
    k6.points.end(0)

    assert k6.counters == {
        "check passed: status is 200": 2,
        "data_received": 444,
        "data_sent": 324,
        "kettles": 4,
    }


def test_a_failed_check_is_a_failure(k6):
    """All failed checks of an iteration are named together."""
    never = [
        line.replace("status is 200", name).replace('"value":1', '"value":0')
        for line in RECORDED
        if '"iter":"1"' in line and '"metric":"checks"' in line
        for name in ("never", "nor this")
    ]
    k6.read([*RECORDED[:1], *never, *RECORDED])
    k6.points.end(0)

    one, other = k6.iterations
    assert one.outcome == event_pb2.TEST_OUTCOME_SUCCESS
    assert other.outcome == event_pb2.TEST_OUTCOME_FAILURE
    assert other.exception == ("CheckFailed", "never, nor this", "")


def test_an_exception_is_of_the_iteration_that_had_ended_last(k6, adapters):
    """It is logged before the iteration is told, and has its stack."""
    moment = adapters("moments").nanoseconds
    k6.clock.ns = moment("2026-11-22T10:48:53.330Z")
    k6.points.log(raised("TypeError: boom\n\tat default (file:///s.js:1:1)\n"))
    k6.read(RECORDED)
    assert k6.iterations == []

    k6.clock.ns += 2_000_000_000
    k6.points.settle()

    one, other = k6.iterations
    assert one.outcome == event_pb2.TEST_OUTCOME_ERROR
    assert one.exception[:2] == ("TypeError", "boom")
    assert "file:///s.js:1:1" in one.exception[2]
    assert other.outcome == event_pb2.TEST_OUTCOME_SUCCESS


def test_an_iteration_that_k6_cut_off_was_interrupted(k6):
    """It had begun, as its request says, and did not end."""
    k6.read(line for line in RECORDED if '"metric":"iteration_duration"' not in line)
    k6.points.end(105)

    assert [one.outcome for one in k6.iterations] == [event_pb2.TEST_OUTCOME_INTERRUPTED] * 2
    assert k6.iterations[0].elapsed_ns > k6.hits[0].elapsed_ns


def test_what_is_no_metric_is_shown(k6, capfd):
    """What a script prints is printed; failed requests are hits, and are not logged again."""
    k6.read(RECORDED)

    assert "deprecated" in capfd.readouterr().err
    assert k6.points.log('{"level":"warning","msg":"Request Failed","error":"…"}') == ""
    assert k6.points.log('{"level":"info","msg":"hello"}') == "info: hello"
    assert k6.points.log("plain") == "plain"


@pytest.mark.parametrize(
    ("cycle", "spawn_rate", "expected"),
    [
        ({"users": 3, "iterations": 4}, 0, "--vus 3 --iterations 12 --duration 720h"),
        ({"users": 3, "duration": {"nanos": 500_000_000}}, 0, "--vus 3 --duration 0.500s"),
        (
            {"users": 4, "duration": {"seconds": 5}},
            2,
            "--vus 0 --stage 2.000s:4 --stage 3.000s:4",
        ),
        (
            {"users": 10, "duration": {"seconds": 4}},
            0.5,
            "--vus 0 --stage 4.000s:3 --stage 0.000s:3",
        ),
    ],
)
def test_what_k6_is_asked_to_do(adapters, cycle, spawn_rate, expected):
    """Users and the end of a cycle are the plan's; a rate of users is a ramp."""
    words = adapters("k6").command("s.js", runner_pb2.Cycle(**cycle), spawn_rate)

    assert " ".join(words).endswith(f" {expected} s.js")


def result(**fields) -> str:
    """A line of `vegeta encode -to json`."""
    line = {"attack": "", "seq": 0, "code": 200, "latency": 1500, "error": "", "method": "GET"}
    line |= {"timestamp": "2026-11-22T11:00:00.000000001+01:00", "url": "http://h/p?q#f"}
    return json.dumps(line | fields)


def test_a_result_of_vegeta_is_a_hit_and_an_iteration(adapters):
    """It ended when its latency was over; its name is the URL without query."""
    hit, iteration = adapters("vegeta").entries(result())

    assert hit.end_ns == adapters("moments").nanoseconds("2026-11-22T10:00:00Z") + 1501
    assert (hit.elapsed_ns, hit.status, hit.error, hit.name) == (1500, 200, 0, "http://h/p")
    assert (iteration.end_ns, iteration.elapsed_ns) == (hit.end_ns, hit.elapsed_ns)
    assert iteration.outcome == event_pb2.TEST_OUTCOME_SUCCESS


@pytest.mark.parametrize(
    ("said", "kind", "kept"),
    [
        (
            'Get "http://h/p": dial tcp 127.0.0.1:1: connect: connection refused',
            event_pb2.HIT_ERROR_CONNECT,
            "dial tcp 127.0.0.1:1: connect: connection refused",
        ),
        (
            'Get "http://h/p": read tcp 127.0.0.1:41234->127.0.0.1:80: connection reset by peer',
            event_pb2.HIT_ERROR_CLOSED,
            "read tcp 127.0.0.1:80: connection reset by peer",
        ),
        (
            'Get "http://h/p": dial tcp: lookup h: no such host',
            event_pb2.HIT_ERROR_DNS,
            "dial tcp: lookup h: no such host",
        ),
        (
            'Get "http://h/p": context deadline exceeded (Client.Timeout exceeded)',
            event_pb2.HIT_ERROR_TIMEOUT,
            "context deadline exceeded (Client.Timeout exceeded)",
        ),
    ],
)
def test_errors_of_vegeta_are_equal_when_they_mean_the_same(adapters, said, kind, kept):
    """What differs from request to request goes; the rest says which error it is."""
    hit, iteration = adapters("vegeta").entries(result(code=0, error=said))

    assert (hit.error, hit.error_message) == (kind, kept)
    assert iteration.outcome == event_pb2.TEST_OUTCOME_ERROR


def test_a_bad_status_is_a_failure_of_vegeta(adapters):
    """Its own words for it are no error of the hit: there was an answer."""
    hit, iteration = adapters("vegeta").entries(result(code=500, error="500 Internal Server Error"))

    assert (hit.status, hit.error, hit.error_message) == (500, 0, "")
    assert iteration.exception == ("StatusError", "GET http://h/p?q#f answered 500", "")


def test_columns_hold_what_was_put_in(adapters):
    """The fewest bytes for the greatest value, little-endian; nothing when all are 0."""
    column = adapters("columns").column

    assert column([0, 0]) == b""
    assert column([1, 255]) == b"\x01\xff"
    assert column([1, 256]) == b"\x01\x00\x00\x01"
    assert len(column([1 << 40])) == 8


# Real processes


def adapter(name: str, *options: str) -> str:
    """The command of an adapter, for --test-runner."""
    return shlex.join([sys.executable, str(ADAPTERS / name), "{test}", *options])


@pytest.fixture
def program(tool, root, monkeypatch):
    """`program("vegeta")` has a program on PATH.

    A missing k6 skips the test, with CI=true too: what it prints is tested without it, and Go
    needs minutes to build it.
    """

    def put(name: str) -> None:
        folders = [str(toolbox.folder() / "bin"), os.environ["PATH"]]
        if name != "k6":
            folders.append(str(Path(tool(name)).parent))
        elif shutil.which(name, path=os.pathsep.join(folders)) is None:
            pytest.skip("needs k6, which `make bench` installs")
        monkeypatch.setenv("PATH", os.pathsep.join(folders))

    return put


@pytest.mark.system
@pytest.mark.long
def test_reporting_conforms(conforms):
    """The conformance kit finds nothing in what adapters report by, in all its cases."""
    conforms(sys.executable, str(SAMPLES / "reporting.py"), "{test}")


@pytest.mark.system
def test_a_k6_script_counts_as_k6_does(program, summary_of, counting_server, tmp_path):
    """Hits are what the server has counted, setup() included; iterations are the plan's."""
    program("k6")
    script = tmp_path / "script.js"
    script.write_text(SCRIPT)

    summary = summary_of(
        adapter("k6.py"),
        *(str(script), "-H", counting_server.url, "--runner-mode", "all-users"),
        *("-u", "2:3", "-i", "4"),
        code=1,
    )

    assert counting_server.requests() == 2 + 20
    assert summary["hits"]["count"] == "22"
    told = {"started": "20", "success": "16", "failure": "2", "error": "2", "interrupted": "0"}
    told |= {"planned": "20", "dropped": "0", "notYet": "0"}
    assert told.items() <= summary["iterations"].items()
    (failure,) = summary["failures"]
    assert (failure["count"], failure["exception"]["message"]) == ("2", "never")
    (error,) = summary["errors"]
    assert (error["exception"]["type"], error["exception"]["message"]) == ("TypeError", "boom")
    assert summary["counters"]["kettles"] == "40"
    assert summary["counters"]["k6 thresholds crossed"] == "2"
    assert summary["accounting"]["lost"] == summary["accounting"]["rejected"] == "0"


@pytest.mark.system
@pytest.mark.parametrize(
    ("text", "why"), [("export default function () {", "end of input"), ("throw Error(1)", "1")]
)
def test_a_script_that_does_not_load_ends_the_run(program, loadgrpc, tmp_path, text, why):
    """The run ends with 107, and says what k6 says."""
    program("k6")
    script = tmp_path / "script.js"
    script.write_text(text)

    ran = loadgrpc(
        *("run", "--test-runner", adapter("k6.py"), "--runner-mode", "all-users", str(script))
    )

    assert ran.returncode == 107
    assert why in ran.stdout.splitlines()[-1]


@pytest.mark.system
def test_adapters_live_all_users(program, loadgrpc, tmp_path):
    """In the other mode each process would live all of them: that is refused."""
    program("k6")
    script = tmp_path / "script.js"
    script.write_text(SCRIPT)

    ran = loadgrpc("run", "--test-runner", adapter("k6.py"), str(script))

    assert ran.returncode == 107
    assert "--runner-mode all-users" in ran.stdout.splitlines()[-1]


@pytest.mark.system
def test_a_vegeta_attack_counts_as_vegeta_does(program, summary_of, counting_server):
    """At a rate for a time there are as many hits, and each is an iteration."""
    program("vegeta")

    summary = summary_of(
        adapter("vegeta.py", "-rate=50"),
        *("/status/500", "-H", counting_server.url, "--runner-mode", "all-users", "-d", "1s"),
        code=1,
    )

    assert counting_server.requests() == 50
    assert (summary["hits"]["count"], summary["hits"]["failed"]) == ("50", "50")
    assert summary["iterations"]["failure"] == "50"
    assert summary["accounting"]["lost"] == summary["accounting"]["rejected"] == "0"


@pytest.mark.system
@pytest.mark.parametrize(("name", "cut_off"), [("k6", 2), ("vegeta", 0)])
def test_a_stop_ends_the_tool_and_loses_nothing(
    program, start, root, demo_server, tmp_path, monkeypatch, name, cut_off
):
    """The tool gets SIGINT; what it had measured is all there. k6 cuts off a request a user."""
    program(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    script = tmp_path / "script.js"
    script.write_text(SCRIPT)
    test = str(script) if name == "k6" else "/delay/10"
    ran = start(
        *("python", "-m", "loadgrpc", "run", "--test-runner", adapter(f"{name}.py"), test),
        *("-H", demo_server.url, "--runner-mode", "all-users", "-u", "2", "-d", "60s", "-v"),
        cwd=root,
    )
    ran.wait_for(r"[1-9]\d* hits", within_s=60.0)

    ran.popen.send_signal(signal.SIGINT)

    assert ran.wait(within_s=60.0) == 105, ran.output
    assert re.search(r"accounting +\d+ events committed .* 0 rejected   0 lost", ran.output)
    (hits,) = re.findall(r"(?m)^hits +(\d+)", ran.output)
    assert 0 <= demo_server.requests() - int(hits) <= cut_off
