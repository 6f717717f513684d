"""The rules that a runner must keep, each with the sentence of the protocol that it comes from.

Each sentence appears word for word in the comments of runner.proto or event.proto, where a test
looks for it. There is no rule without such a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Rule:
    """One rule. `must`: a runner that breaks it does not conform; otherwise it is advice."""

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
    "UNAVAILABLE, any other status, or a stream closed without one:"
    " open again, with increasing delays."
)

RULES: Final = (
    Rule(
        "1.1",
        "every call carries the token",
        "sent as metadata `authorization: Bearer TOKEN` with every call",
    ),
    Rule("1.2", "it says who it is", "The three fields together name a source"),
    Rule(
        "1.3",
        "a token that was refused is not tried again",
        "UNAUTHENTICATED, there is no valid token: do not retry",
    ),
    Rule(
        "1.4",
        "without a valid token it ends, and not with 0",
        "A runner that exits with 0 without `finish` is trusted",
    ),
    Rule("2.1", "`open` comes first", "The first message about a source is `open`"),
    Rule(
        "2.2",
        "each stream has a higher epoch",
        "Numbers the streams of this source: the higher wins.",
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
        "Number of events in the batch. 0: as many as are in the fields above.",
    ),
    Rule(
        "3.3",
        "the same number is the same event",
        "A batch that was stored before is acked again and counted once;"
        " of a batch that overlaps, only the new tail counts.",
    ),
    Rule("4.1", "batches are within their bound", "Bytes of a batch, serialised."),
    Rule("4.2", "few batches are on their way", "Batches sent and not yet acked."),
    Rule(
        "4.3",
        "few bytes are on their way",
        "Bytes sent and not yet acked. A batch that would exceed it waits.",
    ),
    Rule("4.4", "a limit of 0 is none", "0, here and below: no limit."),
    Rule(
        "4.5",
        "an event that fits into no batch is shortened or skipped",
        "Shorten an event that is over it by itself, or declare it lost by `skip`.",
    ),
    Rule(
        "5.1",
        "a stream that broke is opened again",
        _AGAIN,
    ),
    Rule(
        "5.2",
        "what is not durable is sent again",
        "Keep all events above the acked `durable_sequence`: when the stream breaks, open again,"
        " and resend from `opened.durable_sequence` + 1.",
    ),
    Rule(
        "5.3",
        "what is durable is not sent again",
        "Everything up to this number is on the receiver's disk; never less than"
        " `committed_sequence`. The next number to send is one higher.",
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
        "a `finish` that was not answered is sent again",
        "sends `finish`, waits for `finished`, and exits with 0",
    ),
    Rule("5.7", "a stream that is closed is opened again", _AGAIN),
    Rule("5.8", "a stream that ends with INTERNAL is opened again", _AGAIN),
    Rule(
        "5.9",
        "a stream that ends for good is the end",
        "Statuses that end the stream: UNAUTHENTICATED, there is no valid token: do not retry;"
        " INVALID_ARGUMENT,",
    ),
    Rule(
        "6.1",
        "after a `gap` the expected number comes",
        "A batch that starts too high is answered with one `gap` and ignored,"
        " like all that follow, until the expected number comes.",
    ),
    Rule(
        "6.2",
        "a batch that is too large is split",
        "A batch over the limit is answered with `too_large` and ignored: split it.",
    ),
    Rule(
        "6.3",
        "an answer of an unknown kind is ignored",
        "Both sides ignore messages of a kind they do not know.",
    ),
    Rule(
        "6.4",
        "it goes on after `rejected`",
        "Invalid events are counted as rejected, named in `rejected`, and acked;"
        " the stream goes on.",
    ),
    Rule("6.5", "an `error` ends it, and not with 0", "Retrying helps in no case."),
    Rule(
        "6.6",
        "`run_closed` ends it, and not with 0",
        "After `run_closed` or `error` it exits with another status.",
    ),
    Rule("7.1", "each user makes its iterations", "Iterations each user makes."),
    Rule("7.2", "each user runs, and no other", "The user, from 1 to `users`."),
    Rule("7.3", "users run at the same time", "Users that run at the same time."),
    Rule("7.4", "cycles come one after another", "The cycles, one after another"),
    Rule(
        "7.5",
        "a cycle is entered when it is started",
        "It sends `ready` before each cycle and waits for `start_cycle`,"
        " so that all agents enter a cycle together.",
    ),
    Rule("7.6", "a duration bounds a cycle", "How long the cycle lasts."),
    Rule(
        "7.7",
        "iterations are finished when the time is over",
        "How long users may take to finish their iteration when a cycle's time is over"
        " or the run is stopped.",
    ),
    Rule("7.8", "users start at their rate", "Users to start per second. 0: all at once"),
    Rule(
        "7.9",
        "a cycle may have no users",
        "Users that run at the same time. May be 0 when users are split among many agents.",
    ),
    Rule(
        "7.10",
        "on a new stream it sends `ready` again",
        "On a new stream, send `ready` again while you wait for `start_cycle`",
    ),
    Rule(
        "7.11",
        "users that go on after their cycle are cut off",
        "How long users may take to finish their iteration when a cycle's time is over"
        " or the run is stopped.",
    ),
    Rule(
        "7.12",
        "each iteration is fed with its case",
        "All iterations of a scenario stand in one line: the first iterations of all users on all"
        " agents, by their index (see Placement), then their second ones, and so on, cycle after"
        " cycle.",
    ),
    Rule(
        "7.13",
        "arrivals start at their planned instants",
        "Of arrivals, each iteration starts at its planned instant (`Spacing`), whatever the"
        " answers do,",
    ),
    Rule(
        "7.14",
        "each arrival of its share starts, and no other",
        "Arrival k, and user k of those that a level asks for, from 0, belongs to the agent with k"
        " modulo `placement.agents` = `placement.agent_index`;",
    ),
    Rule(
        "7.15",
        "arrivals are accounted for, second by second",
        "what waits at the end of a second is what waited at its beginning, plus `planned`, minus"
        " `started` and `dropped`.",
    ),
    Rule(
        "7.16",
        "a live change of the load holds from its moment on",
        "A runner computes its line again from `Assignment.stages` and all changes:",
    ),
    Rule(
        "7.17",
        "a paused load starts nothing, and goes on where it was",
        "While the load is paused, nothing starts.",
    ),
    Rule(
        "7.18",
        "users come and go with the level",
        "Arrival k, and user k of those that a level asks for, from 0, belongs to the agent with k"
        " modulo `placement.agents` = `placement.agent_index`;",
    ),
    Rule(
        "7.19",
        "each user who comes has a number of its own",
        "each user who comes has a number that no other had.",
    ),
    Rule(
        "7.20",
        "users who go finish their iteration",
        "those that the level no longer asks for finish their iteration and leave,",
    ),
    Rule(
        "7.21",
        "a load begins when `start_cycle` says",
        "When its load begins, by the clock of the source's machine: the same instant on all agents"
        " of a run with several. At once if it is missing, or not within a few seconds of now.",
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
        "the load of a cycle is reported as it is",
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
        "Its type, such as `AssertionError` or `java.net.SocketException`. Required.",
    ),
    Rule(
        "9.12",
        "an exception has a message",
        "Its message. Empty if it has none.",
        must=False,
    ),
    Rule("9.13", "times are those of the run", "When it happened, by the runner's clock."),
    Rule("9.14", "each request is a hit", "A request was made and measured."),
    Rule(
        "9.15",
        "a hit has the status of its answer",
        "The status of the answer. 0: no answer came, or the protocol has no status.",
    ),
    Rule(
        "9.16",
        "a hit without an answer says so",
        "Why there was no complete answer, which makes a failed hit"
        " unless `failed` says otherwise.",
    ),
    Rule("9.17", "a hit has its method", "The method, such as `GET`. Required for HTTP."),
    Rule(
        "9.18",
        "a hit took as long as its request",
        "From `start_time` to the last byte of the answer, connecting included.",
    ),
    Rule(
        "9.19",
        "a hit has the protocol of its request",
        "The protocol, in lower case, such as `grpc` or `websocket`. Empty: `http`",
    ),
    Rule(
        "9.20",
        "a hit that went as the test expects did not fail",
        "Whether the hit failed, decided by whoever made it: an expected 404 did not fail",
    ),
    Rule(
        "9.21",
        "a hit is not planned for after its start",
        "When the request was planned to start. Not after `start_time`",
    ),
    Rule(
        "9.22",
        "attempts are counted from 1",
        "Which attempt at the same request this is, counted from 1: the first retry has attempt 2.",
    ),
    Rule(
        "9.23",
        "an iteration has one case",
        "The case that the iteration was fed with.",
    ),
    Rule(
        "9.24",
        "sockets that ended were opened",
        "Over a run, `closed` and `broken` together are at most `opened`.",
    ),
    Rule(
        "9.25",
        "messages of sockets are reported together",
        "send one per second or so for each name, not one per message.",
        must=False,
    ),
    Rule(
        "9.26",
        "an iteration names the rule of its case",
        "The runner puts the rule of the case (`FedCase.rule`) into `LoadStatus.case` of every"
        " event of the iteration, or into the columns of cases of its blocks.",
    ),
    Rule("10.1", "it sends `finish`", "`finish` carries the totals the source produced"),
    Rule("10.2", "it has produced what it sent", "Events, skipped ones included."),
    Rule(
        "10.3",
        "it has produced the hits it sent",
        "the two must be equal, apart from rejected and skipped events.",
    ),
    Rule("10.4", "nothing new comes after `finish`", "The last message of a source."),
    Rule(
        "10.5",
        "it waits for `finished`",
        "sends `finish`, waits for `finished`, and exits with 0",
    ),
    Rule("10.6", "it exits with 0", "one that exits with anything else is lost."),
)

BY_NUMBER: Final = {rule.number: rule for rule in RULES}
