"""What runners report, as messages and back; whole batches are in `batches.py`."""

from __future__ import annotations

from typing import Final

from loadgrpc import model
from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol import bounds
from loadgrpc.protocol.short_names import short_name
from loadgrpc.protocol.times import duration_from_proto, duration_to_proto
from loadgrpc.v1 import event_pb2


def exception_to_proto(exception: model.ExceptionInfo) -> event_pb2.ExceptionInfo:
    """An exception as its message."""
    return event_pb2.ExceptionInfo(
        type=exception.type, message=exception.message, traceback=exception.traceback
    )


def exception_from_proto(message: event_pb2.ExceptionInfo) -> model.ExceptionInfo:
    """An exception from its message, cut to what is kept of one."""
    return model.ExceptionInfo(
        type=bounds.kept_chars(message.type, bounds.MAX_TYPE_CHARS),
        message=bounds.kept_bytes(message.message, bounds.MAX_TEXT_BYTES),
        traceback=bounds.kept_bytes(message.traceback, bounds.MAX_TRACEBACK_BYTES),
    )


def generator_state_to_proto(state: model.GeneratorState) -> event_pb2.GeneratorState:
    """How a process kept up as its message."""
    return event_pb2.GeneratorState(
        process=state.process,
        elapsed=duration_to_proto(state.elapsed_ns),
        cpu=None if state.cpu_ns is None else duration_to_proto(state.cpu_ns),
        cores=state.cores,
        lags_ns=state.lags_ns,
        gc_pauses=state.gc_pauses,
        gc_time=duration_to_proto(state.gc_ns),
        gc_max=duration_to_proto(state.gc_max_ns),
        machine_cpu=state.machine_cpu,
        steal=state.steal,
        other_cpu=state.other_cpu,
    )


def generator_state_from_proto(message: event_pb2.GeneratorState) -> model.GeneratorState:
    """How a process kept up from its message.

    Raises:
        InvalidRequest: fields break a rule of event.proto; all of them are named.
    """
    bounds.check(message)
    state = model.GeneratorState(
        process=message.process,
        elapsed_ns=duration_from_proto(message.elapsed),
        cpu_ns=duration_from_proto(message.cpu) if message.HasField("cpu") else None,
        cores=message.cores or 1,
        lags_ns=tuple(message.lags_ns),
        gc_pauses=message.gc_pauses,
        gc_ns=duration_from_proto(message.gc_time),
        gc_max_ns=duration_from_proto(message.gc_max),
        machine_cpu=message.machine_cpu if message.HasField("machine_cpu") else None,
        steal=message.steal if message.HasField("steal") else None,
        other_cpu=message.other_cpu if message.HasField("other_cpu") else None,
    )
    most = f"must be at most {model.MAX_GENERATOR_NS // NS_PER_S} s"
    wrong = {
        "process": state.process > model.MAX_PROCESSES and f"is over {model.MAX_PROCESSES}",
        "elapsed": not 0 < state.elapsed_ns <= model.MAX_GENERATOR_NS
        and f"is required, more than 0 s, and {most}",
        "cpu": (state.cpu_ns or 0) < 0 and "is negative",
        "lags_ns": (
            len(state.lags_ns) > model.MAX_LAGS
            or max(state.lags_ns, default=0) > model.MAX_GENERATOR_NS
        )
        and f"are at most {model.MAX_LAGS}, and each {most}",
        "gc_time": not 0 <= state.gc_ns <= model.MAX_GENERATOR_NS and f"{most}, and not negative",
        "gc_max": not 0 <= state.gc_max_ns <= model.MAX_GENERATOR_NS
        and f"{most}, and not negative",
        **{
            field: not 0 <= (getattr(state, field) or 0) <= 1 and "must be from 0 to 1"
            for field in ("machine_cpu", "steal", "other_cpu")
        },
    }
    if violations := [Violation(field, detail) for field, detail in wrong.items() if detail]:
        raise InvalidRequest(violations)
    return state


def data_use_to_proto(use: model.DataUse) -> event_pb2.DataUse:
    """What was taken from a file of rows, as its message."""
    return event_pb2.DataUse(**vars(use))


def data_use_from_proto(message: event_pb2.DataUse) -> model.DataUse:
    """What was taken from a file of rows, from its message.

    Raises:
        InvalidRequest: fields break a rule of event.proto; all of them are named.
    """
    known = int(message.mode) in list(model.DataMode)
    wrong = {
        "file": not message.file and "is required",
        "mode": not known and "is required, and must be known here",
        "repeated": message.repeated > message.taken and "is more than taken",
    }
    if violations := [Violation(field, detail) for field, detail in wrong.items() if detail]:
        raise InvalidRequest(violations)
    return model.DataUse(
        file=short_name(message.file),
        mode=model.DataMode(message.mode),
        **{
            name: getattr(message, name)
            for name in ("rows", "digest", "taken", "repeated", "refused", "stopped")
        },
    )


def arrivals_to_proto(state: model.ArrivalsState) -> event_pb2.ArrivalsState:
    """How arrivals went in a second, as its message."""
    return event_pb2.ArrivalsState(**vars(state))


def arrivals_from_proto(message: event_pb2.ArrivalsState) -> model.ArrivalsState:
    """How arrivals went in a second, from its message.

    Raises:
        InvalidRequest: a number is more than can be.
    """
    wrong = [
        Violation(name, f"must be at most {most:,}")
        for names, most in ((_COUNTS, MAX_ARRIVALS), (("process",), model.MAX_PROCESSES))
        for name in names
        if getattr(message, name) > most
    ]
    if wrong:
        raise InvalidRequest(wrong)
    return model.ArrivalsState(
        process=message.process,
        planned=message.planned,
        started=message.started,
        dropped=message.dropped,
        waiting=message.waiting,
        users=message.users,
        max_users=message.max_users,
    )


_COUNTS: Final = ("planned", "started", "dropped", "waiting")
MAX_ARRIVALS: Final = 2**40
"""Of one second: sums of many stay whole numbers of 64 bits."""
