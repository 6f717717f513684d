"""What a runner can do wrong: a fault for each rule, and the case in which it shows.

Rule: a fault stands between a runner that is right and the wire, or between it and its
assignment, and changes as little as breaks its rule.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from loadgrpc.v1 import event_pb2, runner_pb2


def same(message):
    """Changes nothing."""
    return message


def one(message):
    """Sends what there is, unchanged."""
    return [message]


def nothing_more():
    """Does nothing."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault; without any field, none. A hook gets what the runner has, and gives it back."""

    rules: tuple[str, ...] = ()
    """What it breaks, and all that it breaks in its case."""
    case: str = ""
    assignment: Callable[[Any], Any] = same
    metadata: Callable[[Any], Any] = same
    event: Callable[[Any], list] = one
    request: Callable[[Any], list] = one
    answer: Callable[[Any], Any] = same
    """Gives None for an answer that the runner does not hear."""
    pause: Callable[[float], float] = same
    status: Callable[[int], int] = same
    closed: Callable[[], None] = nothing_more
    """What it does when a stream was closed."""
    attempts: int = 1
    """How often it asks for its assignment."""
    early: bool = False
    """It does not wait for `opened`."""
    hasty: bool = False
    """It does not wait for `start_cycle`."""
    gives_up_at: tuple[str, ...] = ()
    """Statuses after which it opens no other stream."""
    terminated: Callable[[], bool] = lambda: True
    """What it does when it gets SIGTERM; False: no more than that."""
    final: bool = True
    """It knows the statuses after which there is no sense in another stream."""
    one_by_one: bool = False
    """A user starts when the one before has ended."""
    tick: Callable[[float], float] = same
    """When it starts what is planned for a time."""
    numbers_places: bool = False
    """Users have the number of their place, of which there may have been others."""
    state: dict = field(default_factory=dict)


def changed(path, to, message):
    """A message with another value in a field, where its parent is set; `to`: it, or from what."""
    *parents, name = path.split(".")
    inner = message
    for parent in parents:
        if not inner.HasField(parent):
            return message
        inner = getattr(inner, parent)
    setattr(inner, name, to(getattr(inner, name)) if callable(to) else to)
    return message


def change(path, to):
    """A hook that changes a field of what it gets."""
    return partial(changed, path, to)


def send(path, to):
    """The same, for what is sent."""
    return lambda message: [changed(path, to, message)]


def without(kind):
    """A hook that does not hear answers of a kind."""
    return lambda answer: None if answer.WhichOneof("message") == kind else answer


def as_error(kind):
    """A hook that takes answers of a kind as an error."""
    error = runner_pb2.PublishEventsResponse(error=runner_pb2.SourceError(message="what is that?"))
    return lambda answer: error if answer.WhichOneof("message") == kind else answer


def on(kind, act):
    """A hook for what is sent: `act` for one kind, all else as it is."""
    return lambda message: act(message) if kind in kinds(message) else [message]


def kinds(message):
    """What an event or a request is."""
    return [message.WhichOneof(name) for name in ("event", "message") if name in oneofs(message)]


def oneofs(message):
    """The names of the oneofs of a message."""
    return message.DESCRIPTOR.oneofs_by_name


def once(act):
    """A hook for what is sent: `act` for the first, all else as it is."""
    done = []

    def hook(message):
        if done:
            return [message]
        done.append(True)
        return act(message)

    return hook


def nothing(_):
    """Sends nothing."""
    return []


# What takes more than a line


def sent_to_the_last():
    """Believes that all it has sent is durable when it opens again."""
    last = [0]

    def request(message):
        if message.HasField("batch"):
            last[0] = message.batch.first_sequence + len(message.batch.events) - 1
        return [message]

    def answer(message):
        return changed("opened.durable_sequence", lambda _: last[0], message)

    return {"request": request, "answer": answer}


def acked_only():
    """Believes acks, and not `opened`, when it opens again."""
    acked = [0]

    def answer(message):
        if message.HasField("ack"):
            acked[0] = message.ack.durable_sequence
        return changed("opened.durable_sequence", lambda _: acked[0], message)

    return {"answer": answer}


def another_again():
    """Sends another event under a number when it opens again."""
    streams = [0]

    def request(message):
        streams[0] += message.HasField("open")
        if streams[0] > 1 and message.HasField("batch"):
            message.batch.events[0].status.current_user ^= 1
        return [message]

    return request


def held_back():
    """Keeps the first hit of a cycle for the next one."""
    held = []

    def event(message):
        if not held and message.HasField("hit"):
            held.append(message)
            return []
        if len(held) == 1 and message.status.cycle > held[0].status.cycle:
            held.append(None)
            return [message, held[0]]
        return [message]

    return event


def cycles(**to):
    """A hook for assignments that changes the cycles."""

    def hook(assignment):
        for cycle in assignment.cycles:
            for name, value in to.items():
                setattr(cycle, name, value(getattr(cycle, name)))
        return assignment

    return hook


def three_times(assignment):
    """Lasts three times as long."""
    for cycle in assignment.cycles:
        cycle.duration.FromNanoseconds(3 * cycle.duration.ToNanoseconds())
    return assignment


def without_duration(assignment):
    """Does not know that a cycle may be bounded by time."""
    for cycle in assignment.cycles:
        cycle.ClearField("duration")
    return assignment


def success_as_failure(event):
    """Says that an iteration failed which passed."""
    raised = event_pb2.ExceptionInfo(type="StatusError", message="it should have")
    failure = event_pb2.TestFailure(test=event.test_success.test, exception=raised)
    event.test_failure.CopyFrom(failure)
    return [event]


def failure_as_success(event):
    """Says that an iteration passed which failed."""
    event.test_success.test = event.test_failure.test
    return [event]


def error_as_failure(event):
    """Says that an assertion did not hold where something else was raised."""
    error = event_pb2.TestError.FromString(event.test_error.SerializeToString())
    event.test_failure.test = error.test
    event.test_failure.exception.CopyFrom(error.exception)
    return [event]


def error_at_once(event):
    """Says how an iteration ended when it begins."""
    raised = event_pb2.ExceptionInfo(type="Interrupted", message="it was")
    error = event_pb2.TestError(test=event.test_start.test, exception=raised)
    return [event, event_pb2.Event(status=event.status, time=event.time, test_error=error)]


def without_status(event):
    """Does not say where in the load it happened."""
    event.ClearField("status")
    return [event]


def and_yesterday(event):
    """Says what was a day ago."""
    state = event_pb2.Event(time=event.time, state=event_pb2.RunnerState(active_users=1))
    state.time.seconds -= 86_400
    return [state, event]


def too_quick(event):
    """Measures in another unit."""
    event.hit.elapsed.FromNanoseconds(event.hit.elapsed.ToNanoseconds() // 1_000)
    return [event]


def wild(name, nanos):
    """A hook that sets a Duration of a hit to one that is not well-formed."""

    def hook(event):
        duration = getattr(event.hit, name)
        duration.seconds, duration.nanos = 1, nanos
        return [event]

    return hook


def one_too_few(message):
    """Counts an event of a batch too few, where there are more."""
    if len(message.batch.events) > 1:
        message.batch.count = len(message.batch.events) - 1
    return [message]


def and_one_more(message):
    """Sends something after `finish`."""
    message.finish.totals.events += 1
    counter = event_pb2.Event(counter=event_pb2.Counter(name="late"))
    batch = runner_pb2.EventBatch(first_sequence=message.finish.totals.events, events=[counter])
    return [message, runner_pb2.PublishEventsRequest(batch=batch)]


def leaves(_):
    """Ends, as if all was done; what it has said before is on its way by then."""
    time.sleep(0.3)
    os._exit(0)


def leaves_soon(message):
    """Ends without waiting for an answer."""
    threading.Timer(0.2, os._exit, [0]).start()
    return [message]


def gives_up(_=None):
    """Ends when a stream breaks."""
    os._exit(1)


def stops_late(answer):
    """Takes its time to hear of a stop."""
    if answer.HasField("stop"):
        time.sleep(2.5)
    return answer


def says_once(kind):
    """Says something on one stream only."""
    said = []

    def request(message):
        if said:
            return []
        said.append(True)
        return [message]

    return on(kind, request)


def ready_first(message):
    """Says something before `open`."""
    ready = runner_pb2.CycleReady(cycle=1)
    return [runner_pb2.PublishEventsRequest(source=message.source, ready=ready), message]


def asks_for_another(metadata):
    """Loses its token on the way."""
    del metadata
    return []


def plus(count):
    """More by so many."""
    return lambda number: number + count


def user_1(kind):
    """Drops one event of a kind of user 1, in the first iteration that it makes."""
    drop = once(nothing)

    def event(message):
        mine = message.status.current_user == 1 and message.status.cycle == 1
        return drop(message) if mine else [message]

    return on(kind, event)


def planned_for_later(event):
    """A hit that was planned for ten seconds after it started."""
    event.hit.planned_start_time.seconds = event.time.seconds + 10
    return [event]


def socket(event, **counts):
    """An event about sockets, beside another."""
    about = event_pb2.SocketActivity(name="chat", **counts)
    return event_pb2.Event(time=event.time, status=event.status, socket=about)


def and_a_closed_socket(hit):
    """A socket ends that was never opened."""
    return [hit, socket(hit, closed=1)]


def and_a_storm_of_messages(hit):
    """Each message is an event."""
    return [hit, *(socket(hit, messages_sent=1) for _ in range(50))]


def of_another_case(event):
    """A hit of a case that its iteration does not have."""
    event.status.case = "another"
    return [event]


def dealt_otherwise(assignment):
    """Deals cases from the end of the deck."""
    assignment.deck.entries[:] = list(reversed(assignment.deck.entries))
    return assignment


def without_first_case(event):
    """Does not say what the first iteration of a user was fed with."""
    if event.status.current_iteration == 1:
        event.status.case = ""
    return [event]


def without_begin(answer):
    """Begins a cycle when it hears of it."""
    if answer.HasField("start_cycle"):
        answer.start_cycle.ClearField("begin_time")
    return answer


def begins_in(in_s):
    """Begins a cycle so long after it has heard of it."""

    def hook(answer):
        if answer.HasField("start_cycle"):
            begin_ns = time.time_ns() + round(in_s * 10**9)
            answer.start_cycle.begin_time.FromNanoseconds(begin_ns)
        return answer

    return hook


def twice_a_second(at):
    """Looks at arrivals that often."""
    return math.ceil(at * 2) / 2


LIMITS = "opened.limits."

FAULTS = {
    "no-token": Fault(rules=("1.1",), case="plain", metadata=asks_for_another),
    "identity": Fault(rules=("1.2",), case="plain", request=send("source.runner_id", "me")),
    "insists": Fault(rules=("1.3",), case="bad-token", attempts=5),
    "all-is-well": Fault(rules=("1.4",), case="bad-token", status=lambda _: 0),
    "open-second": Fault(rules=("2.1",), case="plain", request=on("open", ready_first)),
    "epoch": Fault(rules=("2.2",), case="cut", request=send("open.epoch", 1)),
    "early": Fault(rules=("2.3",), case="plain", early=True),
    "twice": Fault(rules=("3.1",), case="plain", request=on("batch", lambda m: [m, m])),
    "count": Fault(rules=("3.2",), case="plain", request=on("batch", one_too_few)),
    "renumbers": Fault(rules=("3.3",), case="cut", request=another_again()),
    "large": Fault(
        rules=("4.1",), case="small-batches", answer=change(f"{LIMITS}max_batch_bytes", 1 << 20)
    ),
    "many": Fault(
        rules=("4.2",), case="slow-acks", answer=change(f"{LIMITS}max_unacked_batches", 1 << 20)
    ),
    "much": Fault(
        rules=("4.3",), case="small-batches", answer=change(f"{LIMITS}max_unacked_bytes", 1 << 30)
    ),
    "nothing-allowed": Fault(
        rules=("4.4", "10.2", "10.3"), case="no-limits", request=on("batch", nothing)
    ),
    "too-small": Fault(rules=("4.5",), case="tiny-batches", request=on("skip", nothing)),
    "gives-up": Fault(rules=("5.1",), case="away", pause=gives_up),
    "forgets": Fault(rules=("5.2",), case="cut", **sent_to_the_last()),
    "remembers": Fault(
        rules=("5.3",),
        case="cut",
        answer=lambda a: changed(
            "ack.durable_sequence", 0, changed("opened.durable_sequence", 0, a)
        ),
    ),
    "trusts-acks": Fault(rules=("5.3",), case="ack-lost", **acked_only()),
    "hurries": Fault(rules=("5.4",), case="away", pause=lambda _: 0.0),
    "steady": Fault(rules=("5.5",), case="away", pause=lambda _: 0.4),
    "finishes-once": Fault(rules=("5.6",), case="cut-at-finish", request=says_once("finish")),
    "closes": Fault(rules=("5.7",), case="closed", closed=gives_up),
    "takes-offence": Fault(rules=("5.8",), case="defect", gives_up_at=("INTERNAL",)),
    "comes-back": Fault(rules=("5.9",), case="not-allowed", final=False),
    "comes-back-wrong": Fault(rules=("5.9",), case="not-valid", final=False),
    "gap": Fault(rules=("6.1",), case="gap", answer=without("gap")),
    "unsplit": Fault(rules=("6.2",), case="too-large", answer=without("too_large")),
    "unsplit-later": Fault(rules=("6.2",), case="too-large-later", answer=without("too_large")),
    "narrow": Fault(rules=("6.3",), case="strange", answer=as_error(None)),
    "offended": Fault(rules=("6.4",), case="rejected", answer=as_error("rejected")),
    "deaf-to-error": Fault(rules=("6.5",), case="error", answer=without("error")),
    "deaf-to-end": Fault(rules=("6.6",), case="run-closed", answer=without("run_closed")),
    "iterations": Fault(
        rules=("7.1",),
        case="plain",
        assignment=cycles(iterations=plus(1)),
        event=send("status.iterations", plus(-1)),
    ),
    "users": Fault(
        rules=("7.2",),
        case="plain",
        assignment=cycles(users=plus(-1)),
        event=send("status.users", plus(1)),
    ),
    "one-by-one": Fault(rules=("7.3",), case="together", one_by_one=True),
    "cycles": Fault(rules=("7.4",), case="plain", event=held_back()),
    "hasty": Fault(rules=("7.5",), case="plain", hasty=True),
    "ready-for-another": Fault(rules=("7.5",), case="plain", request=send("ready.cycle", plus(6))),
    "ready-for-another-without-users": Fault(
        rules=("7.5",), case="no-users", request=send("ready.cycle", plus(6))
    ),
    "longer": Fault(rules=("7.6",), case="duration", assignment=three_times),
    "timeless": Fault(rules=("7.6",), case="duration", assignment=without_duration),
    "unfinished": Fault(rules=("7.7",), case="duration", event=user_1("test_success")),
    "at-once": Fault(rules=("7.8",), case="spawn-rate", assignment=change("spawn_rate", 0.0)),
    "somebody": Fault(
        rules=("7.9",), case="no-users", assignment=cycles(users=lambda users: users or 1)
    ),
    "ready-once": Fault(rules=("7.10",), case="cut-at-ready", request=says_once("ready")),
    "goes-on": Fault(
        rules=("7.11",), case="overtime", assignment=change("stop_timeout.seconds", 7)
    ),
    "stops-late": Fault(rules=("8.1",), case="stop", answer=stops_late),
    "stops-short": Fault(rules=("8.2",), case="stop", event=user_1("test_success")),
    "patient": Fault(rules=("8.3",), case="hang", answer=change("stop.stop_timeout.seconds", 7)),
    "judges": Fault(rules=("8.4",), case="hang", event=on("test_start", error_at_once)),
    "stubborn": Fault(rules=("8.5", "8.6"), case="terminate", terminated=lambda: False),
    "silent": Fault(rules=("8.6",), case="terminate", terminated=gives_up),
    "empty": Fault(
        rules=("9.1",), case="plain", event=once(lambda event: [event, event_pb2.Event()])
    ),
    "nanos": Fault(
        rules=("9.1",),
        case="plain",
        event=on("hit", once(wild("time_to_first_byte", 1_500_000_000))),
    ),
    "signs": Fault(rules=("9.1",), case="plain", event=on("hit", once(wild("connect", -5)))),
    "no-stop": Fault(rules=("9.2",), case="plain", event=user_1("test_stop")),
    "test-name": Fault(rules=("9.3",), case="plain", event=send("test_start.test", "another")),
    "nowhere": Fault(rules=("9.4",), case="plain", event=on("hit", once(without_status))),
    "nowhere-at-all": Fault(rules=("9.4",), case="plain", event=without_status),
    "load": Fault(rules=("9.5",), case="plain", event=send("status.users", plus(1))),
    "from-0": Fault(rules=("9.6",), case="plain", event=send("status.current_iteration", plus(-1))),
    "no-cycle": Fault(rules=("9.7",), case="plain", event=send("status.cycle", 0)),
    "pessimist": Fault(rules=("9.8",), case="plain", event=on("test_success", success_as_failure)),
    "optimist": Fault(rules=("9.9",), case="failing", event=on("test_failure", failure_as_success)),
    "blames": Fault(rules=("9.10",), case="erring", event=on("test_error", error_as_failure)),
    "no-type": Fault(
        rules=("9.11",), case="failing", event=send("test_failure.exception.type", "")
    ),
    "speechless": Fault(
        rules=("9.12",), case="failing", event=send("test_failure.exception.message", "")
    ),
    "yesterday": Fault(rules=("9.13",), case="plain", event=once(and_yesterday)),
    "hits": Fault(rules=("9.14",), case="plain", event=on("hit", once(nothing))),
    "status": Fault(rules=("9.15",), case="failing", event=send("hit.status", 200)),
    "no-error": Fault(rules=("9.16",), case="erring", event=send("hit.error", 0)),
    "method": Fault(rules=("9.17",), case="plain", event=send("hit.method", "")),
    "protocol": Fault(rules=("9.19",), case="plain", event=send("hit.protocol", "HTTP")),
    "failed": Fault(rules=("9.20",), case="plain", event=send("hit.failed", True)),
    "planned": Fault(rules=("9.21",), case="plain", event=on("hit", planned_for_later)),
    "attempts": Fault(rules=("9.22",), case="plain", event=send("hit.attempt", 2)),
    "cases": Fault(rules=("9.23",), case="plain", event=on("hit", of_another_case)),
    "tardy": Fault(rules=("7.13",), case="arrivals", tick=twice_a_second),
    "greedy": Fault(rules=("7.14",), case="poisson", assignment=change("placement.agents", 1)),
    "evenly": Fault(rules=("7.14",), case="poisson", assignment=change("plan.arrivals", 1)),
    "uncounted": Fault(
        rules=("7.15",),
        case="poisson",
        event=on("arrivals", once(send("arrivals.started", plus(1)))),
    ),
    "as-planned": Fault(rules=("7.16",), case="load-changed", answer=without("load_changed")),
    "restless": Fault(rules=("7.17",), case="paused", answer=without("load_changed")),
    "crowd": Fault(rules=("7.18",), case="levels", assignment=change("placement.agents", 1)),
    "places": Fault(rules=("7.19",), case="levels", numbers_places=True),
    "begins-at-once": Fault(rules=("7.21",), case="begin-ahead", answer=without_begin),
    "users-begin-at-once": Fault(rules=("7.21",), case="begin-ahead-users", answer=without_begin),
    "counts-from-now": Fault(rules=("7.21",), case="begin-past", answer=without_begin),
    "begins-whenever": Fault(rules=("7.21",), case="begin-far", answer=begins_in(3.0)),
    "begins-later": Fault(rules=("7.21",), case="begin-ahead", answer=begins_in(1.2)),
    "leaves-its-work": Fault(rules=("7.20",), case="levels", event=user_1("test_success")),
    "deals": Fault(rules=("7.12",), case="fed", assignment=dealt_otherwise),
    "no-case": Fault(rules=("9.26",), case="fed", event=without_first_case),
    "never-opened": Fault(rules=("9.24",), case="plain", event=on("hit", and_a_closed_socket)),
    "storm": Fault(rules=("9.25",), case="plain", event=on("hit", and_a_storm_of_messages)),
    "too-quick": Fault(rules=("9.18",), case="cut", event=on("hit", too_quick)),
    "leaves": Fault(rules=("10.1",), case="plain", request=on("finish", leaves)),
    "totals": Fault(rules=("10.2",), case="plain", request=send("finish.totals.events", plus(1))),
    "hits-total": Fault(rules=("10.3",), case="plain", request=send("finish.totals.hits", plus(1))),
    "one-more": Fault(rules=("10.4",), case="plain", request=on("finish", and_one_more)),
    "impatient": Fault(rules=("10.5",), case="plain", request=on("finish", leaves_soon)),
    "fails": Fault(rules=("10.6",), case="plain", status=lambda _: 3),
}
"""One for each rule, and more where a rule has several ways to be broken."""
