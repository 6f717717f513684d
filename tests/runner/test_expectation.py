"""What a test expects of its answers, and which hits have failed by that."""

import pytest
import requests

from loadgrpc.case import TestCase
from loadgrpc.model import HitError
from loadgrpc.runner.expectation import Expectation
from loadgrpc.runner.hit import Hit
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.user import UserReporter

MS = 1_000_000


class KeptHits:
    """A recorder that keeps hits."""

    def __init__(self):
        self.hits = []

    def hit(self, hit, user, iteration):
        self.hits.append((hit.status, hit.failed, hit.error_message))


@pytest.fixture
def kept():
    """The hits that were recorded: status, whether they failed, and why."""
    return KeptHits()


@pytest.fixture
def reporter(kept, clock):
    """That of a user."""
    return UserReporter(kept, clock, 1, None)


def hit(status=200, error=HitError.NONE, message="", elapsed_ns=MS, **more):
    """A hit."""
    return Hit("/", "/", "GET", status, error, message, 0, elapsed_ns, 0, 0, 0, 0, **more)


@pytest.mark.parametrize(
    ("expected", "status", "reason"),
    [
        (404, 404, ""),
        (404, 200, "status 200, and 404 was expected"),
        ((200, 404), 404, ""),
        ([200, 201], 500, "status 500, and 200 or 201 was expected"),
        (range(200, 300), 204, ""),
        (range(200, 300), 300, ""),  # a redirect that is followed
        (range(200, 300), 404, "status 404, and one of 200 to 299 was expected"),
        (302, 301, "status 301, and 302 was expected"),
        (302, 200, "status 200, and 302 was expected"),
        (None, 302, ""),
        (None, 400, "status 400, and one below 400 was expected"),
    ],
)
def test_statuses(reporter, kept, expected, status, reason):
    """Those that are expected are no failures, whatever they are; others say what was."""
    with Expectation(reporter, expected):
        reporter.hit(hit(status))
    assert kept.hits == [(status, bool(reason), reason)]


def test_a_slow_answer_has_failed(reporter, kept):
    """If the test says how long it may take; the reason is the same for all of them."""
    with Expectation(reporter, None, 0.3):
        for ms in (299, 300, 301, 999):
            reporter.hit(hit(elapsed_ns=ms * MS))
    assert [failed for _, failed, _ in kept.hits] == [False, False, True, True]
    assert {reason for *_, reason in kept.hits} == {"", "it took longer than 0.3 s"}


def test_the_test_judges_the_last_hit(reporter, kept):
    """A wrong body is a failure, with the reason; earlier hits of the block are recorded."""
    with Expectation(reporter) as expected:
        reporter.hit(hit())
        reporter.hit(hit())
        expected.fail("no basket in the page")
        assert len(kept.hits) == 1
        reporter.hit(hit(503))
        expected.ok()
    expected.fail("too late")
    assert kept.hits == [(200, False, ""), (200, True, "no basket in the page"), (503, False, "")]


def test_what_came_without_an_answer_has_failed_as_ever(reporter, kept):
    """An expectation is about answers; a test may forgive all the same."""
    with Expectation(reporter, 200) as expected:
        reporter.hit(hit(0, HitError.CONNECT, "refused"))
        reporter.hit(hit(0, HitError.CONNECT, "refused"))
        expected.ok()
    assert kept.hits == [(0, None, "refused"), (0, False, "refused")]


def test_what_somebody_has_judged_is_left_alone(reporter, kept):
    """A WebSocket that was opened has 101, and did not fail."""
    with Expectation(reporter, 200):
        reporter.hit(hit(101, protocol="websocket", failed=False))
    assert kept.hits == [(101, False, "")]


def test_the_innermost_block_judges(reporter, kept):
    """And the outer one goes on after it; outside of both nothing is judged."""
    with Expectation(reporter, 200):
        reporter.hit(hit(404))
        with Expectation(reporter, 404):
            reporter.hit(hit(404))
        reporter.hit(hit(404))
    reporter.hit(hit(404))
    assert sorted(map(str, (failed for _, failed, _ in kept.hits))) == [
        "False",
        "None",
        "True",
        "True",
    ]
    assert "hit" not in vars(reporter)


def test_an_exception_leaves_nothing_behind(reporter, kept):
    """The hit is recorded, and later ones go their way."""

    def boom():
        with Expectation(reporter, 200):
            reporter.hit(hit(404))
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        boom()
    reporter.hit(hit(404))
    assert [failed for _, failed, _ in kept.hits] == [True, None]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("404",), TypeError),
        ((404.5,), TypeError),
        (((404, "x"),), TypeError),
        (((),), ValueError),
        ((range(0),), ValueError),
        ((None, 0), ValueError),
        ((None, -1.0), ValueError),
    ],
)
def test_what_cannot_be_expected(arguments, error):
    """The test is told, also outside of a load run."""
    with pytest.raises(error):
        Expectation(None, *arguments)


def test_every_method_of_a_session_takes_it(server, answer, kept, clock):
    """With the fast lane and without; redirects are as expected; the next call is as ever."""
    server.scripts = {
        "/": answer(b"Hello"),
        "/gone": answer(status="404 Not Found"),
        "/redirect": answer(status="302 Found", Location="/"),
    }
    reporter = UserReporter(kept, clock, 1, None)
    case = TestCase()
    case.load_reporter = reporter
    url = server.url("/gone")
    for _ in range(3):
        case.session.get(url, expect=404, name="gone")
    case.session.request("GET", url, expect=(404,))
    case.session.post(server.url(), expect=[201])
    case.session.get(server.url("/redirect"), expect=200)
    case.session.get(url)
    case.close_session()
    judged = [failed for _, failed, _ in kept.hits]
    assert judged == [False] * 4 + [True] + [False, False] + [None]
    outside = TestCase()
    assert outside.session.get(url, expect=404).status_code == 404
    assert isinstance(outside.session, requests.Session)
    outside.close_session()


def test_without_expectations_hits_take_no_detour(clock):
    """A reporter that nobody judges for has its own method, so that nothing costs more."""
    reporter = UserReporter(Recorder(clock, "a.B.c"), clock, 1, None)
    with Expectation(reporter):
        assert "hit" in vars(reporter)
    assert "hit" not in vars(reporter)
