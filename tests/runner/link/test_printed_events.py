"""What user processes print, as events: bounded, and nothing left out in silence."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.model import OutputStream
from loadgrpc.protocol import batches
from loadgrpc.protocol.printed import PrintedLine
from loadgrpc.runner.link import printed_events
from loadgrpc.runner.link.printed_events import (
    COUNT_EVERY_NS,
    MAX_AT_ONCE,
    MAX_LINES,
    PrintedEvents,
)
from loadgrpc.v1 import event_pb2, runner_pb2

OUT, ERR = OutputStream.STDOUT, OutputStream.STDERR
NOW_NS = 1_700_000_000_000_000_000


def lines(count, text="x"):
    """So many lines."""
    return [PrintedLine(text)] * count


def taken(prints, *, now_ns=NOW_NS, last=False):
    """All events that there are, as their outputs."""
    found = []
    while events := prints.take(now_ns, last=last):
        assert len(events) <= MAX_AT_ONCE
        found += [event.output for event in events]
    return found


def test_a_line_is_an_event():
    """It says what was printed, where, and when."""
    prints = PrintedEvents()
    prints.add(3, ERR, [PrintedLine("\x1b[1mbold")], NOW_NS)
    (event,) = prints.take(NOW_NS + 5)

    assert event.time.ToNanoseconds() == NOW_NS
    assert event.output == event_pb2.Output(text="\x1b[1mbold", process=3, stream=2)
    assert prints.take(NOW_NS + COUNT_EVERY_NS) == []


def test_passwords_and_tokens_are_masked():
    """What is stored of a line has no secret that is in a URL."""
    prints = PrintedEvents()
    prints.add(1, OUT, [PrintedLine("GET http://me:secret@h/?token=abc&n=1")], NOW_NS)

    assert taken(prints)[0].text == "GET http://me:***@h/?token=***&n=1"


def test_the_first_lines_of_a_source_are_sent_and_the_others_counted():
    """Of all processes together MAX_LINES are sent; of each it is said how many more there were."""
    prints = PrintedEvents()
    prints.add(1, OUT, lines(MAX_LINES - 1), NOW_NS)
    prints.add(2, OUT, [PrintedLine("the last"), *lines(7)], NOW_NS)
    prints.add(1, OUT, [PrintedLine("more", left_out=40)], NOW_NS)
    came = taken(prints)

    assert [output.text for output in came if output.HasField("text")] == [
        *["x"] * (MAX_LINES - 1),
        "the last",
    ]
    assert came[MAX_LINES:] == [
        event_pb2.Output(process=2, stream=1, left_out=7),
        event_pb2.Output(process=1, stream=1, left_out=41),
    ]


def test_it_is_said_once_a_while_how_many_lines_were_left_out():
    """At once when it begins, then every ten seconds, and at the end."""
    prints = PrintedEvents()
    prints.add(1, OUT, lines(MAX_LINES), NOW_NS)
    taken(prints)

    def more(now_ns, *, last=False):
        prints.add(1, OUT, lines(1), now_ns)
        return [output.left_out for output in taken(prints, now_ns=now_ns, last=last)]

    assert more(NOW_NS) == [1]
    assert more(NOW_NS + 1) == []
    assert more(NOW_NS + COUNT_EVERY_NS) == [2]
    assert more(NOW_NS + COUNT_EVERY_NS + 1, last=True) == [1]


def test_what_is_dropped_is_counted_and_makes_room_for_others():
    """When other events come first, lines that wait are left out, and later ones are sent again."""
    prints = PrintedEvents()
    prints.add(1, OUT, [PrintedLine("x", left_out=2), *lines(MAX_LINES - 1)], NOW_NS)
    prints.drop()

    assert [output.left_out for output in taken(prints)] == [MAX_LINES + 2]
    prints.add(1, OUT, lines(MAX_LINES), NOW_NS)
    assert len(taken(prints, last=True)) == MAX_LINES


def test_what_comes_after_the_end_is_no_event():
    """A source that has finished sends nothing more."""
    prints = PrintedEvents()
    prints.add(1, OUT, lines(1), NOW_NS)
    assert len(taken(prints, last=True)) == 1
    prints.add(1, OUT, lines(1), NOW_NS)
    assert taken(prints, last=True) == []


_ADDED = st.tuples(
    st.just("add"),
    st.integers(1, 3),
    st.sampled_from(OutputStream),
    st.lists(
        st.builds(
            PrintedLine,
            st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            st.integers(0, 9),
        ),
        max_size=8,
    ),
)
_STEPS = st.lists(
    _ADDED | st.just(("drop",)) | st.tuples(st.just("take"), st.integers(0, 2 * COUNT_EVERY_NS)),
    max_size=20,
)


@given(_STEPS)
def test_every_line_is_sent_or_counted(steps):
    """Whatever is printed, dropped and taken: of each process and stream nothing is missing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printed_events, "MAX_LINES", 6)
        patch.setattr(printed_events, "MAX_AT_ONCE", 2)
        prints, now_ns = PrintedEvents(), NOW_NS
        due, came, sent = Counter(), Counter(), []
        for step in steps:
            if step[0] == "add":
                _, process, stream, some = step
                prints.add(process, stream, some, now_ns)
                due[process, stream] += sum((x.text is not None) + x.left_out for x in some)
            elif step[0] == "drop":
                prints.drop()
            else:
                now_ns += step[1]
                sent += prints.take(now_ns)
        while events := prints.take(now_ns, last=True):
            sent += events
        for output in (event.output for event in sent):
            came[output.process, output.stream] += output.HasField("text") + output.left_out

        assert came == due
        assert sum(event.output.HasField("text") for event in sent) <= 6
        decoded = batches.decode(runner_pb2.EventBatch(events=sent), arrival_ns=NOW_NS)
        assert (decoded.rejected, decoded.lines + decoded.lines_left_out) == (0, due.total())
