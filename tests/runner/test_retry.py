"""Retries inside a test: what is tried again, when, and what its hits are."""

import asyncio
import unittest

import pytest

from loadgrpc.case import MaxRetriesExceeded, TestCase, retry
from loadgrpc.model import TestOutcome
from loadgrpc.runner.hit import Hit
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.retry import ATTEMPT, USER, Waits
from loadgrpc.runner.user import VirtualUser


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The waits of those who are no virtual user, which take no time."""
    found = []
    monkeypatch.setattr("loadgrpc.runner.retry.time.sleep", found.append)
    token = USER.set(None)
    yield found
    USER.reset(token)


class Flaky:
    """Raises so many times; remembers the attempt of each call."""

    def __init__(self, times, error=ConnectionError):
        self.times = times
        self.error = error
        self.attempts = []

    def __call__(self):
        self.attempts.append(ATTEMPT.get())
        if len(self.attempts) <= self.times:
            raise self.error(f"no {len(self.attempts)}")
        return "done"


def call(flaky, **policy):
    """A function with retries that calls it."""

    @retry(**{"jitter": False, **policy})
    def fetch():
        return flaky()

    return fetch


def test_a_call_is_tried_again_until_it_succeeds(waits):
    """Each attempt knows its number, the first has none; nothing is left of it."""
    flaky = Flaky(3)
    assert call(flaky)() == "done"
    assert flaky.attempts == [0, 2, 3, 4]
    assert waits == [1.0, 2.0, 4.0]
    assert ATTEMPT.get() == 0


def test_a_success_is_not_tried_again(waits):
    """Nor waited for."""
    assert call(Flaky(0))() == "done"
    assert waits == []


def test_exhausted_retries_raise_the_original_exception():
    """The last one; or MaxRetriesExceeded with that as its cause, if that is asked for."""
    with pytest.raises(ConnectionError, match="no 4"):
        call(Flaky(9))()
    with pytest.raises(MaxRetriesExceeded, match=r"failed after 1 retry: Conn.*: no 2") as caught:
        call(Flaky(9), max_retries=1, reraise=False)()
    assert isinstance(caught.value.__cause__, ConnectionError)
    with pytest.raises(ConnectionError, match="no 1"):
        call(Flaky(9), max_retries=0)()


def test_only_what_was_asked_for_is_tried_again():
    """Another exception goes through, in a later attempt, too; so does a skip."""
    flaky = Flaky(9, KeyError)
    with pytest.raises(KeyError):
        call(flaky, on=(OSError, ValueError))()
    assert len(flaky.attempts) == 1
    with pytest.raises(unittest.SkipTest):
        call(Flaky(9, unittest.SkipTest))()
    with pytest.raises(KeyboardInterrupt):
        call(Flaky(9, KeyboardInterrupt))()


def test_backoff_doubles_without_jitter():
    """1, 2, 4, 8 times the first, up to the most, whatever comes after that."""
    backoff = Waits(1.0, 600.0, jitter=False)
    assert [backoff.wait_s(retry) for retry in (1, 2, 3, 4, 11, 900)] == [1, 2, 4, 8, 600, 600]


def test_full_jitter_draws_from_zero_to_the_backoff():
    """All of it, and nothing else."""
    drawn = []
    backoff = Waits(0.5, 600.0)
    for number in (1, 2, 3):
        backoff.wait_s(number, lambda *of: drawn.append(of) or 0.0)
    assert drawn == [(0.0, 0.5), (0.0, 1.0), (0.0, 2.0)]


def test_a_countdown_is_the_same_before_each(waits):
    """Without jitter."""
    call(Flaky(3), countdown=0.25, jitter=True)()
    assert waits == [0.25] * 3


def test_an_asynchronous_call_is_tried_again():
    """Side by side with others, whose attempts are their own."""

    @retry(countdown=0.0)
    async def fetch(flaky):
        await asyncio.sleep(0)
        return flaky()

    async def main():
        calls = Flaky(2), Flaky(0), Flaky(1)
        assert await asyncio.gather(*map(fetch, calls)) == ["done"] * 3
        assert [each.attempts for each in calls] == [[0, 2, 3], [0], [0, 2]]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"on": BaseException}, "on: expected an Exception"),
        ({"on": ()}, "on: expected"),
        ({"on": "x"}, "on: expected"),
        ({"max_retries": -1}, "max_retries: expected 0 to 1,000"),
        ({"backoff": -1.0}, "backoff: expected 0 to 86,400 seconds"),
        ({"countdown": float("nan")}, "countdown: expected"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    """When the function is defined, and not under load."""
    with pytest.raises(ValueError, match=message):
        retry(**arguments)


def test_what_cannot_be_called_again_is_refused():
    """A generator would fail after it was returned; a class is no call."""
    with pytest.raises(TypeError, match="is a generator"):

        @retry
        def each():
            yield 1

    with pytest.raises(TypeError, match="functions and methods"):
        retry(int)


class Recorded(Recorder):
    """Remembers the attempts of hits, and the outcome."""

    def __init__(self, clock):
        super().__init__(clock, "a.B.c")
        self.attempts = []
        self.outcomes = []

    def hit(self, hit, user, iteration):
        self.attempts.append(hit.attempt)

    def iteration(self, *, outcome, exception, **_):
        self.outcomes.append((outcome, exception and exception.message))


def a_hit():
    """A hit, as a session makes it."""
    return Hit("/", "", "GET", 503, 0, "", 1, 1, 0, 0, 0, 0)


@pytest.mark.parametrize("stopped_after", [None, 1])
def test_hits_carry_the_attempt_and_a_stop_ends_the_wait(clock, stopped_after):
    """The waits are the pool's. One that a stop ends raises what was raised: the test tidies up,
    and the iteration is interrupted.
    """
    recorder, waited, torn = Recorded(clock), [], []

    def pause(seconds):
        waited.append(seconds)
        return stopped_after is not None and len(waited) > stopped_after

    class Shop(TestCase):
        @retry(on=ConnectionError, max_retries=3, countdown=5.0)
        def fetch(self):
            self.load_reporter.hit(a_hit())
            if len(recorder.attempts) < 4:
                raise ConnectionError(f"no {len(recorder.attempts)}")

        def test_it(self):
            self.fetch()
            self.load_reporter.hit(a_hit())

        def tearDown(self):
            torn.append(True)

    user = VirtualUser(Shop, "test_it", recorder, clock, user=1, pause=pause)
    outcome = user.run_iteration(1)
    user.close()
    assert torn == [True]
    if stopped_after is None:
        assert recorder.attempts == [0, 2, 3, 4, 0]
        assert (waited, outcome) == ([5.0] * 3, TestOutcome.SUCCESS)
    else:
        assert recorder.attempts == [0, 2]
        assert outcome is TestOutcome.INTERRUPTED
        assert recorder.outcomes == [(TestOutcome.INTERRUPTED, None)]
