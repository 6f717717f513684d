"""What is known of a run that is to be compared with others: its windows, and its plan.

Rule: pure. What names a run, or says who learns of it, makes no difference; nor does the server
under test, whose change may be what is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from loadgrpc.broker.thresholds import end_of_load_ns, times_of
from loadgrpc.clock import NS_PER_S
from loadgrpc.judge.compare import Compared
from loadgrpc.model import Change, Plan, Run, Scenario, Summary
from loadgrpc.protocol import options
from loadgrpc.protocol.options import Option
from loadgrpc.stats.window import Window

NO_DIFFERENCE: Final = frozenset(
    {"title", "project_name", "user_id", "thresholds", "require_coverage", "observers"}
    | {"bundle", "server_url", "test_dir", "labels", "retry", "unchecked", "seed", "signatures"}
)
"""Options that may differ."""

MOST_SATURATED: Final = 0.02
"""The share of its time in which a generator may have been saturated. A few such seconds widen the
intervals of a comparison, as pauses of the server do; machines of CI have some in every run."""


def compared(run: Run, log: Sequence[Change], summary: Summary, windows: list[Window]) -> Compared:
    """A run that is over."""
    start_ns = run.start_time_ns or run.create_time_ns
    end_ns = end_of_load_ns(run, times_of(log))
    return Compared(
        run_id=run.run_id,
        windows=windows,
        start_ns=start_ns,
        until_ns=start_ns if end_ns is None else end_ns,
        plan=_shown(run.plan),
        troubles=tuple(_troubles(summary)),
    )


def _troubles(summary: Summary) -> Iterator[str]:
    generator = summary.generator
    if generator is not None and generator.saturated_ns > MOST_SATURATED * generator.watched_ns:
        seconds, of = generator.saturated_ns / NS_PER_S, generator.watched_ns / NS_PER_S
        yield f"the generator of its load was saturated for {seconds:.0f} of {of:.0f} s"
    if summary.accounting.lost:
        yield f"{summary.accounting.lost} of its events were lost"


def _shown(plan: Plan) -> Mapping[str, str]:
    """What makes a difference of a plan, as text."""
    found: dict[str, str] = {}
    rows: list[tuple[str, Plan | Scenario, Iterable[Option]]] = [("", plan, options.OF_PLAN)]
    rows += [
        (f"scenario {each.name}: " if each.name else "", each, options.OF_SCENARIO)
        for each in plan.scenarios
    ]
    for where, source, of in rows:
        for row in of:
            value = getattr(source, row.name)
            if row.field not in NO_DIFFERENCE and value:
                shown = row.kind.shown(value) if row.secrets else value
                several = isinstance(shown, tuple)
                found[f"{where}{row.field}"] = ":".join(map(str, shown)) if several else str(shown)
    return found
