"""The command, with real runners: our own conforms, and other frameworks can start theirs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from loadgrpc.conformance.rules import RULES

LOADGRPC = [sys.executable, "-m", "loadgrpc", "conformance"]
RUNNER = [sys.executable, str(Path(__file__).parent / "runner.py")]
EXAMPLE = """\
from loadgrpc import TestCase


class TestSite(TestCase):
    def test_get(self):
        res = self.session.get(self.server_url)
        self.assertLess(res.status_code, 400)
"""
TEST = "example.TestSite.test_get"


def examined(*arguments, cwd):
    """The command, to its end."""
    return subprocess.run(
        [*LOADGRPC, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.mark.system
def test_the_python_runner_conforms(tmp_path):
    """Our own runner keeps every rule, with one test of unittest for all of them.

    Some are about what its test never does: planned starts, attempts, sockets.
    """
    (tmp_path / "example.py").write_text(EXAMPLE)
    tests = [
        word for kind in ("test", "failing-test", "erring-test") for word in (f"--{kind}", TEST)
    ]
    link = [sys.executable, "-m", "loadgrpc.runner.link"]
    done = examined(*tests, "--jobs", "6", "--", *link, cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == (
        f"{len(RULES)} rules: {len(RULES) - 4} kept,"
        " 4 not applicable (9.21, 9.22, 9.24, 9.25)."
        " The runner conforms."
    )


@pytest.mark.system
def test_what_cannot_be_shown_is_not_held_against_a_runner(tmp_path):
    """Without a test that fails there is nothing to be seen of failures."""
    (tmp_path / "example.py").write_text(EXAMPLE)
    link = [sys.executable, "-m", "loadgrpc.runner.link"]
    rules = ("--only", "9.8", "--only", "9.9")
    done = examined("--test", TEST, *rules, "--", *link, cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rules: 1 kept, 1 not shown (9.9)" in done.stdout
    assert "it needs --failing-test" in done.stdout


@pytest.mark.system
def test_e6_nothing_judged_is_never_conforming(tmp_path):
    """When no rule could be shown the exit code is 2, and the last line says so."""
    (tmp_path / "example.py").write_text(EXAMPLE)
    link = [sys.executable, "-m", "loadgrpc.runner.link"]
    done = examined("--test", TEST, "--only", "9.9", "--", *link, cwd=tmp_path)

    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == (
        "1 rule: 1 not shown (9.9). Nothing was judged: the runner has not conformed."
    )


@pytest.mark.system
def test_a_broken_rule_is_exit_code_1_and_a_failure_in_junit(tmp_path):
    """The exit code, the text and the file agree."""
    file = tmp_path / "junit.xml"
    broken = [*RUNNER, "--break", "totals", "{test}"]
    done = examined("--case", "plain", "--junit", str(file), "-v", "--", *broken, cwd=tmp_path)

    assert done.returncode == 1, done.stdout + done.stderr
    assert ", 1 broken (10.2)" in done.stdout
    assert done.stdout.partition("What was said")[0].count("broken  ") == 1
    assert "The runner does not conform." in done.stdout
    assert "What was said in case plain" in done.stdout
    suite = ET.parse(file).getroot()  # noqa: S314 - our own
    (failed,) = [case for case in suite.iter("testcase") if case.find("failure") is not None]
    assert failed.get("name").startswith("10.2 ")


@pytest.mark.system
@pytest.mark.parametrize("fault", ["", "epoch"])
def test_another_framework_starts_the_runner(tmp_path, fault):
    """`--serve` prints the environment, and the verdicts when the runner has finished."""
    with subprocess.Popen(
        [*LOADGRPC, "--serve", "--case", "cut", "--json"],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as served:
        lines = []
        while not lines or lines[-1] != "}\n":
            lines.append(served.stdout.readline())
        environment = json.loads("".join(lines))
        assert environment["LOADGRPC_TEST"].endswith("/cut/slow")
        broken = ["--break", fault] if fault else []
        ran = subprocess.run(
            [*RUNNER, *broken], env={**os.environ, **environment}, check=False, capture_output=True
        )
        told = served.stdout.read()

    assert ran.returncode == 0
    assert served.returncode == (1 if fault else 0)
    assert ("1 broken (2.2)" in told) is bool(fault)


WRONG = {
    "": "missing CMD: the runner's command, after --",
    "--only 99.1 -- true": "--only: there is no rule '99.1'; --list lists them",
    "--case none -- true": "--case: there is no case 'none'; --list lists them",
    "--mode one-user --case no-users -- true": (
        "--case no-users: a process that runs one user cannot show it"
    ),
    "--test a.B.c --case erring -- true": "--case erring: it needs --erring-test",
    "--failing-test a.B.c -- true": "--failing-test and --erring-test need --test as well",
    "--case gap --only 7.3 -- true": "--case gap does not show --only 7.3: 6.1",
    "--serve -- true": "--serve starts no runner: leave out what is after --",
    "--json -- true": "--json is for --serve",
    "-- no-such-program": "'no-such-program' is not a command that can be started",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_is_one_line_and_exit_code_2(line, capsys):
    """A wrong command line gets one line that names what is wrong; nothing starts."""
    from loadgrpc import cli

    code = cli.main(("conformance", *line.split()))
    captured = capsys.readouterr()

    assert (code, captured.out) == (2, "")
    assert captured.err == f"loadgrpc conformance: error: {WRONG[line]}\n"


def test_cases_and_rules_are_listed(capsys):
    """--list has them all."""
    from loadgrpc import cli

    assert cli.main(("conformance", "--list")) == 0
    listed = capsys.readouterr().out
    assert all(f"\n  {rule.number}" in listed for rule in RULES)
    assert "\n  cut-at-finish " in listed
