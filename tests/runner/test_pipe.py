"""Frames between the link and its user processes, in whatever pieces a socket gives them."""

from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.runner import pipe
from loadgrpc.runner.messages import Order, Report
from loadgrpc.runner.pipe import Frame, FrameKind, FrameReader

batches = st.builds(
    lambda body, events, hits: (
        pipe.batch(body, events, hits),
        Frame(FrameKind.BATCH, events, hits, body),
    ),
    st.binary(max_size=200),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)
messages = st.one_of([st.from_type(kind) for kind in (*Order.__args__, *Report.__args__)])


@given(st.lists(batches, max_size=8), st.data())
def test_frames_survive_any_cutting(frames, data):
    """However the stream is cut, the frames come out whole, in order, and as they were."""
    stream = b"".join(raw for raw, _ in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader = FrameReader()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.feed(stream[start:end])

    assert found == [frame for _, frame in frames]


@given(st.lists(batches, min_size=1, max_size=3))
def test_a_frame_comes_with_its_last_byte(frames):
    """A frame is given as soon as it is whole, and not before."""
    reader = FrameReader()
    for raw, frame in frames:
        assert list(reader.feed(raw[:-1])) == []
        assert list(reader.feed(raw[-1:])) == [frame]


@given(messages)
def test_messages_survive(message):
    """A control frame holds its message, of whatever kind, and neither events nor hits."""
    (frame,) = FrameReader().feed(pipe.control(message))

    assert (frame.kind, frame.events, frame.hits) == (FrameKind.CONTROL, 0, 0)
    assert repr(frame.control()) == repr(message)  # not a number is as it was, too
