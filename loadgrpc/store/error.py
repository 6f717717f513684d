"""What goes wrong with a store, as a sentence for people who run a broker.

Rule: no error of SQLAlchemy, of a database driver or of the file system leaves this folder; it
becomes a StoreError that names the store, with the original as its cause.
"""

from __future__ import annotations

from loadgrpc.errors import StoreUnavailable


class StoreError(StoreUnavailable):
    """The store cannot be opened, read or written, or a write does not follow what it holds."""


class Outage(StoreError):
    """The database accepts no writes at present: it cannot be reached, or its disk is full.

    `unsettled`: whether the last transaction was committed is not known. It will be when the
    same writes are asked for again.
    """

    def __init__(self, message: str, *, unsettled: bool = False) -> None:
        super().__init__(message)
        self.unsettled = unsettled
