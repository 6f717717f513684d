"""`loadgrpc tokens`, and where credentials come from."""

import json
from pathlib import Path

import pytest

from loadgrpc.certs import CertsError, TlsChoice
from loadgrpc.client import Client, Credentials
from loadgrpc.errors import Forbidden
from loadgrpc.model import Role, Token

DAY_NS = 86_400 * 10**9


@pytest.fixture
def tokens(client):
    """What the broker is asked for tokens, and two that it has."""
    asked = []

    async def create_token(name, role, expires_s):
        asked.append((name, role, expires_s))
        if client.fails.get("create_token"):
            raise client.fails["create_token"]
        until = 4_000_000_000 * 10**9
        token = Token(name=name, role=role, create_time_ns=1, expire_time_ns=until)
        return token, "lgt_secret"

    async def list_tokens():
        return [
            Token(name="ann", role=Role.RUN, create_time_ns=1, expire_time_ns=4 * 10**18),
            Token(
                name="bob",
                role=Role.WATCH,
                create_time_ns=1,
                expire_time_ns=2,
                revoke_time_ns=DAY_NS,
            ),
            Token(name="eve", role=Role.WATCH, create_time_ns=1, expire_time_ns=2 * DAY_NS),
        ]

    async def revoke_token(name):
        asked.append(name)

    client.create_token, client.list_tokens = create_token, list_tokens
    client.revoke_token = revoke_token
    return asked


def test_a_token_is_printed_alone(invoke, tokens):
    """So that it can go into a file; the rest is on stderr."""
    code, out, err = invoke("tokens", "create", "ci", "--role", "run", "--expires", "30d")
    assert (code, out) == (0, "lgt_secret\n")
    assert err.startswith("token ci (run) is valid until 2096-")
    assert tokens == [("ci", Role.RUN, 30 * 86_400.0)]


def test_a_token_as_a_document(invoke, tokens):
    """For programs."""
    code, out, _ = invoke("tokens", "create", "ci", "--role", "admin", "--json")
    found = json.loads(out)
    assert (code, found["name"], found["role"], found["secret"]) == (
        0,
        "ci",
        "ROLE_ADMIN",
        "lgt_secret",
    )


def test_tokens_are_listed_and_revoked(invoke, tokens):
    """With what is the matter with them."""
    code, out, _ = invoke("tokens", "list")
    rows = [line.split()[:3] for line in out.splitlines()[1:]]
    assert (code, rows) == (
        0,
        [["ann", "run", "until"], ["bob", "watch", "revoked"], ["eve", "watch", "expired"]],
    )
    assert invoke("tokens", "revoke", "ann", "bob")[:2] == (
        0,
        "token ann is revoked\ntoken bob is revoked\n",
    )
    assert tokens == ["ann", "bob"]


def test_what_the_broker_refuses_is_one_line(invoke, tokens, client):
    """And exit code 4."""
    client.fails["create_token"] = Forbidden("ann (run) may not call CreateToken")
    code, _, err = invoke("tokens", "create", "x", "--role", "run")
    assert (code, err) == (
        4,
        "loadgrpc tokens create: error: ann (run) may not call CreateToken\n",
    )


@pytest.fixture
def shown(monkeypatch, tmp_path):
    """What a command would show to its broker; there it ends."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    found = []

    def connect(endpoint, *, credentials):
        found.append(credentials)
        raise CertsError("seen")

    monkeypatch.setattr(Client, "connect", connect)
    return found


def test_credentials_are_found_wherever_a_command_connects(invoke, shown, monkeypatch, tmp_path):
    """From the command line, the environment, and a configuration file, in this order."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loadgrpc.ini").write_text("[loadgrpc]\ntls_ca = file.pem\ntls_dir = folder\n")
    monkeypatch.setenv("LOADGRPC_TLS_CA", "variable.pem")
    monkeypatch.setenv("LOADGRPC_TOKEN", "secret")
    code, _, err = invoke("status", "--tls-cert", "typed.pem", "--token-file", "token")
    assert (code, err) == (2, "loadgrpc status: error: seen\n")
    assert shown == [
        Credentials(
            choice=TlsChoice(
                folder=Path("folder"), ca=Path("variable.pem"), cert=Path("typed.pem")
            ),
            token="secret",
            token_file=Path("token"),
        )
    ]


def test_a_runners_token_is_none_for_brokers(invoke, shown, monkeypatch):
    """A command in the shell of a runner has a variable of that name, which is for the relay."""
    monkeypatch.setenv("LOADGRPC_TOKEN", "secret")
    monkeypatch.setenv("LOADGRPC_RUN_ID", "r-1")
    invoke("status")
    assert shown[0].token == ""


@pytest.mark.parametrize("command", ["run x.Y.z -b h:1", "runs", "schedule list", "tokens list"])
def test_every_command_that_connects_has_them(invoke, shown, command):
    """Without an option of its own each says the same."""
    invoke(*command.split(), "--insecure")
    assert [each.choice.insecure for each in shown] == [True]


def test_a_token_is_never_sent_without_encryption(tmp_path, monkeypatch):
    """To another machine that is an error; on loopback a broker without TLS asks for none."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    credentials = Credentials(token="secret")
    with pytest.raises(CertsError, match="a token is never sent without encryption"):
        credentials.files("load.example.com:7979")
    assert credentials.files("127.0.0.1:7979") is None
    assert credentials.files("unix:/x") is None
    assert "secret" not in repr(credentials)


def test_a_token_file_is_read_at_each_call(tmp_path):
    """So that it can be replaced; what is wrong with it is said."""
    file = tmp_path / "token"
    file.write_text(" one\n")
    credentials = Credentials(token_file=file)
    assert credentials.secret() == "one"
    file.write_text("two")
    assert credentials.secret() == "two"
    file.unlink()
    with pytest.raises(CertsError, match=r"cannot read the token in .*: No such file"):
        credentials.secret()


def test_connect_says_in_one_line_what_is_wrong_with_certificates(invoke, tmp_path):
    """Without a traceback, and before anything is sent."""
    code, _, err = invoke("status", "--tls-dir", str(tmp_path))
    assert code == 2
    assert "there is no certificate of an authority at" in err
