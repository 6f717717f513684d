"""Runs that the broker asks for on its own account: those of schedules and campaigns.

Rule: asked for like anybody's, under a request_id, so that asking again starts no second run. What
comes of it is a value; nothing that can go wrong with a run is an error here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from loadgrpc.broker.broker import Broker
from loadgrpc.errors import InvalidRequest, LoadgrpcError, NotFound, TooFewAgents, Unavailable
from loadgrpc.model import Plan, RunState, StepResult, StopMode, Submission
from loadgrpc.protocol.labels_kind import LABELS
from loadgrpc.store import StoreError


@dataclass(frozen=True)
class Launched:
    """What came of asking for a run."""

    run_id: str = ""
    """Empty: there is none."""
    reason: str = ""
    """Why there is none, as a sentence."""
    waits: bool = False
    """Whether it waits: in the queue, or, if there is none, it is worth asking again."""


class Launcher:
    """See the module."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def start(self, plan: Plan, request_id: str, *, label: str, within_s: float) -> Launched:
        """Starts a run, or has it wait in the queue, unless that request has done so.

        `label`: what it gets besides those of its plan; `within_s`: how long it may wait.
        """
        submission = Submission(queue=True, expire_after_s=within_s)
        try:
            run = await self._broker.dispatcher.start_run(
                _labelled(plan, label), request_id, submission
            )
        except (TooFewAgents, Unavailable, StoreError) as error:
            return Launched(reason=str(error), waits=True)
        except LoadgrpcError as error:
            return Launched(reason=str(error))
        why = self.waiting(run.run_id)
        return Launched(run_id=run.run_id, reason=why or "", waits=why is not None)

    def waiting(self, run_id: str) -> str | None:
        """Why a run waits, as a sentence; None: it does not."""
        run = self._broker.archive.live_run(run_id)
        if run is None or not run.announced.state.waiting:
            return None
        found = self._broker.dispatcher.waiting(run)
        if found is None:
            return "it waits in the queue"
        return f"{found.position} of {found.length} in the queue: {found.reason}"

    async def find(self, request_id: str) -> Launched:
        """The run that a request has started; none is started."""
        try:
            run = await self._broker.archive.find_request(request_id)
        except StoreError as error:
            return Launched(reason=str(error), waits=True)
        return Launched(run_id=run.run_id) if run is not None else Launched()

    async def result(self, run_id: str) -> StepResult | None:
        """What came out of a run; None: it is active, or the store cannot be asked."""
        archive = self._broker.archive
        if archive.live_run(run_id) is not None:
            return None
        try:
            return await self._result(run_id)
        except StoreError:
            return None
        except NotFound:
            return StepResult(state=RunState.FAILED)  # deleted meanwhile

    async def _result(self, run_id: str) -> StepResult | None:
        run = await self._broker.archive.get_run(run_id)
        if not run.state.final:
            return None
        try:
            summary = await self._broker.archive.get_summary(run_id)
        except NotFound:
            return StepResult(state=run.state, verdict=run.verdict)
        return StepResult(
            state=run.state,
            verdict=run.verdict or summary.verdict,
            duration_ns=summary.duration_ns,
            hits=summary.hits,
            iterations=summary.iterations,
        )

    async def stop(self, run_id: str, mode: StopMode, asked_by: str) -> None:
        """Stops a run, unless it is being stopped; what cannot be stored of that now is later."""
        run = self._broker.archive.live_run(run_id)
        if run is None or run.stopping in {mode, StopMode.KILL}:
            return
        try:
            await self._broker.stop_run(run_id, mode, asked_by)
        except (NotFound, StoreError):
            return  # it is over, or is being stopped

    async def check(self, plan: Plan, where: str) -> None:
        """Sees that a plan could be run here, when there are agents for it.

        `where`: the path of the plan, for what is wrong with it.

        Raises:
            InvalidRequest: it asks for an observer that it may not have, or that there is not.
            NotFound: its bundle is not there.
        """
        try:
            await self._broker.dispatcher.check_plan(plan)
        except InvalidRequest as error:
            raise error.within(where) from error


def _labelled(plan: Plan, label: str) -> Plan:
    """A plan with one more label, if that can be one and there is room for it."""
    labels = tuple(sorted({*plan.labels, label}))  # as the store has them: it may be asked again
    if any(LABELS.wrong((label,))) or len(label) > LABELS.chars or len(labels) > LABELS.entries:
        return plan
    return replace(plan, labels=labels)
