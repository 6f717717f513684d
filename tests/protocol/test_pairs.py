"""Converters come in pairs, and name everything that is wrong with what a stranger sends."""

import importlib
import math
import pkgutil
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc import model, protocol
from loadgrpc.certs.holder import NAME
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import RunnerMode
from loadgrpc.protocol import access as wire_access
from loadgrpc.protocol import assignments, bounds, bundles, plans, timeline, times
from loadgrpc.protocol import campaigns as wire_campaigns
from loadgrpc.protocol import cases as wire_cases
from loadgrpc.protocol import progress as wire_progress
from loadgrpc.protocol import schedules as wire_schedules
from loadgrpc.protocol import sockets as wire_sockets
from loadgrpc.protocol.comparisons import (
    compare_from_proto,
    compare_to_proto,
    comparison_from_proto,
    comparison_to_proto,
)
from loadgrpc.protocol.confinements import confinement_from_proto, confinement_to_proto
from loadgrpc.protocol.custom_states import (
    custom_state_from_proto,
    custom_state_to_proto,
    reported_from_proto,
    reported_to_proto,
)
from loadgrpc.protocol.events import (
    arrivals_from_proto,
    arrivals_to_proto,
    data_use_from_proto,
    data_use_to_proto,
    exception_from_proto,
    exception_to_proto,
    generator_state_from_proto,
    generator_state_to_proto,
)
from loadgrpc.protocol.figures import (
    elapsed_from_proto,
    elapsed_to_proto,
    generator_from_proto,
    generator_to_proto,
    hits_from_proto,
    hits_to_proto,
    iterations_from_proto,
    iterations_to_proto,
    name_from_proto,
    name_to_proto,
    users_from_proto,
    users_to_proto,
)
from loadgrpc.protocol.notifications import notification_from_proto, notification_to_proto
from loadgrpc.protocol.runs import (
    agent_from_proto,
    agent_to_proto,
    attempt_from_proto,
    attempt_to_proto,
    broker_from_proto,
    broker_to_proto,
    limit_from_proto,
    limit_to_proto,
    run_from_proto,
    run_to_proto,
    verdict_from_proto,
    verdict_to_proto,
    waiting_from_proto,
    waiting_to_proto,
)
from loadgrpc.protocol.sources import source_from_proto, source_to_proto
from loadgrpc.protocol.submissions import submission_from_proto, submission_to_proto
from loadgrpc.protocol.summary import summary_from_proto, summary_to_proto
from loadgrpc.protocol.thresholds import (
    check_from_proto,
    check_to_proto,
    checked_from_proto,
    checked_to_proto,
    threshold_result_from_proto,
    threshold_result_to_proto,
)
from loadgrpc.testing import plan_of
from loadgrpc.v1 import event_pb2, run_pb2, runner_pb2

NS = 1_000_000_000

letters = st.characters(codec="utf-8", exclude_characters="\0")
words = st.text(letters, max_size=20)
ids = st.text(letters, min_size=1, max_size=20)
counts = st.integers(0, 2**63 - 1)
numbers = st.integers(0, 2**32 - 1)
moments = st.integers(0, 250_000_000_000 * NS)
durations = st.integers(0, 10_000 * 365 * 86_400 * NS)
rates = st.floats(0, 1e12)
exceptions = st.builds(model.ExceptionInfo, type=words, message=words, traceback=words)
silences = st.integers(0, 86_400_000).map(lambda ms: ms / 1_000)
loads = st.fixed_dictionaries(
    {
        "users": st.lists(st.integers(1, 100_000), min_size=1, max_size=5).map(tuple),
        "spawn_rate": rates,
        "server_url": st.sampled_from(["", "http://127.0.0.1:8000"]),
        "processes": st.integers(0, 1_024),
    }
)
spans = st.integers(0, 86_400_000).map(lambda ms: ms / 1_000)
waits = st.one_of(
    st.builds(model.Constant, spans),
    st.tuples(spans, spans).map(lambda both: model.Between(*sorted(both))),
    st.builds(model.Exponential, spans.filter(bool)),
    st.builds(model.Lognormal, spans.filter(bool), st.floats(0.01, 5)),
)
rests = st.fixed_dictionaries({}, optional={"pacing": waits, "think": waits})
staged = st.sampled_from(
    [
        (model.Hold(20.0, 1.5), model.Ramp(20.0, 0.0, 0.25)),
        (model.Ramp(1 / 3, 2 / 7, 1.5), model.Sine(1.0, 3.0, 2.0, 7.0)),
        (model.Steps((1.0, 4.0, 2.5), 0.5), model.Hold(2.5, 60.0)),
    ]
).map(lambda stages: staged_scenario(model.Load(model.LoadUnit.USERS, stages)))


def staged_scenario(load):
    """What a scenario with this load has of it."""
    users = (model.users_of(load, 0),)
    return {"load": load, "users": users, "duration_s": load.duration_s, "spawn_rate": 0.0}


lengths = st.one_of(
    staged,
    st.fixed_dictionaries(
        {"iterations": st.lists(st.integers(1, 1_000), min_size=1, max_size=3).map(tuple)}
    ),
    st.fixed_dictionaries({"duration_s": st.integers(1, 86_400_000).map(lambda ms: ms / 1_000)}),
)
runners = st.one_of(
    st.builds(
        lambda test, rest: {"test": test, **rest},
        st.sampled_from(["a.B.c", "pkg.mod.Class.test_it", "some dir/file.py::C.test"]),
        rests,
    ),
    st.fixed_dictionaries(
        {
            "test": st.sampled_from(["http://127.0.0.1/", "anything at all"]),
            "test_runner": st.sampled_from(["./run {test}", "'a b' c"]),
            "runner_mode": st.sampled_from([RunnerMode.ONE_USER, RunnerMode.ALL_USERS]),
            "silence_timeout_s": silences,
        }
    ),
    st.builds(
        lambda tests, **load: {
            "tests": tuple(model.WeightedTest(*each) for each in tests.items()),
            **load,
        },
        st.dictionaries(
            st.sampled_from(["a.B.c", "a.B.d", "x y/f.py::C.test"]), st.integers(1, 300), min_size=1
        ),
        test_order=st.sampled_from([model.TestOrder.WEIGHTED, model.TestOrder.SEQUENTIAL]),
    ),
    st.fixed_dictionaries({"test": st.just("shop"), "runner_mode": st.just(RunnerMode.BY_HAND)}),
)
givens = st.lists(
    st.builds(model.Parameter, st.sampled_from(["a", "b_1", "password"]), words, st.booleans()),
    max_size=3,
    unique_by=lambda each: each.name,
).map(lambda some: {"parameters": tuple(sorted(some, key=lambda each: each.name))})
printable = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=9)
literals = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(letters, max_size=9), rates
)
of_case = st.dictionaries(printable, literals, max_size=3).map(lambda some: tuple(some.items()))
feeds = st.builds(
    model.FedCases,
    cases=st.lists(
        st.builds(
            model.FedCase,
            name=printable,
            rule=printable,
            values=of_case,
            expected=of_case,
            weight=st.integers(1, 9) | rates.filter(bool),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda case: case.name,
    ).map(tuple),
    order=st.sampled_from(model.CaseOrder),
    seed=counts,
)
fed_or_not = st.fixed_dictionaries({"cases": st.none() | feeds})


def scenario_of(*parts):
    """The fields of a scenario; a program that has a load which changes runs all its users."""
    fields = {name: value for part in parts for name, value in part.items()}
    if "load" in fields and fields.get("test_runner"):
        fields["runner_mode"] = RunnerMode.ALL_USERS
    return fields


scenarios = st.builds(scenario_of, loads, lengths, runners, givens, fed_or_not)
some_plans = st.builds(
    model.Plan,
    scenarios=st.one_of(
        scenarios.map(lambda one: (model.Scenario(**one),)),
        st.lists(scenarios, min_size=1, max_size=3).map(
            lambda several: tuple(
                model.Scenario(name=f"s{at}", **each) for at, each in enumerate(several)
            )
        ),
    ),
    agents=st.integers(1, bounds.MAX_PARTS // 3),
    split=st.booleans(),
    stop_timeout_s=st.integers(0, 86_400_000).map(lambda ms: ms / 1_000),
    no_dns_resolve=st.booleans(),
    title=st.sampled_from(["", "nightly"]),
    env=st.dictionaries(st.sampled_from(["A", "_b", "C3"]), words).map(
        lambda env: tuple(sorted(env.items()))
    ),
    project_name=st.sampled_from(["", "shop"]),
    user_id=st.sampled_from(["", "ann"]),
    bundle=st.sampled_from(["", "0" * 64]),
    test_dir=st.sampled_from(["", "/tmp/x-"]),
    python_deps=st.sampled_from([(), ("faker", "./a.whl")]),
    unchecked=st.booleans(),
    thresholds=st.sampled_from([(), ("p95(response) < 300ms", "loss == 0")]),
    agent_labels=st.sampled_from([(), ("big", "eu")]),
    labels=st.sampled_from([(), ("nightly",)]),
    retry=st.none()
    | st.builds(
        model.RetryPolicy,
        max_attempts=st.integers(1, 100),
        initial_backoff_s=st.sampled_from([0.0, 1.5]),
        multiplier=st.sampled_from([1.0, 2.5]),
        max_backoff_s=st.sampled_from([0.0, 86_400.0]),
        jitter=st.booleans(),
        retry_on=st.lists(st.sampled_from(model.RetryReason), min_size=1, unique=True).map(tuple),
    ),
    observers=st.lists(
        st.builds(
            model.ObserverChoice,
            name=st.sampled_from(["irc", "my.own.Observer"]),
            settings=st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "x"])).map(
                lambda settings: tuple(sorted(settings.items()))
            ),
            events=st.lists(st.sampled_from(model.ObserverEvent), min_size=1, unique=True).map(
                tuple
            ),
        ),
        max_size=2,
    ).map(tuple),
)


def without_secrets(plan):
    """What of a plan comes out of a run and a summary: they are for showing."""
    shown = [tuple(one.kept() for one in each.parameters) for each in plan.scenarios]
    scenarios = zip(plan.scenarios, shown, strict=True)
    return replace(plan, scenarios=tuple(replace(each, parameters=ps) for each, ps in scenarios))


shown_plans = some_plans.map(without_secrets)
some_assignments = st.builds(
    lambda scenario, plan, **fields: model.Assignment(
        plan=replace(plan, scenarios=(scenario,), agents=1, split=False), **fields
    ),
    scenario=st.builds(
        lambda load, name, users: model.Scenario(**{**load, "name": name, "users": users}),
        scenarios,
        ids | st.just(""),
        st.lists(numbers, min_size=1, max_size=4).map(tuple),
    ),
    plan=some_plans,
    run_id=words,
    agent_id=words,
    user=numbers,
    first_cycle=st.integers(1, 2**32 - 1),
    python_path=st.lists(words, max_size=2).map(tuple),
)
sources = st.builds(model.SourceId, ids, ids, ids)
pieces = st.builds(bundles.Piece, words, counts, counts, st.binary(max_size=20))
optional_moments = st.none() | moments
troubles = st.lists(
    st.builds(
        model.Trouble,
        kind=st.sampled_from(model.TroubleKind),
        message=words,
        since_ns=moments,
        until_ns=optional_moments,
        agent_id=words,
    ),
    max_size=2,
).map(tuple)
verdicts = st.builds(model.Verdict, exit_code=numbers, reason=words)
waitings = st.builds(model.Waiting, position=numbers, length=numbers, reason=words, agents=numbers)
attempts = st.builds(
    model.RunAttempt,
    attempt=st.integers(1, 100),
    state=st.sampled_from(model.RunState),
    reason=words,
    verdict=st.none() | verdicts,
    start_time_ns=optional_moments,
    end_time_ns=optional_moments,
    agent_ids=st.lists(words, max_size=2).map(tuple),
)
submissions = st.one_of(
    st.builds(
        model.Submission,
        start_time_ns=optional_moments,
        expire_time_ns=optional_moments,
        priority=st.integers(0, 9),
        queue=st.booleans(),
    ),
    st.builds(
        model.Submission,
        delay_s=st.sampled_from([0.0, 0.5, 86_400.0]),
        expire_after_s=st.sampled_from([None, 0.5, 600.0]),
    ),
)
runs = st.builds(
    model.Run,
    due_time_ns=optional_moments,
    expire_time_ns=optional_moments,
    priority=st.integers(0, 9),
    attempt=st.integers(1, 100),
    attempts=st.lists(attempts, max_size=2).map(tuple),
    waiting=st.none() | waitings,
    run_id=words,
    state=st.sampled_from(model.RunState),
    plan=shown_plans,
    create_time_ns=moments,
    start_time_ns=optional_moments,
    end_time_ns=optional_moments,
    reason=words,
    agent_ids=st.lists(words, max_size=3).map(tuple),
    troubles=troubles,
    verdict=st.none() | verdicts,
)
confinements = st.builds(
    model.Confinement,
    signed_only=st.booleans(),
    run_as=words,
    limits=st.builds(
        model.Limits,
        memory_bytes=st.none() | st.integers(1, 2**64 - 1),
        processes=st.none() | st.integers(1, 2**32 - 1),
        files=st.none() | st.integers(1, 2**32 - 1),
        time_s=st.sampled_from([None, 0.5, 3_600.0]),
    ),
)
agents = st.builds(
    model.Agent,
    agent_id=words,
    hostname=words,
    pid=numbers,
    version=words,
    cores=numbers,
    state=st.sampled_from(model.AgentState),
    run_id=words,
    last_seen_time_ns=moments,
    confinement=confinements,
)
limits = st.builds(
    model.LimitUse,
    name=words,
    value=counts,
    per_s=st.booleans(),
    refused=counts,
    delayed=counts,
    last_caller=words,
    last_time_ns=st.none() | moments,
)
brokers = st.builds(
    model.BrokerInfo,
    version=words,
    pid=numbers,
    hostname=words,
    store=words,
    start_time_ns=moments,
    agents=numbers,
    active_runs=numbers,
    store_trouble=words,
    limits=st.lists(limits, max_size=3).map(tuple),
    errors=st.dictionaries(words, counts, max_size=3),
)
elapsed = st.builds(
    model.ElapsedFigures,
    **{f"{name}_ns": durations for name in ("avg", "min", "p50", "p90", "p95", "p99", "max")},
)
hits = st.builds(
    model.HitFigures,
    count=counts,
    failed=counts,
    rate=rates,
    elapsed=elapsed,
    bytes_sent=counts,
    bytes_received=counts,
    response=st.none() | elapsed,
)
names = st.builds(
    model.NameFigures,
    name=words,
    method=words,
    hits=hits,
    statuses=st.dictionaries(numbers, counts, max_size=3),
    scenario=words,
    protocol=words,
    failed_statuses=st.dictionaries(numbers, counts, min_size=1, max_size=3),
    retries=counts,
)
custom_states = st.builds(
    model.CustomState,
    name=ids,
    details=st.dictionaries(ids, words, max_size=3).map(lambda some: tuple(sorted(some.items()))),
)
reported = st.builds(
    model.ReportedState, state=custom_states, agent_id=words, scenario=words, time_ns=moments
)
reported_states = st.lists(reported, max_size=2).map(tuple)
iterations = st.builds(
    model.IterationFigures,
    started=counts,
    success=counts,
    failure=counts,
    error=counts,
    interrupted=counts,
    planned=counts,
    dropped=counts,
    not_yet=counts,
    late=counts,
    waiting=counts,
)
users = st.builds(model.UserFigures, planned=counts, started=counts, unknown=counts)
socket_progresses = st.builds(
    model.SocketProgress,
    open=counts,
    broken=counts,
    messages_sent=counts,
    messages_received=counts,
    sent_rate=rates,
    received_rate=rates,
)
failed_spans = st.builds(
    model.FailedSpan,
    start_ns=moments,
    length_ns=durations,
    windows=counts,
    between_ns=durations,
)
threshold_results = st.builds(
    model.ThresholdResult,
    text=words,
    outcome=st.sampled_from(model.ThresholdOutcome),
    failed=st.booleans(),
    value=st.none() | st.floats(allow_nan=False),
    limit=st.floats(allow_nan=False),
    unit=st.sampled_from(["", "s", "%", "/s"]),
    count=counts,
    start_ns=optional_moments,
    length_ns=durations,
    windows=counts,
    windows_failed=counts,
    aborted=st.booleans(),
    near=st.lists(words, max_size=3).map(tuple),
    message=words,
    failed_spans=st.lists(failed_spans, max_size=3).map(tuple),
)
coverages = st.builds(model.CoverageFigures, rules=numbers, exercised=numbers)
cases = st.builds(
    model.CaseFigures,
    case=words,
    scenario=words,
    iterations=iterations,
    iteration_time=elapsed,
    hits=hits,
)
rule_progresses = st.builds(
    model.RuleProgress,
    case=words,
    scenario=words,
    iterations=counts,
    not_passed=counts,
    rate=rates,
    p95_ns=st.none() | durations,
)
progresses = st.builds(
    lambda rules, **fields: model.Progress(rules=rules if fields["coverage"] else (), **fields),
    rules=st.lists(rule_progresses, max_size=2).map(tuple),
    coverage=st.none() | coverages,
    custom_states=reported_states,
    sockets=st.none() | socket_progresses,
    elapsed_ns=durations,
    fraction=st.floats(0, 1),
    cycle=numbers,
    cycles=numbers,
    users=numbers,
    hits=counts,
    failed_hits=counts,
    rate=rates,
    p50_ns=durations,
    p95_ns=durations,
    iterations=iterations,
    agents=numbers,
    saturated=st.booleans(),
    machine_busy=st.booleans(),
    window=st.none()
    | st.builds(
        model.WindowFigures,
        end_ns=moments,
        seconds=st.integers(1, 5),
        hits=counts,
        failed=counts,
        p50_ns=st.none() | durations,
        p95_ns=st.none() | durations,
    ),
    names=st.lists(
        st.builds(
            model.NameProgress,
            name=words,
            method=words,
            scenario=words,
            hits=counts,
            failed=counts,
            rate=rates,
            p95_ns=st.none() | durations,
        ),
        max_size=2,
    ).map(tuple),
    failures=st.lists(
        st.builds(model.FailureProgress, count=counts, message=words, where=words), max_size=2
    ).map(tuple),
    left_ns=st.none() | durations,
    thresholds=st.lists(threshold_results, max_size=2).map(tuple),
    troubles=troubles,
)
parts_of_one = st.none() | st.floats(0, 1)
generator_times = st.integers(0, model.MAX_GENERATOR_NS)
arrivals_states = st.builds(
    model.ArrivalsState,
    process=st.integers(0, 1_024),
    **dict.fromkeys(("planned", "started", "dropped", "waiting"), st.integers(0, 2**40)),
    users=numbers,
    max_users=numbers,
)
generator_states = st.builds(
    model.GeneratorState,
    process=st.integers(0, 1_024),
    elapsed_ns=st.integers(1, model.MAX_GENERATOR_NS),
    cpu_ns=st.none() | generator_times,
    cores=st.integers(1, 2**32 - 1),
    lags_ns=st.lists(generator_times, max_size=5).map(tuple),
    gc_pauses=numbers,
    gc_ns=generator_times,
    gc_max_ns=generator_times,
    machine_cpu=parts_of_one,
    steal=parts_of_one,
    other_cpu=parts_of_one,
)
generators = st.builds(
    model.GeneratorFigures,
    saturated_ns=durations,
    watched_ns=durations,
    lag=elapsed,
    worst_lag_ns=durations,
    worst_lag_end_ns=optional_moments,
    cpu=rates,
    worst_cpu=rates,
    gc_pauses=counts,
    gc_ns=durations,
    gc_max_ns=durations,
    at_limit_ns=durations,
    machine_busy_ns=durations,
    worst_other_cpu=rates,
    worst_steal=rates,
)
groups = st.lists(
    st.builds(model.IterationErrorGroup, count=counts, test=words, exception=exceptions),
    max_size=2,
).map(tuple)
cycles = st.builds(
    model.CycleFigures,
    cycle=numbers,
    users=numbers,
    start_time_ns=st.none() | moments,
    duration_ns=durations,
    hits=hits,
    scenarios=st.lists(
        st.builds(
            model.CycleScenarioFigures,
            name=words,
            users=numbers,
            duration_ns=durations,
            hits=hits,
        ),
        max_size=2,
    ).map(tuple),
)
socket_figures = st.builds(
    model.SocketFigures,
    opened=counts,
    closed=counts,
    broken=counts,
    messages_sent=counts,
    messages_received=counts,
    bytes_sent=counts,
    bytes_received=counts,
    sent_rate=rates,
    received_rate=rates,
    gaps=elapsed,
)
socket_summaries = st.builds(
    model.SocketSummary,
    total=socket_figures,
    names=st.lists(
        st.builds(
            model.SocketNameFigures,
            name=words,
            protocol=words,
            scenario=words,
            sockets=socket_figures,
        ),
        max_size=2,
    ).map(tuple),
)
numbers_of_tests = st.floats(-1e15, 1e15)
measures = st.builds(
    model.Measures,
    checks=st.lists(
        st.builds(model.CheckFigures, name=words, scenario=words, passed=counts, failed=counts),
        max_size=2,
    ).map(tuple),
    transactions=st.lists(
        st.builds(
            model.TransactionFigures,
            name=words,
            scenario=words,
            count=counts,
            failed=counts,
            rate=rates,
            elapsed=elapsed,
        ),
        max_size=2,
    ).map(tuple),
    measurements=st.lists(
        st.builds(
            model.MeasurementFigures,
            name=words,
            scenario=words,
            count=counts,
            **dict.fromkeys(("avg", "min", "p50", "p90", "p95", "p99", "max"), numbers_of_tests),
        ),
        max_size=2,
    ).map(tuple),
    gauges=st.lists(
        st.builds(
            model.GaugeFigures,
            name=words,
            scenario=words,
            **dict.fromkeys(("last", "min", "max"), numbers_of_tests),
        ),
        max_size=2,
    ).map(tuple),
)
notifications = st.builds(
    model.Notification,
    observer=words,
    change=counts,
    event=st.sampled_from(model.ObserverEvent),
    state=st.sampled_from(model.NotificationState),
    tries=st.integers(0, 99),
    reason=words,
    time_ns=moments,
)
summaries = st.builds(
    model.Summary,
    custom_states=reported_states,
    sockets=st.none() | socket_summaries,
    measures=measures,
    tags=st.lists(
        st.builds(model.TagFigures, name=words, value=words, scenario=words, hits=hits),
        max_size=2,
    ).map(tuple),
    run_id=words,
    output=st.builds(model.OutputFigures, lines=counts, left_out=counts),
    coverage=st.none() | coverages,
    cases=st.lists(cases, max_size=2).map(tuple),
    data=st.lists(
        st.builds(
            model.DataFigures,
            file=words,
            mode=st.sampled_from(model.DataMode),
            scenario=words,
            rows=counts,
            taken=counts,
            repeated=counts,
            refused=counts,
            stopped=counts,
            differs=st.booleans(),
        ),
        max_size=3,
    ).map(tuple),
    notifications=st.lists(notifications, max_size=2).map(tuple),
    state=st.sampled_from(model.RunState),
    plan=shown_plans,
    create_time_ns=moments,
    start_time_ns=optional_moments,
    end_time_ns=optional_moments,
    reason=words,
    verdict=verdicts,
    duration_ns=durations,
    hits=hits,
    iterations=iterations,
    planned=st.none()
    | st.builds(
        model.PlannedFigures,
        elapsed=elapsed,
        response=elapsed,
        lateness=st.none() | elapsed,
        not_started=st.lists(st.tuples(words, counts), max_size=2).map(tuple),
        users=numbers,
        max_users=numbers,
    ),
    names=st.lists(names, max_size=2).map(tuple),
    failures=groups,
    errors=groups,
    hit_errors=st.lists(
        st.builds(
            model.HitErrorGroup,
            count=counts,
            name=words,
            method=words,
            error=st.sampled_from(model.HitError),
            error_message=words,
        ),
        max_size=2,
    ).map(tuple),
    agents=st.lists(
        st.builds(
            model.AgentFigures,
            agent_id=words,
            hostname=words,
            state=st.sampled_from(model.AssignmentState),
            hits=counts,
            iterations=counts,
            reason=words,
            load_error=st.none() | exceptions,
            generator=st.none() | generators,
            users=numbers,
            end_time_ns=optional_moments,
            all_users=users,
            planned_iterations=counts,
        ),
        max_size=2,
    ).map(tuple),
    counters=st.dictionaries(words, st.integers(-(2**63), 2**63 - 1), max_size=3),
    accounting=st.builds(
        model.Accounting,
        committed=counts,
        duplicates=counts,
        rejected=counts,
        losses=st.lists(
            st.builds(
                model.Loss,
                reason=words,
                count=st.integers(0, 2**60),
                at_least=st.booleans(),
                agent_id=words,
            ),
            max_size=3,
        ).map(tuple),
        mismatches=st.lists(words, max_size=2).map(tuple),
        rejections=st.lists(words, max_size=2).map(tuple),
    ),
    generator=st.none() | generators,
    cycles=st.lists(cycles, max_size=2).map(tuple),
    scenarios=st.lists(
        st.builds(
            model.ScenarioFigures,
            name=words,
            test=words,
            hits=hits,
            iterations=iterations,
            users=users,
        ),
        max_size=2,
    ).map(tuple),
    users=users,
    thresholds=st.lists(threshold_results, max_size=2).map(tuple),
    troubles=troubles,
)
changes = st.builds(
    model.Change,
    sequence=counts,
    kind=st.sampled_from(model.ChangeKind),
    state=st.sampled_from(model.RunState),
    time_ns=st.none() | moments,
    attempt=st.integers(1, 9),
    reason=words,
    agent_id=words,
    agent_event=st.none() | st.sampled_from(model.AgentEvent),
    cycle=st.integers(0, 100),
    users=st.integers(0, 2**32 - 1),
    custom_state=st.none() | custom_states,
    threshold=st.none() | threshold_results,
    due_time_ns=optional_moments,
)
news = st.builds(model.News, counts, runs | progresses | st.none(), st.none() | changes)

distributions = st.builds(
    model.Distribution,
    first=st.integers(-1, 400),
    counts=st.lists(counts, max_size=3).map(tuple),
)
shares = st.floats(0, 1)
windows = st.builds(
    model.TimelineWindow,
    start_ns=moments,
    length_ns=durations,
    closed=st.booleans(),
    hits=hits,
    series=st.lists(
        st.builds(
            model.WindowSeries,
            name=words,
            method=words,
            scenario=words,
            protocol=words,
            status_class=st.integers(0, 9),
            hits=hits,
            late=counts,
            tags=st.dictionaries(words, words, max_size=2).map(
                lambda tags: tuple(sorted(tags.items()))
            ),
            distribution=st.none() | distributions,
        ),
        max_size=2,
    ).map(tuple),
    cases=st.lists(cases, max_size=2).map(tuple),
    users=numbers,
    late=counts,
    late_data=counts,
    **dict.fromkeys(("planned", "started", "dropped", "waiting"), counts),
    lag=st.none() | elapsed,
    cpu=st.none() | st.builds(model.CpuFigures, avg=shares, max=shares),
    measures=measures,
    distribution=st.none() | distributions,
)
queries = st.builds(
    model.TimelineQuery,
    run_id=ids,
    from_ns=st.none() | moments,
    to_ns=st.none() | moments,
    resolution_s=st.integers(0, 3_600_000).map(lambda ms: ms / 1_000),
    names=st.lists(ids, max_size=3).map(tuple),
    series=st.booleans(),
    page_size=numbers,
    page_token=words,
)
pages = st.builds(
    model.TimelinePage,
    windows=st.lists(windows, max_size=2).map(tuple),
    resolution_s=st.integers(1, 3_600),
    next_token=words,
)
news = news | st.builds(model.News, counts, windows)

data_uses = st.builds(
    model.DataUse,
    file=ids,
    mode=st.sampled_from(model.DataMode),
    rows=counts,
    digest=counts,
    taken=st.just(9),
    repeated=st.integers(0, 9),
    refused=counts,
    stopped=counts,
)

firings = st.builds(
    model.Firing,
    number=counts,
    planned_time_ns=moments,
    time_ns=moments,
    state=st.sampled_from(model.FiringState),
    run_id=words,
    reason=words,
    verdict=st.none() | verdicts,
    by_hand=st.booleans(),
)
printable = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)
schedule_specs = st.builds(
    model.ScheduleSpec,
    name=printable,
    cron=words,
    time_zone=words,
    plan=some_plans,
    missed=st.sampled_from(model.Missed),
    overlap=st.sampled_from(model.Overlap),
    start_timeout_s=silences,
)
schedules = st.builds(
    model.Schedule,
    schedule_id=words,
    spec=schedule_specs,
    create_time_ns=moments,
    next_time_ns=st.none() | moments,
    paused=st.booleans(),
    fired=counts,
    firings=st.lists(firings, max_size=3).map(tuple),
)
step_results = st.builds(
    model.StepResult,
    state=st.sampled_from(model.RunState),
    verdict=st.none() | verdicts,
    duration_ns=durations,
    hits=hits,
    iterations=iterations,
)
step_statuses = st.builds(
    model.StepStatus,
    name=words,
    state=st.sampled_from(model.StepState),
    time_ns=moments,
    reason=words,
    run_id=words,
    replaced=st.lists(ids, max_size=3).map(tuple),
    generation=numbers,
    result=st.none() | step_results,
)


@st.composite
def campaign_specs(draw):
    """Steps after some of those before them, runs and observers."""
    steps = []
    for at in range(draw(st.integers(1, 4))):
        before = [step.name for step in steps]
        after = tuple(
            model.After(
                step=name,
                gate=draw(st.sampled_from(model.StepGate)),
                exit_codes=tuple(draw(st.lists(st.integers(0, 255), max_size=2))),
            )
            for name in before
            if draw(st.booleans())
        )
        observed = bool(after) and draw(st.booleans())
        observer = model.ObserverChoice(name=draw(printable), settings=(("a", "b"),))
        steps.append(
            model.Step(
                name=f"{draw(printable)}-{at}",
                after=after,
                any_of=draw(st.booleans()),
                plan=None if observed else draw(some_plans),
                observer=observer if observed else None,
                results=bool(after) and draw(st.booleans()),
            )
        )
    return model.CampaignSpec(
        steps=tuple(steps), title=draw(printable), start_timeout_s=draw(silences)
    )


campaigns = st.builds(
    model.Campaign,
    campaign_id=words,
    spec=campaign_specs(),
    state=st.sampled_from(model.CampaignState),
    create_time_ns=moments,
    steps=st.lists(step_statuses, max_size=2).map(tuple),
    sequence=counts,
    reason=words,
    end_time_ns=st.none() | moments,
    verdict=st.none() | verdicts,
)
checked_runs = st.builds(
    model.CheckedRun,
    results=st.lists(threshold_results, max_size=2).map(tuple),
    windows=st.sampled_from([(), ((1, 600), (10, 30))]),
    late_hits=counts,
    over=st.booleans(),
)

numbers_of_any_size = st.floats(allow_nan=False)
comparisons = st.builds(
    model.RunComparison,
    before_id=ids,
    after_id=ids,
    refusals=st.lists(words, max_size=2).map(tuple),
    figures=st.lists(
        st.builds(
            model.FigureComparison,
            figure=words,
            before=numbers_of_any_size,
            after=numbers_of_any_size,
            change=numbers_of_any_size,
            low=numbers_of_any_size,
            high=numbers_of_any_size,
            outcome=st.sampled_from(model.ComparisonOutcome),
            name=words,
            method=words,
            scenario=words,
        ),
        max_size=2,
    ).map(tuple),
)

tokens = st.builds(
    model.Token,
    name=st.text(min_size=1, max_size=128),
    role=st.sampled_from(model.Role),
    create_time_ns=moments,
    expire_time_ns=moments,
    revoke_time_ns=st.none() | moments,
)
audited = st.builds(
    model.Audited,
    number=st.integers(0, 2**63 - 1),
    time_ns=moments,
    name=st.text(max_size=128),
    role=st.none() | st.sampled_from(model.Role),
    address=st.text(max_size=128),
    did=st.text(max_size=128),
    what=st.text(max_size=128),
    detail=st.text(max_size=128),
)
callers = st.builds(
    model.Caller,
    name=st.text(min_size=1, max_size=128),
    role=st.sampled_from(model.Role),
    token=st.booleans(),
    expire_time_ns=st.none() | moments,
)
accesses = st.builds(
    model.AccessInfo,
    caller=st.none() | callers,
    tls=st.booleans(),
    broker_expire_time_ns=st.none() | moments,
    tokens_address=st.text(max_size=128),
)

PAIRS = {
    "timestamp": (times.timestamp_to_proto, times.timestamp_from_proto, moments),
    "duration": (times.duration_to_proto, times.duration_from_proto, durations),
    "signed": (times.signed_to_proto, times.signed_from_proto, st.integers(-(10**18), 10**18)),
    "plan": (plans.plan_to_proto, plans.plan_from_proto, some_plans),
    "assignment": (
        assignments.assignment_to_proto,
        assignments.assignment_from_proto,
        some_assignments,
    ),
    "start": (assignments.start_to_proto, assignments.start_from_proto, some_assignments),
    "source": (source_to_proto, source_from_proto, sources),
    "piece": (bundles.piece_to_proto, bundles.piece_from_proto, pieces),
    "verdict": (verdict_to_proto, verdict_from_proto, verdicts),
    "run": (run_to_proto, run_from_proto, runs),
    "waiting": (waiting_to_proto, waiting_from_proto, waitings),
    "attempt": (attempt_to_proto, attempt_from_proto, attempts),
    "submission": (submission_to_proto, submission_from_proto, submissions),
    "agent": (agent_to_proto, agent_from_proto, agents),
    "confinement": (confinement_to_proto, confinement_from_proto, confinements),
    "broker": (broker_to_proto, broker_from_proto, brokers),
    "limit": (limit_to_proto, limit_from_proto, limits),
    "token": (wire_access.token_to_proto, wire_access.token_from_proto, tokens),
    "audited": (wire_access.audited_to_proto, wire_access.audited_from_proto, audited),
    "access": (wire_access.access_to_proto, wire_access.access_from_proto, accesses),
    "wanted": (
        wire_access.wanted_to_proto,
        wire_access.wanted_from_proto,
        st.tuples(
            st.from_regex(NAME, fullmatch=True),
            st.sampled_from(wire_access.ASKABLE),
            st.integers(60, 366 * 86_400).map(float),
        ),
    ),
    "exception": (exception_to_proto, exception_from_proto, exceptions),
    "hits": (hits_to_proto, hits_from_proto, hits),
    "name": (name_to_proto, name_from_proto, names),
    "generator": (generator_to_proto, generator_from_proto, generators),
    "iterations": (iterations_to_proto, iterations_from_proto, iterations),
    "users": (users_to_proto, users_from_proto, users),
    "arrivals": (arrivals_to_proto, arrivals_from_proto, arrivals_states),
    "generator_state": (
        generator_state_to_proto,
        generator_state_from_proto,
        generator_states,
    ),
    "data_use": (data_use_to_proto, data_use_from_proto, data_uses),
    "custom_state": (custom_state_to_proto, custom_state_from_proto, custom_states),
    "reported": (reported_to_proto, reported_from_proto, reported),
    "change": (wire_progress.change_to_proto, wire_progress.change_from_proto, changes),
    "news": (wire_progress.news_to_proto, wire_progress.news_from_proto, news),
    "progress": (wire_progress.progress_to_proto, wire_progress.progress_from_proto, progresses),
    "summary_sockets": (
        wire_sockets.summary_sockets_to_proto,
        wire_sockets.summary_sockets_from_proto,
        socket_summaries,
    ),
    "socket_progress": (
        wire_sockets.socket_progress_to_proto,
        wire_sockets.socket_progress_from_proto,
        socket_progresses,
    ),
    "notification": (notification_to_proto, notification_from_proto, notifications),
    "threshold_result": (
        threshold_result_to_proto,
        threshold_result_from_proto,
        threshold_results,
    ),
    "check": (
        check_to_proto,
        check_from_proto,
        st.builds(
            model.CheckQuery,
            run_id=ids,
            thresholds=st.sampled_from([(), ("hits > 1", "loss == 0")]),
            from_ns=st.none() | st.just(10**18),
            to_ns=st.none() | st.just(2 * 10**18),
        ),
    ),
    "compare": (
        compare_to_proto,
        compare_from_proto,
        st.tuples(st.sampled_from([("a", "b"), ("a", "b", "c")]), st.floats(0, 100)),
    ),
    "comparison": (comparison_to_proto, comparison_from_proto, comparisons),
    "checked": (checked_to_proto, checked_from_proto, checked_runs),
    "summary": (summary_to_proto, summary_from_proto, summaries),
    "elapsed": (elapsed_to_proto, elapsed_from_proto, elapsed),
    "cycle": (timeline.cycle_to_proto, timeline.cycle_from_proto, cycles),
    "case": (wire_cases.case_to_proto, wire_cases.case_from_proto, cases),
    "coverage": (wire_cases.coverage_to_proto, wire_cases.coverage_from_proto, coverages),
    "rule_progress": (
        wire_cases.rule_progress_to_proto,
        wire_cases.rule_progress_from_proto,
        rule_progresses,
    ),
    "window": (timeline.window_to_proto, timeline.window_from_proto, windows),
    "query": (timeline.query_to_proto, timeline.query_from_proto, queries),
    "page": (timeline.page_to_proto, timeline.page_from_proto, pages),
    **{
        stem: (getattr(module, f"{stem}_to_proto"), getattr(module, f"{stem}_from_proto"), values)
        for module, stem, values in (
            (wire_schedules, "firing", firings),
            (wire_schedules, "schedule_spec", schedule_specs),
            (wire_schedules, "schedule", schedules),
            (wire_campaigns, "step_result", step_results),
            (wire_campaigns, "step_status", step_statuses),
            (wire_campaigns, "campaign_spec", campaign_specs()),
            (wire_campaigns, "campaign", campaigns),
        )
    },
}


OF_STREAMS = {"answers", "fleet"}
"""What goes one way on a stream, and is read there field by field: no pairs of values."""


def test_every_pair_is_tested():
    """Each `x_to_proto` has an `x_from_proto`, and both are in the table of this test."""
    modules = [
        importlib.import_module(f"{protocol.__name__}.{module.name}")
        for module in pkgutil.iter_modules(protocol.__path__)
        if module.name not in OF_STREAMS
    ]
    public = {
        name
        for module in modules
        for name in vars(module)
        if name.endswith(("_to_proto", "_from_proto")) and not name.startswith("_")
    }
    stems = {name.removesuffix("_to_proto").removesuffix("_from_proto") for name in public}

    assert {f"{stem}_{way}_proto" for stem in stems for way in ("to", "from")} == public
    assert stems - {"seconds", "troubles"} == set(PAIRS)  # seconds are floats, troubles are lists


@pytest.mark.parametrize("stem", PAIRS)
@given(data=st.data())
def test_pairs_are_inverse(stem, data):
    """What goes through the wire, serialised, comes out as it went in."""
    to_proto, from_proto, values = PAIRS[stem]
    value = data.draw(values)
    message = to_proto(value)

    assert from_proto(type(message).FromString(message.SerializeToString())) == value


@given(some_assignments)
def test_an_assignment_says_all_twice(assignment):
    """For runners and agents that read no plan: the fields beside it are those of the plan."""
    message = assignments.start_to_proto(assignment)
    own, scenario = message.assignment, assignment.scenario

    assert [each.users for each in own.cycles] == list(scenario.users)
    of_cycle = (sum(scenario.iterations), scenario.duration_s or 0)
    assert {(each.iterations, times.seconds_from_proto(each.duration)) for each in own.cycles} == {
        of_cycle
    }
    assert (own.test, own.spawn_rate) == (scenario.test, scenario.spawn_rate)
    assert (own.server_url, own.processes) == (scenario.server_url, scenario.processes)
    assert times.seconds_from_proto(own.stop_timeout) == assignment.plan.stop_timeout_s
    assert (own.no_dns_resolve, own.scenario) == (assignment.plan.no_dns_resolve, scenario.name)
    assert message.test_runner == scenario.test_runner
    assert (message.runner_mode or 1) == scenario.runner_mode
    if scenario.test_runner:
        assert times.seconds_from_proto(message.silence_timeout) == scenario.silence_timeout_s


@given(durations)
def test_durations_are_as_protobuf_wants_them(duration_ns):
    """A Duration's nanos are a part of a second, and protobuf's own arithmetic agrees."""
    message = times.duration_to_proto(duration_ns)

    assert 0 <= message.nanos < NS
    assert message.ToNanoseconds() == duration_ns


def test_the_shortest_plan_gets_its_defaults():
    """A test alone is one user, one iteration, one agent, and thirty seconds to stop."""
    plan = plans.plan_from_proto(run_pb2.RunSpec(test="example.TestWebSite.test_es"))

    assert plan == plan_of(
        test="example.TestWebSite.test_es", users=(1,), iterations=(1,), agents=1
    )
    assert plan.stop_timeout_s == 30.0


def test_a_timed_plan_has_no_iterations():
    """A duration takes the place of the default iteration."""
    spec = run_pb2.RunSpec(test="a.B.c")
    spec.duration.FromSeconds(5)
    plan = plans.plan_from_proto(spec)

    (scenario,) = plan.scenarios
    assert (scenario.duration_s, scenario.iterations) == (5.0, ())
    assert scenario.iterations_per_user == plan.total_iterations == 0


def test_a_duration_of_the_plan_is_that_of_scenarios_without_a_length():
    """Those that have one of their own keep it."""
    message = run_pb2.RunSpec()
    message.duration.FromSeconds(5)
    for name, own in (("plain", {}), ("counted", {"iterations": [2]})):
        message.scenarios.add(name=name, test="a.B.c", **own)
    message.scenarios.add(name="timed", test="a.B.c").duration.FromSeconds(7)
    told = [(each.duration_s, each.iterations) for each in plans.plan_from_proto(message).scenarios]

    assert told == [(5.0, ()), (None, (2,)), (7.0, ())]


def test_what_a_plan_adds_up_to():
    """Users of all scenarios together, cycle by cycle; iterations, if no duration is in it."""
    one = model.Scenario(name="a", test="a.B.c", users=(1, 2), iterations=(3,))
    other = model.Scenario(name="b", test="a.B.c", users=(10,), iterations=(1, 1))
    plan = model.Plan(scenarios=(one, other), agents=2)

    assert (plan.label, plan.cycles, plan.users) == ("a + b", 2, (11, 2))
    assert plan.total_iterations == 2 * (3 * 3 + 10 * 2)
    timed = replace(other, iterations=(), duration_s=1.0)
    assert model.Plan(scenarios=(one, timed)).total_iterations == 0


def spec(*, duration_ns=None, stop_timeout_ns=None, **fields):
    """A RunSpec of a test, and what else is given."""
    message = run_pb2.RunSpec(**{"test": "a.B.c", **fields})
    if duration_ns is not None:
        message.duration.FromNanoseconds(duration_ns)
    if stop_timeout_ns is not None:
        message.stop_timeout.FromNanoseconds(stop_timeout_ns)
    return message


def scenario(name, **fields):
    """A Scenario of a test, and what else is given."""
    return run_pb2.Scenario(name=name, **{"test": "a.B.c", **fields})


def fed(*cases, order=0):
    """A RunSpec with cases."""
    return spec(cases=run_pb2.FedCases(cases=cases, order=order))


def case(name="a", *values, **fields):
    """A case with values."""
    values = [run_pb2.CaseValue(name=each, whole=1) for each in values]
    return run_pb2.FedCase(**{"name": name, "rule": "r", "values": values, **fields})


VIOLATIONS = [
    (spec(parameters={"2x": run_pb2.Parameter(value="1")}), ["plan.parameters['2x']"]),
    (fed(), ["plan.cases.cases"]),
    (fed(case(), order=9), ["plan.cases.order"]),
    (fed(case(weight=0), order=3), ["plan.cases.cases"]),
    (fed(case("a"), case("b"), case("a")), ["plan.cases.cases[0].name"]),
    (fed(case(""), case(rule="")), ["plan.cases.cases[0].name", "plan.cases.cases[1].rule"]),
    (fed(case("a\n")), ["plan.cases.cases[0].name"]),
    (fed(case(weight=-1)), ["plan.cases.cases[0].weight"]),
    (fed(case(weight=math.inf)), ["plan.cases.cases[0].weight"]),
    (fed(case("a", "n", "n")), ["plan.cases.cases[0].values"]),
    (fed(case("a", "")), ["plan.cases.cases[0].values"]),
    (fed(case("a", *(f"{at:0200}" for at in range(90)))), ["plan.cases.cases[0]"]),
    (fed(case(name="x" * 257)), ["plan.cases.cases[0].name"]),
    (fed(*(case(f"{at}") for at in range(1_001))), ["plan.cases.cases"]),
    (spec(test=""), ["plan.test"]),
    (spec(test="test_es"), ["plan.test"]),
    (spec(test="Class.test_es"), ["plan.test"]),
    (spec(test="a b.C.d"), ["plan.test"]),
    (spec(test="file.py::Class"), ["plan.test"]),
    (spec(test="file.py::Class.a.b c"), ["plan.test"]),
    (spec(users=[0]), ["plan.users[0]"]),
    (spec(users=[1, 100_001, 2, 0]), ["plan.users[1]", "plan.users[3]"]),
    (spec(users=[1] * 101), ["plan.users"]),
    (spec(iterations=[0]), ["plan.iterations[0]"]),
    (spec(iterations=[5, 1_000_000_001]), ["plan.iterations[1]", "plan.iterations"]),
    (spec(iterations=[600_000_000, 600_000_000]), ["plan.iterations"]),
    (spec(duration_ns=NS, iterations=[1]), ["plan.duration"]),
    (spec(duration_ns=0), ["plan.duration"]),
    (spec(duration_ns=-NS), ["plan.duration"]),
    (spec(duration_ns=30 * 86_400 * NS + 1_000), ["plan.duration"]),
    (spec(stop_timeout_ns=-1), ["plan.stop_timeout"]),
    (spec(stop_timeout_ns=86_401 * NS), ["plan.stop_timeout"]),
    (spec(agents=10_001), ["plan.agents"]),
    (spec(require_coverage=101), ["plan.require_coverage"]),
    (
        spec(test="", scenarios=[scenario(str(at)) for at in range(100)], agents=201),
        ["plan.agents"],
    ),
    (spec(test=f"a.B.{'c' * 1_021}"), ["plan.test"]),
    (spec(test="a.B\0.c"), ["plan.test"]),
    (spec(test_runner="./x \0"), ["plan.test_runner"]),
    (spec(server_url=f"http://{'x' * 2_048}"), ["plan.server_url"]),
    (spec(test="x" * 1_000, test_runner="{test}" * 80), ["plan.test_runner"]),
    (
        spec(duration_ns=NS, users=[1], stop_timeout={"seconds": 1, "nanos": -5}),
        ["plan.stop_timeout"],
    ),
    (spec(spawn_rate=-0.5), ["plan.spawn_rate"]),
    (spec(spawn_rate=math.inf), ["plan.spawn_rate"]),
    (spec(spawn_rate=math.nan), ["plan.spawn_rate"]),
    (spec(server_url="127.0.0.1:8000"), ["plan.server_url"]),
    (spec(processes=1_025), ["plan.processes"]),
    (spec(thresholds=["hits > 1"] * 101), ["plan.thresholds"]),
    (spec(thresholds=["hits > 1", "hits > " + "1" * 1_025]), ["plan.thresholds[1]"]),
    (spec(thresholds=["hits > 1", "p95(response) < 300"]), ["plan.thresholds[1]"]),
    (spec(title="x" * 129), ["plan.title"]),
    (spec(title="a\nb"), ["plan.title"]),
    (spec(project_name="x" * 129), ["plan.project_name"]),
    (spec(user_id="a\nb"), ["plan.user_id"]),
    (spec(bundle="0" * 63), ["plan.bundle"]),
    (spec(bundle="A" * 64), ["plan.bundle"]),
    (spec(test_dir="x" * 1_025), ["plan.test_dir"]),
    (spec(test_dir="a\nb"), ["plan.test_dir"]),
    (spec(python_deps=["x"] * 101), ["plan.python_deps"]),
    (spec(python_deps=["a", "x" * 1_025]), ["plan.python_deps[1]"]),
    (spec(python_deps=["a", "-r x", " "]), ["plan.python_deps[1]", "plan.python_deps[2]"]),
    (spec(env={"1": "x"}), ["plan.env['1']"]),
    (spec(observers=[{}]), ["plan.observers[0].name"]),
    (spec(observers=[{"name": "a\n"}]), ["plan.observers[0].name"]),
    (spec(observers=[{"name": "x" * 257}]), ["plan.observers[0].name"]),
    (spec(observers=[{"name": "a", "events": [99]}]), ["plan.observers[0].events"]),
    (
        spec(observers=[{"name": "a", "settings": {"b": "\n"}}]),
        ["plan.observers[0].settings['b']"],
    ),
    (
        spec(observers=[{"name": "a", "settings": {"b": "x" * 2_049}}]),
        ["plan.observers[0].settings['b']"],
    ),
    (
        spec(observers=[{"name": "a", "settings": {"x" * 65: "b"}}]),
        [f"plan.observers[0].settings[{'x' * 65!r}]"],
    ),
    (
        spec(observers=[{"name": "a", "settings": {f"s{at}": "" for at in range(33)}}]),
        ["plan.observers[0].settings"],
    ),
    (spec(observers=[{"name": "a"}] * 21), ["plan.observers"]),
    (spec(agent_labels=["eu", "a b"]), ["plan.agent_labels[0]"]),
    (spec(agent_labels=["x" * 65]), ["plan.agent_labels[0]"]),
    (spec(labels=[""]), ["plan.labels[0]"]),
    (spec(labels=[str(at) for at in range(21)]), ["plan.labels"]),
    (spec(retry={"max_attempts": 101}), ["plan.retry.max_attempts"]),
    (
        spec(signatures=[{"public_key": b"\0" * 32}, {"signature": b"\0" * 64}]),
        ["plan.signatures[0].signature", "plan.signatures[1].public_key"],
    ),
    (spec(signatures=[{"signature": b"\0" * 65}]), ["plan.signatures[0].signature"]),
    (spec(signatures=[{}] * 101), ["plan.signatures"]),
    (spec(retry={"multiplier": 0.5}), ["plan.retry.multiplier"]),
    (spec(retry={"multiplier": 101}), ["plan.retry.multiplier"]),
    (spec(retry={"retry_on": [99]}), ["plan.retry.retry_on"]),
    (spec(retry={"initial_backoff": {"seconds": 86_401}}), ["plan.retry.initial_backoff"]),
    (spec(test="x", users=[0], agents=10_001), ["plan.test", "plan.users[0]", "plan.agents"]),
    (spec(runner_mode=2), ["plan.runner_mode"]),
    (spec(test_runner="./x", runner_mode=9), ["plan.runner_mode"]),
    (spec(test_runner="./x", runner_mode=3), ["plan.test_runner"]),
    (spec(test="", runner_mode=3), ["plan.test"]),
    (spec(test_runner="./x", test=""), ["plan.test"]),
    (spec(test_runner="'"), ["plan.test_runner"]),
    (spec(test_runner=" "), ["plan.test_runner"]),
    (spec(test_runner="x" * 4_097), ["plan.test_runner"]),
    (spec(silence_timeout={"seconds": 1}), ["plan.silence_timeout"]),
    (spec(tests=[{"test": "a.B.c"}]), ["plan.tests"]),
    (spec(test="", tests=[{"test": "a"}, {}]), ["plan.tests[0].test", "plan.tests[1].test"]),
    (spec(test="", tests=[{"test": "a.B.c"}] * 2), ["plan.tests[1].test"]),
    (spec(test="", tests=[{"test": "a.B.c", "weight": 1_001}]), ["plan.tests"]),
    (spec(test="", tests=[{"test": "a.B.c"}], test_runner="./x"), ["plan.tests"]),
    (spec(test="", tests=[{"test": f"a.B.c{at}"} for at in range(101)]), ["plan.tests"]),
    (spec(test_order=run_pb2.TEST_ORDER_RANDOM), ["plan.test_order"]),
    (
        spec(test="", tests=[{"test": "a.B.c", "weight": 2}], test_order=run_pb2.TEST_ORDER_RANDOM),
        ["plan.test_order"],
    ),
    (spec(pacing={}, think={"between": {"least": {"seconds": 1}}}), ["plan.pacing", "plan.think"]),
    (spec(think={"constant": {"seconds": 1}}, test_runner="./x"), ["plan.think"]),
    (spec(test_runner="./x", silence_timeout={"seconds": 86_401}), ["plan.silence_timeout"]),
    (spec(load="100/z for 1s"), ["plan.load"]),
    (spec(load="100/s for 1s", users=[1]), ["plan.load"]),
    (spec(load="100/s for 1s", test_runner="./x"), ["plan.load"]),
    (spec(stages=[{"unit": 2}]), ["plan.stages[0]"]),
    (
        spec(stages=[{"unit": 2, "hold": {"level": -1}}]),
        [f"plan.stages[0].hold.{name}" for name in ("level", "duration")],
    ),
    (spec(arrivals=2, late=2, max_users=5), ["plan.arrivals", "plan.late", "plan.max_users"]),
    (spec(load="1/s for 1s", max_users=1_000_001), ["plan.max_users"]),
    (spec(load="1/s for 1s", pacing={"constant": {"seconds": 1}}), ["plan.pacing"]),
    (spec(scenarios=[scenario("a")]), ["plan.test"]),
    (spec(test="", scenarios=[scenario("a"), scenario("a")]), ["plan.scenarios[1].name"]),
    (spec(test="", scenarios=[scenario("")]), ["plan.scenarios[0].name"]),
    (spec(test="", scenarios=[scenario("a", test="x")]), ["plan.scenarios[0].test"]),
    (spec(test="", scenarios=[scenario("a", users=[0])]), ["plan.scenarios[0].users[0]"]),
    (spec(test="", scenarios=[scenario(str(at)) for at in range(101)]), ["plan.scenarios"]),
]


@pytest.mark.parametrize(("message", "fields"), VIOLATIONS)
def test_every_violation_is_named(message, fields):
    """Each field that breaks a rule is named by its path, and all of them at once."""
    with pytest.raises(InvalidRequest) as caught:
        plans.plan_from_proto(message)

    assert [violation.field for violation in caught.value.violations] == fields
    assert all(violation.description for violation in caught.value.violations)


def test_every_field_of_a_plan_can_be_refused():
    """The table above has a case for each field that has a rule: all but the flags."""
    named = [f.partition(".")[2] for _, fields in VIOLATIONS for f in fields]
    refused = {each.partition("[")[0].partition(".")[0] for each in named}

    flags = {"split", "no_dns_resolve", "no_patching", "unchecked", "seed"}
    assert refused == {field.name for field in run_pb2.RunSpec.DESCRIPTOR.fields} - flags


@pytest.mark.parametrize(
    "message",
    [
        spec(users=[1, 100_000]),
        spec(users=[1] * 100),
        spec(iterations=[1_000_000_000]),
        spec(duration_ns=1),
        spec(duration_ns=30 * 86_400 * NS),
        spec(stop_timeout_ns=0),
        spec(stop_timeout_ns=86_400 * NS),
        spec(agents=10_000),
        spec(processes=1_024),
        spec(test="my tests/file.py::Class.test_it"),
        spec(test="file.py::Class::test_it"),
        spec(test="anything", test_runner="./x", runner_mode=2),
        spec(test="", scenarios=[scenario("x" * 128)]),
        spec(title="ü" * 128),
    ],
)
def test_the_edges_are_valid(message):
    """What just keeps the rules is taken."""
    assert plans.plan_from_proto(message).scenarios[0].test in (message.test, "a.B.c")


@pytest.mark.parametrize("field", ["run_id", "agent_id", "runner_id"])
@pytest.mark.parametrize("value", ["", "x" * 129])
def test_a_source_needs_all_its_parts(field, value):
    """A part of a source that is missing or too long is named."""
    parts = {"run_id": "r", "agent_id": "a", "runner_id": "x" * 128, field: value}

    with pytest.raises(InvalidRequest) as caught:
        source_from_proto(runner_pb2.SourceId(**parts))

    assert [violation.field for violation in caught.value.violations] == [f"source.{field}"]


def test_exceptions_are_cut():
    """Of an exception's message 4 KiB are kept and of its traceback 16 KiB, in whole characters."""
    message = event_pb2.ExceptionInfo(type="E", message="é" * 4_096, traceback="x" * 20_000)
    kept = exception_from_proto(message)

    assert kept.message == "é" * 2_048
    assert len(kept.traceback) == 16_384


def test_the_shortest_state_of_a_generator():
    """A time alone is enough: one process, one core, and nothing else is known."""
    message = event_pb2.GeneratorState()
    message.elapsed.FromSeconds(1)

    assert generator_state_from_proto(message) == model.GeneratorState(elapsed_ns=NS)


def test_saturated_is_told_by_its_own_field():
    """Who reads the document need not compare times."""
    for saturated_ns in (0, 1):
        figures = model.GeneratorFigures(saturated_ns=saturated_ns)
        summary = model.Summary(
            run_id="r",
            state=model.RunState.FINISHED,
            plan=plan_of(test="a.B.c", iterations=(1,)),
            create_time_ns=0,
            generator=figures,
        )
        assert summary_to_proto(summary).generator.saturated is bool(saturated_ns)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("elapsed", {}),
        ("elapsed", {"elapsed": {"seconds": 0}}),
        ("elapsed", {"elapsed": {"seconds": -1}}),
        ("elapsed", {"elapsed": {"seconds": 3_600, "nanos": 1}}),
        ("process", {"elapsed": {"seconds": 1}, "process": 1_025}),
        ("cpu", {"elapsed": {"seconds": 1}, "cpu": {"nanos": -1}}),
        ("lags_ns", {"elapsed": {"seconds": 1}, "lags_ns": [0] * 4_001}),
        ("lags_ns", {"elapsed": {"seconds": 1}, "lags_ns": [3_600 * NS + 1]}),
        ("gc_time", {"elapsed": {"seconds": 1}, "gc_time": {"nanos": -1}}),
        ("gc_time", {"elapsed": {"seconds": 1}, "gc_time": {"seconds": 2**40}}),
        ("gc_max", {"elapsed": {"seconds": 1}, "gc_max": {"seconds": 3_601}}),
        ("gc_max", {"elapsed": {"seconds": 1}, "gc_max": {"nanos": -1}}),
    ],
)
def test_states_of_generators_that_break_a_rule(field, fields):
    """Each rule of the proto is checked, and the field is named."""
    with pytest.raises(InvalidRequest) as caught:
        generator_state_from_proto(event_pb2.GeneratorState(**fields))

    assert [violation.field for violation in caught.value.violations] == [field]


def test_a_name_from_before_failed_statuses():
    """Of a stored summary without them, answers of 400 and above are those that failed."""
    message = run_pb2.NameFigures(name="n", hits={"count": 6, "failed": 4}, statuses={200: 2})
    message.statuses[404] = 3

    assert name_from_proto(message).failed_statuses == {404: 3}
    message.hits.failed = 1  # that without an answer
    assert name_from_proto(message).failed_statuses == {}


def test_arrivals_may_take_back_what_a_class_says_of_rests():
    """No wait is none; any other is refused."""
    message = spec(load="1/s for 1s", pacing={"constant": {}}, think={"constant": {}})
    scenario = plans.plan_from_proto(message).scenarios[0]
    assert (scenario.pacing, scenario.think) == (model.Constant(0.0), model.Constant(0.0))
