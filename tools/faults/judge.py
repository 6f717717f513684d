"""Decides whether a round is right. Pure: evidence and what must hold in, complaints out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from faults.evidence import Evidence

INCOMPLETE: Final = 3
UNREACHABLE: Final = 4
"""What `loadgrpc run` exits with when its broker was away; the run's own verdict is elsewhere."""
STOPPED: Final = 105


@dataclass(frozen=True, kw_only=True)
class Holds:
    """What must hold under a fault, beside what always must."""

    exit_codes: tuple[int, ...] = (0,)
    """What the run may be judged with."""
    losses: bool = False
    """The agent that the fault strikes may lose what it had not delivered."""

    @property
    def words(self) -> str:
        """For people."""
        return "losses are counted" if self.losses else "zero lost"


def judge(holds: Holds, evidence: Evidence, victims: tuple[str, ...], users: int) -> list[str]:
    """What is wrong, a sentence each; none: nothing.

    `victims` are the agents that the fault struck, `users` those that each of them had.
    """
    return [
        *_over(evidence),
        *_counted_once(evidence),
        *_told_as_stored(evidence),
        *_exit(holds, evidence),
        *_struck(evidence, victims, users),
        *_spared(evidence, victims),
        *_answered(evidence),
    ]


def _over(evidence: Evidence) -> Iterator[str]:
    """The run has ended, and nothing of it lives on."""
    if evidence.verdict.state not in ("FINISHED", "STOPPED", "FAILED"):
        yield f"the run is not over but {evidence.verdict.state}"
    for process in evidence.left:
        yield f"left behind: {process}"


def _counted_once(evidence: Evidence) -> Iterator[str]:
    """Nothing is there twice, and nothing that was never sent."""
    for agent, stored in evidence.stored.items():
        requests = evidence.seen[agent].requests if agent in evidence.seen else 0
        if stored.duplicated:
            yield f"{stored.duplicated} hits of {agent} are stored twice"
        if stored.hits > requests:
            yield f"{stored.hits} hits of {agent} are stored, the server counted {requests}"
    for agent, seen in evidence.seen.items():
        if seen.repeated:
            yield f"requests of {agent} were sent twice: {', '.join(seen.repeated)}"


def _told_as_stored(evidence: Evidence) -> Iterator[str]:
    """The summary tells what the store has."""
    verdict = evidence.verdict
    for agent, part in verdict.parts.items():
        stored = evidence.stored[agent].hits if agent in evidence.stored else 0
        if part.hits != stored:
            yield f"the summary tells {part.hits} hits of {agent}, its store has {stored}"
    in_parts = sum(part.hits for part in verdict.parts.values())
    if verdict.hits != in_parts:
        yield f"the summary tells {verdict.hits} hits, its agents {in_parts}"


def _exit(holds: Holds, evidence: Evidence) -> Iterator[str]:
    verdict = evidence.verdict
    if verdict.exit_code not in holds.exit_codes:
        allowed = " or ".join(map(str, holds.exit_codes))
        yield f"the verdict is {verdict.exit_code} ({verdict.reason}), not {allowed}"
    told = evidence.last_words.startswith(f"exit {verdict.exit_code}: ")
    if evidence.exit_code != verdict.exit_code or not told:
        yield (
            f"loadgrpc run exits with {evidence.exit_code} ({evidence.last_words}), "
            f"the verdict is {verdict.exit_code}"
        )


def _struck(evidence: Evidence, victims: tuple[str, ...], users: int) -> Iterator[str]:
    """Agents that the fault struck: what is lost is counted, or it is said that it is not."""
    reason = evidence.verdict.reason
    lost_agents = [agent for agent, part in evidence.verdict.parts.items() if part.state == "LOST"]
    if lost_agents and not any(agent in reason for agent in lost_agents):
        yield f"{', '.join(lost_agents)} lost, and the verdict names none: {reason}"
    for agent in victims:
        part = evidence.verdict.parts.get(agent)
        if part is None:
            yield f"the summary does not know {agent}"
            continue
        losses = [loss for loss in evidence.verdict.losses if loss.agent == agent]
        lost = sum(loss.hits for loss in losses)
        requests = evidence.seen[agent].requests if agent in evidence.seen else 0
        if part.hits + lost > requests:
            yield f"{agent}: {part.hits} hits + {lost} lost, the server counted {requests}"
        exact = not any(loss.at_least for loss in losses)
        if exact and requests > part.hits + lost + users:
            yield (
                f"{agent}: the server counted {requests}, {part.hits} hits + {lost} lost + "
                f"{users} users are fewer, and the loss is said to be exact"
            )
        if part.state == "LOST" and evidence.verdict.exit_code != INCOMPLETE:
            yield f"{agent} is lost, and the verdict is {evidence.verdict.exit_code}"


def _spared(evidence: Evidence, victims: tuple[str, ...]) -> Iterator[str]:
    """Agents that were not struck have lost nothing at all."""
    for agent, part in evidence.verdict.parts.items():
        if agent in victims:
            continue
        requests = evidence.seen[agent].requests if agent in evidence.seen else 0
        if part.hits != requests:
            yield f"{agent}: {part.hits} hits, the server counted {requests}"
        if part.state != "FINISHED":
            yield f"{agent} is {part.state}: {part.reason}"
    for loss in evidence.verdict.losses:
        if loss.agent not in victims:
            some = "at least " if loss.at_least else ""
            yield f"{loss.agent} lost {some}{loss.hits} hits: {loss.reason}"


def _answered(evidence: Evidence) -> Iterator[str]:
    """The server answers all, so nothing goes wrong in the eyes of a user."""
    failed, wrong = evidence.verdict.failed, evidence.verdict.wrong
    if failed or wrong:
        yield f"{failed} hits failed and {wrong} iterations went wrong, and the server answers all"
