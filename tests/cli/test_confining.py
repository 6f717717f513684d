"""The options that say whose code an agent runs, as whom, and how much that may take."""

import pytest

from loadgrpc.bundle.signed import statement
from loadgrpc.certs.signing import SigningKey, TrustedKeys, is_signed
from loadgrpc.cli import credential_options, shipping
from loadgrpc.cli.confining import LimitsValue
from loadgrpc.cli.failure import Failure
from loadgrpc.model import Limits
from loadgrpc.testing import plan_of


def test_limits_are_read():
    """Some or all of them, in any order."""
    read = LimitsValue().read
    assert read("memory=2GB, processes=200,files=4096,time=1h30m") == Limits(
        memory_bytes=2 * 10**9, processes=200, files=4_096, time_s=5_400.0
    )
    assert read("time=90s") == Limits(time_s=90.0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' is not a limit; expected some of memory=2GB"),
        ("cpu=1", "'cpu=1' is not a limit"),
        ("memory=2G", "memory: '2G' is not a size"),
        ("memory=1MB", "memory: '1MB' is less than 16 MB"),
        ("files=3", "files: '3' is not a whole number from 64"),
        ("processes=0", "processes: '0' is not a whole number from 1"),
        ("time=forever", "time: "),
        ("time=1h,time=2h", "time is there twice"),
    ],
)
def test_what_is_no_limit_is_named(text, why):
    """With what is expected."""
    with pytest.raises(ValueError, match=r".") as caught:
        LimitsValue().read(text)
    assert str(caught.value).startswith(why)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--run-as", "no-such-user"), "there is no user 'no-such-user' on this machine"),
        (("--run-as", "root"), "root is root: name a user without rights"),
        (("--require-signed", "/missing"), "cannot read /missing: No such file or directory"),
        (("--run-limit", "memory=much"), "memory: 'much' is not a size"),
    ],
)
def test_an_agent_that_cannot_confine_does_not_start(invoke, tmp_path, options, why):
    """Rather than run everything as everybody."""
    code, _, err = invoke("agent", "--state-dir", str(tmp_path / "state"), *options)
    assert code == 2
    assert why in err


def test_signers_get_keys(invoke, issue, tmp_path, monkeypatch):
    """The public ones are printed, for files of agents; one is not replaced by accident."""
    del issue  # skips where the library is missing
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    code, out, err = invoke("certs", "signer", "ann", "bob")
    path = tmp_path / "loadgrpc/tls/signers/ann-sign-key.pem"
    assert code == 0
    assert f"the private key of ann is in {path}\n" in err
    assert path.stat().st_mode & 0o777 == 0o600
    (tmp_path / "signers.pub").write_text(out)
    assert list(TrustedKeys([tmp_path / "signers.pub"]).read().values()) == ["ann", "bob"]
    code, _, err = invoke("certs", "signer", "ann")
    assert (code, f"there is a key of ann in {path}" in err) == (2, True)
    code, _, err = invoke("certs", "signer", "../ann")
    assert (code, "cannot be a name: expected letters" in err) == (2, True)


def test_what_is_sent_is_signed(issue, tmp_path, monkeypatch):
    """As it is when it is packed; and nobody signs what is not there."""
    del issue
    (tmp_path / "web.py").write_text("class TestIt: pass\n")
    monkeypatch.chdir(tmp_path)
    key = SigningKey.make()
    (tmp_path / "key.pem").write_bytes(key.pem())
    monkeypatch.setattr(credential_options, "signing_key", lambda: tmp_path / "key.pem")
    plan, bundle = shipping.packed(plan_of(test="web.TestIt.test_it"), (), ships=True)
    bundle.close()
    (signature,) = plan.signatures
    expected = statement(plan, plan.scenarios[0])
    assert plan.bundle.encode() in expected
    assert is_signed(expected, plan.signatures, [signature.public_key])
    with pytest.raises(Failure, match=r"--sign: the files of web\.TestIt\.test_it are not here"):
        shipping.packed(plan_of(test="web.TestIt.test_it"), (), ships=False)
    program = plan_of(test="web.py", test_runner="./run {test}")
    assert len(shipping.packed(program, (), ships=True)[0].signatures) == 1
    monkeypatch.setattr(credential_options, "signing_key", lambda: tmp_path / "web.py")
    with pytest.raises(Failure, match=r"web\.py is not a private key"):
        shipping.packed(program, (), ships=True)


def test_the_key_may_be_said_in_the_environment(monkeypatch):
    """As every option of credentials."""
    from loadgrpc.cli import configuration, run

    (param,) = [each for each in run.command.params if each.name == "sign"]
    assert configuration.is_configured(param, wholly=False)
    assert configuration.variables(param) == ["LOADGRPC_SIGN"]
