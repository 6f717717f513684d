"""What agents and runners have to do, as messages and back.

Rule: an assignment contains its whole plan, and our own programs read only that. The other fields
of the messages repeat it for runners that read no plan; no field is copied by name.
"""

from __future__ import annotations

from dataclasses import replace

from loadgrpc import model
from loadgrpc.protocol import decks, loads, plans
from loadgrpc.protocol.times import seconds_to_proto
from loadgrpc.v1 import fleet_pb2, run_pb2, runner_pb2


def assignment_to_proto(assignment: model.Assignment) -> runner_pb2.Assignment:
    """An assignment as its message."""
    plan = plans.plan_to_proto(assignment.plan)
    message = runner_pb2.Assignment(
        run_id=assignment.run_id,
        agent_id=assignment.agent_id,
        scenario=assignment.scenario.name,
        user=assignment.user,
        user_index=assignment.index,
        first_cycle=assignment.first_cycle,
        plan=plan,
        python_path=assignment.python_path,
    )
    if (place := assignment.placement) is not None:
        message.placement.CopyFrom(runner_pb2.Placement(**vars(place)))
    _repeat(plan, message)
    if assignment.scenario.load is not None:
        del message.stages[:]
        loads.put_stages(assignment.scenario.load, message.stages)
    for change in assignment.load_changes:
        loads.put_change(change, message.load_changes)
    if (fed := assignment.scenario.cases) is not None:
        message.deck.CopyFrom(decks.deck_of(fed))
    for cycle in assignment.cycles:
        part = message.cycles.add(users=cycle.users, iterations=cycle.iterations)
        if cycle.duration_s is not None:
            part.duration.CopyFrom(seconds_to_proto(cycle.duration_s))
    return message


def assignment_from_proto(message: runner_pb2.Assignment) -> model.Assignment:
    """An assignment from its message, which comes from a broker or an agent of ours."""
    return model.Assignment(
        run_id=message.run_id,
        agent_id=message.agent_id,
        plan=_part(message),
        user=message.user,
        first_cycle=message.first_cycle or 1,
        placement=_placement(message.placement) if message.HasField("placement") else None,
        load_changes=tuple(map(loads.change_of, message.load_changes)),
        index=message.user_index if message.HasField("user_index") else None,
        python_path=tuple(message.python_path),
    )


def _part(message: runner_pb2.Assignment) -> model.Plan:
    """The part as a plan; a load says nothing of the users of one agent."""
    plan = plans.checked_plan(message.plan)
    (scenario,) = plan.scenarios
    if scenario.load is None:
        return plan
    users = tuple(cycle.users for cycle in message.cycles)
    return replace(plan, scenarios=(replace(scenario, users=users),))


def _placement(message: runner_pb2.Placement) -> model.Placement:
    return model.Placement(
        agent_index=message.agent_index,
        agents=message.agents,
        user_offsets=tuple(message.user_offsets),
        total_users=tuple(message.total_users),
    )


def start_to_proto(assignment: model.Assignment) -> fleet_pb2.StartAssignment:
    """The order to start an assignment's runners, as its message."""
    message = fleet_pb2.StartAssignment(assignment=assignment_to_proto(assignment))
    _repeat(message.assignment.plan, message)
    return message


def start_from_proto(message: fleet_pb2.StartAssignment) -> model.Assignment:
    """The assignment whose runners are to be started."""
    return assignment_from_proto(message.assignment)


def _repeat(plan: run_pb2.RunSpec, into: runner_pb2.Assignment | fleet_pb2.StartAssignment) -> None:
    """Sets the fields that a message has in common with a plan and its scenario."""
    known = into.DESCRIPTOR.fields_by_name
    for part in (plan, *plan.scenarios):
        for field, value in part.ListFields():
            if field.name not in known:
                continue
            if field.name == "stages":
                continue  # those of the assignment are there whatever the plan has
            if field.message_type is None:
                setattr(into, field.name, value)
            else:  # a message, or a map of messages
                getattr(into, field.name).MergeFrom(value)
