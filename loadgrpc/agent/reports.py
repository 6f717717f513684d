"""What an agent has to report to the broker about its parts: readiness, waiting users, ends.

Rule: pure, and constant work for each message. Each message is sent once on a stream; on a new
stream everything is sent again that still matters: an end until the broker has noted it, that a
part is ready until its cycle begins, how many users had to wait until the part is over, and
what is done before runners can start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from loadgrpc.agent.folder import RunnerFolder
from loadgrpc.protocol.fleet import ExitNoted, HeldBack, held_back_to_proto
from loadgrpc.v1 import fleet_pb2

PartKey = tuple[str, str]
"""Run and scenario."""
_ExitKey = tuple[str, str, str]
"""Run, scenario and runner."""


@dataclass(frozen=True)
class RunnerEnd:
    """How a runner ended, and its folder, if it had one."""

    message: fleet_pb2.RunnerExit
    folder: RunnerFolder | None = None


class Reports:
    """See the module. `on_news` is called when there is something to send."""

    def __init__(self, on_news: Callable[[], None]) -> None:
        self._on_news = on_news
        self._ended: dict[_ExitKey, RunnerEnd] = {}
        """Ends that the broker has not noted."""
        self._of_part: Counter[PartKey] = Counter()
        """How many of these each part has."""
        self._ready: dict[PartKey, int] = {}
        """Cycles that parts are ready for and that have not begun."""
        self._held_back: dict[PartKey, HeldBack] = {}
        self._preparing: dict[str, str] = {}
        """What is being done for runs before their runners can start."""
        self._shown_preparing: dict[str, str] = {}
        """What of this was sent on this stream."""
        # What of these was not sent on this stream, in order.
        self._unsent_ends: dict[_ExitKey, None] = {}
        self._unsent_ready: dict[PartKey, None] = {}
        self._unsent_held: dict[PartKey, None] = {}
        self._unsent_preparing: dict[str, None] = {}
        self._counted: dict[PartKey, None] = {}
        """Parts whose counts are to be sent with the next heartbeat."""

    def __bool__(self) -> bool:
        """Whether the broker has an end still to note."""
        return bool(self._ended)

    def has(self, part: PartKey) -> bool:
        """Whether it has one of this part."""
        return part in self._of_part

    def ready(self, part: PartKey, cycle: int) -> None:
        """A part is ready for a cycle."""
        self._ready[part] = cycle
        self._unsent_ready[part] = None
        self._on_news()

    def preparing(self, run_id: str, doing: str) -> None:
        """What is being done before runners of a run can start; empty: nothing any more.

        It is sent with heartbeats, so that what takes no time is not sent at all.
        """
        if doing:
            self._preparing[run_id] = doing
        else:
            self._preparing.pop(run_id, None)

    def begun(self, part: PartKey) -> None:
        """It waits for no cycle any more."""
        self._ready.pop(part, None)
        self._unsent_ready.pop(part, None)

    def held_back(self, part: PartKey, now: HeldBack) -> None:
        """Users of a part have to wait, or no longer; mere counts are sent with the next heartbeat.

        So a thousand users that start late cost a few messages.
        """
        before = self._held_back.get(part, HeldBack())
        if now == before or not (now.total or before.total):
            return
        self._held_back[part] = now
        self._counted[part] = None
        if bool(now.waiting) != bool(before.waiting):
            self.beat()
            self._on_news()

    def beat(self) -> None:
        """It is time for a heartbeat."""
        self._unsent_held |= self._counted
        self._counted.clear()
        for run_id in self._preparing.keys() | self._shown_preparing.keys():
            if self._preparing.get(run_id, "") != self._shown_preparing.get(run_id, ""):
                self._unsent_preparing[run_id] = None

    def ended(self, message: fleet_pb2.RunnerExit, folder: RunnerFolder | None = None) -> None:
        """A runner, or with it the part, has ended."""
        key = (message.run_id, message.scenario, message.runner_id)
        if key not in self._ended:
            self._of_part[key[:2]] += 1
        self._ended[key] = RunnerEnd(message, folder)
        if message.last:
            self.beat()
        self._unsent_ends[key] = None
        self._on_news()

    def noted(self, noted: ExitNoted) -> RunnerEnd | None:
        """The broker has noted an end; None: it has done so before."""
        key = (noted.run_id, noted.scenario, noted.runner_id)
        self._unsent_ends.pop(key, None)
        ended = self._ended.pop(key, None)
        if ended is not None:
            part = key[:2]
            self._of_part[part] -= 1
            if not self._of_part[part]:
                del self._of_part[part]
        return ended

    def over(self, part: PartKey) -> None:
        """Nothing of a part is left."""
        self.begun(part)
        self._held_back.pop(part, None)
        self._counted.pop(part, None)
        self._unsent_held.pop(part, None)

    def connected(self) -> None:
        """A new stream begins."""
        self._unsent_ends = dict.fromkeys(self._ended)
        self._unsent_ready = dict.fromkeys(self._ready)
        self._unsent_held = dict.fromkeys(self._held_back)
        self._shown_preparing.clear()

    def unsent(self) -> Iterator[fleet_pb2.ConnectRequest]:
        """Takes what is to be sent, in order; what a part says comes before its end."""
        while (
            self._unsent_preparing or self._unsent_ready or self._unsent_held or self._unsent_ends
        ):
            if self._unsent_preparing:
                run_id = _first(self._unsent_preparing)
                doing = self._preparing.get(run_id, "")
                yield _preparing(run_id, doing)
                if doing:
                    self._shown_preparing[run_id] = doing
                else:
                    self._shown_preparing.pop(run_id, None)
            elif self._unsent_ready:
                part = _first(self._unsent_ready)
                yield _ready(part, self._ready[part])
            elif self._unsent_held:
                part = _first(self._unsent_held)
                yield _held_back(part, self._held_back[part])
            else:
                ended = self._ended[_first(self._unsent_ends)]
                yield fleet_pb2.ConnectRequest(runner_exit=ended.message)


def _first(unsent: dict[Any, None]) -> Any:
    """Takes the key that was put there first."""
    key = next(iter(unsent))
    del unsent[key]
    return key


def _ready(part: PartKey, cycle: int) -> fleet_pb2.ConnectRequest:
    run_id, scenario = part
    ready = fleet_pb2.AssignmentReady(run_id=run_id, scenario=scenario, cycle=cycle)
    return fleet_pb2.ConnectRequest(ready=ready)


def _preparing(run_id: str, doing: str) -> fleet_pb2.ConnectRequest:
    preparing = fleet_pb2.AssignmentPreparing(run_id=run_id, doing=doing)
    return fleet_pb2.ConnectRequest(preparing=preparing)


def _held_back(part: PartKey, held: HeldBack) -> fleet_pb2.ConnectRequest:
    return fleet_pb2.ConnectRequest(held_back=held_back_to_proto(*part, held))
