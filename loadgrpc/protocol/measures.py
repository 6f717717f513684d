"""What tests measure beside hits, as messages and back: the fields of a summary or a window."""

from __future__ import annotations

from typing import Any, Final

from loadgrpc import model
from loadgrpc.protocol.figures import elapsed_from_proto, elapsed_to_proto
from loadgrpc.protocol.fitting import fit
from loadgrpc.v1 import control_pb2, run_pb2

_KINDS: Final[dict[str, tuple[Any, Any]]] = {
    "checks": (run_pb2.CheckFigures, model.CheckFigures),
    "transactions": (run_pb2.TransactionFigures, model.TransactionFigures),
    "measurements": (run_pb2.MeasurementFigures, model.MeasurementFigures),
    "gauges": (run_pb2.GaugeFigures, model.GaugeFigures),
}
"""The message of each field, and what it is in the model."""


def as_fields(measures: model.Measures) -> dict[str, list[Any]]:
    """The fields that a message has for them."""
    return {
        name: [_to_proto(kind, each) for each in getattr(measures, name)]
        for name, (kind, _) in _KINDS.items()
    }


def of_fields(message: run_pb2.RunSummary | control_pb2.TimelineWindow) -> model.Measures:
    """What a message has in these fields."""
    return model.Measures(
        **{
            name: tuple(_from_proto(kind, each) for each in getattr(message, name))
            for name, (_, kind) in _KINDS.items()
        }
    )


def _to_proto(kind: Any, figures: Any) -> Any:
    fields = dict(vars(figures))
    if "elapsed" in fields:
        fields["elapsed"] = elapsed_to_proto(fields["elapsed"])
    return fit(kind, **fields)


def _from_proto(kind: Any, message: Any) -> Any:
    fields = {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}
    if "elapsed" in fields:
        fields["elapsed"] = elapsed_from_proto(fields["elapsed"])
    return kind(**fields)
