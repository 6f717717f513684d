"""A batch that is too large, split in two: rows and blocks are cut in the middle.

Rule: pure. Both halves together equal the batch, in the same order; blocks that are cut keep
their labels.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from loadgrpc.protocol import home
from loadgrpc.v1 import runner_pb2


def halves(batch: runner_pb2.EventBatch) -> tuple[runner_pb2.EventBatch, runner_pb2.EventBatch]:
    """The two halves of a batch, without numbers; of an odd number the second has one more."""
    before, after = runner_pb2.EventBatch(), runner_pb2.EventBatch()
    room = home.known(batch) // 2
    before.events.extend(batch.events[:room])
    after.events.extend(batch.events[room:])
    room -= len(before.events)
    for name in ("hit_blocks", "test_blocks"):
        for block in getattr(batch, name):
            _cut(block, room, getattr(before, name), getattr(after, name))
            room = max(0, room - block.count)
    return before, after


def _cut(block: Any, at: int, before: Any, after: Any) -> None:
    """Adds the first `at` entries of a block to one list, and the rest to another."""
    at = min(at, block.count)
    for blocks, start, end in ((before, 0, at), (after, at, block.count)):
        if end > start:
            part = blocks.add()
            part.CopyFrom(block)
            part.count = end - start
            for field, value in block.ListFields():
                if field.type == FieldDescriptor.TYPE_BYTES:
                    width = len(value) // block.count
                    setattr(part, field.name, value[start * width : end * width])
