"""The file that an output goes to."""

import gzip
import os
import threading
from pathlib import Path

import pytest

from loadgrpc.outputs import Destination


def write(path, text="{}\n"):
    """Writes a file as outputs do."""
    destination = Destination(str(path))
    destination.check()
    with destination.open() as file:
        file.write(text)


def test_a_link_stays_a_link(tmp_path):
    """Writing through a symbolic link replaces what it points to."""
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    link.symlink_to(real)
    write(link)
    assert link.is_symlink()
    assert real.read_text() == "{}\n"


def test_a_device_is_written_in_place():
    """/dev/null is not replaced by a file."""
    write("/dev/null")
    assert not Path("/dev/null").is_file()


def test_a_pipe_is_written_in_place(tmp_path):
    """A named pipe gets the text, and stays a pipe; checking it shows its reader no end."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got = []
    reader = threading.Thread(target=lambda: got.append(path.read_text()))
    Destination(str(path)).check()
    reader.start()
    write(path, "text")
    reader.join(10)
    assert got == ["text"]
    assert path.is_fifo()


def test_a_descriptor_is_written(tmp_path):
    """What a shell's >(command) names is written, and stays open."""
    reading, writing = os.pipe()
    write(f"/dev/fd/{writing}", "text")
    assert os.read(reading, 100) == b"text"
    os.fstat(writing)
    os.close(reading)
    os.close(writing)


def test_checking_leaves_nothing(tmp_path):
    """A run that does not come to its end leaves no file, and none is emptied."""
    old = tmp_path / "old.json"
    old.write_text("old")
    Destination(str(tmp_path / "new.json")).check()
    Destination(str(old)).check()
    assert list(tmp_path.iterdir()) == [old]
    assert old.read_text() == "old"


@pytest.mark.parametrize("path", ["/no/such/folder/x", "/", "/dev/fd/987654"])
def test_what_cannot_be_written_is_refused_in_advance(path):
    """A folder, a file in a folder that is not there, a descriptor that is not open."""
    with pytest.raises(OSError):  # noqa: PT011 - each has another reason
        Destination(path).check()


def test_an_error_on_the_way_leaves_the_old_file(tmp_path):
    """Readers see the old file or the whole new one, and there is no draft."""
    path = tmp_path / "x.json"
    path.write_text("old")

    def interrupted():
        with Destination(str(path)).open() as file:
            file.write("half of")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_os_error(tmp_path):
    """What does not fit is not silently cut off."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(OSError, match="No space left"):
        write("/dev/full", "x" * 100_000)


def test_errors_name_the_file_and_no_draft(tmp_path):
    """What goes wrong beside the file, on a network for example, is not blamed on it."""
    path = str(tmp_path / "gone" / "x")
    with pytest.raises(FileNotFoundError) as found, Destination(path).open():
        pass
    assert found.value.filename == path

    def refused():
        with Destination(str(tmp_path / "x")).open():
            raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(ConnectionRefusedError) as met:
        refused()
    assert met.value.filename is None


def test_a_name_in_gz_is_compressed(tmp_path):
    """The suffix decides, and the same text gives the same bytes."""
    write(tmp_path / "x.jsonl.gz", "text")
    write(tmp_path / "y.jsonl.gz", "text")
    assert gzip.decompress((tmp_path / "x.jsonl.gz").read_bytes()) == b"text"
    assert (tmp_path / "x.jsonl.gz").read_bytes() == (tmp_path / "y.jsonl.gz").read_bytes()


def test_a_dash_is_standard_output(capsys):
    """It is written to, and stays open."""
    write("-", "text\n")
    write("-", "more\n")
    assert capsys.readouterr().out == "text\nmore\n"
