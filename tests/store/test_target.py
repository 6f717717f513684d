"""What `--store` may name."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadgrpc.store import MEMORY, StoreError, parse_target
from loadgrpc.store.target import Target


@pytest.mark.parametrize("text", ["runs.db", "sqlite:///runs.db"])
def test_file(text):
    """A path, and a path as a URL, is a file."""
    assert parse_target(text) == Target("runs.db", path=Path("runs.db"))


@pytest.mark.parametrize("text", [":memory:", "sqlite:///:memory:"])
def test_memory(text):
    """Memory has a name, and neither path nor URL."""
    assert parse_target(text) == Target(MEMORY)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("postgresql://me:secret@host:5433/db", "postgresql://me@host:5433/db"),
        ("postgres://host/db?password=secret", "postgresql://host/db"),
        ("postgresql:///db?host=/run/postgresql", "postgresql:///db"),
    ],
)
def test_postgresql(text, name):
    """A URL of PostgreSQL stays as it is, but for its scheme; what is shown has no password."""
    target = parse_target(text)
    assert target.name == name
    assert target.url == "postgresql://" + text.partition("://")[2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no store is named"),
        ("sqlite:///", "no store is named"),
        ("mysql://me:secret@host/db", "no store can be opened at mysql://"),
        ("sqlite:///x.db?mode=ro", "takes no parameters"),
        ("postgresql://me:secret@host", "no database is named"),
        ("postgresql://me:secret@host:port/db", "is not the URL"),
        ("postgresql://me:secret/more@host/db", "is not the URL"),
        ("postgresql://me:sec#secret@host/db", "is not the URL"),
        ("postgresql://me:123/secret@host/db", "is not the URL"),
        ("postgresql://me:123#secret@host/db", "no database is named|is not the URL"),
        ("postgresql://me:12?secret@host/db", "no database is named|is not the URL"),
        ("postgresql://me:[secret@host/db", "is not the URL"),
        ("postgresql://me:secret]@host/db", "is not the URL"),
    ],
)
def test_hostile_16_target_without_meaning(text, words):
    """A target that names no store is refused in words that hold no password."""
    with pytest.raises(StoreError, match=words) as caught:
        parse_target(text)
    assert "secret" not in str(caught.value)
