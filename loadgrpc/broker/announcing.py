"""Observers that are steps of campaigns: notified of how the steps before them ended.

Rule: as `notifier`: a process of its own for each try, tried again for some minutes, and given up
then. That a step begins to notify is stored before, and how it went after: what is under way when
the broker is killed is delivered again, with the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from loadgrpc import verdict
from loadgrpc.broker import tries
from loadgrpc.broker.campaign_life import results_of
from loadgrpc.broker.notifier import MAX_PROCESSES, WAITS_S
from loadgrpc.broker.observing import Observing
from loadgrpc.broker.tries import TryResult
from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import Campaign, ObserverChoice, Plan, Scenario, StepState
from loadgrpc.observers import Notice
from loadgrpc.protocol.campaigns import step_status_to_proto
from loadgrpc.protocol.document import as_document
from loadgrpc.secrets import masked
from loadgrpc.text import one_line

MAX_NAMED: Final = 10
"""Steps that a sentence names."""


class Announcing:
    """See the module. `finished` is called when one has been notified, or given up."""

    def __init__(
        self,
        observing: Observing,
        finished: Callable[[], None],
        *,
        attempt: Callable[[Mapping[str, Any]], Awaitable[TryResult]] = tries.attempt,
        waits_s: tuple[float, ...] = WAITS_S,
    ) -> None:
        self._observing = observing
        self._finished = finished
        self._attempt = attempt
        self._waits_s = waits_s
        self._tasks: dict[tuple[str, str], asyncio.Task[str]] = {}
        self._places = asyncio.Semaphore(MAX_PROCESSES)
        self.broker = ""
        """Where clients reach the broker, for what people are to type. Empty: nowhere."""

    async def check(self, observer: ObserverChoice, where: str) -> None:
        """Sees that an observer can be notified, and that a campaign may ask for it.

        Raises:
            InvalidRequest: it cannot, or may not.
        """
        try:
            await self._observing.check(_holder(observer))
        except InvalidRequest as error:
            here = [
                Violation(
                    f"{where}observer{each.field.removeprefix('plan.observers[0]')}",
                    each.description,
                )
                for each in error.violations
            ]
            raise InvalidRequest(here) from error

    def outcome(self, campaign: Campaign, name: str, observer: ObserverChoice) -> str | None:
        """Why an observer was given up; empty: it was notified; None: it is being notified."""
        key = campaign.campaign_id, name
        if (task := self._tasks.get(key)) is None:
            notice = notice_of(campaign, name, self.broker)
            task = asyncio.create_task(self._notify(notice, observer))
            task.add_done_callback(lambda _: self._finished())
            self._tasks[key] = task
        if not task.done():
            return None
        del self._tasks[key]
        return task.result()

    def forget(self, campaign_id: str, name: str) -> None:
        """Notifies an observer no more."""
        if (task := self._tasks.pop((campaign_id, name), None)) is not None:
            task.cancel()

    async def close(self) -> None:
        """Notifies nobody any more; what is not delivered is tried by the next broker."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _notify(self, notice: Notice, observer: ObserverChoice) -> str:
        asked = self._observing.asked(_holder(observer), observer.name)
        if asked is None:
            return "this broker does not run it any more"
        for wait_s in (*self._waits_s, None):
            async with self._places:
                tried = await self._attempt({**asked, "notice": notice.as_json()})
            if tried.delivered:
                return ""
            if tried.final or wait_s is None:
                break
            await asyncio.sleep(wait_s)
        return tried.reason or "it could not be notified"


def notice_of(campaign: Campaign, name: str, broker: str) -> Notice:
    """What to notify an observer of: how the steps ended that it comes after."""
    before = results_of(campaign, name).values()
    bad = [status for status in before if status.state is StepState.FAILED]
    skipped = sum(status.state is StepState.SKIPPED for status in before)
    passed = sum(status.state is StepState.PASSED for status in before)
    label = masked(one_line(campaign.spec.label))
    counts = f"{passed} of {len(before)} passed" + (f", {skipped} skipped" if skipped else "")
    named = ", ".join(
        f"{one_line(status.name)} failed ({one_line(status.reason)})".replace(" ()", "")
        for status in bad[:MAX_NAMED]
    )
    look = f"loadgrpc campaign show {campaign.campaign_id} -b {broker}" if broker else ""
    text = f"{label}: {counts}" + f"; {named}" * bool(named)
    codes = [
        status.result.verdict.exit_code
        for status in bad
        if status.result is not None and status.result.verdict is not None
    ]
    exit_code = (codes[0] if codes else verdict.UNREACHABLE) if bad else verdict.PASSED
    status = campaign.by_name[name]
    return Notice(
        notice_id=f"{campaign.campaign_id}/{name}",
        event="campaign",
        time_s=status.time_ns / NS_PER_S,
        run_id=campaign.campaign_id,
        title=masked(campaign.spec.title),
        label=label,
        state=campaign.state.name,
        text=f"{text}; campaign {campaign.campaign_id}" + f"; {look}" * bool(look),
        look=look,
        exit_code=exit_code,
        verdict=named or counts,
        summary={
            "steps": [as_document(step_status_to_proto(each)) for each in before],
        },
    )


def _holder(observer: ObserverChoice) -> Plan:
    """A plan that asks for an observer: what plans may ask for, campaigns may."""
    return Plan(scenarios=(Scenario(),), observers=(observer,))
