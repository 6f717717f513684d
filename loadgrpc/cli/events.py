"""`loadgrpc events RUN`: what was reported in a run, event by event."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sized
from typing import TYPE_CHECKING, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import options, values
from loadgrpc.cli.command import Command

if TYPE_CHECKING:
    from google.protobuf import any_pb2

    from loadgrpc.cli.line import Line
    from loadgrpc.client import Client
    from loadgrpc.protocol.described import Types
    from loadgrpc.v1 import control_pb2, event_pb2

MAX_EVENTS: Final = 10**15


@click.command(cls=Command)
@click.argument("run_id", metavar="RUN")
@options.broker()
@click.option(
    "-k",
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="Only events of this kind: hit, test_failure, output, custom …; repeatable.",
)
@click.option("--agent", "agent_id", default="", metavar="ID", help="Only events of this agent.")
@click.option("-n", "--limit", type=values.Count(1, MAX_EVENTS), help="Maximum number of events.")
@options.as_json("Print a JSON document per line instead.")
def command(
    *,
    run_id: str,
    broker: str,
    kinds: tuple[str, ...],
    agent_id: str,
    limit: int | None,
    as_json: bool,
) -> int:
    """List the events of a run, in the order in which they were stored.

    For an active run it lists what is stored so far. Events of types that a runner defines are
    shown field by field.

    \b
    What failed, what tests printed, and what a runner reports in types that it defines:
      loadgrpc events RUN -k test_failure -k test_error
      loadgrpc events RUN -k output
      loadgrpc events RUN -k custom --json
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import line, streams  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.client.results import EventTypes  # noqa: PLC0415

    async def tell(client: Client) -> None:
        described = EventTypes(client)
        events = client.list_events(run_id, kinds=kinds, agent_id=agent_id, limit=limit or 0)
        async for listed in events:
            await described.learn(listed.event)
            if as_json:
                line.write_json(described.line(listed))
            else:
                line.write([text(listed, described.types)], sys.stdout)
            if streams.is_gone(sys.stdout):
                return

    ask(broker, tell)
    return verdict.PASSED


def text(listed: control_pb2.ListedEvent, types: Types) -> Line:
    """An event on a line: when, where, and what."""
    from loadgrpc.cli.line import Line  # noqa: PLC0415
    from loadgrpc.text import one_line  # noqa: PLC0415

    event = listed.event
    kind = event.WhichOneof("event") or "unknown"
    moment = time.strftime("%H:%M:%S", time.localtime(listed.time.seconds))
    when = f"{moment}.{listed.time.nanos // 1_000_000:03}"
    user = f"user {event.status.current_user}" if event.status.current_user else ""
    if kind == "custom":
        message = one_line(_custom(event.custom, types))
    elif kind == "output":
        message = _output(event.output)
    else:
        message = one_line(_WORDS[kind](event)) if kind in _WORDS else ""
    return Line(f"{when}  {one_line(listed.agent_id)}  {kind:<12}  {user:<9}  {message}".rstrip())


def _hit(event: event_pb2.Event) -> str:
    from loadgrpc.cli.figures import duration  # noqa: PLC0415
    from loadgrpc.protocol.times import duration_from_proto  # noqa: PLC0415

    hit = event.hit
    how = hit.error_message or (str(hit.status) if not hit.error else "no answer")
    took = duration(duration_from_proto(hit.elapsed))
    what = " ".join(filter(None, (hit.protocol, hit.method, hit.url or hit.name)))
    return ", ".join([f"{what} {how} in {took}", *_more_of_hit(event)])


def _more_of_hit(event: event_pb2.Event) -> list[str]:
    """What only some hits have."""
    from loadgrpc.cli.figures import duration  # noqa: PLC0415
    from loadgrpc.model import fails  # noqa: PLC0415
    from loadgrpc.protocol.times import duration_from_proto, timestamp_from_proto  # noqa: PLC0415

    hit, more = event.hit, []
    if hit.HasField("failed") and hit.failed is not fails(hit.status, hit.error):
        more.append("failed" if hit.failed else "not failed")
    if hit.HasField("planned_start_time"):
        end_ns = timestamp_from_proto(event.time) - duration_from_proto(hit.elapsed)
        start_ns = timestamp_from_proto(hit.start_time) if hit.HasField("start_time") else end_ns
        planned_ns = timestamp_from_proto(hit.planned_start_time)
        more.append(f"planned {duration(max(0, start_ns - planned_ns))} earlier")
    if hit.attempt:
        more.append(f"attempt {hit.attempt}")
    more += [f"{name}={value}" for name, value in sorted(hit.tags.items())]
    if event.status.case:
        more.append(f"case {event.status.case}")
    return more


def _raised(said: event_pb2.TestFailure | event_pb2.TestError) -> str:
    return f"{said.test}: {said.exception.type}: {said.exception.message}"


def _counter(event: event_pb2.Event) -> str:
    counter = event.counter
    return f"{counter.name} {counter.increment if counter.HasField('increment') else 1:+}"


def _generator(event: event_pb2.Event) -> str:
    from loadgrpc.cli.figures import duration  # noqa: PLC0415

    lags_ns = event.generator.lags_ns
    return f"process {event.generator.process or 1}" + (
        f", up to {duration(max(lags_ns))} late" if lags_ns else ""
    )


def _data(event: event_pb2.Event) -> str:
    use = event.data
    said = [f"{use.taken} of {use.rows} rows taken"]
    said += [f"{use.repeated} again"] if use.repeated else []
    said += [f"none left {use.refused} times"] if use.refused else []
    said += [f"{use.stopped} users ended"] if use.stopped else []
    return f"{use.file}: {', '.join(said)}"


def _socket(event: event_pb2.Event) -> str:
    """What sockets of a name did since the event before."""
    from loadgrpc.cli.figures import size  # noqa: PLC0415

    sockets = event.socket
    counts = [
        f"{count} {what}"
        for count, what in (
            (sockets.opened, "opened"),
            (sockets.closed, "closed"),
            (sockets.broken, "broken"),
        )
        if count
    ]
    for what, count, sized in (
        ("sent", sockets.messages_sent, sockets.bytes_sent),
        ("received", sockets.messages_received, sockets.bytes_received),
    ):
        if count:
            counts.append(f"{count} {what} ({size(sized)})")
    return f"{sockets.name}: {', '.join(counts)}"


def _transaction(event: event_pb2.Event) -> str:
    """How many transactions of a name ended since the event before."""
    made = event.transaction
    failed = f", {made.failed} failed" if made.failed else ""
    return f"{made.name}: {_how_many(made.counts, made.elapsed_ns)} ended{failed}"


def _how_many(counts: Iterable[int], values: Sized) -> int:
    """Values, each of which occurred so often; once each, unless counts say more."""
    return sum(counts) or len(values)


def _custom_state(event: event_pb2.Event) -> str:
    from loadgrpc.model import CustomState  # noqa: PLC0415

    state = event.custom_state
    return str(CustomState(state.name, tuple(sorted(state.details.items()))))


def _output(output: event_pb2.Output) -> str:
    """A line as it was printed, its spaces too, behind the process that it is of."""
    from loadgrpc.secrets import masked  # noqa: PLC0415
    from loadgrpc.text import safe_line  # noqa: PLC0415
    from loadgrpc.v1.event_pb2 import OUTPUT_STREAM_STDERR  # noqa: PLC0415

    where = f"process {output.process or 1}"
    if output.stream == OUTPUT_STREAM_STDERR:
        where += ", standard error"
    left_out = f"({output.left_out} left out) " if output.left_out else ""
    return f"{where}: {left_out}{safe_line(masked(output.text))}"


_WORDS: Final[dict[str, Callable[[event_pb2.Event], str]]] = {
    "test_start": lambda event: event.test_start.test,
    "test_stop": lambda event: event.test_stop.test,
    "test_success": lambda event: event.test_success.test,
    "test_failure": lambda event: _raised(event.test_failure),
    "test_error": lambda event: _raised(event.test_error),
    "hit": _hit,
    "counter": _counter,
    "state": lambda event: f"users alive: {event.state.active_users}",
    "generator": _generator,
    "data": _data,
    "rules": lambda event: ", ".join(event.rules.names),
    "socket": _socket,
    "check": lambda event: (
        f"{event.check.name}: {event.check.passed} passed, {event.check.failed} failed"
    ),
    "transaction": _transaction,
    "measurement": lambda event: (
        f"{event.measurement.name}: {_how_many(event.measurement.counts, event.measurement.values)}"
        " recorded"
    ),
    "gauge": lambda event: f"{event.gauge.name}: {event.gauge.value:g}",
    "custom_state": _custom_state,
}
"""What events of each kind say."""


def _custom(message: any_pb2.Any, types: Types) -> str:
    from loadgrpc.cli.figures import size  # noqa: PLC0415
    from loadgrpc.protocol.described import type_name  # noqa: PLC0415

    value = types.value(message)
    if "@value" in value:
        return f"{type_name(message)} ({size(len(message.value))})"
    fields = {key: field for key, field in value.items() if key != "@type"}
    return f"{type_name(message)} {json.dumps(fields, ensure_ascii=False)}"
