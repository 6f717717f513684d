"""What runners report of measures: what is valid, and what is refused with a reason."""

import math
import re

import pytest

from loadgrpc.protocol.batches import decode
from loadgrpc.protocol.bounds import MAX_MEASURED
from loadgrpc.v1 import event_pb2, runner_pb2

VALID = {
    "check": {"name": "a", "passed": 3, "failed": 1},
    "transaction": {"name": "a", "elapsed_ns": [5, 7], "counts": [1, 2], "failed": 4},
    "measurement": {"name": "a", "values": [0.25, 1e12, 0.0], "counts": [2, 1, 1]},
    "gauge": {"name": "a", "value": -3.5, "min": -4.0, "max": 9.0},
}
WRONG = [
    ("check", {"passed": 1}, "needs a name"),
    ("check", {"name": "a"}, "counts nothing"),
    ("transaction", {"name": "a"}, "counts nothing"),
    ("transaction", {"name": "a", "counts": [1]}, "there are 0 elapsed_ns, and 1 counts"),
    ("transaction", {"name": "a", "elapsed_ns": [1, 2], "counts": [1]}, "and 1 counts"),
    ("transaction", {"name": "a", "elapsed_ns": [1], "counts": [0]}, "a count is 0"),
    ("transaction", {"name": "a", "elapsed_ns": [2**63]}, "an elapsed_ns is over"),
    (
        "transaction",
        {"name": "a", "elapsed_ns": [1] * (MAX_MEASURED + 1)},
        "has more than 2,000 entries",
    ),
    ("measurement", {"name": "a"}, "has no values"),
    ("measurement", {"name": "a", "values": [-0.1]}, r"not from 0 to 1e\+12"),
    ("measurement", {"name": "a", "values": [1.1e12]}, r"not from 0 to 1e\+12"),
    ("measurement", {"name": "a", "values": [math.nan]}, r"not from 0 to 1e\+12"),
    (
        "measurement",
        {"name": "a", "values": [1.0] * (MAX_MEASURED + 1)},
        "has more than 2,000 entries",
    ),
    ("gauge", {"name": "a", "value": math.inf}, "is not finite"),
    ("gauge", {"name": "a", "value": 1.0, "min": 2.0}, "not between min and max"),
    ("gauge", {"name": "a", "value": 1.0, "max": math.nan}, "is not finite"),
]


def read(kind, fields):
    """What a broker makes of an event, which came at 9 and says that it is of 5."""
    event = event_pb2.Event(**{kind: fields})
    event.time.FromNanoseconds(5)
    return decode(runner_pb2.EventBatch(events=[event]), arrival_ns=9)


@pytest.mark.parametrize("kind", VALID)
def test_what_is_valid_is_counted(kind):
    """All of it, with the time of the event."""
    decoded = read(kind, VALID[kind])
    assert decoded.rejected == 0, decoded.violations
    (measured,) = decoded.measures
    assert (measured.kind, measured.name, measured.time_ns) == (kind, "a", 5)
    numbers, histogram = measured.stats.parts()
    assert (numbers, histogram and histogram.figures) == {
        "check": ([3, 1], None),
        "transaction": ([4], (3, 19, 5, 7, 0)),
        "measurement": ([False], (4, 10**18 + 500_000, 0, 10**18, 1)),
        "gauge": ([-3.5, 5, -4.0, 9.0], None),
    }[kind]


@pytest.mark.parametrize(("kind", "fields", "words"), WRONG)
def test_what_is_wrong_is_named(kind, fields, words):
    """It is rejected alone, and the reason names it."""
    decoded = read(kind, fields)
    assert (decoded.rejected, decoded.measures) == (1, [])
    assert re.match(f"{kind}: .*{words}", decoded.violations[0]), decoded.violations


def test_names_are_cut_and_stay_apart():
    """As those of hits."""
    one, two = (read("gauge", {"name": "x" * 300 + end}).measures[0].name for end in "ab")
    assert len(one) == len(two) == 256
    assert one != two


def test_a_gauge_without_bounds_has_its_value():
    """Absent, not zero."""
    (measured,) = read("gauge", {"name": "a", "value": 5.0}).measures
    assert (measured.stats.min, measured.stats.max) == (5.0, 5.0)
