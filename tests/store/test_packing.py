"""Payloads, packed: the same again, and small."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.store import packing
from loadgrpc.store.packing import Packing, pack, unpack
from loadgrpc.v1 import event_pb2, runner_pb2

COUNT = 20_000


def served(count=COUNT):
    """A batch as the Python runner sends it: hits and iterations of many users."""
    chance = np.random.default_rng(4)
    elapsed = chance.lognormal(np.log(5e6), 0.7, count).astype("<u4")
    start = np.cumsum(chance.integers(0, 20_000, count)).astype("<u4")
    user = chance.integers(1, 201, count).astype("<u1").tobytes()
    iteration = (np.arange(count) // 200).astype("<u2").tobytes()
    hits = event_pb2.HitBlock(
        count=count,
        labels=[event_pb2.HitLabel(name="/", method="GET", status=200)],
        start_ns=start.tobytes(),
        elapsed_ns=elapsed.tobytes(),
        first_byte_ns=(elapsed - chance.integers(500, 5_000, count)).astype("<u4").tobytes(),
        bytes_sent=np.full(count, 147, "<u1").tobytes(),
        bytes_received=np.full(count, 171, "<u1").tobytes(),
        user=user,
        iteration=iteration,
    )
    return runner_pb2.EventBatch(first_sequence=7, hit_blocks=[hits])


def there_and_back(payload):
    """How a payload was packed; it comes back as it was."""
    packed = pack(payload)
    assert unpack(packed.packing, packed.payload) == payload
    return packed


def test_blocks_become_small():
    """Of 17 bytes a hit, less than 10 are left."""
    payload = served().SerializeToString()
    packed = there_and_back(payload)
    assert packed.packing is Packing.COLUMNS
    assert len(payload) > 17 * COUNT
    assert len(packed.payload) < 10 * COUNT


def test_ten_million_hits_are_within_their_room():
    """Hits as they come in blocks of the usual size: 10 million take less than 150 MB."""
    packed = there_and_back(served(5_000).SerializeToString())
    assert len(packed.payload) / 5_000 * 10e6 < 150e6


@pytest.mark.parametrize(
    "payload", [b"", b"x", b"payload" * 10, random.Random(4).randbytes(99_999)]
)
def test_anything_comes_back(payload):
    """What is no batch comes back too, and takes no more than it did."""
    packed = there_and_back(payload)
    assert packed.packing in {Packing.PLAIN, Packing.ZLIB}
    assert len(packed.payload) <= len(payload)


def test_rows_are_squeezed():
    """A batch without columns goes through zlib."""
    rows = [event_pb2.Event(counter=event_pb2.Counter(name=f"count {n}")) for n in range(5_000)]
    packed = there_and_back(runner_pb2.EventBatch(events=rows).SerializeToString())
    assert packed.packing is Packing.ZLIB


def test_batch_of_another_hand():
    """A batch whose bytes are in another order than ours would be comes back as it was."""
    ours = served().SerializeToString()
    number = runner_pb2.EventBatch(first_sequence=7).SerializeToString()
    other = ours.removeprefix(number) + number
    assert runner_pb2.EventBatch.FromString(other) == runner_pb2.EventBatch.FromString(ours)
    assert there_and_back(other).packing is Packing.ZLIB


def test_malformed_columns_stay():
    """A column that does not fit its block, which somebody may send, comes back as it was."""
    batch = served()
    batch.hit_blocks[0].elapsed_ns = b"123"
    batch.hit_blocks[0].user = b"1" * 3 * COUNT
    batch.hit_blocks.add(count=0, label=b"left")
    batch.test_blocks.add(count=5, start_ns=b"12345" * 8, label=b"12345")
    assert there_and_back(batch.SerializeToString()).packing is Packing.COLUMNS


def test_what_comes_later_stays():
    """Fields and columns that this version does not know come back."""
    later = b"\xf2\x3f" + b"\x03new"  # field 1022 of the batch
    assert there_and_back(served().SerializeToString() + later).packing is Packing.COLUMNS


@st.composite
def batches(draw):
    """Batches with columns of any width and any values, at the ends of their types too."""
    batch = runner_pb2.EventBatch(first_sequence=draw(st.integers(0, 2**63)))
    kinds = ((batch.hit_blocks, packing._HIT_COLUMNS), (batch.test_blocks, packing._TEST_COLUMNS))
    for blocks, names in kinds:
        for _ in range(draw(st.integers(0, 2))):
            count = draw(st.integers(1, 40))
            block = blocks.add(count=count)
            for name in names:
                width = draw(st.sampled_from([0, 1, 2, 3, 4, 8]))
                ends = st.sampled_from([b"\0" * width, b"\xff" * width])
                entry = st.one_of(ends, st.binary(min_size=width, max_size=width))
                setattr(block, name, b"".join(draw(entry) for _ in range(count)))
    return batch


@given(batches())
def test_every_batch_comes_back(batch):
    """Whatever the columns hold: numbers go round at the ends of their types, and back."""
    payload = batch.SerializeToString()
    packed = packing._pack_columns(runner_pb2.EventBatch.FromString(payload))
    assert packing._unpack_columns(memoryview(packed)) == payload
