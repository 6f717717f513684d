"""The rules that a runner is held to, each with the sentence of the protocol that it is from.

Rule: a sentence stands word for word in the comments of runner.proto or event.proto; a test
looks for it there. What is no sentence of theirs is no rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Rule:
    """One rule. `must`: who breaks it does not conform; otherwise it is advice."""

    number: str
    title: str
    sentence: str
    must: bool = True

    @property
    def section(self) -> str:
        """What it is about."""
        return SECTIONS[int(self.number.partition(".")[0])]


SECTIONS: Final = {
    1: "Token and identity",
    2: "Opening",
    3: "Numbers",
    4: "Limits",
    5: "Streams that break",
    6: "Answers",
    7: "Load",
    8: "Stop",
    9: "Events",
    10: "End",
}

_AGAIN: Final = (
    "UNAVAILABLE, any other status, and a stream that is closed without one:"
    " open again, later and later."
)

RULES: Final = (
    Rule(
        "1.1",
        "every call carries the token",
        "sent as metadata `authorization: Bearer TOKEN` with every call",
    ),
    Rule("1.2", "it says who it is", "The three together name a source"),
    Rule(
        "1.3",
        "a token that was refused is not tried again",
        "UNAUTHENTICATED, no valid token, do not try again",
    ),
    Rule(
        "1.4",
        "without a valid token it ends, and not with 0",
        "A runner that exits with 0 without `finish` is believed",
    ),
    Rule("2.1", "`open` comes first", "The first message about a source is `open`"),
    Rule(
        "2.2",
        "each stream has a higher epoch",
        "Which attempt of this source this stream is; higher wins.",
    ),
    Rule(
        "2.3",
        "events wait for `opened`",
        "the answer is `opened`, with what is stored already and the limits",
        must=False,
    ),
    Rule(
        "3.1",
        "numbers go from 1 without gaps",
        "The events of a source are numbered from 1 without gaps",
    ),
    Rule(
        "3.2",
        "a batch counts the events it has",
        "Events of the batch. 0: as many as are in the fields above.",
    ),
    Rule(
        "3.3",
        "the same number is the same event",
        "A batch that was stored before is acked again and counted once;"
        " of one that overlaps, only the tail counts.",
    ),
    Rule("4.1", "batches are within their bound", "Bytes of a batch, serialised."),
    Rule("4.2", "few batches are on their way", "Batches sent and not yet acked."),
    Rule(
        "4.3",
        "few bytes are on their way",
        "Bytes sent and not yet acked. A batch that would go over it waits.",
    ),
    Rule("4.4", "a limit of 0 is none", "0, here and below: no bound."),
    Rule(
        "4.5",
        "an event that fits into no batch is shortened or skipped",
        "An event that is over it by itself is shortened, or declared lost by `skip`.",
    ),
    Rule(
        "5.1",
        "a stream that broke is opened again",
        _AGAIN,
    ),
    Rule(
        "5.2",
        "what is not durable is sent again",
        "Keep what is above its `durable_sequence`: when the stream breaks, open again,"
        " and send from `opened.durable_sequence` + 1.",
    ),
    Rule(
        "5.3",
        "what is durable is not sent again",
        "Everything up to this number is on this home's disk, never less than"
        " `committed_sequence`; the next to send is one higher.",
    ),
    Rule(
        "5.4",
        "it pauses before it opens again",
        _AGAIN,
    ),
    Rule(
        "5.5",
        "pauses grow",
        _AGAIN,
        must=False,
    ),
    Rule(
        "5.6",
        "a `finish` that was not answered is said again",
        "finishes, waits for `finished`, and exits with 0",
    ),
    Rule("5.7", "a stream that is closed is opened again", _AGAIN),
    Rule("5.8", "a stream that ends with INTERNAL is opened again", _AGAIN),
    Rule(
        "5.9",
        "a stream that ends for good is the end",
        "What ends the stream: UNAUTHENTICATED, no valid token, do not try again;"
        " INVALID_ARGUMENT,",
    ),
    Rule(
        "6.1",
        "after a `gap` the number expected comes",
        "A batch that starts too high is answered with `gap`, once, and ignored,"
        " as is all that follows, until the number expected comes.",
    ),
    Rule(
        "6.2",
        "a batch that is too large is split",
        "A batch over the limit is answered with `too_large` and ignored: split it.",
    ),
    Rule(
        "6.3",
        "an answer of an unknown kind is ignored",
        "A message of a kind that is not known here is ignored, on both sides.",
    ),
    Rule(
        "6.4",
        "it goes on after `rejected`",
        "Invalid events are counted as rejected, named in `rejected`, and acked;"
        " the stream goes on.",
    ),
    Rule("6.5", "an `error` ends it, and not with 0", "None goes away by trying again."),
    Rule(
        "6.6",
        "`run_closed` ends it, and not with 0",
        "After `run_closed` or `error` it exits with something else.",
    ),
    Rule("7.1", "each user makes its iterations", "Iterations each user makes."),
    Rule("7.2", "each user lives, and no other", "The user, from 1 to `users`."),
    Rule("7.3", "users live at the same time", "Users that live at the same time."),
    Rule("7.4", "cycles come one after another", "The cycles, one after another"),
    Rule(
        "7.5",
        "a cycle is entered when it is started",
        "It says `ready` before each cycle and waits for `start_cycle`,"
        " so that all agents enter a cycle together.",
    ),
    Rule("7.6", "a duration bounds a cycle", "How long the cycle lasts."),
    Rule(
        "7.7",
        "iterations are finished when the time is over",
        "How long users may take to finish their iteration when a cycle's time is over"
        " or the run is stopped.",
    ),
    Rule("7.8", "users start at their rate", "Users to start a second. 0: all at once"),
    Rule(
        "7.9",
        "a cycle may have no users",
        "Users that live at the same time. May be 0, when users are split among many agents.",
    ),
    Rule(
        "7.10",
        "on a new stream it says `ready` again",
        "On a new stream say `ready` again while you wait for `start_cycle`",
    ),
    Rule(
        "7.11",
        "users that go on after their cycle are cut off",
        "How long users may take to finish their iteration when a cycle's time is over"
        " or the run is stopped.",
    ),
    Rule(
        "8.1",
        "no iteration begins after a stop",
        "Let users finish their iteration, then finish.",
    ),
    Rule(
        "8.2",
        "iterations are finished after a stop",
        "How long users may take to finish their iteration when a cycle's time is over"
        " or the run is stopped.",
    ),
    Rule(
        "8.3",
        "users that take too long are cut off",
        "Users that take longer are cut off.",
    ),
    Rule(
        "8.4",
        "an iteration that was cut off has no outcome",
        "An iteration that stops without an outcome was interrupted.",
    ),
    Rule(
        "8.5",
        "it ends soon after SIGTERM",
        "its process group gets SIGTERM, and 3.5 seconds to report what was cut off and to exit.",
    ),
    Rule(
        "8.6",
        "it reports before it ends by SIGTERM",
        "its process group gets SIGTERM, and 3.5 seconds to report what was cut off and to exit.",
        must=False,
    ),
    Rule(
        "9.1",
        "events are valid",
        "An event without any of these is invalid: it is rejected, counted as rejected,"
        " and the stream goes on.",
    ),
    Rule(
        "9.2",
        "an iteration is start, outcome and stop",
        "An iteration ended, whatever its outcome. Sent after the outcome.",
    ),
    Rule("9.3", "iterations name the test", "The test, as the assignment names it. Required."),
    Rule(
        "9.4",
        "events say where in the load they happened",
        "Where in the load it happened. Absent: unknown.",
        must=False,
    ),
    Rule(
        "9.5",
        "the load of a cycle is told as it is",
        "Users of this cycle, on this runner's agent.",
    ),
    Rule(
        "9.6",
        "iterations are numbered from 1",
        "The iteration of this user in this cycle, from 1.",
    ),
    Rule("9.7", "cycles are numbered as assigned", "The cycle, from 1. 0: unknown."),
    Rule("9.8", "an iteration that passes is a success", "The iteration passed."),
    Rule(
        "9.9",
        "an assertion that does not hold is a failure",
        "An assertion of the test did not hold.",
    ),
    Rule(
        "9.10",
        "anything else that is raised is an error",
        "The test raised something other than a failed assertion.",
    ),
    Rule(
        "9.11",
        "an exception has its type",
        "Its type, as `AssertionError` or `java.net.SocketException`. Required.",
    ),
    Rule(
        "9.12",
        "an exception says something",
        "What it says. Empty where it says nothing.",
        must=False,
    ),
    Rule("9.13", "times are those of the run", "When it happened, by the runner's clock."),
    Rule("9.14", "each request is a hit", "A request was made and measured."),
    Rule(
        "9.15",
        "a hit has the status of its answer",
        "The status of the answer. 0: none came, or the protocol has no such thing.",
    ),
    Rule(
        "9.16",
        "a hit without an answer says so",
        "Why there was no whole answer, which makes a failed hit.",
    ),
    Rule("9.17", "a hit has its method", "The method, as `GET`. Required for HTTP."),
    Rule(
        "9.18",
        "a hit took as long as its request",
        "From `start_time` to the last byte of the answer, connecting included.",
    ),
    Rule("10.1", "it says `finish`", "`finish` carries the totals the source produced"),
    Rule("10.2", "it has produced what it sent", "Events, skipped ones included."),
    Rule(
        "10.3",
        "it has produced the hits it sent",
        "it must be as many, but for rejected and skipped events.",
    ),
    Rule("10.4", "nothing new comes after `finish`", "The last message of a source."),
    Rule(
        "10.5",
        "it waits for `finished`",
        "finishes, waits for `finished`, and exits with 0",
    ),
    Rule("10.6", "it exits with 0", "one that exits with anything else is lost."),
)

BY_NUMBER: Final = {rule.number: rule for rule in RULES}
