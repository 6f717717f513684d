"""The signatures of a plan as an option of it. Rule: as in `kinds.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from loadgrpc.model import Signature
from loadgrpc.protocol.kinds import Kind

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True)
class SignaturesKind(Kind):
    """Signatures of what agents run for a plan."""

    most: int

    def get(self, message: Any, field: str) -> tuple[Signature, ...] | None:
        """See Kind."""
        found = [
            Signature(public_key=each.public_key, signature=each.signature)
            for each in getattr(message, field)
        ]
        return tuple(found) or None

    def put(self, message: Any, field: str, value: tuple[Signature, ...]) -> None:
        """See Kind."""
        message.ClearField(field)
        for each in value:
            getattr(message, field).add(public_key=each.public_key, signature=each.signature)

    def wrong(self, value: tuple[Signature, ...]) -> Iterator[tuple[str, str]]:
        """See Kind. Whether one is right is for agents to say, who know whom they trust."""
        for at, each in enumerate(value):
            if len(each.public_key) != KEY_BYTES:
                yield f"[{at}].public_key", f"must be an Ed25519 key, of {KEY_BYTES} bytes"
            if len(each.signature) != SIGNATURE_BYTES:
                yield f"[{at}].signature", f"must be of {SIGNATURE_BYTES} bytes"

    def shown(self, value: tuple[Signature, ...]) -> tuple[Signature, ...]:
        """See Kind: by whom, and not the signature, by which values of `env` could be guessed."""
        return tuple(replace(each, signature=b"") for each in value)

    def __str__(self) -> str:
        return f"at most {self.most}"
