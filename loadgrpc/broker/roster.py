"""Which agents there are, and which of them are alive.

Rule: pure. Every call that depends on the time gets it (monotonic nanoseconds); the broker
carries out what follows. An agent that is not heard from for UNREACHABLE_AFTER_S, or whose stream
broke, is unreachable at once and not chosen any more; when its lease expires it is lost and
leaves the roster. An agent that says goodbye leaves at once. One that is drained or wants to retire
stays, keeps the part that it has, and is not chosen any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from loadgrpc.broker.clocks import ClockOffset
from loadgrpc.broker.queue import Choosable
from loadgrpc.certs.folder import date_of, ends_soon
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Agent, AgentState, run_id_of
from loadgrpc.protocol.fleet import DEFAULT_LEASE_S, Registration
from loadgrpc.protocol.version import other_version
from loadgrpc.store import DrainedAgent

UNREACHABLE_AFTER_S: Final = 5.0


@dataclass(kw_only=True)
class Member:
    """An agent in the roster."""

    registration: Registration
    last_seen_ns: int
    connected: bool = True
    run_id: str = ""
    """The attempt of a run it has a part in; empty: none."""
    overdue: bool = False
    """Its part was given up: it has not said that it is over, and may still be at it."""
    retiring: bool = False
    """It wants to leave, once it has no part in a run."""
    clock: ClockOffset = field(default_factory=ClockOffset)

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong with it, as sentences."""
        found = []
        if message := other_version(self.registration.version):
            found.append(message)
        if self.overdue:
            found.append(f"it has not said that its part in run {self.run_id} is over")
        return tuple(found)

    def reachable(self, now_ns: int) -> bool:
        """Whether it was heard from lately."""
        silent_ns = now_ns - self.last_seen_ns
        return self.connected and silent_ns <= UNREACHABLE_AFTER_S * NS_PER_S


def _certificate_troubles(registration: Registration, wall_ns: int) -> tuple[str, ...]:
    """What there is to say of the certificate of an agent, 30 days before it ends."""
    until_ns = registration.certificate_until_ns
    if until_ns is None or not ends_soon(until_ns, wall_ns):
        return ()
    until = date_of(until_ns)
    return (f"its certificate is valid until {until}: `loadgrpc certs renew` renews it",)


class Roster:
    """The agents a broker knows."""

    def __init__(self, *, lease_s: float = DEFAULT_LEASE_S) -> None:
        self.lease_s = lease_s
        self.on_change: Callable[[], None] = lambda: None
        """Called when an agent may have become free, or known: runs may wait for it."""
        self._members: dict[str, Member] = {}
        self.drained: dict[str, DrainedAgent] = {}
        """Agents that get no further runs, connected or not, by id."""

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, agent_id: str) -> bool:
        return agent_id in self._members

    def __getitem__(self, agent_id: str) -> Member:
        return self._members[agent_id]

    def register(self, registration: Registration, now_ns: int) -> Member:
        """An agent came, or came back; it keeps the run it had a part in."""
        known = self._members.get(registration.agent_id)
        member = Member(
            registration=registration,
            last_seen_ns=now_ns,
            run_id=known.run_id if known else "",
            clock=known.clock if known else ClockOffset(),
        )
        self._members[registration.agent_id] = member
        self.on_change()
        return member

    def expect(self, registration: Registration, run_id: str, now_ns: int) -> None:
        """An agent has a part in a run, and has to come back within its lease."""
        self._members[registration.agent_id] = Member(
            registration=registration, last_seen_ns=now_ns, connected=False, run_id=run_id
        )

    def heard(self, agent_id: str, now_ns: int) -> None:
        """An agent gave a sign of life."""
        if agent_id in self._members:
            self._members[agent_id].last_seen_ns = now_ns

    def disconnected(self, agent_id: str) -> None:
        """The stream of an agent ended without a goodbye."""
        if agent_id in self._members:
            self._members[agent_id].connected = False

    def left(self, agent_id: str) -> None:
        """An agent said goodbye, or is lost."""
        self._members.pop(agent_id, None)

    def assign(self, agent_id: str, run_id: str) -> None:
        """An agent got a part in a run."""
        self._members[agent_id].run_id = run_id

    def release(self, agent_id: str, run_id: str, *, told: bool = False) -> None:
        """An agent's part in a run is over; `told`: the agent says so."""
        member = self._members.get(agent_id)
        if member is not None and member.run_id == run_id and (told or not member.overdue):
            member.run_id = ""
            member.overdue = False
            self.on_change()

    def give_up(self, agent_id: str, run_id: str) -> None:
        """An agent's part in a run is given up; it is not free before it says that it is over."""
        if agent_id in self._members and self._members[agent_id].run_id == run_id:
            self._members[agent_id].overdue = True

    def retire(self, agent_id: str) -> bool:
        """An agent wants to leave: it is not chosen any more. Whether it may leave at once."""
        member = self._members.get(agent_id)
        if member is None:
            return False  # it has to introduce itself again
        member.retiring = True
        return not member.run_id

    def state(self, agent_id: str, now_ns: int) -> AgentState:
        """What an agent is doing."""
        member = self._members[agent_id]
        if not member.reachable(now_ns):
            return AgentState.UNREACHABLE
        if agent_id in self.drained or member.retiring:
            return AgentState.DRAINING if member.run_id else AgentState.DRAINED
        return AgentState.BUSY if member.run_id else AgentState.IDLE

    def places(self, now_ns: int) -> list[Choosable]:
        """The agents that may be chosen for runs, now or when they are free, by id."""
        found = []
        for agent_id, member in sorted(self._members.items()):
            if agent_id in self.drained or member.retiring:
                continue
            registration = member.registration
            found.append(
                Choosable(
                    agent_id=agent_id,
                    host=registration.hostname,
                    labels=frozenset(registration.labels),
                    idle=member.reachable(now_ns) and not member.run_id,
                    prepares=registration.prepares,
                    signed_only=registration.confinement.signed_only,
                )
            )
        return found

    def working(self) -> list[str]:
        """The host of each agent that has a part in a run."""
        return [each.registration.hostname for each in self._members.values() if each.run_id]

    def lost(self, now_ns: int) -> list[str]:
        """Agents whose lease is over."""
        lease_ns = self.lease_s * NS_PER_S
        return [
            agent_id
            for agent_id, member in self._members.items()
            if now_ns - member.last_seen_ns > lease_ns
        ]

    def agents(self, now_ns: int, wall_ns: int) -> list[Agent]:
        """All agents as clients see them, by id. `wall_ns` is now on the wall clock.

        Those that are drained are among them, wherever they are.
        """
        known = [
            Agent(
                agent_id=agent_id,
                hostname=member.registration.hostname,
                pid=member.registration.pid,
                version=member.registration.version,
                cores=member.registration.cores,
                state=self.state(agent_id, now_ns),
                run_id=run_id_of(member.run_id),
                last_seen_time_ns=wall_ns - (now_ns - member.last_seen_ns),
                troubles=(*member.troubles, *_certificate_troubles(member.registration, wall_ns)),
                drained=agent_id in self.drained,
                retiring=member.retiring,
                labels=member.registration.labels,
                confinement=member.registration.confinement,
            )
            for agent_id, member in self._members.items()
        ]
        away = [
            Agent(
                agent_id=agent_id,
                hostname=drained.hostname,
                pid=0,
                version="",
                cores=0,
                state=AgentState.UNREACHABLE,
                drained=True,
            )
            for agent_id, drained in self.drained.items()
            if agent_id not in self._members
        ]
        return sorted(known + away, key=lambda agent: agent.agent_id)
