"""The agents of a run, and whether the processes that made the load kept up with it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from loadgrpc.cli.figures import NONE, duration, moment, percent, span
from loadgrpc.cli.hit_tables import more
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import text_table
from loadgrpc.cli.went_wrong import on_agents
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import (
    AgentFigures,
    AssignmentState,
    GeneratorFigures,
    Saturation,
    Summary,
)
from loadgrpc.text import counted, one_line

MAX_AGENTS: Final = 10
"""Agents shown, unless verbose; those in trouble first."""
_GOOD_STATES: Final = (
    AssignmentState.STARTING,
    AssignmentState.RUNNING,
    AssignmentState.FINISHED,
    AssignmentState.FINISHED_UNVERIFIED,
)


def generator_figures(figures: GeneratorFigures) -> list[str]:
    """How well the processes that generated the load kept up, as far as they measured it."""
    told = []
    if figures.worst_lag_end_ns is not None:  # it was measured
        worst = duration(figures.worst_lag_ns)
        told.append(f"lag p99 {duration(figures.lag.p99_ns)} (worst second {worst})")
    if figures.cpu and figures.watched_ns >= NS_PER_S:
        worst = percent(figures.worst_cpu, 1)
        told.append(f"CPU {percent(figures.cpu, 1)} (worst second {worst})")
    if told and figures.gc_pauses:
        told.append(f"GC {duration(figures.gc_ns)} (longest {duration(figures.gc_max_ns)})")
    return told


def agent_table(agents: Sequence[AgentFigures], *, verbose: bool, width: int) -> list[Line]:
    """What each agent did, if there are several or something is wrong."""
    fine = all(agent.state in _GOOD_STATES and not agent.reason for agent in agents)
    if not agents or (len(agents) == 1 and fine and not verbose):
        return []
    troubled_first = sorted(agents, key=lambda agent: agent.state in _GOOD_STATES)
    shown = agents if verbose or len(agents) <= MAX_AGENTS else troubled_first[:MAX_AGENTS]
    headings = ["Agents", "host", "state", "users", "hits", "iterations"]
    rows = [
        [
            one_line(agent.agent_id),
            one_line(agent.hostname),
            agent.state.name.lower().replace("_", " "),
            _of(agent.all_users.started, agent.all_users.planned)
            if agent.all_users.missing
            else str(agent.users or NONE),
            str(agent.hits),
            _of(agent.iterations, agent.planned_iterations),
        ]
        for agent in shown
    ]
    return [
        *text_table(headings, rows, width),
        *more(len(agents) - len(shown), "agent"),
        *(
            Line(f"  {_what_became_of(agent)}: {one_line(agent.reason)}", Style.WARNING)
            for agent in shown
            if agent.reason
        ),
        *(
            Line(f"  {one_line(agent.agent_id)}: {_clock(agent.clock_ahead_ns)}")
            for agent in shown
            if agent.clock_ahead_ns is not None and abs(agent.clock_ahead_ns) >= NS_PER_S
        ),
    ]


def _of(started: int, planned: int) -> str:
    """`8 of 10`, or `10`."""
    return f"{started} of {planned}" if started < planned else str(started)


def _clock(ahead_ns: int) -> str:
    how = "ahead of" if ahead_ns > 0 else "behind"
    far = span(round(abs(ahead_ns) / NS_PER_S))
    return f"its clock is {far} {how} the broker's (corrected for)"


def _what_became_of(agent: AgentFigures) -> str:
    """Of an agent that was lost: how many users with it, and from when on."""
    name = one_line(agent.agent_id)
    if agent.state is not AssignmentState.LOST:
        return name
    at = f" at {moment(agent.end_time_ns)}" if agent.end_time_ns is not None else ""
    return f"{name} ({counted(agent.users, 'user')}) was lost{at}"


def saturated(summary: Summary, width: int) -> list[Line]:
    """Why the processes that generated the load did not keep up with it, and what helps."""
    figures = summary.generator
    if figures is None or figures.cause is None:
        return []
    late = [one_line(a.agent_id) for a in summary.agents if a.generator and a.generator.saturated]
    where = on_agents(late, len(summary.agents))
    how_long = f"for {duration(figures.saturated_ns)} of {duration(figures.watched_ns)}"
    doubtful = "times may be too long, by up to its lag"
    if figures.cause is Saturation.MACHINE_BUSY:
        others = f"other processes used up to {percent(figures.worst_other_cpu, 1)} of it"
        if figures.worst_steal:
            others += f", a hypervisor took away up to {percent(figures.worst_steal, 1)}"
        text = (
            f"The machine was busy: {how_long} the load generator had to wait for a"
            f" processor{where}; {others}. Rates of that time may be too low, and {doubtful}."
            " This says nothing about the load: run it on a machine that has cores to spare."
        )
    elif figures.cause is Saturation.AT_LIMIT:
        text = (
            f"Saturated: {how_long} the load generator was at its limit{where}. The rate of that"
            f" time is its own, and {doubtful}. Use more processes or agents, fewer users, or a"
            " spawn rate."
        )
    else:
        text = (
            f"Held up: {how_long} the load generator noticed answers late, though it was not at"
            f" its limit{where}. Rates of that time may be too low, and {doubtful}. A call that"
            " blocks, or computes for long, holds up all users of its process, and so do many users"
            " that start at once: use more processes, or a spawn rate."
        )
    return [Line(line, Style.WARNING) for line in textwrap.wrap(text, width)]
