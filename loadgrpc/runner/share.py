"""What one user process has to do: its share of the users of an assignment.

Rule: the link hands the assignment over whole, as its message, so that neither end knows an
option by name.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from loadgrpc.model import Assignment
from loadgrpc.protocol import assignments
from loadgrpc.runner.messages import LoadTest
from loadgrpc.v1 import runner_pb2


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

    def order(self) -> LoadTest:
        """This share as the order of the link to load the test."""
        message = assignments.assignment_to_proto(self.assignment).SerializeToString()
        return LoadTest(base64.b64encode(message).decode(), self.first_user, self.processes)

    @classmethod
    def of(cls, order: LoadTest) -> WorkerShare:
        """The share that such an order says."""
        message = runner_pb2.Assignment.FromString(base64.b64decode(order.assignment))
        return cls(assignments.assignment_from_proto(message), order.first_user, order.processes)
