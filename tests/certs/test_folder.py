"""An authority of one's own: what it issues, for whom, and how it is renewed."""

import datetime as dt
import ssl
import stat
from contextlib import suppress

import pytest

from loadgrpc.certs import CertsError
from loadgrpc.certs.folder import CertsFolder
from loadgrpc.certs.holder import holder_of, loaded, uri_of
from loadgrpc.model import Role

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def folder(issue, tmp_path):
    """A folder with an authority."""
    del issue  # skips where the library is missing
    found = CertsFolder(tmp_path / "tls")
    found.begin(["load.example.com", "192.0.2.7"], NOW)
    return found


def whose(files):
    """Whose a certificate is."""
    return holder_of(files.cert.read_bytes())


def test_an_authority_a_broker_and_an_admin(folder):
    """One step makes all that a broker and its admin need; the hosts are those asked for, too."""
    assert folder.authority().role is None
    broker, admin = whose(folder.files("broker")), whose(folder.files("client"))
    assert {"load.example.com", "192.0.2.7", "localhost", "127.0.0.1"} <= set(broker.hosts)
    assert (admin.name, admin.role) == ("admin", Role.ADMIN)
    assert str(admin) == "client (admin) admin"
    for files in (folder.files("broker"), folder.files("client")):
        files.read()  # they fit together


def test_all_is_its_owners(folder):
    """Folders 0700, files 0600, whatever the umask is."""
    folder.issue("one", Role.AGENT, NOW)
    for path in (folder.path, *folder.path.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_beginning_again_changes_nothing(folder):
    """What is there stays; a further host is added to the broker's certificate."""
    before = {path: path.read_bytes() for path in folder.path.glob("*.pem")}
    assert folder.begin([], NOW) == []
    assert {path: path.read_bytes() for path in folder.path.glob("*.pem")} == before
    (done,) = folder.begin(["other.example.com"], NOW)
    assert "other.example.com" in done
    assert {"load.example.com", "other.example.com"} <= set(whose(folder.files("broker")).hosts)


def test_what_an_agent_gets_is_a_folder_of_its_own(folder):
    """With the authority, without its key; and the certificate can be that agent, and no server."""
    made = folder.issue("one", Role.AGENT, NOW)
    assert sorted(path.name for path in made.path.iterdir()) == [
        "agent-key.pem",
        "agent.pem",
        "ca.pem",
    ]
    holder = whose(made.files("agent"))
    assert (holder.name, holder.role, holder.hosts) == ("one", Role.AGENT, ())
    assert [each.path.name for each in folder.others("agent")] == ["one"]
    from cryptography import x509

    usage = loaded(made.files("agent").cert.read_bytes()).extensions.get_extension_for_class(
        x509.ExtendedKeyUsage
    )
    assert list(usage.value) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_name_is_given_once(folder):
    """Another certificate of a name would be another agent of it."""
    folder.issue("one", Role.AGENT, NOW)
    with pytest.raises(CertsError, match="there is a certificate of agent one"):
        folder.issue("one", Role.AGENT, NOW)


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "ü", "x" * 129])
def test_names_are_plain(folder, name):
    """Nothing that could be a path, or look like another name."""
    with pytest.raises(CertsError, match="cannot be a name"):
        folder.issue(name, Role.RUN, NOW)


@pytest.mark.parametrize("host", ["", "a..b", "x" * 70])
def test_hosts_are_hosts(folder, host):
    """A host is a name or an address."""
    with pytest.raises(CertsError, match="neither the name of a host nor an address"):
        folder.begin([host], NOW)


def test_renewed_ones_are_of_the_same(folder):
    """A year longer, of the same holder, with another key."""
    folder.issue("one", Role.AGENT, NOW)
    later = NOW + dt.timedelta(days=340)
    for kept in list(folder.kept()):
        assert kept.ends_soon(round(later.timestamp()) * 10**9)
        key = kept.files.key.read_bytes()
        renewed = folder.renew(kept, later)
        assert (renewed.name, renewed.role, renewed.hosts) == (
            kept.holder.name,
            kept.holder.role,
            kept.holder.hosts,
        )
        assert renewed.expire_time_ns - kept.holder.expire_time_ns == 340 * 86_400 * 10**9
        assert kept.files.key.read_bytes() != key
        kept.files.read()


def test_without_the_authoritys_key_nothing_is_issued(folder):
    """A copied folder of certificates is no authority, and is not made one."""
    (folder.path / "ca-key.pem").unlink()
    with pytest.raises(CertsError, match="there is no authority in"):
        folder.issue("one", Role.AGENT, NOW)
    with pytest.raises(CertsError, match="and not its key"):
        folder.begin([], NOW)


def test_of_another_authority_nothing_is_renewed(folder, issued):
    """It is said who can."""
    (folder.path / "broker.pem").write_bytes((issued.path / "broker.pem").read_bytes())
    with pytest.raises(CertsError, match=r"was issued by CN=loadgrpc authority .*: renew it there"):
        folder.renew(next(iter(folder.kept())), NOW)


@pytest.mark.parametrize(
    ("uri", "name", "role"),
    [
        (uri_of("one", Role.AGENT), "one", Role.AGENT),
        ("spiffe://prod.example.com/loadgrpc/agent/one", "one", Role.AGENT),
        ("spiffe://prod.example.com/loadgrpc/client/watch/ann", "ann", Role.WATCH),
        ("spiffe://prod.example.com/loadgrpc/client/agent/ann", "", None),
        ("spiffe://prod.example.com/loadgrpc/client/ann", "", None),
        ("spiffe://prod.example.com/x/loadgrpc/agent/one", "", None),
        ("https://prod.example.com/loadgrpc/agent/one", "", None),
        ("spiffe://prod.example.com/loadgrpc/agent/one/two", "", None),
    ],
)
def test_names_are_known_by_their_uri(folder, uri, name, role):
    """Whatever authority issued them; what is not exactly the form is nobody."""
    from cryptography import x509

    authority = folder._load()
    usages = [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    issued = authority._issue("x", [x509.UniformResourceIdentifier(uri)], usages, NOW)
    holder = holder_of(issued.cert)
    assert (holder.name, holder.role) == (name, role)


def test_two_uris_are_nobody(folder):
    """SPIFFE: there is one. Who would otherwise choose?"""
    from cryptography import x509

    uris = [x509.UniformResourceIdentifier(uri_of(name, Role.ADMIN)) for name in ("a", "b")]
    usages = [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    issued = folder._load()._issue("x", uris, usages, NOW)
    assert holder_of(issued.cert).role is None


def strict(files, purpose):
    """One side of a connection: it shows a certificate, and looks strictly at that of the other."""
    context = ssl.create_default_context(purpose, cafile=files.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_cert_chain(files.cert, files.key)
    return context


def test_the_standard_library_accepts_them(issued):
    """A strict reader of the standards finds nothing wrong with what is issued."""
    for files in (issued.admin, issued.caller("agent")):
        serving = strict(issued.broker, ssl.Purpose.CLIENT_AUTH)
        calling = strict(files, ssl.Purpose.SERVER_AUTH)
        to_broker, to_caller = ssl.MemoryBIO(), ssl.MemoryBIO()
        broker = serving.wrap_bio(to_broker, to_caller, server_side=True)
        caller = calling.wrap_bio(to_caller, to_broker, server_hostname="localhost")
        for side in (caller, broker, caller, broker):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()

        holder = whose(files)
        uri = uri_of(holder.name, holder.role)
        assert broker.getpeercert()["subjectAltName"] == (("URI", uri),)
        assert ("DNS", "localhost") in caller.getpeercert()["subjectAltName"]
        ((kind, name),) = calling.get_ca_certs()[0]["subject"][0:1][0]
        assert (kind, name.rpartition(" ")[0]) == ("commonName", "loadgrpc authority")
