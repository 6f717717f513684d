"""What the events of a run add up to: worked out by hand, bounded, and in any order the same."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.broker import aggregate as module
from loadgrpc.broker import causes as of_causes
from loadgrpc.broker import hits as of_hits
from loadgrpc.broker.aggregate import Aggregate
from loadgrpc.model import (
    OTHER,
    ExceptionInfo,
    GeneratorState,
    HitError,
    HitErrorGroup,
    IterationFigures,
    OutputFigures,
    TestOutcome,
)
from loadgrpc.protocol.decoded import (
    Decoded,
    HitLabel,
    Hits,
    IterationLabel,
    Iterations,
    UsersTold,
)
from loadgrpc.stats.rows import buckets
from loadgrpc.stats.window import Occurrence

NS = 1_000_000_000
OK = HitLabel("/a", "GET", 200, HitError.NONE, "")
BAD = HitLabel("/a", "GET", 500, HitError.NONE, "")
REFUSED = HitLabel("/b", "POST", 0, HitError.CONNECT, "refused")
RESET = HitLabel("/b", "POST", 0, HitError.CLOSED, "reset")
PASSED = IterationLabel("t", TestOutcome.SUCCESS, None)
CUT = IterationLabel("t", TestOutcome.INTERRUPTED, None)


def failed(outcome=TestOutcome.FAILURE, **exception):
    """The label of an iteration that raised something."""
    return IterationLabel("t", outcome, ExceptionInfo(**{"type": "AssertionError", **exception}))


def told(active, started=None, cycle=0):
    """What a runner says of its users."""
    return Decoded(users=[UsersTold(cycle, active, started)])


def hits(*entries):
    """Hits from (label, start, elapsed, sent, received)."""
    labels = list(dict.fromkeys(entry[0] for entry in entries))
    rows = [(labels.index(entry[0]), *entry[1:]) for entry in entries]
    return Hits(labels, *np.array(rows, np.int64).reshape(-1, 5).T)


def iterations(*entries):
    """Iterations from (label, start, elapsed)."""
    labels = list(dict.fromkeys(entry[0] for entry in entries))
    rows = [(labels.index(entry[0]), *entry[1:]) for entry in entries]
    return Iterations(labels, *np.array(rows, np.int64).reshape(-1, 3).T)


def total(*parts, agent_id="a", arrival_ns=0):
    """An aggregate of one agent's batches."""
    aggregate = Aggregate()
    for part in parts:
        aggregate.add((agent_id, ""), "runner", part, arrival_ns=arrival_ns)
    return aggregate


def test_figures_of_hits_by_hand():
    """Three answers and a refusal: counts, times of the answered, sizes of all, rate."""
    aggregate = total(
        Decoded(
            hits=[
                hits(
                    (OK, 1 * NS, 10, 1, 100),
                    (BAD, 2 * NS, 30, 2, 200),
                    (OK, 3 * NS, 20, 3, 300),
                    (REFUSED, 4 * NS, 1 * NS, 4, 0),
                )
            ]
        )
    )
    figures = aggregate.hits.figures(2 * NS)

    assert (figures.count, figures.failed, figures.rate) == (4, 2, 2.0)
    assert (figures.elapsed.min_ns, figures.elapsed.avg_ns, figures.elapsed.max_ns) == (10, 20, 30)
    assert (figures.bytes_sent, figures.bytes_received) == (10, 600)
    assert aggregate.duration_ns({}) == 4 * NS  # from 1 s to 4 s, and one second of waiting


def test_figures_by_name_and_method():
    """One entry for each name and method, sorted; statuses are of answers only."""
    aggregate = total(
        Decoded(
            hits=[
                hits((REFUSED, 0, 1, 0, 0), (OK, 0, 1, 0, 0), (BAD, 0, 1, 0, 0)),
                hits((OK, 0, 1, 0, 0), (OK._replace(method="PUT"), 0, 1, 0, 0)),
            ]
        )
    )
    found = [
        (entry.name, entry.method, entry.hits.count, entry.hits.failed, entry.statuses)
        for entry in aggregate.hits.names(NS)
    ]

    assert found == [
        ("/a", "GET", 3, 1, {200: 2, 500: 1}),
        ("/a", "PUT", 1, 0, {200: 1}),
        ("/b", "POST", 1, 1, {}),
    ]


def test_whoever_makes_a_hit_says_whether_it_failed():
    """An expected 500 did not fail, a status 14 of gRPC did."""
    expected = BAD._replace(said_failed=False)
    answer = HitLabel("/rpc", "Say", 14, HitError.NONE, "", "grpc", said_failed=True)
    refused = REFUSED._replace(said_failed=False)
    entries = [(expected, 0, 1, 0, 0), (BAD, 0, 1, 0, 0), (answer, 0, 1, 0, 0)]
    aggregate = total(Decoded(hits=[hits(*entries, (refused, 0, 1, 0, 0))]))

    assert aggregate.hits.figures(NS).failed == 2
    found = [
        (each.name, each.protocol, each.hits.failed, each.statuses, each.failed_statuses)
        for each in aggregate.hits.names(NS)
    ]
    assert found == [
        ("/a", "", 1, {500: 2}, {500: 1}),
        ("/b", "", 0, {}, {}),
        ("/rpc", "grpc", 1, {14: 1}, {14: 1}),
    ]
    assert aggregate.causes.hit_errors() == []


def test_hits_of_two_protocols_are_two_names():
    """What is called the same is told apart by its protocol."""
    other = OK._replace(protocol="websocket")
    aggregate = total(Decoded(hits=[hits((OK, 0, 1, 0, 0), (other, 0, 1, 0, 0))]))

    assert [(each.name, each.protocol, each.hits.count) for each in aggregate.hits.names(NS)] == [
        ("/a", "", 1),
        ("/a", "websocket", 1),
    ]


def test_response_times_count_from_the_plan():
    """Service times from the start beside them; the two differ once a hit started late."""
    punctual = hits((OK, 0, 5, 0, 0), (BAD, 0, 7, 0, 0))
    late = hits((OK, 100, 5, 0, 0))._replace(delay_ns=np.array([90]))
    assert total(Decoded(hits=[punctual])).hits.figures(NS).response is None
    aggregate = total(Decoded(hits=[punctual]), Decoded(hits=[late]), Decoded(hits=[punctual]))

    figures = aggregate.hits.figures(NS)
    assert (figures.elapsed.min_ns, figures.elapsed.max_ns) == (5, 7)
    assert (figures.response.min_ns, figures.response.max_ns) == (5, 95)
    assert figures.response.avg_ns == (5 + 5 + 95 + 7 + 7) // 5
    (name,) = aggregate.hits.names(NS)
    assert name.hits.response == figures.response


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_response_times_add_up_in_any_order(order, late):
    """However hits are spread over batches and seconds, both times of each are counted once."""
    parts = [
        hits((OK, at * NS, at + 1, 0, 0))._replace(
            delay_ns=np.array([10 * at + 1]) if at in late else None
        )
        for at in range(6)
    ]
    joined = total(*(Decoded(hits=[parts[at]]) for at in order), arrival_ns=9 * NS)
    apart = total(arrival_ns=9 * NS)
    for at in order:
        apart.add(("a", ""), "runner", Decoded(hits=[parts[at]]), arrival_ns=9 * NS)
        apart.hits.total()

    expected = sum(11 * at + 2 if at in late else at + 1 for at in range(6))
    for aggregate in (joined, apart):
        stats = aggregate.hits.total()
        assert (stats.elapsed.sum_ns, stats.elapsed.count) == (21, 6)
        assert (stats.response.sum_ns, stats.response.count) == (expected, 6)


def test_a_broken_answer_is_no_answer():
    """A hit that broke off after its status is not answered, and its status not counted."""
    broken = HitLabel("/a", "GET", 200, HitError.CLOSED, "cut")
    aggregate = total(Decoded(hits=[hits((broken, 0, 5, 0, 0), (OK, 0, 7, 0, 0))]))

    assert aggregate.hits.figures(NS).elapsed.max_ns == 7
    assert aggregate.hits.names(NS)[0].statuses == {200: 1}
    assert aggregate.causes.hit_errors() == [
        HitErrorGroup(count=1, name="/a", method="GET", error=HitError.CLOSED, error_message="cut")
    ]


@pytest.mark.parametrize(
    ("decoded", "figures"),
    [
        # One is still under way.
        (Decoded(starts=2, outcomes=[PASSED], stops=1), (2, 1, 0, 0, 0)),
        # An iteration that stopped without an outcome was interrupted.
        (Decoded(starts=3, outcomes=[PASSED, failed()], stops=3), (3, 1, 1, 0, 1)),
        # A runner that sends outcomes only.
        (Decoded(outcomes=[PASSED, PASSED, failed(TestOutcome.ERROR)]), (3, 2, 0, 1, 0)),
        # A runner that sends starts and outcomes, and never a stop.
        (Decoded(starts=2, outcomes=[PASSED, failed()]), (2, 1, 1, 0, 0)),
        # Outcomes sent, and their stops not yet.
        (Decoded(starts=3, outcomes=[PASSED] * 3, stops=2), (3, 3, 0, 0, 0)),
        # Stops of a runner that says nothing else.
        (Decoded(stops=2), (2, 0, 0, 0, 2)),
    ],
)
def test_iterations_from_rows(decoded, figures):
    """Starts, outcomes and stops, told apart, are put together to iterations."""
    started, success, failure, error, interrupted = figures

    assert total(decoded).iterations() == IterationFigures(
        started=started, success=success, failure=failure, error=error, interrupted=interrupted
    )


def test_iterations_from_blocks():
    """Whole iterations are a start, an outcome and a stop each."""
    block = iterations((PASSED, 0, 5), (CUT, 1, 5), (failed(), 2, 5), (CUT, 2, 5))

    assert total(Decoded(iterations=[block])).iterations() == IterationFigures(
        started=4, success=1, failure=1, interrupted=2
    )


def test_rows_and_blocks_together():
    """A run may have both: an interruption told by rows does not hide one told by a block."""
    block = iterations((PASSED, 0, 5), (CUT, 1, 5))
    rows = Decoded(starts=2, stops=2, outcomes=[PASSED])

    assert total(Decoded(iterations=[block]), rows).iterations() == IterationFigures(
        started=4, success=2, interrupted=2
    )


def test_an_interruption_told_by_a_block_is_one():
    """Rows of a runner that sends no stops do not make up for an iteration that was cut off."""
    rows = Decoded(outcomes=[PASSED, PASSED])

    assert total(Decoded(iterations=[iterations((CUT, 1, 5))]), rows).iterations() == (
        IterationFigures(started=3, success=2, interrupted=1)
    )


def test_groups_are_equal_exceptions():
    """Equal exceptions of a test are one group, failures apart from errors, most frequent first."""
    rare, often = failed(message="rare"), failed(message="often")
    error = failed(TestOutcome.ERROR, type="KeyError")
    block = iterations(*[(often, 0, 1)] * 3, (rare, 0, 1), (error, 0, 1))
    aggregate = total(Decoded(outcomes=[rare, error]), Decoded(iterations=[block]))

    assert [
        (g.count, g.exception.message) for g in aggregate.causes.raised(TestOutcome.FAILURE)
    ] == [
        (3, "often"),
        (2, "rare"),
    ]
    assert [(g.count, g.test) for g in aggregate.causes.raised(TestOutcome.ERROR)] == [(2, "t")]


def test_counters_add_up():
    """Increments of all agents add up, negative ones too."""
    aggregate = Aggregate()
    for agent_id, increment in (("a", 5), ("b", -7)):
        aggregate.add((agent_id, ""), "r", Decoded(counters=[("c", increment)]), arrival_ns=0)

    assert aggregate.counters == {"c": -2}


def test_counters_stop_at_64_bits():
    """A counter that would not fit its message stays at the bound instead of breaking the run."""
    aggregate = total(Decoded(counters=[("up", 2**63 - 1), ("up", 5), ("down", -(2**63))]))
    aggregate.add(("b", ""), "r", Decoded(counters=[("down", -5)]), arrival_ns=0)

    assert aggregate.counters == {"up": 2**63 - 1, "down": -(2**63) + 1}


def test_lines_that_were_printed_add_up():
    """Lines of all agents are counted, and so are those that were left out."""
    aggregate = total(Decoded(lines=2, lines_left_out=1))
    aggregate.add(("b", ""), "r", Decoded(lines=3), arrival_ns=0)

    assert aggregate.output() == OutputFigures(lines=5, left_out=1)
    assert aggregate.iterations() == IterationFigures()


def test_users_are_those_that_each_runner_said_last():
    """Users alive are summed over runners, each by its latest word, until its part is over."""
    aggregate = Aggregate()
    for agent_id, runner_id, active in (("a", "1", 5), ("a", "2", 3), ("b", "1", 4), ("a", "1", 2)):
        aggregate.add((agent_id, ""), runner_id, told(active), arrival_ns=0)
    assert aggregate.active_users == 9

    aggregate.ended(("a", ""), 0)
    aggregate.ended(("nobody", ""), 0)
    assert aggregate.active_users == 4


def test_users_are_alive_from_the_time_of_their_report_on():
    """That of the other events of its batch; of a batch without any, that of its arrival."""
    aggregate = Aggregate(100 * NS)
    aggregate.add(("a", ""), "1", told(5), arrival_ns=103 * NS)
    part = Decoded(users=[UsersTold(0, 2, None)], hits=[hits((OK, 104 * NS, 1, 0, 0))])
    aggregate.add(("b", ""), "1", part, arrival_ns=106 * NS)
    aggregate.ended(("a", ""), 107 * NS)
    aggregate.timeline.close(200 * NS)
    users = {
        row.start_s: bucket.window().users
        for bucket in windows_of(aggregate)
        for row in bucket.rows
    }
    assert [users[second] for second in range(103, 109)] == [5, 7, 7, 7, 7, 2]
    assert 102 not in users


def windows_of(aggregate):
    """The windows of a second of a run."""
    return buckets(aggregate.timeline.rows(), 1)


LATE = GeneratorState(process=1, elapsed_ns=NS, lags_ns=(9_000_000,) * 100)
CALM = GeneratorState(process=1, elapsed_ns=NS, lags_ns=(1_000,) * 100)


def test_generators_are_told_apart_and_together():
    """Each agent has its own figures; a process is one by its agent, its runner and its number."""
    aggregate = Aggregate()
    for agent_id, runner_id, state in (
        ("a", "r", CALM),
        ("a", "r", replace(CALM, process=2)),
        ("b", "r", LATE),
        ("b", "s", LATE),
        ("b", "s", LATE),
    ):
        aggregate.add((agent_id, ""), runner_id, Decoded(generator=[(state, 5)]), arrival_ns=0)
    figures = aggregate.generator({})

    assert (figures.saturated_ns, figures.watched_ns) == (2 * NS, 2 * NS)
    assert (figures.worst_lag_ns, figures.worst_lag_end_ns) == (9_000_000, 5)
    assert aggregate.of_parts([("a", "")]).generator.figures().watched_ns == NS
    assert not aggregate.of_parts([("a", "")]).generator.figures().saturated
    assert aggregate.of_parts([("b", "")]).generator.figures().saturated


def test_a_run_whose_generator_is_silent_has_no_figures_of_it():
    """A runner that tells nothing of itself is not said to have kept up."""
    assert total(Decoded(hits=[hits((OK, 0, 1, 0, 0))])).generator({}) is None


def test_a_generator_is_saturated_for_as_long_as_it_says_so():
    """The mark stays while states of the last seconds say so, and goes when none does."""
    aggregate = total(Decoded(generator=[(CALM, 0)]), arrival_ns=10 * NS)
    assert aggregate.saturated(10 * NS) == {False: False, True: False}

    aggregate.add(("a", ""), "runner", Decoded(generator=[(LATE, 0)]), arrival_ns=20 * NS)
    aggregate.add(("b", ""), "runner", Decoded(generator=[(CALM, 0)]), arrival_ns=20 * NS)

    for second in (20, 22):
        assert aggregate.saturated(second * NS) == {False: True, True: False}
    assert aggregate.saturated(23 * NS) == {False: False, True: False}


def test_b8_a_busy_machine_is_told_from_a_generator_at_its_limit():
    """Both marks stand apart, so that advice is only given for what is ours."""
    busy = replace(LATE, machine_cpu=1.0, other_cpu=0.6)
    aggregate = total(Decoded(generator=[(busy, 0)]), arrival_ns=20 * NS)
    assert aggregate.saturated(20 * NS) == {False: False, True: True}


def test_the_duration_is_that_of_all_agents_on_one_time_line():
    """From the first start to the last end, by clocks that are set to that of the broker."""
    aggregate = Aggregate()
    early = Decoded(first_ns=100, last_ns=400, starts=1)
    late = Decoded(iterations=[iterations((PASSED, 9_000, 50), (PASSED, 9_200, 300))])
    aggregate.add(("a", ""), "r", early, arrival_ns=0)
    aggregate.add(("b", "one"), "r", late, arrival_ns=0)
    aggregate.add(("b", "other"), "r", Decoded(first_ns=8_990, last_ns=9_100), arrival_ns=0)

    assert aggregate.duration_ns({"b": 8_900}) == 600 - 90
    assert aggregate.duration_ns({"a": -8_900}) == 600 - 90
    assert aggregate.duration_ns({}) == 9_400
    assert Aggregate().duration_ns({}) == 0


def closed(aggregate, now_s, since_s=1):
    """What is in the closed seconds at a moment: (up to when, how many, hits, failed)."""
    aggregate.timeline.close(round(now_s * NS))
    found = aggregate.timeline.recent(since_s * NS)
    stats = found.window.total()
    return found.end_s, found.seconds, stats.count, stats.failed


def test_b6_hits_count_in_the_second_they_ended_in():
    """However late a batch comes and however many seconds it spans, each hit has its own."""
    aggregate = Aggregate(100 * NS)
    spread = [(OK, second * NS, NS // 2, 0, 0) for second in range(100, 110) for _ in range(7)]
    part = Decoded(hits=[hits(*spread, (BAD, 108 * NS, 0, 0, 0))])
    aggregate.add(("a", ""), "r", part, arrival_ns=111 * NS)

    assert closed(aggregate, 112) == (109, 5, 36, 1)
    assert closed(aggregate, 113) == (110, 5, 36, 1)
    assert closed(aggregate, 117.5) == (114, 5, 7, 0)


def test_b6_clocks_of_agents_are_allowed_for():
    """An agent an hour ahead or behind is on the broker's time line; if its clock is not known,
    what it tells has not ended after it came.
    """
    for ahead_ns, told_ns in ((3_600 * NS, 3_600 * NS), (-3_600 * NS, -3_600 * NS), (NS, 0)):
        aggregate = Aggregate()
        start_ns = 10_000 * NS + ahead_ns
        part = Decoded(hits=[hits(*[(OK, start_ns, NS // 4, 0, 0)] * 40)])
        aggregate.add(("a", ""), "r", part, arrival_ns=10_000 * NS + NS // 2, ahead_ns=told_ns)
        assert closed(aggregate, 10_004) == (10_001, 5, 40, 0)


def test_b6_what_seems_to_be_from_before_the_run_is_put_at_its_beginning():
    """A runner whose clock is years behind makes one window, not one for each of its seconds."""
    aggregate = Aggregate(10**6 * NS)
    part = Decoded(hits=[hits(*((OK, second * NS, 0, 0, 0) for second in range(0, 10**6, 25)))])
    aggregate.add(("a", ""), "r", part, arrival_ns=10**6 * NS + 1)
    aggregate.timeline.close((10**6 + 9) * NS)
    assert aggregate.hits.total().count == 40_000
    assert {row.start_s for row in aggregate.timeline.rows()} == {10**6}


def test_batches_that_wait_for_each_other_are_in_every_figure():
    """Small batches are added up together: whoever looks sees all of them all the same."""
    aggregate = Aggregate()
    for at in range(1, 6):
        aggregate.add(("a", ""), "r", Decoded(hits=[hits((OK, at, 1, 0, 0))]), arrival_ns=NS)
        aggregate.add(("b", ""), "r", Decoded(hits=[hits((BAD, at, 1, 0, 0))]), arrival_ns=NS)
        assert aggregate.hits.total().count == 2 * at
        assert aggregate.hits.names(NS)[0].statuses == {200: at, 500: at}
        assert aggregate.hits.failed_answers() == [(at, 500, "GET /a")]
        assert sum(stats.count for stats in aggregate.hits.busiest(5).values()) == 2 * at


def test_a_batch_of_many_seconds_is_added_up_in_turns():
    """Its hits are put off, and those that came before it are not; each turn is a short one."""
    aggregate = Aggregate()
    aggregate.add(("a", ""), "r", Decoded(hits=[hits((OK, 5, 1, 0, 0))]), arrival_ns=NS)
    wide = hits(*((OK, second * NS, 1, 0, 0) for second in range(500)))
    aggregate.add(("a", ""), "r", Decoded(hits=[wide]), arrival_ns=500 * NS)
    seen = [aggregate.hits.total().count]
    while aggregate.hits.catch_up():
        seen.append(aggregate.hits.total().count)
    assert seen == list(range(1, 501, of_hits.SECONDS_A_TURN))
    assert aggregate.hits.total().count == 501
    assert aggregate.hits.names(NS)[0].statuses == {200: 501}


def test_hits_belong_to_the_cycle_that_their_runner_says():
    """Of one that says none, or one that has not begun, it is the one of its start."""
    aggregate = Aggregate()
    aggregate.cycles.starts_ns.extend((10 * NS, 20 * NS))
    block = hits((OK, 19 * NS, 2 * NS, 0, 0), (OK, 9 * NS, NS, 0, 0))
    silent = hits((OK, 25 * NS, 5, 0, 0), (OK, 19 * NS, 2 * NS, 0, 0), (BAD, 8 * NS, 1, 0, 0))
    for part in (block._replace(cycle=2), block._replace(cycle=3), silent):
        aggregate.add(("a", "shop"), "r", Decoded(hits=[part]), arrival_ns=30 * NS)

    found = {key: stats.count for key, stats in aggregate.timeline.cycles().items()}
    assert found == {(1, "shop"): 4, (2, "shop"): 3}
    spans = {key: (span.first_ns, span.last_ns) for key, span in aggregate.cycles.spans.items()}
    assert spans == {
        (1, "shop"): (8 * NS, 21 * NS),
        (2, "shop"): (9 * NS, 25 * NS + 5),
    }


def test_nothing_adds_nothing():
    """Empty blocks and an empty batch change nothing, and figures of nothing are zeros."""
    empty = Decoded(hits=[hits()], iterations=[iterations()])
    aggregate = total(empty, Decoded())

    assert aggregate.hits.figures(0).count == 0
    assert aggregate.iterations() == IterationFigures()
    assert (aggregate.hits.names(0), aggregate.causes.hit_errors(), aggregate.duration_ns({})) == (
        [],
        [],
        0,
    )


def words(count):
    """So many different words without a digit."""
    return [
        f"{chr(97 + at // 26 % 26)}{chr(97 + at % 26)}{chr(97 + at // 676)}" for at in range(count)
    ]


def many(count):
    """Labels of so many different names."""
    return [OK._replace(name=f"/{at:05}") for at in range(count)]


def test_names_are_bounded(monkeypatch):
    """Names over the limit are counted together, by status, and none is lost."""
    monkeypatch.setattr(of_hits, "MAX_SERIES", 10)
    labels = [*many(25), BAD._replace(name="/late"), REFUSED]
    aggregate = total(Decoded(hits=[hits(*[(label, 0, 1, 0, 0) for label in labels])]))
    aggregate.add(("b", ""), "r", Decoded(hits=[hits((labels[3], 0, 1, 0, 0))]), arrival_ns=0)
    names = aggregate.hits.names(NS)

    assert len(names) == 11
    assert sum(entry.hits.count for entry in names) == 28
    (other,) = [entry for entry in names if entry.name == OTHER]
    assert (other.hits.count, other.hits.failed, other.statuses) == (17, 2, {200: 15, 500: 1})
    assert [entry.hits.count for entry in names if entry.name == "/00003"] == [2]


def test_a_run_of_ever_new_names_stays_small():
    """Five thousand names, errors and counters leave no more than the bounds behind."""
    aggregate = Aggregate()
    for label in many(5_000):
        refused = REFUSED._replace(name=label.name)
        part = Decoded(hits=[hits((label, 0, 1, 0, 0), (refused, 0, 1, 0, 0))])
        part.counters.append((label.name, 1))
        aggregate.add(("a", ""), "runner", part, arrival_ns=0)
    assert aggregate.hits.figures(NS).count == 10_000
    assert len(aggregate.hits.by_name()) <= of_hits.MAX_SERIES + 2
    assert len(aggregate.causes.hit_errors()) <= of_causes.MAX_REPORTED_GROUPS
    assert len(aggregate.counters) <= module.MAX_COUNTERS + 1


def test_statuses_are_bounded(monkeypatch):
    """A server that answers with ever new statuses does not fill the memory."""
    monkeypatch.setattr(of_hits, "MAX_SERIES", 10)
    monkeypatch.setattr(of_hits, "MAX_OTHER_STATUSES", 5)
    labels = [OK._replace(status=status) for status in range(1_000, 1_100)]
    aggregate = total(Decoded(hits=[hits(*[(label, 0, 1, 0, 0) for label in labels])]))
    mine, other = sorted(aggregate.hits.names(NS), key=lambda entry: entry.name == OTHER)

    assert (len(mine.statuses), len(other.statuses), other.hits.count) == (10, 6, 90)
    assert (other.statuses[0], sum(other.statuses.values())) == (85, 90)


def test_b7_answers_without_a_status_are_in_the_statuses():
    """Answers without one are answers: with those, statuses and silence add up to all hits."""
    bare = HitLabel("/rpc", "", 0, HitError.NONE, "")
    rows = [(label, 0, 1, 0, 0) for label in (bare, bare, OK, REFUSED)]
    found = {
        entry.name: entry.statuses for entry in total(Decoded(hits=[hits(*rows)])).hits.names(NS)
    }

    assert found == {"/rpc": {0: 2}, "/a": {200: 1}, "/b": {}}


def test_b7_groups_over_the_limit_are_counted_together(monkeypatch):
    """Those that are told apart come first, all others last: the counts add up to all of them."""
    monkeypatch.setattr(of_causes, "MAX_CAUSES", 10)
    raised = [failed(message=word) for word in words(30)]
    refused = [REFUSED._replace(name=f"/{at}") for at in range(30)]
    resets = [RESET._replace(name=f"/{at}") for at in range(12)]
    aggregate = total(
        Decoded(outcomes=raised, hits=[hits(*[(e, 0, 1, 0, 0) for e in (*refused, *resets)])])
    )

    groups = aggregate.causes.raised(TestOutcome.FAILURE)
    assert [group.count for group in groups] == [1] * 10 + [20]
    assert (groups[-1].test, groups[-1].exception.type) == (OTHER, OTHER)
    errors = aggregate.causes.hit_errors()
    assert [(e.count, e.name, e.error) for e in errors[20:]] == [
        (20, OTHER, HitError.CONNECT),
        (2, OTHER, HitError.CLOSED),
    ]


@pytest.mark.parametrize("kinds", [100, 101, 150, 700])
def test_b7_groups_that_are_reported_add_up(kinds):
    """A hundred groups are told at most, the last of them for all that are left."""
    outcomes = [failed(message=word) for word in (*words(kinds), *words(1))]
    aggregate = total(
        Decoded(
            outcomes=outcomes,
            hits=[hits(*[(REFUSED._replace(name=word), 0, 1, 0, 0) for word in words(kinds)])],
        )
    )
    groups, errors = aggregate.causes.raised(TestOutcome.FAILURE), aggregate.causes.hit_errors()

    assert (groups[0].count, groups[0].exception.message) == (2, words(1)[0])
    assert len(groups) == len(errors) == 100
    assert sum(group.count for group in groups) == aggregate.iterations().failure == kinds + 1
    assert sum(group.count for group in errors) == aggregate.hits.total().failed == kinds
    assert [g.test == OTHER for g in groups] == [False] * 99 + [kinds > 100]
    assert [e.name == OTHER for e in errors] == [False] * 99 + [kinds > 100]


def test_b7_messages_that_differ_in_numbers_are_one_group():
    """Ten thousand values that were too high are one finding; it shows the first of them."""
    raised = [failed(message=f"{251 + at} not less than 250") for at in range(10_000)]
    aggregate = total(Decoded(outcomes=raised))

    (group,) = aggregate.causes.raised(TestOutcome.FAILURE)
    assert (group.count, group.exception.message) == (10_000, "251 not less than 250")


def test_b7_another_line_is_another_group():
    """The same words from two lines of a test are two findings."""
    lines = [f'Traceback\n  File "/t.py", line {line}, in test\n' for line in (3, 4, 3)]
    aggregate = total(Decoded(outcomes=[failed(message="no", traceback=each) for each in lines]))

    groups = aggregate.causes.raised(TestOutcome.FAILURE)
    assert [(group.count, group.exception.traceback) for group in groups] == [
        (2, lines[0]),
        (1, lines[1]),
    ]


def test_b7_hits_without_an_answer_differ_in_more_than_numbers():
    """The port of a connection makes no group, the kind of error does."""
    cut = [RESET._replace(error_message=f"127.0.0.1:{port} reset") for port in range(50)]
    rows = [(label, 0, 1, 0, 0) for label in (*cut, REFUSED)]
    aggregate = total(Decoded(hits=[hits(*rows)]))

    assert [(e.count, e.error_message) for e in aggregate.causes.hit_errors()] == [
        (50, "127.0.0.1:0 reset"),
        (1, "refused"),
    ]


def test_b7_names_over_the_limit_come_last(monkeypatch):
    """One entry for each scenario, behind all the names."""
    monkeypatch.setattr(of_hits, "MAX_SERIES", 2)
    aggregate = Aggregate()
    for scenario in ("a", "b"):
        rows = [(label, 0, 1, 0, 0) for label in many(3)]
        aggregate.add(("x", scenario), "r", Decoded(hits=[hits(*rows)]), arrival_ns=0)

    found = [(entry.scenario, entry.name, entry.hits.count) for entry in aggregate.hits.names(NS)]
    assert found == [
        ("a", "/00000", 1),
        ("a", "/00001", 1),
        ("a", OTHER, 1),
        ("b", OTHER, 3),
    ]


def test_counters_are_bounded(monkeypatch):
    """Counters over the limit are added up in one, and known ones go on."""
    monkeypatch.setattr(module, "MAX_COUNTERS", 3)
    aggregate = total(Decoded(counters=[(f"c{at}", 1) for at in range(10)] + [("c0", 5)]))

    assert aggregate.counters == {"c0": 6, "c1": 1, "c2": 1, OTHER: 7}


entries = st.tuples(
    st.sampled_from([OK, BAD, REFUSED, *many(3)]),
    st.integers(0, 100),
    st.integers(0, 50),
    st.integers(0, 9),
    st.integers(0, 9),
)
batches = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.builds(
            Decoded,
            hits=st.lists(
                st.lists(entries, min_size=1, max_size=6).map(lambda e: hits(*e)), max_size=2
            ),
            outcomes=st.lists(st.sampled_from([PASSED, failed()]), max_size=3),
            counters=st.lists(st.tuples(st.sampled_from("xy"), st.integers(-5, 5)), max_size=2),
        ),
    ),
    max_size=6,
)


@given(batches, st.randoms())
def test_order_does_not_matter(parts, random):
    """Batches of several agents add up to the same figures in any order, and to their agents'."""
    shuffled = list(parts)
    random.shuffle(shuffled)
    aggregates = []
    for order in (parts, shuffled):
        aggregate = Aggregate()
        for agent_id, decoded in order:
            aggregate.add((agent_id, ""), "r", decoded, arrival_ns=0)
        aggregates.append(aggregate)
    one, other = aggregates

    assert one.hits.names(NS) == other.hits.names(NS)
    assert one.hits.figures(NS) == other.hits.figures(NS)
    assert one.iterations() == other.iterations()
    assert one.counters == other.counters
    assert Counter(one.causes.hit_errors()) == Counter(other.causes.hit_errors())
    assert one.duration_ns({}) == other.duration_ns({})
    assert one.hits.total().count == sum(share.hits for share in one._shares.values())
    assert sum(entry.hits.count for entry in one.hits.names(NS)) == one.hits.total().count


def test_late_iterations_are_counted_in_the_second_in_which_they_end():
    """Those that started more than 10 ms after their plan; who was cut off has not ended."""
    ended = iterations((PASSED, 0, 1 * NS), (PASSED, 1 * NS, 1 * NS), (PASSED, 1 * NS, 2 * NS))
    cut = iterations((CUT, 0, 1 * NS))
    aggregate = total(
        Decoded(iterations=[ended._replace(delay_ns=np.array([NS, 10_000_000, 10_000_001]))]),
        Decoded(iterations=[cut._replace(delay_ns=np.array([NS]))]),
        arrival_ns=3 * NS,
    )
    late = {
        window.start_s: count
        for window in (bucket.window() for bucket in windows_of(aggregate))
        for counted, count in window.counts.items()
        if counted.what is Occurrence.LATE
    }
    assert late == {1: 1, 3: 1}
