"""How batches of an active run are read: with what is known of their source."""

from __future__ import annotations

from collections.abc import Iterator

from loadgrpc.broker.run import ActiveRun
from loadgrpc.model import SourceId
from loadgrpc.protocol import batches
from loadgrpc.protocol.decoded import Decoded
from loadgrpc.v1 import runner_pb2


def reading(
    run: ActiveRun,
    source_id: SourceId,
    batch: runner_pb2.EventBatch,
    events: Decoded,
    *,
    arrival_ns: int,
    skip: int,
) -> Iterator[None]:
    """Decodes a batch of a source without the first `skip`, into `events`.

    It does so in steps between which others may have their turn. The batches of a source are read
    in their order: whether iterations are fed with cases is known from those before.
    """
    part = run.part_of(source_id)
    source = part.sources[source_id]
    fed = source.has_rules or part.scenario.cases is not None
    yield from batches.decoding(batch, events, arrival_ns=arrival_ns, skip=skip, fed=fed)
    source.has_rules = source.has_rules or bool(events.rules)
