"""Keys that sign, and files of those that are trusted."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from loadgrpc.certs import CertsError
from loadgrpc.certs.signing import SigningKey, TrustedKeys, is_signed

SEED = bytes(range(32))
PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
"""Of the key of that seed, as OpenSSH writes it."""


def written(path, key, form=serialization.PrivateFormat.PKCS8, passphrase=None):
    """A file with a private key."""
    secret = serialization.NoEncryption()
    if passphrase:
        secret = serialization.BestAvailableEncryption(passphrase)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, secret))
    return path


@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.OpenSSH]
)
def test_keys_of_openssl_and_of_openssh_sign(tmp_path, form):
    """What other tools make does; what is signed is known by the public key."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(SEED)
    signing = SigningKey.of_file(written(tmp_path / "key", key, form))
    assert signing.public_line("ann") == f"{PUBLIC} ann"
    signature = signing.sign(b"statement")
    trusted = [signature.public_key]
    assert is_signed(b"statement", [signature], trusted)
    assert not is_signed(b"statement 2", [signature], trusted)
    assert not is_signed(b"statement", [signature], [b"\0" * 32])
    assert not is_signed(b"statement", [], trusted)


def test_a_key_that_was_made_is_read_again(tmp_path):
    """It is kept as PEM."""
    made = SigningKey.make()
    (tmp_path / "key.pem").write_bytes(made.pem())
    assert SigningKey.of_file(tmp_path / "key.pem").public_line("a") == made.public_line("a")


def test_what_is_no_key_is_refused(tmp_path):
    """In one sentence that names the file."""
    curve = written(tmp_path / "ec", ec.generate_private_key(ec.SECP256R1()))
    locked = written(tmp_path / "locked", ed25519.Ed25519PrivateKey.generate(), passphrase=b"x")
    (tmp_path / "text").write_text("no key")
    for path, why in (
        (curve, "is not an Ed25519 key, which `loadgrpc certs signer NAME`"),
        (locked, "has a passphrase: give a key without one"),
        (tmp_path / "text", "is not a private key"),
        (tmp_path / "missing", "cannot read"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(CertsError) as caught:
            SigningKey.of_file(path)
        assert why in str(caught.value)
        assert str(path) in str(caught.value)


def test_trusted_keys_are_lines(tmp_path):
    """Of one or several files, with comments; a key without a name is called by its beginning."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text(f"# of the team\n\n{PUBLIC} ann at work\n")
    two.write_text(SigningKey.make().public_line(""))
    names = list(TrustedKeys([one, two]).read().values())
    assert names[0] == "ann at work"
    assert names[1].startswith("key ")


@pytest.mark.parametrize(
    "line", ["ssh-rsa AAAA bob", "ssh-ed25519 AAAA bob", "ssh-ed25519", PUBLIC[12:], "äö"]
)
def test_a_line_that_is_no_key_is_named(tmp_path, line):
    """Nobody is trusted by what is there besides: who made a mistake learns of it."""
    path = tmp_path / "keys"
    path.write_text(f"{PUBLIC} ann\n{line}\n")
    with pytest.raises(CertsError, match=f"{path}, line 2 is not a public Ed25519 key"):
        TrustedKeys([path]).read()


def test_no_key_is_an_error(tmp_path):
    """An agent that trusts nobody runs nothing, and was not meant so."""
    (tmp_path / "keys").write_text("# none\n")
    with pytest.raises(CertsError, match="there is no key in"):
        TrustedKeys([tmp_path / "keys"]).read()
