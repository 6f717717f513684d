"""Opening the database that a target means, in the thread that is to use it.

Rule: what loads SQLAlchemy is imported here when it is needed, and not before: that takes longer
than anything else that the store does at its start.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from loadgrpc.store.target import Target

if TYPE_CHECKING:
    from loadgrpc.store.backend import Backend
    from loadgrpc.store.database import Database


@contextlib.contextmanager
def database_of(target: Target) -> Iterator[Database]:
    """The database; entered in the writer's thread."""
    from loadgrpc.store.database import Database  # noqa: PLC0415

    database = Database(_backend(target))
    try:
        yield database
    finally:
        database.close()


def _backend(target: Target) -> Backend:
    if target.url:
        from loadgrpc.store.postgresql import PostgresqlBackend  # noqa: PLC0415 - as above

        return PostgresqlBackend(target.url, target.name)
    from loadgrpc.store.sqlite import SqliteBackend  # noqa: PLC0415 - as above

    return SqliteBackend(target.path)
