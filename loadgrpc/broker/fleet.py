"""The agents: which are connected, what they report, and what they are ordered.

Rule: this knows agents and their streams (`roster.py`, `orders.py`, `admission.py`). What an
agent's message means for a run is decided in `life.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from loadgrpc import model
from loadgrpc.broker import happened
from loadgrpc.broker.admission import Admission
from loadgrpc.broker.orders import AgentLink
from loadgrpc.broker.roster import Roster
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.run_store import RunStore
from loadgrpc.broker.skew import VersionGate
from loadgrpc.broker.work import Work
from loadgrpc.clock import Clock
from loadgrpc.errors import Superseded, Unavailable
from loadgrpc.model import StopMode
from loadgrpc.protocol.fleet import DISMISSED, ExitNoted, HeldBack, Order, Registration, StopRunners
from loadgrpc.protocol.produced import Produced

_log = logging.getLogger(__name__)


class Fleet:
    """See the module. `runs` are those that are not over; the broker's, and read here.

    `happens` lets something happen to one of them; what it returns is done when that is stored.
    """

    def __init__(
        self,
        roster: Roster,
        runs: Mapping[str, ActiveRun],
        *,
        run_store: RunStore,
        clock: Clock,
        work: Work,
        happens: Callable[[ActiveRun, happened.Event], Awaitable[None] | None],
        allow_version_skew: bool = False,
    ) -> None:
        self.roster = roster
        self.links: dict[str, AgentLink] = {}
        """The ways to those that are connected, by id."""
        self._runs = runs
        self._run_store = run_store
        self._clock = clock
        self._work = work
        self._happens = happens
        self._versions = VersionGate(allow=allow_version_skew)
        self._admission = Admission(self.links, roster, clock)
        self._noting: set[tuple[str, ExitNoted]] = set()
        """Ends of runners that are being stored."""
        self._closed: Exception | None = None

    def close(self, why: Exception) -> None:
        """Ends all streams, and lets in no more."""
        self._closed = why
        for link in self.links.values():
            link.orders.put_nowait(why)
            link.sign.set()

    def agents(self) -> list[model.Agent]:
        """The agents that the broker knows, by id."""
        return self.roster.agents(self._clock.monotonic_ns(), self._clock.wall_ns())

    def order(self, agent_id: str, order: Order) -> None:
        """Tells an agent something, if it is connected."""
        if (link := self.links.get(agent_id)) is not None:
            link.put(order)

    # Their streams

    async def admit_agent(self, registration: Registration) -> None:
        """Waits until it is clear that an agent may connect.

        Raises:
            OtherVersion: it is of another minor version.
            AlreadyExists: another agent of its name is connected.
            Unavailable: the broker is going away.
        """
        self._versions.check(registration)
        await self._admission.wait(registration)
        if self._closed is not None:
            raise self._closed

    def connect_agent(self, registration: Registration) -> AgentLink:
        """An agent came, or came back."""
        agent_id = registration.agent_id
        last_heard_ns = self._last_heard_ns(agent_id)
        if agent_id in self.links:
            newer = Superseded(f"agent {agent_id} opened a newer stream")
            self.links[agent_id].orders.put_nowait(newer)
            self.links[agent_id].sign.set()
        now_ns = self._clock.monotonic_ns()
        member = self.roster.register(registration, now_ns)
        if member.run_id not in self._runs:
            self.roster.release(agent_id, member.run_id, told=True)
        link = self.links[agent_id] = AgentLink(agent_id, now_ns)
        self.heard_from_agent(agent_id, registration.sent_ns)
        fields = {"agent_id": agent_id}
        _log.info("agent %s connected from %s", agent_id, registration.hostname, extra=fields)
        for trouble in member.troubles:
            _log.warning(
                "agent %s on %s: %s", agent_id, registration.hostname, trouble, extra=fields
            )
        assigned = member.run_id
        for run_id in registration.run_ids:
            if run_id != assigned:
                link.put(StopRunners(run_id, StopMode.KILL, 0.0))
        # Two runs may have a part of it that goes on: a broker that was killed may not have stored
        # the end of its part in one, but what it was assigned to next.
        current = self._runs.get(assigned)
        for run in [
            run for run in self._runs.values() if run is current or self._goes_on(run, agent_id)
        ]:
            self._happens(run, happened.AgentBack(registration, last_heard_ns))
        return link

    def heard_from_agent(self, agent_id: str, sent_ns: int | None = None) -> None:
        """An agent gave a sign of life, sent at that moment by its clock, if it says so."""
        self.roster.heard(agent_id, self._clock.monotonic_ns())
        if agent_id in self.links:
            self.links[agent_id].sign.set()
        if sent_ns is None or agent_id not in self.roster:
            return
        member = self.roster[agent_id]
        member.clock.add(sent_ns, self._clock.wall_ns())
        if (run := self._runs.get(member.run_id)) is not None and not run.run.state.final:
            run.note_clock(agent_id, member.clock.ahead_ns)

    def disconnect_agent(self, link: AgentLink, *, goodbye: bool) -> None:
        """A stream of an agent ended; with `goodbye`, because the agent is leaving."""
        link.sign.set()
        agent_id = link.agent_id
        if self.links.get(agent_id) is not link:
            return  # a newer stream took over
        del self.links[agent_id]
        self._admission.left(agent_id)
        if goodbye:
            self._remove(agent_id, "it left")
            return
        self.roster.disconnected(agent_id)
        fields = {"agent_id": agent_id}
        _log.warning("agent %s is unreachable: its stream ended", agent_id, extra=fields)
        if (run := self._runs.get(self.roster[agent_id].run_id)) is not None:
            self._happens(run, happened.AgentAway(agent_id))

    def end_leases(self) -> None:
        """Counts agents that were not heard from for too long as lost."""
        for agent_id in self.roster.lost(self._clock.monotonic_ns()):
            self._remove(agent_id, f"not heard from for {self.roster.lease_s:.0f} s")

    def _remove(self, agent_id: str, reason: str) -> None:
        run_id = self.roster[agent_id].run_id if agent_id in self.roster else ""
        last_heard_ns = self._last_heard_ns(agent_id)
        self.roster.left(agent_id)
        link = self.links.pop(agent_id, None)
        if link is not None:  # silent, but connected: it has to introduce itself again
            link.orders.put_nowait(Unavailable(f"the agent is not known any more: {reason}"))
        _log.info("agent %s is gone: %s", agent_id, reason, extra={"agent_id": agent_id})
        if (run := self._runs.get(run_id)) is not None:
            self._happens(run, happened.AgentGone(agent_id, reason, last_heard_ns))

    def _last_heard_ns(self, agent_id: str) -> int:
        """When an agent was last heard from (wall clock); of one that is not known: now."""
        now_ns = self._clock.wall_ns()
        if agent_id not in self.roster:
            return now_ns
        return now_ns - (self._clock.monotonic_ns() - self.roster[agent_id].last_seen_ns)

    def agent_retires(self, agent_id: str) -> None:
        """An agent wants to leave: it may, unless it has a part in a run; it will ask again."""
        if self.roster.retire(agent_id):
            self.order(agent_id, DISMISSED)

    # What they say of runs

    def agent_ready(self, agent_id: str, run_id: str, scenario: str, cycle: int) -> None:
        """An agent is ready to start the processes of a cycle."""
        run = self._runs.get(run_id)
        if run is not None and (agent_id, scenario) in run.parts:
            self._happens(run, happened.AgentReady(agent_id, scenario, cycle))

    def agent_preparing(self, agent_id: str, run_id: str, doing: str) -> None:
        """An agent says what it is doing before it can start runners."""
        if (run := self._runs.get(run_id)) is not None:
            self._happens(run, happened.AgentPreparing(agent_id, doing))

    def users_held_back(self, agent_id: str, run_id: str, scenario: str, held: HeldBack) -> None:
        """An agent says how many users of a part had to wait for others to end."""
        run = self._runs.get(run_id)
        if run is not None and (agent_id, scenario) in run.parts:
            self._happens(run, happened.UsersHeldBack(agent_id, scenario, held))

    def runner_exited(
        self,
        agent_id: str,
        run_id: str,
        runner_id: str,
        exit_status: int,
        words: str,
        *,
        scenario: str = "",
        last: bool = True,
        produced: Produced | None = None,
        not_prepared: bool = False,
    ) -> None:
        """The process of an agent's runner ended, or could not be started.

        Everything that it had sent was delivered before; of what it had `produced` the
        rest is lost. None: it does not count. `last`: no other runner of the scenario lives
        or will; without a `runner_id` that is all. `not_prepared`: and none was started.
        """
        run = self._runs.get(run_id)
        part = run.parts.get((agent_id, scenario)) if run else None
        if run is not None and part is not None and not part.state.final:
            exited = happened.RunnerExited(
                agent_id=agent_id,
                scenario=scenario,
                runner_id=runner_id,
                exit_status=exit_status,
                words=words,
                last=last,
                produced=produced,
                not_prepared=not_prepared,
            )
            self._happens(run, exited)
        elif last and not self._goes_on(run, agent_id, scenario):
            self.roster.release(agent_id, run_id, told=True)
        noted = ExitNoted(run_id, scenario, runner_id)
        if (agent_id, noted) not in self._noting:
            self._noting.add((agent_id, noted))
            self._work.begin(self._note_exit(agent_id, noted, self.links.get(agent_id)))

    def _goes_on(self, run: ActiveRun | None, agent_id: str, but: str | None = None) -> bool:
        """Whether a part of an agent goes on, except that of a scenario."""
        return run is not None and any(
            part.key != (agent_id, but) and not part.state.final for part in run.of_agent(agent_id)
        )

    async def _note_exit(self, agent_id: str, noted: ExitNoted, link: AgentLink | None) -> None:
        """Tells an agent that the end of its runner is stored; it was heard on `link`."""
        if link is not None:
            link.orders.expect()
        try:
            await self._keep_exit(noted)
            if (run := self._runs.get(noted.run_id)) is not None:
                self._happens(run, happened.EndStored(agent_id, noted.scenario, noted.runner_id))
        finally:
            self._noting.discard((agent_id, noted))
            if link is not None:
                link.orders.came()
        self.order(agent_id, noted)

    async def _keep_exit(self, noted: ExitNoted) -> None:
        """Stores the end of a runner."""
        run = self._runs.get(noted.run_id)
        if run is not None and not run.run.state.final:
            await self._run_store.save(run, patient=True)
        elif run is not None and run.closing is not None:
            await asyncio.wait({run.closing})
            if noted.run_id in self._runs:  # it could not be stored, and will be tried again
                await self._run_store.save(run, patient=True)
