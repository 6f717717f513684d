"""What users take, what happens when nothing is left, and what is checked before they start."""

import sys
import unittest
from itertools import count

import pytest

from loadgrpc.case import TestCase as LoadgrpcCase
from loadgrpc.clock import SystemClock
from loadgrpc.errors import TestNotLoaded
from loadgrpc.model import DataMode, DataUse, Placement
from loadgrpc.model import TestOutcome as Outcome
from loadgrpc.runner.context import LoadStatus, UserContext
from loadgrpc.runner.data.feeds import (
    BadDataFile,
    Feed,
    Feeds,
    NoMoreRows,
    UserData,
    UserIsDone,
)
from loadgrpc.runner.data.prepared import prepared
from loadgrpc.runner.data.turns import Seat
from loadgrpc.runner.loader import load
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.user import VirtualUser
from loadgrpc.testing import assignment_of
from loadgrpc.v1 import runner_pb2

_modules = count()


@pytest.fixture
def feeds(tmp_path):
    """The feeds of a process in a folder with three users."""
    (tmp_path / "users.csv").write_text("name\nann\nbob\ncid\n")
    made = Feeds(tmp_path, "run")
    yield made
    made.close()


def take(feeds, feed, place, users=4, times=1):
    """What a user takes."""
    own = UserData(feeds, Seat(place, users, 0, users))
    return [own.take(feed)["name"] for _ in range(times)]


def reported(feeds):
    """What is reported of the feeds now."""
    found = []
    feeds.report(found.append)
    return found


def test_what_was_taken_is_reported_once(feeds):
    """Since the last report; a unique row counts once for its user, whatever it asks."""
    unique, turn = Feed.of("users.csv", at_end="repeat"), Feed.of("users.csv", "in-turn")
    assert take(feeds, unique, 1, times=3) == ["bob", "bob", "bob"]
    assert take(feeds, unique, 3) == ["ann"]
    assert take(feeds, turn, 0, users=2, times=3) == ["ann", "cid", "bob"]
    digest = feeds.open(unique).digest
    assert reported(feeds) == [
        DataUse("users.csv", DataMode.UNIQUE, 3, digest, taken=2, repeated=1),
        DataUse("users.csv", DataMode.IN_TURN, 3, digest, taken=3, repeated=1),
    ]
    assert reported(feeds) == []


def test_when_nothing_is_left(feeds):
    """An error or the end of the user, by choice, and both are counted."""
    with pytest.raises(NoMoreRows, match="has 3 rows, and 4 users need one each: this is user 4"):
        take(feeds, Feed.of("users.csv"), 3)
    with pytest.raises(NoMoreRows, match="none is left for this user; say at_end='stop'"):
        take(feeds, Feed.of("users.csv", "once", "error"), 3)
    with pytest.raises(UserIsDone):
        take(feeds, Feed.of("users.csv", "once"), 3)
    assert [(use.refused, use.stopped) for use in reported(feeds)] == [(1, 0), (1, 0), (0, 1)]


def test_a_file_is_opened_once(feeds, tmp_path):
    """For all modes and users; another delimiter makes other rows of it."""
    same = {id(feeds.open(Feed.of("users.csv", mode))) for mode in ("once", "random", "unique")}
    assert len(same) == 1
    (tmp_path / "semi.csv").write_text("a;b\n1;2\n")
    assert feeds.open(Feed.of("semi.csv", delimiter=";")).row(0) == {"a": "1", "b": "2"}


def test_random_rows_follow_the_run_or_the_seed(feeds, tmp_path):
    """Another run draws others, unless the test says a seed."""
    other = Feeds(tmp_path, "another")
    by_run, by_seed = Feed.of("users.csv", "random"), Feed.of("users.csv", "random", seed=7)
    drawn = {
        feed.seed: [take(each, feed, 0, times=30) for each in (feeds, other)]
        for feed in (by_run, by_seed)
    }
    other.close()
    assert drawn[None][0] != drawn[None][1]
    assert drawn["7"][0] == drawn["7"][1]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (
            ("a.csv", "each"),
            "mode must be one of 'unique', 'in-turn', 'random', 'once', not 'each'",
        ),
        (("a.csv", "once", "repeat"), "at_end of mode 'once' must be one of 'stop', 'error'"),
        (("a.csv", "random", "stop"), "at_end of mode 'random' must be one of 'repeat'"),
    ],
)
def test_a_wrong_argument_is_named(args, sentence):
    """With what there is instead."""
    with pytest.raises(ValueError, match=sentence):
        Feed.of(*args)


# In a test

ROWS = "name\nann\nbob\n"


def case_of(folder, monkeypatch, body, users=2, test="test_it"):
    """A test in a module of its own, loaded, and its feeds."""
    name = f"rows_{next(_modules)}"
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    (folder / f"{name}.py").write_text(
        f"from loadgrpc.case import TestCase\nclass Rows(TestCase):\n{lines}\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    loaded = load(f"{name}.py::Rows::{test}", folder)
    place = Placement(agents=2, user_offsets=(0,), total_users=(users,))
    assignment = assignment_of(test="x.Y.z", users=(1,), iterations=(1,), placement=place)
    return loaded.case_class, prepared([loaded], assignment)


def run_user(case_class, feeds, place=0, iterations=1):
    """The outcomes of a user, and its recorder."""
    recorder = Recorder(SystemClock(), "t")
    context = UserContext(LoadStatus(), data=UserData(feeds, Seat(place, 2, 0, 2)))
    user = VirtualUser(case_class, "test_it", recorder, SystemClock(), 1, context=context)
    return [user.run_iteration(at) for at in range(1, iterations + 1)], recorder


def test_a_test_takes_rows_beside_its_file(tmp_path, monkeypatch):
    """Not of the current folder."""
    (tmp_path / "users.csv").write_text(ROWS)
    monkeypatch.chdir("/")
    case_class, feeds = case_of(
        tmp_path,
        monkeypatch,
        "def setUp(self): self.user = self.data('users.csv')\n"
        "def test_it(self): assert self.data('users.csv') == self.user == {'name': 'bob'}",
    )
    assert run_user(case_class, feeds, place=1, iterations=2)[0] == [Outcome.SUCCESS] * 2
    feeds.close()


BODIES = {
    "plain": "def test_it(self): self.done = self.data('users.csv', 'once')",
    "swallowed": (
        "def test_it(self):\n  try: self.data('users.csv', 'once')\n"
        "  except Exception: raise AssertionError('swallowed')"
    ),
    "by unittest": (
        "def run(self, result=None): return super().run(result)\n"
        "def test_it(self): self.data('users.csv', 'once')"
    ),
    "in setUp": ("def setUp(self): self.data('users.csv', 'once')\ndef test_it(self): pass"),
}


@pytest.mark.parametrize("body", BODIES)
def test_a_user_ends_with_its_rows(tmp_path, monkeypatch, body):
    """The iteration that found nothing left is interrupted, whatever the test does about it."""
    (tmp_path / "users.csv").write_text(ROWS)
    case_class, feeds = case_of(tmp_path, monkeypatch, BODIES[body])
    outcomes, _ = run_user(case_class, feeds, iterations=2)
    feeds.close()
    assert outcomes == [Outcome.SUCCESS, Outcome.INTERRUPTED]


def test_what_a_test_began_is_taken_down(tmp_path, monkeypatch):
    """It is not in a hurry: tearDown and cleanups run."""
    (tmp_path / "users.csv").write_text(ROWS)
    case_class, feeds = case_of(
        tmp_path,
        monkeypatch,
        "log = []\n"
        "def test_it(self):\n  self.addCleanup(self.log.append, 'clean')\n"
        "  self.data('users.csv', 'once')\n"
        "def tearDown(self): self.log.append('down')",
    )
    assert run_user(case_class, feeds, iterations=2)[0][1] is Outcome.INTERRUPTED
    feeds.close()
    assert case_class.log == ["down", "clean"] * 2


def test_a_bad_file_stops_the_run_before_it_begins(tmp_path, monkeypatch):
    """If its name can be read in the source: the sentence has the line of the file."""
    (tmp_path / "users.csv").write_text("name,age\nann,1\nbob\n")
    with pytest.raises(TestNotLoaded, match=r"users\.csv, line 3 has 1 field instead of 2: bob"):
        case_of(tmp_path, monkeypatch, "def test_it(self): self.data('users.csv')")
    with pytest.raises(TestNotLoaded, match=r"no file 'user\.csv'.*did you mean 'users\.csv'"):
        case_of(tmp_path, monkeypatch, "def test_it(self): self.data('user.csv')")
    with pytest.raises(TestNotLoaded, match=r"rows_\d+\.py, line 3: self\.data: mode must be one"):
        case_of(tmp_path, monkeypatch, "def test_it(self): self.data('users.csv', 'each')")
    with pytest.raises(TestNotLoaded, match=r"line 3: self\.data: .*unexpected keyword"):
        case_of(tmp_path, monkeypatch, "def test_it(self): self.data('users.csv', order=1)")


def test_too_few_rows_stop_the_run_before_it_begins(tmp_path, monkeypatch):
    """On all agents together; a test that says what to do then may begin."""
    (tmp_path / "users.csv").write_text(ROWS)
    with pytest.raises(
        TestNotLoaded, match=r"users\.csv has 2 rows, and the run has 3 users, each"
    ):
        case_of(tmp_path, monkeypatch, "def test_it(self): self.data('users.csv')", users=3)
    for choice in ("'unique', 'repeat'", "'in-turn'", "'once', 'error'", "'random'"):
        body = f"def test_it(self): self.data('users.csv', {choice})"
        case_of(tmp_path, monkeypatch, body, users=3)[1].close()


def test_what_another_test_needs_is_not_asked_for(tmp_path, monkeypatch):
    """Nor is a method of that name that is the test's own."""
    body = "def test_it(self): pass\ndef test_other(self): self.data('nowhere.csv')"
    case_of(tmp_path, monkeypatch, body)[1].close()
    own = "def data(self, name): return name\ndef test_it(self): assert self.data('no') == 'no'"
    case_class, feeds = case_of(tmp_path, monkeypatch, own)
    assert run_user(case_class, feeds)[0] == [Outcome.SUCCESS]


def test_what_is_not_known_before_is_an_error_of_the_iteration(tmp_path, monkeypatch):
    """A name that the test puts together."""
    case_class, feeds = case_of(
        tmp_path, monkeypatch, "def test_it(self): self.data('no' + 'where.csv')"
    )
    outcomes, recorder = run_user(case_class, feeds)
    assert outcomes == [Outcome.ERROR]
    (frame,) = recorder.take(1 << 20)
    batch = runner_pb2.EventBatch.FromString(frame.payload)
    assert "no file 'nowhere.csv'" in batch.test_blocks[0].labels[0].exception.message


def test_outside_a_load_run_there_is_one_user(tmp_path, monkeypatch):
    """It begins with the first row, goes on in turn, and leaves nothing open."""
    (tmp_path / "users.csv").write_text(ROWS)
    body = (
        "def test_it(self):\n"
        "  assert self.data('users.csv')['name'] == 'ann'\n"
        "  assert [self.data('users.csv', 'in-turn')['name'] for _ in range(3)]"
        " == ['ann', 'bob', 'ann']\n"
        "  self.feeds = self._own_data._feeds"
    )
    case_class, feeds = case_of(tmp_path, monkeypatch, body)
    feeds.close()
    case, result = case_class("test_it"), unittest.TestResult()
    case.run(result)
    assert result.wasSuccessful(), result.errors
    assert case.feeds._files == {}


def test_the_recorder_makes_events_of_it():
    """As a broker counts them."""
    recorder = Recorder(SystemClock(), "t")
    recorder.data(DataUse("users.csv", DataMode.ONCE, 3, 5, taken=2, stopped=1))
    (frame,) = recorder.take(1 << 20)
    (event,) = runner_pb2.EventBatch.FromString(frame.payload).events
    assert (event.data.file, event.data.mode, event.data.taken) == ("users.csv", 4, 2)
    assert frame.events == recorder.produced_events == 1


def test_errors_are_what_they_look_like():
    """A test may expect them; the end of its user it cannot take for one of its own."""
    assert issubclass(NoMoreRows, LookupError)
    assert issubclass(BadDataFile, ValueError)
    assert not issubclass(UserIsDone, Exception)
    assert isinstance(LoadgrpcCase.data, type(LoadgrpcCase.incr_counter))
