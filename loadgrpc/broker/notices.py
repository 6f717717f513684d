"""What observers are notified of: a change of a run, in a sentence and as values.

Rule: pure, and made from what is stored, so that it is the same when it is made again.
"""

from __future__ import annotations

from typing import Final

from loadgrpc import verdict
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Change, ObserverEvent, Run, Summary, hyphened
from loadgrpc.observers import Notice
from loadgrpc.protocol.document import as_document
from loadgrpc.protocol.summary import summary_to_proto
from loadgrpc.secrets import masked
from loadgrpc.text import one_line

_LISTS: Final = (
    *("names", "failures", "errors", "hit_errors", "agents", "counters"),
    *("scenarios", "cycles", "troubles", "notifications"),
)
"""Of a summary, what may be long: whoever wants it asks for it."""
MAX_LABEL: Final = 200
"""Characters of what a run is called, in a sentence."""


def notice_of(
    run: Run, change: Change, event: ObserverEvent, summary: Summary | None, broker: str
) -> Notice:
    """What to notify observers of. `broker`: where it can be asked for more; empty: nowhere."""
    over = change.state.final
    ended = summary if over else None
    judged = ended.verdict if ended is not None else None
    look = _look(run.run_id, broker, over=over)
    return Notice(
        notice_id=f"{run.run_id}/{change.sequence}",
        event=hyphened(event.name),
        time_s=(change.time_ns or 0) / NS_PER_S,
        run_id=run.run_id,
        title=masked(run.plan.title),
        label=_label(run),
        state=change.state.name,
        reason=one_line(change.reason),
        text=f"{_sentence(run, change, event, ended)}; run {run.run_id}" + f"; {look}" * bool(look),
        look=look,
        agent_id=change.agent_id,
        exit_code=judged.exit_code if judged is not None else None,
        verdict=one_line(judged.reason) if judged is not None else "",
        summary=_document(ended) if ended is not None else {},
    )


def _look(run_id: str, broker: str, *, over: bool) -> str:
    command = "show" if over else "attach"
    return f"loadgrpc {command} {run_id} -b {broker}" if broker else ""


def _label(run: Run) -> str:
    return masked(one_line(run.plan.label))


def _sentence(run: Run, change: Change, event: ObserverEvent, summary: Summary | None) -> str:
    label = _label(run)
    if len(label) > MAX_LABEL:
        label = f"{label[: MAX_LABEL - 1]}…"
    reason = one_line(change.reason)
    match event:
        case ObserverEvent.START | ObserverEvent.BEFORE_START:
            plan = run.plan
            agents = f"{plan.agents} agent{'' if plan.agents == 1 else 's'}"
            users = ":".join(map(str, plan.closed_users))
            load = [f"{users} user{'' if users == '1' else 's'}"] * bool(users)
            load += ["arrivals"] * plan.has_arrivals
            how = "began" if event is ObserverEvent.START else "is about to start"
            return f"{label} {how}, with {' and '.join(load)} on {agents}"
        case ObserverEvent.AGENT_LOST:
            return f"{label} lost agent {change.agent_id}: {reason}".removesuffix(": ")
    if summary is not None:
        return f"{label}: {_outcome(summary)}: {_figures(summary)}"
    return f"{label} is {change.state.name}: {reason}".removesuffix(": ")


def _outcome(summary: Summary) -> str:
    code, reason = summary.verdict.exit_code, one_line(summary.verdict.reason)
    state = summary.state.name.lower()
    return reason or "passed" if code == verdict.PASSED else f"{state}, exit {code}, {reason}"


def _figures(summary: Summary) -> str:
    hits, iterations = summary.hits, summary.iterations
    told = f"{hits.count} hits, {hits.rate:.1f}/s, "
    if hits.count:
        told += f"p95 {hits.elapsed.p95_ns / 1e6:.1f} ms, "
    broken = iterations.failure + iterations.error
    return (
        f"{told}{hits.failed} failed; {iterations.started} iterations, {broken} failed; "
        f"{summary.duration_ns / NS_PER_S:.1f} s"
    )


def _document(summary: Summary) -> dict[str, object]:
    message = summary_to_proto(summary)
    for name in _LISTS:
        message.ClearField(name)
    message.plan.ClearField("observers")
    for name in ("losses", "mismatches", "rejections"):
        message.accounting.ClearField(name)
    return as_document(message)
