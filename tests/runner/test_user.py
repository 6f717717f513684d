"""How an iteration is judged and recorded."""

import gc
import subprocess
import sys
import tracemalloc
import types
import unittest

import pytest
import requests
from greenlet import GreenletExit

from loadgrpc.case import TestCase
from loadgrpc.model import TestOutcome
from loadgrpc.runner.hit import FIELDS
from loadgrpc.runner.http.session import Session
from loadgrpc.runner.judge import CutOff
from loadgrpc.runner.user import VirtualUser
from loadgrpc.testing import plan_of

MS = 1_000_000


class Recorded(list):
    """A recorder that keeps what it is told."""

    def __init__(self):
        super().__init__()
        self.hits = []
        self.counters = []

    def iteration(self, **entry):
        self.append(entry)

    def hit(self, hit, user, iteration):
        what = {name: getattr(hit, name) for name in FIELDS}
        self.hits.append({**what, "user": user, "iteration": iteration})

    def counter(self, *entry):
        self.counters.append(entry)


@pytest.fixture(params=["plainly", "by unittest"], autouse=True)
def way(request, monkeypatch):
    """Everything holds in both ways of running an iteration."""
    if request.param == "by unittest":
        monkeypatch.setattr("loadgrpc.runner.user.is_plain", lambda *_: False)


@pytest.fixture
def recorder():
    """What the user under test recorded."""
    return Recorded()


@pytest.fixture
def live(recorder, clock):
    """Lives one iteration of a class's `test_it` and returns what was recorded of it."""

    def run(case_class, iteration=1):
        user = VirtualUser(case_class, "test_it", recorder, clock, user=3)
        try:
            outcome = user.run_iteration(iteration)
        finally:
            user.close()
        assert outcome is recorder[-1]["outcome"]
        return recorder[-1]

    return run


def case(test_it, base=TestCase, **members):
    """A test class with this test method."""
    return type("Case", (base,), {"test_it": test_it, **members})


def _raises(error):
    def test_it(self):
        raise type(error)(*error.args)  # a new one, because an exception keeps its tracebacks

    return test_it


def _passes(self):
    pass


@unittest.expectedFailure
def _passes_unexpectedly(self):
    pass


def test_an_iteration_has_its_start_and_its_length(live, clock):
    """A setUp of 1 ms, the test 2, tearDown 4, a cleanup 8: 15 in all, from the start of setUp."""

    def test_it(self):
        clock.advance(0.002)
        self.addCleanup(clock.advance, 0.008)

    start_ns = clock.wall_ns()
    entry = live(
        case(
            test_it,
            setUp=lambda _: clock.advance(0.001),
            tearDown=lambda _: clock.advance(0.004),
        ),
        iteration=9,
    )
    assert entry == {
        "outcome": TestOutcome.SUCCESS,
        "exception": None,
        "start_ns": start_ns,
        "elapsed_ns": 15 * MS,
        "user": 3,
        "iteration": 9,
        "case": "",
        "delay_ns": 0,
    }


def _fails_in_subtests(self):
    for number in range(3):
        with self.subTest(number=number):
            self.assertEqual(number, 7)


def _errs_in_a_subtest(self):
    with self.subTest():
        raise KeyError("k")


def _skips_in_a_subtest(self):
    with self.subTest():
        self.skipTest("not here")


class OwnFailure(Exception):
    pass


class OwnCase(unittest.TestCase):
    failureException = OwnFailure


OUTCOMES = {
    "passes": (case(_passes), TestOutcome.SUCCESS, None, ""),
    "plain unittest": (case(_passes, unittest.TestCase), TestOutcome.SUCCESS, None, ""),
    "assertion": (
        case(_raises(AssertionError("no"))),
        TestOutcome.FAILURE,
        "AssertionError",
        "no",
    ),
    "own failure": (
        case(_raises(OwnFailure("no")), OwnCase),
        TestOutcome.FAILURE,
        f"{__name__}.OwnFailure",
        "no",
    ),
    "error": (case(_raises(KeyError("k"))), TestOutcome.ERROR, "KeyError", "'k'"),
    "setUp fails": (
        case(_raises(KeyError("unreached")), setUp=_raises(AssertionError("early"))),
        TestOutcome.FAILURE,
        "AssertionError",
        "early",
    ),
    "tearDown errs": (
        case(_passes, tearDown=_raises(OSError("late"))),
        TestOutcome.ERROR,
        "OSError",
        "late",
    ),
    "first of two": (
        case(_raises(AssertionError("first")), tearDown=_raises(OSError("second"))),
        TestOutcome.FAILURE,
        "AssertionError",
        "first",
    ),
    "subTests fail": (case(_fails_in_subtests), TestOutcome.FAILURE, "AssertionError", "0 != 7"),
    "subTest errs": (case(_errs_in_a_subtest), TestOutcome.ERROR, "KeyError", "'k'"),
    "subTest skips": (
        case(_skips_in_a_subtest),
        TestOutcome.ERROR,
        "unittest.case.SkipTest",
        "not here",
    ),
    "skips": (
        case(unittest.skip("later")(_passes)),
        TestOutcome.ERROR,
        "unittest.case.SkipTest",
        "later",
    ),
    "class skips": (
        unittest.skip("later")(case(_passes)),
        TestOutcome.ERROR,
        "unittest.case.SkipTest",
        "later",
    ),
    "expected failure": (
        case(unittest.expectedFailure(_raises(AssertionError("no")))),
        TestOutcome.SUCCESS,
        None,
        "",
    ),
    "unexpected success": (
        case(_passes_unexpectedly),
        TestOutcome.FAILURE,
        "AssertionError",
        "expected to fail, but passed",
    ),
    "SystemExit": (case(_raises(SystemExit(3))), TestOutcome.ERROR, "SystemExit", "3"),
    "KeyboardInterrupt": (
        case(_raises(KeyboardInterrupt())),
        TestOutcome.ERROR,
        "KeyboardInterrupt",
        "",
    ),
    "pytest.fail": (
        case(lambda _: pytest.fail("so")),
        TestOutcome.ERROR,
        "Failed",
        "so",
    ),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_each_way_to_end_has_its_outcome(live, recorder, name):
    """One iteration is recorded once, with the outcome and the exception it deserves."""
    case_class, outcome, kind, message = OUTCOMES[name]
    entry = live(case_class)
    assert entry["outcome"] is outcome
    info = entry["exception"]
    assert (info and info.type) == kind
    assert (info.message if info else "") == message
    assert len(recorder) == 1


@pytest.mark.parametrize("where", ["test_it", "setUp", "tearDown", "expected", "subTest"])
def test_a_user_that_is_cut_off_is_interrupted(live, recorder, where):
    """A GreenletExit from outside ends the iteration and goes on to who threw it."""

    def in_a_subtest(self):
        with self.subTest():
            raise CutOff

    cut = _raises(CutOff())
    case_class = {
        "test_it": case(cut),
        "setUp": case(_passes, setUp=cut),
        "tearDown": case(_passes, tearDown=cut),
        "expected": case(unittest.expectedFailure(cut)),
        "subTest": case(in_a_subtest),
    }[where]
    with pytest.raises(CutOff):
        live(case_class)
    [entry] = recorder
    assert (entry["outcome"], entry["exception"]) == (TestOutcome.INTERRUPTED, None)


def test_a_greenlet_is_killed_and_a_time_out_is_not_a_kill():
    """Under gevent: kill ends a user as INTERRUPTED, a gevent.Timeout is an ERROR."""
    program = """
from gevent import monkey; monkey.patch_all()
import gevent, time, unittest
from loadgrpc.clock import SystemClock
from loadgrpc.runner.judge import CutOff
from loadgrpc.runner.user import VirtualUser
seen = []
class Recorder:
    def iteration(self, **entry):
        seen.append(entry["outcome"].name)
class Case(unittest.TestCase):
    def test_it(self):
        time.sleep(10)
    def test_timeout(self):
        with gevent.Timeout(0.01):
            time.sleep(10)
def live(method):
    VirtualUser(Case, method, Recorder(), SystemClock(), 1).run_iteration(1)
user = gevent.spawn(live, "test_it")
gevent.sleep(0.05)
user.kill(CutOff)
gevent.spawn(live, "test_timeout").get()
print(seen)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "['INTERRUPTED', 'ERROR']\n", done.stderr


async def _coroutine():
    pass


async def _async_generator():
    yield


class _Task:
    def add_done_callback(self, call):
        pass


RETURNED = {
    "a coroutine that nobody awaits": _coroutine,
    "an asynchronous generator that nobody iterates": _async_generator,
    "a generator that nobody iterates": lambda: iter([]),
    "a function that nobody calls": lambda: _passes,
    "a task that nobody waits for": _Task,
}


@pytest.mark.parametrize("what", RETURNED)
@pytest.mark.parametrize("expected", [False, True])
def test_f17_what_has_yet_to_be_run_is_no_success(live, what, expected):
    """A test that returns a coroutine, a generator or the like has not run: an error.

    One that is expected to fail, too: that it does nothing is not what was expected.
    """

    def test_it(self):
        return RETURNED[what]()

    entry = live(case(unittest.expectedFailure(test_it) if expected else test_it))
    assert entry["outcome"] is TestOutcome.ERROR
    assert entry["exception"].type == "TypeError"
    assert f"test_it returned {what}, and so has not run" in entry["exception"].message


@pytest.mark.filterwarnings("ignore:It is deprecated to return a value")
@pytest.mark.parametrize(
    "value", [0, True, "text", [1], object()], ids=lambda value: type(value).__name__
)
def test_f17_other_values_are_let_pass(live, value):
    """A test that returns something else has run, and unittest lets it pass."""
    assert live(case(lambda _: value))["outcome"] is TestOutcome.SUCCESS


def test_f17_a_run_that_reports_nothing_is_no_success(live):
    """A case whose own `run` does nothing is an error, as nobody knows what it ran."""
    entry = live(case(_passes, run=lambda *_: None))
    assert entry["outcome"] is TestOutcome.ERROR
    assert "run reported nothing" in entry["exception"].message


def _sets_up(name):
    """A class with a fixture around one of the methods by which unittest runs a case."""
    original = getattr(unittest.TestCase, name)

    def own(self, *args, **kwargs):
        self.ready = getattr(self, "ready", 0) + 1
        return original(self, *args, **kwargs)

    return own


PARTS = ["__call__", "run", "_callSetUp", "_callTestMethod", "_callTearDown", "doCleanups"]
OWN_WAYS = [
    *((base, "class", name) for base in (TestCase, unittest.TestCase) for name in PARTS),
    *((base, "instance", name) for base in (TestCase, unittest.TestCase) for name in PARTS[1:]),
    *((unittest.TestCase, "unittest", name) for name in PARTS),
    *((TestCase, "unittest", name) for name in PARTS if name != "run"),  # it has its own
]


@pytest.mark.parametrize(("base", "where", "name"), OWN_WAYS)
def test_f09_an_own_way_to_run_a_case_is_taken(live, monkeypatch, base, where, name):
    """What a class overrides, an instance replaces, or is replaced in unittest, is called."""
    users = []

    def test_it(self):
        self.addCleanup(users.append, self)

    def __init__(self, method):  # noqa: N807
        base.__init__(self, method)
        setattr(self, name, types.MethodType(_sets_up(name), self))

    if where == "unittest":
        monkeypatch.setattr(unittest.TestCase, name, _sets_up(name))
    members = {"class": {name: _sets_up(name)}, "instance": {"__init__": __init__}}
    case_class = case(test_it, base, **members.get(where, {}))
    assert live(case_class)["outcome"] is TestOutcome.SUCCESS
    [user] = users
    assert user.ready == 1


def test_f09_a_tear_down_may_look_at_what_failed(live):
    """The result that unittest hands to a case has this iteration's failures, and no others."""
    seen = []

    def test_it(self):
        self.assertEqual(len(seen), 1)

    def tearDown(self):
        result = self._outcome.result
        seen.append([text for case, text in result.failures + result.errors if case is self])

    case_class = case(test_it, tearDown=tearDown)
    for _ in range(3):
        live(case_class)
    assert [len(texts) for texts in seen] == [1, 0, 1]
    assert "AssertionError: 0 != 1" in seen[0][0]


def test_f09_what_a_case_reports_as_failure_is_one(live):
    """A case with a `run` of its own may report failures of any type, as testtools does."""

    def run(self, result):
        result.addFailure(self, (KeyError, KeyError("k"), None))

    entry = live(case(_passes, run=run))
    assert (entry["outcome"], entry["exception"].type) == (TestOutcome.FAILURE, "KeyError")


def test_f04_odd_exceptions_are_outcomes(live):
    """What is raised is judged, whatever its type and whatever its words do."""

    class OwnEnd(BaseException):
        def __str__(self):
            raise SystemExit

    entry = live(case(_raises(OwnEnd())))
    assert entry["outcome"] is TestOutcome.ERROR
    assert entry["exception"].type.endswith("OwnEnd")
    entry = live(case(_raises(KeyError("k")), failureException="no class"))
    assert entry["outcome"] is TestOutcome.ERROR


def test_f04_a_skip_that_cannot_speak(live):
    """A reason that raises is no reason to end the user."""

    class Mute(unittest.SkipTest):
        def __str__(self):
            raise ValueError

    def test_it(self):
        raise Mute

    assert live(case(test_it))["outcome"] is TestOutcome.ERROR


@pytest.mark.parametrize("kind", [BaseException, SystemExit, KeyboardInterrupt, GreenletExit])
@pytest.mark.parametrize("where", ["setUp", "test_it", "tearDown", "cleanup"])
def test_f06_what_a_test_raises_is_its_error(live, recorder, kind, where):
    """Whatever a test raises itself, wherever, is an error of that iteration; its user goes on."""
    raises = _raises(kind("of its own"))

    def with_cleanup(self):
        self.addCleanup(raises, self)

    case_class = {
        "setUp": case(_passes, setUp=raises),
        "test_it": case(raises),
        "tearDown": case(_passes, tearDown=raises),
        "cleanup": case(with_cleanup),
    }[where]
    live(case_class)
    [entry] = recorder
    assert (entry["outcome"], entry["exception"].message) == (TestOutcome.ERROR, "of its own")


def test_cleanups_of_an_interrupted_test_are_run_once(live, clock):
    """A KeyboardInterrupt of the test's own leaves no cleanup for the next iteration."""
    done = []

    def test_it(self):
        self.addCleanup(done.append, 1)
        raise KeyboardInterrupt

    live(case(test_it))
    assert done == [1]


def test_tracebacks_show_the_test_and_not_the_machinery(live):
    """Paths of the test are kept; frames of unittest and of this package are not there."""

    def helper(self):
        self.assertTrue(0)

    def test_it(self):
        with self.subTest():
            helper(self)

    text = live(case(test_it))["exception"].traceback
    assert text.count("File ") == 2
    assert text.count(f'File "{__file__}"') == 2
    assert "in helper" in text


def test_hits_and_counters_know_user_and_iteration(server, recorder, clock, answer, monkeypatch):
    """What a test does is recorded under its user's number and its iteration's."""
    monkeypatch.setenv("NO_PROXY", "*")
    server.scripts["/"] = answer(b"x", Set_Cookie="visits=1")

    def test_it(self):
        self.session.get(self.server_url)
        self.incr_counter("seen")
        self.incr_counter("seen", 4)

    user = VirtualUser(
        case(test_it), "test_it", recorder, clock, 7, plan_of(server_url=server.url())
    )
    user.run_iteration(1)
    user.run_iteration(2)
    user.close()
    assert [(hit["user"], hit["iteration"]) for hit in recorder.hits] == [(7, 1), (7, 2)]
    assert recorder.counters == [
        ("seen", 1, 7, 1),
        ("seen", 4, 7, 1),
        ("seen", 1, 7, 2),
        ("seen", 4, 7, 2),
    ]
    assert b"Cookie" not in server.requests[0]
    assert b"Cookie: visits=1" in server.requests[1]
    assert server.connections == 1


def test_a_server_url_of_the_run_overrides_the_tests(recorder, clock):
    """The run's url goes before the class's; without one the class's stands."""
    seen = []

    def test_it(self):
        seen.append(self.server_url)

    for base in (TestCase, unittest.TestCase):
        case_class = case(test_it, base, server_url="http://class")
        for url in ("http://run", ""):
            VirtualUser(
                case_class, "test_it", recorder, clock, 1, plan_of(server_url=url)
            ).run_iteration(1)
    assert seen == ["http://run", "http://class"] * 2


def test_f16_what_init_does_with_the_session_is_measured(
    server, recorder, clock, answer, monkeypatch
):
    """`__init__` has the user's session, and the server that the run names."""

    class Early(TestCase):
        server_url = "http://wrong.invalid"

        def __init__(self, name: str) -> None:
            super().__init__(name)
            self.session.get(f"{self.server_url}/early")

        def test_it(self):
            self.session.get(f"{self.server_url}/late")

    monkeypatch.setenv("NO_PROXY", "*")
    server.scripts |= {"/early": answer(), "/late": answer()}
    url = server.url("")
    user = VirtualUser(Early, "test_it", recorder, clock, user=1, plan=plan_of(server_url=url))
    user.run_iteration(1)
    user.close()

    assert [(hit["name"], hit["user"], hit["iteration"]) for hit in recorder.hits] == [
        (f"{url}/early", 1, 0),
        (f"{url}/late", 1, 1),
    ]


def test_f16_an_own_way_to_make_cases_is_taken(recorder, clock):
    """A metaclass that makes instances in its own way does so here, too."""
    made = []

    class Meta(type):
        def __call__(cls, *args):
            made.append(args)
            return super().__call__(*args)

    class Case(TestCase, metaclass=Meta):
        def test_it(self):
            pass

    VirtualUser(Case, "test_it", recorder, clock, user=1).run_iteration(1)

    assert made == [("test_it",)]


@pytest.mark.parametrize("where", ["setUp", "class", "unbound", "not a session", "own"])
def test_f16_a_session_that_does_not_measure_is_told(recorder, clock, where):
    """A user whose `session` was made by its test is counted; what is no session, is not."""
    others = {
        "setUp": requests.Session,
        "unbound": Session,
        "not a session": lambda: type("Database", (), {"close": lambda _: None})(),
    }

    class Case(TestCase):
        def setUp(self):
            if where in others:
                self.session = others[where]()

        def test_it(self):
            assert self.session is not None

    if where == "class":
        Case.session = requests.Session()
    user = VirtualUser(Case, "test_it", recorder, clock, user=1)
    user.run_iteration(1)
    user.close()

    expected = [] if where in ("not a session", "own") else [("sessions not measured", 1)]
    assert [counter[:2] for counter in recorder.counters] == expected


def test_users_have_sessions_of_their_own(recorder, clock):
    """Two users share neither session nor cookies; one user keeps its session."""
    sessions = []

    def test_it(self):
        sessions.append(self.session)

    case_class = case(test_it)
    users = [VirtualUser(case_class, "test_it", recorder, clock, n) for n in (1, 2)]
    for user in [*users, *users]:
        user.run_iteration(1)
        assert len(recorder) == len(sessions)
    for user in users:
        user.close()
    assert sessions[0] is sessions[2] is not sessions[1]
    assert sessions[1] is sessions[3]


@pytest.mark.parametrize("name", ["passes", "assertion", "subTests fail", "skips", "first of two"])
def test_iterations_leave_nothing_in_memory(clock, name):
    """A user that lives long is no larger than one that has just begun."""

    class Sieve:
        def iteration(self, **_):
            pass

    user = VirtualUser(OUTCOMES[name][0], "test_it", Sieve(), clock, 1)

    def live_on(times):
        for iteration in range(times):
            user.run_iteration(iteration)
        gc.collect()

    tracemalloc.start()
    try:
        live_on(50)
        before = tracemalloc.get_traced_memory()[0]
        live_on(300)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 300 * 10
