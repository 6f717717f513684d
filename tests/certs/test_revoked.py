"""Certificates that are void before their end: lists of our authority, and of others."""

import datetime as dt
import logging

import pytest

from loadgrpc.certs import CertsError, TlsChoice, TlsFiles
from loadgrpc.certs.folder import CertsFolder
from loadgrpc.certs.holder import holder_of
from loadgrpc.certs.revoked import Revoked
from loadgrpc.model import Role

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


@pytest.fixture
def folder(issue, tmp_path):
    """A folder with an authority."""
    del issue  # skips where the library is missing
    found = CertsFolder(tmp_path / "tls")
    found.begin([], NOW)
    return found


def mark(files):
    """By what lists name a certificate."""
    return holder_of(files.cert.read_bytes()).mark


def listed(folder):
    """What a broker that uses the folder knows."""
    return Revoked(TlsFiles(ca=folder.ca, crl=folder.crl))


def test_all_certificates_of_a_name_are_void(folder):
    """Those from before they were renewed, too; the name can have another one then."""
    first = folder.issue("two", Role.AGENT, NOW).files("agent")
    before = mark(first)
    kept = next(each for each in folder.kept() if each.holder.name == "two")
    folder.renew(kept, NOW)
    after, other = mark(first), mark(folder.issue("one", Role.AGENT, NOW).files("agent"))
    void = folder.revoke("two", NOW)
    assert {each.mark for each in void} == {before, after}
    assert not first.cert.exists()
    assert not first.key.exists()
    again = mark(folder.issue("two", Role.AGENT, NOW).files("agent"))
    revoked = listed(folder)
    assert [each in revoked for each in (before, after, other, again)] == [True, True, False, False]
    assert {each.mark for each in folder.revoked()} == {before, after}


def test_lists_grow(folder):
    """What was revoked stays so; each list has a higher number, and other programs can read it."""
    marks = [mark(folder.issue(name, Role.RUN, NOW).files("client")) for name in ("ann", "bob")]
    folder.revoke("ann", NOW)
    folder.revoke("bob", NOW)
    assert all(each in listed(folder) for each in marks)
    from cryptography import x509

    made = x509.load_pem_x509_crl(folder.crl.read_bytes())
    assert made.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 2
    assert {entry.serial_number for entry in made} == {serial for _, serial in marks}
    with pytest.raises(CertsError, match="no valid certificate of 'ann' was issued here"):
        folder.revoke("ann", NOW)


def test_openssl_refuses_what_is_revoked(folder):
    """A strict reader of the list says the same of a certificate."""
    import ssl

    from loadgrpc.certs.files import TlsFiles

    files = folder.issue("ann", Role.RUN, NOW).files("client")
    cert = files.cert.read_bytes()
    key = files.key.read_bytes()
    folder.revoke("ann", NOW)
    files.cert.write_bytes(cert)
    files.key.write_bytes(key)
    broker = folder.files("broker")

    def shaken(checks):
        """Whether a server of OpenSSL's accepts the client."""
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(broker.cert, broker.key)
        server.load_verify_locations(broker.ca)
        if checks:
            server.load_verify_locations(folder.crl)
            server.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        server.verify_mode = ssl.CERT_REQUIRED
        client = ssl.create_default_context(cafile=str(broker.ca))
        client.load_cert_chain(files.cert, files.key)
        one, two, three, four = (ssl.MemoryBIO() for _ in range(4))
        its = server.wrap_bio(one, two, server_side=True)
        ours = client.wrap_bio(three, four, server_hostname="localhost")
        done = set()
        for _ in range(10):
            for side, name in ((ours, "ours"), (its, "its")):
                try:
                    side.do_handshake()
                    done.add(name)
                except ssl.SSLWantReadError:
                    pass
                one.write(four.read())
                three.write(two.read())
        return done == {"ours", "its"}

    assert isinstance(broker, TlsFiles)
    assert shaken(checks=False)
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
        shaken(checks=True)


def test_a_list_is_read_again(folder, caplog):
    """One that comes later counts; one that is damaged or gone leaves what was known."""
    caplog.set_level(logging.WARNING)
    ann = mark(folder.issue("ann", Role.RUN, NOW).files("client"))
    revoked = listed(folder)
    assert ann not in revoked
    folder.revoke("ann", NOW)
    revoked.look()
    assert ann in revoked
    assert caplog.messages == []
    whole = folder.crl.read_bytes()
    folder.crl.write_bytes(b"nothing")
    for _ in range(3):
        revoked.look()
    assert ann in revoked
    folder.crl.unlink()
    revoked.look()
    assert ann in revoked
    assert [message.rpartition(": ")[0] for message in caplog.messages] == [
        "the list of revoked certificates from before stays in use",
        f"{folder.crl} is gone",
    ]
    folder.crl.write_bytes(whole)
    revoked.look()
    assert ann in revoked


def test_a_list_of_somebody_else_is_refused(folder, issue):
    """It has to be signed by an authority that callers are checked by; else nobody starts."""
    other = issue()
    other.caller("run", "eve")
    other.folder.revoke("eve", NOW)
    folder.crl.write_bytes(other.folder.crl.read_bytes())
    with pytest.raises(CertsError, match="is not signed by an authority in"):
        listed(folder)
    both = folder.ca.read_bytes() + other.folder.ca.read_bytes()
    folder.ca.write_bytes(both)
    folder.crl.write_bytes(b"text before\n" + other.folder.crl.read_bytes())
    listed(folder)


@pytest.mark.parametrize("text", [b"", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
def test_a_damaged_list_is_no_list(folder, text):
    """Whoever starts with one learns it, and does not go on without."""
    folder.crl.write_bytes(text)
    with pytest.raises(CertsError, match=r"crl\.pem has (no|a) list of revoked certificates"):
        listed(folder)


def test_where_a_broker_finds_its_list(folder, tmp_path):
    """In its folder, whether there is one yet or not; or where it is said to be, and then it is."""
    assert TlsChoice(folder=folder.path).for_broker().crl == folder.crl
    other = tmp_path / "other.pem"
    with pytest.raises(CertsError, match="there is no list of revoked certificates at"):
        TlsChoice(folder=folder.path, crl=other).for_broker()
    other.write_bytes(b"x")
    assert TlsChoice(folder=folder.path, crl=other).for_broker().crl == other
    broker = folder.files("broker")
    single = TlsChoice(ca=broker.ca, cert=broker.cert, key=broker.key)
    assert single.for_broker().crl is None
    assert TlsChoice.of_environment({"LOADGRPC_TLS_CRL": "x"}).crl is not None
