"""The summary at the end of a run."""

from dataclasses import replace

import pytest

from loadgrpc import model
from loadgrpc.cli import line as line_module
from loadgrpc.cli.agents import MAX_AGENTS
from loadgrpc.cli.asked import load
from loadgrpc.cli.figures import cells
from loadgrpc.cli.hit_tables import MAX_NAMES
from loadgrpc.cli.line import Style
from loadgrpc.cli.report import last_line, report
from loadgrpc.model import (
    AssignmentState,
    GeneratorFigures,
    HitFigures,
    Plan,
    RunState,
    Scenario,
    ScenarioFigures,
)
from loadgrpc.testing import plan_of

NS = 1_000_000_000

KINDS = [
    "passed",
    "troubled",
    "not_loaded",
    "not_loaded_on_two_of_three",
    "stopped",
    "undone",
    "empty",
]


def text_of(summary, **settings):
    """The report as one text."""
    return "".join(f"{line.text}\n" for line in report(summary, **settings))


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("kind", KINDS)
def test_the_report_says_what_it_said(summaries, snapshot, kind, width):
    """The report of each kind of run, at each width, is what the snapshot has."""
    snapshot(f"report_{kind}_{width}", text_of(summaries[kind], width=width))


@pytest.mark.parametrize("kind", ["troubled", "not_loaded"])
def test_verbose_shows_all(summaries, snapshot, kind):
    """With -v there are whole tracebacks, all groups and the agents."""
    text = text_of(summaries[kind], width=120, verbose=True)
    assert "-v shows all" not in text
    snapshot(f"report_{kind}_verbose", text)


def test_hits_of_another_protocol_say_which(summaries):
    """Beside their names and their statuses; what failed is what they say failed."""
    calls = model.NameFigures(
        name="/shop.Basket/Add",
        method="Add",
        protocol="grpc",
        hits=HitFigures(count=9, failed=2),
        statuses={0: 6, 5: 1, 14: 2},
        failed_statuses={14: 2},
    )
    hits = replace(summaries["passed"].hits, count=1209, failed=2)
    text = text_of(
        replace(summaries["passed"], hits=hits, names=(*summaries["passed"].names, calls)),
        width=100,
    )

    assert "200: 1200" in text
    assert "grpc 5: 1   grpc 14: 2" in text
    assert "grpc Add /shop.Basket/Add" in text
    failed = text.partition("Failed hits: 2 of 1209")[2].splitlines()[1]
    assert failed.startswith("  2 ")
    assert failed.endswith("grpc 14  grpc Add /shop.Basket/Add")


def test_response_times_stand_beside_those_of_the_server(summaries):
    """Only where hits started later than planned."""
    summary = summaries["passed"]
    (name,) = summary.names
    late = replace(name.hits, response=replace(name.hits.elapsed, p99_ns=7_000_000_000))
    text = text_of(
        replace(summary, hits=late, names=(replace(name, hits=late),)),
        width=120,
    )

    assert "response" not in text_of(summary)
    (line,) = [line for line in text.splitlines() if line.strip().startswith("response")]
    assert "p99 7.00 s" in line
    _, heading, table = text.partition("Response time")
    assert heading
    assert table.splitlines()[1].startswith("  GET ")
    assert "7.00 s" in table.splitlines()[1]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("kind", KINDS)
def test_lines_fit_but_for_tracebacks_and_verdicts(summaries, kind, width):
    """What can be shortened is shortened to the width."""
    for line in report(summaries[kind], width=width):
        if line.text.startswith(("exit ", "test not loaded", "  ")):
            continue  # the reason is told whole; tracebacks are to be copied
        assert cells(line.text) <= width


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_line_is_the_exit_code_and_its_reason(summaries, kind):
    """Scripts and people find the verdict at the end, whatever happened."""
    summary = summaries[kind]
    line = report(summary)[-1]
    assert line == last_line(summary)
    assert line.text == f"exit {summary.verdict.exit_code}: {summary.verdict.reason}"


def test_a_run_that_goes_on_has_no_exit_code_yet(summaries):
    """While the run goes on the last line says how it looks."""
    summary = replace(summaries["passed"], state=RunState.RUNNING)
    assert last_line(summary).text == "running, so far: passed"


def test_a_reason_of_several_lines_stays_one_line(summaries):
    """Even a verdict with newlines and escapes is one harmless line."""
    summary = replace(
        summaries["passed"], verdict=model.Verdict(exit_code=107, reason="no\nsuch\x1b[2J test")
    )
    assert last_line(summary).text == "exit 107: no such\\x1b[2J test"


def test_many_names_are_cut_to_the_most_frequent_and_counted(summaries):
    """A thousand names do not flood the terminal, and the report says how many it left out."""
    summary = summaries["passed"]
    names = tuple(
        model.NameFigures(name=f"/item/{number}", method="GET", hits=model.HitFigures(count=number))
        for number in range(1, 201)
    )
    summary = replace(summary, names=names)
    text = text_of(summary)
    assert f"and {200 - MAX_NAMES} more names; -v shows all" in text
    assert "/item/200" in text
    assert "/item/150 " not in text
    assert "/item/1 " in text_of(summary, verbose=True)


def test_of_many_agents_those_in_trouble_come_first(summaries):
    """With a hundred agents the lost one is shown, and the number of others."""
    summary = summaries["passed"]
    fine = summary.agents[0]
    agents = [replace(fine, agent_id=f"agent-{number}") for number in range(100)]
    agents[77] = replace(fine, agent_id="agent-77", state=AssignmentState.LOST, reason="gone")
    text = text_of(replace(summary, agents=tuple(agents)))
    assert "agent-77 (30 users) was lost at 2023-11-14 22:13:25: gone" in text
    assert f"and {100 - MAX_AGENTS} more agents; -v shows all" in text


def test_b1_iterations_that_were_not_started(summaries):
    """What was planned stands beside what was started, and what never will be or may still be."""
    figures = model.IterationFigures(started=6, success=6, planned=10, dropped=4)
    text = text_of(replace(summaries["passed"], iterations=figures))
    assert "6 of 10 planned" in text
    assert "4 never started" in text
    figures = model.IterationFigures(started=6, success=6, planned=10, not_yet=4)
    assert "4 not yet started" in text_of(replace(summaries["passed"], iterations=figures))


def test_one_agent_that_did_well_is_not_worth_a_table(summaries):
    """A local run shows agents with -v only."""
    assert "Agents" not in text_of(summaries["passed"])
    assert "Agents" in text_of(summaries["passed"], verbose=True)


@pytest.mark.parametrize(
    ("server_url", "name", "shown"),
    [
        ("http://h:1", "http://h:1/a", "GET /a"),
        ("http://h:1/", "http://h:1", "GET /"),
        ("http://h:1", "http://h:10/a", "GET http://h:10/a"),
        ("http://ann:***@h:1?token=***", "http://h:1/a", "GET /a"),
        ("", "http://h:1/a", "GET /a"),
        ("", "a name", "GET a name"),
    ],
)
def test_names_go_without_the_server_that_stands_above(summaries, server_url, name, shown):
    """The server of the plan is not repeated in every row; another one is."""
    summary = summaries["passed"]
    figures = replace(summary.names[0], name=name)
    (scenario,) = summary.plan.scenarios
    plan = replace(summary.plan, scenarios=(replace(scenario, server_url=server_url),))
    assert f"  {shown}  " in text_of(replace(summary, plan=plan, names=(figures,)), width=120)


def test_c10_the_server_of_the_class_is_told_once(summaries):
    """A plan knows nothing of a class's own server_url; the names of its hits do."""
    summary = summaries["passed"]
    (scenario,) = summary.plan.scenarios
    plan = replace(summary.plan, scenarios=(replace(scenario, server_url=""),))
    paths = [f"/{number}/{'long/' * 40}end" for number in range(3)]
    of_one = [replace(summary.names[0], name=f"http://h:1{path}") for path in paths]
    text = text_of(replace(summary, plan=plan, names=tuple(of_one)), width=line_module.UNCUT)
    assert "20 iterations a user   http://h:1\n" in text
    assert text.count("http://h:1") == 1
    assert all(f"  GET {path}  " in text for path in paths)
    other = replace(of_one[0], name="http://h:2/b")
    text = text_of(replace(summary, plan=plan, names=(*of_one, other)), width=line_module.UNCUT)
    assert all(f"  GET http://h:1{path}  " in text for path in paths)
    assert "  GET http://h:2/b  " in text


def test_c11_the_load_line_shows_no_password(summaries):
    """Not even of a summary that an older broker stored."""
    summary = summaries["passed"]
    (scenario,) = summary.plan.scenarios
    url = "http://ann:s3cret@h:1/?token=s3cret"
    plan = replace(summary.plan, scenarios=(replace(scenario, server_url=url),))
    text = text_of(replace(summary, plan=plan), width=200)
    assert "http://ann:***@h:1/?token=***" in text
    assert "s3cret" not in text


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (plan_of(test="t", iterations=(1,)), "1 user, 1 iteration a user"),
        (plan_of(test="t", users=(2,), duration_s=90.0), "2 users, for 1 min 30 s"),
        (
            plan_of(test="t", users=(1, 2), duration_s=1.5),
            "2 cycles of 1, 2 users, for 1.5 s each",
        ),
        (
            plan_of(test="t", users=(3,), iterations=(5, 5), agents=2, split=True),
            "3 users, 10 iterations a user, split over 2 agents",
        ),
        (
            plan_of(test="t", iterations=(1,), agents=2, spawn_rate=0.5),
            "1 user, 1 iteration a user, 0.5 users started per second, on each of 2 agents",
        ),
        (
            plan_of(test="t", iterations=(1,), no_dns_resolve=True),
            "1 user, 1 iteration a user, names resolved for each connection",
        ),
    ],
)
def test_the_load_is_told_in_words(plan, words):
    """A reader sees what was asked for without knowing the flags."""
    assert ", ".join(load(plan)) == words


def test_a_generator_that_kept_up_has_a_line(summaries):
    """Lag, processor and garbage collection are told, and no more."""
    text = text_of(summaries["passed"], width=200)
    assert (
        "generator   lag p99 412 µs (worst second 1.23 ms)   CPU 63.2 % (worst second 71.1 %)"
        "   GC 12.3 ms (longest 4.56 ms)\n" in text
    )
    assert "Saturated" not in text


def test_a_generator_that_did_not_keep_up_is_a_warning(summaries):
    """What it means, where it was, and what to do; the verdict is what it was."""
    summary = summaries["troubled"]
    lines = report(summary, width=400)
    (line,) = [line for line in lines if line.text.startswith("Saturated")]
    assert line.style is Style.WARNING
    assert "for 4.02 s of 10.0 s the load generator was at its limit on web-2 (1 of 3" in line.text
    assert "times may be too long, by up to its lag" in line.text
    assert "more processes or agents, fewer users" in line.text
    calm = replace(summary, generator=summaries["passed"].generator)
    assert report(calm, width=400)[-1] == lines[-1]


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (
            {"machine_busy_ns": 4 * NS, "worst_other_cpu": 0.63, "worst_steal": 0.12},
            "other processes used up to 63.0 % of it, a hypervisor took away up to 12.0 %.",
        ),
        ({}, "Held up: for 4.02 s of 10.0 s the load generator noticed answers late"),
    ],
)
def test_b8_what_is_not_the_generators_fault_is_not_said_to_be(summaries, times, told):
    """A busy machine, or a call that blocks, is named; nobody is told to use fewer users."""
    summary = summaries["troubled"]
    generator = replace(summary.generator, at_limit_ns=0, **times)
    text = text_of(replace(summary, generator=generator), width=600)
    assert told in text
    assert "Saturated" not in text
    assert "fewer users" not in text


@pytest.mark.parametrize(
    ("generator", "told"),
    [
        (None, []),
        (GeneratorFigures(watched_ns=5 * NS), []),
        (GeneratorFigures(watched_ns=5 * NS, gc_pauses=1, gc_ns=5), []),
        (GeneratorFigures(watched_ns=5 * NS, cpu=0.5, worst_cpu=1.0), ["CPU 50.0 % (worst"]),
        (GeneratorFigures(watched_ns=NS - 1, cpu=0.5), []),
        (GeneratorFigures(watched_ns=NS // 2, worst_lag_end_ns=1), ["lag p99 0 s (worst second"]),
    ],
)
def test_what_was_not_measured_is_not_told(summaries, generator, told):
    """A generator that tells of one thing gets one; of no second there is no share of it."""
    text = text_of(replace(summaries["passed"], generator=generator), width=200)
    found = [line for line in text.splitlines() if line.startswith("generator")]
    assert len(found) == len(told)
    for line, words in zip(found, told, strict=True):
        assert line.split("   ")[1].startswith(words)
        assert "GC" not in line


def test_each_scenario_has_a_section(summaries):
    """Its test, its load and its iterations; and its hits in a table."""
    summary = summaries["passed"]
    browse = Scenario(name="browse", test="a.B.c", users=(5, 7), duration_s=60.0)
    buy = Scenario(name="buy", test="x", iterations=(3,), spawn_rate=2.0, test_runner="./x {test}")
    figures = tuple(
        ScenarioFigures(name=each.name, test=each.test, hits=HitFigures(count=7, rate=0.5))
        for each in (browse, buy)
    )
    names = (replace(summary.names[0], name="/", method="GET", scenario="buy"),)
    several = replace(summary, plan=Plan(scenarios=(browse, buy)), scenarios=figures, names=names)
    text = text_of(several, width=120)

    assert "browse + buy" in text
    assert "load        2 cycles of 6, 7 users   2 scenarios" in text
    assert (
        "Scenario browse\nload        a.B.c   2 cycles of 5, 7 users   for 1 min 0 s each" in text
    )
    assert (
        "x   1 user   3 iterations a user   2 users started per second   run by ./x {test}" in text
    )
    assert "iterations  0   0 success   0 failure   0 error" in text
    assert "  buy: GET /" in text
    assert "Hits by scenario" in text


def test_c8_lines_that_were_printed_on_agents_are_said(summaries):
    """How many there are, and the command that lists them; of a run of this process: nothing."""
    output = model.OutputFigures(lines=3, left_out=40)
    summary = replace(summaries["passed"], run_id="r-1", output=output)

    told = text_of(summary, broker="h:1", width=60)
    assert "printed     3 lines   40 more left out\n" in told
    assert "  loadgrpc events r-1 -k output -b h:1 lists them\n" in told
    assert "printed" not in text_of(summary, width=60)


def test_c8_without_lines_there_is_nothing_to_list(summaries):
    """Nothing is said when nothing was printed, and nothing is listed when all was left out."""
    passed = summaries["passed"]
    assert text_of(passed, broker="h:1") == text_of(passed)
    dropped = replace(passed, output=model.OutputFigures(left_out=2))
    assert "printed     0 lines   2 more left out\n" in text_of(dropped, broker="h:1")
    assert "-k output" not in text_of(dropped, broker="h:1")
