"""`--output` of `run`, `attach` and `show`."""

import asyncio
import json
import signal
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from loadgrpc import errors
from loadgrpc.model import RunState
from loadgrpc.outputs import names
from loadgrpc.outputs.output import Output, OutputError
from loadgrpc.v1 import control_pb2

TEST = "example.TestWebSite.test_es"
RUN = "r-f3a9f3a9f3"


class Odd(Output):
    """An output of another package, which does as its target says."""

    def check(self):
        """Fails before the run, if it is to."""
        if self.target == "early":
            raise ZeroDivisionError("by zero")

    async def write(self, results):
        """Fails, or notes what it got."""
        if self.target == "defect":
            raise ZeroDivisionError("by zero")
        if self.target == "error":
            raise OutputError("nobody answers")
        if self.target == "disk":
            raise OSError(28, "No space left on device")
        if self.target == "hang":
            for _ in range(2):  # one is tolerated: it may have been meant for the run
                signal.raise_signal(signal.SIGINT)
                await asyncio.sleep(0)
            await asyncio.Event().wait()
        self.seen = results.summary.run_id


@pytest.fixture(autouse=True)
def odd(monkeypatch):
    """An output `odd` is installed."""
    make, known = names.make, names.known
    monkeypatch.setattr(names, "known", lambda: [*known(), "odd"])
    monkeypatch.setattr(
        names, "make", lambda name, target: Odd(target) if name == "odd" else make(name, target)
    )


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Outputs without a path go to the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(client):
    """The broker has all hits and iterations of the run."""
    for kind, count in (("hit", 1200), ("test_start", 1200)):
        for _ in range(count):
            listed = control_pb2.ListedEvent()
            getattr(listed.event, kind).SetInParent()
            client.events.append(listed)


@pytest.mark.parametrize(
    "command", [("run", TEST, "-a", "1"), ("attach", RUN), ("show", RUN)], ids=lambda each: each[0]
)
def test_several_outputs_are_written(invoke, client, run, folder, command):
    """Each where it belongs, while people read the same as without them."""
    put(client)
    if command[0] == "show":
        client.run = replace(run, state=RunState.FINISHED)
    plain = invoke(*command)
    asked = ["csv=out/", "junit", "file=e.jsonl", "funkload=fl.xml", "json=s.json"]
    code, out, err = invoke(*command, *(f"--output={each}" for each in asked))
    assert (code, out, err) == plain
    assert code == 0
    assert sorted(each.name for each in folder.iterdir()) == [
        *("e.jsonl", "fl.xml", "junit.xml", "out", "s.json")
    ]
    assert json.loads((folder / "s.json").read_text())["hits"]["count"] == "1200"
    assert len((folder / "e.jsonl").read_text().splitlines()) == 2400
    assert ET.parse(folder / "junit.xml").getroot().tag == "testsuites"  # noqa: S314 - our own


def test_an_output_without_a_path_goes_where_its_kind_goes(invoke, client, folder):
    """Each has a file of its own in the current folder; the document has standard output."""
    put(client)
    code, out, err = invoke(
        *("run", TEST, "-a", "1", "-q", "--output", "csv", "--output", "json"),
        *("--output", "junit", "--output", "file", "--output", "funkload"),
    )
    assert (code, err) == (0, "exit 0: passed\n")
    assert json.loads(out)["runId"] == RUN
    assert {each.name for each in folder.iterdir()} == {
        *("junit.xml", "events.jsonl", "funkload-report.xml"),
        *(f"loadgrpc_{name}.csv" for name in ("stats", "stats_history", "failures")),
        *(f"loadgrpc_{name}.csv" for name in ("exceptions", "series", "arrivals", "generator")),
    }


def test_what_goes_to_stdout_has_it_alone(invoke, client):
    """With `-` the report moves to stderr, so that a pipe gets a whole document."""
    code, out, err = invoke("run", TEST, "-a", "1", "--output", "junit=-")
    assert code == 0
    assert ET.fromstring(out).tag == "testsuites"  # noqa: S314 - our own
    assert err.endswith("exit 0: passed\n")


@pytest.mark.parametrize(
    "asked",
    [
        ("--output", "file", "--output-file-filename", "x"),
        ("--output-file-filename", "x"),
        ("--output", "file=x"),
    ],
)
def test_files_are_named_as_in_loads(invoke, client, folder, asked):
    """--output-file-filename and --output-funkload-filename say where, and that it is wanted."""
    put(client)
    funkload = ("--output", "funkload", "--output-funkload-filename", "y")
    assert invoke("run", TEST, "-a", "1", *asked, *funkload)[0] == 0
    assert sorted(each.name for each in folder.iterdir()) == ["x", "y"]


def test_null_prints_nothing(invoke, client, folder):
    """Not even the verdict; other outputs are written, and the exit code is what it was."""
    assert invoke("run", TEST, "-a", "1", "--output", "null", "--output", "junit") == (0, "", "")
    assert (folder / "junit.xml").exists()
    code, out, err = invoke("run", TEST, "-a", "1", "--output", "null", "--output", "odd=error")
    assert (code, out, err) == (3, "", "--output odd: nobody answers\n")


def test_stdout_is_the_report(invoke, client):
    """What Loads called the output `stdout` is there anyway."""
    assert invoke("run", TEST, "-a", "1", "--output", "stdout") == invoke("run", TEST, "-a", "1")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("odd=error", "--output odd: nobody answers"),
        ("odd=disk", "--output odd: No space left on device"),
        ("odd=defect", "--output odd: it is defective: ZeroDivisionError: by zero"),
        ("file", "--output file: it has 0 of 1200 hits: the events of the others are not stored"),
        ("json=/dev/full", "--output json: cannot write '/dev/full': No space left on device"),
    ],
)
def test_one_that_fails_hinders_no_other_and_is_no_success(invoke, client, folder, asked, why):
    """The others are written, the last line says what is missing, and the exit code is 3."""
    code, out, err = invoke("run", TEST, "-a", "1", "--output", asked, "--output", "junit", "-q")
    assert code == 3
    assert out.startswith(f"exit 3: {why}")
    assert err == "" or "ZeroDivisionError" in err
    assert (folder / "junit.xml").exists()


@pytest.mark.parametrize(
    ("kind", "code", "last"),
    [
        ("undone", 3, "exit 3: 3 of 10 users were started, at 1 per second; --output odd: nobody"),
        ("stopped", 105, "exit 105: stopped before its end; --output odd: nobody"),
        ("not_loaded", 107, "exit 107: the test could not be loaded"),
    ],
)
def test_what_is_worse_stays(invoke, client, summaries, kind, code, last):
    """A missing output makes results incomplete; what is worse comes first."""
    client.summary = summaries[kind]
    got, out, _ = invoke("run", TEST, "-a", "1", "--output", "odd=error", "-q")
    assert got == code
    assert out.startswith(last)
    assert "nobody answers" in out


def test_ctrl_c_ends_the_writing_and_not_the_command(invoke, client, folder):
    """What was written stays, what was not is named, and the run has its verdict."""
    asked = ("--output", "json=a", "--output", "odd=hang", "--output", "json=b")
    code, out, err = invoke("run", TEST, "-a", "1", "-q", *asked)
    assert (code, err) == (3, "")
    assert out == (
        "exit 3: --output odd: interrupted before it was written; "
        "--output json: interrupted before it was written\n"
    )
    assert [each.name for each in folder.iterdir()] == ["a"]


def test_what_is_only_shown_can_be_detached(invoke, client):
    """`--output stdout` takes the outputs of a configuration file back."""
    assert invoke("run", TEST, "-a", "1", "--detach", "--output", "stdout")[0] == 0
    assert invoke("run", TEST, "-a", "1", "--detach", "--output", "csv")[0] == 2


def test_show_says_what_it_could_not_write(invoke, client):
    """The summary is there all the same, and its last line is that of the run."""
    code, out, err = invoke("show", RUN, "--output", "odd=error")
    assert (code, err) == (3, "--output odd: nobody answers\n")
    assert out.endswith("exit 0: passed\n")


def test_show_writes_no_outputs_of_an_active_run(invoke, client, summaries, folder):
    """Half of the results would look like all of them."""
    client.summary = replace(summaries["passed"], state=RunState.RUNNING)
    code, _, err = invoke("show", RUN, "--output", "junit")
    assert code == 2
    assert err == (
        f"loadgrpc show: error: run {RUN} is running: outputs are written when it is over;"
        f" `loadgrpc attach {RUN} --output` waits for that\n"
    )
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("--output nope", "--output nope: there is no output 'nope'; there are csv, file,"),
        ("--output jnuit=x", "--output jnuit=x: there is no output 'jnuit' (did you mean junit?)"),
        ("--output junit=", "--output junit=: PATH is missing"),
        ("--output null=x", "--output null takes no path"),
        ("--output junit=/", "--output junit: cannot write '/': Is a directory"),
        ("--output csv=/no/such", "--output csv: cannot write '/no/such_stats.csv': No such file"),
        (
            "--output junit=x --output funkload=./x",
            "--output junit and --output funkload would both write to './x'",
        ),
        (
            "--output csv=x --output junit=x_stats.csv",
            "--output csv and --output junit would both write to 'x_stats.csv'",
        ),
        ("--output csv=/dev/null/x/", "--output csv: cannot write '/dev/null/x': Not a directory"),
        (
            "--json --output file=-",
            "--output file and --json would both write to standard output",
        ),
        ("--output odd=early", "--output odd: it is defective: ZeroDivisionError: by zero"),
        ("--output odd --output odd", ""),
        ("--output json=/dev/null --output junit=/dev/null", ""),
    ],
)
def test_outputs_are_checked_before_the_run(invoke, client, options, why):
    """What cannot be written is an error before anything is started."""
    code, _, err = invoke("run", TEST, "-a", "1", *options.split())
    if not why:
        assert (code, err) == (0, "")
        return
    assert code == 2
    assert err.startswith(f"loadgrpc run: error: {why}")
    assert client.asked == []


def test_a_lost_broker_leaves_what_is_known(invoke, client, progress, folder):
    """Outputs that need only the summary are written; the others say why they are not."""
    client.updates = [progress, errors.Unavailable("reset")]
    client.fails["get_run"] = errors.Unavailable("reset")
    asked = ("--output", "junit", "--output", "csv", "--output", "file")
    code, _, err = invoke("attach", RUN, *asked)
    assert code == 4
    assert "--output csv: there are no results to read" in err
    assert "--output file: there are no results to read" in err
    assert [each.name for each in folder.iterdir()] == ["junit.xml"]
    (verdict,) = ET.parse(folder / "junit.xml").getroot().iter("error")  # noqa: S314 - our own
    assert verdict.get("type") == "exit code 4"


@pytest.mark.parametrize("lost", [1, 3])
def test_events_are_read_on_from_where_they_broke_off(lost):
    """A broker that is restarted is asked for what comes after the last event that was received."""
    import asyncio

    from loadgrpc.client import RunResults
    from loadgrpc.client import results as module

    class Broker:
        """Breaks off now and then."""

        def __init__(self):
            self.asked = []

        async def list_events(self, run_id, *, kinds, after):
            self.asked.append(after)
            for number in range(int(after or 0) + 1, 11):
                if number % 4 == 0 and len(self.asked) <= lost and not after.startswith("8"):
                    raise errors.Unavailable("reset")
                yield control_pb2.ListedEvent(sequence=number, position=str(number))

    async def read(patience_s):
        broker = Broker()
        summary = type("Summary", (), {"run_id": RUN})
        reading = RunResults(broker, summary, patience_s=patience_s)
        return [event.sequence async for event in reading.events()], broker.asked

    module_retry, module.RETRY_S = module.RETRY_S, 0.0
    try:
        found, asked = asyncio.run(read(30.0))
        assert found == list(range(1, 11))
        assert asked[:2] == ["", "3"]
        with pytest.raises(OutputError, match="the broker was lost: reset"):
            asyncio.run(read(0.0))
    finally:
        module.RETRY_S = module_retry
