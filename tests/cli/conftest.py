"""Summaries to report on, a broker that is a script, and snapshots that can be updated."""

from __future__ import annotations

import asyncio
import difflib
import os
import pty
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from loadgrpc import cli, errors, model
from loadgrpc.bundle.pack import Bundle
from loadgrpc.model import (
    AgentFigures,
    AssignmentState,
    ElapsedFigures,
    ExceptionInfo,
    GeneratorFigures,
    HitError,
    HitErrorGroup,
    HitFigures,
    IterationErrorGroup,
    IterationFigures,
    NameFigures,
    NameProgress,
    News,
    Plan,
    Progress,
    Run,
    RunState,
    StopMode,
    Summary,
    UserFigures,
    Verdict,
    WindowFigures,
)
from loadgrpc.testing import plan_of
from loadgrpc.v1 import control_pb2

NS = 1_000_000_000
START_NS = 1_700_000_000 * NS
LONGEST_S = 30.0
"""What a person waits for comes sooner."""
UPDATE = "LOADGRPC_UPDATE_SNAPSHOTS"
SNAPSHOTS = Path(__file__).parent / "snapshots"

TRACEBACK = """\
Traceback (most recent call last):
  File "example.py", line 12, in test_es
    self.assertEqual(res.status_code, 200)
AssertionError: 500 != 200
"""
LONG_TRACEBACK = """\
Traceback (most recent call last):
  File "site-packages/urllib3/connection.py", line 198, in _new_conn
    sock = connection.create_connection(
ConnectionRefusedError: [Errno 111] Connection refused

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "example.py", line 11, in test_es
    res = self.session.get(self.server_url)
  File "site-packages/requests/sessions.py", line 602, in get
    return self.request("GET", url, **kwargs)
  File "loadgrpc/runner/http/session.py", line 88, in request
    return super().request(method, url, **kwargs)
  File "site-packages/requests/sessions.py", line 589, in request
    resp = self.send(prep, **send_kwargs)
  File "site-packages/requests/sessions.py", line 703, in send
    r = adapter.send(request, **kwargs)
  File "site-packages/requests/adapters.py", line 700, in send
    raise ConnectionError(e, request=request)
requests.exceptions.ConnectionError: HTTPConnectionPool(host='127.0.0.1', port=9): refused
"""


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither rendering nor options must depend on who runs the tests, where."""
    for name in [each for each in os.environ if each.startswith("LOADGRPC_") and each != UPDATE]:
        monkeypatch.delenv(name)
    for name in ("NO_COLOR", "COLUMNS", "FORCE_COLOR", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("GRPC_VERBOSITY", "NONE")  # as `main` sets it, but not for other tests
    import time

    time.tzset()


@pytest.fixture(autouse=True)
def _own_logging(own_logging: None) -> None:
    """Every test here calls commands."""


@pytest.fixture
def snapshot() -> Callable[[str, str], None]:
    """Compare a text with the file of that name; with LOADGRPC_UPDATE_SNAPSHOTS=1, write it."""

    def compare(name: str, text: str) -> None:
        path = SNAPSHOTS / f"{name}.txt"
        if os.environ.get(UPDATE):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        known = path.read_text(encoding="utf-8") if path.exists() else ""
        diff = "\n".join(
            difflib.unified_diff(known.splitlines(), text.splitlines(), "known", "now", lineterm="")
        )
        assert text == known, f"{name} changed; {UPDATE}=1 accepts:\n{diff}"

    return compare


def elapsed(scale_ns: int = 1_000_000) -> ElapsedFigures:
    """Figures of a usual kind, in milliseconds or so."""
    return ElapsedFigures(
        avg_ns=round(12.34 * scale_ns),
        min_ns=round(0.85 * scale_ns),
        p50_ns=round(11.9 * scale_ns),
        p90_ns=round(20.1 * scale_ns),
        p95_ns=round(24.6 * scale_ns),
        p99_ns=round(123.4 * scale_ns),
        max_ns=round(1240 * scale_ns),
    )


def calm() -> GeneratorFigures:
    """A generator that kept up."""
    return GeneratorFigures(
        watched_ns=5_010_000_000,
        lag=model.ElapsedFigures(p50_ns=61_000, p99_ns=412_000, max_ns=3_200_000),
        worst_lag_ns=1_230_000,
        worst_lag_end_ns=START_NS + 2 * NS,
        cpu=0.632,
        worst_cpu=0.711,
        gc_pauses=7,
        gc_ns=12_300_000,
        gc_max_ns=4_560_000,
    )


def late() -> GeneratorFigures:
    """One that did not."""
    return replace(
        calm(),
        saturated_ns=4_020_000_000,
        at_limit_ns=4_020_000_000,
        watched_ns=10_040_000_000,
        lag=model.ElapsedFigures(p50_ns=4_000_000, p99_ns=23_400_000, max_ns=231_000_000),
        worst_lag_ns=87_600_000,
        cpu=0.963,
        worst_cpu=1.0,
    )


def passed() -> Summary:
    """Three cycles on this machine; all is well."""
    return Summary(
        run_id="r-f3a9f3a9f3",
        state=RunState.FINISHED,
        plan=plan_of(
            test="example.TestWebSite.test_es",
            users=(10, 20, 30),
            iterations=(20,),
            server_url="http://127.0.0.1:8000",
        ),
        create_time_ns=START_NS,
        start_time_ns=START_NS,
        end_time_ns=START_NS + 5 * NS,
        verdict=Verdict(exit_code=0, reason="passed"),
        duration_ns=5_020_000_000,
        hits=HitFigures(
            count=1200, rate=239.04, elapsed=elapsed(), bytes_sent=180_000, bytes_received=1_204_000
        ),
        iterations=IterationFigures(started=1200, success=1200, planned=1200),
        names=(
            NameFigures(
                name="http://127.0.0.1:8000/",
                method="GET",
                hits=HitFigures(count=1200, rate=239.04, elapsed=elapsed()),
                statuses={200: 1200},
            ),
        ),
        agents=(
            AgentFigures(
                agent_id="agent-1",
                hostname="here",
                state=AssignmentState.FINISHED,
                hits=1200,
                iterations=1200,
                users=30,
                end_time_ns=START_NS + 5 * NS,
            ),
        ),
        accounting=model.Accounting(committed=4800),
        generator=calm(),
    )


def troubled() -> Summary:
    """Two of three agents, everything that can go wrong."""
    names = (
        NameFigures(
            name="http://shop.example.com/api/v2/customers/search/by-a-long-name/and-more/of-it",
            method="GET",
            hits=HitFigures(count=1200, failed=23, rate=119.5, elapsed=elapsed()),
            statuses={200: 1177, 500: 20, 503: 3},
            failed_statuses={500: 20, 503: 3},
        ),
        NameFigures(
            name="/basket",
            method="POST",
            hits=HitFigures(count=34, failed=34, rate=3.386),
            statuses={},
        ),
        NameFigures(
            name="/café/日本",
            method="DELETE",
            hits=HitFigures(count=7, rate=0.697, elapsed=elapsed(1000)),
            statuses={204: 7},
        ),
    )
    return Summary(
        run_id="r-07bc07bc07",
        state=RunState.FINISHED,
        plan=plan_of(
            test="shop.load.TestShop.test_buy",
            users=(50,),
            duration_s=10.0,
            agents=3,
            split=True,
            spawn_rate=25.0,
        ),
        create_time_ns=START_NS,
        start_time_ns=START_NS,
        end_time_ns=START_NS + 11 * NS,
        verdict=Verdict(exit_code=3, reason="agent web-3 was lost, and at least 12 events with it"),
        duration_ns=10_041_000_000,
        hits=HitFigures(
            count=1241,
            failed=57,
            rate=123.6,
            elapsed=elapsed(),
            bytes_sent=99,
            bytes_received=3_400_000_000,
        ),
        iterations=IterationFigures(started=620, success=560, failure=23, error=35),
        names=names,
        failures=(
            IterationErrorGroup(
                count=20,
                test="shop.load.TestShop.test_buy",
                exception=ExceptionInfo(
                    type="AssertionError", message="500 != 200", traceback=TRACEBACK
                ),
            ),
            IterationErrorGroup(
                count=3,
                test="shop.load.TestShop.test_buy",
                exception=ExceptionInfo(
                    type="AssertionError",
                    message="503 != 200 :\n" + "the body was not what it should be, " * 5,
                    traceback=TRACEBACK.replace("500", "503"),
                ),
            ),
        ),
        errors=(
            IterationErrorGroup(
                count=30,
                test="shop.load.TestShop.test_buy",
                exception=ExceptionInfo(
                    type="requests.exceptions.ConnectionError",
                    message="HTTPConnectionPool(host='127.0.0.1', port=9): refused",
                    traceback=LONG_TRACEBACK,
                ),
            ),
            *(
                IterationErrorGroup(
                    count=1,
                    test="shop.load.TestShop.test_buy",
                    exception=ExceptionInfo(type="KeyError", message=f"'field-{number}'"),
                )
                for number in range(5)
            ),
        ),
        hit_errors=(
            HitErrorGroup(
                count=30,
                name="/basket",
                method="POST",
                error=HitError.CONNECT,
                error_message="[Errno 111] Connection refused",
            ),
            HitErrorGroup(
                count=4,
                name="/basket",
                method="POST",
                error=HitError.TIMEOUT,
                error_message="no answer within 5 s",
            ),
        ),
        agents=(
            AgentFigures(
                agent_id="web-1",
                hostname="one.example.com",
                state=AssignmentState.FINISHED,
                users=17,
                hits=600,
                iterations=300,
            ),
            AgentFigures(
                agent_id="web-2",
                hostname="two.example.com",
                state=AssignmentState.FINISHED_UNVERIFIED,
                users=17,
                hits=600,
                iterations=300,
                generator=late(),
            ),
            AgentFigures(
                agent_id="web-3",
                hostname="three.example.com",
                state=AssignmentState.LOST,
                hits=41,
                iterations=20,
                reason="not heard from for 60 s",
                users=16,
                end_time_ns=START_NS + 4 * NS,
            ),
        ),
        counters={"baskets": 534, "coupons used": 12},
        accounting=model.Accounting(
            committed=3720,
            duplicates=64,
            rejected=1,
            losses=(
                model.Loss(reason="the agent was lost", count=12, at_least=True, agent_id="web-3"),
            ),
            mismatches=(
                "agent web-1: runner 4f2a says that it made 601 hits, but 600 were counted",
            ),
        ),
        generator=late(),
    )


def not_loaded(agents: int = 1) -> Summary:
    """A test that is not there."""
    error = ExceptionInfo(
        type="ModuleNotFoundError",
        message="No module named 'exmaple'",
        traceback="Traceback (most recent call last):\n  File ...\nModuleNotFoundError: ...\n",
    )
    broken = ExceptionInfo(
        type="SyntaxError", message="invalid syntax (exmaple.py, line 3)", traceback="..."
    )
    reason = "the test could not be loaded: No module named 'exmaple', looked for from /srv/tests"
    return Summary(
        run_id="r-1111111111",
        state=RunState.FAILED,
        plan=plan_of(test="exmaple.TestWebSite.test_es", iterations=(1,), agents=max(agents, 1)),
        create_time_ns=START_NS,
        verdict=Verdict(exit_code=107, reason=reason),
        agents=tuple(
            AgentFigures(
                agent_id=f"web-{number}",
                hostname="one.example.com",
                state=AssignmentState.LOAD_FAILED,
                load_error=(error, None, broken)[(number - 1) % 3],
            )
            for number in range(1, agents + 1)
        ),
    )


def stopped() -> Summary:
    """Stopped by a person, two iterations cut off."""
    summary = passed()
    return replace(
        summary,
        state=RunState.STOPPED,
        reason="stopped by its client",
        verdict=Verdict(exit_code=105, reason="stopped before its end"),
        iterations=IterationFigures(started=400, success=397, interrupted=2),
    )


def empty() -> Summary:
    """Over before anybody did anything."""
    return Summary(
        run_id="r-0000000000",
        state=RunState.FAILED,
        plan=plan_of(test="example.TestWebSite.test_es", iterations=(1,)),
        create_time_ns=START_NS,
        reason="the broker was restarted",
        verdict=Verdict(exit_code=3, reason="the run was cut off"),
    )


def undone() -> Summary:
    """Of ten users three were started, on one of two agents; events were rejected."""
    summary = passed()
    plan = replace(
        summary.plan.scenarios[0], users=(5,), iterations=(), duration_s=2.0, spawn_rate=1.0
    )
    return replace(
        summary,
        plan=Plan(scenarios=(plan,), agents=2),
        verdict=Verdict(exit_code=3, reason="3 of 10 users were started, at 1 per second"),
        hits=replace(summary.hits, failed=7),
        iterations=IterationFigures(started=1200, success=200, failure=997, interrupted=3),
        users=UserFigures(planned=10, started=3, unknown=1),
        names=(
            *summary.names,
            NameFigures(
                name="(other)",
                method="",
                hits=HitFigures(count=40, failed=7),
                statuses={0: 30, 404: 2},
                failed_statuses={404: 2},
            ),
        ),
        failures=(
            IterationErrorGroup(
                count=96,
                test="t",
                exception=ExceptionInfo(type="AssertionError", message="251 not less than 250"),
            ),
            IterationErrorGroup(count=901, test="(other)", exception=ExceptionInfo(type="(other)")),
        ),
        agents=tuple(
            replace(
                summary.agents[0],
                agent_id=f"agent-{number}",
                users=5,
                iterations=600,
                all_users=UserFigures(planned=5, started=started),
                planned_iterations=planned,
            )
            for number, started, planned in ((1, 3, 600), (2, 0, 601))
        ),
        counters={"(other)": 5, "kettles": 7},
        accounting=model.Accounting(
            committed=4800, rejected=2, rejections=("event: nothing is set",)
        ),
    )


SUMMARIES = {
    "undone": undone(),
    "passed": passed(),
    "troubled": troubled(),
    "not_loaded": not_loaded(),
    "not_loaded_on_two_of_three": not_loaded(3),
    "stopped": stopped(),
    "empty": empty(),
}


@pytest.fixture
def summaries() -> dict[str, Summary]:
    """A summary of each kind."""
    return SUMMARIES


@pytest.fixture
def progress() -> Progress:
    """The figures of a run in its second of three cycles."""
    return Progress(
        elapsed_ns=12 * NS,
        fraction=0.417,
        cycle=2,
        cycles=3,
        users=20,
        hits=1480,
        failed_hits=0,
        rate=123.4,
        p50_ns=11_900_000,
        p95_ns=24_600_000,
        iterations=IterationFigures(started=1500, success=1480),
        agents=5,
        window=WindowFigures(
            end_ns=START_NS + 11 * NS, seconds=5, hits=617, p50_ns=12_100_000, p95_ns=25_000_000
        ),
        names=tuple(
            NameProgress(
                name=f"http://localhost:8088/{path}",
                method="GET",
                hits=1000 - 100 * at,
                rate=80.0 - 8 * at,
                p95_ns=25_000_000 + 1_000_000 * at,
            )
            for at, path in enumerate(("", "basket", "search?q=" + "long%20" * 20, "admin", "help"))
        ),
        left_ns=18 * NS,
    )


@pytest.fixture
def run() -> Run:
    """A run that goes on."""
    return Run(
        run_id="r-f3a9f3a9f3",
        state=RunState.RUNNING,
        plan=plan_of(
            test="example.TestWebSite.test_es", users=(10, 20, 30), iterations=(20,), agents=5
        ),
        create_time_ns=START_NS,
        start_time_ns=START_NS,
        agent_ids=tuple(f"web-{number}" for number in range(1, 6)),
    )


class FakeClient:
    """A broker as a script: plays its updates, notes what it is asked."""

    def __init__(self, run: Run, summary: Summary) -> None:
        self.run, self.summary = run, summary
        self.updates: list[Run | Progress | Exception] = []
        self.fails: dict[str, Exception] = {}
        self.ignores: set[StopMode] = set()
        self.asked: list[object] = []
        self.after: list[int | None] = []
        """From where each watch was to go on."""
        self.purged: list[str] = []
        self.submission: model.Submission | None = None
        """How the run was asked for."""
        self.wanted: dict[str, object] = {}
        """Which runs were asked for last, beside their states and verdicts."""
        self.accepted: dict[str, object] = {"state": RunState.STARTING}
        """What is said of the run that was asked for."""
        self.trouble = ""
        self.limits: tuple[model.LimitUse, ...] = ()
        self.stopped = asyncio.Event()
        self.endpoint = ""
        self.agents: list[model.Agent] = []
        self.access = self
        self.known = model.AccessInfo()
        self.runs: list[Run] = []
        self.events: list[control_pb2.ListedEvent] = []
        self.changes: list[model.Change] = []
        self.windows: list[model.TimelineWindow] = []
        self.comparisons: list[model.RunComparison] = []
        self.described: dict[str, list[bytes]] = {}
        """Files by the type that is asked for."""

    def _ask(self, name: str, *what: object) -> None:
        self.asked.append((name, *what))
        if name in self.fails:
            raise self.fails[name]

    async def start_run(
        self, plan: Plan, *, request_id: str = "", submission: model.Submission | None = None
    ) -> Run:
        self._ask("start_run", plan)
        assert request_id
        self.submission = submission
        return replace(self.run, plan=plan, **self.accepted)

    async def upload_bundle(
        self, bundle: Bundle, on_progress: Callable[[int], None] = lambda _: None
    ) -> None:
        bundle.file.seek(0)
        with tarfile.open(fileobj=bundle.file) as files:
            self._ask("upload_bundle", sorted(files.getnames()))

    async def get_run(self, run_id: str) -> Run:
        self._ask("get_run", run_id)
        return self.run

    async def watch_run(self, run_id: str, *, after: int | None = None) -> AsyncIterator[News]:
        self.after.append(after)
        for sequence, update in enumerate(self.updates, 1):
            await asyncio.sleep(0)
            if isinstance(update, Exception):
                raise update
            if isinstance(update, Run) and update.state is RunState.STOPPED:
                await self.stopped.wait()
            yield News(sequence, update)

    async def stop_run(self, run_id: str, mode: StopMode = StopMode.GRACEFUL) -> Run:
        self._ask("stop_run", mode)
        if mode not in self.ignores:
            self.stopped.set()
        return replace(self.run, state=RunState.STOPPING)

    async def get_summary(self, run_id: str) -> Summary:
        self._ask("get_summary", run_id)
        return self.summary

    async def list_changes(self, run_id: str) -> list[model.Change]:
        self._ask("list_changes", run_id)
        return self.changes

    async def list_windows(self, query: model.TimelineQuery) -> AsyncIterator[model.TimelineWindow]:
        self._ask("list_windows", query)
        for window in self.windows:
            yield window

    async def compare_runs(
        self, run_ids: Sequence[str], *, min_effect: float = 0.0
    ) -> list[model.RunComparison]:
        self._ask("compare_runs", tuple(run_ids), min_effect)
        return self.comparisons

    async def list_events(
        self, run_id: str, **wanted: object
    ) -> AsyncIterator[control_pb2.ListedEvent]:
        self._ask("list_events", run_id, wanted)
        for event in self.events:
            yield event

    async def describe(self, symbol: str) -> list[bytes]:
        self._ask("describe", symbol)
        if symbol not in self.described:
            raise errors.NotFound(f"no symbol {symbol}")
        return self.described[symbol]

    async def delete_run(self, run_id: str) -> None:
        self._ask("delete_run", run_id)

    async def purge_waiting(self) -> list[str]:
        self._ask("purge_waiting")
        return self.purged

    async def purge_runs(self, older_than_s: float) -> list[str]:
        self._ask("purge_runs", older_than_s)
        return self.purged

    async def list_runs(
        self,
        *,
        page_size: int = 0,
        page_token: str = "",
        states: Sequence[RunState] = (),
        exit_codes: Sequence[int] = (),
        **wanted: object,
    ) -> tuple[list[Run], str]:
        self._ask("list_runs", page_size, page_token)
        self.wanted = wanted
        start = int(page_token or 0)
        end = start + page_size
        page = [
            run
            for run in self.runs[start:end]
            if (not states or run.state in states)
            and (not exit_codes or (run.verdict and run.verdict.exit_code in exit_codes))
        ]
        return page, str(end) if end < len(self.runs) else ""

    async def list_agents(self) -> list[model.Agent]:
        return self.agents

    async def caller(self) -> model.AccessInfo:
        return self.known

    async def get_broker(self) -> model.BrokerInfo:
        self._ask("get_broker")
        return model.BrokerInfo(
            version="0.1.0",
            pid=123,
            hostname="one.example.com",
            store="/var/lib/loadgrpc/runs.db",
            start_time_ns=START_NS,
            agents=len(self.agents),
            active_runs=sum(not run.state.final for run in self.runs),
            store_trouble=self.trouble,
            limits=self.limits,
        )


@pytest.fixture
def client(
    run: Run,
    progress: Progress,
    summaries: dict[str, Summary],
    monkeypatch: pytest.MonkeyPatch,
) -> FakeClient:
    """The client that every command gets, of a run that goes well."""
    from loadgrpc.cli import connection

    fake = FakeClient(run, summaries["passed"])
    fake.updates = [run, progress, replace(run, state=RunState.FINISHED)]

    @asynccontextmanager
    async def connect(endpoint: str) -> AsyncIterator[FakeClient]:
        fake.endpoint = endpoint
        if "connect" in fake.fails:
            raise fake.fails["connect"]
        yield fake

    monkeypatch.setattr(connection, "connect", connect)
    return fake


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: that of a person, and that of the command."""
    master, slave = pty.openpty()
    yield master, slave
    os.close(master)
    os.close(slave)


async def until(what: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(LONGEST_S):
        while not what():  # noqa: ASYNC110 - what is seen is in many places
            await asyncio.sleep(0.005)


@pytest.fixture
def invoke(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Carry out a command line: its exit code, stdout and stderr."""

    def call(*argv: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main(argv)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def unavailable() -> errors.Unavailable:
    """What a client says of a broker that is not there."""
    return errors.Unavailable("connection refused")
