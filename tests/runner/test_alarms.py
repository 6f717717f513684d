"""Alarms of users, each scene in a process that gevent has patched."""

import pytest

from .conftest import patched_scene

pytestmark = pytest.mark.system

SCENE = """
    import signal
    from loadgrpc.runner.alarms import Alarms
    Alarms(SystemClock()).install()
    seen = []

    def within(seconds, work, name):
        def handler(number, frame):
            raise TimeoutError(name)
        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            work()
            seen.append([name, "done"])
        except TimeoutError as error:
            seen.append([name, str(error)])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
"""


def test_f30_each_user_has_an_alarm_of_its_own():
    """A time-out by SIGALRM comes up in the user that set it, whoever has its turn."""
    assert patched_scene(
        SCENE
        + """
    users = [
        gevent.spawn(within, 0.1, lambda: time.sleep(20), "first"),
        gevent.spawn(within, 0.2, lambda: time.sleep(20), "second"),
        gevent.spawn(within, 20, lambda: time.sleep(0.3), "third"),
    ]
    gevent.joinall(users)
    print(json.dumps([seen, time.monotonic() - began < 15]))
    """
    ) == [[["first", "first"], ["second", "second"], ["third", "done"]], True]


def test_f30_an_alarm_ends_a_loop_that_keeps_the_processor():
    """As under unittest, an alarm interrupts code that never waits."""
    assert patched_scene(
        SCENE
        + """
    def spin():
        while True:
            pass
    gevent.spawn(within, 0.1, spin, "busy").join()
    print(json.dumps(seen))
    """
    ) == [["busy", "busy"]]


def test_f30_functions_of_signal_tell_what_a_user_has_set():
    """What `signal` tells is of who asks; an alarm without a handler is an error."""
    assert patched_scene(
        SCENE
        + """
    def first():
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.alarm(50)
        gevent.sleep(0.01)
        seen.append([signal.getsignal(signal.SIGALRM) == signal.SIG_IGN, signal.alarm(0)])
    def second():
        seen.append([signal.getsignal(signal.SIGALRM) == signal.SIG_DFL, signal.getitimer(0)[0]])
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            gevent.sleep(20)
        except InterruptedError as error:
            seen.append(str(error))
    gevent.joinall([gevent.spawn(first), gevent.spawn(second)])
    print(json.dumps(seen))
    """
    ) == [[True, 0.0], [True, 50], "SIGALRM, and the test has no handler for it"]
