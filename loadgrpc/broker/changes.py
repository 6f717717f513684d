"""The log of a run: what happened to it, numbered from 1.

Rule: pure. A change is shown when it is stored, and not before; so a number that somebody has seen
means the same at the next broker. It is stored in the transaction that stores what it is about.

A run that an older loadgrpc stored has no log; its changes of state follow from what it is today.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from loadgrpc.model import AgentEvent, Change, ChangeKind, LoadChange, Run, RunState
from loadgrpc.protocol.bounds import MAX_REASON_CHARS, kept_chars

MAX_CHANGES: Final = 10_000
"""Of a run, besides those of state, load, thresholds and attempts: later ones are dropped."""
_ALWAYS: Final = (ChangeKind.STATE, ChangeKind.LOAD, ChangeKind.THRESHOLD, ChangeKind.ATTEMPT)


class ChangeLog:
    """See the module. Begins with what is known of the run."""

    def __init__(self, known: Sequence[Change] = (), *, written: bool = True) -> None:
        self._changes = list(known)
        self._shown = len(known)
        """How many of them are shown: a restart would not forget them."""
        self._written = len(known) if written else 0
        """How many of them are in the log that is stored."""
        self._optional = sum(change.kind not in _ALWAYS for change in known)
        self.attempt = 1
        """The attempt that what is added belongs to."""

    def after(self, number: int) -> Sequence[Change]:
        """What may be shown of what came after the change of that number."""
        return self._changes[number : self._shown]

    @property
    def last(self) -> int:
        """The number of the newest change that may be shown; 0: there is none."""
        return self._shown

    @property
    def newest(self) -> int:
        """The number of the newest change, stored or not."""
        return len(self._changes)

    @property
    def written(self) -> int:
        """The number of the newest change in the log that is stored."""
        return self._written

    @property
    def unwritten(self) -> Sequence[Change]:
        """What is to be stored with the run, when that is stored next."""
        return self._changes[self._written :]

    def add(
        self, kind: ChangeKind, state: RunState, time_ns: int, reason: str = "", **more: Any
    ) -> None:
        """Something happened; the run is in that state since. `more`: other fields of a Change."""
        if kind not in _ALWAYS:
            if self._optional == MAX_CHANGES:
                return
            self._optional += 1
        number = len(self._changes) + 1
        reason = kept_chars(reason, MAX_REASON_CHARS)
        self._changes.append(
            Change(
                sequence=number,
                kind=kind,
                state=state,
                time_ns=time_ns,
                attempt=self.attempt,
                reason=reason,
                **more,
            )
        )

    def stored(self, number: int) -> bool:
        """The run was stored with all changes up to that one; whether no later ones are shown."""
        self._written = max(self._written, number)
        newest = number >= self._shown
        self._shown = max(self._shown, number)
        return newest

    def loads(self) -> dict[str, tuple[LoadChange, ...]]:
        """How loads were changed live, by scenario."""
        found: dict[str, tuple[LoadChange, ...]] = {}
        for each in self._changes:
            if each.load is not None:
                found[each.scenario] = (*found.get(each.scenario, ()), each.load)
        return found

    def of_request(self, request_id: str) -> list[Change]:
        """What a request has changed; empty: it is a new one."""
        return [each for each in self._changes if request_id and each.request_id == request_id]

    def agents(self) -> tuple[set[str], set[str]]:
        """The agents of the attempt that are unreachable, and those that are lost."""
        newest = {
            each.agent_id: each.agent_event
            for each in self._changes
            if each.agent_event and each.attempt == self.attempt
        }
        away, lost = (
            {agent_id for agent_id, event in newest.items() if event is wanted}
            for wanted in (AgentEvent.UNREACHABLE, AgentEvent.LOST)
        )
        return away, lost


def derived(run: Run) -> list[Change]:
    """The changes of state of a run without a log, today's included.

    They follow from what it is today, by the table of states: a run without a start time never
    was RUNNING, and only a run that was STOPPING is ever STOPPED.
    """
    found: list[tuple[RunState, int | None]] = [(RunState.STARTING, run.create_time_ns)]
    if run.start_time_ns is not None:
        found.append((RunState.RUNNING, run.start_time_ns))
    if run.state is RunState.STOPPED:
        found.append((RunState.STOPPING, None))
    if run.state is not found[-1][0]:
        found.append((run.state, run.end_time_ns))
    return [
        Change(
            sequence=number,
            kind=ChangeKind.STATE,
            state=state,
            time_ns=time_ns,
            reason=run.reason if state in {run.state, RunState.STOPPING} else "",
        )
        for number, (state, time_ns) in enumerate(found, 1)
    ]


def as_it_was(run: Run, change: Change) -> Run:
    """A run as a change of its state made it."""
    if change.state is run.state and change.attempt == run.attempt:
        return run
    began = change.state in (RunState.RUNNING, RunState.STOPPING) and change.attempt == run.attempt
    return replace(
        run,
        state=change.state,
        reason=change.reason,
        start_time_ns=run.start_time_ns if began else None,
        end_time_ns=None,
        verdict=None,
        attempt=change.attempt,
        attempts=run.attempts[: change.attempt - 1],
        agent_ids=run.agent_ids if change.attempt == run.attempt else (),
        due_time_ns=change.due_time_ns,
        waiting=None,
    )
