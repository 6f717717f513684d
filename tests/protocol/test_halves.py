"""A batch in two: nothing is lost, nothing is twice, and the order stays."""

import pytest

from loadgrpc.protocol.batches import decode
from loadgrpc.protocol.halves import halves
from loadgrpc.v1 import event_pb2, runner_pb2

BASE = {"seconds": 1_700_000_000}


def batch(rows, hits, tests):
    """A batch of rows, hits in two blocks, and iterations."""
    made = runner_pb2.EventBatch()
    for number in range(rows):
        made.events.add().counter.name = f"c{number}"
    for count in (hits // 2, hits - hits // 2):
        if count:
            made.hit_blocks.add(
                count=count,
                base_time=BASE,
                labels=[event_pb2.HitLabel(name="a"), event_pb2.HitLabel(name="b")],
                label=bytes(at % 2 for at in range(count)),
                elapsed_ns=b"".join((1_000 + at).to_bytes(2, "little") for at in range(count)),
            )
    if tests:
        made.test_blocks.add(
            count=tests,
            base_time=BASE,
            labels=[event_pb2.TestLabel(test="t", outcome="TEST_OUTCOME_SUCCESS")],
            user=bytes(range(tests)),
        )
    return made


def told(message):
    """What a batch says, entry by entry, with what is rejected of it."""
    decoded = decode(message, arrival_ns=0)
    hits = [
        (block.labels[label].name, int(elapsed_ns))
        for block in decoded.hits
        for label, elapsed_ns in zip(block.label, block.elapsed_ns, strict=True)
    ]
    users = b"".join(block.user for block in message.test_blocks)
    return [*decoded.counters, *hits, *users, *decoded.violations]


@pytest.mark.parametrize(
    ("rows", "hits", "tests"),
    [(2, 0, 0), (5, 0, 0), (0, 7, 0), (0, 0, 3), (1, 6, 2), (9, 2, 1), (1, 1, 9), (4, 4, 4)],
)
def test_both_halves_say_what_the_batch_said(rows, hits, tests):
    """One after the other they say the same, and each has half of it."""
    whole = batch(rows, hits, tests)
    before, after = halves(whole)
    count = rows + hits + tests

    assert told(before) + told(after) == told(whole)
    assert len(told(before)) == count // 2
    assert len(told(after)) == count - count // 2
