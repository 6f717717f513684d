"""The cases of the kit: what a runner has to do, what happens to it, and which rules that shows.

Rule: a case is a row of the table below. It names the rules that its transcript is checked
against; other rules may be broken in it for reasons that have nothing to do with them.
"""

from __future__ import annotations

from typing import Final

from loadgrpc.conformance.case import ERRING, FAILING, MANY, Case
from loadgrpc.conformance.changing_loads import CHANGING
from loadgrpc.conformance.script import TERMINATE, Script
from loadgrpc.errors import InvalidRequest, NotAllowed
from loadgrpc.model import Cycle, FedCase, FedCases
from loadgrpc.v1 import runner_pb2


def _load(users: int, iterations: int) -> tuple[Cycle, ...]:
    return (Cycle(users=users, iterations=iterations),)


def _fed(*rules: str) -> FedCases:
    """Cases of these rules, the value of each of which is its place."""
    return FedCases(
        cases=tuple(
            FedCase(name=f"{rule}#1", rule=rule, values=(("at", at),))
            for at, rule in enumerate(rules)
        )
    )


_SPOKEN: Final = ("1.1", "1.2", "2.1", "3.2", "9.1")
"""Rules that any transcript can be held against."""
_TOLD: Final = ("9.3", "9.4", "9.5", "9.6", "9.7", "9.13", "9.17")
"""... in which iterations were made."""
_FINISHED: Final = ("10.1", "10.2", "10.5", "10.6")
"""... which came to its end, with whatever load."""
_ENDED: Final = (*_FINISHED, "10.3", "10.4")
"""... and with all of it."""

CASES: Final = (
    Case(
        name="plain",
        title="two cycles; every answer takes its time",
        cycles=(Cycle(users=3, iterations=2), Cycle(users=2, iterations=2)),
        script=Script(open_after_s=0.8, start_after_s=0.4, finished_after_s=0.5),
        rules=(
            *_SPOKEN,
            *("2.3", "3.1", "3.3", "7.1", "7.2", "7.4", "7.5"),
            *_TOLD,
            *("9.2", "9.8", "9.14", "9.15", "9.18", "9.19", "9.20", "9.21", "9.22", "9.23"),
            *("9.24", "9.25"),
            *_ENDED,
        ),
    ),
    Case(
        name="failing",
        title="an assertion of the test does not hold",
        cycles=_load(2, 2),
        page="fails",
        test=FAILING,
        rules=(*_SPOKEN, *_TOLD, "9.2", "9.9", "9.11", "9.12", "9.14", "9.15", *_ENDED),
    ),
    Case(
        name="erring",
        title="the server cannot be reached",
        cycles=_load(2, 2),
        page="erring",
        test=ERRING,
        rules=(*_SPOKEN, *_TOLD, "9.2", "9.10", "9.11", "9.12", "9.16", *_ENDED),
    ),
    Case(
        name="fed",
        title="iterations are fed with cases, of which users share a divisor with their number",
        cycles=(Cycle(users=2, iterations=5), Cycle(users=3, iterations=5)),
        fed=_fed("first", "second", "third", "fourth"),
        rules=(*_SPOKEN, *_TOLD, "7.1", "7.12", "9.8", "9.23", "9.26", *_ENDED),
    ),
    *CHANGING,
    Case(
        name="together",
        title="requests are answered when all users have made one",
        cycles=_load(3, 1),
        page="meet-3",
        rules=("7.3",),
        all_users_only=True,
    ),
    Case(
        name="spawn-rate",
        title="users start at four a second",
        cycles=_load(3, 1),
        spawn_rate=4.0,
        rules=("7.1", "7.8", "10.6"),
        all_users_only=True,
    ),
    Case(
        name="no-users",
        title="a cycle without users",
        cycles=_load(0, 2),
        rules=("7.9", *_FINISHED),
        all_users_only=True,
    ),
    Case(
        name="bad-token",
        title="the token is refused",
        cycles=_load(1, 1),
        script=Script(refuse_token=True),
        rules=("1.3", "1.4"),
    ),
    Case(
        name="cut",
        title="the stream breaks twice, with a batch that was not stored",
        cycles=_load(3, 20),
        page="slow",
        script=Script(cut_at_batches=(1, 3)),
        rules=("2.2", "3.3", "5.1", "5.2", "5.3", "9.18"),
    ),
    Case(
        name="closed",
        title="the receiver closes the stream, and does not say why",
        cycles=_load(3, 10),
        page="slow",
        script=Script(close_at_batch=1),
        rules=("3.3", "5.7", "10.2"),
    ),
    Case(
        name="gone",
        title="the receiver goes away with its connections, and comes back",
        cycles=_load(3, 20),
        page="slow",
        script=Script(leave_at_batch=2),
        rules=("2.2", "3.3", "5.1", "5.2", "5.3", "10.2"),
    ),
    Case(
        name="ack-lost",
        title="the stream breaks twice, with a batch that was stored and not acked",
        cycles=_load(3, 20),
        page="slow",
        script=Script(cut_at_batches=(1, 3), stores_at_cut=True),
        rules=("2.2", "3.3", "5.3", "10.2"),
    ),
    Case(
        name="not-allowed",
        title="the stream ends with UNAUTHENTICATED in the middle of the load",
        cycles=_load(2, MANY),
        page="slow",
        stop_timeout_s=2.0,
        script=Script(close_at_batch=2, close_status=NotAllowed.reason),
        rules=("5.9",),
    ),
    Case(
        name="not-valid",
        title="the stream ends with INVALID_ARGUMENT in the middle of the load",
        cycles=_load(2, MANY),
        page="slow",
        stop_timeout_s=2.0,
        script=Script(close_at_batch=2, close_status=InvalidRequest.reason),
        rules=("5.9",),
    ),
    Case(
        name="cut-at-finish",
        title="the stream breaks before `finish` is answered",
        cycles=_load(2, 2),
        script=Script(cut_at_finish=True),
        rules=("5.6",),
    ),
    Case(
        name="away",
        title="four streams are refused: UNAVAILABLE",
        cycles=_load(2, 2),
        script=Script(refuse_streams=4),
        rules=("5.1", "5.4", "5.5"),
    ),
    Case(
        name="defect",
        title="two streams are refused: INTERNAL",
        cycles=_load(2, 2),
        script=Script(defects=2),
        rules=("5.8", "10.2"),
    ),
    Case(
        name="cut-at-ready",
        title="the stream breaks while the runner waits for the first cycle",
        cycles=_load(2, 2),
        script=Script(cut_at_ready=True),
        rules=("7.10", *_ENDED),
        all_users_only=True,
    ),
    Case(
        name="slow-acks",
        title="acks take their time; two batches may be on their way",
        cycles=_load(3, 20),
        page="slow",
        script=Script(
            ack_after_s=0.7,
            limits=runner_pb2.Limits(
                max_batch_bytes=1 << 20, max_unacked_batches=2, max_unacked_bytes=1 << 24
            ),
        ),
        rules=("4.2", "10.2"),
    ),
    Case(
        name="small-batches",
        title="small batches, and few bytes may be on their way",
        cycles=_load(5, 100),
        script=Script(
            ack_after_s=0.05,
            limits=runner_pb2.Limits(
                max_batch_bytes=4_096, max_unacked_batches=64, max_unacked_bytes=8_192
            ),
        ),
        rules=("4.1", "4.3", "10.2"),
    ),
    Case(
        name="no-limits",
        title="the receiver has no limits",
        cycles=_load(2, 5),
        script=Script(limits=runner_pb2.Limits()),
        rules=("4.4", *_ENDED),
    ),
    Case(
        name="gap",
        title="a batch is lost on its way",
        cycles=_load(3, 10),
        page="slow",
        script=Script(lose_batch=1),
        rules=("6.1",),
    ),
    Case(
        name="too-large",
        title="a batch is too large",
        cycles=_load(3, 10),
        script=Script(too_large=1),
        rules=("6.2",),
    ),
    Case(
        name="too-large-later",
        title="a batch is too large while others wait for their ack",
        cycles=_load(3, 20),
        page="slow",
        script=Script(too_large=2, ack_after_s=0.7),
        rules=("6.2", "10.2"),
    ),
    Case(
        name="tiny-batches",
        title="batches are limited to so few bytes that some events do not fit into one",
        cycles=_load(2, 2),
        page="fails",
        test=FAILING,
        script=Script(
            limits=runner_pb2.Limits(
                max_batch_bytes=350, max_unacked_batches=64, max_unacked_bytes=1 << 16
            ),
        ),
        rules=("4.1", "4.5", "10.1", "10.2", "10.6"),
    ),
    Case(
        name="strange",
        title="answers of an unknown kind appear among the others",
        cycles=_load(2, 10),
        page="slow",
        script=Script(strange=True),
        rules=("6.3",),
    ),
    Case(
        name="rejected",
        title="an event is reported as invalid",
        cycles=_load(2, 10),
        page="slow",
        script=Script(reject=True),
        rules=("6.4",),
    ),
    Case(
        name="error",
        title="the source gets an error in the middle of its load",
        cycles=_load(2, MANY),
        page="slow",
        stop_timeout_s=2.0,
        script=Script(then="error"),
        rules=("6.5",),
    ),
    Case(
        name="run-closed",
        title="the run is over in the middle of the load",
        cycles=_load(2, MANY),
        page="slow",
        stop_timeout_s=2.0,
        script=Script(then="run_closed"),
        rules=("6.6",),
    ),
    Case(
        name="duration",
        title="a cycle of a second and a half",
        cycles=(Cycle(users=2, duration_s=1.5),),
        page="slow",
        rules=("7.2", "7.6", "7.7", *_TOLD, "9.14", *_ENDED),
    ),
    Case(
        name="overtime",
        title="a cycle of a second, and a server that does not answer",
        cycles=(Cycle(users=2, duration_s=1.0),),
        page="hang",
        stop_timeout_s=0.5,
        rules=("7.11", *_FINISHED),
    ),
    Case(
        name="stop",
        title="a stop in the middle of the load",
        cycles=_load(2, MANY),
        page="slow",
        script=Script(then="stop"),
        rules=("8.1", "8.2", "9.14", *_ENDED),
    ),
    Case(
        name="stop-early",
        title="a stop before the first cycle",
        cycles=_load(2, 2),
        script=Script(stop_instead_of_start=True),
        rules=("8.1", *_FINISHED),
        all_users_only=True,
    ),
    Case(
        name="hang",
        title="a stop while the server does not answer",
        cycles=_load(2, 2),
        page="hang",
        stop_timeout_s=0.5,
        script=Script(then="stop", after_requests=1, after_events=MANY),
        rules=("8.3", "8.4", *_FINISHED),
    ),
    Case(
        name="terminate",
        title="SIGTERM while the server does not answer",
        cycles=_load(2, 2),
        page="hang",
        script=Script(then=TERMINATE, after_requests=1, after_events=MANY),
        rules=("8.5", "8.6"),
    ),
)

BY_NAME: Final = {case.name: case for case in CASES}
