"""Certificates: files that are read again when they change, whose they are, and an authority.

Rule: certificates of any authority do, as long as they say whose they are (`holder.py`). What is
made here is made with the library `cryptography`, which is an extra; keys are private files.
Nothing falls back: what is wrong with a file is an error, and never a connection without TLS.
"""

from __future__ import annotations

from loadgrpc.certs.choice import TlsChoice
from loadgrpc.certs.files import CertsError, FreshPems, Pems, TlsFiles

__all__ = ["CertsError", "FreshPems", "Pems", "TlsChoice", "TlsFiles"]
