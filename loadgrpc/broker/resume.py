"""What a broker stores of an active run, so that the next broker can continue it.

Rule: it holds nothing that follows from the plan, from the stored sources or from the stored
batches. It is small, changes when a part or a cycle does, and is written before anybody learns of
the change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

from loadgrpc.broker.changes import ChangeLog
from loadgrpc.broker.inbox import Source
from loadgrpc.broker.ledger import Ledger, Lost
from loadgrpc.broker.part import Part
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.split import assignments
from loadgrpc.model import AssignmentState, ExceptionInfo, Run, StopMode
from loadgrpc.protocol.fleet import HeldBack, Registration
from loadgrpc.protocol.produced import Produced
from loadgrpc.store import EndRecord, SourceProgress

_MACHINE: Final = ("hostname", "pid", "version", "cores")
"""What is kept of who an agent is."""


def to_bytes(run: ActiveRun) -> bytes:
    """Where the parts of a run are."""
    head = json.dumps(
        {
            "cycle": run.cycle,
            "cycle_starts_ns": run.cycle_starts_ns if run.cycle else [],
            "stopping": run.stopping.name if run.stopping else None,
            "ahead_ns": run.ahead_ns,
            "machines": {
                agent_id: {name: getattr(machine, name) for name in _MACHINE}
                for agent_id, machine in run.machines.items()
            },
        }
    )
    return f'{head[:-1]}, "parts": [{", ".join(map(_kept, run.parts.values()))}]}}'.encode()


def _kept(part: Part) -> str:
    """A part as text. It is rebuilt only if it has changed: a run may have thousands."""
    now = (
        part.hostname,
        part.state,
        part.reason,
        part.load_error,
        part.failed,
        part.end_time_ns,
        len(part.mismatches),  # these only grow
        (part.held_back.total, part.held_back.most),
    )
    if part.kept is None or part.kept[0] != now:
        part.kept = now, json.dumps(_state(part))
    return part.kept[1]


def _state(part: Part) -> dict[str, Any]:
    return {
        "agent_id": part.agent_id,
        "scenario": part.scenario.name,
        "hostname": part.hostname,
        "state": part.state.name,
        "reason": part.reason,
        "load_error": asdict(part.load_error) if part.load_error else None,
        "failed": part.failed,
        "end_time_ns": part.end_time_ns,
        "mismatches": part.mismatches,
        "held_back": [part.held_back.total, part.held_back.most],
    }


def from_bytes(
    stored: Run,
    request_id: str,
    kept: bytes | None,
    *,
    sources: list[SourceProgress],
    log: ChangeLog,
    ends: Iterable[EndRecord],
) -> ActiveRun:
    """A run as it was kept, without its figures."""
    state: dict[str, Any] = json.loads(kept) if kept else {"parts": []}
    states = {(each["agent_id"], each["scenario"]): each for each in state["parts"]}
    parts = [
        Part(assignment, "")
        for assignment in assignments(stored.plan, stored.attempt_id, stored.agent_ids)
    ]
    changed = log.loads()
    for part in parts:
        part.change_load(changed.get(part.scenario.name, ()))
    run = ActiveRun(stored, parts, request_id=request_id, log=log)
    run.resumed = True
    if kept:
        run.cycle = state["cycle"]
        # A loadgrpc before this one kept only when the last cycle was released.
        before = [state.get("cycle_start_time_ns", 0)] * run.cycle
        run.cycle_starts_ns.extend(state.get("cycle_starts_ns", before))
        run.stopping = StopMode[state["stopping"]] if state["stopping"] else None
        run.ahead_ns = state["ahead_ns"]
        run.machines = {
            agent_id: Registration(agent_id=agent_id, **machine)
            for agent_id, machine in state.get("machines", {}).items()
        }
    for part in parts:
        if part.key in states:
            _set_state(part, states[part.key])
            _take_ends(run, part, states[part.key])
    for end in ends:
        part = run.parts[end.agent_id, end.scenario]
        part.ended.add(end.runner_id)
        if end.produced is not None:
            part.produced[end.runner_id] = Produced(*end.produced)
    for progress in sources:
        part = run.parts[progress.source.agent_id, progress.scenario]
        run.add_source(part, _source(progress))
    for part in parts:
        part.unsure = part.state is AssignmentState.STARTING and not part.sources
    return run


def _set_state(part: Part, kept: dict[str, Any]) -> None:
    part.hostname = kept["hostname"]
    part.state = AssignmentState[kept["state"]]
    part.reason = kept["reason"]
    part.load_error = ExceptionInfo(**kept["load_error"]) if kept["load_error"] else None
    part.failed = kept["failed"]
    part.end_time_ns = kept["end_time_ns"]
    part.mismatches = kept["mismatches"]
    part.held_back = HeldBack(0, *kept.get("held_back", (0, 0)))


def _take_ends(run: ActiveRun, part: Part, kept: dict[str, Any]) -> None:
    """Runners that have ended, as a loadgrpc before this one kept them: with the part."""
    produced = kept.get("produced", {})
    for runner_id in kept.get("ended", ()):
        said = Produced(*produced[runner_id]) if runner_id in produced else None
        part.ended.add(runner_id)
        if said is not None:
            part.produced[runner_id] = said
        run.ends[*part.key, runner_id] = EndRecord(*part.key, runner_id, said)


def _source(progress: SourceProgress) -> Source:
    ledger = Ledger(
        received=progress.committed_sequence,
        rejected=progress.rejected,
        duplicates=progress.duplicates,
        skipped={reason: Lost(*lost) for reason, lost in progress.losses.items()},
        finished=progress.finished,
    )
    # Its streams ended with the broker before this one: any epoch is a new one.
    return Source(progress.source, progress.scenario, ledger=ledger, stored=ledger.copy())
