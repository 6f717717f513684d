"""The base class, used as what it is: a unittest.TestCase."""

import subprocess
import sys
import unittest
from typing import ClassVar

import pytest

import loadgrpc.case
from loadgrpc.runner.testcase import TestCase

MODULE = """
import unittest

from loadgrpc.case import TestCase


class TestSite(TestCase):
    server_url = {url!r}

    def setUp(self):
        self.session.headers["X-Test"] = self.id()

    def test_it(self):
        self.assertEqual(self.session.get(self.server_url, name="home").text, "x")
        self.incr_counter("seen")

    def test_no_session(self):
        pass


if __name__ == "__main__":
    unittest.main()
"""


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "unittest", "test_site"],
        ["test_site.py"],
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_site.py"],
    ],
    ids=["unittest", "main", "pytest"],
)
def test_a_test_runs_without_us(command, server, answer, tmp_path):
    """Under unittest and pytest, with every warning an error, the test just passes."""
    server.scripts["/"] = answer(b"x")
    (tmp_path / "test_site.py").write_text(MODULE.format(url=server.url()))
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ResourceWarning" not in done.stdout + done.stderr
    assert len(server.requests) == 1


class Subject(TestCase):
    sessions: list = []  # noqa: RUF012  # emptied by each test

    def test_it(self):
        self.sessions.append(self.session)
        assert self.session is self.session


@pytest.fixture
def sessions():
    """The sessions that Subject used."""
    Subject.sessions.clear()
    return Subject.sessions


@pytest.mark.parametrize("how", ["run", "debug"])
def test_outside_a_load_run_a_session_ends_with_its_test(how, sessions):
    """Each test has a session of its own, closed and forgotten afterwards."""
    subject = Subject("test_it")
    getattr(subject, how)()
    getattr(subject, how)()
    assert sessions[0] is not sessions[1]
    assert "session" not in vars(subject)


def test_a_test_may_bring_a_session_of_its_own(sessions):
    """`self.session` can be assigned, as any attribute."""
    subject = Subject("test_it")
    subject.session = mine = type("Mine", (), {"close": lambda _: None})()
    subject.run(unittest.TestResult())
    assert sessions == [mine]


def test_a_counter_needs_a_name(sessions):
    """A counter without a name is refused here, before a broker rejects it."""
    with pytest.raises(ValueError, match="a counter needs a name"):
        Subject("test_it").incr_counter("")


def test_case_is_where_tests_import_it_from():
    """`from loadgrpc.case import TestCase` is this class."""
    assert loadgrpc.case.TestCase is TestCase


def test_outside_of_a_load_run_each_test_is_a_user():
    """Set up before setUp, torn down after tearDown; not torn down if it was not set up."""
    log = []

    class Shop(TestCase):
        def setUpUser(self):  # noqa: N802 - its name
            log.append("up user")
            if self.refuses:
                raise ConnectionError("login refused")

        def tearDownUser(self):  # noqa: N802 - its name
            log.append("down user")

        def setUp(self):
            log.append("up")

        def tearDown(self):
            log.append("down")

        def test_it(self):
            log.append("test")

    Shop.refuses = False
    result = unittest.TestResult()
    Shop("test_it").run(result)
    assert result.wasSuccessful()
    assert log == ["up user", "up", "test", "down", "down user"]
    log.clear()
    Shop.refuses = True
    Shop("test_it").run(result)
    assert len(result.errors) == 1
    assert log == ["up user"]


def test_a_secret_is_that_of_the_run():
    """By its name; one that was not given says which option is missing."""

    class Site(TestCase):
        loadgrpc_secrets: ClassVar = {"token": "t-1"}

    assert Site().secret("token") == Site.secret("token") == "t-1"
    with pytest.raises(LookupError, match="no secret 'key': start it with --secret key=@FILE or"):
        Site().secret("key")


def test_outside_a_run_a_secret_is_in_the_environment(monkeypatch):
    """Under the name in capitals; the sentence names the variable, and an empty one is none."""
    monkeypatch.setenv("LOADGRPC_SECRET_API_TOKEN", "t-1")
    assert TestCase().secret("api_token") == "t-1"
    monkeypatch.setenv("LOADGRPC_SECRET_KEY", "")
    with pytest.raises(LookupError, match="it is the value of LOADGRPC_SECRET_KEY"):
        TestCase().secret("key")
