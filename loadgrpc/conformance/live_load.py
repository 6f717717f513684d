"""How a home begins the load of a case, changes it live, and whom it refuses such a load.

Rule: moments of a change are counted from the beginning of the cycle, as those of a broker are; a
script counts them from the moment at which it is said.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from loadgrpc.conformance.script import Script
from loadgrpc.conformance.transcript import Transcript
from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol import live_loads
from loadgrpc.protocol.times import optional_timestamp
from loadgrpc.v1 import runner_pb2


class LiveLoad:
    """See the module. Moments are seconds from the beginning of the transcript."""

    def __init__(self, script: Script, transcript: Transcript) -> None:
        self.answer: dict[str, Any] | None = None
        """What a runner gets that opens from now on."""
        self._script = script
        self._transcript = transcript
        self._began_s = 0.0

    def begin(self, cycle: int, now_s: float) -> runner_pb2.StartCycle:
        """The cycle begins; what the runner gets."""
        self._began_s = now_s
        begin_ns = None
        if self._script.begin_in_s is not None:
            begin_ns = self._transcript.wall_ns(now_s + self._script.begin_in_s)
        return runner_pb2.StartCycle(cycle=cycle, begin_time=optional_timestamp(begin_ns))

    def change(self, now_s: float) -> dict[str, Any]:
        """The load is changed as the script has it; what the runner gets."""
        since_s = now_s - self._began_s
        changes = [replace(each, at_s=each.at_s + since_s) for each in self._script.changes]
        self._transcript.load_changes = tuple(changes)
        self.answer = {"load_changed": live_loads.changed(changes)}
        return self.answer

    def refuses(self, opening: runner_pb2.OpenSource) -> runner_pb2.SourceError | None:
        """The error of a runner that cannot follow the load of the case; None: it can."""
        load = self._transcript.assignment.scenario.load
        if load is None or opening.capabilities.stages:
            return None
        message = "open.capabilities.stages is needed: the load of this scenario changes over time"
        return runner_pb2.SourceError(reason=InvalidRequest.reason, message=message)
