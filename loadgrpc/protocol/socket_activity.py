"""What runners report of sockets, from its message."""

from __future__ import annotations

from typing import Final

import numpy as np

from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol import bounds
from loadgrpc.protocol.columns import MAX_SIZE
from loadgrpc.protocol.decoded import Sockets
from loadgrpc.protocol.short_names import short_name
from loadgrpc.protocol.sockets import COUNTS, SIZES
from loadgrpc.protocol.times import MAX_NS
from loadgrpc.stats.sockets import SocketStats
from loadgrpc.v1 import event_pb2

_WEBSOCKET: Final = "websocket"


def read_sockets(message: event_pb2.SocketActivity, time_ns: int) -> Sockets:
    """What a runner reports of sockets at a time.

    Raises:
        InvalidRequest: it breaks a rule of event.proto.
    """
    if not message.name:
        raise InvalidRequest("needs a name")
    if not any(getattr(message, name) for name in COUNTS):
        raise InvalidRequest("counts nothing")
    if any(getattr(message, name) > MAX_SIZE for name in SIZES):
        raise InvalidRequest(f"a size is over {MAX_SIZE}")
    bounds.check(message)
    stats = SocketStats(**{name: getattr(message, name) for name in (*COUNTS, *SIZES)})
    if gaps := len(message.gaps_ns):
        counts = np.array(message.gap_counts or [1] * gaps, np.int64)
        if len(counts) != gaps:
            raise InvalidRequest(f"there are {gaps} gaps_ns, and {len(counts)} gap_counts")
        if max(message.gaps_ns) > MAX_NS:
            raise InvalidRequest(f"a gap is over {MAX_NS} ns")
        if not counts.all():
            raise InvalidRequest("a gap count is 0")
        if counts.sum() > message.messages_received:
            raise InvalidRequest("there are more gaps than messages")
        stats.gaps.add_counted(np.array(message.gaps_ns, np.int64), counts)
    elif message.gap_counts:
        raise InvalidRequest(f"there are 0 gaps_ns, and {len(message.gap_counts)} gap_counts")
    protocol = "" if message.protocol == _WEBSOCKET else message.protocol
    return Sockets(short_name(message.name), protocol[: bounds.MAX_PROTOCOL_CHARS], stats, time_ns)
