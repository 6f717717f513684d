"""A summary that every client can receive: long ones are cut, step by step, until they fit.

Rule: counts and figures stay, texts go first: tracebacks, then messages and names (which stay
distinct), then figures of single agents that are also in the totals. Most summaries are small,
and stay as they are.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

from loadgrpc.protocol import bounds
from loadgrpc.protocol.fitting import MAX_UINT64
from loadgrpc.protocol.short_names import short_name
from loadgrpc.v1 import run_pb2

TEXT_STEPS: Final = (1_024, 256, 64)
"""Characters to which texts are cut, one after the other."""
MAX_LOSSES: Final = 1_000
MAX_MISMATCHES: Final = 100
OTHER_REASONS: Final = "(other reasons)"
_KEPT: Final = {"run_id", "agent_id"}
_TOLD: Final = (
    "names",
    "failures",
    "errors",
    "hit_errors",
    "agents",
    "accounting",
    "troubles",
    "verdict",
    "scenarios",
    "cycles",
    "sockets",
)


def shrink(summary: run_pb2.RunSummary, most: int = bounds.MAX_ANSWER_BYTES) -> None:
    """Makes a summary of at most `most` bytes of one that may be larger."""
    if summary.ByteSize() <= most:
        return
    _few_losses(summary.accounting)
    for group in (*summary.failures[1:], *summary.errors[1:]):
        group.exception.ClearField("traceback")
    for chars in TEXT_STEPS:
        if summary.ByteSize() <= most:
            return
        for name in _TOLD:
            _cut(summary, name, chars)
        counters = {short_name(key, chars): value for key, value in summary.counters.items()}
        summary.ClearField("counters")
        summary.counters.update(counters)
    for agent in summary.agents:
        if summary.ByteSize() <= most:
            return
        for field in ("generator", "load_error", "reason"):
            agent.ClearField(field)
    over = summary.ByteSize() - most
    while over > 0 and summary.agents:
        over -= summary.agents[-1].ByteSize() + 4
        del summary.agents[-1]


def _cut(message: Any, name: str, chars: int) -> None:
    """Cuts the texts of a field, and of all that is in it."""
    field = message.DESCRIPTOR.fields_by_name[name]
    value = getattr(message, name)
    if field.type == FieldDescriptor.TYPE_STRING:
        if field.is_repeated:
            texts = [bounds.kept_chars(each, chars) for each in value]
            message.ClearField(name)
            getattr(message, name).extend(texts)
        elif len(value) > chars and name not in _KEPT:
            setattr(message, name, short_name(value, chars))
    elif field.type == FieldDescriptor.TYPE_MESSAGE and not _is_map(field):
        for each in value if field.is_repeated else [value] if message.HasField(name) else []:
            for inner, _ in each.ListFields():
                _cut(each, inner.name, chars)


def _is_map(field: Any) -> bool:
    return bool(field.message_type.GetOptions().map_entry)


def _few_losses(accounting: run_pb2.Accounting) -> None:
    """Losses of all agents for one reason are one, when they are too many; the sum stays."""
    del accounting.mismatches[MAX_MISMATCHES:]
    if len(accounting.losses) <= MAX_LOSSES:
        return
    merged: dict[str, run_pb2.Loss] = {}
    for loss in accounting.losses:
        reason = loss.reason
        if reason not in merged and len(merged) >= MAX_LOSSES:
            reason = OTHER_REASONS
        known = merged.setdefault(reason, run_pb2.Loss(reason=reason))
        known.count = min(known.count + loss.count, MAX_UINT64)
        known.hits = min(known.hits + loss.hits, MAX_UINT64)
        known.at_least |= loss.at_least
    del accounting.losses[:]
    accounting.losses.extend(merged.values())
