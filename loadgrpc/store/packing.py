"""Payloads made small: about half of what they take on the wire.

Columns of a batch are taken apart into planes (all lowest bytes, all second bytes, …), after
starts became steps from one to the next, and times to the first byte what is left of the
elapsed time. Planes that repeat themselves go through zlib, which finds little else; those
that look like noise are kept as they are, which is where the time would go.

    packed = length of z · z = zlib(length of rest · rest · widths · kinds · planes) · noise

`rest` is the batch without its columns, `widths` has a byte for each column (0: it stayed in
`rest`), `kinds` one for each plane (1: it is noise).

Rule: what is unpacked is byte for byte what was packed, whatever it was. What is no batch with
columns, or is small, or was written by another hand than protobuf's, goes through zlib alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from loadgrpc.v1 import event_pb2, runner_pb2

Values = NDArray[np.unsignedinteger[Any]]
Block = event_pb2.HitBlock | event_pb2.TestBlock

COLUMNS_FROM: Final = 16_384
"""Bytes of a payload from which taking columns apart is worth its time."""

_LEVEL: Final = 1
_SAMPLE: Final = 512
_NOISE: Final = 12
"""In noise, the most frequent byte of a sample is rarer than one in this many."""

_HIT_COLUMNS: Final = (
    "label",
    "start_ns",
    "delay_ns",
    "elapsed_ns",
    "first_byte_ns",
    "connect_ns",
    "bytes_sent",
    "bytes_received",
    "user",
    "iteration",
    "url",
)
_TEST_COLUMNS: Final = ("label", "start_ns", "elapsed_ns", "user", "iteration")
# Columns and their order are part of what is on disk: others need another Packing.

_TYPES: Final = {width: np.dtype(f"<u{width}") for width in (1, 2, 4, 8)}


class Packing(IntEnum):
    """How a payload is kept; the numbers are on disk."""

    PLAIN = 0
    ZLIB = 1
    COLUMNS = 2


class Packed(NamedTuple):
    """A payload as it is kept."""

    packing: Packing
    payload: bytes


def pack(payload: bytes) -> Packed:
    """Make a payload small."""
    if len(payload) >= COLUMNS_FROM and (batch := _batch(payload)) is not None:
        return Packed(Packing.COLUMNS, _pack_columns(batch))
    squeezed = zlib.compress(payload, _LEVEL)
    if len(squeezed) < len(payload):
        return Packed(Packing.ZLIB, squeezed)
    return Packed(Packing.PLAIN, payload)


def unpack(packing: int, payload: bytes) -> bytes:
    """What was packed."""
    match Packing(packing):
        case Packing.PLAIN:
            return payload
        case Packing.ZLIB:
            return zlib.decompress(payload)
        case Packing.COLUMNS:
            return _unpack_columns(memoryview(payload))


def _batch(payload: bytes) -> runner_pb2.EventBatch | None:
    """The batch in a payload, if it has columns and would be written the same again."""
    try:
        batch = runner_pb2.EventBatch.FromString(payload)
    except DecodeError:
        return None
    if not (batch.hit_blocks or batch.test_blocks) or batch.SerializeToString() != payload:
        return None
    return batch


def _columns(batch: runner_pb2.EventBatch) -> Iterator[tuple[Block, str]]:
    """Every column that a batch may have, in the order in which they are kept."""
    for hits in batch.hit_blocks:
        for name in _HIT_COLUMNS:
            yield hits, name
    for tests in batch.test_blocks:
        for name in _TEST_COLUMNS:
            yield tests, name


def _pack_columns(batch: runner_pb2.EventBatch) -> bytes:
    widths, kinds = bytearray(), bytearray()
    planes: list[bytes] = []
    noise: list[bytes] = []
    taken: list[tuple[Block, str]] = []
    for block, name in _columns(batch):
        width = _width(block, getattr(block, name))
        widths.append(width)
        if not width:
            continue
        taken.append((block, name))
        values = _fold(block, name, np.frombuffer(getattr(block, name), _TYPES[width]))
        for plane in values.view(np.uint8).reshape(-1, width).T:
            is_noise = _is_noise(plane)
            kinds.append(is_noise)
            (noise if is_noise else planes).append(plane.tobytes())
    for block, name in taken:
        block.ClearField(name)
    rest = batch.SerializeToString()
    squeezed = zlib.compress(b"".join((_number(len(rest)), rest, widths, kinds, *planes)), _LEVEL)
    return b"".join((_number(len(squeezed)), squeezed, *noise))


def _unpack_columns(packed: memoryview) -> bytes:
    noise = _Reader(packed)
    inner = _Reader(memoryview(zlib.decompress(noise.take(noise.number()))))
    batch = runner_pb2.EventBatch.FromString(inner.take(inner.number()))
    columns = list(_columns(batch))
    widths = inner.take(len(columns))
    kinds = iter(inner.take(sum(widths)))
    for (block, name), width in zip(columns, widths, strict=True):
        if not width:
            continue
        planes = np.empty((block.count, width), np.uint8)
        for place in range(width):
            plane = (noise if next(kinds) else inner).take(block.count)
            planes[:, place] = np.frombuffer(plane, np.uint8)
        values = planes.reshape(-1).view(_TYPES[width])
        setattr(block, name, _unfold(block, name, values).tobytes())
    return batch.SerializeToString()


def _width(block: Block, column: bytes) -> int:
    """Bytes an entry; 0: there is none, or it is malformed and stays where it is."""
    if not column or not block.count or len(column) % block.count:
        return 0
    width = len(column) // block.count
    return width if width in _TYPES else 0


def _fold(block: Block, name: str, values: Values) -> Values:
    """What varies less than `values`, and has the same type; numbers go round at its end."""
    if name == "start_ns":
        signed = np.diff(values, prepend=values.dtype.type(0)).view(f"<i{values.itemsize}")
        return (signed << 1 ^ signed >> (8 * values.itemsize - 1)).view(values.dtype)
    if (elapsed := _elapsed(block, name, values)) is not None:
        return elapsed - values
    return values


def _unfold(block: Block, name: str, values: Values) -> Values:
    """The values that were folded."""
    if name == "start_ns":
        return np.cumsum(values >> 1 ^ -(values & 1), dtype=values.dtype)
    if (elapsed := _elapsed(block, name, values)) is not None:
        return elapsed - values
    return values


def _elapsed(block: Block, name: str, values: Values) -> Values | None:
    """The column that times to the first byte are subtracted from, if it has their type."""
    if name != "first_byte_ns" or _width(block, block.elapsed_ns) != values.itemsize:
        return None
    return np.frombuffer(block.elapsed_ns, values.dtype)


def _is_noise(plane: NDArray[np.uint8]) -> bool:
    sample = plane[:_SAMPLE]
    return bool(np.bincount(sample).max() * _NOISE < len(sample))


def _number(value: int) -> bytes:
    return value.to_bytes(4, "little")


class _Reader:
    """Bytes, read from the front."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._at = 0

    def take(self, count: int) -> bytes:
        self._at += count
        return bytes(self._content[self._at - count : self._at])

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little")
