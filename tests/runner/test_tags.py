"""Tags of hits: those of the user when a hit is made, in blocks of their own."""

from collections import Counter

import pytest

from loadgrpc.case import TestCase
from loadgrpc.model import HitError
from loadgrpc.protocol.batches import decode
from loadgrpc.protocol.blocks import BLOCK_ENTRIES
from loadgrpc.protocol.rows import rows
from loadgrpc.runner import recorder as module
from loadgrpc.runner.hit import Hit
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.threads import LockedRecorder
from loadgrpc.runner.user_reporter import FedReporter, UserReporter
from loadgrpc.v1 import runner_pb2


@pytest.fixture(params=[Recorder, LockedRecorder])
def recorder(request, clock):
    """A recorder of each kind."""
    return request.param(clock, "a.B.c")


@pytest.fixture(params=[UserReporter, FedReporter])
def case(request, recorder, clock):
    """The test case of a user, which makes hits by `hit()`."""
    made = TestCase()
    made.load_reporter = request.param(recorder, clock, 1, None)
    made.hit = lambda: made.load_reporter.hit(
        Hit("/", "/", "GET", 200, HitError.NONE, "", 10, 5, 0, 0, 0, 0)
    )
    return made


def taken(recorder):
    """How many hits had which tags, as a broker counts them and as it lists them."""
    found, listed = Counter(), Counter()
    for frame in recorder.take(1 << 20):
        batch = runner_pb2.EventBatch.FromString(frame.payload)
        decoded = decode(batch, arrival_ns=1)
        assert not decoded.rejected, decoded.violations
        for hits in decoded.hits:
            for label in hits.label.tolist():
                found[hits.labels[label].tags] += 1
        for row in rows(batch, arrival_ns=1, kinds=["hit"]):
            if row is not None:
                listed[tuple(sorted(row.event.hit.tags.items()))] += 1
    assert found == listed
    return found


def test_a_user_has_tags_from_then_on(case, recorder):
    """Until they are changed or taken off."""
    case.hit()
    case.tag(region="eu")
    case.hit()
    case.hit()
    case.tag(region="us", plan=2)
    case.hit()
    case.tag(region=None)
    case.hit()
    case.tag(plan=None)
    case.hit()
    assert taken(recorder) == {
        (): 2,
        (("region", "eu"),): 2,
        (("plan", "2"), ("region", "us")): 1,
        (("plan", "2"),): 1,
    }
    assert recorder.produced_hits == 6


def test_a_block_has_tags_until_its_end(case, recorder):
    """Then the user has those it had before."""
    case.tag(region="eu")
    with case.tag(page="basket"):
        case.hit()
        with case.tag(region="us"):
            case.hit()
    case.hit()
    assert taken(recorder) == {
        (("page", "basket"), ("region", "eu")): 1,
        (("page", "basket"), ("region", "us")): 1,
        (("region", "eu"),): 1,
    }


def test_hits_that_a_test_judges_have_tags_too(case, recorder):
    """Whichever comes first."""
    with case.expect(status=404), case.tag(a=1):
        case.hit()
        case.hit()
    with case.tag(a=2), case.expect(status=404):
        case.hit()
    assert taken(recorder) == {(("a", "1"),): 2, (("a", "2"),): 1}


def test_many_hits_fill_blocks(case, recorder):
    """None is lost when one is full, and a new cycle has blocks of its own."""
    case.tag(a=1)
    for _ in range(2 * BLOCK_ENTRIES + 10):
        case.hit()
    recorder.begin_cycle(2, 1, 0)
    case.hit()
    assert taken(recorder) == {(("a", "1"),): 2 * BLOCK_ENTRIES + 11}
    assert taken(recorder) == {}


def test_sets_of_tags_are_bounded(case, recorder, monkeypatch):
    """Hits of further sets are tagged as others."""
    monkeypatch.setattr(module, "MAX_TAG_SETS", 3)
    for number in range(10):
        case.tag(number=number)
        case.hit()
    found = taken(recorder)
    assert found[module.OTHER_TAGS] == 7
    assert sum(found.values()) == 10


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"x" * 33: 1}, "is too long: 32 and 64 characters"),
        ({"a": "x" * 65}, "is too long"),
        ({f"a{number}": 1 for number in range(8)}, "9 tags are too many: at most 8"),
    ],
)
def test_what_cannot_be_a_tag(tags, words):
    """The test is told, also outside of a load run, and its tags are as before."""
    case = TestCase()
    case.tag(a=1)
    with pytest.raises(ValueError, match=words):
        case.tag(**tags)
    with case.tag(b=2):
        pass
