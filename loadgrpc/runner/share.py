"""What one user process has to do: its share of the users of an assignment.

Rule: the link hands the assignment over whole, as its message, so that neither end knows an
option by name.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from loadgrpc.model import Assignment, LatePolicy, Load, LoadChange, Spacing
from loadgrpc.protocol import assignments
from loadgrpc.runner.messages import LoadTest
from loadgrpc.stats.arrivals import Stripe
from loadgrpc.stats.load_line import LoadLine
from loadgrpc.v1 import runner_pb2


@dataclass(frozen=True, kw_only=True)
class LoadShare:
    """What a process has of a load that changes over time."""

    load: Load
    stripe: Stripe
    """Which arrivals, or users, are its own, among those of all agents."""
    spacing: Spacing = Spacing.EVEN
    seed: int = 0
    late: LatePolicy = LatePolicy.QUEUE
    process: int = 1
    changes: tuple[LoadChange, ...] = ()
    """Live changes that were made before it started."""

    def line(self, changes: Sequence[LoadChange]) -> LoadLine:
        """The level over time, as these changes have made it."""
        return LoadLine(self.load, changes)


@dataclass(frozen=True)
class WorkerShare:
    """Every Nth user of an assignment, in each cycle."""

    assignment: Assignment
    first_user: int
    """The number of its first user, from 1."""
    processes: int
    """User processes of the assignment: how far the numbers of its users are apart."""

    def users(self, users: int) -> range:
        """The numbers of its users in a cycle, given the size of the cycle."""
        return range(self.first_user, users + 1, self.processes)

    @property
    def load(self) -> LoadShare | None:
        """What of a load that changes over time is its own; None: there are cycles instead."""
        assignment = self.assignment
        scenario, place = assignment.scenario, assignment.place
        if scenario.load is None:
            return None
        of_agent = Stripe(place.agent_index, place.agents)
        return LoadShare(
            load=scenario.load,
            stripe=of_agent.of(self.first_user - 1, self.processes),
            spacing=scenario.arrivals,
            seed=assignment.plan.seed,
            late=scenario.late,
            process=self.first_user,
            changes=assignment.load_changes,
        )

    def order(self) -> LoadTest:
        """This share as the order of the link to load the test."""
        message = assignments.assignment_to_proto(self.assignment).SerializeToString()
        return LoadTest(base64.b64encode(message).decode(), self.first_user, self.processes)

    @classmethod
    def of(cls, order: LoadTest) -> WorkerShare:
        """The share that such an order says."""
        message = runner_pb2.Assignment.FromString(base64.b64decode(order.assignment))
        return cls(assignments.assignment_from_proto(message), order.first_user, order.processes)
