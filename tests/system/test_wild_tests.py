"""Tests that do what tests must not: seeded rounds, each a run whose test does some of it.

However wild a test is, its run ends in time; and of hits, those that the server counted are those
in the summary, or the summary says that it does not know all of them. `WILD_ROUNDS=50` plays so
many rounds, `WILD_SEED=4711` begins with another.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from .conftest import LOADGRPC

pytestmark = pytest.mark.system

ROUNDS = int(os.environ.get("WILD_ROUNDS", "4"))
SEED = int(os.environ.get("WILD_SEED", "1"))
STOP_TIMEOUT_S = 1.0
DURATION_S = 2.0
START_S = 30.0
"""For a run that ends by itself; one that does not is stopped then."""
NOISE_S = 10.0
"""For a machine on which others work, too."""
USERS = 4

HEAD = """
import concurrent.futures, contextlib, multiprocessing, os, random, signal, subprocess, sys
import threading, time
from unittest import mock

import gevent

from loadgrpc import TestCase

{freezegun}

dice = random.Random({seed})


class Odd(BaseException):
    pass


class Wild(TestCase):
    def hit(self):
        self.session.get(self.server_url + "/", name="wild")

{members}
"""

RAISES = (
    "raise ValueError('wild')",
    "raise Odd('wild')",
    "raise SystemExit('wild')",
    "raise KeyboardInterrupt",
    "raise gevent.GreenletExit",
    "raise AssertionError('wild')",
    "sys.exit(3)",
)
"""What ends a part of a test."""

DEEDS = (
    *RAISES,
    "assert os.waitpid(_fork(0), 0)",
    "_fork(0.3)",
    "if os.fork() == 0: return",
    "if os.fork() == 0: raise ValueError('a child')",
    "_fork(60)",
    "_fork_hits(self)",
    "p = multiprocessing.Process(target=time.sleep, args=(0.01,)); p.start(); p.join()",
    "concurrent.futures.ProcessPoolExecutor(1).submit(abs, -1).result()",
    "subprocess.run(['true'], check=True)",
    "subprocess.Popen(['sleep', '60'])",
    "threading.Thread(target=sys.exit).start()",
    "threading.Thread(target=time.sleep, args=(60,)).start()",
    "time.sleep(60)",
    "_spin(60)",
    "_spin(0.2)",
    "__import__('ctypes').CDLL(None).sleep(60)",
    "os.kill(os.getpid(), signal.SIGSTOP)",
    "os.kill(os.getpid(), signal.SIGKILL)",
    "os._exit(0)",
    "os.abort()",
    "_swallow()",
    "mock.patch('time.time', return_value=5).start()",
    "mock.patch('time.monotonic', return_value=5.0).start()",
    "mock.patch('time.perf_counter', return_value=5.0).start()",
    "mock.patch('time.sleep').start()",
    "mock.patch('gevent.sleep').start()",
    "mock.patch('datetime.datetime').start()",
    "_freeze()",
    "os.closerange(3, 64)",
    "os.close(dice.randrange(3, 20))",
    "os.close(1)",
    "os.close(2)",
    "sys.stdout.close()",
    "sys.stderr.close()",
    "sys.stdout = None",
    "os.chdir('/')",
    "os.environ.clear()",
    "signal.signal(signal.SIGTERM, signal.SIG_DFL)",
    "signal.signal(signal.SIGALRM, lambda *_: sys.exit(1)); signal.setitimer(0, 0.05)",
    "signal.alarm(1)",
    "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "print('x' * 100_000)",
    "sys.stderr.write('\\\\x1b[2J' * 1000)",
    "gevent.get_hub().handle_error = None",
    "sys.path.clear()",
    "sys.modules.pop('json', None)",
    "gevent.spawn(sys.exit)",
)
"""What a test does; each by itself is one that somebody's test has done."""

TOOLS = """

def _fork(seconds):
    child = os.fork()
    if child == 0:
        time.sleep(seconds)
        os._exit(0)
    return child


def _fork_hits(test):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    test.hit()


def _spin(seconds):
    end = os.times().elapsed + seconds
    while os.times().elapsed < end:
        pass


def _swallow():
    while True:
        try:
            gevent.sleep(60)
        except BaseException:
            pass


def _freeze():
    if freeze_time is not None:
        freeze_time("2020-01-01").start()
"""

PLACES = ("__init__", "setUp", "test", "tearDown", "cleanup", "setUpClass", "tearDownClass")


def write(seed: int) -> str:
    """The module of a round."""
    dice = random.Random(seed)
    deeds = {place: [] for place in PLACES}
    for _ in range(dice.randint(1, 3)):
        place = dice.choices(PLACES, weights=(1, 2, 8, 2, 2, 1, 1))[0]
        often = 1.0 if place.endswith("Class") else dice.choice((0.02, 0.2, 1.0))
        deed = dice.choice(DEEDS if place == "test" else [d for d in DEEDS if "os.fork()" not in d])
        deeds[place].append(f"if dice.random() < {often}:\n            {deed}")
    members = [
        _method("__init__(self, *args)", ["super().__init__(*args)", *deeds["__init__"]]),
        "    @classmethod\n" + _method("setUpClass(cls)", deeds["setUpClass"]),
        "    @classmethod\n" + _method("tearDownClass(cls)", deeds["tearDownClass"]),
        _method("setUp(self)", ["self.addCleanup(self.clean)", *deeds["setUp"]]),
        _method("test(self)", ["self.hit()", *deeds["test"], "self.hit()"]),
        _method("tearDown(self)", deeds["tearDown"]),
        _method("clean(self)", deeds["cleanup"]),
    ]
    freezegun = (
        "try:\n    from freezegun import freeze_time\nexcept ImportError:\n    freeze_time = None"
    )
    return HEAD.format(seed=seed, freezegun=freezegun, members="\n".join(members)) + TOOLS


def _method(head: str, body: list[str]) -> str:
    return f"    def {head}:\n" + "".join(f"        {line}\n" for line in [*body, "pass"])


def served(url: str) -> int:
    """What the server has counted."""
    with urllib.request.urlopen(url + "/count", timeout=30) as answer:  # noqa: S310 - ours
        return int(answer.read())


@pytest.mark.long
@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS))
def test_f01_f02_f05_f06_a_wild_test_ends_in_time_and_its_hits_are_told(folder, demo_server, seed):
    """The run ends, by itself or when it is stopped, and its hits are the server's.

    Where they are not, the difference is told: what passes has all.
    A request whose user was cut off has reached the server and is no hit: one for each user.
    """
    text = write(seed)
    (folder / "wild.py").write_text(text)
    before = served(demo_server.url)
    bound = ("-i", "5") if seed % 3 == 0 else ("-d", f"{DURATION_S}s")
    code, document, errors = run(folder, bound, demo_server.url)
    requests = served(demo_server.url) - before
    told = f"{text}\n{errors}\n{document and document['verdict']}"

    assert code in {0, 1, 3, 105, 107}, told
    hits = int(document["hits"]["count"])
    if code in {0, 1}:
        assert hits == requests, told
    else:
        losses = document["accounting"]["losses"]
        lost = sum(int(loss["hits"]) for loss in losses)
        assert hits <= requests, told  # nothing is counted that was not sent
        if not any(loss["atLeast"] for loss in losses):
            assert requests <= hits + lost + USERS, told


def run(folder: Path, bound: tuple[str, str], url: str) -> tuple[int, dict, str]:
    """Runs the test to its end, and stops it after a while if it has no end of its own."""
    command = [LOADGRPC, "run", "wild.Wild.test", "-u", str(USERS), *bound, "-H", url, "--json"]
    process = subprocess.Popen(
        [*command, "--stop-timeout", f"{STOP_TIMEOUT_S}s"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        try:
            out, errors = process.communicate(timeout=START_S)
        except subprocess.TimeoutExpired:
            assert bound[0] == "-i", "a run with a duration has not ended"
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=STOP_TIMEOUT_S + 5 + NOISE_S)
    finally:
        process.kill()
        process.wait()
    assert out, errors
    return process.returncode, json.loads(out), errors
