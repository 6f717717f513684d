"""What a run came to: its summary, and how it is judged.

Rule: pure. It asks what is known of a run, and changes nothing.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from loadgrpc import model, verdict
from loadgrpc.broker import judgement
from loadgrpc.broker.judgement import PlannedWork
from loadgrpc.broker.part import Key, Part
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.setbacks import lost_parts, not_loaded
from loadgrpc.broker.share import Share, TimeSpan
from loadgrpc.model import AssignmentState, RunState, TestOutcome, UserFixture
from loadgrpc.stats.hits import HitStats
from loadgrpc.stats.planned_times import PlannedTimes

_WEIGHTS: Final = (
    AssignmentState.FINISHED,
    AssignmentState.FINISHED_UNVERIFIED,
    AssignmentState.STARTING,
    AssignmentState.RUNNING,
    AssignmentState.LOAD_FAILED,
    AssignmentState.LOST,
)
"""Which of the states of an agent's parts says most of it: the last one here."""
MAX_CYCLE_PARTS: Final = 1_000
"""With more scenarios, times cycles, the figures of a cycle are those of all together."""
MAX_REASONS: Final = 20
"""Why arrivals were not started: the most frequent ones."""
MAX_LOAD_ERRORS: Final = 20
"""Agents whose load error is in the summary; `state` covers all of them."""


class Done(NamedTuple):
    """What was done of a part."""

    iterations: model.IterationFigures
    users: model.UserFigures


class RunResult:
    """See the module: that of a run, or the figures so far."""

    def __init__(self, run: ActiveRun) -> None:
        self._run = run

    def summary(self, shown: model.Run | None = None) -> model.Summary:
        """The result, or the figures so far, of the run as it is, or as it is `shown`."""
        run = shown or self._run.run
        aggregate = self._run.aggregate
        duration_ns = aggregate.duration_ns(self._run.ahead_ns)
        accounting = self._run.accounting()
        thresholds = self._run.thresholds.results()
        done = done_of(self._run)
        iterations = iterations_of(done.values())
        works = [self._work(run, scenario, done) for scenario in run.plan.scenarios]
        return model.Summary(
            run_id=run.run_id,
            state=run.state,
            reason=run.reason,
            verdict=verdict.decide(self._facts(run, iterations, works, accounting, thresholds)),
            plan=run.plan,
            create_time_ns=run.create_time_ns,
            start_time_ns=run.start_time_ns,
            end_time_ns=run.end_time_ns,
            duration_ns=duration_ns,
            hits=aggregate.hits.figures(duration_ns),
            iterations=iterations,
            planned=self._planned(run, self._run.parts.values(), done),
            names=tuple(aggregate.hits.names(duration_ns)),
            failures=tuple(aggregate.causes.raised(TestOutcome.FAILURE)),
            errors=tuple(aggregate.causes.raised(TestOutcome.ERROR)),
            hit_errors=tuple(aggregate.causes.hit_errors()),
            agents=tuple(self._agents(done)),
            counters=dict(sorted(aggregate.counters.items())),
            accounting=accounting,
            thresholds=thresholds,
            generator=aggregate.generator(self._run.ahead_ns),
            scenarios=tuple(
                model.ScenarioFigures(
                    name=scenario.name,
                    test=scenario.label,
                    hits=aggregate.hits.figures(duration_ns, scenario.name),
                    iterations=work.iterations,
                    users=work.users,
                    planned=self._planned(
                        run,
                        [p for p in self._run.parts.values() if p.key[1] == scenario.name],
                        done,
                    ),
                )
                for scenario, work in zip(run.plan.scenarios, works, strict=True)
                if scenario.name
            ),
            users=_users(done.values()),
            cycles=tuple(self._cycles()),
            output=aggregate.output(),
            data=aggregate.data.figures(),
            tests=tuple(aggregate.tests.figures(run.plan)),
            cases=tuple(aggregate.rules.figures(duration_ns)),
            coverage=aggregate.rules.coverage(),
            sockets=aggregate.sockets.summary(duration_ns),
            measures=aggregate.measures.figures(duration_ns),
            custom_states=aggregate.custom_states.shown(),
            tags=tuple(aggregate.hits.by_tag(duration_ns)),
            attempt=run.attempt,
            attempts=run.attempts,
        )

    def _cycles(self) -> Iterator[model.CycleFigures]:
        """The cycles that have begun, of a plan with several."""
        run, cycles = self._run, self._run.aggregate.cycles
        scenarios = run.run.plan.scenarios
        if run.run.plan.cycles == 1:
            return
        apart = len(scenarios) * run.run.plan.cycles <= MAX_CYCLE_PARTS
        hits = run.aggregate.timeline.cycles()
        for cycle, start_time_ns in enumerate(cycles.starts_ns, 1):
            total, whole = HitStats(), TimeSpan()
            of_each = []
            for scenario in scenarios:
                key = cycle, scenario.name
                stats, span = hits.get(key, HitStats()), cycles.spans.get(key, TimeSpan())
                total.merge(stats)
                whole.merge(span)
                of_each.append(
                    model.CycleScenarioFigures(
                        name=scenario.name,
                        users=self._users_of(scenario, cycle),
                        duration_ns=span.duration_ns,
                        hits=stats.figures(span.duration_ns),
                    )
                )
            yield model.CycleFigures(
                cycle=cycle,
                users=sum(each.users for each in of_each),
                start_time_ns=start_time_ns,
                duration_ns=whole.duration_ns,
                hits=total.figures(whole.duration_ns),
                scenarios=tuple(each for each in of_each if each.name and apart),
            )

    def _planned(
        self, run: model.Run, parts: Iterable[Part], done: Mapping[Key, Done]
    ) -> model.PlannedFigures | None:
        """How iterations with a planned start went; None: none had one."""
        parts = list(parts)
        share = self._run.aggregate.of_parts(part.key for part in parts)
        is_open = any(part.scenario.is_open for part in parts)
        if share.planned is None and not is_open:
            return None
        return replace(
            (share.planned or PlannedTimes()).figures(),
            not_started=self._not_started(parts, done) if run.state.final else (),
            users=sum(users for users, _ in share.pools.values()),
            max_users=sum(most for _, most in share.pools.values()),
        )

    def _not_started(
        self, parts: Iterable[Part], done: Mapping[Key, Done]
    ) -> tuple[tuple[str, int], ...]:
        """Why arrivals of open loads were not started, and how many."""
        missing: Counter[str] = Counter()
        for part in parts:
            if part.scenario.is_open and (count := done[part.key].iterations.not_yet):
                missing[self._why_not_started(part)] += count
        return tuple(missing.most_common(MAX_REASONS))

    def _why_not_started(self, part: Part) -> str:
        if part.state is AssignmentState.LOST:
            return f"agent {part.agent_id} was lost: {part.reason}"
        if self._run.stopping is not None:
            return "the run was stopped while they waited for a user"
        return "no user was free until the end of the stop timeout"

    def _users_of(self, scenario: model.Scenario, cycle: int) -> int:
        """Users that the plan asks for in a cycle, on all agents together: arrivals, for none."""
        if scenario.is_open:
            return 0
        return sum(
            part.scenario.users[cycle - 1]
            for part in self._run.parts.values()
            if part.scenario.name == scenario.name and cycle <= len(part.scenario.users)
        )

    def bare(self, why: str) -> model.Summary:
        """What is left of the result when its figures cannot be made: the state, and why."""
        return model.Summary(
            run_id=self._run.run.run_id,
            state=self._run.run.state,
            reason=self._run.run.reason,
            verdict=verdict.decide(verdict.Facts(not_loaded=self._not_loaded(), incomplete=why)),
            plan=self._run.run.plan,
            create_time_ns=self._run.run.create_time_ns,
            start_time_ns=self._run.run.start_time_ns,
            end_time_ns=self._run.run.end_time_ns,
            attempt=self._run.run.attempt,
            attempts=self._run.run.attempts,
        )

    def _work(
        self, run: model.Run, scenario: model.Scenario, done: Mapping[Key, Done]
    ) -> PlannedWork:
        """What of a scenario's work was done."""
        parts = [part for part in self._run.parts.values() if part.key[1] == scenario.name]
        mine = [done[part.key] for part in parts]
        over = run.state.final
        short = next(filter(None, (part.ended_short(run) for part in parts)), "")
        if not over and scenario.duration_s is not None:
            short = short or f"cycle {self._run.cycle} of {run.plan.cycles} is not over"
        return PlannedWork(
            scenario=scenario.name,
            iterations=iterations_of(mine),
            hits=sum(self._run.aggregate.hits_of_part(part.key) for part in parts),
            users=_users(mine),
            spawn_rate=scenario.spawn_rate,
            duration_s=scenario.duration_s,
            stop_timeout_s=run.plan.stop_timeout_s,
            short=short,
            held_back=next(filter(None, (part.why_held_back() for part in parts)), ""),
            is_open=scenario.is_open,
            not_started=self._not_started(parts, done) if over else (),
            data=tuple(self._run.aggregate.data.of(scenario.name)),
            not_set_up=self._run.aggregate.tests.went_wrong(scenario.name)[UserFixture.SET_UP],
        )

    def _agents(self, done: Mapping[Key, Done]) -> Iterator[model.AgentFigures]:
        """One entry per agent; the first few say why they could not load the test."""
        load_errors = 0
        for agent_id in self._run.run.agent_ids:
            figures = self._agent_figures(self._run.of_agent(agent_id), done)
            load_errors += figures.load_error is not None
            if load_errors > MAX_LOAD_ERRORS:
                figures = replace(figures, load_error=None)
            yield figures

    def _agent_figures(self, parts: list[Part], done: Mapping[Key, Done]) -> model.AgentFigures:
        """What an agent did: of its parts, the one that says most says where it is."""
        part = max(parts, key=lambda each: _WEIGHTS.index(each.state))
        share = self._run.aggregate.of_parts(each.key for each in parts)
        mine = [done[part.key] for part in parts]
        iterations = iterations_of(mine)
        ends_ns = [each.end_time_ns for each in parts if each.end_time_ns is not None]
        return model.AgentFigures(
            agent_id=part.agent_id,
            hostname=part.hostname,
            state=part.state,
            hits=share.hits,
            iterations=iterations.started,
            reason=part.reason,
            load_error=part.load_error,
            generator=share.generator.figures(self._run.ahead_ns.get(part.agent_id, 0)),
            users=_most_users(parts, share),
            end_time_ns=max(ends_ns) if len(ends_ns) == len(parts) else None,
            clock_ahead_ns=self._run.ahead_ns.get(part.agent_id),
            all_users=_users(mine),
            planned_iterations=iterations.planned,
        )

    def _facts(
        self,
        run: model.Run,
        iterations: model.IterationFigures,
        works: list[PlannedWork],
        accounting: model.Accounting,
        thresholds: Sequence[model.ThresholdResult],
    ) -> verdict.Facts:
        aborted = any(each.aborted for each in thresholds)
        stopped = run.state in (RunState.STOPPING, RunState.STOPPED) and not aborted
        remarks = judgement.remarks(works)
        return verdict.Facts(
            unreachable=run.reason if run.state is RunState.EXPIRED else "",
            not_loaded=self._not_loaded(),
            stopped=(run.reason or "stopped before its end") if stopped else "",
            incomplete=next(
                filter(None, self._incomplete(run, works, accounting, aborted=aborted)), ""
            ),
            unmet="; ".join(filter(None, (judgement.unmet(thresholds), self._unmet(run)))),
            failed="; ".join(filter(None, (failed, remarks)))
            if (failed := _failed(iterations) or self._not_torn_down())
            else "",
            remarks=remarks,
        )

    def _unmet(self, run: model.Run) -> str:
        """What the plan requires of the results and does not hold; empty: nothing."""
        required = run.plan.require_coverage
        return judgement.too_little(self._run.aggregate.rules.coverage(), required)

    def _not_torn_down(self) -> str:
        """How many users could not be torn down; empty: none."""
        number = self._run.aggregate.tests.went_wrong()[UserFixture.TEAR_DOWN]
        return f"{number} user{'s' * (number != 1)} could not be torn down" if number else ""

    def _not_loaded(self) -> str:
        return not_loaded(self._run.parts.values())

    def _incomplete(
        self,
        run: model.Run,
        works: list[PlannedWork],
        accounting: model.Accounting,
        *,
        aborted: bool,
    ) -> Iterator[str]:
        """What is missing in the results, the worst first, as sentences.

        What a threshold has stopped (`aborted`) is not missing.
        """
        yield lost_parts(self._run.parts.values())
        if accounting.lost:
            yield f"{accounting.lost} events were lost: {accounting.losses[0].reason}"
        yield from accounting.mismatches
        undone = "" if aborted else judgement.undone(works, over=run.state.final)
        if run.state is RunState.FAILED:
            yield ": ".join(filter(None, (run.reason, undone)))
        if accounting.rejected:
            all_of_them = accounting.rejected + accounting.committed
            why = "".join(f": {message}" for message in accounting.rejections[:1])
            yield f"{accounting.rejected} of {all_of_them} events were rejected{why}"
        if undone:
            begun = not run.state.waiting and run.state is not RunState.STARTING
            yield undone if begun else f"it has not begun: {undone}"


def done_of(run: ActiveRun) -> dict[Key, Done]:
    """What was done of each part."""
    done = {}
    for key, part in run.parts.items():
        came = run.aggregate.iterations(key)
        if part.scenario.is_open:
            stopped = run.stopping is not None
            iterations = part.with_arrivals(came, run.aggregate.arrivals(key), stopped=stopped)
        else:
            iterations = part.with_plan(came)
        done[key] = Done(iterations, part.user_figures(iterations.started))
    return done


def iterations_of(done: Iterable[Done]) -> model.IterationFigures:
    """The iterations of some parts together."""
    return model.IterationFigures.total(each.iterations for each in done)


def _users(done: Iterable[Done]) -> model.UserFigures:
    """The users of some parts together."""
    return model.UserFigures.total(each.users for each in done)


def _most_users(parts: list[Part], share: Share) -> int:
    """The users that the parts of an agent run in the cycle with most of them.

    Of arrivals, those that they have had: what they might have is only a bound.
    """
    closed = [part for part in parts if not part.scenario.is_open]
    users = [(part.users,) if part.wanted else part.scenario.users for part in closed]
    planned = max(map(sum, itertools.zip_longest(*users, fillvalue=0)), default=0)
    return planned + sum(had for had, _ in share.pools.values())


def _failed(iterations: model.IterationFigures) -> str:
    wrong = iterations.failure + iterations.error
    if not wrong:
        return ""
    kinds = [
        f"{count} {name}{'s' if count > 1 else ''}"
        for count, name in ((iterations.failure, "failure"), (iterations.error, "error"))
        if count
    ]
    return f"{wrong} of {iterations.started} iterations went wrong ({', '.join(kinds)})"
