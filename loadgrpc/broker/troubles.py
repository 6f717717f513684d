"""Current problems of a run: agents that are gone, a store that is away, silent runners.

Rule: pure. What is known and the time are handed in; the result appears in figures, in the run
and in its summary, so that everybody sees the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from loadgrpc.broker.inbox import Source
from loadgrpc.broker.part import Part
from loadgrpc.broker.roster import Roster
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.setbacks import utc
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import AssignmentState, RunState, Trouble, TroubleKind
from loadgrpc.text import counted

SILENT_S: Final = 10
"""A runner with users that reports nothing for this long is a problem: ours reports each second."""
MAX_TROUBLES: Final = 20


@dataclass(frozen=True)
class StoreTrouble:
    """Why the store accepts no writes, or cannot be read, and since when (wall clock)."""

    words: str
    since_ns: int


@dataclass(frozen=True)
class AsOf:
    """Now, by both clocks, and when the broker started (wall clock)."""

    wall_ns: int
    monotonic_ns: int
    broker_start_ns: int


def troubles_of(
    run: ActiveRun, roster: Roster, store: StoreTrouble | None, now: AsOf
) -> tuple[Trouble, ...]:
    """What is wrong with a run, the worst first."""
    found = [*_lost(run, roster), *_unreachable(run, roster, now)]
    if store is not None:
        found.append(
            Trouble(
                kind=TroubleKind.STORE_AWAY,
                message=f"what is reported has waited for the store for "
                f"{_seconds(now.wall_ns - store.since_ns)}: {store.words}",
                since_ns=store.since_ns,
            )
        )
    away = {trouble.agent_id for trouble in found}
    found += _silent(run, away, now)
    found += _held_back(run, now)
    found += _preparing(run, now)
    if len(found) > MAX_TROUBLES:
        last = found[MAX_TROUBLES - 1]
        more = len(found) - MAX_TROUBLES
        found = found[:MAX_TROUBLES]
        found[-1] = replace(last, message=f"{last.message} (and {more} more like this)")
    return tuple(found)


def _lost(run: ActiveRun, roster: Roster) -> Iterator[Trouble]:
    for agent_id in run.run.agent_ids:
        parts = [p for p in run.of_agent(agent_id) if p.state is AssignmentState.LOST]
        if parts:
            since_ns = min(part.end_time_ns or 0 for part in parts)
            at = f" at {utc(since_ns)}" if since_ns else ""
            who = (
                f"{_load_of(parts)} of agent {agent_id} were lost"  # their runner, not the agent
                if agent_id in roster
                else f"agent {agent_id} ({_load_of(parts)}) was lost"
            )
            yield Trouble(
                kind=TroubleKind.AGENT_LOST,
                agent_id=agent_id,
                message=f"{who}{at}: {parts[0].reason}",
                since_ns=since_ns,
            )


def _unreachable(run: ActiveRun, roster: Roster, now: AsOf) -> Iterator[Trouble]:
    for agent_id in run.run.agent_ids:
        parts = [part for part in run.of_agent(agent_id) if not part.state.final]
        if not parts or agent_id not in roster:
            continue
        member = roster[agent_id]
        if member.reachable(now.monotonic_ns):
            continue
        silent_ns = now.monotonic_ns - member.last_seen_ns
        left_ns = max(round(roster.lease_s * NS_PER_S) - silent_ns, 0)
        yield Trouble(
            kind=TroubleKind.AGENT_UNREACHABLE,
            agent_id=agent_id,
            message=f"agent {agent_id} ({_load_of(parts)}) is unreachable, not heard from for "
            f"{_seconds(silent_ns)}: if it does not come back it is lost in {_seconds(left_ns)}",
            since_ns=now.wall_ns - silent_ns,
            until_ns=now.wall_ns + left_ns,
        )


def _silent(run: ActiveRun, away: set[str], now: AsOf) -> Iterator[Trouble]:
    """Runners that should have users, and report nothing, counted by agent."""
    if run.run.state is not RunState.RUNNING:
        return
    floor_ns = max(run.cycle_start_time_ns, now.broker_start_ns)
    silent_ns = now.wall_ns - SILENT_S * NS_PER_S
    if floor_ns > silent_ns:
        return
    since: dict[str, int] = {}
    count: Counter[str] = Counter()
    names: dict[str, str] = {}
    for part in run.live_parts():
        if part.agent_id in away:
            continue
        for source in part.sources.values():
            if source.heard_ns > silent_ns or not _should_report(run, part, source):
                continue
            heard_ns = max(source.heard_ns, floor_ns)
            count[part.agent_id] += 1
            since[part.agent_id] = min(heard_ns, since.get(part.agent_id, heard_ns))
            names[part.agent_id] = source.source_id.runner_id
    for agent_id, runners in count.items():
        who = f"runner {names[agent_id]} has" if runners == 1 else f"{runners} runners have"
        yield Trouble(
            kind=TroubleKind.SOURCE_SILENT,
            agent_id=agent_id,
            message=f"{who} reported nothing for {_seconds(now.wall_ns - since[agent_id])} "
            f"on agent {agent_id}",
            since_ns=since[agent_id],
        )


def _held_back(run: ActiveRun, now: AsOf) -> Iterator[Trouble]:
    """Users that wait for others to end, where each is a process."""
    for part in run.live_parts():
        held = part.held_back
        if held.waiting:
            users = f"{held.waiting} user{' waits' if held.waiting == 1 else 's wait'}"
            lasted = _seconds(now.wall_ns - part.waiting_since_ns)
            yield Trouble(
                kind=TroubleKind.USERS_WAITING,
                agent_id=part.agent_id,
                message=f"{users} for others to end, for {lasted}: "
                f"agent {part.agent_id} runs at most {held.most} processes at once "
                "(--max-processes)",
                since_ns=part.waiting_since_ns,
            )


def _preparing(run: ActiveRun, now: AsOf) -> Iterator[Trouble]:
    """Agents that cannot start runners yet: the one that has been at it longest, and how many."""
    parts = {part.agent_id: part for part in run.live_parts() if part.doing}
    if not parts:
        return
    slowest = min(parts.values(), key=lambda part: part.doing_since_ns)
    others = f", and {len(parts) - 1} more get ready" if len(parts) > 1 else ""
    lasted = _seconds(now.wall_ns - slowest.doing_since_ns)
    yield Trouble(
        kind=TroubleKind.PREPARING,
        agent_id=slowest.agent_id,
        message=f"agent {slowest.agent_id} is {slowest.doing}, for {lasted}{others}",
        since_ns=slowest.doing_since_ns,
    )


def _should_report(run: ActiveRun, part: Part, source: Source) -> bool:
    """Whether a runner has users; one that waits for a cycle or has ended has none."""
    if source.ledger.finished or source.source_id.runner_id in part.ended:
        return False
    return not source.barrier or source.ready_for <= run.cycle


def _load_of(parts: list[Part]) -> str:
    """Their users, and whether they have arrivals: nobody knows how many users those need."""
    closed = [part.users for part in parts if not part.scenario.is_open]
    told = [counted(sum(closed), "user")] if closed else []
    return " and ".join(told + ["arrivals"] * (len(closed) < len(parts)))


def _seconds(ns: int) -> str:
    return f"{max(ns, 0) // NS_PER_S} s"
