"""What processes count in a file is known when they are gone."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from loadgrpc.protocol import produced
from loadgrpc.protocol.produced import Produced


def test_rows_are_counted_apart_and_together(tmp_path):
    """Each process has its row; a new file says that nothing was produced."""
    produced.create(tmp_path, 3)
    assert produced.read(tmp_path) == [Produced(0, 0)] * 3
    first, last = produced.row(tmp_path, 0), produced.row(tmp_path, 2)
    first[0], first[1] = 5, 2
    last[0] = 2**63
    rows = produced.read(tmp_path)
    assert rows == [Produced(5, 2), Produced(0, 0), Produced(2**63, 0)]
    assert produced.total(rows) == Produced(2**63 + 5, 2)


@pytest.mark.system
def test_counts_outlive_a_process_that_is_killed(tmp_path):
    """What was written before SIGKILL is in the file."""
    produced.create(tmp_path, 2)
    program = (
        "import os, sys; from pathlib import Path; from loadgrpc.protocol import produced; "
        "row = produced.row(Path(sys.argv[1]), 1); row[0] = 7; row[1] = 3; os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", program, tmp_path], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert produced.read(tmp_path) == [Produced(0, 0), Produced(7, 3)]


@pytest.mark.parametrize("content", [None, b"", b"\1" * 15])
def test_who_does_not_count(tmp_path, content):
    """Without a file, or with one that has no row, nothing is known."""
    if content is not None:
        (tmp_path / produced.NAME).write_bytes(content)
    assert produced.read(tmp_path) is None


def test_a_half_row_of_a_stranger_is_not_read(tmp_path):
    """Whole rows count."""
    (tmp_path / produced.NAME).write_bytes(b"\2" + b"\0" * 20)
    assert produced.read(tmp_path) == [Produced(2, 0)]


def test_without_a_file_a_process_counts_for_itself(tmp_path):
    """A row that is nowhere can be written to all the same."""
    for folder in (None, tmp_path):
        row = produced.row(folder, 4)
        row[0] += 1
        assert list(row) == [1, 0]


def test_a_full_disk_has_no_file(tmp_path, monkeypatch):
    """Rows that the disk has no room for would kill who writes to them: there are none then."""

    def full(*_):
        raise OSError(errno.ENOSPC, "no")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="no"):
        produced.create(tmp_path, 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [(produced.MAX_ROWS + 1) * 16, 64 << 20])
def test_hostile_15_a_file_with_too_many_rows_is_not_read(tmp_path, size):
    """What a runner writes there is bounded; beyond it is not known what it has produced."""
    with (tmp_path / produced.NAME).open("wb") as file:
        file.truncate(size)
    assert produced.read(tmp_path) is None


def test_hostile_15_no_sum_is_more_than_a_message_can_tell(tmp_path):
    """Rows of 0xff add up to the most that there is."""
    (tmp_path / produced.NAME).write_bytes(b"\xff" * 16 * produced.MAX_ROWS)
    rows = produced.read(tmp_path)
    assert len(rows) == produced.MAX_ROWS
    assert produced.total(rows) == (2**64 - 1, 2**64 - 1)


def test_hostile_15_a_pipe_is_no_file(tmp_path):
    """A runner that puts a pipe there does not hold its agent up."""
    os.mkfifo(tmp_path / produced.NAME)
    assert produced.read(tmp_path) is None
