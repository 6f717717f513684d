"""Moments, as tools print them (RFC 3339) and as the protocol has them."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp

_PARTS = re.compile(r"(.{19})(?:\.(\d+))?(.*)")


def nanoseconds(text: str) -> int:
    """`2026-07-13T17:32:38.605870576+02:00` in nanoseconds since 1970."""
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} is no moment")
    second, fraction, zone = parts.groups()
    return _seconds(second + zone) * 1_000_000_000 + int((fraction or "").ljust(9, "0")[:9])


@lru_cache(maxsize=64)
def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def timestamp(ns: int) -> Timestamp:
    """A moment, from nanoseconds since 1970."""
    return Timestamp(seconds=ns // 1_000_000_000, nanos=ns % 1_000_000_000)
