"""Which observers a run has, which changes they are notified of, and what plans may ask for.

Rule: a plan comes from a stranger. It may name what the broker's machine has; where that connects
to is for those who start the broker, unless they let plans say so (`allowed`). Classes by path are
code: they run if whoever started the broker named them. Secrets are in no plan.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from loadgrpc.broker.tries import attempt
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import (
    AgentEvent,
    Change,
    ChangeKind,
    Notification,
    ObserverChoice,
    ObserverEvent,
    Plan,
    RunState,
    Verdict,
)
from loadgrpc.observers import ObserverSetting
from loadgrpc.observers.config import ObserverConfig
from loadgrpc.observers.environment import UnreadableFile, combined, missing, variable
from loadgrpc.observers.observer import wrong
from loadgrpc.observers.registry import BUILT_IN, Unknown, find, is_path
from loadgrpc.secrets import shown_address
from loadgrpc.verdict import PASSED

OF_BROKER: Final = " (broker)"
"""After the name of an observer that the broker notifies of every run."""
MAX_LOST: Final = 20
"""Agents of a run that observers are notified of: when a thousand are lost, nobody reads on."""


class Observing:
    """See the module."""

    def __init__(self, config: ObserverConfig, *, environ: Mapping[str, str] | None = None) -> None:
        self._config = config
        self._environ = os.environ if environ is None else environ
        self._described: dict[str, tuple[ObserverSetting, ...]] = {}
        """The settings of observers that were asked for, by name."""

    # Of a run

    def of_run(self, plan: Plan) -> dict[str, ObserverChoice]:
        """The observers of a run, by what they are called there."""
        found = {f"{each.name}{OF_BROKER}": each for each in self._config.chosen}
        notified = {each.name: set(each.events) for each in self._config.chosen}
        for each in plan.observers:
            own = set(self._config.own.get(each.name, {}).items())
            if set(each.settings) <= set(own) and set(each.events) <= notified.get(
                each.name, set()
            ):
                continue  # the broker does this for every run
            name, number = each.name, 1
            while name in found:
                number += 1
                name = f"{each.name} ({number})"
            found[name] = each
        return found

    def due(
        self,
        plan: Plan,
        changes: Iterable[Change],
        *,
        lost_before: int,
        verdict: Verdict | None = None,
    ) -> Iterator[Notification]:
        """The notifications that follow from changes of a run, which had lost agents before.

        `verdict`: how it was judged, if it is over; None: it was not.
        """
        observers = self.of_run(plan)
        lost = lost_before
        for change in changes if observers else ():
            events = events_of(change, verdict)
            lost += ObserverEvent.AGENT_LOST in events
            if ObserverEvent.AGENT_LOST in events and lost > MAX_LOST:
                continue
            for name, choice in observers.items():
                event = next((each for each in events if each in choice.events), None)
                if event is not None:
                    yield Notification(
                        observer=name,
                        change=change.sequence,
                        event=event,
                        time_ns=change.time_ns or 0,
                    )

    def asked(self, plan: Plan, observer: str) -> dict[str, Any] | None:
        """What the process of an observer of a run is given; None: the broker runs it no more."""
        choice = self.of_run(plan).get(observer)
        if choice is None or (self._forbidden(choice) and not observer.endswith(OF_BROKER)):
            return None
        return {
            "observer": choice.name,
            "own": dict(self._config.own.get(choice.name, {})),
            "plan": dict(choice.settings),
            "trusted": self._config.trusted,
        }

    # What is asked for

    async def check_own(self) -> None:
        """Sees that the observers of every run can be notified.

        Raises:
            InvalidRequest: one is not known, or its settings are wrong.
        """
        found = [
            Violation(f"--observer {each.name}", f"{where} {detail}".strip())
            for each in self._config.chosen
            async for where, detail in self._wrong(each)
        ]
        if found:
            raise InvalidRequest(found)

    async def check(self, plan: Plan) -> None:
        """Sees that a plan asks for observers that there are, and that it may.

        Raises:
            InvalidRequest: it does not.
        """
        found = []
        for at, choice in enumerate(plan.observers):
            where = f"plan.observers[{at}]"
            if forbidden := self._forbidden(choice):
                found.append(Violation(where, forbidden))
                continue
            async for part, detail in self._wrong(choice):
                found.append(Violation(f"{where}.{part}" if part else where, detail))
        if found:
            raise InvalidRequest(found)

    def _forbidden(self, choice: ObserverChoice) -> str:
        """Why a plan may not ask for that; empty: it may."""
        config, name = self._config, choice.name
        if config.trusted or name in config.allowed:
            return ""
        if is_path(name) and name not in {each.name for each in config.chosen}:
            return (
                f"{name} would be code that this broker runs: it has to be started with "
                f"--allow-observers {name}"
            )
        if choice.settings:
            return (
                f"{name} may not be given settings here, which say where the broker connects to: "
                f"it has to be started with --allow-observers {name}, or with settings of its own"
            )
        return ""

    async def _wrong(self, choice: ObserverChoice) -> Any:
        """What is wrong with an observer and its settings: where, and how."""
        name = choice.name
        try:
            settings = await self._settings(name)
        except Unknown as error:
            yield "name", f"{name} {error}"
            return
        given = dict(choice.settings)
        secrets = {each.name for each in settings if each.secret}
        secrets |= {each for each, value in given.items() if shown_address(value) != value}
        for each in given:
            if each in secrets:
                detail = (
                    f"is a secret, or has one in it: set {variable(name, each)} or "
                    f"{variable(name, each)}_FILE where the broker runs instead"
                )
                yield f"settings.{each}", detail
        for each, detail in wrong(settings, given):
            if each not in secrets:
                yield f"settings.{each}", detail
        try:
            values = combined(
                name,
                settings,
                own=self._config.own.get(name, {}),
                plan=given,
                trusted=self._config.trusted,
                environ=self._environ,
            )
        except UnreadableFile as error:
            yield "", str(error)
            return
        for each, detail in wrong(settings, values):
            if each not in given:
                yield f"settings.{each}", f"{detail}, as the broker has it"
        for each, detail in missing(name, settings, values).items():
            yield f"settings.{each}", detail

    async def _settings(self, name: str) -> tuple[ObserverSetting, ...]:
        """The settings that an observer has.

        Raises:
            Unknown: there is no such observer, or it cannot be loaded.
        """
        if name in BUILT_IN:
            return find(name).SETTINGS
        if name not in self._described:
            outcome = await attempt({"observer": name})
            if outcome.outcome != "described":
                raise Unknown(outcome.reason)
            self._described[name] = tuple(ObserverSetting(**each) for each in outcome.settings)
        return self._described[name]


def events_of(change: Change, verdict: Verdict | None = None) -> tuple[ObserverEvent, ...]:
    """What observers call a change, the most telling first; none: they are not notified of it.

    `verdict`: of a run that is over; one without a verdict did not pass.
    """
    if change.agent_event is AgentEvent.LOST:
        return (ObserverEvent.AGENT_LOST,)
    if change.kind is ChangeKind.ATTEMPT:
        return (ObserverEvent.AFTER_ATTEMPT,)
    if change.kind is not ChangeKind.STATE:
        return ()
    if not change.state.final:
        return _OF_STATE.get(change.state, ())
    passed = verdict is not None and verdict.exit_code == PASSED
    outcome = ObserverEvent.SUCCESS if passed else ObserverEvent.FAILURE
    return (outcome, ObserverEvent.END, ObserverEvent.AFTER_ATTEMPT)


_OF_STATE: Final = {
    RunState.STARTING: (ObserverEvent.BEFORE_START,),
    RunState.RUNNING: (ObserverEvent.START,),
}
