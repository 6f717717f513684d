"""Which of two agents with the same name the broker accepts.

Rule: a newer stream of the same process takes over at once. Of two processes, the one that is
connected stays, unless it has not been heard from for longer than a heartbeat: then its stream is
dead, and the other takes over. So a restarted agent gets in, and a copy of its state folder on
another machine does not. A process that does not identify itself takes over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from loadgrpc.broker.orders import AgentLink
from loadgrpc.broker.roster import UNREACHABLE_AFTER_S, Roster
from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.errors import AlreadyExists
from loadgrpc.protocol.fleet import Registration

FLAPPING_S: Final = 10.0
"""A stream of the same process that comes sooner after the last may be another's, which looks
alike: in a container each is process 1."""

_log = logging.getLogger(__name__)


class Admission:
    """See the module. `links` are those of connected agents; the broker's, and read here."""

    def __init__(self, links: Mapping[str, AgentLink], roster: Roster, clock: Clock) -> None:
        self._links = links
        self._roster = roster
        self._clock = clock
        self._refused: dict[str, tuple[str, str, int]] = {}
        """Of each connected agent the process that was last refused in its name."""

    async def wait(self, registration: Registration) -> None:
        """Waits until it is clear that an agent may connect.

        Raises:
            AlreadyExists: another agent of its name is connected.
        """
        agent_id = registration.agent_id
        while (link := self._links.get(agent_id)) is not None:
            patience_s = self._patience_s(link, registration)
            if patience_s <= 0:
                return
            link.sign.clear()
            try:
                async with asyncio.timeout(patience_s):
                    await link.sign.wait()
            except TimeoutError:
                return
            if self._links.get(agent_id) is link:
                raise self._refusal(registration, self._roster[agent_id].registration)

    def left(self, agent_id: str) -> None:
        """The agent of that name is not connected any more."""
        self._refused.pop(agent_id, None)

    def _patience_s(self, link: AgentLink, registration: Registration) -> float:
        """How long the agent that is connected has to give a sign."""
        known, now_ns = self._roster[registration.agent_id], self._clock.monotonic_ns()
        same = registration.process == known.registration.process
        nameless = not (registration.hostname or registration.pid)
        if nameless or (same and now_ns - link.began_ns > FLAPPING_S * NS_PER_S):
            return 0.0
        silent_s = (now_ns - known.last_seen_ns) / NS_PER_S
        return min(UNREACHABLE_AFTER_S, self._roster.lease_s / 2) - silent_s

    def _refusal(self, registration: Registration, known: Registration) -> AlreadyExists:
        """Why an agent is rejected; its first attempt is logged."""
        agent_id = registration.agent_id
        if self._refused.get(agent_id) != registration.process:
            self._refused[agent_id] = registration.process
            _log.warning(
                "agent %s is connected from %s (process %d); another of that name is refused, "
                "from %s (process %d): it needs a state folder of its own",
                agent_id,
                known.hostname,
                known.pid,
                registration.hostname,
                registration.pid,
            )
        return AlreadyExists(
            f"another agent named {agent_id} is connected, from {known.hostname} (process "
            f"{known.pid}): this one has a copy of its state folder; give it one of its own "
            "(--state-dir), or remove the file agent-id in it"
        )
