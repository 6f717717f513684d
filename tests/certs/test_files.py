"""Files of certificates: read whole, checked, and read again when they change."""

import logging
import os
import shutil

import pytest

from loadgrpc.certs import CertsError, FreshPems, TlsFiles


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def copied(issued, tmp_path):
    """The broker's files, to be changed."""
    for name in ("ca.pem", "broker.pem", "broker-key.pem"):
        shutil.copy(issued.path / name, tmp_path)
    return TlsFiles(
        ca=tmp_path / "ca.pem", cert=tmp_path / "broker.pem", key=tmp_path / "broker-key.pem"
    )


def replaced(path, other):
    """Puts another file in the place of one, in one step, with another time."""
    new = path.with_suffix(".new")
    shutil.copy(other, new)
    os.utime(new, ns=(1, path.stat().st_mtime_ns + 1))
    new.replace(path)


def test_files_are_read_whole(copied):
    """What a connection needs, as bytes; an authority alone will do for a client."""
    pems = copied.read()
    assert pems.cert == copied.cert.read_bytes()
    assert pems.key == copied.key.read_bytes()
    assert TlsFiles(ca=copied.ca).read().cert is None


def missing(files):
    """A file is not there."""
    files.cert.unlink()


def no_authority(files):
    """A file has something else in it."""
    files.ca.write_text("nothing\n")


def other_key(files):
    """A certificate, where a key should be."""
    shutil.copy(files.ca, files.key)


def too_large(files):
    """A disk image, say."""
    files.ca.write_bytes(b"x" * (5 << 20))


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (missing, "cannot read .*broker.pem: No such file"),
        (no_authority, "ca.pem has no certificates of authorities in it"),
        (other_key, "broker-key.pem are not a certificate and its key"),
        (too_large, "ca.pem is not a file of certificates"),
    ],
)
def test_what_is_wrong_is_said(copied, harm, sentence):
    """Each names the file, and what is the matter with it."""
    harm(copied)
    with pytest.raises(CertsError, match=sentence):
        copied.read()


def test_a_key_of_another_certificate_is_said(copied, issued):
    """The two files have to fit."""
    shutil.copy(issued.path / "client-key.pem", copied.key)
    with pytest.raises(CertsError, match=r"broker-key\.pem is not the key of the certificate in"):
        copied.read()


def test_a_key_with_a_passphrase_is_refused(copied):
    """Nobody is there to type one."""
    copied.key.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END")
    with pytest.raises(CertsError, match="has a passphrase"):
        copied.read()


def test_changed_files_are_read_again_within_a_second(copied, issued):
    """Looked at once a second at most; what has not changed is the same object."""
    clock = Clock()
    fresh = FreshPems(copied, clock)
    first = fresh.look()
    clock.now = 1.0
    assert fresh.look() is first
    replaced(copied.key, issued.path / "client-key.pem")
    replaced(copied.cert, issued.path / "client.pem")
    assert fresh.look() is first
    clock.now = 2.0
    assert fresh.look().cert == (issued.path / "client.pem").read_bytes()


def test_while_files_do_not_fit_the_former_stay(copied, issued, caplog):
    """A moment between two files is waited out silently; what lasts is logged, once."""
    caplog.set_level(logging.WARNING)
    clock = Clock()
    fresh = FreshPems(copied, clock)
    first = fresh.look()
    replaced(copied.key, issued.path / "client-key.pem")
    clock.now = 1.0
    assert fresh.look() is first
    assert caplog.messages == []
    for clock.now in (2.0, 3.0, 4.0):
        assert fresh.look() is first
    (line,) = caplog.messages
    assert "stay in use" in line
    assert "is not the key" in line
    replaced(copied.cert, issued.path / "client.pem")
    clock.now = 5.0
    assert fresh.look().cert == (issued.path / "client.pem").read_bytes()


def test_files_that_vanish_stay_in_use(copied):
    """Whoever removes the files of a running broker does not end it."""
    clock = Clock()
    fresh = FreshPems(copied, clock)
    first = fresh.look()
    copied.ca.unlink()
    clock.now = 1.0
    assert fresh.look() is first
