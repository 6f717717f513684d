"""What nobody but its owner reads."""

import os

import pytest

from loadgrpc import private


def mode(path):
    """The permissions of a file or folder."""
    return path.stat().st_mode & 0o777


@pytest.fixture
def open_umask():
    """A umask that keeps nothing from anybody."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_hostile_11_files_and_folders_are_their_owners(tmp_path):
    """Whatever the umask: folders are 0700, files 0600; what was there stays as it was."""
    tmp_path.chmod(0o755)
    private.folder(tmp_path / "a" / "b")
    private.folder(tmp_path / "a" / "b")
    private.write(tmp_path / "a" / "b" / "c", b"it")
    modes = [mode(tmp_path / path) for path in (".", "a", "a/b", "a/b/c")]
    assert modes == [0o755, 0o700, 0o700, 0o600]
    with pytest.raises(OSError, match="exists"):
        private.folder(tmp_path / "a" / "b" / "c")


def test_hostile_11_no_link_is_followed_to_what_is_written(tmp_path):
    """Who puts a symbolic link in the place of a file does not have its target written."""
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic links"):
        private.write(tmp_path / "link", b"")
    assert (tmp_path / "target").read_bytes() == b"precious"


def test_hostile_15_no_more_is_read_than_it_can_hold(tmp_path):
    """A file that is larger than it can be is not read, nor is a pipe, nor an endless device."""
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert (private.read(path, 5), private.read(path, 4)) == (b"12345", None)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    assert private.read(tmp_path / "pipe", 5) is None
    assert private.read(tmp_path / "zeros", 5) is None
    with pytest.raises(FileNotFoundError):
        private.read(tmp_path / "nothing", 5)
