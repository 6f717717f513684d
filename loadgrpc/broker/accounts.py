"""What became of the events of a run: produced = committed + rejected + lost.

Rule: pure; sums over the parts, those of runners that have ended included.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial

from loadgrpc.broker.part import Key, Part
from loadgrpc.model import Accounting


def accounting_of(
    parts: Collection[Part], hits_of: Callable[[Key, str], int], rejections: Iterable[str]
) -> Accounting:
    """The accounts of some parts; `hits_of` has the hits of a runner of a part."""
    sources = [source for part in parts for source in part.sources.values()]
    past = [part.past for part in parts]
    return Accounting(
        committed=sum(each.stored.committed for each in sources)
        + sum(each.committed for each in past),
        duplicates=sum(each.ledger.duplicates for each in sources)
        + sum(each.duplicates for each in past),
        rejected=sum(each.stored.rejected for each in sources)
        + sum(each.rejected for each in past),
        losses=tuple(loss for part in parts for loss in part.losses(partial(hits_of, part.key))),
        mismatches=tuple(
            f"agent {part.agent_id}: {message}" for part in parts for message in part.mismatches
        ),
        rejections=tuple(rejections),
    )
