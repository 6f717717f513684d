"""`loadgrpc certs`: what it makes, says and refuses."""

import json

import pytest


@pytest.fixture
def folder(issue, tmp_path, monkeypatch):
    """The default folder, empty."""
    del issue  # skips where the library is missing
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "loadgrpc/tls"


def test_one_command_makes_all_that_a_broker_needs(invoke, folder):
    """An authority, the broker's certificate, an admin's, and those of agents; again: nothing."""
    code, out, err = invoke("certs", "init", "load.example.com", "--agent", "one")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "made an authority"
    assert lines[1].startswith("made a certificate for the broker at load.example.com, ")
    assert lines[2:] == [
        "made a certificate for you: client admin (admin)",
        "made a certificate for agent one",
        f"all of it is in {folder}: keep ca-key.pem to yourself",
    ]
    code, out, _ = invoke("certs", "init", "--agent", "one")
    assert (code, out.splitlines()[0]) == (0, "everything is there")


def test_others_get_folders(invoke, folder):
    """Each is named, to be copied."""
    invoke("certs", "init")
    assert invoke("certs", "agent", "one", "two") == (
        0,
        f"{folder}/agents/one\n{folder}/agents/two\n",
        "",
    )
    assert invoke("certs", "client", "ann", "--role", "run") == (0, f"{folder}/clients/ann\n", "")
    code, out, _ = invoke("certs", "show", "--json")
    assert code == 0
    holders = [each["holder"] for each in json.loads(out)["certificates"]]
    assert holders[0] == "authority"
    assert holders[1].startswith("broker at ")
    assert holders[2:] == ["client (admin) admin", "agent one", "agent two", "client (run) ann"]
    code, out, _ = invoke("certs", "show")
    assert code == 0
    assert "(364 days)" in out


def test_what_ends_soon_is_renewed(invoke, folder):
    """Nothing does, so that nothing is done; `--all` renews all."""
    invoke("certs", "init")
    before = (folder / "client.pem").read_bytes()
    code, out, _ = invoke("certs", "renew")
    assert (code, out) == (0, "no certificate ends within 30 days; --all renews all of them\n")
    assert (folder / "client.pem").read_bytes() == before
    code, out, _ = invoke("certs", "renew", "--all")
    assert code == 0
    assert "renewed client (admin) admin: until " in out
    assert (folder / "client.pem").read_bytes() != before


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("certs agent one", "there is no authority in {}: `loadgrpc certs init` makes one"),
        ("certs show", "cannot read {}/ca.pem: No such file or directory"),
    ],
)
def test_without_an_authority_it_is_said_how_to_make_one(invoke, folder, line, sentence):
    """One line, and exit code 2."""
    code, out, err = invoke(*line.split())
    assert (code, out) == (2, "")
    assert sentence.format(folder) in err


def test_without_certificates_there_is_nothing_to_renew(invoke, folder):
    """That is no fault, though there is no authority either."""
    said = "no certificate ends within 30 days; --all renews all of them\n"
    assert invoke("certs", "renew") == (0, said, "")
    assert not folder.exists()


def test_without_the_library_it_is_said_what_to_install(invoke, folder, monkeypatch):
    """The extra is named."""
    import sys

    monkeypatch.setitem(sys.modules, "cryptography", None)
    code, _, err = invoke("certs", "init")
    assert code == 2
    assert err == (
        "loadgrpc certs init: error: certificates need the library cryptography: "
        "pip install 'loadgrpc[tls]'\n"
    )


def test_certificates_are_revoked(invoke, folder):
    """Each is named, and shown as revoked; the list is where a broker finds it."""
    invoke("certs", "init", "--agent", "two")
    code, out, _ = invoke("certs", "revoke", "two")
    first, last = out.splitlines()
    assert code == 0
    assert first.startswith("revoked the certificate ")
    assert first.endswith(" of agent two")
    assert last == f"brokers learn it from {folder}/crl.pem"
    code, out, _ = invoke("certs", "show", "--json")
    shown = json.loads(out)["certificates"][-1]
    assert (shown["holder"], shown["revoked"]) == ("agent two", True)
    assert "revoked" in invoke("certs", "show")[1]
    code, out, err = invoke("certs", "revoke", "two")
    assert (code, out) == (2, "")
    assert "no valid certificate of 'two' was issued here" in err
    assert invoke("certs", "agent", "two") == (0, f"{folder}/agents/two\n", "")
