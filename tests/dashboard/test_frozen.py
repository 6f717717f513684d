"""The report: small, the figures of the run, and nothing that it could be led by."""

import asyncio
import random

import pytest

from loadgrpc.dashboard import pdf
from loadgrpc.dashboard.frozen import MAX_SERIES_WINDOWS, MAX_WINDOWS, fitting_s, report_of
from loadgrpc.dashboard.report_output import HtmlReport, PdfReport
from loadgrpc.model import (
    Change,
    ChangeKind,
    Distribution,
    ElapsedFigures,
    HitFigures,
    NameFigures,
    RunState,
    Summary,
    TimelineWindow,
    WindowSeries,
)
from loadgrpc.outputs import OutputError
from loadgrpc.protocol.document import as_document
from loadgrpc.protocol.summary import summary_to_proto
from loadgrpc.testing import plan_of
from loadgrpc.v1 import event_pb2, runner_pb2

NS = 1_000_000_000
START_NS = 1_700_000_000 * NS
TIERS = ((1, 600), (10, 7_200), (60, 43_200), (600, 432_000))
"""How long windows of a length are kept."""


def figures(noise, rate, length_s, base_ms):
    """Figures of hits as a server's are: noisy, with a long tail."""
    length_s = max(length_s, 1)
    count = max(1, round(rate * length_s * noise.lognormvariate(0, 0.1)))
    p50 = base_ms * 1e6 * noise.lognormvariate(0, 0.15)
    tail = [noise.lognormvariate(0.4 * at, 0.1) for at in range(1, 5)]
    p90, p95, p99, most = (round(p50 * each) for each in tail)
    elapsed = ElapsedFigures(
        avg_ns=round(p50 * 1.2),
        min_ns=round(p50 / 3),
        p50_ns=round(p50),
        p90_ns=p90,
        p95_ns=max(p90, p95),
        p99_ns=max(p90, p95, p99),
        max_ns=max(p90, p95, p99, most),
    )
    return HitFigures(
        count=count,
        failed=noise.choice((0, 0, 0, 1)),
        rate=count / length_s,
        elapsed=elapsed,
        bytes_sent=count * 250,
        bytes_received=count * noise.randrange(3_000, 4_000),
    )


class Synthetic:
    """The results of a run of this length with this many names."""

    def __init__(self, length_s, names, seed=1):
        self.noise = random.Random(seed)
        self.length_s = length_s
        self.names = [f"/api/v1/resource-{at}/items" for at in range(names)]
        self.summary = Summary(
            run_id="r-0123456789",
            state=RunState.FINISHED,
            plan=plan_of(test="shop.TestShop.test_buy", users=(50,)),
            create_time_ns=START_NS,
            start_time_ns=START_NS,
            end_time_ns=START_NS + length_s * NS,
            duration_ns=length_s * NS,
            hits=figures(self.noise, 500, length_s, 20),
            names=tuple(
                NameFigures(
                    name=name,
                    method="GET",
                    hits=figures(self.noise, 10, length_s, 20),
                    statuses={200: 12_345, 503: 7},
                )
                for name in self.names
            ),
        )

    def _spans(self, resolution_s):
        """Windows as a broker has them: longer where shorter ones are not kept."""
        at = 0
        while at < self.length_s:
            left = self.length_s - at
            kept = next((each for each, of in TIERS if left <= of), 3_600)
            length_s = max(kept, resolution_s)
            yield at, length_s
            at += length_s

    async def windows(self, resolution_s=1.0, *, series=True, by_name=False, distribution=False):
        """See Results."""
        for at, length_s in self._spans(resolution_s):
            noise = self.noise
            spread = tuple(noise.randrange(1, 5_000) for _ in range(45))
            yield TimelineWindow(
                start_ns=START_NS + at * NS,
                length_ns=length_s * NS,
                hits=figures(noise, 500, length_s, 20),
                users=50,
                lag=figures(noise, 1, 1, 1).elapsed,
                distribution=Distribution(first=160, counts=spread) if distribution else None,
                series=tuple(
                    WindowSeries(name=name, method="GET", hits=figures(noise, 10, length_s, 20))
                    for name in (self.names if series and by_name else ())
                ),
            )

    async def changes(self):
        """See Results."""
        return [
            Change(sequence=1, kind=ChangeKind.STATE, state=RunState.STARTING, time_ns=START_NS)
        ]


def block(end_ns, count, first):
    """A batch of hits that end then, each a little slower than the one before."""
    elapsed_ns = [5_000_000 + at * 1_000_000 for at in range(count)]
    hits = event_pb2.HitBlock(
        count=count,
        labels=[event_pb2.HitLabel(name="/", method="GET", status=200)],
        label=bytes(count),
        start_ns=b"".join((10**9 - each).to_bytes(8, "little") for each in elapsed_ns),
        elapsed_ns=b"".join(each.to_bytes(8, "little") for each in elapsed_ns),
    )
    hits.base_time.FromNanoseconds(end_ns - 10**9)
    return runner_pb2.EventBatch(first_sequence=first, hit_blocks=[hits])


@pytest.mark.parametrize(
    ("length_s", "names", "most"), [(3_600, 50, 200_000), (86_400, 100, 1_000_000)]
)
def test_a_report_is_small(length_s, names, most, packed):
    """An hour with 50 names has at most 200 KB, a day with 100 names at most 1 MB."""
    page = asyncio.run(report_of([Synthetic(length_s, names)]))

    assert len(page.encode()) <= most
    timeline = packed(page)["frozen"]["runs"][0]["timeline"]
    assert 100 <= len(timeline["start"]) <= MAX_WINDOWS
    assert len(timeline["series"]) == names
    assert 30 <= len(timeline["series"][0]["start"]) <= MAX_SERIES_WINDOWS + 1


@pytest.mark.parametrize(
    ("length_s", "overall_s", "series_s"),
    [
        (0, 1, 1),
        (60, 1, 1),
        (600, 1, 10),
        (3_600, 10, 60),
        (86_400, 600, 600),
        (10**7, 3_600, 3_600),
    ],
)
def test_windows_are_as_long_as_charts_need(length_s, overall_s, series_s):
    """The longer a run, the longer its windows: charts have as many points as they can show."""
    summary = Synthetic(length_s, 0).summary

    assert fitting_s(summary, MAX_WINDOWS) == overall_s
    assert fitting_s(summary, MAX_SERIES_WINDOWS) == series_s


def test_the_figures_are_those_of_the_document(packed):
    """What the report shows in tables is the summary document, letter for letter."""
    results = Synthetic(60, 3)
    frozen = packed(asyncio.run(report_of([results])))["frozen"]

    assert frozen["form"] == 1
    assert frozen["runs"][0]["summary"] == as_document(summary_to_proto(results.summary))
    assert frozen["runs"][0]["run"]["runId"] == results.summary.run_id
    assert len(frozen["runs"][0]["changes"]) == 1
    assert frozen["comparisons"] == []


def test_the_charts_are_those_of_the_timeline(at_page, active, packed):
    """A report of a real run has the windows of its timeline, and the same sums by name."""

    async def use(desk, page):
        run, runner = await active(desk)
        for at in range(5):
            desk.clock.advance(1.0)
            await runner.send(block(desk.clock.wall_ns(), 3 + at, 1 + sum(range(3, 3 + at))))
        await runner.ends()
        await desk.settled()
        answer = await page.http.get("/api/report", params={"run": run.run_id})
        assert answer.status_code == 200
        name = f'attachment; filename="{run.run_id}.html"'
        assert answer.headers["content-disposition"] == name
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        timeline = await page.get(f"/api/runs/{run.run_id}/timeline", distribution=1)
        found = packed(answer.text)["frozen"]["runs"][0]
        columns = found["timeline"]["columns"]
        windows = timeline["windows"]
        assert columns["hits.count"] == [int(each["hits"]["count"]) for each in windows]
        for at, each in enumerate(windows):
            seconds = float(each["hits"]["elapsed"]["p95"].rstrip("s"))
            assert columns["hits.elapsed.p95"][at] == pytest.approx(seconds * 1e9, rel=0.0005)
            shown = each["distribution"]
            counts = found["timeline"]["distribution"]["counts"][at]
            assert sum(counts) == sum(map(int, shown["counts"])) == int(each["hits"]["count"])
        by_name = await page.get(f"/api/runs/{run.run_id}/timeline", by_name=1)
        (series,) = found["timeline"]["series"]
        assert series["columns"]["hits.count"] == [
            sum(int(one["hits"]["count"]) for one in each["series"]) for each in by_name["windows"]
        ]
        summary = await page.get(f"/api/runs/{run.run_id}/summary")
        assert found["summary"] == summary
        log = await page.get(f"/api/runs/{run.run_id}/changes")
        assert found["changes"] == log["changes"]
        run_document = await page.get(f"/api/runs/{run.run_id}")
        assert {**found["run"], "agentIds": None} == {**run_document, "agentIds": None}

    at_page(use)


def test_several_runs_are_compared(at_page, ended, packed):
    """Of two runs there are both, and what the broker says of them; of an active one no verdict."""

    async def use(desk, page):
        first, second = await ended(desk), await ended(desk)
        both = [first.run_id, second.run_id]
        answer = await page.http.get("/api/report", params={"run": both})
        found = packed(answer.text)["frozen"]
        assert [each["run"]["runId"] for each in found["runs"]] == both
        compared = await page.get("/api/compare", run=both)
        assert found["comparisons"] == compared["comparisons"]
        many = await page.get(
            "/api/report", http=400, run=["r"] * 1 + [f"r{at}" for at in range(5)]
        )
        assert many["fields"][0]["field"] == "run"

    at_page(use)


def test_an_output_writes_it(tmp_path, packed):
    """`--output html=FILE` writes the same, whole or not at all."""
    target = tmp_path / "out.html"
    output = HtmlReport(str(target))
    output.check()
    asyncio.run(output.write(Synthetic(60, 2)))

    assert packed(target.read_text())["frozen"]["runs"][0]["run"]["runId"] == "r-0123456789"
    assert [each.name for each in tmp_path.iterdir()] == ["out.html"]


def test_without_a_chromium_that_is_said(tmp_path, monkeypatch):
    """PDF is refused before the run begins, with what is looked for; `-` is no place for one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OutputError, match="needs a Chromium, and none of chromium,"):
        PdfReport(str(tmp_path / "x.pdf")).check()
    monkeypatch.setattr(pdf, "browser", lambda: "/bin/true")
    with pytest.raises(OutputError, match="name a file"):
        PdfReport("-").check()


def test_a_chromium_that_prints_nothing_is_said_to(tmp_path, monkeypatch):
    """What it said last is in the error."""
    fake = tmp_path / "chromium"
    fake.write_text("#!/bin/sh\necho no display >&2\nexit 1\n")
    fake.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(pdf, "BROWSERS", ("chromium",))
    with pytest.raises(OutputError, match="printed nothing: no display"):
        pdf.print_pdf("<p>", tmp_path / "x.pdf")
