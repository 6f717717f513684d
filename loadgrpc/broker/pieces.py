"""Blocks of hits and iterations taken apart: by second, and by the rule or the agent they are of.

Rule: a batch that is about very many of them is added up in several turns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice, pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import TestOutcome
from loadgrpc.protocol.decoded import Column, HitLabel, Hits, IterationLabel, Iterations
from loadgrpc.stats.rules import AgentName, RuleName, RuleStats
from loadgrpc.stats.timeline import Timeline

PIECES_A_TURN: Final = 500
"""Entries of one second, one name and one kind are added together: as many times without a turn for
others."""
_ANSWERED: Final = 1
_FAILED: Final = 2

Name = RuleName | AgentName
Piece = Callable[[], None]
"""Adds the entries of a block that are of one second, one name and one kind."""


class Pieces:
    """Adds pieces, the first ones at once, and further ones by `catch_up`."""

    def __init__(self) -> None:
        self._put_off: deque[Piece] = deque()

    def add(self, pieces: Iterable[Piece]) -> None:
        """Adds some, or puts them off."""
        pieces = iter(pieces)
        for piece in islice(pieces, PIECES_A_TURN):
            piece()
        self._put_off.extend(pieces)

    def catch_up(self) -> bool:
        """Adds some of what was put off; whether there is more."""
        for _ in range(min(PIECES_A_TURN, len(self._put_off))):
            self._put_off.popleft()()
        return bool(self._put_off)


def pieces_of(
    timeline: Timeline,
    block: Hits | Iterations,
    of: NDArray[np.integer[Any]],
    names: Mapping[int, Name],
    *,
    arrival_ns: int,
    ahead_ns: int,
) -> Iterator[Piece]:
    """The pieces of a block.

    Args:
        timeline: What they are added to.
        block: The block, by the clock of its agent.
        of: Of each entry, the number of its name; 0: it has none.
        names: The names by number.
        arrival_ns: When it came (wall clock). Nothing ends after that, whatever a clock says.
        ahead_ns: How far the clock of its agent is ahead of ours.
    """
    named = np.flatnonzero(of)
    if not named.size:
        return
    end_ns = block.start_ns[named] + block.elapsed_ns[named]
    second = (end_ns - max(ahead_ns, int(end_ns.max()) - arrival_ns)) // NS_PER_S
    number = of[named]
    kind = np.array([_kind(label) for label in block.labels], np.int64)[block.label[named]]
    order = np.lexsort((kind, number, second))
    sorted_by = np.stack((second[order], number[order], kind[order]))
    changes = np.flatnonzero(np.any(np.diff(sorted_by), axis=0)) + 1
    for first, end in pairwise([0, *changes.tolist(), named.size]):
        at, which_name, what = sorted_by[:, first].tolist()
        if which_name not in names:
            continue
        name, which = names[which_name], named[order[first:end]]
        if isinstance(block, Hits):
            yield partial(_add_hits, timeline, at, name, what, block, which)
        else:
            yield partial(_add_iterations, timeline, at, name, TestOutcome(what), block, which)


def stats_of(timeline: Timeline, second: int, name: Name) -> RuleStats:
    """What a rule or an agent adds up to in a second, to be added to."""
    window = timeline.window(second)
    return window.agent(name) if isinstance(name, AgentName) else window.rule(name)


def _kind(label: HitLabel | IterationLabel) -> int:
    """What entries that are added together have in common besides their name."""
    if isinstance(label, IterationLabel):
        return int(label.outcome)
    return _ANSWERED * label.answered + _FAILED * label.failed


def _add_iterations(  # noqa: PLR0917 - as it comes from the pieces
    timeline: Timeline,
    second: int,
    name: Name,
    outcome: TestOutcome,
    block: Iterations,
    which: Column,
) -> None:
    stats = stats_of(timeline, second, name)
    stats.outcomes[outcome] += which.size
    if outcome is not TestOutcome.INTERRUPTED:
        stats.time.add(block.elapsed_ns[which])


def _add_hits(  # noqa: PLR0917 - as it comes from the pieces
    timeline: Timeline, second: int, name: Name, kind: int, block: Hits, which: Column
) -> None:
    delay_ns = None if block.delay_ns is None else block.delay_ns[which]
    stats_of(timeline, second, name).hits.add(
        elapsed_ns=block.elapsed_ns[which],
        failed=which.size if kind & _FAILED else 0,
        answered=bool(kind & _ANSWERED),
        bytes_sent=int(block.bytes_sent[which].sum()),
        bytes_received=int(block.bytes_received[which].sum()),
        delay_ns=delay_ns if delay_ns is not None and delay_ns.any() else None,
    )
