"""What a database must be able to do beyond the SQL that all of them share.

Rule: the holder of the connection that `connect` made is the only broker that uses the database.
"""

from __future__ import annotations

from typing import Protocol

import sqlalchemy as sa


class Backend(Protocol):
    """A kind of database."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    def connect(self) -> sa.Connection:
        """A new connection, durable and locked against other brokers.

        Raises:
            StoreError: another broker has it open.
            SQLAlchemyError, sqlite3.Error, OSError: it cannot be reached or opened.
        """

    def begin(self, connection: sa.Connection) -> None:
        """Begin a transaction that writes."""

    def settle(self, connection: sa.Connection) -> None:
        """Called once, when the tables are there."""

    def shrink(self, connection: sa.Connection) -> None:
        """Give back what deleted rows took, if that needs asking for; within a transaction."""

    def size(self, connection: sa.Connection) -> int | None:
        """The bytes that it takes; None: it is in memory."""

    def close(self) -> None:
        """Called once, when the connection is closed."""
