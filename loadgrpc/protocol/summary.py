"""The summary of a run, as its message and back; it comes from a broker of ours."""

from __future__ import annotations

from loadgrpc import model
from loadgrpc.protocol import measures, plans
from loadgrpc.protocol.cases import (
    case_from_proto,
    case_to_proto,
    coverage_from_proto,
    coverage_to_proto,
)
from loadgrpc.protocol.custom_states import reported_from_proto, reported_to_proto
from loadgrpc.protocol.events import exception_from_proto, exception_to_proto
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
    planned_of,
    users_from_proto,
    users_to_proto,
)
from loadgrpc.protocol.fitting import fit
from loadgrpc.protocol.notifications import (
    is_known,
    notification_from_proto,
    notification_to_proto,
)
from loadgrpc.protocol.runs import (
    attempt_from_proto,
    attempt_to_proto,
    verdict_from_proto,
    verdict_to_proto,
)
from loadgrpc.protocol.sockets import summary_sockets_from_proto, summary_sockets_to_proto
from loadgrpc.protocol.thresholds import threshold_result_from_proto, threshold_result_to_proto
from loadgrpc.protocol.timeline import cycle_from_proto, cycle_to_proto
from loadgrpc.protocol.times import (
    duration_from_proto,
    duration_to_proto,
    optional_timestamp,
    signed_from_proto,
    signed_to_proto,
    time_or_none,
    timestamp_from_proto,
    timestamp_to_proto,
)
from loadgrpc.protocol.troubles import troubles_from_proto, troubles_to_proto
from loadgrpc.v1 import run_pb2


def summary_to_proto(summary: model.Summary) -> run_pb2.RunSummary:
    """A summary as its message."""
    accounting = summary.accounting
    return fit(
        run_pb2.RunSummary,
        run_id=summary.run_id,
        state=int(summary.state),
        reason=summary.reason,
        verdict=verdict_to_proto(summary.verdict),
        plan=plans.shown_plan(summary.plan),
        create_time=timestamp_to_proto(summary.create_time_ns),
        start_time=optional_timestamp(summary.start_time_ns),
        end_time=optional_timestamp(summary.end_time_ns),
        duration=duration_to_proto(summary.duration_ns),
        hits=hits_to_proto(summary.hits),
        iterations=iterations_to_proto(summary.iterations, summary.planned),
        names=[name_to_proto(entry) for entry in summary.names],
        failures=[_group_to_proto(group) for group in summary.failures],
        errors=[_group_to_proto(group) for group in summary.errors],
        hit_errors=[
            fit(
                run_pb2.HitErrorGroup,
                count=group.count,
                name=group.name,
                method=group.method,
                error=int(group.error),
                error_message=group.error_message,
            )
            for group in summary.hit_errors
        ],
        agents=[
            fit(
                run_pb2.AgentFigures,
                agent_id=agent.agent_id,
                hostname=agent.hostname,
                hits=agent.hits,
                iterations=agent.iterations,
                state=int(agent.state),
                reason=agent.reason,
                load_error=exception_to_proto(agent.load_error) if agent.load_error else None,
                generator=generator_to_proto(agent.generator) if agent.generator else None,
                users=agent.users,
                end_time=optional_timestamp(agent.end_time_ns),
                clock_offset=(
                    signed_to_proto(agent.clock_ahead_ns)
                    if agent.clock_ahead_ns is not None
                    else None
                ),
                all_users=users_to_proto(agent.all_users),
                planned_iterations=agent.planned_iterations,
            )
            for agent in summary.agents
        ],
        counters=summary.counters,
        accounting=fit(
            run_pb2.Accounting,
            committed=accounting.committed,
            duplicates=accounting.duplicates,
            rejected=accounting.rejected,
            lost=accounting.lost,
            losses=[
                fit(
                    run_pb2.Loss,
                    reason=loss.reason,
                    count=loss.count,
                    at_least=loss.at_least,
                    agent_id=loss.agent_id,
                    hits=loss.hits,
                )
                for loss in accounting.losses
            ],
            mismatches=accounting.mismatches,
            rejections=accounting.rejections,
        ),
        generator=generator_to_proto(summary.generator) if summary.generator else None,
        scenarios=[
            run_pb2.ScenarioFigures(
                name=entry.name,
                test=entry.test,
                hits=hits_to_proto(entry.hits),
                iterations=iterations_to_proto(entry.iterations, entry.planned),
                users=users_to_proto(entry.users),
            )
            for entry in summary.scenarios
        ],
        users=users_to_proto(summary.users),
        cycles=[cycle_to_proto(each) for each in summary.cycles],
        thresholds=[threshold_result_to_proto(each) for each in summary.thresholds],
        troubles=troubles_to_proto(summary.troubles),
        output=_output_to_proto(summary.output),
        data=[fit(run_pb2.DataFigures, **vars(each)) for each in summary.data],
        cases=map(case_to_proto, summary.cases),
        coverage=coverage_to_proto(summary.coverage) if summary.coverage else None,
        tests=map(_test_to_proto, summary.tests),
        sockets=summary_sockets_to_proto(summary.sockets) if summary.sockets else None,
        **measures.as_fields(summary.measures),
        tags=[
            fit(
                run_pb2.TagFigures,
                name=each.name,
                value=each.value,
                scenario=each.scenario,
                hits=hits_to_proto(each.hits),
            )
            for each in summary.tags
        ],
        notifications=[notification_to_proto(each) for each in summary.notifications],
        custom_states=map(reported_to_proto, summary.custom_states),
        attempt=summary.attempt,
        attempts=map(attempt_to_proto, summary.attempts),
    )


def summary_from_proto(message: run_pb2.RunSummary) -> model.Summary:
    """A summary from its message."""
    return model.Summary(
        run_id=message.run_id,
        state=model.RunState(message.state),
        reason=message.reason,
        verdict=verdict_from_proto(message.verdict),
        plan=plans.checked_plan(message.plan),
        create_time_ns=timestamp_from_proto(message.create_time),
        start_time_ns=time_or_none(message, "start_time"),
        end_time_ns=time_or_none(message, "end_time"),
        duration_ns=duration_from_proto(message.duration),
        hits=hits_from_proto(message.hits),
        iterations=iterations_from_proto(message.iterations),
        planned=planned_of(message.iterations),
        names=tuple(name_from_proto(entry) for entry in message.names),
        failures=tuple(_group_from_proto(group) for group in message.failures),
        errors=tuple(_group_from_proto(group) for group in message.errors),
        hit_errors=tuple(
            model.HitErrorGroup(
                count=group.count,
                name=group.name,
                method=group.method,
                error=model.HitError(group.error),
                error_message=group.error_message,
            )
            for group in message.hit_errors
        ),
        agents=tuple(
            model.AgentFigures(
                agent_id=agent.agent_id,
                hostname=agent.hostname,
                hits=agent.hits,
                iterations=agent.iterations,
                state=model.AssignmentState(agent.state),
                reason=agent.reason,
                load_error=(
                    exception_from_proto(agent.load_error) if agent.HasField("load_error") else None
                ),
                generator=generator_from_proto(agent.generator)
                if agent.HasField("generator")
                else None,
                users=agent.users,
                end_time_ns=time_or_none(agent, "end_time"),
                clock_ahead_ns=(
                    signed_from_proto(agent.clock_offset)
                    if agent.HasField("clock_offset")
                    else None
                ),
                all_users=users_from_proto(agent.all_users),
                planned_iterations=agent.planned_iterations,
            )
            for agent in message.agents
        ),
        counters=dict(message.counters),
        accounting=model.Accounting(
            committed=message.accounting.committed,
            duplicates=message.accounting.duplicates,
            rejected=message.accounting.rejected,
            losses=tuple(
                model.Loss(
                    reason=loss.reason,
                    count=loss.count,
                    at_least=loss.at_least,
                    agent_id=loss.agent_id,
                    hits=loss.hits,
                )
                for loss in message.accounting.losses
            ),
            mismatches=tuple(message.accounting.mismatches),
            rejections=tuple(message.accounting.rejections),
        ),
        generator=generator_from_proto(message.generator)
        if message.HasField("generator")
        else None,
        scenarios=tuple(
            model.ScenarioFigures(
                name=entry.name,
                test=entry.test,
                hits=hits_from_proto(entry.hits),
                iterations=iterations_from_proto(entry.iterations),
                users=users_from_proto(entry.users),
                planned=planned_of(entry.iterations),
            )
            for entry in message.scenarios
        ),
        users=users_from_proto(message.users),
        cycles=tuple(cycle_from_proto(each) for each in message.cycles),
        thresholds=tuple(map(threshold_result_from_proto, message.thresholds)),
        troubles=troubles_from_proto(message.troubles),
        output=model.OutputFigures(lines=message.output.lines, left_out=message.output.left_out),
        data=tuple(map(_data_from_proto, message.data)),
        cases=tuple(map(case_from_proto, message.cases)),
        coverage=coverage_from_proto(message.coverage) if message.HasField("coverage") else None,
        tests=tuple(map(_test_from_proto, message.tests)),
        sockets=(
            summary_sockets_from_proto(message.sockets) if message.HasField("sockets") else None
        ),
        measures=measures.of_fields(message),
        tags=tuple(
            model.TagFigures(
                name=each.name,
                value=each.value,
                scenario=each.scenario,
                hits=hits_from_proto(each.hits),
            )
            for each in message.tags
        ),
        notifications=tuple(
            notification_from_proto(each) for each in message.notifications if is_known(each)
        ),
        custom_states=tuple(map(reported_from_proto, message.custom_states)),
        attempt=message.attempt or 1,
        attempts=tuple(map(attempt_from_proto, message.attempts)),
    )


def _output_to_proto(output: model.OutputFigures) -> run_pb2.OutputFigures | None:
    if output == model.OutputFigures():
        return None
    return fit(run_pb2.OutputFigures, lines=output.lines, left_out=output.left_out)


def _data_from_proto(message: run_pb2.DataFigures) -> model.DataFigures:
    fields = {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}
    return model.DataFigures(**fields | {"mode": model.DataMode(message.mode)})


def _test_to_proto(test: model.TestFigures) -> run_pb2.TestFigures:
    time = test.iteration_time
    return fit(
        run_pb2.TestFigures,
        test=test.test,
        scenario=test.scenario,
        iterations=iterations_to_proto(test.iterations),
        iteration_time=elapsed_to_proto(time) if time is not None else None,
        user_fixture=int(test.fixture or 0),
        errors=map(_group_to_proto, test.errors),
    )


def _test_from_proto(message: run_pb2.TestFigures) -> model.TestFigures:
    has_time = message.HasField("iteration_time")
    return model.TestFigures(
        test=message.test,
        scenario=message.scenario,
        iterations=iterations_from_proto(message.iterations),
        iteration_time=elapsed_from_proto(message.iteration_time) if has_time else None,
        fixture=model.UserFixture(message.user_fixture) if message.user_fixture else None,
        errors=tuple(map(_group_from_proto, message.errors)),
    )


def _group_to_proto(group: model.IterationErrorGroup) -> run_pb2.IterationErrorGroup:
    return fit(
        run_pb2.IterationErrorGroup,
        count=group.count,
        test=group.test,
        exception=exception_to_proto(group.exception),
    )


def _group_from_proto(message: run_pb2.IterationErrorGroup) -> model.IterationErrorGroup:
    return model.IterationErrorGroup(
        count=message.count,
        test=message.test,
        exception=exception_from_proto(message.exception),
    )
