"""Keys that sign what agents run, and the keys that an agent trusts.

Rule: they are Ed25519 keys, of people, and of nothing else: certificates have keys of their own.
Private ones are in PEM or in the form of OpenSSH, without a passphrase; public ones are lines as
OpenSSH writes them: `ssh-ed25519 AAAA… NAME`. Files of trusted keys are read whenever they are
needed: what is removed from them is not trusted any more.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from loadgrpc import private
from loadgrpc.certs.files import CertsError
from loadgrpc.certs.holder import library
from loadgrpc.model import Signature
from loadgrpc.text import one_line

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAX_KEYS_BYTES: Final = 1 << 20
"""Of a file of keys: thousands of them."""
KEY_TYPE: Final = "ssh-ed25519"
MAX_NAME_CHARS: Final = 64
"""Of the comment of a public key, by which it is called."""
_KEY_BYTES: Final = 32
_HOW: Final = "which `loadgrpc certs signer NAME` or `ssh-keygen -t ed25519` makes"


class SigningKey:
    """A private key; see the module."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key().public_bytes_raw()

    @classmethod
    def make(cls) -> Self:
        """A new one.

        Raises:
            CertsError: the library is missing.
        """
        return cls(_ed25519().Ed25519PrivateKey.generate())

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """The one that a file has.

        Raises:
            CertsError: it cannot be read, or is none of these; or the library is missing.
        """
        ed25519 = _ed25519()
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as library()

        data = _read(path)
        loads: Any = serialization.load_pem_private_key
        if b"OPENSSH PRIVATE KEY" in data:
            loads = serialization.load_ssh_private_key
        try:
            key = loads(data, password=None)
        except (TypeError, ValueError) as error:
            if "password" in str(error).lower():
                raise CertsError(f"{path} has a passphrase: give a key without one") from error
            raise CertsError(f"{path} is not a private key, {_HOW}") from error
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise CertsError(f"{path} is not an Ed25519 key, {_HOW}")
        return cls(key)

    def sign(self, statement: bytes) -> Signature:
        """The signature of a statement."""
        return Signature(public_key=self._public, signature=self._key.sign(statement))

    def pem(self) -> bytes:
        """It as the content of a private file."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as library()

        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def public_line(self, name: str) -> str:
        """Its public key, as agents get it."""
        return f"{KEY_TYPE} {_blob(self._public)} {name}"


@dataclass(frozen=True)
class TrustedKeys:
    """The public keys in some files; see the module."""

    files: Sequence[Path]

    def read(self) -> Mapping[bytes, str]:
        """The name of each key.

        Raises:
            CertsError: a file cannot be read, or a line in it is none; or there are no keys.
        """
        found: dict[bytes, str] = {}
        for path in self.files:
            for number, line in enumerate(_read(path).decode(errors="replace").splitlines(), 1):
                if line.strip() and not line.lstrip().startswith("#"):
                    key, name = _key_of(line, f"{path}, line {number}")
                    found[key] = name
        if not found:
            raise CertsError(f"there is no key in {', '.join(map(str, self.files))}")
        return found


def is_signed(statement: bytes, signatures: Iterable[Signature], keys: Iterable[bytes]) -> bool:
    """Whether one of some signatures is of this statement, by one of these keys."""
    trusted = set(keys)
    return any(each.public_key in trusted and _verifies(each, statement) for each in signatures)


def _verifies(signature: Signature, statement: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - as library()

    try:
        key = _ed25519().Ed25519PublicKey.from_public_bytes(signature.public_key)
        key.verify(signature.signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def _key_of(line: str, where: str) -> tuple[bytes, str]:
    """A public key and its name, from a line.

    Raises:
        CertsError: it has none.
    """
    kind, _, rest = line.strip().partition(" ")
    text, _, name = rest.strip().partition(" ")
    try:
        blob = base64.b64decode(text, validate=True)
    except ValueError:
        blob = b""
    head = _head()
    if kind != KEY_TYPE or len(blob) != len(head) + _KEY_BYTES or not blob.startswith(head):
        raise CertsError(f"{where} is not a public Ed25519 key: expected `{KEY_TYPE} AAAA… NAME`")
    key = blob[len(head) :]
    return key, one_line(name.strip())[:MAX_NAME_CHARS] or short_name(key)


def short_name(public_key: bytes) -> str:
    """What a key is called that has no name here."""
    return f"key {base64.b64encode(public_key).decode()[:12]}…"


def _blob(public_key: bytes) -> str:
    return base64.b64encode(_head() + public_key).decode()


def _head() -> bytes:
    """What stands before the key in OpenSSH's form: its type and its length."""
    name = KEY_TYPE.encode()
    return len(name).to_bytes(4) + name + _KEY_BYTES.to_bytes(4)


def _read(path: Path) -> bytes:
    try:
        data = private.read(path, MAX_KEYS_BYTES)
    except OSError as error:
        raise CertsError(f"cannot read {path}: {error.strerror or error}") from error
    if data is None:
        raise CertsError(f"{path} is not a file of keys")
    return data


def _ed25519() -> Any:
    """The module of the library.

    Raises:
        CertsError: it is not installed.
    """
    library()
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - as library()

    return ed25519
