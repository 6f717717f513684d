"""Whom an agent runs code for, and what it says to the others."""

from dataclasses import replace

import pytest

from loadgrpc.agent.code_trust import CodeTrust
from loadgrpc.bundle.signed import signed
from loadgrpc.certs.signing import SigningKey
from loadgrpc.model import RunnerMode
from loadgrpc.testing import assignment_of

pytestmark = pytest.mark.usefixtures("issue")  # skips where the library is missing

BUNDLE = "ab" * 32
ONLY = "the agent runs only what is signed"


@pytest.fixture
def ann():
    """A key that is trusted."""
    return SigningKey.make()


@pytest.fixture
def trust(tmp_path, ann):
    """An agent's, which trusts ann."""
    (tmp_path / "keys").write_text(ann.public_line("ann"))
    return CodeTrust([tmp_path / "keys"])


def asked(key=None, change=None, **plan):
    """A part of a plan, signed with a key, and changed afterwards."""
    part = assignment_of(**{"test": "a.py::B.c", "bundle": BUNDLE, **plan})
    made = part.plan if key is None else signed(part.plan, key)
    return replace(part, plan=replace(made, **(change or {})))


def test_without_keys_everybody_is_trusted():
    """As ever: the broker says who may start runs."""
    assert CodeTrust().why_refused(asked()) == ""
    assert not CodeTrust().demands_signatures
    CodeTrust().check()


def test_what_is_signed_is_run(trust, ann):
    """Our own tests from a bundle, and programs with or without one; nothing is run by hand."""
    assert trust.demands_signatures
    trust.check()
    assert trust.why_refused(asked(ann)) == ""
    assert trust.why_refused(asked(ann, test_runner="./go {test}")) == ""
    assert trust.why_refused(asked(ann, test_runner="k6 {test}", bundle="")) == ""
    assert trust.why_refused(asked(runner_mode=RunnerMode.BY_HAND)) == ""


def test_everything_else_is_refused_with_what_to_do(trust, ann):
    """Unsigned, by somebody else, changed, or not in what was signed."""
    bob = SigningKey.make()
    changed = "is of something else"
    for part, why in (
        (asked(), "and this is not: sign it by `loadgrpc run --sign KEYFILE`"),
        (asked(bob), "by somebody it trusts, and this is signed with key "),
        (asked(ann, {"bundle": "cd" * 32}), changed),
        (asked(ann, {"env": (("LD_PRELOAD", "x"),)}), changed),
        (asked(ann, {"python_deps": ("evil",)}), changed),
        (asked(ann, bundle=""), "without --no-ship"),
    ):
        refused = trust.why_refused(part)
        assert refused.startswith(ONLY)
        assert why in refused
    runner = asked(ann, test_runner="./go {test}")
    (scenario,) = runner.plan.scenarios
    evil = replace(runner.plan, scenarios=(replace(scenario, test_runner="sh -c evil"),))
    assert changed in trust.why_refused(replace(runner, plan=evil))


def test_a_key_that_is_removed_is_not_trusted_any_more(trust, ann):
    """Files are read each time; without any key nothing is run, and not everything."""
    part = asked(ann)
    (path,) = trust.files
    path.write_text(SigningKey.make().public_line("bob"))
    assert "signed with key" in trust.why_refused(part)
    path.write_text("")
    assert "cannot read whose signatures count: there is no key in" in trust.why_refused(part)
    path.unlink()
    assert "cannot read whose signatures count: cannot read" in trust.why_refused(part)
