"""Which certificates somebody uses: what was chosen, the default folder, or none."""

from pathlib import Path

import pytest

from loadgrpc.certs import CertsError, TlsChoice


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A state folder without certificates."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state/loadgrpc/tls"


def test_without_any_there_is_no_tls():
    """As ever: nothing was chosen, and nothing is there."""
    choice = TlsChoice()
    assert (choice.for_client(), choice.for_broker(), choice.for_agents()) == (None, None, None)


def test_the_default_folder_is_used_by_itself(home, issued):
    """Whoever has made certificates there is encrypted, without an option."""
    home.parent.mkdir(parents=True)
    home.symlink_to(issued.path)
    issued.caller("agent", "one")
    choice = TlsChoice()
    assert choice.for_client().cert == home / "client.pem"
    assert choice.for_broker().cert == home / "broker.pem"
    assert choice.for_agents()["one"].cert == home / "agents/one/agent.pem"


def test_insecure_goes_around_them(issued):
    """Said, and not guessed."""
    assert TlsChoice(folder=issued.path, insecure=True).for_client() is None


def test_a_clients_folder_does_not_make_a_broker_with_tls(home, issued):
    """The default folder of somebody who only asks brokers; as a choice it is an error."""
    files = issued.caller("run", "ann")
    home.parent.mkdir(parents=True)
    home.symlink_to(files.ca.parent)
    assert TlsChoice().for_broker() is None
    assert TlsChoice().for_client() == type(files)(
        ca=home / "ca.pem", cert=home / "client.pem", key=home / "client-key.pem"
    )
    with pytest.raises(CertsError, match="there is no certificate for a broker"):
        TlsChoice(folder=home).for_broker()
    with pytest.raises(CertsError, match="there is no certificate for an agent"):
        TlsChoice().for_agents()


def test_single_files_go_before_the_folder(issued):
    """Those of another authority; a key may be in the file of its certificate."""
    choice = TlsChoice(ca=issued.path / "ca.pem", cert=Path("/x.pem"))
    files = choice.for_client()
    assert (files.cert, files.key) == (Path("/x.pem"), Path("/x.pem"))
    only_ca = TlsChoice(ca=issued.path / "ca.pem").for_client()
    assert only_ca.cert is None


def test_what_was_chosen_has_to_be_there(tmp_path):
    """A wrong path is an error, and never a connection without encryption."""
    with pytest.raises(CertsError, match="no certificate of an authority at"):
        TlsChoice(folder=tmp_path).for_client()
    (tmp_path / "ca.pem").touch()
    with pytest.raises(CertsError, match="--tls-key needs --tls-cert"):
        TlsChoice(folder=tmp_path, key=tmp_path / "x").for_client()


def test_a_clients_certificate_is_no_agents(issued):
    """An agent that was given another's certificate says so before it connects."""
    files = issued.caller("run", "ann")
    with pytest.raises(CertsError, match=r"of client \(run\) ann, not of an agent"):
        TlsChoice(ca=files.ca, cert=files.cert, key=files.key).for_agents()


@pytest.mark.parametrize(("value", "insecure"), [("", False), ("0", False), ("true", True)])
def test_the_environment_says_the_same(value, insecure):
    """Variables are named like the options."""
    environ = {"LOADGRPC_TLS_DIR": "/t", "LOADGRPC_TLS_CA": "/c", "LOADGRPC_INSECURE": value}
    assert TlsChoice.of_environment(environ) == TlsChoice(
        folder=Path("/t"), ca=Path("/c"), insecure=insecure
    )
