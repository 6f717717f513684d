"""TLS contexts: what can be shared is, and nobody can tell by anything but time and memory."""

import os
import shutil
import ssl
import subprocess
from contextlib import suppress

import pytest
import requests
import urllib3.connection
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection

from loadgrpc.runner.http import tls
from loadgrpc.runner.http.session import Session


@pytest.fixture
def made(monkeypatch):
    """The contexts that urllib3's function made, from a clean beginning."""
    contexts = []
    make = urllib3.connection.create_urllib3_context

    def noted(*args, **kwargs):
        contexts.append(make(*args, **kwargs))
        return contexts[-1]

    monkeypatch.setattr(urllib3.connection, "create_urllib3_context", noted)
    monkeypatch.setattr(tls, "_contexts", {})
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
    return contexts


@pytest.fixture
def tls_server(server, certificate, answer):
    """A server that speaks TLS, and closes after each answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.context = context
    server.wrap = lambda connection: context.wrap_socket(connection, server_side=True)
    server.scripts["/"] = answer(b"x", Connection="close")
    return server


@pytest.fixture
def authority(certificate, tmp_path):
    """A copy of the certificate, to be changed at will."""
    return shutil.copy(certificate[0], tmp_path / "authority.pem")


@pytest.fixture
def user(hits, clock):
    """Makes bound sessions."""
    sessions = []

    def make(**attributes):
        session = Session()
        session.bind(hits, clock)
        for name, value in attributes.items():
            setattr(session, name, value)
        sessions.append(session)
        return session

    yield make
    for session in sessions:
        session.close()


def test_users_share_a_context(made, tls_server, authority, user):
    """Two users and four connections: one context is made, and read into."""
    for session in (user(verify=str(authority)), user(verify=str(authority))):
        for _ in range(2):
            assert session.get(tls_server.url(scheme="https")).text == "x"
    assert tls_server.connections == 4
    assert len(made) == 1


def test_who_trusts_others_has_another(made, tls_server, authority, tmp_path, user):
    """What one user trusts is not trusted by another; who checks nothing checks nothing."""
    url = tls_server.url(scheme="https")
    assert user(verify=str(authority)).get(url).text == "x"
    with pytest.raises(requests.exceptions.SSLError, match="self-signed certificate"):
        user().get(url)
    with pytest.warns(urllib3.exceptions.InsecureRequestWarning):
        assert user(verify=False).get(url).text == "x"
    assert user(verify=str(authority)).get(url).text == "x"
    assert [context.verify_mode for context in made] == [
        ssl.CERT_REQUIRED,
        ssl.CERT_REQUIRED,
        ssl.CERT_NONE,
    ]


def test_a_file_that_changed_is_read_again(made, tls_server, authority, user):
    """A new file of authorities counts for the next connection."""
    session = user(verify=str(authority))
    url = tls_server.url(scheme="https")
    session.get(url)
    words = authority.read_bytes()
    authority.write_bytes(words + b"# more\n")
    session.get(url)
    assert len(made) == 2
    authority.write_bytes(b"nothing\n")
    with pytest.raises(requests.exceptions.SSLError):
        session.get(url)


@pytest.mark.parametrize("name", ["SSLKEYLOGFILE", "SSL_CERT_FILE"])
def test_the_environment_counts(made, tls_server, authority, user, monkeypatch, tmp_path, name):
    """Keys are logged from when they are to be; what the system trusts may have changed."""
    session = user(verify=str(authority))
    session.get(tls_server.url(scheme="https"))
    monkeypatch.setenv(name, str(tmp_path / "file"))
    session.get(tls_server.url(scheme="https"))
    assert len(made) == 2
    if name == "SSLKEYLOGFILE":
        assert "CLIENT_TRAFFIC_SECRET" in (tmp_path / "file").read_text()


def test_a_client_shows_its_certificate(made, tls_server, certificate, authority, user):
    """Certificate and key are in the context; a user without them is another."""
    tls_server.context.verify_mode = ssl.CERT_REQUIRED
    tls_server.context.load_verify_locations(certificate[0])
    url = tls_server.url(scheme="https")
    cert = tuple(map(str, certificate))
    for _ in range(2):
        assert user(verify=str(authority), cert=cert).get(url).text == "x"
    assert len(made) == 1
    with pytest.raises(requests.exceptions.ConnectionError):
        user(verify=str(authority)).get(url)
    assert len(made) == 2


def locked(folder, certificate, tool):
    """A key that nobody can read without its password."""
    command = [tool("openssl"), "pkcs8", "-topk8", "-in", certificate[1], "-passout", "pass:secret"]
    subprocess.run([*command, "-out", folder / "locked.pem"], check=True, capture_output=True)
    return str(folder / "locked.pem")


@pytest.mark.parametrize("what", ["no authorities", "no certificate", "another key", "locked"])
def test_errors_are_those_of_requests(
    made, tls_server, certificate, authority, user, tmp_path, tool, what
):
    """What is wrong with a file is said in urllib3's words, and is not kept."""
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing\n")
    cert = {
        "no authorities": None,
        "no certificate": str(nothing),
        "another key": (str(certificate[0]), str(certificate[0])),
        "locked": (str(certificate[0]), locked(tmp_path, certificate, tool)),
    }[what]
    verify = str(nothing if what == "no authorities" else authority)
    told = []
    for session in (requests.Session(), user(), user()):
        with session, pytest.raises(requests.RequestException) as caught:
            session.get(tls_server.url(scheme="https"), verify=verify, cert=cert)
        told.append((type(caught.value), str(caught.value)))
    assert told == [told[0]] * 3
    assert tls._contexts == {}


@pytest.mark.parametrize(
    "own",
    [
        {"ssl_context": ssl.create_default_context()},
        {"assert_hostname": "localhost"},
        {"assert_hostname": False},
        {"assert_fingerprint": "00" * 32},
        {"ca_cert_dir": "/etc/ssl/certs"},
        {"ssl_version": ssl.PROTOCOL_TLS_CLIENT},
        {"proxy": urllib3.util.parse_url("http://p:1")},
        {"ca_certs": None},
        {"ca_certs": "/nowhere/at/all.pem"},
    ],
)
def test_what_may_change_a_context_keeps_apart(made, authority, own):
    """A connection with ideas of its own has a context of its own."""
    connection = HTTPSConnection(
        "127.0.0.1", 1, **{"cert_reqs": "CERT_REQUIRED", "ca_certs": str(authority), **own}
    )
    before = dict(vars(connection))
    with tls.lent_context(connection, connection.connect):
        assert vars(connection) == before
    assert tls._contexts == {}


def test_a_connection_gets_its_own_back(made, authority):
    """While it connects it has a context and nothing to make one of; then all is as it was."""
    connection = HTTPSConnection("127.0.0.1", 1, ca_certs=str(authority))
    before = dict(vars(connection))
    with suppress(RuntimeError), tls.lent_context(connection, connection.connect):
        assert (connection.ssl_context, connection.ca_certs) == (made[0], None)
        raise RuntimeError
    assert vars(connection) == before


def test_who_connects_in_another_way_makes_its_own(made, tls_server, authority, user):
    """A connection class with its own `connect` finds all that it was given."""
    seen = []

    class Own(HTTPSConnection):
        def connect(self):
            seen.append((self.ssl_context, self.ca_certs))
            super().connect()

    adapter = HTTPAdapter()
    pool_class = adapter.poolmanager.pool_classes_by_scheme["https"]
    adapter.poolmanager.pool_classes_by_scheme = {
        "https": type("Pool", (pool_class,), {"ConnectionCls": Own})
    }
    session = user(verify=str(authority))
    session.mount("https://", adapter)
    assert session.get(tls_server.url(scheme="https")).text == "x"
    assert seen == [(None, str(authority))]
    assert tls._contexts == {}


def test_contexts_have_a_bound(made, certificate, tmp_path, monkeypatch):
    """Over it all are forgotten."""
    monkeypatch.setattr(tls, "MAX_CONTEXTS", 2)
    for at in range(5):
        path = shutil.copy(certificate[0], tmp_path / f"{at}.pem")
        connection = HTTPSConnection("127.0.0.1", 1, ca_certs=os.fspath(path))
        with tls.lent_context(connection, connection.connect):
            assert connection.ssl_context is made[-1]
    assert (len(made), len(tls._contexts)) == (5, 1)


def test_a_session_of_its_own_shares_nothing(made, tls_server, authority):
    """Outside a load run every connection has its own context."""
    with Session() as session:
        session.verify = str(authority)
        for _ in range(2):
            session.get(tls_server.url(scheme="https"))
    assert len(made) == 2
    assert tls._contexts == {}
