"""The process of a try: what goes in, what comes out, and that it ends."""

import asyncio
import json
import os
import subprocess
import sys
import textwrap
import time

import pytest

from loadgrpc.broker.tries import attempt
from loadgrpc.observers import registry

CLASSES = """
import os, sys, time
from loadgrpc.observers import Observer, Undeliverable, ObserverSetting

class Quiet(Observer):
    SETTINGS = (
        ObserverSetting(name="team", required=True),
        ObserverSetting(name="key", secret=True),
    )
    def notify(self, notice):
        print("noise"); os.write(1, b"more noise")
        with open(self.settings["team"], "a") as file:
            file.write(notice.text + "\\n")

class Raises(Quiet):
    def notify(self, notice):
        raise ValueError("no, with " + self.settings["key"])

class Refuses(Quiet):
    def notify(self, notice):
        raise Undeliverable("never")

class Hangs(Quiet):
    def notify(self, notice):
        time.sleep(600)

class Crashes(Quiet):
    def notify(self, notice):
        os.abort()

class Exits(Quiet):
    def notify(self, notice):
        os._exit(3)

class Floods(Quiet):
    def notify(self, notice):
        for descriptor in range(3, 20):
            try:
                os.write(descriptor, b"x" * 100_000)
            except OSError:
                pass

NotOne = object
"""


@pytest.fixture
def tried(tmp_path, monkeypatch, notice):
    """`tried(name, …)`: how a try of a class of the module `mine` went."""
    (tmp_path / "mine.py").write_text(textwrap.dedent(CLASSES))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOADGRPC_OBSERVER_MINE_RAISES_KEY", "hunter2")

    def run(name, within_s=30.0, **more):
        asked = {
            "observer": f"mine.{name}",
            "own": {},
            "plan": {"team": str(tmp_path / "told")},
            "trusted": False,
            "notice": notice.as_json(),
            **more,
        }
        return asyncio.run(attempt(asked, within_s=within_s))

    run.told = tmp_path / "told"
    return run


def test_a_notice_is_delivered(tried, notice):
    """By a class that is found from the broker's folder; what it prints is no answer."""
    assert tried("Quiet").delivered
    assert tried.told.read_text() == f"{notice.text}\n"


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("Raises", "failed", "ValueError: no, with ***"),
        ("Refuses", "refused", "never"),
        ("Crashes", "failed", "its process ended with Aborted"),
        ("Exits", "failed", "its process ended with status 3"),
        ("Nobody", "unknown", "cannot be loaded: AttributeError"),
        ("NotOne", "unknown", "is not a class made of loadgrpc.observers.Observer"),
    ],
)
def test_what_goes_wrong_is_told(tried, name, outcome, reason):
    """Whatever a class does, there is an outcome with a reason, and no secret in it."""
    found = tried(name)
    assert (found.outcome, found.delivered) == (outcome, False)
    assert found.reason.startswith(reason)
    assert "hunter2" not in found.reason + found.traceback


def test_one_that_hangs_is_ended(tried):
    """When its time is over, with all that it has started."""
    begun = time.monotonic()
    found = tried("Hangs", within_s=1.0)
    assert (found.outcome, found.reason) == ("failed", "it took longer than 1 s")
    assert time.monotonic() - begun < 20


def test_one_that_floods_its_answer_harms_nobody(tried):
    """So much is read, and no more."""
    assert tried("Floods").outcome == "failed"


def test_settings_are_checked_again(tried):
    """What is missing, or not a setting, is given up: the broker may have changed meanwhile."""
    assert tried("Quiet", plan={}).reason.startswith("team is required")
    assert tried("Quiet", plan={"nose": "x"}).reason.startswith("nose is not one of its settings")


def test_it_describes_its_settings():
    """Whoever asks for no notice learns what can be set."""
    found = asyncio.run(attempt({"observer": "webhook"}))
    assert found.outcome == "described"
    assert [each["name"] for each in found.settings] == ["url", "secret"]


def test_a_package_registers_an_observer(tried, tmp_path, monkeypatch):
    """By an entry point, under a name of its own, which needs no permission to be named."""
    installed = tmp_path / "installed"
    (installed / "pager-1.dist-info").mkdir(parents=True)
    (installed / "pager-1.dist-info/METADATA").write_text("Name: pager\nVersion: 1\n")
    (installed / "pager-1.dist-info/entry_points.txt").write_text(
        "[loadgrpc.observers]\npager = mine:Quiet\nlate.pager = mine:Quiet\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(installed))
    asked = {"observer": "pager", "plan": {"team": str(tried.told)}}
    assert tried("Quiet", **asked).delivered
    assert tried.told.exists()
    monkeypatch.syspath_prepend(str(installed))
    assert {"pager", "late.pager", "webhook"} <= registry.registered().keys()
    assert not registry.is_path("late.pager")
    assert registry.is_path("mine.Quiet")


def test_it_ends_without_a_broker():
    """A broker that was killed leaves no process for long: each has an alarm of its own."""
    code = (
        "import signal, sys\n"
        "signal.alarm = lambda seconds: print('alarm', seconds, file=sys.stderr)\n"
        "from loadgrpc.observers.__main__ import main\nmain()"
    )
    asked = json.dumps({"observer": "nobody"}).encode()
    done = subprocess.run(
        [sys.executable, "-c", code], input=asked, capture_output=True, check=True, timeout=60
    )
    assert done.stderr == b"alarm 40\n"
    assert json.loads(done.stdout)["outcome"] == "unknown"


def test_it_is_light():
    """It loads neither gRPC nor protobuf, gevent or NumPy: a try takes no memory of the machine."""
    code = (
        "import sys, loadgrpc.observers.__main__, loadgrpc.observers.webhook;"
        "print([n for n in ('grpc', 'google.protobuf', 'gevent', 'numpy', 'asyncio', 'requests')"
        " if n in sys.modules])"
    )
    seen = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert seen.stdout == "[]\n"


def test_a_process_that_cannot_be_started_is_a_failure(monkeypatch):
    """As when the machine has no room for one more."""

    async def no(*args, **kwargs):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", no)
    found = asyncio.run(attempt({}))
    assert found.outcome == "failed"
    assert found.reason == f"its process could not be started: {os.strerror(11)}"
