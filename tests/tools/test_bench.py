"""The pure parts of the bench: statistics, what tools print, judging, tables, targets."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from bench import (
    arrivals,
    comparing,
    feeding,
    generators,
    nginx,
    page,
    peers,
    picture,
    sockets,
    stalls,
)
from bench.__main__ import is_full, parse, replaced
from bench.accuracy import Accuracy, Comparison, Said, said_by_loadgrpc, said_by_wrk
from bench.cases import BY_USERS, FEATURES, GET_20, PLAIN
from bench.control import Control
from bench.figures import Count, Spread, nearest_rank, ratio, spread, steady_rate
from bench.generators import Claim, Load
from bench.history import History
from bench.ingest import Fleet, delays
from bench.lag import Lag, lag_of, with_lag
from bench.rates import Rates, judge, pairs
from bench.usage import LITTLE, Growth, Share

SAMPLES = Path(__file__).parent / "samples"
LOAD = Load(GET_20, "http://127.0.0.1:8080", Path("certificate.pem"), 4)
WRK = next(tool for tool in generators.PEERS if tool.name == "wrk")


def sample(name):
    """What a tool once printed."""
    return (SAMPLES / f"{name}.txt").read_text()


def test_spread_is_median_and_extremes():
    """Of rounds the median counts; of an even number of them the middle of two."""
    assert spread([3, 1, 2]) == Spread(2, 1, 3, 3)
    assert spread([4, 1, 2, 3]) == Spread(2.5, 1, 4, 4)
    assert spread([]) is None


def test_ratio_is_of_medians():
    """A ratio is that of the medians, and nothing when one side is missing."""
    assert ratio([10, 100, 30], [2, 3, 100]) == 10
    assert ratio([], [1]) is None
    assert ratio([1], [0]) is None


@pytest.mark.parametrize(("quantile", "value"), [(0.5, 50), (0.99, 99), (0.991, 100), (0.0, 1)])
def test_nearest_rank(quantile, value):
    """The quantile of 1 to 100 is the value at that rank, whatever the order."""
    values = np.random.default_rng(1).permutation(np.arange(1, 101))
    assert nearest_rank(values, quantile) == value


def test_the_steady_rate_leaves_out_start_and_end():
    """Neither the time before the first request counts, nor warm-up, nor what comes after."""
    looks = [Count(at / 10, 0) for at in range(20)]  # starting for two seconds
    looks += [Count(2 + at / 10, at * 3) for at in range(1, 11)]  # slow for a second
    looks += [Count(3 + at / 10, 30 + at * 100) for at in range(1, 31)]
    looks += [Count(6 + at / 10, 3030) for at in range(1, 20)]

    assert steady_rate(looks, 4, 1) == pytest.approx(1000, rel=0.02)
    assert steady_rate(looks[:20], 4, 1) is None
    assert steady_rate([], 4, 1) is None


@pytest.mark.parametrize(
    ("name", "parser", "claim"),
    [
        ("wrk", generators.parse_wrk, Claim(127819, 0)),
        ("hey", generators.parse_hey, Claim(41905, 0)),
        ("oha", generators.parse_oha, Claim(90862, 0)),
        ("k6", generators.parse_k6, Claim(21955, 0)),
        ("locust", generators.parse_locust, Claim(5206, 0)),
        ("k9", generators.parse_k9, Claim(1292, 0)),
        ("molotov", generators.parse_molotov, Claim(15578, 0)),
        ("gevent-requests", generators.parse_gevent, Claim(3294, 0)),
        ("loadgrpc", generators.parse_loadgrpc, Claim(58026, 0)),
    ],
)
def test_what_tools_print_is_understood(name, parser, claim):
    """Requests and failures are found in what each tool printed."""
    assert parser(sample(name)) == claim
    with pytest.raises(ValueError, match="no "):
        parser("something else entirely")


def test_failures_are_found():
    """What went wrong is counted, in the words of each tool."""
    wrk = "  10 requests in 2.00s, 1KB read\n  Non-2xx or 3xx responses: 4\n"
    assert generators.parse_wrk(wrk) == Claim(10, 4)
    broken = "  Socket errors: connect 1, read 2, write 0, timeout 0\n  10 requests in 2.00s\n"
    assert generators.parse_wrk(broken) == Claim(10, 3)
    hey = "  [200]\t7 responses\n  [500]\t2 responses\n\nError distribution:\n  [3]\tGet: EOF\n"
    assert generators.parse_hey(hey) == Claim(9, 5)
    oha = '{"statusCodeDistribution": {"200": 5}, "errorDistribution": {"refused": 2}}'
    assert generators.parse_oha(oha) == Claim(5, 2)
    ours = '{"hits": {"count": "9", "failed": "1"}, "iterations": {"failure": "2", "error": "3"}}'
    assert generators.parse_loadgrpc(ours) == Claim(9, 6)


def test_every_tool_is_told_what_to_do():
    """Each command line names the URL or the script, and the number of users."""
    for case in (*PLAIN, *BY_USERS):
        load = Load(case, "http://127.0.0.1:8080", Path("certificate.pem"), 4)
        for tool in (
            *generators.PEERS,
            *generators.OF_MANY_USERS,
            generators.LOADGRPC,
            generators.WITH_GO,
        ):
            words = " ".join(tool.command("program", load))
            assert str(case.users) in words
            assert load.url in words or "loads/" in words or ".py::" in words
    for case in FEATURES:
        load = Load(case, "http://127.0.0.1:8080", Path("certificate.pem"), 4)
        test = f"features.py::TestFeatures.{case.test}"
        assert test in generators.LOADGRPC.command("", load)


def test_scripts_have_every_test_that_is_asked_for():
    """The tests that cases name are in the scripts of loadgrpc and of Locust."""
    texts = {path.name: path.read_text() for path in generators.LOADS.glob("*.py")}
    for case in FEATURES:
        assert f"def {case.test}(" in texts["features.py"]
        assert f"def {case.test}(" in texts["locust_features.py"]
    for case in PLAIN:
        assert f"def {case.test}(" in texts["plain.py"]


@pytest.mark.parametrize(
    ("counted", "code", "errors", "expected"),
    [
        (127830, 0, "", (5.0, "")),
        (99999, 0, "", (5.0, "it says 127,819 requests, nginx counted 99,999")),
        (127830, 1, "oops", (None, "exit code 1, 0 of 127819 requests failed")),
    ],
)
def test_measurements_are_judged(counted, code, errors, expected):
    """A rate counts when the tool did well; a count that disagrees with nginx's is told."""
    output = sample("wrk")
    assert (
        judge(WRK, LOAD, code=code, output=output, errors=errors, counted=counted, rate=5.0)
        == expected
    )


def test_a_tool_that_says_nothing_is_judged():
    """What it said on its standard error is the reason."""
    judged = judge(WRK, LOAD, code=2, output="", errors="a\nno such", counted=0, rate=None)
    assert judged == (None, "exit code 2, and it said: no such")


def test_a_redirect_that_is_counted_once_agrees():
    """Locust counts a redirect and its target as one, nginx as two."""
    (case,) = [case for case in FEATURES if case.steps == 2]
    load = Load(case, "http://127.0.0.1:8080", Path("certificate.pem"), 4)
    tool = generators.HTTP_USER_FEATURES
    output = sample("locust")
    judged = judge(tool, load, code=0, output=output, errors="", counted=2 * 5206 + 7, rate=1.0)
    assert judged == (1.0, "")


def test_loadgrpc_must_count_exactly():
    """Of our own count not one request may be missing."""
    tool = generators.LOADGRPC
    output = sample("loadgrpc")
    judged = judge(tool, LOAD, code=0, output=output, errors="", counted=58027, rate=1.0)
    assert judged == (1.0, "it says 58,026 requests, nginx counted 58,027")


def test_pairs_can_be_chosen():
    """Patterns choose cases, tools, or both; features are for two tools only."""
    assert [(case.name, tool.name) for case, tool in pairs(["get-20/wrk"])] == [("get-20", "wrk")]
    assert {tool.name for case, tool in pairs() if case in FEATURES} == {"loadgrpc", "locust-http"}
    assert len(pairs(["get-1k/*"])) == len(generators.PEERS) + 1


def test_the_go_runner_lives_the_users_of_a_cluster():
    """It is a program that the agent starts, once for all users."""
    command = generators.WITH_GO.command("bin/runner", LOAD)
    assert command[command.index("--test-runner") + 1] == "bin/runner {test}"
    assert command[command.index("--runner-mode") + 1] == "all-users"
    chosen = [tool.name for case, tool in pairs(["get-20/loadgrpc-*"]) if tool.needs_broker]
    assert chosen == ["loadgrpc-broker", "loadgrpc-go"]


@pytest.mark.parametrize(("build", "reason"), [("true", ""), ("false", "could not install it")])
def test_what_is_ours_is_built_each_time(monkeypatch, tmp_path, build, reason):
    """It is there when its build went well, and otherwise left out by name."""
    ours = peers.Peer("ours", build, lambda: [[build]], [], ours=tmp_path / "ours")
    monkeypatch.setattr(peers, "PEERS", (ours,))

    there, missing = peers.provide({"ours"})

    assert ("ours" in there) is (not reason)
    assert reason in missing.get("ours", "")


def test_what_did_not_install_is_left_out_with_a_reason(monkeypatch):
    """The step that failed, and what one has to know to get it."""
    steps = [["true"], ["false", "now", "/somewhere"]]
    peer = peers.Peer("absent", "true", lambda: steps, [], whence="no package has it")
    monkeypatch.setattr(peers, "PEERS", (peer,))
    monkeypatch.setattr(peers, "find", lambda _: None)

    assert peers.provide({"absent"}) == (
        {},
        {"absent": "`false now` could not install it (exit code 1); no package has it"},
    )


def test_nginx_status_is_read():
    """The third number of the third line is that of requests."""
    status = "Active connections: 1 \nserver accepts handled requests\n 7 7 1234 \nReading: 0\n"
    assert nginx.parse_status(status) == 1234


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("wrk debian/4.1.0-3+b2 [epoll] Copyright", "4.1.0"),
        ("k6 v1.8.1 (go1.26.8, linux/amd64)", "1.8.1"),
        ("locust 2.47.0 from x (Python 3.11.7)", "2.47.0"),
        ("usage", "unknown"),
    ],
)
def test_versions_are_found(text, version):
    """The first version in what a program says of itself is its own."""
    assert peers.version_in(text) == version


def test_delays_are_from_sending_to_seeing():
    """For each moment: until the first figures that have everything sent by then."""
    sent = [(0.0, 10), (0.1, 10), (0.2, 10)]
    seen = [(0.05, 10), (1.0, 20), (1.3, 30)]
    assert delays(sent, seen) == pytest.approx([0.05, 0.9, 1.1])


def test_latencies_that_are_said_are_read():
    """The units of wrk and protobuf's Durations become milliseconds."""
    assert said_by_wrk(sample("wrk")) == Said(0.12, 8.84)
    text = '{"hits": {"elapsed": {"p50": "0.020400s", "p99": "1.5s"}}}'
    assert said_by_loadgrpc(text) == Said(pytest.approx(20.4), 1500.0)


def lag(*points_ms, saturated=False, worst_ms=0.0):
    """What a summary says of a generator's lag."""
    return Lag(saturated, points_ms, worst_ms, worst_cpu=0.5)


def test_the_lag_of_a_summary_is_read():
    """Its points become milliseconds, in their order."""
    points = ("min", "p50", "p90", "p95", "p99", "max")
    figures = {name: f"0.00{at}s" for at, name in enumerate(points)}
    generator = {"saturated": True, "lag": figures, "worstLag": "0.02s", "worstCpu": 0.95}
    read = lag_of({"generator": generator})
    assert read.saturated
    assert read.points_ms == pytest.approx((0, 1, 2, 3, 4, 5))
    assert (read.at("p99"), read.worst_ms, read.worst_cpu) == pytest.approx((4, 20, 0.95))


def test_every_lag_is_added_to_every_time():
    """No lag changes nothing, one lag for all shifts all, and a rare one moves what is rare."""
    true_ms = np.linspace(10, 20, 10_001)
    assert with_lag(true_ms, lag(*[0.0] * 6), 0.5) == pytest.approx(15, abs=0.01)
    assert with_lag(true_ms, lag(*[3.0] * 6), 0.99) == pytest.approx(22.9, abs=0.02)
    rare = lag(0.0, 0.0, 0.0, 0.0, 100.0, 100.0)
    assert with_lag(true_ms, rare, 0.5) == pytest.approx(15.2, abs=0.2)
    assert with_lag(true_ms, rare, 0.99) > 100


def test_targets_say_whether_they_are_reached():
    """At least, at most, and not measured."""
    assert page.Target("a", 2, 2.0).cells() == ["a", "≥ 2 x", "2 x", "yes"]
    assert page.Target("a", 2, 1.99).reached == "**no**"
    assert page.Target("a", 5, 4.0, "%", at_most=True).cells() == ["a", "≤ 5 %", "4 %", "yes"]
    assert page.Target("a", 5, None).cells()[2:] == ["-", "not measured"]


def test_a_picture_has_a_line_for_each_tool():
    """Its points lie where the figures say, and labels do not lie on one another."""
    lines = [
        picture.Line("a & b", [(5, 100.0), (50, 200.0), (500, 300.0)]),
        picture.Line("ours", [(5, 100.0), (500, 301.0)], stands_out=True),
    ]
    root = ET.fromstring(  # noqa: S314 - our own
        picture.draw(lines, across="users", up="requests/s")
    )
    assert [each.tag.rpartition("}")[2] for each in root].count("polyline") == 2
    theirs, ours = [each.attrib for each in root if each.tag.endswith("polyline")]
    points = [tuple(map(float, point.split(","))) for point in theirs["points"].split()]
    (x5, y100), (x50, y200), (x500, y300) = points
    assert x50 - x5 == pytest.approx(x500 - x50, abs=0.2)
    assert y100 - y200 == pytest.approx(y200 - y300, abs=0.2)
    assert float(ours["stroke-width"]) > float(theirs["stroke-width"])
    at = {each.text: float(each.attrib["y"]) for each in root if each.text in ("a & b", "ours")}
    assert abs(at["a & b"] - at["ours"]) >= picture.LABEL_PX
    with pytest.raises(ValueError, match="nothing to draw"):
        picture.draw([], across="users", up="requests/s")


def test_sections_are_drawn():
    """Every part is drawn from what it found, and from half of it."""
    others = {"wrk": [100.0], "hey": [40.0], "loadgrpc-go": [38.0]}
    rates = Rates(7, 4, {"get-20": {"loadgrpc": [30.0, 20.0, 40.0], **others}})
    rates.left_out["oha"] = "`cargo` could not install it"
    drawn = page.rates_section(rates, "Measured.")
    assert "| loadgrpc | 30 (20 to 40) |" in drawn
    assert "| wrk | 0.3 x |" in drawn
    assert "| wrk, GET, 12 bytes, 20 users | ≥ 0.33 x | 0.3 x | **no** |" in drawn
    assert "| hey, GET, 12 bytes, 20 users, Go runner | ≥ 0.9 x | 0.95 x | yes |" in drawn
    assert "- oha is left out: `cargo` could not install it." in drawn

    drawn = page.users_picture(rates)
    assert ">loadgrpc<" in drawn
    assert "molotov" not in drawn

    control = Control(
        fleet=Fleet(500, 0.4, [0.2, 0.9], 100, 100),
        past=History([9.0, 7.0, 60.0], [1.2], 10_000_000, 10_000_000, 190.5, 0.8, 3.0),
        shares={
            "local": Share(4.0, 3.8, 0.04, 0.2, 0.5, 7, 7),
            LITTLE: Share(10.0, 0.1, 0.01, 0.1, 0.3, 9, 9),
        },
        user_kib={"HTTP": 39.0},
        growth={"one URL": Growth(2_000_000, 2_000_000, {"agent": 20_000})},
    )
    drawn = page.control_section(control, "Measured.")
    assert "| 500 agents | ≤ 0.5 cores | 0.4 cores | yes |" in drawn
    assert "| local | 0.950 | 0.0100 | 0.50 ms | 0.0500 | 7 | 7 |" in drawn
    assert "| reporting, of all CPU time, local | ≤ 5 % | 6 % | **no** |" in drawn
    assert "| a flush holds the users, local | ≤ 1 ms | 0.5 ms | yes |" in drawn
    assert f"| reporting, {LITTLE} | ≤ 0.02 cores | 0.01 cores | yes |" in drawn
    assert "| growth of the agent, one URL | ≤ 10,240 KiB | 20,000 KiB | **no** |" in drawn
    assert "| a page of 1,000 runs | ≤ 50 ms | 9 ms | yes |" in drawn
    assert "| `loadgrpc runs` of 1,000 runs | ≤ 1 s | 1.2 s | **no** |" in drawn
    assert "takes 9 ms (at most 60), `loadgrpc runs` 1.2 s" in drawn
    assert "| ingest, columns | ≥ 1,000,000 hits/s | - | not measured |" in drawn

    rounds = [Comparison(Said(20.2, 61), Said(20.0, 60), 99.0, 0.3)]
    drawn = page.accuracy_section(Accuracy(330, {"30": 6}, {"30": rounds}), "Measured.")
    assert "| loadgrpc, 30 % | 6 | 99 | 30% | 30% | 20.20, 20.00, 0.20 (0.20) |" in drawn
    assert "| p50 at 30 %, off by | ≤ 0.3 ms | 0.2 ms | yes |" in drawn
    assert "| runs at full speed that are flagged | ≥ 100 % | - | not measured |" in drawn

    late = lag(0, 2, 3, 4, 5, 9, saturated=True, worst_ms=8.0)
    calm = lag(0, 0, 0, 0, 0.2, 1)
    rounds = [
        Comparison(Said(22, 67), Said(20, 60), 99.0, 0.8, lag=late, explained=Said(22, 66.5)),
        Comparison(Said(21, 62), Said(20, 60), 99.0, 0.8, lag=calm, explained=Said(20, 61.3)),
    ]
    by_level = {"30": rounds[1:], "80": rounds}
    found = Accuracy(330, {"30": 6, "80": 9}, by_level, full_speed=[late])
    drawn = page.accuracy_section(found, "Measured.")
    assert "| 80 % | 1.00 | 2.60 | 4.00 | 63.90 | 0.60 (0.70) | 1 of 2 |" in drawn
    assert "| full speed | 2.00 | 5.00 | 8.00 | - | - | 1 of 1 |" in drawn
    assert "| p99 at 80 %, off by, unless it is flagged | ≤ 5 ms | 2 ms | yes |" in drawn
    assert "| p99 at 80 %, left when the lag is added | ≤ 1 ms | 0.6 ms | yes |" in drawn
    assert "| runs at full speed that are flagged | ≥ 100 % | 100 % | yes |" in drawn
    assert "| runs at 30 % that are flagged | ≤ 0 % | 0 % | yes |" in drawn


def test_only_whole_runs_change_the_page():
    """Quick and partial runs, and too few rounds, leave the page alone."""
    assert is_full(parse([]))
    assert is_full(parse(["--part", "control"]))
    assert not is_full(parse(["--quick"]))
    assert not is_full(parse(["--only", "get-20/*"]))
    assert not is_full(parse(["--rounds", "3"]))


def test_a_part_replaces_its_section_of_the_page():
    """The others stay as they are, in the order of the page."""
    before = page.page({"Requests per second": "Fast.", "Verdicts": "### Equal\n\nNone."})
    after = replaced(before, {"WebSockets": "New.", "Verdicts": "Other."})

    assert page.sections(after) == {
        "Requests per second": "Fast.",
        "WebSockets": "New.",
        "Verdicts": "Other.",
    }
    assert replaced(before, {}) == before
    assert list(page.sections(after)) == ["Requests per second", "WebSockets", "Verdicts"]


def test_the_part_about_cases():
    """A row for each order in which cases come, and a bound of two microseconds for each."""
    found = feeding.Feeding(3, {"in turn": [0.5, 0.4, 0.9], "weight": [2.5, 2.4, 2.6]})
    text = feeding.section(found, "about")

    assert "| in turn | 0.50 (0.40 to 0.90) |" in text
    assert "| a case, in turn | ≤ 2 µs an iteration | 0.5 µs an iteration | yes |" in text
    assert "| a case, weight | ≤ 2 µs an iteration | 2.5 µs an iteration | **no** |" in text


def test_the_part_about_comparisons():
    """A row for each figure, and what is wrong too often, or found too rarely."""
    equal = {"p95": {"worse": 2, "better": 1, "same": 7, "cannot tell": 190}, "failed": {}}
    slower = {"p95": {"worse": 178, "cannot tell": 22}}
    text = comparing.section(
        comparing.Comparing(200, {"equal": equal, "+10 %": slower, "real, equal": equal}), "about"
    )

    assert "| equal | p95 | 2 | 1 | 7 | 190 |" in text
    assert "| +10 % | p95 | 178 | 0 | 0 | 22 |" in text
    assert "| real, equal | p95 |" in text
    assert "failed" not in text
    assert "| equal pairs, a worse p95 | ≤ 2 % | 1 % | yes |" in text
    assert "| pairs with +10 %, a worse p95 | ≥ 90 % | 89 % | **no** |" in text


def test_the_part_about_websockets():
    """Of loadgrpc the server's count must be met; who cannot be had is left out with a reason."""
    ours = next(tool for tool in sockets.TOOLS if tool.name == "loadgrpc")
    locust = next(tool for tool in sockets.TOOLS if tool.name == "locust")
    said = (
        '{"iterations": {"failure": "0", "error": "0"},'
        ' "sockets": {"total": {"messagesReceived": "900", "broken": "0"}}}'
    )
    assert sockets.judge(ours, 20, 0, said, "", 900, 450.0) == (450.0, "")
    rate, problem = sockets.judge(ours, 20, 0, said, "", 901, 450.0)
    assert (rate, problem) == (450.0, "it says 900 messages, the server counted 901")
    requests = '[{"num_requests": 890, "num_failures": 0}]'
    assert sockets.judge(locust, 20, 0, requests, "", 900, 450.0) == (450.0, "")
    assert sockets.judge(locust, 20, 1, "", "no module\n", 0, None)[1].endswith("no module")
    assert "began slowly" in sockets.judge(locust, 20, 0, requests, "", 900, None)[1]
    found = sockets.Sockets(7, 4, {20: {"loadgrpc": [1, 2, 3]}}, left_out={"k6": "no go"})
    found.versions = {"locust": "2.4"}
    found.user_kib = 22.25
    text = sockets.section(found, "about")
    assert "| loadgrpc | 2 (1 to 3) |" in text
    assert "k6 is left out: no go." in text
    assert "Versions: locust 2.4." in text
    assert "takes 22.2 KiB" in text


def test_what_the_plan_and_the_stalls_make_of_a_visitor():
    """Who arrives while the server stands still waits for the rest of it, and the usual time."""
    waited = stalls.planned_ms(20)
    assert len(waited) == 20 * stalls.RATE
    (at_ms, span_ms), _ = stalls.schedule(20)
    assert waited.min() == waited[0] == stalls.DELAY_MS
    assert waited[round(at_ms * stalls.RATE / 1_000)] == pytest.approx(span_ms + stalls.DELAY_MS)
    noted = np.array([[5, 7], [10**9 // stalls.RATE + 5, 10**9]], np.uint64)[::-1]
    assert stalls.waited_ms(noted.ravel()) == pytest.approx([2e-6, 995 - 5e-6])
    noted[1, 0] += 10**6  # the first came late: its plan follows from the other
    assert stalls.waited_ms(noted.ravel()) == pytest.approx([2e-6, 995 - 5e-6])


def test_the_part_about_stalls():
    """Percentiles are found in what tools printed; each is followed by how far it is off."""
    printed = "  50.000%    5.01ms\n  90.000%    1.20s \n  99.000%    2.00s\n  99.900%    3.00s\n"
    assert stalls.parse_wrk2(printed.replace("s \n", "s\n")) == [5.01, 1200, 2000, 3000]
    assert stalls.parse_k6('BENCH {"p(50)": 5, "p(90)": 6, "p(99)": 7, "p(99.9)": 8}') == [
        5,
        6,
        7,
        8,
    ]
    document = {
        "hits": {"elapsed": {"p50": "0.005s", "p99": "0.006s"}},
        "thresholds": [
            {"threshold": each.format(what), "value": value}
            for what in ("response", "service")
            for each, value in zip(stalls.THRESHOLDS, (0.5, 3.0), strict=True)
        ],
    }
    said = stalls.parse_loadgrpc(json.dumps(document))
    assert said == [5, 500, 6, 3000]
    found = stalls.Stalled(20, {"loadgrpc": said}, {"loadgrpc": [5.0, 500.5, 6.0, 2999.0]})
    found.sent["loadgrpc"] = 4_000
    section = stalls.section(found, "x")
    assert "500.0 ms (-0.5)" in section
    assert "0.4 s after 3 s and 1 s after 10 s" in section


def test_the_part_about_arrivals():
    """How far off a request is follows from when it came; the plan begins when it has to."""
    came_ns = np.array([[1_000_000, 9], [11_100_000, 9], [31_900_000, 9], [21_000_000, 9]])
    late_ms = stalls.came_ms(came_ns.astype(np.uint64).ravel(), 100)
    assert late_ms.tolist() == pytest.approx([0, 0.1, 0, 0.9])
    kept = arrivals.Kept(20, 40_000, 40_000, 0, 40, (0.1, 1.9, 9.0), 0.5)
    assert kept.good
    assert "1.900 ms" in arrivals.section(kept, "x")
    assert not arrivals.Kept(20, 40_000, 39_999, 0, 0, (0.1, 0.2, 0.3), 0.5).good
