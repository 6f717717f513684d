"""What goes wrong with a store, in words for whoever runs a broker.

Rule: no error of SQLAlchemy, of a database driver or of the file system leaves this folder;
it becomes a StoreError that names the store, with the original as its cause.
"""

from __future__ import annotations

from loadgrpc.errors import Unavailable


class StoreError(Unavailable):
    """The store cannot be opened, read or written, or a write does not follow what it holds."""

    reason = "STORE"
