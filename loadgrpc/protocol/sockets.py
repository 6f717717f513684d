"""The figures of sockets, as messages and back."""

from __future__ import annotations

from typing import Final

from loadgrpc import model
from loadgrpc.protocol.figures import elapsed_from_proto, elapsed_to_proto
from loadgrpc.protocol.fitting import fit
from loadgrpc.v1 import control_pb2, run_pb2

COUNTS: Final = ("opened", "closed", "broken", "messages_sent", "messages_received")
SIZES: Final = ("bytes_sent", "bytes_received")
_FIGURES: Final = (*COUNTS, *SIZES, "sent_rate", "received_rate")
_PROGRESS: Final = (
    *("open", "broken", "messages_sent", "messages_received", "sent_rate", "received_rate"),
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
