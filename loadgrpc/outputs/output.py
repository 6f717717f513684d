"""What an output is, and what it gets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar, Protocol

from loadgrpc.model import Change, Summary, TimelineWindow
from loadgrpc.outputs.destination import Destination
from loadgrpc.v1.control_pb2 import ListedEvent


class OutputError(Exception):
    """Why an output cannot be written, as a sentence without its full stop."""


class Results(Protocol):
    """The results of a run that is over. Its methods raise OutputError if they cannot be read."""

    @property
    def summary(self) -> Summary:
        """All figures of the run, as `loadgrpc.model` has them; times are in nanoseconds."""

    def windows(
        self,
        resolution_s: float = 1.0,
        *,
        series: bool = True,
        by_name: bool = False,
        distribution: bool = False,
    ) -> AsyncIterator[TimelineWindow]:
        """The run by time, in order; windows are longer where shorter ones are not kept any more.

        `series`: whether they contain the figures of each scenario, name and class of statuses, or,
        with `by_name`, of each scenario and name. `distribution`: whether they say how response
        times are distributed.
        """

    async def changes(self) -> Sequence[Change]:
        """What happened to the run, in order: its log."""

    def events(self, *kinds: str) -> AsyncIterator[ListedEvent]:
        """What runners reported, in the order in which it was stored; some kinds, or all.

        One pass over a large run takes long: an output that reads events sets `reads_events`.
        """

    def line(self, event: ListedEvent) -> str:
        """The event as a line of JSON, as `loadgrpc events --json` prints it."""


class Output(ABC):
    """One output of a command line: `--output NAME=TARGET` makes one of the class named NAME.

    It is made and checked before the run begins, and written once, when the run is over. Methods
    raise OutputError, or OSError, if they cannot do what they should; others are written then all
    the same, and the command says so and does not exit with 0.
    """

    reads_events: ClassVar[bool] = False
    """Whether `write` reads events. A run on this machine keeps them only if somebody does."""

    def __init__(self, target: str) -> None:
        """`target`: what follows NAME= on the command line. Empty: nothing was given."""
        self.target = target

    @property
    def destinations(self) -> Sequence[Destination]:
        """The files that are written, so that no other output of the command writes to one."""
        return ()

    def check(self) -> None:
        """Sees, before the run begins, that the output can be written when it is over."""
        for file in self.destinations:
            file.check()

    @abstractmethod
    async def write(self, results: Results) -> None:
        """Writes the output."""


class FileOutput(Output):
    """An output that is one file; `-` stands for standard output."""

    default: ClassVar[str]
    """The file that is written if no other is named."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.file = Destination(target or self.default)

    @property
    def destinations(self) -> Sequence[Destination]:
        """See Output."""
        return (self.file,)
