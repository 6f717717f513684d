"""A run by time, for people: few lines whatever its length, and sparklines above them."""

import json
import re
from dataclasses import replace

import pytest

from loadgrpc.cli import line as of_lines
from loadgrpc.cli import timeline
from loadgrpc.model import (
    CpuFigures,
    ElapsedFigures,
    HitFigures,
    RunState,
    TimelineWindow,
    WindowSeries,
)

NS = 1_000_000_000
MS = 1_000_000
BEGAN = 1_700_000_000


def window(at_s, hits, *, length_s=1, users=5, failed=0, **more):
    """A window of hits that took as many milliseconds as there are."""
    elapsed = ElapsedFigures(**{f"{at}_ns": hits * MS for at in ("p50", "p95", "p99", "max")})
    return TimelineWindow(
        start_ns=(BEGAN + at_s) * NS,
        length_ns=length_s * NS,
        hits=HitFigures(count=hits, failed=failed, rate=hits / length_s, elapsed=elapsed),
        users=users,
        **more,
    )


def text_of(windows, width=80):
    """The lines as texts."""
    return [line.text for line in timeline.table(windows, width)]


@pytest.mark.parametrize(
    ("seconds", "length_s"),
    [(0, 1), (49, 1), (50, 10), (499, 10), (500, 60), (2_999, 60), (3_000, 600), (10**7, 3_600)],
)
def test_windows_are_as_long_as_it_takes(summaries, seconds, length_s):
    """At most 50 of them for the whole run, until it is longer than 50 hours."""
    start_ns = BEGAN * NS
    summary = replace(
        summaries["passed"], start_time_ns=start_ns, end_time_ns=start_ns + seconds * NS
    )
    assert timeline.resolution_s(summary, 0) == length_s
    going_on = replace(summary, end_time_ns=None)
    assert timeline.resolution_s(going_on, start_ns + seconds * NS) == length_s


def test_sparklines_and_a_line_a_window():
    """As high as the value is, nothing where there is nothing; gaps are filled in."""
    lines = text_of(
        [window(0, 10), window(1, 40), window(4, 80, failed=8, closed=False, late_data=3)]
    )
    assert lines[:4] == [
        "users       ██  █   up to 5",
        "rate        ▂▅  █   up to 80.0/s",
        "failed          █   up to 10.0 %",
        "p95         ▂▅  █   up to 80.0 ms",
    ]
    assert lines[5].split() == ["Timeline", *timeline.FIGURES]
    rows = [each.split()[3:] for each in lines[6:10]]
    assert rows[0][:3] == ["5", "10", "0"]
    assert rows[2][:4] == ["0", "0", "0", "0/s"]
    assert "…" in lines[10]
    assert "3 hits came after their window was closed" in lines[11]


@pytest.mark.parametrize(
    ("length_s", "length"),
    [(1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3_600, "1 h")],
)
def test_the_length_of_a_window_is_written_briefly(length_s, length):
    """No "10 min 0 s"; and within a day the time of day is enough."""
    row = text_of([window(0, 5, length_s=length_s)])[-1]
    assert re.match(rf"  \d\d:\d\d:\d\d {length} ", row)


def test_windows_of_several_days_have_a_date():
    """Otherwise an hour of one day would look like that of another."""
    rows = text_of([window(3_600 * at, 5, length_s=3_600) for at in (0, 25)])
    assert re.match(r"  11-1\d \d\d:\d\d:\d\d 1 h ", rows[-1])


def test_how_the_generator_kept_up_is_drawn():
    """The lag of most, and the busiest process; nothing where it was not reported."""
    lag = ElapsedFigures(p99_ns=2 * MS, max_ns=9 * MS)
    cpu = CpuFigures(avg=0.2, max=0.5)
    lines = text_of([window(0, 5, lag=lag, cpu=cpu), window(1, 5)])

    assert [line.split() for line in lines[3:5]] == [
        ["lag", "p99", "█", "up", "to", "2.00", "ms"],
        ["CPU", "█", "up", "to", "50.0", "%"],
    ]


def test_many_windows_are_cut():
    """Of a run that is longer than all lines the newest are shown, and how many are not."""
    lines = text_of([window(3_600 * at, 5, length_s=3_600) for at in range(100)])
    assert len(lines) == 5 + timeline.MAX_ROWS + 1
    assert lines[-1] == "  … 50 windows before these"
    far = text_of([window(0, 5), window(10**7, 5)])
    assert len(far) < 5 + timeline.MAX_ROWS + 2


def test_lines_fit_and_are_spelled_in_ascii():
    """On a narrow terminal, and on one without these characters."""
    windows = [window(at, 10 * at + 1) for at in range(60)]
    assert all(len(line) <= 40 for line in text_of(windows, 40))
    for line in text_of(windows):
        assert of_lines.spelled(line, "ascii").isascii()
        assert "?" not in of_lines.spelled(line, "ascii")


def test_show_timeline(invoke, client, summaries):
    """For people without series, for programs with them."""
    client.summary = summaries["passed"]
    of_name = WindowSeries(name="/", method="GET", status_class=2)
    client.windows = [window(0, 10, series=(of_name,)), window(1, 20)]
    code, out, _ = invoke("show", "some-run", "--timeline")
    assert code == 0
    (_, query) = client.asked[-1]
    assert (query.run_id, query.series) == ("some-run", False)
    assert len([line for line in out.splitlines() if " 1 s " in line]) == 2
    found = json.loads(invoke("show", "some-run", "--timeline", "--json")[1])["windows"]
    assert client.asked[-1][1].series
    assert [(each["hits"]["count"], len(each["series"])) for each in found] == [
        ("10", 1),
        ("20", 0),
    ]
    client.windows = []
    passed = summaries["passed"]
    for client.summary, why in (
        (replace(passed, state=RunState.RUNNING), "nothing has happened yet"),
        (passed, "no timeline is kept: it was run by an older version"),
        (
            replace(passed, hits=replace(passed.hits, count=0)),
            "no hit was made, and no users were reported",
        ),
    ):
        assert why in invoke("show", "some-run", "--timeline")[1]


def test_arrivals_by_time(invoke, client, summaries):
    """What was planned of an open load, and what became of it; nothing of other loads."""
    client.summary = summaries["passed"]
    began = window(0, 40, planned=50, started=40, waiting=10, late=3)
    client.windows = [began, window(1, 10, dropped=10)]
    lines = invoke("show", "some-run", "--timeline")[1].splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("Arrivals"))
    assert lines[first].split()[1:] == ["planned", "started", "dropped", "waiting", "late"]
    assert lines[first + 1].split()[-5:] == ["50", "40", "0", "10", "3"]
    assert lines[first + 2].split()[-5:] == ["0", "0", "10", "0", "0"]
    found = json.loads(invoke("show", "some-run", "--timeline", "--json")[1])["windows"]
    assert [
        [int(each.get(name, 0)) for name in ("planned", "started", "dropped", "waiting", "late")]
        for each in found
    ] == [[50, 40, 0, 10, 3], [0, 0, 10, 0, 0]]
    assert not any("Arrivals" in line for line in text_of([window(0, 10)]))
