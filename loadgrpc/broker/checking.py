"""A run judged by thresholds from its timeline, whenever somebody asks.

Rule: by the code that judges active runs, from the windows that are kept. A span of a run is judged
as a run of its own that was over at its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

from loadgrpc.broker.thresholds import facts_of, set_span, times_of
from loadgrpc.clock import NS_PER_S
from loadgrpc.judge.judging import Judging
from loadgrpc.judge.reading import RunFacts
from loadgrpc.model import Change, CheckedRun, CheckQuery, Run, Summary
from loadgrpc.stats.window import Window


async def check(
    query: CheckQuery,
    run: Run,
    log: list[Change],
    summary: Summary,
    windows: AsyncIterator[Window],
) -> CheckedRun:
    """How a run is judged: one that is over, or an active one as far as its windows go.

    Args:
        query: The thresholds, and the span.
        run: The run as it is shown.
        log: Its changes.
        summary: Its figures.
        windows: Those of the span that are closed, in the order of time.
    """
    judging = Judging(query.thresholds)
    if query.from_ns is not None:
        judging.begin(query.from_ns)
    set_span(judging, run, times_of(log))
    if query.to_ns is not None:
        judging.stop(query.to_ns)
    lengths: Counter[int] = Counter()
    late_hits, edge_s = 0, 0
    async for window in windows:
        lengths[window.length_s] += 1
        late_hits += window.late_data
        judging.add(window)
        edge_s = window.end_s
        judging.close(edge_s, RunFacts())
    facts = facts_of(summary.duration_ns, summary.accounting, summary.coverage)
    over = run.state.final
    if query.from_ns is not None or query.to_ns is not None:
        begin_ns = query.from_ns or run.start_time_ns or edge_s * NS_PER_S
        end_s = edge_s if query.to_ns is None else query.to_ns // NS_PER_S
        facts = replace(facts, duration_ns=max(end_s * NS_PER_S - begin_ns, 0))
        judging.finish(end_s, facts)
    elif over:
        judging.finish(max(-(-(run.end_time_ns or 0) // NS_PER_S), edge_s), facts)
    else:
        judging.close(edge_s, facts)
    return CheckedRun(
        results=judging.results(),
        windows=tuple(sorted(lengths.items())),
        late_hits=late_hits,
        over=over,
    )
