"""What runners report of sockets, and the figures of them: from messages and to them."""

from __future__ import annotations

from typing import Final

import numpy as np

from loadgrpc import model
from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol import bounds
from loadgrpc.protocol.columns import MAX_SIZE
from loadgrpc.protocol.decoded import Sockets
from loadgrpc.protocol.figures import elapsed_from_proto, elapsed_to_proto
from loadgrpc.protocol.fitting import fit
from loadgrpc.protocol.times import MAX_NS
from loadgrpc.stats.sockets import SocketStats
from loadgrpc.v1 import control_pb2, event_pb2, run_pb2

_WEBSOCKET: Final = "websocket"
_COUNTS: Final = ("opened", "closed", "broken", "messages_sent", "messages_received")
_SIZES: Final = ("bytes_sent", "bytes_received")
_FIGURES: Final = (*_COUNTS, *_SIZES, "sent_rate", "received_rate")
_PROGRESS: Final = (
    *("open", "broken", "messages_sent", "messages_received", "sent_rate", "received_rate"),
)


def read_sockets(message: event_pb2.SocketActivity, time_ns: int) -> Sockets:
    """What a runner reports of sockets at a time.

    Raises:
        InvalidRequest: it breaks a rule of event.proto.
    """
    if not message.name:
        raise InvalidRequest("needs a name")
    if not any(getattr(message, name) for name in _COUNTS):
        raise InvalidRequest("counts nothing")
    if any(getattr(message, name) > MAX_SIZE for name in _SIZES):
        raise InvalidRequest(f"a size is over {MAX_SIZE}")
    bounds.check(message)
    stats = SocketStats(**{name: getattr(message, name) for name in (*_COUNTS, *_SIZES)})
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
    return Sockets(
        bounds.short_name(message.name), protocol[: bounds.MAX_PROTOCOL_CHARS], stats, time_ns
    )


def summary_sockets_to_proto(sockets: model.SocketSummary) -> run_pb2.SocketSummary:
    """The sockets of a run as their message."""
    return run_pb2.SocketSummary(
        total=_figures_to_proto(sockets.total),
        names=[
            run_pb2.SocketNameFigures(
                name=entry.name,
                protocol=entry.protocol,
                scenario=entry.scenario,
                sockets=_figures_to_proto(entry.sockets),
            )
            for entry in sockets.names
        ],
    )


def summary_sockets_from_proto(message: run_pb2.SocketSummary) -> model.SocketSummary:
    """The sockets of a run from their message."""
    return model.SocketSummary(
        total=_figures_from_proto(message.total),
        names=tuple(
            model.SocketNameFigures(
                name=entry.name,
                protocol=entry.protocol,
                scenario=entry.scenario,
                sockets=_figures_from_proto(entry.sockets),
            )
            for entry in message.names
        ),
    )


def _figures_to_proto(figures: model.SocketFigures) -> run_pb2.SocketFigures:
    return fit(
        run_pb2.SocketFigures,
        **{name: getattr(figures, name) for name in _FIGURES},
        gaps=elapsed_to_proto(figures.gaps),
    )


def _figures_from_proto(message: run_pb2.SocketFigures) -> model.SocketFigures:
    return model.SocketFigures(
        **{name: getattr(message, name) for name in _FIGURES},
        gaps=elapsed_from_proto(message.gaps),
    )


def socket_progress_to_proto(sockets: model.SocketProgress) -> control_pb2.SocketProgress:
    """Current figures of sockets as their message."""
    return fit(control_pb2.SocketProgress, **{name: getattr(sockets, name) for name in _PROGRESS})


def socket_progress_from_proto(message: control_pb2.SocketProgress) -> model.SocketProgress:
    """Current figures of sockets from their message."""
    return model.SocketProgress(**{name: getattr(message, name) for name in _PROGRESS})
