"""Rows of a batch, decoded: hits become columns, the rest is counted or kept.

Rule: an invalid row is rejected alone, counted and named. The cases of hits are read only where
there are rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from google.protobuf import any_pb2

from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import MAX_PROCESSES, TestOutcome
from loadgrpc.protocol import bounds
from loadgrpc.protocol.columns import MAX_SIZE, fixture_of, hit_label, read_tags
from loadgrpc.protocol.custom_states import custom_state_from_proto
from loadgrpc.protocol.decoded import Decoded, HitLabel, Hits, IterationLabel, Tags, UsersTold
from loadgrpc.protocol.events import (
    arrivals_from_proto,
    data_use_from_proto,
    exception_from_proto,
    generator_state_from_proto,
)
from loadgrpc.protocol.measure_events import MEASURES, read_measure
from loadgrpc.protocol.short_names import short_name
from loadgrpc.protocol.socket_activity import read_sockets
from loadgrpc.protocol.times import MAX_NS, moment_ns, span_ns
from loadgrpc.secrets import without_user
from loadgrpc.v1 import event_pb2

COLUMNS: Final = 5
"""Of a hit: its label, start, time, and bytes sent and received."""
_Said = tuple[str, str, str, int, int, str, str, bool | None, Tags]
"""The name of a hit, the name or the URL, and the rest of its label."""


class _Labels:
    """The labels of rows, each once; a row finds its own by what it says, without making it."""

    def __init__(self) -> None:
        self.places: dict[HitLabel, int] = {}
        self.known: dict[_Said, int] = {}
        """Where the label of a hit stands that says this."""

    def learn(self, said: _Said) -> int:
        """Adds the label of such a hit, which is new; returns its index.

        Raises:
            InvalidRequest: it has neither a name nor a URL.
        """
        name, url = said[:2]
        name = name or without_user(url.partition("#")[0].partition("?")[0])
        if not name:
            raise InvalidRequest("needs a name or a url")
        label = hit_label(name, *said[2:])
        place = self.known[said] = self.places.setdefault(label, len(self.places))
        return place


class RowReader:
    """Reads rows into `decoded`, piece by piece; rejects those that are not valid."""

    def __init__(self, arrival_ns: int, decoded: Decoded, *, fed: bool = False) -> None:
        """`fed`: iterations are fed with cases; it is so in any case once rows report rules."""
        self._arrival_ns = arrival_ns
        self._decoded = decoded
        self._fed = fed
        self._cases: dict[str, int] = {}
        self._case: dict[int, int] = {}
        """Of the hits with a case, by where they are: its place among the cases, from 1."""
        self._labels = _Labels()
        self._hits: list[int] = []
        self._delays_ns: dict[int, int] = {}
        """Of the hits that started later than planned, by where they are."""
        self._attempts: dict[int, int] = {}
        """Of the hits that are retries, by where they are."""

    def add(self, rows: Iterable[event_pb2.Event]) -> None:
        """Reads some."""
        hits, decoded = self._hits, self._decoded
        for row in rows:
            hit = row.hit
            elapsed = hit.elapsed
            elapsed_nanos = elapsed.nanos
            # Asking which event it is costs more than looking: only hits took time.
            kind = "hit" if elapsed_nanos else row.WhichOneof("event")
            try:
                time = row.time
                nanos = time.nanos
                time_ns = time.seconds * NS_PER_S + nanos
                # Asking for a field costs as much as reading it: only a zero may be none.
                if not (0 < time_ns <= MAX_NS and 0 <= nanos < NS_PER_S):
                    time_ns = moment_ns("time", time) if row.HasField("time") else self._arrival_ns
                if kind == "hit":
                    elapsed_ns = elapsed.seconds * NS_PER_S + elapsed_nanos
                    if not (0 < elapsed_ns <= MAX_NS and 0 <= elapsed_nanos < NS_PER_S):
                        elapsed_ns = _unlikely_span(hit)
                    hits += self._hit(hit, elapsed_ns, time_ns)
                    if self._fed and (case := row.status.case):
                        place = self._cases.setdefault(case, len(self._cases) + 1)
                        self._case[len(hits) // COLUMNS - 1] = place
                else:
                    _decode_row(row, kind, time_ns, decoded)
                    self._fed = self._fed or bool(decoded.rules)
            except InvalidRequest as error:
                decoded.reject(1, f"{kind or 'event'}: {error}")
                decoded.rejected_hits += kind == "hit"

    def _hit(
        self, hit: event_pb2.Hit, elapsed_ns: int, end_ns: int
    ) -> tuple[int, int, int, int, int]:
        """A hit as the columns of Hits have it."""
        has, name = hit.HasField, hit.name
        said = (
            name,
            name or hit.url,
            hit.method,
            hit.status,
            hit.error,
            hit.error_message,
            hit.protocol,
            hit.failed if has("failed") else None,
            read_tags(hit.tags) if hit.tags else (),
        )
        label = self._labels.known.get(said)
        if label is None:
            label = self._labels.learn(said)
        sent, received = hit.bytes_sent, hit.bytes_received
        if sent > MAX_SIZE or received > MAX_SIZE:
            raise InvalidRequest(f"a size is over {MAX_SIZE}")
        start_ns = (
            moment_ns("start_time", hit.start_time) if has("start_time") else end_ns - elapsed_ns
        )
        if start_ns < 0 or start_ns + elapsed_ns > MAX_NS:
            raise InvalidRequest("is not between 1970 and 2262")
        # Nothing here counts these, but whoever lists events has to be able to say them.
        if has("time_to_first_byte"):
            span_ns("time_to_first_byte", hit.time_to_first_byte)
        if has("connect"):
            span_ns("connect", hit.connect)
        if has("planned_start_time"):
            planned_ns = moment_ns("planned_start_time", hit.planned_start_time)
            self._delays_ns[len(self._hits) // COLUMNS] = max(0, start_ns - planned_ns)
        if (attempt := hit.attempt) > 1:
            self._attempts[len(self._hits) // COLUMNS] = attempt
        return label, start_ns, elapsed_ns, sent, received

    def end(self) -> None:
        """There are no more: what were hits are columns."""
        if self._hits:
            places, start_ns, elapsed_ns, sent, received = (
                np.array(self._hits, np.int64).reshape(-1, COLUMNS).T
            )
            delay_ns = None
            if any(self._delays_ns.values()):
                delay_ns = np.zeros(len(places), np.int64)
                delay_ns[list(self._delays_ns)] = list(self._delays_ns.values())
            attempt = None
            if self._attempts:
                attempt = np.zeros(len(places), np.int64)
                attempt[list(self._attempts)] = list(self._attempts.values())
            case = None
            if self._case:
                case = np.zeros(len(places), np.int64)
                case[list(self._case)] = list(self._case.values())
            hits = Hits(
                labels=list(self._labels.places),
                label=places,
                start_ns=start_ns,
                elapsed_ns=elapsed_ns,
                bytes_sent=sent,
                bytes_received=received,
                delay_ns=delay_ns,
                attempt=attempt,
                cases=tuple(self._cases),
                case=case,
            )
            self._decoded.hits.append(hits)


def _unlikely_span(hit: event_pb2.Hit) -> int:
    """How long a hit took that says zero, or what cannot be."""
    if not hit.HasField("elapsed"):
        raise InvalidRequest("needs elapsed")
    return span_ns("elapsed", hit.elapsed)


_OUTCOMES: Final = {
    "test_success": TestOutcome.SUCCESS,
    "test_failure": TestOutcome.FAILURE,
    "test_error": TestOutcome.ERROR,
}


def _decode_row(  # noqa: C901, PLR0912 - one for each kind
    row: event_pb2.Event, kind: str | None, time_ns: int, decoded: Decoded
) -> None:
    if kind is None:
        raise InvalidRequest("nothing is set that is known here")
    if kind == "state":
        state = row.state
        started = state.started_users if state.HasField("started_users") else None
        decoded.users.append(UsersTold(row.status.cycle, state.active_users, started))
    elif kind == "generator":
        decoded.generator.append((generator_state_from_proto(row.generator), time_ns))
    elif kind == "arrivals":
        decoded.arrivals.append((arrivals_from_proto(row.arrivals), time_ns))
    elif kind == "counter":
        decoded.counters.append(_counter(row.counter))
    elif kind == "rules":
        decoded.rules += map(short_name, filter(None, row.rules.names))
    elif kind == "data":
        decoded.data.append(data_use_from_proto(row.data))
    elif kind == "socket":
        decoded.sockets.append(read_sockets(row.socket, time_ns))
    elif kind in MEASURES:
        decoded.measures.append(read_measure(kind, getattr(row, kind), time_ns))
    elif kind == "custom_state":
        decoded.custom_states.append((custom_state_from_proto(row.custom_state), time_ns))
    elif kind == "custom":
        _check_custom(row.custom)
    elif kind == "output":
        _check_output(row.output)
        decoded.lines += row.output.HasField("text")
        decoded.lines_left_out += row.output.left_out
    elif fixture := fixture_of(row.status):
        of_user = Decoded()
        _decode_iteration(getattr(row, kind), kind, time_ns, of_user)
        decoded.fixture_outcomes += [(fixture, label) for label in of_user.outcomes]
    else:
        _decode_iteration(getattr(row, kind), kind, time_ns, decoded)
        if kind == "test_start":
            if user := row.status.current_user:
                decoded.user_starts.add((row.status.cycle, user))
        elif kind in _OUTCOMES and (case := row.status.case):
            outcome = decoded.outcomes[-1]
            decoded.rule_outcomes.append((short_name(case), outcome, time_ns))


def _counter(counter: event_pb2.Counter) -> tuple[str, int]:
    """Its name, and what is added to it."""
    if not counter.name:
        raise InvalidRequest("needs a name")
    increment = counter.increment if counter.HasField("increment") else 1
    return short_name(counter.name), increment


def _check_custom(custom: any_pb2.Any) -> None:
    """What it says is for others to read: it counts nowhere."""
    if not custom.type_url.rpartition("/")[2] or "/" not in custom.type_url:
        raise InvalidRequest("needs a type_url such as type.googleapis.com/acme.Order")
    bounds.check(custom)


def _check_output(output: event_pb2.Output) -> None:
    """A line, or how many were left out."""
    if not output.HasField("text") and not output.left_out:
        raise InvalidRequest("needs a text or left_out")
    if output.process > MAX_PROCESSES:
        raise InvalidRequest(f"process is over {MAX_PROCESSES}")


def _decode_iteration(body: Any, kind: str, time_ns: int, decoded: Decoded) -> None:
    """What a row says of an iteration."""
    if not body.test:
        raise InvalidRequest("needs a test")
    if kind == "test_start":
        decoded.starts += 1
    elif kind == "test_stop":
        decoded.stops += 1
    else:
        outcome = _OUTCOMES[kind]
        if outcome is TestOutcome.SUCCESS:
            exception = None
        elif body.exception.type:
            exception = exception_from_proto(body.exception)
        else:
            raise InvalidRequest("needs an exception with a type")
        label = IterationLabel(short_name(body.test), outcome, exception)
        decoded.outcomes.append(label)
    decoded.first_ns = time_ns if decoded.first_ns is None else min(decoded.first_ns, time_ns)
    decoded.last_ns = time_ns if decoded.last_ns is None else max(decoded.last_ns, time_ns)
