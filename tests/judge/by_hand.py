"""Hand-made windows, and how thresholds judge them."""

import numpy as np

from loadgrpc.judge.judging import Judging
from loadgrpc.judge.reading import RunFacts
from loadgrpc.model import TestOutcome
from loadgrpc.stats.rules import AgentName, RuleName
from loadgrpc.stats.window import CPU, Counted, Occurrence, Series, Window

START_S = 1_000
NS_PER_S = 10**9


def window(
    second,
    times_ms=(),
    *,
    failed=0,
    name="login",
    method="GET",
    scenario="",
    status_class=2,
    length_s=1,
):
    """A window with hits that took so long, of which so many failed."""
    made = Window(START_S + second, length_s)
    add_hits(
        made,
        times_ms,
        failed=failed,
        name=name,
        method=method,
        scenario=scenario,
        status_class=status_class,
    )
    return made


def add_hits(made, times_ms, *, failed=0, name="login", method="GET", scenario="", status_class=2):
    """More hits for a window."""
    if times_ms:
        made.stats(Series(scenario, name, method, "http", status_class)).add(
            elapsed_ns=np.array([round(each * 1e6) for each in times_ms], np.int64),
            failed=failed,
            answered=bool(status_class),
            bytes_sent=0,
            bytes_received=0,
        )
    return made


def count(made, what, number, name="", scenario=""):
    """Something that is counted in a window."""
    made.count(Counted(Occurrence[what], scenario, name), number)
    return made


def came(made, of, name, times_ms, *, failed=0, **outcomes):
    """What came of cases of a rule, or from an agent: hits, and iterations by their outcome."""
    stats = made.rule(RuleName("", name)) if of == "case" else made.agent(AgentName("", name))
    stats.hits.add(
        elapsed_ns=np.array([round(each * 1e6) for each in times_ms], np.int64),
        failed=failed,
        answered=True,
        bytes_sent=0,
        bytes_received=0,
    )
    stats.outcomes.update({TestOutcome[name.upper()]: count for name, count in outcomes.items()})


def cpu(made, *shares):
    """How much processes used of their CPU time."""
    for share in shares:
        made.gauge(CPU).add(round(share * 1e6))
    return made


def judged(texts, windows, *, seconds=None, facts=None, start_ns=START_S * NS_PER_S, until=None):
    """How windows of a run are judged that began at second 0 and lasted so long."""
    judging = Judging([texts] if isinstance(texts, str) else texts)
    judging.begin(start_ns)
    if until is not None:
        judging.stop(round((START_S + until) * NS_PER_S))
    end_s = (
        max((each.end_s for each in windows), default=START_S)
        if seconds is None
        else (START_S + seconds)
    )
    facts = facts or RunFacts(duration_ns=end_s * NS_PER_S - start_ns)
    for each in windows:
        judging.add(each)
        judging.close(each.end_s, facts)
    judging.finish(end_s, facts)
    found = judging.results()
    return found[0] if isinstance(texts, str) else found
