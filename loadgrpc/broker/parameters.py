"""Whether a run that starts has the parameters that its test declares.

Rule: those who have the test compare them, which are the agents; that is before there is any load.
Whoever started the run waits for it as long as its runners take to load the test, at most
CHECK_S; what is wrong is refused as what was asked for, field by field. If no parameters were
given, one that has to be may be missing: that is waited for LOAD_S. Later, and of a run that has to
wait for agents, it is the reason for which the run fails.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from loadgrpc.broker.run import ActiveRun
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import Plan, RunState

CHECK_S: Final = 15.0
"""A client's call lasts for 30 s."""
LOAD_S: Final = 10.0
"""Most tests are loaded within a second, and on a busy machine within some."""
INVALID: Final = "InvalidParameters"
"""The type of a runner's error, whose message has `name: what`, with semicolons in between."""
_NEXT: Final = re.compile(r"; (?=[A-Za-z]\w*: )")


class Comparison:
    """See the module. `runs` are those that are not over; the broker's, and read here."""

    def __init__(self, runs: Mapping[str, ActiveRun], within_s: float = CHECK_S) -> None:
        self._runs = runs
        self._within_s = within_s

    async def compared(self, run_id: str) -> None:
        """Waits until the runners of a run have compared its parameters, or for CHECK_S.

        Raises:
            InvalidRequest: they do not fit; each is named.
        """
        run = self._runs.get(run_id)
        if run is None or not are_compared(run.run.plan):
            return
        given = any(each.parameters for each in run.run.plan.scenarios)
        if not given and not _answers(run):
            return
        within_s = self._within_s if given else min(self._within_s, LOAD_S)
        changed = asyncio.Event()
        run.watchers.add(changed)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    while run.run.state is RunState.STARTING and not refused(run):
                        await changed.wait()
                        changed.clear()
        finally:
            run.watchers.discard(changed)
        if wrong := refused(run):
            raise InvalidRequest(wrong)


def are_compared(plan: Plan) -> bool:
    """Whether somebody compares the parameters of a plan with what its tests declare."""
    ours = (not each.test_runner and not each.by_hand for each in plan.scenarios)
    return not plan.unchecked and any(ours)


def _answers(run: ActiveRun) -> bool:
    """Whether all agents of a run are such as report that a parameter is missing."""
    machines = run.machines.values()
    return bool(machines) and all(each.prepares for each in machines)


def refused(run: ActiveRun) -> list[Violation]:
    """What runners say is wrong with the parameters of a run."""
    scenarios = run.run.plan.scenarios
    found: dict[str, str] = {}
    for part in run.parts.values():
        error = part.load_error
        if error is None or error.type != INVALID:
            continue
        at = next(at for at, each in enumerate(scenarios) if each.name == part.scenario.name)
        where = f"plan.scenarios[{at}]." if part.scenario.name else "plan."
        for words in _NEXT.split(error.message):
            name, _, what = words.partition(": ")
            found[f"{where}parameters[{name!r}]"] = what
    return [Violation(field, what) for field, what in found.items()]
